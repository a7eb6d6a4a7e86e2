/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_body: chunked bodies by table, whole and byte by byte.
 */
#include "edge/http1/h1_body.h"

#include "tests/unit/edge/edge_test.h"

enum { RESULT_BYTES = 128 };

struct result {
	int outcome;
	size_t eaten;
	size_t n_data, n_trailers;
	char data[RESULT_BYTES], trailers[RESULT_BYTES];
};

static void collect(char *to, size_t *n, struct span bytes)
{
	for (size_t i = 0; i < bytes.len && *n < RESULT_BYTES; i++)
		to[(*n)++] = (char)bytes.at[i];
}

/* Feeds pieces of `step` bytes. */
static struct result decode(struct h1_body body, struct span input, size_t step)
{
	struct result result = { .outcome = H1_BODY_MORE };

	while (result.outcome == H1_BODY_MORE || result.outcome == H1_BODY_DATA ||
	       result.outcome == H1_BODY_TRAILER) {
		struct span piece = span_first(span_from(input, result.eaten), step), data;
		size_t eaten;
		bool last = piece.len == 0;
		result.outcome = h1_body_next(&body, piece, &eaten, &data);
		result.eaten += eaten;
		if (result.outcome == H1_BODY_TRAILER)
			collect(result.trailers, &result.n_trailers, data);
		else
			collect(result.data, &result.n_data, data);
		if (last && result.outcome == H1_BODY_MORE)
			break;
	}
	return result;
}

struct row {
	const char *clause;
	const char *input;
	int outcome;
	const char *data;
};

