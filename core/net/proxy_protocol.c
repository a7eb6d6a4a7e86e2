/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy_protocol: a line of text, or sixteen bytes and what they announce.
 */
#include "core/net/proxy_protocol.h"

#include <stdio.h>
#include <sys/un.h>

#include "core/cursor.h"
#include "core/obj.h"

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				       0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

enum {
	V2_LOCAL = 0x20,
	V2_PROXY = 0x21,
	V2_UNSPEC = 0x00,
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,
	V2_UNIX = 0x31,
	TLV_CRC32C = 0x03,
	UNIX_PATH_BYTES = 108,
};

/* ---- version 1 ---------------------------------------------------------------------------------
 */

static bool v1_address(struct span ip, struct span port, bool v6, struct addr *ret_addr)
{
	uint64_t number;
	bool has_colon = span_find(ip, ':') < ip.len;

	/* "0 to 65535, without leading zeroes" */
	if (has_colon != v6 || !addr_parse_ip(ip, ret_addr) || port.len > 5 ||
	    (port.len > 1 && port.at[0] == '0') || !span_to_u64(port, UINT16_MAX, &number))
		return false;
	addr_set_port(ret_addr, (uint16_t)number);
	return true;
}

static int v1_line(struct span line, struct proxy_header *header)
{
	struct span word[6];
	size_t n = 0;

	while (n < ARRAY_LEN(word) && span_cut(&line, ' ', &word[n]))
		n++;
	if (n >= 2 && span_eq(word[1], SPAN_LIT("UNKNOWN"))) {
		header->local = true;
		return PROXY_PARSED;
	}
	bool v6 = n == 6 && span_eq(word[1], SPAN_LIT("TCP6"));
	if (n != 6 || line.at || (!v6 && !span_eq(word[1], SPAN_LIT("TCP4"))) ||
	    !v1_address(word[2], word[4], v6, &header->from) ||
	    !v1_address(word[3], word[5], v6, &header->to))
		return PROXY_MALFORMED;
	return PROXY_PARSED;
}

static int v1_parse(struct span bytes, struct proxy_header *header)
{
	struct span seen = span_first(bytes, PROXY_V1_MAX_BYTES);
	size_t end = span_find(seen, '\n');

	if (end == seen.len)
		return seen.len == PROXY_V1_MAX_BYTES ? PROXY_MALFORMED : PROXY_NEED_MORE;
	if (end == 0 || seen.at[end - 1] != '\r')
		return PROXY_MALFORMED;
	header->len = end + 1;
	return v1_line(span_first(seen, end - 1), header);
}

/* ---- version 2 ---------------------------------------------------------------------------------
 */

static uint32_t crc32c(struct span bytes, uint32_t crc)
{
	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= bytes.at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc;
}

/* Of the whole header, its own four bytes as zeros. */
static bool checksum_is_right(struct span header, const uint8_t *field)
{
	static const uint8_t zeros[4];
	size_t at = (size_t)(field - header.at);
	uint32_t crc = crc32c(span_first(header, at), UINT32_MAX);

	crc = crc32c(span_of(zeros, sizeof(zeros)), crc);
	crc = ~crc32c(span_from(header, at + sizeof(zeros)), crc);
	return crc == ((uint32_t)field[0] << 24 | (uint32_t)field[1] << 16 |
		       (uint32_t)field[2] << 8 | field[3]);
}

static bool tlvs_check(struct span header, struct span tlvs)
{
	struct cursor c = cursor_over(tlvs);

	while (c.rest.len) {
		uint8_t type = cursor_u8(&c);
		struct span value = cursor_bytes(&c, cursor_u16(&c));
		if (c.failed)
			return false;
		if (type == TLV_CRC32C && (value.len != 4 || !checksum_is_right(header, value.at)))
			return false;
	}
	return true;
}

static struct addr v4_addr(struct span ip, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&sa.sin_addr, ip.at, sizeof(sa.sin_addr));
	return addr_from_sockaddr((const struct sockaddr *)&sa, sizeof(sa));
}

static struct addr v6_addr(struct span ip, uint16_t port)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memcpy(&sa.sin6_addr, ip.at, sizeof(sa.sin6_addr));
	return addr_from_sockaddr((const struct sockaddr *)&sa, sizeof(sa));
}

/* False: too short for its family. */
static bool v2_addresses(struct cursor *c, uint8_t family, struct proxy_header *header)
{
	size_t ip_len = family == V2_TCP4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	if (family == V2_UNSPEC || family == V2_UNIX) {
		header->local = true; /* there is nothing of use in it */
		if (family == V2_UNIX)
			cursor_bytes(c, 2 * (size_t)UNIX_PATH_BYTES);
		else
			c->rest = SPAN_NONE;
		return !c->failed;
	}
	struct span from = cursor_bytes(c, ip_len), to = cursor_bytes(c, ip_len);
	uint16_t from_port = cursor_u16(c), to_port = cursor_u16(c);
	if (c->failed)
		return false;
	header->from = family == V2_TCP4 ? v4_addr(from, from_port) : v6_addr(from, from_port);
	header->to = family == V2_TCP4 ? v4_addr(to, to_port) : v6_addr(to, to_port);
	return true;
}

