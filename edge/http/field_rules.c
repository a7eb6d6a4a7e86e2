/* SPDX-License-Identifier: Apache-2.0
 *
 * field_rules: by number where a name has one, by text otherwise. A barred name that is given a
 * number later stays barred.
 */
#include "edge/http/field_rules.h"

#include "core/obj.h"
#include "edge/http/host.h"
#include "edge/http/http_char.h"

bool http2_name_is_valid(struct span name)
{
	return name.len && http_all(name, HTTP_CHAR_LOWER);
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

bool http_value_is_valid(struct span value)
{
	if (value.len == 0)
		return true;
	return !is_blank(value.at[0]) && !is_blank(value.at[value.len - 1]) &&
	       http_find_control(value, 0) == value.len;
}

bool http_token_is_valid(struct span text)
{
	return http_is_token(text);
}

bool http2_path_is_valid(struct span path)
{
	if (path.len == 0)
		return false;
	if (path.at[0] != '/')
		return span_eq(path, SPAN_LIT("*"));
	return http_find_target_end(path, 0) == path.len;
}

bool http2_field_is_connection_specific(enum http_name id, struct span name, struct span value)
{
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
		return span_ieq(name, SPAN_LIT("http2-settings"));
	}
}

#define WORD(literal)                                                                              \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}

/* clang-format off */
static const struct span barred[] = {
	/* control data of a request or of a response */
	WORD("age"), WORD("cache-control"), WORD("expires"), WORD("pragma"), WORD("range"),
	WORD("vary"), WORD("warning"), WORD("allow"), WORD("alt-svc"), WORD("refresh"),
	WORD("strict-transport-security"), WORD("early-data"), WORD("origin"),
	/* who asks, and how to ask */
	WORD("set-cookie"), WORD("www-authenticate"), WORD("proxy-authenticate"),
	WORD("proxy-authorization"),
};
/* clang-format on */

static bool is_listed(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(barred); i++) {
		if (span_ieq(name, barred[i]))
			return true;
	}
	return false;
}

static bool begins(struct span name, struct span prefix)
{
	return span_ieq(span_first(name, prefix.len), prefix);
}

bool http_field_is_barred_from_trailers(enum http_name id, struct span name)
{
	switch ((unsigned)id) {
	case HTTP_NAME_HOST:
	case HTTP_NAME_CONNECTION:
	case HTTP_NAME_KEEP_ALIVE:
	case HTTP_NAME_PROXY_CONNECTION:
	case HTTP_NAME_TE:
	case HTTP_NAME_TRAILER:
	case HTTP_NAME_TRANSFER_ENCODING:
	case HTTP_NAME_UPGRADE:
	case HTTP_NAME_HTTP2_SETTINGS:
	case HTTP_NAME_EXPECT:
	case HTTP_NAME_DATE:
	case HTTP_NAME_VIA:
	case HTTP_NAME_LOCATION:
	case HTTP_NAME_MAX_FORWARDS:
	case HTTP_NAME_COOKIE:
	case HTTP_NAME_AUTHORIZATION:
	case HTTP_NAME_FORWARDED:
	case HTTP_NAME_X_REAL_IP:
	case HTTP_NAME_X_REQUEST_ID:
	case HTTP_NAME_RETRY_AFTER:
		return true;
	default:
		/* A digest of the content is what trailers are for (RFC 9530 2). */
		if (begins(name, SPAN_LIT("content-")))
			return !span_ieq(name, SPAN_LIT("content-digest"));
		return begins(name, SPAN_LIT("if-")) || begins(name, SPAN_LIT("x-forwarded-")) ||
		       is_listed(name);
	}
}

bool http_field_is_end_to_end(enum http_name id, struct span name)
{
	/* Of those with a number, the connection's own have left the fields before it is asked. */
	return id != HTTP_NAME_OTHER || http_field_is_barred_from_trailers(id, name);
}

bool http_authority_parse(struct span authority, struct arena *arena, struct span *ret_host)
{
	struct http_host host;

	if (http_host_parse(authority, arena, &host) != HTTP_HOST_OK)
		return false;
	*ret_host = host.host;
	return true;
}
