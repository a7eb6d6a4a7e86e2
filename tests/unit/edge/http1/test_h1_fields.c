/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_fields: what leaves the fields, and what Connection takes with it. The rows of
 * test_h1_parse go through here, too.
 */
#include "edge/http1/h1_fields.h"

#include "tests/unit/edge/edge_test.h"

static const struct h1_limits limits = { 1000, 4000, 50 };

static void connection_takes_what_it_names(void **state)
{
	struct arena arena;
	struct http_head head;
	struct h1_special special;

	(void)state;
	arena_init(&arena, 16384);
	assert_int_equal(http_head_init(&head, &arena), 0);
	int r = h1_fields_read(
		SPAN_LIT("X-A: 1\r\nconnection: x-a, ACCEPT,\r\nAccept: b\r\nX-B: 2\r\n"
			 "Connection: ,keep-alive\r\nX-a: 3\r\n\r\n"),
		&limits, &head, &special);
	assert_int_equal(r, H1_PARSED);
	assert_int_equal(head.n_fields, 1);
	assert_true(span_eq(head.fields[0].name, SPAN_LIT("X-B")));
	assert_true(special.keep_alive && !special.close);
	arena_fini(&arena);
}

static void what_is_for_all_readers_stays_though_connection_names_it(void **state)
{
	static const char *const names[] = {
		/* RFC 9110 7.6.1: its own example, and what else a client could want away */
		"Cache-Control", "Cookie",          "Authorization",    "Content-Type", "Via",
		"Max-Forwards",  "X-Forwarded-For", "X-Forwarded-Ssl",  "Forwarded",    "X-Real-IP",
		"X-Request-ID",  "Set-Cookie",      "Content-Encoding", "Vary",         "If-Match",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct arena arena;
		struct http_head head;
		struct h1_special special;
		char text[200];
		arena_init(&arena, 16384);
		assert_int_equal(http_head_init(&head, &arena), 0);
		snprintf(text, sizeof(text),
			 "%s: 1\r\nContent-Length: 7\r\nHost: a\r\n"
			 "Connection: close, %s, Host, Content-Length, Transfer-Encoding\r\n\r\n",
			 names[i], names[i]);
		assert_int_equal(h1_fields_read(span_str(text), &limits, &head, &special),
				 H1_PARSED);
		if (head.n_fields != 1)
			fail_msg("%s is gone", names[i]);
		assert_true(special.close && special.n_hosts == 1 && special.n_lengths == 1);
		arena_fini(&arena);
	}
}

static void nine_lines_of_connection_are_too_many(void **state)
{
	struct arena arena;
	struct http_head head;
	struct h1_special special;
	char text[400] = "";
	size_t len = 0;

	(void)state;
	arena_init(&arena, 16384);
	for (int i = 0; i < 9; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "Connection: a\r\n");
	snprintf(text + len, sizeof(text) - len, "\r\n");
	assert_int_equal(http_head_init(&head, &arena), 0);
	assert_int_equal(h1_fields_read(span_str(text), &limits, &head, &special), H1_HEAD_LARGE);
	arena_fini(&arena);
}

static void framing_is_read_from_what_left(void **state)
{
	struct http_head head = { .version_minor = 1 };
	struct h1_special special = { .n_lengths = 1, .length = SPAN_LIT("12") };
	bool chunked;

	(void)state;
	assert_int_equal(h1_framing_read(&special, &head, &chunked), H1_PARSED);
	assert_int_equal(head.body, HTTP_BODY_LENGTH);
	assert_int_equal(head.body_length, 12);
	assert_false(chunked);
	special = (struct h1_special){ .n_codings = 1, .coding = SPAN_LIT("chunked") };
	assert_int_equal(h1_framing_read(&special, &head, &chunked), H1_PARSED);
	assert_int_equal(head.body, HTTP_BODY_STREAM);
	assert_true(chunked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_takes_what_it_names),
		cmocka_unit_test(what_is_for_all_readers_stays_though_connection_names_it),
		cmocka_unit_test(nine_lines_of_connection_are_too_many),
		cmocka_unit_test(framing_is_read_from_what_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
