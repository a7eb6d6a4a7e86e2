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

enum { MAX_TEXT = 255 + 6 }; /* the longest name, a port */

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

static bool is_escape(struct span text, size_t at)
{
	return text.at[at] == '%' && text.len - at > 2 &&
	       http_char_is(text.at[at + 1], HTTP_CHAR_HEX) &&
	       http_char_is(text.at[at + 2], HTTP_CHAR_HEX);
}

/* Up to a colon or the end: labels of at least one byte; one trailing dot is the root. The length,
 * 0: it is no name. */
static size_t name_lower(struct span text, uint8_t *lower)
{
	uint8_t before = '.';
	size_t n = 0;

	for (; n < text.len && text.at[n] != ':'; n++) {
		uint8_t byte = lowered[text.at[n]];
		if (byte == 0 && is_escape(text, n))
			byte = '%';
		if (byte == 0 || (byte == '.' && before == '.'))
			return 0;
		lower[n] = before = byte;
	}
	return n;
}

/* An address in brackets, as name_lower(). */
static size_t ipv6_lower(struct span text, uint8_t *lower)
{
	size_t end = span_find(text, ']');
	struct span inner = span_first(span_from(text, 1), end - 1);
	struct addr addr;

	if (end == text.len || span_find(inner, ':') == inner.len || !addr_parse_ip(inner, &addr))
		return 0;
	for (size_t i = 0; i <= end; i++) {
		bool is_upper = text.at[i] >= 'A' && text.at[i] <= 'F';
		lower[i] = (uint8_t)(text.at[i] | (is_upper ? 0x20 : 0));
	}
	return end + 1;
}

/* What stands behind the name: nothing, or ':' and a port. */
static bool port_read(struct span text, struct http_host *host)
{
	uint64_t port = 0;

	if (text.len == 0)
		return true;
	if (text.at[0] != ':' || text.len > 6)
		return false;
	if (text.len == 1) { /* "host:" is legal (RFC 3986 3.2.3); the colon says nothing */
		host->authority.len--;
		return true;
	}
	if (!span_to_u64(span_from(text, 1), UINT16_MAX, &port) || port == 0)
		return false;
	host->port = (uint16_t)port;
	return true;
}

int http_host_parse(struct span text, struct arena *arena, struct http_host *ret_host)
{
	struct http_host host = { .authority = text };

	if (text.len == 0 || text.len > MAX_TEXT)
		return HTTP_HOST_BAD;
	uint8_t *lower = arena_take_bytes(arena, text.len);
	if (!lower)
		return err_new(-ENOBUFS);
	size_t n = text.at[0] == '[' ? ipv6_lower(text, lower) : name_lower(text, lower);
	if (n == 0 || !port_read(span_from(text, n), &host))
		return HTTP_HOST_BAD;
	host.host = span_of(lower, n - (lower[n - 1] == '.'));
	*ret_host = host;
	return HTTP_HOST_OK;
}

bool http_host_same(const struct http_host *a, const struct http_host *b, struct span scheme)
{
	uint16_t usual = span_ieq(scheme, SPAN_LIT("https")) ? 443 : 80;
	uint16_t a_port = a->port ? a->port : usual, b_port = b->port ? b->port : usual;

	return span_eq(a->host, b->host) && a_port == b_port;
}