/* clang-format off */
static const struct row rows[] = {
	{ "9112 7.1 one chunk",                 "3\r\nabc\r\n0\r\n\r\n", H1_BODY_END, "abc" },
	{ "9112 7.1 two chunks",                "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", H1_BODY_END, "abc" },
	{ "9112 7.1 hex in both cases",         "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", H1_BODY_END, "01234567890123456789" },
	{ "9112 7.1 leading zeros",             "0003\r\nabc\r\n000\r\n\r\n", H1_BODY_END, "abc" },
	{ "9112 7.1 what follows is not eaten", "0\r\n\r\nGET", H1_BODY_END, "" },
	{ "9112 7.1 not whole",                 "3\r\nab", H1_BODY_MORE, "ab" },
	{ "9112 7.1 no last chunk",             "3\r\nabc\r\n", H1_BODY_MORE, "abc" },
	{ "9112 7.1 last CRLF missing",         "0\r\n", H1_BODY_MORE, "" },
	{ "9112 7.1 no size",                   "\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 sign",                      "+3\r\nabc\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 minus",                     "-1\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 0x",                        "0x3\r\nabc\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 not hex",                   "g\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 space before",              " 3\r\nabc\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 space behind",              "3 \r\nabc\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 LF alone behind the size",  "3\nabc\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 LF alone behind the data",  "3\r\nabc\n0\r\n\r\n", H1_BODY_MALFORMED, "abc" },
	{ "9112 7.1 data too long",             "3\r\nabcd\r\n", H1_BODY_MALFORMED, "abc" },
	{ "9112 7.1 CR without LF",             "3\rabc", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 overflow",                  "10000000000000000\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 beyond any file",           "8000000000000000\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1 the largest",               "7fffffffffffffff\r\na", H1_BODY_MORE, "a" },
	{ "9112 7.1.1 extensions",              "1;a=b;c=\"d;e\"\r\na\r\n0;x\r\n\r\n", H1_BODY_END, "a" },
	{ "9112 7.1.1 control in an extension", "1;a\x01\r\na\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1.1 LF in an extension",      "1;a\nb\r\na\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1.2 trailers",                "0\r\nA: b\r\nC:\r\n\r\n", H1_BODY_END, "" },
	{ "9112 7.1.2 no colon",                "0\r\nA\r\n\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1.2 space before the colon",  "0\r\nA : b\r\n\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 5.2 folded trailer",            "0\r\nA: b\r\n c\r\n\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1.2 LF ends a trailer",       "0\r\nA: b\n\r\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1.2 LF ends all",             "0\r\n\n", H1_BODY_MALFORMED, "" },
	{ "9112 7.1.2 data for a trailer",      "0\r\nGET / HTTP/1.1\r\n\r\n", H1_BODY_MALFORMED, "" },
};
/* clang-format on */

static void chunked_bodies_get_what_their_clause_says(void **state)
{
	struct h1_body body;

	(void)state;
	h1_body_init(&body, HTTP_BODY_STREAM, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct result whole = decode(body, span_str(row->input), 1000);
		for (size_t step = 1; step < 4; step++) {
			struct result cut = decode(body, span_str(row->input), step);
			assert_int_equal(cut.outcome, whole.outcome);
			assert_int_equal(cut.eaten, whole.eaten);
			assert_int_equal(cut.n_data, whole.n_data);
		}
		if (whole.outcome != row->outcome ||
		    !span_eq(span_of(whole.data, whole.n_data), span_str(row->data)))
			fail_msg("%s: %d \"%.*s\"", row->clause, whole.outcome, (int)whole.n_data,
				 whole.data);
	}
}

static void trailer_lines_are_given_without_the_empty_one(void **state)
{
	const char *input = "1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\nGET";
	struct h1_body body;

	(void)state;
	h1_body_init(&body, HTTP_BODY_STREAM, 0);
	for (size_t step = 1; step < 40; step++) {
		struct result result = decode(body, span_str(input), step);
		assert_int_equal(result.outcome, H1_BODY_END);
		assert_int_equal(result.eaten, strlen(input) - 3);
		assert_true(span_eq(span_of(result.trailers, result.n_trailers),
				    SPAN_LIT("A: b\r\nC:\r\n")));
	}
}

static void body_of_a_length_ends_there(void **state)
{
	struct h1_body body;

	(void)state;
	h1_body_init(&body, HTTP_BODY_LENGTH, 3);
	assert_int_equal(h1_body_left(&body), 3);
	struct result result = decode(body, SPAN_LIT("abcd"), 2);
	assert_int_equal(result.outcome, H1_BODY_END);
	assert_int_equal(result.eaten, 3);
	h1_body_init(&body, HTTP_BODY_LENGTH, 0);
	assert_true(h1_body_ended(&body));
	h1_body_init(&body, HTTP_BODY_NONE, 0);
	assert_true(h1_body_ended(&body));
}

static void bytes_that_go_by_unseen_count(void **state)
{
	struct h1_body body;

	(void)state;
	h1_body_init(&body, HTTP_BODY_LENGTH, 10);
	assert_int_equal(h1_body_unseen(&body), 10);
	h1_body_pass(&body, 4);
	assert_int_equal(h1_body_left(&body), 6);
	h1_body_pass(&body, 6);
	assert_true(h1_body_ended(&body));
	assert_int_equal(h1_body_unseen(&body), 0);

	h1_body_init(&body, HTTP_BODY_UNTIL_CLOSE, 0);
	assert_true(h1_body_unseen(&body) == UINT64_MAX);
	h1_body_pass(&body, 4);
	assert_true(h1_body_ends_at_close(&body));

	h1_body_init(&body, HTTP_BODY_STREAM, 0); /* its chunks must be looked at */
	assert_int_equal(h1_body_unseen(&body), 0);
}

static void body_until_close_never_ends_by_itself(void **state)
{
	struct h1_body body;

	(void)state;
	h1_body_init(&body, HTTP_BODY_UNTIL_CLOSE, 0);
	assert_true(h1_body_ends_at_close(&body));
	struct result result = decode(body, SPAN_LIT("abcd"), 3);
	assert_int_equal(result.outcome, H1_BODY_MORE);
	assert_int_equal(result.n_data, 4);
}

/* Feeds `text` n times, behind `first`. */
static int feed(const char *first, const char *text, int n)
{
	struct h1_body body;
	struct span data;
	size_t eaten;
	int r = H1_BODY_MORE;

	h1_body_init(&body, HTTP_BODY_STREAM, 0);
	for (int i = -1; i < n && r != H1_BODY_MALFORMED; i++) {
		struct span rest = span_str(i < 0 ? first : text);
		do {
			r = h1_body_next(&body, rest, &eaten, &data);
			rest = span_from(rest, eaten);
		} while (r == H1_BODY_DATA || r == H1_BODY_TRAILER);
	}
	return r;
}

static void extensions_and_trailers_have_bounds(void **state)
{
	(void)state;
	assert_int_equal(feed("1;", "x", H1_MAX_EXTENSION_BYTES), H1_BODY_MORE);
	assert_int_equal(feed("1;", "x", H1_MAX_EXTENSION_BYTES + 1), H1_BODY_MALFORMED);
	assert_int_equal(feed("", "1;aaaa\r\na\r\n", H1_MAX_EXTENSIONS_BYTES / 4), H1_BODY_MORE);
	assert_int_equal(feed("", "1;aaaa\r\na\r\n", H1_MAX_EXTENSIONS_BYTES / 4 + 1),
			 H1_BODY_MALFORMED);
	assert_int_equal(feed("0\r\n", "a: b\r\n", H1_MAX_TRAILER_BYTES / 8), H1_BODY_MORE);
	assert_int_equal(feed("0\r\n", "a: b\r\n", H1_MAX_TRAILER_BYTES / 4), H1_BODY_MALFORMED);
	assert_int_equal(feed("", "0", H1_MAX_SIZE_DIGITS + 1), H1_BODY_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunked_bodies_get_what_their_clause_says),
		cmocka_unit_test(trailer_lines_are_given_without_the_empty_one),
		cmocka_unit_test(body_of_a_length_ends_there),
		cmocka_unit_test(bytes_that_go_by_unseen_count),
		cmocka_unit_test(body_until_close_never_ends_by_itself),
		cmocka_unit_test(extensions_and_trailers_have_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
