/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_h1_request: heads of requests. What is taken is neutral and unambiguous, and written out it
 * is taken again as the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/h1_pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(uint8_t *at, size_t *len, struct span text)
{
	memcpy(at + *len, text.at, text.len);
	*len += text.len;
}

/* The way to an origin in short. */
static struct span rewrite(const struct http_head *head, uint8_t *at)
{
	char line[64];
	size_t len = 0;

	add(at, &len, head->method_text);
	add(at, &len, SPAN_LIT(" "));
	add(at, &len, head->target);
	add(at, &len, SPAN_LIT(" HTTP/1.1\r\nHost: "));
	add(at, &len, head->authority.len ? head->authority : SPAN_LIT("none"));
	add(at, &len, SPAN_LIT("\r\n"));
	for (size_t i = 0; i < head->n_fields; i++) {
		add(at, &len, head->fields[i].name);
		add(at, &len, SPAN_LIT(":"));
		add(at, &len, head->fields[i].value);
		add(at, &len, SPAN_LIT("\r\n"));
	}
	if (head->body == HTTP_BODY_LENGTH) {
		snprintf(line, sizeof(line), "Content-Length: %llu\r\n",
			 (unsigned long long)head->body_length);
		add(at, &len, span_str(line));
	} else if (head->body == HTTP_BODY_STREAM) {
		add(at, &len, SPAN_LIT("Transfer-Encoding: chunked\r\n"));
	}
	add(at, &len, SPAN_LIT("\r\n"));
	return span_of(at, len);
}

static void check(struct span text, const struct http_head *head, struct arena *arena)
{
	const struct h1_limits wide = { 2048, 4096, HTTP_MAX_FIELDS };
	uint8_t again_text[4096];
	struct http_head again;
	struct h1_parsed parsed;

	fuzz_head_check(head);
	unsigned n_lengths = fuzz_count(text, SPAN_LIT("content-length"));
	unsigned n_codings = fuzz_count(text, SPAN_LIT("transfer-encoding"));
	MUST(n_lengths + n_codings <= 1);
	MUST((head->body == HTTP_BODY_STREAM) == (n_codings == 1));
	MUST(fuzz_count(text, SPAN_LIT("host")) <= 1);
	MUST(http_all(head->target, HTTP_CHAR_TARGET));
	MUST(http_all(head->host, HTTP_CHAR_VALUE) && span_find(head->host, ' ') == head->host.len);
	int r = h1_parse_request(rewrite(head, again_text), head->scheme, &wide, arena, &again,
				 &parsed);
	MUST(r == H1_PARSED);
	MUST(span_eq(again.target, head->target) && again.n_fields == head->n_fields);
	MUST(again.body == head->body && again.body_length == head->body_length);
	MUST(!head->host.len || span_eq(again.host, head->host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = fuzz_head(span_of(data, size));
	struct http_head head;
	struct h1_parsed parsed;
	struct arena arena;

	if (!text.len)
		return 0;
	arena_init(&arena, 65536);
	int r = h1_parse_request(text, SPAN_LIT("http"), &fuzz_limits, &arena, &head, &parsed);
	MUST(r >= 0);
	if (r == H1_PARSED)
		check(text, &head, &arena);
	else
		MUST(reason_status(h1_outcome_reason((enum h1_outcome)r)) >= 400);
	arena_fini(&arena);
	return 0;
}
