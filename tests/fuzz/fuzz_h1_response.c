/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_h1_response: heads of responses, to GET and to HEAD.
 */
#include "tests/fuzz/h1_pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(struct span text, enum http_method method)
{
	struct http_head head;
	struct h1_parsed parsed;
	struct arena arena;

	arena_init(&arena, 65536);
	int r = h1_parse_response(text, method, &fuzz_limits, &arena, &head, &parsed);
	MUST(r == H1_PARSED || r == H1_MALFORMED || r == H1_HEAD_LARGE);
	if (r == H1_PARSED) {
		fuzz_head_check(&head);
		MUST(head.status >= 100 && head.status <= 599);
		MUST(http_all(head.reason, HTTP_CHAR_VALUE));
		if (method == HTTP_METHOD_HEAD || !http_status_has_body(head.status))
			MUST(head.body == HTTP_BODY_NONE);
		if (head.body == HTTP_BODY_UNTIL_CLOSE)
			MUST(!parsed.keep_alive);
		MUST(fuzz_count(text, SPAN_LIT("content-length")) +
			     fuzz_count(text, SPAN_LIT("transfer-encoding")) <=
		     1);
	}
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = fuzz_head(span_of(data, size));

	if (!text.len)
		return 0;
	parse(text, HTTP_METHOD_GET);
	parse(text, HTTP_METHOD_HEAD);
	return 0;
}
