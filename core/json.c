/* SPDX-License-Identifier: Apache-2.0
 *
 * json: what jansson leaves to us: foreign bytes that are no UTF-8, and limits on what is read.
 */
#include "core/json.h"

#include <stdio.h>

#include "core/error.h"

enum { MAX_LEVELS = 64 };

/* Length of the UTF-8 character at the start, 0 when it is none (RFC 3629: nothing overlong, no
 * surrogates, nothing past U+10FFFF). */
static size_t utf8_len(struct span s)
{
	uint8_t first = s.at[0];
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (len == 1)
		return 1;
	if (first < 0xc2 || first > 0xf4 || s.len < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s.at[i] & 0xc0) != 0x80)
			return 0;
	}
	uint8_t second = s.at[1];
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
	    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
		return 0;
	return len;
}

static void escape_into(struct buf *out, struct span value)
{
	while (value.len) {
		size_t len = utf8_len(value);
		if (len)
			buf_add(out, span_first(value, len));
		else
			buf_printf(out, "\\x%02X", value.at[0]);
		value = span_from(value, len ? len : 1);
	}
}

int json_set_span(json_t *object, const char *key, struct span value)
{
	struct buf text;
	int failed;

	buf_init(&text, 4 * value.len + 1);
	escape_into(&text, value);
	failed = text.failed;
	if (!failed)
		failed = json_object_set_new_nocheck(
			object, key,
			json_stringn_nocheck(text.len ? (const char *)text.at : "", text.len));
	buf_fini(&text);
	return failed ? err_new(-ENOMEM) : 0;
}

static int dump_piece(const char *piece, size_t len, void *arg)
{
	struct buf *out = arg;

	buf_add(out, span_of(piece, len));
	return out->failed ? -1 : 0;
}

void json_into(struct buf *out, const json_t *json)
{
	if (!json || json_dump_callback(json, dump_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		out->failed = true;
}

/* How deep brackets go outside of strings. jansson's own limit is 2048 levels, each a frame on the
 * stack. */
static unsigned depth_of(struct span text)
{
	unsigned depth = 0;
	unsigned deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = text.at[i];
		if (in_string && byte == '\\')
			i++; /* what is escaped ends no string */
		else if (byte == '"')
			in_string = !in_string;
		else if (!in_string && (byte == '[' || byte == '{'))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!in_string && (byte == ']' || byte == '}') && depth > 0)
			depth--;
	}
	return deepest;
}

json_t *json_from(struct span text, size_t max_bytes, char *reterr, size_t reterr_len)
{
	json_error_t error;

	if (text.len > max_bytes) {
		snprintf(reterr, reterr_len, "longer than %zu bytes", max_bytes);
		return NULL;
	}
	if (depth_of(text) > MAX_LEVELS) {
		snprintf(reterr, reterr_len, "nested deeper than %d levels", MAX_LEVELS);
		return NULL;
	}
	json_t *json = json_loadb(text.len ? (const char *)text.at : "", text.len,
				  JSON_REJECT_DUPLICATES, &error);
	if (!json)
		snprintf(reterr, reterr_len, "line %d, column %d: %.100s", error.line, error.column,
			 error.text);
	return json;
}
