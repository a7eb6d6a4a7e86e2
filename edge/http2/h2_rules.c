/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_rules: the same bytes as in HTTP/1.1, for what comes by one goes out by the other.
 */
#include "edge/http2/h2_rules.h"

#include "core/obj.h"
#include "edge/http1/h1_char.h"
#include "edge/http1/h1_host.h"

bool http2_name_is_valid(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] >= 'A' && name.at[i] <= 'Z')
			return false;
	}
	return h1_is_token(name);
}

bool http_value_is_valid(struct span value)
{
	return span_trim(value).len == value.len && h1_all(value, H1_VALUE);
}

bool http_token_is_valid(struct span text)
{
	return h1_is_token(text);
}

bool http2_path_is_valid(struct span path)
{
	if (span_eq(path, SPAN_LIT("*")))
		return true;
	return span_starts(path, SPAN_LIT("/")) && h1_all(path, H1_TARGET);
}

bool http2_field_is_connection_specific(enum http_name id, struct span name, struct span value)
{
	(void)name;
	switch ((unsigned)id) {
	case HTTP_NAME_CONNECTION:
	case HTTP_NAME_KEEP_ALIVE:
	case HTTP_NAME_PROXY_CONNECTION:
	case HTTP_NAME_TRANSFER_ENCODING:
	case HTTP_NAME_UPGRADE:
	case HTTP_NAME_HTTP2_SETTINGS:
		return true;
	case HTTP_NAME_TE:
		return !span_ieq(value, SPAN_LIT("trailers"));
	default:
		return false;
	}
}

bool http_field_is_barred_from_trailers(enum http_name id, struct span name)
{
	/* Those that names.def has no number for. */
	static const struct span barred[] = {
		{ (const uint8_t *)"set-cookie", 10 },
		{ (const uint8_t *)"cache-control", 13 },
		{ (const uint8_t *)"content-encoding", 16 },
		{ (const uint8_t *)"content-range", 13 },
		{ (const uint8_t *)"www-authenticate", 16 },
		{ (const uint8_t *)"range", 5 },
		{ (const uint8_t *)"vary", 4 },
		{ (const uint8_t *)"age", 3 },
		{ (const uint8_t *)"expires", 7 },
		{ (const uint8_t *)"pragma", 6 },
		{ (const uint8_t *)"proxy-authenticate", 18 },
		{ (const uint8_t *)"proxy-authorization", 19 },
	};

	if (id != HTTP_NAME_OTHER)
		return true; /* all that code asks for by number, it has asked for by then */
	for (size_t i = 0; i < ARRAY_LEN(barred); i++) {
		if (span_ieq(name, barred[i]))
			return true;
	}
	return span_starts(name, SPAN_LIT("if-"));
}

bool http_authority_parse(struct span authority, struct arena *arena, struct span *ret_host)
{
	struct h1_host host;

	if (h1_host_parse(authority, arena, &host) != H1_HOST_OK)
		return false;
	*ret_host = host.host;
	return true;
}
