/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_encode: a field is a byte or two for its name, its length, its bytes.
 */
#include "edge/http2/h2_encode.h"

#include <stdio.h>

#include "core/obj.h"

enum {
	/* RFC 7541 6. */
	INDEXED = 0x80,
	NOT_INDEXED = 0x00,
	NEVER_INDEXED = 0x10,
	/* RFC 7541 appendix A. */
	STATIC_AUTHORITY = 1,
	STATIC_GET = 2,
	STATIC_POST = 3,
	STATIC_PATH = 4,
	STATIC_PATH_ROOT = 4,
	STATIC_SCHEME_HTTP = 6,
	STATIC_SCHEME_HTTPS = 7,
	STATIC_STATUS = 8,
	INT_MAX_BYTES = 6,
};

struct known_name {
	uint8_t index; /* in the static table; 0: it is not there */
	bool secret;
};

/* clang-format off */
static const struct known_name known_names[HTTP_N_NAMES] = {
	[HTTP_NAME_AUTHORIZATION]  = { 23, true },
	[HTTP_NAME_CONTENT_LENGTH] = { 28, false },
	[HTTP_NAME_CONTENT_TYPE]   = { 31, false },
	[HTTP_NAME_COOKIE]         = { 32, true },
	[HTTP_NAME_DATE]           = { 33, false },
	[HTTP_NAME_EXPECT]         = { 35, false },
	[HTTP_NAME_LOCATION]       = { 46, false },
	[HTTP_NAME_MAX_FORWARDS]   = { 47, false },
	[HTTP_NAME_REFERER]        = { 51, false },
	[HTTP_NAME_RETRY_AFTER]    = { 53, false },
	[HTTP_NAME_SERVER]         = { 54, false },
	[HTTP_NAME_USER_AGENT]     = { 58, false },
	[HTTP_NAME_VIA]            = { 60, false },
};
/* clang-format on */

/* RFC 7541 5.1: `value` behind the bits of `first`, in a prefix of so many bits. */
static uint8_t *put_int(uint8_t *at, uint8_t first, unsigned prefix_bits, uint64_t value)
{
	uint8_t max = (uint8_t)((1u << prefix_bits) - 1);

	if (value < max) {
		*at++ = first | (uint8_t)value;
		return at;
	}
	*at++ = first | max;
	for (value -= max; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(0x80 | (value & 0x7f));
	*at++ = (uint8_t)value;
	return at;
}

static uint8_t *put_bytes(uint8_t *at, struct span bytes)
{
	at = put_int(at, 0, 7, bytes.len);
	if (bytes.len)
		memcpy(at, bytes.at, bytes.len);
	return at + bytes.len;
}

static uint8_t *put_lower(uint8_t *at, struct span name)
{
	at = put_int(at, 0, 7, name.len);
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.at[i];
		at[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	return at + name.len;
}

static void add_indexed(struct buf *block, uint8_t index)
{
	buf_add_byte(block, INDEXED | index);
}

/* The name by its number in the static table, or, when that is 0, as it stands. */
static void add_field(struct buf *block, struct known_name known, struct span name,
		      struct span value)
{
	uint8_t *from = buf_room(block, (size_t)3 * INT_MAX_BYTES + name.len + value.len);

	if (!from)
		return;
	uint8_t *at = put_int(from, known.secret ? NEVER_INDEXED : NOT_INDEXED, 4, known.index);
	if (!known.index)
		at = put_lower(at, name);
	at = put_bytes(at, value);
	buf_grew(block, (size_t)(at - from));
}

static void add_known(struct buf *block, uint8_t index, struct span value)
{
	add_field(block, (struct known_name){ .index = index }, SPAN_NONE, value);
}

static void add_fields(struct buf *block, const struct http_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		struct known_name known = known_names[field->id];
		if (!known.index && span_ieq(field->name, SPAN_LIT("set-cookie")))
			known = (struct known_name){ 55, true };
		add_field(block, known, field->name, field->value);
	}
}

static void add_length(struct buf *block, uint64_t length)
{
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + length % 10);
		length /= 10;
	} while (length);
	add_known(block, known_names[HTTP_NAME_CONTENT_LENGTH].index,
		  span_of(text + at, sizeof(text) - at));
}

static void add_status(struct buf *block, unsigned status)
{
	/* Those that the static table has from STATIC_STATUS on. */
	static const uint16_t known[] = { 200, 204, 206, 304, 400, 404, 500 };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i] == status) {
			add_indexed(block, (uint8_t)(STATIC_STATUS + i));
			return;
		}
	}
	const char text[3] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
			       (char)('0' + status % 10) };
	add_known(block, STATIC_STATUS, span_of(text, sizeof(text)));
}

void h2_encode_response(struct buf *block, const struct http_head *head, struct span date)
{
	bool tunnel = head->body == HTTP_BODY_TUNNEL;

	add_status(block, tunnel ? 200 : head->status);
	add_fields(block, head);
	if (head->has_length && !tunnel)
		add_length(block, head->body_length);
	if (date.len && !http_head_find(head, HTTP_NAME_DATE))
		add_known(block, known_names[HTTP_NAME_DATE].index, date);
}

static void add_method(struct buf *block, const struct http_head *head)
{
	if (head->upgrade.len)
		add_known(block, STATIC_GET, SPAN_LIT("CONNECT"));
	else if (head->method == HTTP_METHOD_GET)
		add_indexed(block, STATIC_GET);
	else if (head->method == HTTP_METHOD_POST)
		add_indexed(block, STATIC_POST);
	else
		add_known(block, STATIC_GET, head->method_text);
}

void h2_encode_request(struct buf *block, const struct http_head *head)
{
	bool https = span_eq(head->scheme, SPAN_LIT("https"));

	add_method(block, head);
	add_indexed(block, https ? STATIC_SCHEME_HTTPS : STATIC_SCHEME_HTTP);
	if (span_eq(head->target, SPAN_LIT("/")))
		add_indexed(block, STATIC_PATH_ROOT);
	else
		add_known(block, STATIC_PATH, head->target);
	if (head->authority.len)
		add_known(block, STATIC_AUTHORITY, head->authority);
	if (head->upgrade.len)
		add_field(block, (struct known_name){ 0 }, SPAN_LIT(":protocol"), head->upgrade);
	add_fields(block, head);
	if (head->has_length && !head->upgrade.len)
		add_length(block, head->body_length);
	if (head->takes_trailers)
		add_field(block, (struct known_name){ 0 }, SPAN_LIT("te"), SPAN_LIT("trailers"));
}

void h2_encode_trailers(struct buf *block, const struct http_head *trailers)
{
	add_fields(block, trailers);
}
