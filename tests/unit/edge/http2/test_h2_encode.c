/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_encode: what nghttp2 makes of it again.
 */
#include "../edge_test.h"

#include <nghttp2/nghttp2.h>

#include "edge/http2/h2_encode.h"

static char text[4096];

static const char *decoded(struct buf *block)
{
	nghttp2_hd_inflater *inflater;
	struct span left = buf_span(block);
	size_t n = 0;

	assert_false(block->failed);
	assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, left.at, left.len, 1);
		assert_true(used >= 0);
		left = span_from(left, (size_t)used);
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s=%.*s%s\n",
					      (int)nv.namelen, nv.name, (int)nv.valuelen, nv.value,
					      nv.flags & NGHTTP2_NV_FLAG_NO_INDEX ? " secret" : "");
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_del(inflater);
	buf_fini(block);
	return text;
}

static void response_says_what_the_head_says(void **state)
{
	struct http_head head;
	struct arena arena;
	struct buf block;

	(void)state;
	arena_init(&arena, 65536);
	buf_init(&block, 65536);
	assert_int_equal(http_head_init(&head, &arena), 0);
	head.status = 200;
	head.has_length = true;
	head.body_length = 1234567890123;
	http_head_add(&head, HTTP_NAME_CONTENT_TYPE, SPAN_LIT("text/plain"));
	http_head_add_other(&head, SPAN_LIT("Set-Cookie"), SPAN_LIT("a=b"));
	http_head_add_other(&head, SPAN_LIT("X-Mixed-Case"), SPAN_LIT(""));
	h2_encode_response(&block, &head, SPAN_LIT("now"));
	assert_string_equal(decoded(&block), ":status=200\ncontent-type=text/plain\n"
					     "set-cookie=a=b secret\nx-mixed-case=\n"
					     "content-length=1234567890123\ndate=now\n");
	arena_fini(&arena);
}

static void every_status_is_written(void **state)
{
	(void)state;
	for (unsigned status = 100; status <= 999; status++) {
		struct http_head head = { .status = (uint16_t)status };
		char expected[32];
		struct buf block;
		buf_init(&block, 65536);
		h2_encode_response(&block, &head, SPAN_NONE);
		snprintf(expected, sizeof(expected), ":status=%u\n", status);
		assert_string_equal(decoded(&block), expected);
	}
}

static void request_and_extended_connect(void **state)
{
	struct http_head head;
	struct arena arena;
	struct buf block;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(http_head_init(&head, &arena), 0);
	head.method = HTTP_METHOD_PUT;
	head.method_text = SPAN_LIT("PUT");
	head.scheme = SPAN_LIT("https");
	head.target = SPAN_LIT("/a?b");
	head.authority = SPAN_LIT("a.test");
	head.takes_trailers = true;
	http_head_add(&head, HTTP_NAME_AUTHORIZATION, SPAN_LIT("x"));
	buf_init(&block, 65536);
	h2_encode_request(&block, &head);
	assert_string_equal(decoded(&block),
			    ":method=PUT\n:scheme=https\n:path=/a?b\n"
			    ":authority=a.test\nauthorization=x secret\nte=trailers\n");
	head.method = HTTP_METHOD_GET;
	head.upgrade = SPAN_LIT("websocket");
	head.target = SPAN_LIT("/");
	buf_init(&block, 65536);
	h2_encode_request(&block, &head);
	assert_non_null(strstr(decoded(&block), ":method=CONNECT\n:scheme=https\n:path=/\n"
						":authority=a.test\n:protocol=websocket\n"));
	arena_fini(&arena);
}

static void long_values_and_limits(void **state)
{
	static char value[20000];
	struct http_head head;
	struct arena arena;
	struct buf block;

	(void)state;
	memset(value, 'x', sizeof(value));
	arena_init(&arena, 65536);
	assert_int_equal(http_head_init(&head, &arena), 0);
	head.status = 204;
	for (size_t len = 120; len < 20000; len += len / 2) {
		buf_init(&block, 65536);
		head.n_fields = 0;
		http_head_add_other(&head, SPAN_LIT("x"), span_of(value, MIN(len, (size_t)4000)));
		h2_encode_response(&block, &head, SPAN_NONE);
		assert_int_equal(strlen(decoded(&block)), 12 + 3 + MIN(len, (size_t)4000));
	}
	head.n_fields = 0;
	http_head_add_other(&head, SPAN_LIT("x"), span_of(value, sizeof(value)));
	buf_init(&block, 1000);
	h2_encode_response(&block, &head, SPAN_NONE);
	assert_true(block.failed);
	buf_fini(&block);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(response_says_what_the_head_says),
		cmocka_unit_test(every_status_is_written),
		cmocka_unit_test(request_and_extended_connect),
		cmocka_unit_test(long_values_and_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
