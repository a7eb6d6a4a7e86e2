/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_write: heads as they are written, by table.
 */
#include "edge/http1/h1_write.h"

#include "tests/unit/edge/http1/wire.h"

static struct wire wire;
static struct h1_out out;
static struct arena arena;
static struct http_head head;

static int setup(void **state)
{
	(void)state;
	wire_init(&wire);
	h1_out_init(&out, wire.slab);
	arena_init(&arena, 16384);
	assert_int_equal(http_head_init(&head, &arena), 0);
	head.version_major = head.version_minor = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	h1_out_fini(&out);
	arena_fini(&arena);
	wire_fini(&wire);
	return 0;
}

static void expect(const char *text)
{
	struct span front = chain_front(&out.outlet.chain);

	assert_int_equal(h1_out_check(&out), 0);
	if (!span_eq(front, span_str(text)))
		fail_msg("\"%.*s\" is not \"%s\"", SPAN_FMT(front), text);
	outlet_clear(&out.outlet);
}

static void request_is_written_fresh(void **state)
{
	(void)state;
	head.method = HTTP_METHOD_GET;
	head.target = SPAN_LIT("/a?b");
	head.authority = SPAN_LIT("a.test");
	assert_int_equal(http_head_add(&head, HTTP_NAME_VIA, SPAN_LIT("1.1 x")), 0);
	h1_write_request(&out, &head, true);
	expect("GET /a?b HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 x\r\n\r\n");
	assert_true(out.ended);
}

static void request_says_how_its_body_ends(void **state)
{
	(void)state;
	head.method = HTTP_METHOD_OTHER;
	head.method_text = SPAN_LIT("PURGE");
	head.target = SPAN_LIT("/");
	head.authority = SPAN_LIT("a");
	head.body = HTTP_BODY_LENGTH;
	head.body_length = 7;
	h1_write_request(&out, &head, false);
	expect("PURGE / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
	assert_int_equal(out.length_left, 7);
	head.body = HTTP_BODY_STREAM;
	h1_write_request(&out, &head, false);
	expect("PURGE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	/* RFC 9110 8.6 */
	head.body = HTTP_BODY_NONE;
	head.method = HTTP_METHOD_POST;
	h1_write_request(&out, &head, true);
	expect("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
}

static void responses_are_framed_for_their_client(void **state)
{
	static const struct {
		unsigned status;
		enum http_body body;
		bool has_length, end;
		uint8_t method; /* enum http_method */
		uint8_t minor;
		bool keep, keeps;
		const char *text; /* behind the reason */
	} cases[] = {
		{ 200, HTTP_BODY_LENGTH, true, false, HTTP_METHOD_GET, 1, true, true,
		  "Content-Length: 9\r\n\r\n" },
		{ 200, HTTP_BODY_STREAM, false, false, HTTP_METHOD_GET, 1, true, true,
		  "Transfer-Encoding: chunked\r\n\r\n" },
		{ 200, HTTP_BODY_UNTIL_CLOSE, false, false, HTTP_METHOD_GET, 1, true, true,
		  "Transfer-Encoding: chunked\r\n\r\n" },
		{ 200, HTTP_BODY_STREAM, false, false, HTTP_METHOD_GET, 0, true, false,
		  "Connection: close\r\n\r\n" },
		{ 200, HTTP_BODY_LENGTH, true, false, HTTP_METHOD_GET, 0, true, true,
		  "Content-Length: 9\r\nConnection: keep-alive\r\n\r\n" },
		{ 200, HTTP_BODY_LENGTH, true, false, HTTP_METHOD_GET, 1, false, false,
		  "Content-Length: 9\r\nConnection: close\r\n\r\n" },
		{ 200, HTTP_BODY_NONE, false, true, HTTP_METHOD_GET, 1, true, true,
		  "Content-Length: 0\r\n\r\n" },
		{ 200, HTTP_BODY_NONE, true, true, HTTP_METHOD_HEAD, 1, true, true,
		  "Content-Length: 9\r\n\r\n" },
		{ 200, HTTP_BODY_NONE, false, true, HTTP_METHOD_HEAD, 1, true, true, "\r\n" },
		{ 200, HTTP_BODY_LENGTH, true, false, HTTP_METHOD_HEAD, 1, true, true,
		  "Content-Length: 9\r\n\r\n" },
		{ 204, HTTP_BODY_NONE, false, true, HTTP_METHOD_GET, 1, true, true, "\r\n" },
		{ 304, HTTP_BODY_NONE, true, true, HTTP_METHOD_GET, 1, true, true,
		  "Content-Length: 9\r\n\r\n" },
		{ 304, HTTP_BODY_NONE, false, true, HTTP_METHOD_GET, 1, true, true, "\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct h1_answer answer = { (enum http_method)cases[i].method, cases[i].minor,
						  cases[i].keep, SPAN_NONE };
		char text[200];
		head.status = (uint16_t)cases[i].status;
		head.reason = SPAN_LIT("R");
		head.body = cases[i].body;
		head.body_length = 9;
		head.has_length = cases[i].has_length;
		assert_int_equal(h1_write_response(&out, &head, cases[i].end, &answer),
				 cases[i].keeps);
		snprintf(text, sizeof(text), "HTTP/1.1 %u R\r\n%s", cases[i].status, cases[i].text);
		expect(text);
	}
}

static void date_is_added_unless_the_response_has_one(void **state)
{
	const struct h1_answer answer = { HTTP_METHOD_GET, 1, true, SPAN_LIT("D1") };

	(void)state;
	head.status = 204;
	h1_write_response(&out, &head, true, &answer);
	expect("HTTP/1.1 204 No Content\r\nDate: D1\r\n\r\n");
	assert_int_equal(http_head_add(&head, HTTP_NAME_DATE, SPAN_LIT("D2")), 0);
	h1_write_response(&out, &head, true, &answer);
	expect("HTTP/1.1 204 No Content\r\nDate: D2\r\n\r\n");
}

static void interim_and_refusal_are_whole(void **state)
{
	(void)state;
	head.status = 103;
	assert_int_equal(http_head_add_other(&head, SPAN_LIT("Link"), SPAN_LIT("</a>")), 0);
	h1_write_interim(&out, &head);
	expect("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	h1_write_refusal(&out, 400, false, SPAN_LIT("D"));
	expect("HTTP/1.1 400 Bad Request\r\nDate: D\r\nContent-Type: text/plain\r\n"
	       "Content-Length: 16\r\nConnection: close\r\n\r\n400 Bad Request\n");
	h1_write_refusal(&out, 405, true, SPAN_LIT("D"));
	expect("HTTP/1.1 405 Method Not Allowed\r\nDate: D\r\nContent-Type: text/plain\r\n"
	       "Content-Length: 23\r\nAllow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, "
	       "TRACE\r\n"
	       "Connection: close\r\n\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(request_is_written_fresh, setup, teardown),
		cmocka_unit_test_setup_teardown(request_says_how_its_body_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(responses_are_framed_for_their_client, setup,
						teardown),
		cmocka_unit_test_setup_teardown(date_is_added_unless_the_response_has_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(interim_and_refusal_are_whole, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
