/* SPDX-License-Identifier: Apache-2.0
 *
 * query: see the header. One pass with the cursor. A question's name has no compression to follow:
 * there is nothing before it to point at.
 */
#include "gtm/server/query.h"

#include "core/cursor.h"
#include "core/obj.h"

enum {
	FLAG_QR = 0x8000,
	FLAG_RD = 0x0100,
	OPCODE_SHIFT = 11,
	MAX_LABEL = 63,
	MAX_ADDITIONAL = 8,
	OPTION_ECS = 8,
	FLAG_DO = 0x8000,
};

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static void read_name(struct cursor *c, struct query *query)
{
	const uint8_t *start = c->rest.at;
	size_t len = 0;

	for (;;) {
		uint8_t n = cursor_u8(c);
		struct span label = n <= MAX_LABEL ? cursor_bytes(c, n) : SPAN_NONE;
		if (n > MAX_LABEL || c->failed || len + n + 1u > ZONE_MAX_NAME) {
			c->failed = true;
			return;
		}
		query->name[len++] = n;
		for (size_t i = 0; i < label.len; i++)
			query->name[len++] = lower(label.at[i]);
		if (n == 0)
			break;
	}
	query->name_len = (uint8_t)len;
	query->asked = span_of(start, len);
}

/* RFC 7871 6: the address has just the bytes that its length needs, and no bit past it. */
static bool read_ecs(struct span option, struct query *query)
{
	struct cursor c = cursor_over(option);

	query->ecs_family = cursor_u16(&c);
	query->ecs_source_bits = cursor_u8(&c);
	uint8_t scope = cursor_u8(&c);
	query->ecs_bytes = c.rest;
	unsigned max_bits = query->ecs_family == 1 ? 32 : query->ecs_family == 2 ? 128 : 0;
	unsigned bits = query->ecs_source_bits;
	if (c.failed || scope != 0 || max_bits == 0 || bits > max_bits ||
	    query->ecs_bytes.len != (bits + 7) / 8)
		return false;
	if (bits % 8 && query->ecs_bytes.at[bits / 8] & (0xff >> bits % 8))
		return false;
	query->has_ecs = true;
	return true;
}

static bool read_options(struct span rdata, struct query *query)
{
	struct cursor c = cursor_over(rdata);

	while (c.rest.len && !c.failed) {
		uint16_t code = cursor_u16(&c);
		uint16_t len = cursor_u16(&c);
		struct span option = cursor_bytes(&c, len);
		if (c.failed)
			return false;
		if (code == OPTION_ECS && (query->has_ecs || !read_ecs(option, query)))
			return false;
	}
	return !c.failed;
}

/* A record of the additional section: OPT is understood, others (TSIG, SIG(0)) are passed over. */
static int read_additional(struct cursor *c, struct query *query)
{
	struct query skipped = { 0 };

	read_name(c, &skipped);
	uint16_t type = cursor_u16(c);
	uint16_t class = cursor_u16(c);
	uint32_t ttl = cursor_u32(c);
	uint16_t len = cursor_u16(c);
	struct span rdata = cursor_bytes(c, len);
	if (c->failed)
		return QUERY_FORMERR;
	if (type != DNS_TYPE_OPT)
		return QUERY_OK;
	if (query->has_edns || skipped.name_len != 1)
		return QUERY_FORMERR;
	query->has_edns = true;
	query->udp_bytes = (uint16_t)MIN(MAX(class, (uint16_t)DNS_MIN_UDP), DNS_MAX_UDP);
	query->wants_dnssec = ttl & FLAG_DO;
	if (ttl >> 16 & 0xff)
		return QUERY_BADVERS;
	return read_options(rdata, query) ? QUERY_OK : QUERY_FORMERR;
}

static int read_additionals(struct cursor *c, struct query *query, unsigned n)
{
	if (n > MAX_ADDITIONAL)
		return QUERY_FORMERR;
	for (; n > 0; n--) {
		int outcome = read_additional(c, query);
		if (outcome != QUERY_OK)
			return outcome;
	}
	return c->rest.len ? QUERY_FORMERR : QUERY_OK;
}

int query_parse(struct span packet, struct query *ret_query)
{
	struct cursor c = cursor_over(packet);
	struct query *query = ret_query;

	if (packet.len < DNS_HEAD)
		return QUERY_IGNORE;
	query->id = cursor_u16(&c);
	uint16_t flags = cursor_u16(&c);
	uint16_t n_questions = cursor_u16(&c);
	uint16_t n_answers = cursor_u16(&c);
	uint16_t n_authorities = cursor_u16(&c);
	uint16_t n_additionals = cursor_u16(&c);
	if (flags & FLAG_QR)
		return QUERY_IGNORE;

	query->opcode = flags >> OPCODE_SHIFT & 15;
	query->recursion_desired = flags & FLAG_RD;
	query->name_len = 0;
	query->has_edns = query->has_ecs = query->wants_dnssec = false;
	query->udp_bytes = DNS_MIN_UDP;
	if (query->opcode != 0)
		return QUERY_NOTIMP;
	if (n_questions != 1 || n_answers || n_authorities)
		return QUERY_FORMERR;
	read_name(&c, query);
	query->type = cursor_u16(&c);
	query->class = cursor_u16(&c);
	if (c.failed) {
		query->name_len = 0;
		return QUERY_FORMERR;
	}
	return read_additionals(&c, query, n_additionals);
}