static int v2_parse(struct span bytes, struct proxy_header *header)
{
	if (bytes.len < PROXY_HEAD_BYTES)
		return PROXY_NEED_MORE;
	uint8_t command = bytes.at[12], family = bytes.at[13];
	size_t len = (size_t)bytes.at[14] << 8 | bytes.at[15];
	bool known =
		family == V2_UNSPEC || family == V2_TCP4 || family == V2_TCP6 || family == V2_UNIX;

	header->len = PROXY_HEAD_BYTES + len;
	if (header->len > PROXY_MAX_BYTES || (command != V2_LOCAL && command != V2_PROXY) || !known)
		return PROXY_MALFORMED;
	if (bytes.len < header->len)
		return PROXY_NEED_MORE;
	if (command == V2_LOCAL) { /* its addresses are to be passed over */
		header->local = true;
		return PROXY_PARSED;
	}
	struct span whole = span_first(bytes, header->len);
	struct cursor c = cursor_over(span_from(whole, PROXY_HEAD_BYTES));
	if (!v2_addresses(&c, family, header) || !tlvs_check(whole, c.rest))
		return PROXY_MALFORMED;
	return PROXY_PARSED;
}

int proxy_parse(struct span bytes, struct proxy_header *ret_header)
{
	struct span sign = span_of(signature, sizeof(signature));

	*ret_header = (struct proxy_header){ .local = false };
	if (span_eq(span_first(bytes, sign.len), span_first(sign, bytes.len)))
		return bytes.len < sign.len ? PROXY_NEED_MORE : v2_parse(bytes, ret_header);
	if (span_eq(span_first(bytes, 6), span_first(SPAN_LIT("PROXY "), bytes.len)))
		return bytes.len < 6 ? PROXY_NEED_MORE : v1_parse(bytes, ret_header);
	return PROXY_MALFORMED;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* Of both addresses in a header: IPv4 beside IPv6 is mapped into it. 0: one of them is neither. */
static size_t common_ip_len(const struct addr *from, const struct addr *to)
{
	size_t a = addr_ip(from).len, b = addr_ip(to).len;

	return a && b ? MAX(a, b) : 0;
}

static const char *mapped_text(const struct addr *addr, size_t ip_len)
{
	return addr_ip(addr).len < ip_len ? "::ffff:" : "";
}

static size_t v1_write(const struct addr *from, const struct addr *to, size_t ip_len, uint8_t *at)
{
	char a[IP_TEXT_MAX], b[IP_TEXT_MAX];
	int len;

	if (ip_len)
		len = snprintf((char *)at, PROXY_WRITE_BYTES, "PROXY TCP%c %s%s %s%s %u %u\r\n",
			       ip_len == sizeof(struct in_addr) ? '4' : '6',
			       mapped_text(from, ip_len), addr_ip_text(from, a),
			       mapped_text(to, ip_len), addr_ip_text(to, b), addr_port(from),
			       addr_port(to));
	else
		len = snprintf((char *)at, PROXY_WRITE_BYTES, "PROXY UNKNOWN\r\n");
	return (size_t)len;
}

static uint8_t *put(uint8_t *at, struct span bytes)
{
	memcpy(at, bytes.at, bytes.len);
	return at + bytes.len;
}

static uint8_t *put_u16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put_ip(uint8_t *at, const struct addr *addr, size_t ip_len)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct span ip = addr_ip(addr);

	if (ip.len < ip_len)
		at = put(at, span_of(mapped, sizeof(mapped)));
	return put(at, ip);
}

static size_t v2_write(const struct addr *from, const struct addr *to, size_t ip_len, uint8_t *at)
{
	uint8_t *end = put(at, span_of(signature, sizeof(signature)));

	*end++ = V2_PROXY;
	if (!ip_len) {
		*end++ = V2_UNSPEC;
		end = put_u16(end, 0);
		return (size_t)(end - at);
	}
	*end++ = ip_len == sizeof(struct in_addr) ? V2_TCP4 : V2_TCP6;
	end = put_u16(end, 2 * (ip_len + sizeof(uint16_t)));
	end = put_ip(put_ip(end, from, ip_len), to, ip_len);
	end = put_u16(put_u16(end, addr_port(from)), addr_port(to));
	return (size_t)(end - at);
}

size_t proxy_write(enum proxy_version version, const struct addr *from, const struct addr *to,
		   uint8_t *at)
{
	size_t ip_len = common_ip_len(from, to);

	MUST(version != PROXY_OFF);
	return version == PROXY_V1 ? v1_write(from, to, ip_len, at)
				   : v2_write(from, to, ip_len, at);
}
