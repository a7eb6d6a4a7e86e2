/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_host: stricter than RFC 3986's reg-name, which allows sub-delims and percent-encoding: no name
 * that resolves has them, and an origin may read them in another way than we do.
 */
#include "edge/http1/h1_host.h"

#include <ctype.h>

#include "core/error.h"
#include "core/net/addr.h"
#include "edge/http1/h1_char.h"

enum { MAX_NAME = 255 };

static bool ipv6_ok(struct span bracketed)
{
	struct addr addr;
	struct span inner = span_of(bracketed.at + 1, bracketed.len - 2);

	return span_find(inner, ':') < inner.len && addr_parse_ip(inner, &addr);
}

/* Labels of at least one byte; one trailing dot is the root. */
static bool name_ok(struct span name)
{
	uint8_t before = '.';

	if (name.len == 0 || name.len > MAX_NAME || !h1_all(name, H1_HOST))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] == '.' && before == '.')
			return false;
		before = name.at[i];
	}
	return true;
}

/* Cuts the port off. False when it is none. */
static bool port_cut(struct span *text, struct h1_host *host)
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

static bool bracketed(struct span text)
{
	return text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']';
}

int h1_host_parse(struct span text, struct arena *arena, struct h1_host *ret_host)
{
	struct h1_host host = { 0 };

	if (!port_cut(&text, &host))
		return H1_HOST_BAD;
	if (bracketed(text) ? !ipv6_ok(text) : !name_ok(text))
		return H1_HOST_BAD;
	if (text.at[text.len - 1] == '.')
		text.len--;
	uint8_t *lower = arena_take_bytes(arena, text.len);
	if (!lower)
		return err_new(-ENOBUFS);
	for (size_t i = 0; i < text.len; i++)
		lower[i] = (uint8_t)tolower(text.at[i]);
	host.host = span_of(lower, text.len);
	*ret_host = host;
	return H1_HOST_OK;
}

bool h1_host_same(const struct h1_host *a, const struct h1_host *b, struct span scheme)
{
	uint16_t usual = span_ieq(scheme, SPAN_LIT("https")) ? 443 : 80;
	uint16_t a_port = a->port ? a->port : usual, b_port = b->port ? b->port : usual;

	return span_eq(a->host, b->host) && a_port == b_port;
}
