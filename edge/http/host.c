/* SPDX-License-Identifier: Apache-2.0
 *
 * host: the name is checked and lowered in one walk. Left out of RFC 3986 are what nobody sends and
 * readers differ on: an empty label ("a..b"), IPvFuture, zone identifiers, ports of 0 and of more
 * than five digits.
 */
#include "edge/http/host.h"

#include "core/error.h"
#include "core/net/addr.h"
#include "edge/http/http_char.h"

enum { MAX_NAME = 255 };

/* What a byte of a name becomes; 0: it may not stand there. An escape's '%' is looked at apart. */
/* clang-format off */
#define SAME(c) [c] = (c)
#define LETTER(c) [c] = (c) | 0x20, [(c) | 0x20] = (c) | 0x20
static const uint8_t lowered[256] = {
	LETTER('A'), LETTER('B'), LETTER('C'), LETTER('D'), LETTER('E'), LETTER('F'), LETTER('G'),
	LETTER('H'), LETTER('I'), LETTER('J'), LETTER('K'), LETTER('L'), LETTER('M'), LETTER('N'),
	LETTER('O'), LETTER('P'), LETTER('Q'), LETTER('R'), LETTER('S'), LETTER('T'), LETTER('U'),
	LETTER('V'), LETTER('W'), LETTER('X'), LETTER('Y'), LETTER('Z'),
	SAME('0'), SAME('1'), SAME('2'), SAME('3'), SAME('4'), SAME('5'), SAME('6'), SAME('7'),
	SAME('8'), SAME('9'),
	SAME('-'), SAME('.'), SAME('_'), SAME('~'),
	SAME('!'), SAME('$'), SAME('&'), SAME('\''), SAME('('), SAME(')'), SAME('*'), SAME('+'),
	SAME(','), SAME(';'), SAME('='),
};
/* clang-format on */

static bool ipv6_ok(struct span bracketed)
{
	struct addr addr;
	struct span inner = span_of(bracketed.at + 1, bracketed.len - 2);

	return span_find(inner, ':') < inner.len && addr_parse_ip(inner, &addr);
}

static bool is_escape(struct span name, size_t at)
{
	return name.at[at] == '%' && name.len - at > 2 &&
	       http_char_is(name.at[at + 1], HTTP_CHAR_HEX) &&
	       http_char_is(name.at[at + 2], HTTP_CHAR_HEX);
}

/* Labels of at least one byte; one trailing dot is the root. */
static bool name_lower(struct span name, uint8_t *lower)
{
	uint8_t before = '.';

	for (size_t i = 0; i < name.len; i++) {
		uint8_t byte = lowered[name.at[i]];
		if (byte == 0 && is_escape(name, i))
			byte = '%';
		if (byte == 0 || (byte == '.' && before == '.'))
			return false;
		lower[i] = before = byte;
	}
	return true;
}

/* Cuts the port off. False when it is none. */
static bool port_cut(struct span *text, struct http_host *host)
{
	bool has_bracket = text->len && text->at[0] == '[';
	size_t from = has_bracket ? span_find(*text, ']') : 0;
	size_t colon = from + span_find(span_from(*text, from), ':');
	uint64_t port = 0;

	if (has_bracket && from == text->len)
		return false;
	host->authority = *text;
	if (colon == text->len)
		return true;
	struct span digits = span_from(*text, colon + 1);
	*text = span_first(*text, colon);
	if (digits.len == 0) { /* "host:" is legal (RFC 3986 3.2.3); the colon says nothing */
		host->authority = *text;
		return true;
	}
	if (digits.len > 5 || !span_to_u64(digits, UINT16_MAX, &port) || port == 0)
		return false;
	host->port = (uint16_t)port;
	return true;
}

static bool ipv6_lower(struct span text, uint8_t *lower)
{
	if (text.len < 3 || text.at[text.len - 1] != ']' || !ipv6_ok(text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		lower[i] = (uint8_t)(text.at[i] >= 'A' && text.at[i] <= 'F' ? text.at[i] | 0x20
									    : text.at[i]);
	return true;
}

int http_host_parse(struct span text, struct arena *arena, struct http_host *ret_host)
{
	struct http_host host = { 0 };

	if (!port_cut(&text, &host) || text.len == 0 || text.len > MAX_NAME)
		return HTTP_HOST_BAD;
	uint8_t *lower = arena_take_bytes(arena, text.len);
	if (!lower)
		return err_new(-ENOBUFS);
	if (text.at[0] == '[' ? !ipv6_lower(text, lower) : !name_lower(text, lower))
		return HTTP_HOST_BAD;
	host.host = span_of(lower, text.len - (text.at[text.len - 1] == '.'));
	*ret_host = host;
	return HTTP_HOST_OK;
}

bool http_host_same(const struct http_host *a, const struct http_host *b, struct span scheme)
{
	uint16_t usual = span_ieq(scheme, SPAN_LIT("https")) ? 443 : 80;
	uint16_t a_port = a->port ? a->port : usual, b_port = b->port ? b->port : usual;

	return span_eq(a->host, b->host) && a_port == b_port;
}
