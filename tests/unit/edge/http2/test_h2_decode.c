/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_decode: heads by the rules of RFC 9113 8.
 */
#include "h2_play.h"

#define BASE ":method GET\n:scheme https\n:authority a.test\n:path /\n"

static int decode(const char *lines, bool end, struct arena *arena, struct http_head *head)
{
	const struct h2_decode_limits limits = { 4096, 20 };
	struct h2_decoder decoder;
	struct span block = h2_play_block(lines);

	assert_int_equal(h2_decoder_init(&decoder, &limits), 0);
	assert_int_equal(http_head_init(head, arena), 0);
	h2_decode_begin(&decoder, H2_BLOCK_REQUEST, head, SPAN_LIT("https"));
	int r = h2_decode_feed(&decoder, block, true);
	if (r == H2_DECODED)
		r = h2_decode_end(&decoder, end);
	h2_decoder_fini(&decoder);
	return r;
}

static void requests_by_clause(void **state)
{
	static const struct {
		const char *lines;
		int outcome;
	} rows[] = {
		{ BASE, H2_DECODED },
		{ BASE "accept */*\n", H2_DECODED },
		/* 8.3: each once, before the fields, known, and of this kind. */
		{ BASE ":path /\n", H2_DECODED_MALFORMED },
		{ BASE ":method GET\n", H2_DECODED_MALFORMED },
		{ "accept */*\n" BASE, H2_DECODED_MALFORMED },
		{ BASE ":unknown x\n", H2_DECODED_MALFORMED },
		{ BASE ":status 200\n", H2_DECODED_MALFORMED },
		/* 8.3.1 */
		{ ":scheme https\n:authority a\n:path /\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:authority a\n:path /\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a\n:path \n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a\n:path x\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a\n:path /a b\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a\n:path /#a\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a\n:path *\n", H2_DECODED_MALFORMED },
		{ ":method OPTIONS\n:scheme https\n:authority a\n:path *\n", H2_DECODED },
		{ ":method AN-OTHER-METHOD-OF-THIRTY-TWO-BY\n:scheme https\n:authority a\n:path "
		  "/\n",
		  H2_DECODED },
		{ ":method AN-OTHER-METHOD-OF-THIRTY-THREE-B\n:scheme https\n:authority a\n:path "
		  "/\n",
		  H2_DECODED_MALFORMED }, /* as with HTTP/1.1 */
		{ ":method G T\n:scheme https\n:authority a\n:path /\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme ftp\n:authority a\n:path /\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:path /\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:path /\nhost a.test\n", H2_DECODED },
		{ BASE "host a.test\n", H2_DECODED },
		{ BASE "host b.test\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a@b\n:path /\n", H2_DECODED_MALFORMED },
		{ ":method GET\n:scheme https\n:authority a/b\n:path /\n", H2_DECODED_MALFORMED },
		/* 8.2.1 */
		{ BASE "Accept x\n", H2_DECODED_MALFORMED },
		{ BASE "a(b x\n", H2_DECODED_MALFORMED },
		{ BASE "a\tb x\n", H2_DECODED_MALFORMED },
		{ BASE "a x\ry\n", H2_DECODED_MALFORMED },
		{ BASE "a  x\n", H2_DECODED_MALFORMED },
		{ BASE "a x \n", H2_DECODED_MALFORMED },
		{ BASE "a \x01\n", H2_DECODED_MALFORMED },
		/* 8.2.2 */
		{ BASE "connection close\n", H2_DECODED_MALFORMED },
		{ BASE "transfer-encoding chunked\n", H2_DECODED_MALFORMED },
		{ BASE "upgrade x\n", H2_DECODED_MALFORMED },
		{ BASE "keep-alive x\n", H2_DECODED_MALFORMED },
		{ BASE "proxy-connection x\n", H2_DECODED_MALFORMED },
		{ BASE "te gzip\n", H2_DECODED_MALFORMED },
		{ BASE "te trailers\n", H2_DECODED },
		/* 8.1.1 */
		{ BASE "content-length 5\n", H2_DECODED },
		{ BASE "content-length 5\ncontent-length 5\n", H2_DECODED_MALFORMED },
		{ BASE "content-length +5\n", H2_DECODED_MALFORMED },
		{ BASE "content-length 5, 5\n", H2_DECODED_MALFORMED },
		{ BASE "content-length 99999999999999999999\n", H2_DECODED_MALFORMED },
		/* RFC 9110 10.1.1 */
		{ BASE "expect 100-continue\n", H2_DECODED },
		{ BASE "expect more\n", H2_DECODED_EXPECTATION },
		/* 8.5, RFC 8441 */
		{ ":method CONNECT\n:authority a:1\n", H2_DECODED },
		{ ":method CONNECT\n:authority a:1\n:path /\n", H2_DECODED_MALFORMED },
		{ ":method CONNECT\n:scheme https\n:path /\n:authority a\n:protocol websocket\n",
		  H2_DECODED },
		{ ":method CONNECT\n:authority a\n:protocol websocket\n", H2_DECODED_MALFORMED },
		{ BASE ":protocol websocket\n", H2_DECODED_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head head;
		struct arena arena;
		arena_init(&arena, 65536);
		int r = decode(rows[i].lines, false, &arena, &head);
		if (r != rows[i].outcome)
			fail_msg("row %zu (%s): %d", i, rows[i].lines, r);
		arena_fini(&arena);
	}
}

static void head_is_in_the_neutral_form(void **state)
{
	struct http_head head;
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(decode(":method POST\n:scheme http\n:authority A.Test:8443\n:path /a?b\n"
				"cookie a=1\ncookie b=2\nte trailers\ncontent-length 7\nx-y z\n"
				"expect 100-continue\n",
				false, &arena, &head),
			 H2_DECODED);
	assert_int_equal(head.method, HTTP_METHOD_POST);
	assert_true(span_eq(head.scheme, SPAN_LIT("https"))); /* as the connection came */
	assert_true(span_eq(head.host, SPAN_LIT("a.test")));
	assert_true(span_eq(head.path, SPAN_LIT("/a")) && span_eq(head.query, SPAN_LIT("b")));
	assert_int_equal(head.n_fields, 2);
	assert_true(span_eq(http_head_find(&head, HTTP_NAME_COOKIE)->value,
			    SPAN_LIT("a=1; b=2"))); /* 8.2.3 */
	assert_true(head.takes_trailers && head.expects_continue);
	assert_int_equal(head.body, HTTP_BODY_LENGTH);
	assert_int_equal(head.body_length, 7);
	assert_int_equal(decode(":method CONNECT\n:scheme https\n:path /c\n:authority a\n"
				":protocol websocket\n",
				false, &arena, &head),
			 H2_DECODED);
	assert_int_equal(head.method, HTTP_METHOD_GET);
	assert_true(span_eq(head.upgrade, SPAN_LIT("websocket")));
	assert_int_equal(head.body, HTTP_BODY_NONE);
	arena_fini(&arena);
}

static void end_of_stream_must_fit_the_length(void **state)
{
	struct http_head head;
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(decode(BASE "content-length 0\n", true, &arena, &head), H2_DECODED);
	assert_int_equal(decode(BASE "content-length 1\n", true, &arena, &head),
			 H2_DECODED_MALFORMED);
	arena_fini(&arena);
}

static void large_heads_are_said_and_larger_ones_end_it(void **state)
{
	static char lines[60000];
	struct http_head head;
	struct arena arena;
	size_t n = (size_t)snprintf(lines, sizeof(lines), "%s", BASE);

	(void)state;
	arena_init(&arena, 65536);
	for (int i = 0; i < 21; i++)
		n += (size_t)snprintf(lines + n, sizeof(lines) - n, "x-%d y\n", i);
	assert_int_equal(decode(lines, true, &arena, &head), H2_DECODED_LARGE); /* fields */
	while (n < 20000)
		n += (size_t)snprintf(lines + n, sizeof(lines) - n, "x-long %0100d\n", 1);
	assert_int_equal(decode(lines, true, &arena, &head), H2_DECODED_LARGE); /* bytes */
	while (n < 50000)
		n += (size_t)snprintf(lines + n, sizeof(lines) - n, "x-long %0100d\n", 1);
	assert_int_equal(decode(lines, true, &arena, &head), H2_DECODED_BOMB);
	arena_fini(&arena);
}

static void coding_errors_are_the_connections(void **state)
{
	static const uint8_t index_0[] = { 0x80 }, far[] = { 0xff, 0x7f };
	const struct h2_decode_limits limits = { 4096, 20 };
	struct h2_decoder decoder;

	(void)state;
	assert_int_equal(h2_decoder_init(&decoder, &limits), 0);
	h2_decode_begin(&decoder, H2_BLOCK_DISCARD, NULL, SPAN_NONE);
	assert_int_equal(h2_decode_feed(&decoder, span_of(index_0, 1), true), H2_DECODED_CODING);
	h2_decoder_fini(&decoder);
	assert_int_equal(h2_decoder_init(&decoder, &limits), 0);
	h2_decode_begin(&decoder, H2_BLOCK_DISCARD, NULL, SPAN_NONE);
	assert_int_equal(h2_decode_feed(&decoder, span_of(far, 2), true), H2_DECODED_CODING);
	h2_decoder_fini(&decoder);
}

static void block_may_come_byte_by_byte(void **state)
{
	const struct h2_decode_limits limits = { 4096, 20 };
	struct span block = h2_play_block(BASE "accept x\n");
	struct h2_decoder decoder;
	struct http_head head;
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(h2_decoder_init(&decoder, &limits), 0);
	assert_int_equal(http_head_init(&head, &arena), 0);
	h2_decode_begin(&decoder, H2_BLOCK_REQUEST, &head, SPAN_LIT("https"));
	for (size_t i = 0; i < block.len; i++)
		assert_int_equal(
			h2_decode_feed(&decoder, span_of(block.at + i, 1), i + 1 == block.len),
			H2_DECODED);
	assert_int_equal(h2_decode_end(&decoder, true), H2_DECODED);
	assert_int_equal(head.n_fields, 1);
	h2_decoder_fini(&decoder);
	arena_fini(&arena);
}

static void empty_crumbs_of_a_cookie_leave_nothing_behind(void **state)
{
	struct http_head head;
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(decode(BASE "cookie \ncookie a=1\ncookie \ncookie b=2\ncookie \n", true,
				&arena, &head),
			 H2_DECODED);
	assert_int_equal(head.n_fields, 1);
	assert_true(span_eq(head.fields[0].value, SPAN_LIT("a=1; b=2")));
	assert_int_equal(decode(BASE "cookie \ncookie \n", true, &arena, &head), H2_DECODED);
	assert_int_equal(head.fields[0].value.len, 0);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_by_clause),
		cmocka_unit_test(head_is_in_the_neutral_form),
		cmocka_unit_test(end_of_stream_must_fit_the_length),
		cmocka_unit_test(large_heads_are_said_and_larger_ones_end_it),
		cmocka_unit_test(coding_errors_are_the_connections),
		cmocka_unit_test(empty_crumbs_of_a_cookie_leave_nothing_behind),
		cmocka_unit_test(block_may_come_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
