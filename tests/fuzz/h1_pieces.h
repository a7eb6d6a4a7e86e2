/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_pieces: what the fuzz targets of HTTP/1.1's heads share: looking for the end at once and byte
 * by byte must find the same; and what no head that was taken may hold.
 */
#pragma once

#include "core/must.h"
#include "edge/http/http_char.h"
#include "edge/http1/h1_parse.h"

static const struct h1_limits fuzz_limits = { 256, 1024, 16 };

/* The head in `input`, empty when it has none that ends. */
static inline struct span fuzz_head(struct span input)
{
	struct h1_scan whole = { 0 }, cut = { 0 };
	size_t len = 0, cut_len = 0;
	int cut_r = H1_NEED_MORE;

	int r = h1_find_end(&whole, input, &fuzz_limits, &len);
	for (size_t n = 0; n <= input.len && cut_r == H1_NEED_MORE; n++)
		cut_r = h1_find_end(&cut, span_first(input, n), &fuzz_limits, &cut_len);
	MUST(cut_r == r && cut_len == len);
	if (r != H1_PARSED)
		return SPAN_NONE;
	MUST(cut.start == whole.start && len <= input.len && len > whole.start);
	return span_from(span_first(input, len), whole.start);
}

static inline void fuzz_head_check(const struct http_head *head)
{
	MUST(head->n_fields <= fuzz_limits.max_fields);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		MUST(http_is_token(field->name) && http_all(field->value, HTTP_CHAR_VALUE));
		MUST(span_trim(field->value).len == field->value.len);
		MUST(field->id != HTTP_NAME_HOST && field->id != HTTP_NAME_CONNECTION &&
		     field->id != HTTP_NAME_CONTENT_LENGTH &&
		     field->id != HTTP_NAME_TRANSFER_ENCODING && field->id != HTTP_NAME_UPGRADE);
	}
}

/* Whether the text of a head has a field of this name, read in the most tolerant way. */
static inline unsigned fuzz_count(struct span head, struct span name)
{
	unsigned n = 0;
	struct span line;

	while (span_cut(&head, '\n', &line)) {
		struct span start = span_first(line, span_find(line, ':'));
		n += start.len < line.len && span_ieq(span_trim(start), name);
	}
	return n;
}
