/* SPDX-License-Identifier: Apache-2.0
 *
 * sock_wire: the messages of a take-over, written and read. The two processes may be of different
 * versions: each message begins with a magic number and a version, and nothing that comes is
 * trusted.
 */
#include "core/net/sock_priv.h"

#include "core/obj.h"

enum {
	WIRE_MAGIC = 0x4d53434b, /* "MSCK" */
	WIRE_VERSION = 1,
	WIRE_V4 = 4,
	WIRE_V6 = 6,
	WIRE_UNIX = 1,
};

static void u16_write(struct buf *out, unsigned value)
{
	buf_add_byte(out, (uint8_t)(value >> 8));
	buf_add_byte(out, (uint8_t)value);
}

static void u32_write(struct buf *out, uint32_t value)
{
	u16_write(out, value >> 16);
	u16_write(out, value & 0xffff);
}

/* A length byte and the bytes. */
static void short_write(struct buf *out, struct span bytes)
{
	MUST(bytes.len <= UINT8_MAX);
	buf_add_byte(out, (uint8_t)bytes.len);
	buf_add(out, bytes);
}

bool sock_message_read(struct cursor *c, enum sock_message *ret_type)
{
	uint32_t magic = cursor_u32(c);
	uint8_t version = cursor_u8(c);
	uint8_t type = cursor_u8(c);

	if (c->failed || magic != WIRE_MAGIC || version != WIRE_VERSION ||
	    type < SOCK_MESSAGE_ASK || type > SOCK_MESSAGE_READY)
		return false;
	*ret_type = (enum sock_message)type;
	return true;
}

void sock_message_write(struct buf *out, enum sock_message type)
{
	u32_write(out, WIRE_MAGIC);
	buf_add_byte(out, WIRE_VERSION);
	buf_add_byte(out, (uint8_t)type);
}

void sock_batch_write(struct buf *out, struct sock_batch batch)
{
	MUST(batch.n <= SOCK_BATCH_MAX);
	sock_message_write(out, SOCK_MESSAGE_BATCH);
	u16_write(out, batch.n);
	buf_add_byte(out, batch.more);
}

static void addr_write(struct buf *out, const struct addr *addr)
{
	MUST(addr->len);
	switch (addr->any.sa_family) {
	case AF_INET:
		buf_add_byte(out, WIRE_V4);
		buf_add(out, span_of(&addr->v4.sin_addr, 4));
		break;
	case AF_INET6:
		buf_add_byte(out, WIRE_V6);
		buf_add(out, span_of(&addr->v6.sin6_addr, 16));
		u32_write(out, addr->v6.sin6_scope_id);
		break;
	default:
		buf_add_byte(out, WIRE_UNIX);
		short_write(out, span_str(addr->un.sun_path));
	}
	u16_write(out, addr_port(addr));
}

static bool path_read(struct cursor *c, struct addr *ret_addr)
{
	struct addr addr = { .len = sizeof(addr.un), .un.sun_family = AF_UNIX };
	uint8_t len = cursor_u8(c);
	struct span path = cursor_bytes(c, len);

	if (c->failed || path.len == 0 || path.len >= sizeof(addr.un.sun_path) ||
	    span_find(path, 0) < path.len)
		return false;
	memcpy(addr.un.sun_path, path.at, path.len);
	*ret_addr = addr;
	return true;
}

static bool addr_read(struct cursor *c, struct addr *ret_addr)
{
	uint8_t family = cursor_u8(c);
	struct addr addr;

	switch (family) {
	case WIRE_V4:
		addr = addr_from_ip(cursor_bytes(c, 4), 0);
		break;
	case WIRE_V6:
		addr = addr_from_ip(cursor_bytes(c, 16), 0);
		if (addr.len)
			addr.v6.sin6_scope_id = cursor_u32(c);
		break;
	case WIRE_UNIX:
		if (!path_read(c, &addr))
			return false;
		break;
	default:
		return false;
	}
	uint16_t port = cursor_u16(c);
	addr_set_port(&addr, port);
	*ret_addr = addr;
	return !c->failed && addr_port(&addr) == port; /* a path has none */
}

void sock_fact_write(struct buf *out, const struct sock_fact *fact)
{
	short_write(out, span_str(fact->purpose));
	buf_add_byte(out, (uint8_t)fact->type);
	u32_write(out, fact->slot);
	addr_write(out, &fact->asked);
	addr_write(out, &fact->bound);
}

static bool fact_read(struct cursor *c, struct sock_fact *ret_fact)
{
	struct sock_fact fact = { .purpose = "" };
	uint8_t len = cursor_u8(c);
	struct span purpose = cursor_bytes(c, len);
	uint8_t type = cursor_u8(c);

	if (c->failed || len == 0 || len > SOCK_PURPOSE_MAX || span_find(purpose, 0) < len ||
	    type > SOCK_TYPE_DATAGRAM)
		return false;
	memcpy(fact.purpose, purpose.at, purpose.len);
	fact.type = (enum sock_type)type;
	fact.slot = cursor_u32(c);
	if (!addr_read(c, &fact.asked) || !addr_read(c, &fact.bound))
		return false;
	*ret_fact = fact;
	return true;
}

bool sock_batch_read(struct span message, struct sock_batch *ret_batch, struct sock_fact *facts)
{
	struct cursor c = cursor_over(message);
	enum sock_message type;

	if (!sock_message_read(&c, &type) || type != SOCK_MESSAGE_BATCH)
		return false;
	uint16_t n = cursor_u16(&c);
	uint8_t more = cursor_u8(&c);
	/* An empty batch that promises more would keep us asking. */
	if (c.failed || n > SOCK_BATCH_MAX || more > 1 || (n == 0 && more))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!fact_read(&c, &facts[i]))
			return false;
	if (c.rest.len)
		return false;
	*ret_batch = (struct sock_batch){ .n = n, .more = more };
	return true;
}
