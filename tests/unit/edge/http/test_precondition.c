/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http/precondition: each row with its clause of RFC 9110, or of RFC 9111.
 */
#include "edge/http/precondition.h"

#include "tests/unit/edge/cache/cache_test.h"

enum { NOW_S = 784111777, LINES = 4 }; /* Sun, 06 Nov 1994 08:49:37 GMT */

#define EARLIER "Sun, 06 Nov 1994 06:00:00 GMT"
#define CHANGED "Sun, 06 Nov 1994 07:00:00 GMT"
#define LATER   "Sun, 06 Nov 1994 08:00:00 GMT"
#define NOW     "Sun, 06 Nov 1994 08:49:37 GMT"

#define DATE     "Date: " NOW
#define MODIFIED "Last-Modified: " CHANGED

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static struct validators stored_of(const char *const *lines, uint16_t status)
{
	struct http_head head = head_of_lines(&arena, lines, LINES);
	struct validators validators;

	head.status = status;
	validators_read(&head, NOW_S, &validators);
	return validators;
}

struct row {
	const char *clause, *stored[LINES], *request[LINES];
	enum precondition outcome;
};

static void check(const struct row *rows, size_t n, enum http_method method,
		  enum precondition_judge judge)
{
	for (size_t i = 0; i < n; i++) {
		struct validators stored = stored_of(rows[i].stored, 200);
		struct http_head request = head_of_lines(&arena, rows[i].request, LINES);
		request.method = method;
		enum precondition r = precondition_evaluate(&request, &stored, judge, NOW_S);
		if (r != rows[i].outcome)
			fail_msg("%s, row %zu: %d", rows[i].clause, i, (int)r);
		arena_empty(&arena);
	}
}

/* clang-format off */
static const struct row cache_rows[] = {
	{ "13.2.2 nothing asked", { "ETag: \"a\"", MODIFIED, DATE }, { NULL }, PRECONDITION_PASSED },
	{ "13.1.2", { "ETag: \"a\"" }, { "If-None-Match: \"a\"" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.2", { "ETag: \"a\"" }, { "If-None-Match: \"b\"" }, PRECONDITION_PASSED },
	{ "13.1.2 weakly", { "ETag: \"a\"" }, { "If-None-Match: W/\"a\"" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.2 weakly", { "ETag: W/\"a\"" }, { "If-None-Match: \"a\"" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.2 a list", { "ETag: \"a\"" }, { "If-None-Match: \"x\", \"a\" ,\"y\"" }, PRECONDITION_NOT_MODIFIED },
	{ "5.3 several lines", { "ETag: \"a\"" }, { "If-None-Match: \"x\"", "if-none-match: \"a\"" }, PRECONDITION_NOT_MODIFIED },
	{ "5.3 several lines", { "ETag: \"a\"" }, { "If-None-Match: \"a\"", "if-none-match: \"x\"" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.2 a star", { "ETag: \"a\"" }, { "If-None-Match: *" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.2 a star, and no tag", { DATE }, { "If-None-Match: *" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.2 a star stands alone", { "ETag: \"a\"" }, { "If-None-Match: *, \"b\"" }, PRECONDITION_PASSED },
	{ "13.1.2 junk", { "ETag: \"a\"" }, { "If-None-Match: foo \"b, \"a\"" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.2 nothing", { "ETag: \"a\"" }, { "If-None-Match: " }, PRECONDITION_PASSED },
	{ "13.1.2 no tag stored", { MODIFIED }, { "If-None-Match: \"a\"" }, PRECONDITION_PASSED },
	{ "8.8.3 without quotes, sent back", { "ETag: a" }, { "If-None-Match: a" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.3 not beside If-None-Match", { "ETag: \"a\"", MODIFIED }, { "If-None-Match: \"b\"", "If-Modified-Since: " CHANGED }, PRECONDITION_PASSED },
	{ "13.1.3 not beside If-None-Match", { "ETag: \"a\"", MODIFIED }, { "If-Modified-Since: " EARLIER, "If-None-Match: \"a\"" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.3 not beside If-None-Match", { MODIFIED }, { "If-None-Match: \"b\"", "If-Modified-Since: " CHANGED }, PRECONDITION_PASSED },
	{ "13.1.3", { MODIFIED, DATE }, { "If-Modified-Since: " CHANGED }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.3 later", { MODIFIED, DATE }, { "If-Modified-Since: " LATER }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.3 earlier", { MODIFIED, DATE }, { "If-Modified-Since: " EARLIER }, PRECONDITION_PASSED },
	{ "5.6.7 in an old form", { MODIFIED, DATE }, { "If-Modified-Since: Sunday, 06-Nov-94 07:00:00 GMT" }, PRECONDITION_NOT_MODIFIED },
	{ "13.1.3 no date", { MODIFIED, DATE }, { "If-Modified-Since: 0" }, PRECONDITION_PASSED },
	{ "13.1.3 two dates", { MODIFIED, DATE }, { "If-Modified-Since: " LATER, "If-Modified-Since: " LATER }, PRECONDITION_PASSED },
	{ "9111 4.3.2 Date instead", { DATE }, { "If-Modified-Since: " NOW }, PRECONDITION_NOT_MODIFIED },
	{ "9111 4.3.2 Date instead", { DATE }, { "If-Modified-Since: " LATER }, PRECONDITION_PASSED },
	{ "9111 4.3.2 when it came instead", { NULL }, { "If-Modified-Since: " NOW }, PRECONDITION_NOT_MODIFIED },
	{ "9111 4.3.2 when it came instead", { "Last-Modified: yesterday" }, { "If-Modified-Since: " LATER }, PRECONDITION_PASSED },
	{ "9111 4.3.2 not a cache's", { "ETag: \"a\"" }, { "If-Match: \"b\"" }, PRECONDITION_PASSED },
	{ "9111 4.3.2 not a cache's", { MODIFIED, DATE }, { "If-Unmodified-Since: " EARLIER }, PRECONDITION_PASSED },
};

static const struct row origin_rows[] = {
	{ "13.1.1", { "ETag: \"a\"" }, { "If-Match: \"a\"" }, PRECONDITION_PASSED },
	{ "13.1.1", { "ETag: \"a\"" }, { "If-Match: \"b\"" }, PRECONDITION_FAILED },
	{ "13.1.1 strongly", { "ETag: W/\"a\"" }, { "If-Match: W/\"a\"" }, PRECONDITION_FAILED },
	{ "13.1.1 strongly", { "ETag: a" }, { "If-Match: a" }, PRECONDITION_FAILED },
	{ "13.1.1 several lines", { "ETag: \"a\"" }, { "If-Match: \"x\", \"y\"", "If-Match: \"a\"" }, PRECONDITION_PASSED },
	{ "13.1.1 a star", { DATE }, { "If-Match: *" }, PRECONDITION_PASSED },
	{ "13.1.1 no tag", { DATE }, { "If-Match: \"a\"" }, PRECONDITION_FAILED },
	{ "13.1.4", { MODIFIED, DATE }, { "If-Unmodified-Since: " EARLIER }, PRECONDITION_FAILED },
	{ "13.1.4", { MODIFIED, DATE }, { "If-Unmodified-Since: " CHANGED }, PRECONDITION_PASSED },
	{ "13.1.4 not beside If-Match", { "ETag: \"a\"", MODIFIED, DATE }, { "If-Match: \"a\"", "If-Unmodified-Since: " EARLIER }, PRECONDITION_PASSED },
	{ "13.1.4 no date", { MODIFIED, DATE }, { "If-Unmodified-Since: never" }, PRECONDITION_PASSED },
	{ "13.1.4 no date known", { DATE }, { "If-Unmodified-Since: " EARLIER }, PRECONDITION_PASSED },
	{ "13.1.3 no date known", { DATE }, { "If-Modified-Since: " NOW }, PRECONDITION_PASSED },
	{ "13.2.2 If-Match before If-None-Match", { "ETag: \"a\"" }, { "If-None-Match: \"a\"", "If-Match: \"b\"" }, PRECONDITION_FAILED },
	{ "13.2.2 both are asked", { "ETag: \"a\"" }, { "If-None-Match: \"a\"", "If-Match: \"a\"" }, PRECONDITION_NOT_MODIFIED },
	{ "13.2.2 both are asked", { MODIFIED, DATE }, { "If-Unmodified-Since: " CHANGED, "If-Modified-Since: " CHANGED }, PRECONDITION_NOT_MODIFIED },
};

static const struct row writing_rows[] = {
	{ "13.2.2", { "ETag: \"a\"" }, { "If-None-Match: *" }, PRECONDITION_FAILED },
	{ "13.2.2", { "ETag: \"a\"" }, { "If-None-Match: \"b\"" }, PRECONDITION_PASSED },
	{ "13.1.3 GET and HEAD alone", { MODIFIED, DATE }, { "If-Modified-Since: " NOW }, PRECONDITION_PASSED },
	{ "13.1.1", { "ETag: \"a\"" }, { "If-Match: \"b\"" }, PRECONDITION_FAILED },
};
/* clang-format on */

static void cache_judges_what_is_its_own(void **state)
{
	(void)state;
	check(cache_rows, ARRAY_LEN(cache_rows), HTTP_METHOD_GET, PRECONDITION_BY_CACHE);
	check(cache_rows, ARRAY_LEN(cache_rows), HTTP_METHOD_HEAD, PRECONDITION_BY_CACHE);
}

static void origin_judges_all_in_their_order(void **state)
{
	(void)state;
	check(origin_rows, ARRAY_LEN(origin_rows), HTTP_METHOD_GET, PRECONDITION_BY_ORIGIN);
	check(writing_rows, ARRAY_LEN(writing_rows), HTTP_METHOD_PUT, PRECONDITION_BY_ORIGIN);
}

/* 9111 4.3.2, and RFC 9110 13.2.1. */
static void other_methods_and_statuses_pass(void **state)
{
	static const char *const stored_lines[LINES] = { "ETag: \"a\"" };
	static const char *const request_lines[LINES] = { "If-None-Match: \"a\"" };
	static const struct {
		enum http_method method;
		uint16_t status;
		enum precondition outcome;
	} rows[] = {
		{ HTTP_METHOD_GET, 200, PRECONDITION_NOT_MODIFIED },
		{ HTTP_METHOD_GET, 206, PRECONDITION_NOT_MODIFIED },
		{ HTTP_METHOD_GET, 301, PRECONDITION_PASSED },
		{ HTTP_METHOD_GET, 404, PRECONDITION_PASSED },
		{ HTTP_METHOD_POST, 200, PRECONDITION_PASSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct validators stored = stored_of(stored_lines, rows[i].status);
		struct http_head request = head_of_lines(&arena, request_lines, LINES);
		request.method = rows[i].method;
		assert_int_equal(
			precondition_evaluate(&request, &stored, PRECONDITION_BY_CACHE, NOW_S),
			rows[i].outcome);
	}
}

static void parts_are_sent_of_the_very_same_alone(void **state)
{
	static const struct {
		const char *clause, *stored[LINES], *request[LINES];
		bool takes;
	} rows[] = {
		/* clang-format off */
		{ "13.1.5 not asked", { NULL }, { NULL }, true },
		{ "13.1.5", { "ETag: \"a\"" }, { "If-Range: \"a\"" }, true },
		{ "13.1.5", { "ETag: \"a\"" }, { "If-Range: \"b\"" }, false },
		{ "13.1.5 no tag stored", { DATE }, { "If-Range: \"b\"" }, false },
		{ "13.1.5 strongly", { "ETag: W/\"a\"" }, { "If-Range: W/\"a\"" }, false },
		{ "13.1.5 strongly", { "ETag: \"a\"" }, { "If-Range: W/\"a\"" }, false },
		{ "13.1.5 strongly", { "ETag: W/\"a\"" }, { "If-Range: \"a\"" }, false },
		{ "13.1.5 no list", { "ETag: \"a\"" }, { "If-Range: \"a\", \"b\"" }, false },
		{ "13.1.5 no star", { "ETag: \"a\"" }, { "If-Range: *" }, false },
		{ "13.1.5 without quotes", { "ETag: a" }, { "If-Range: a" }, false },
		{ "13.1.5 a date", { MODIFIED, DATE }, { "If-Range: " CHANGED }, true },
		{ "13.1.5 a date, and a tag stored", { MODIFIED, DATE, "ETag: \"a\"" }, { "If-Range: " CHANGED }, true },
		{ "13.1.5 a later date is another", { MODIFIED, DATE }, { "If-Range: " LATER }, false },
		{ "13.1.5 an earlier date is another", { MODIFIED, DATE }, { "If-Range: " EARLIER }, false },
		{ "8.8.2.2 of the same second", { MODIFIED, "Date: " CHANGED }, { "If-Range: " CHANGED }, false },
		{ "8.8.2.2 a second later", { MODIFIED, "Date: Sun, 06 Nov 1994 07:00:01 GMT" }, { "If-Range: " CHANGED }, true },
		{ "8.8.2.2 of no known clock", { MODIFIED }, { "If-Range: " CHANGED }, false },
		{ "13.1.5 no Last-Modified", { DATE }, { "If-Range: " NOW }, false },
		{ "5.3 twice", { "ETag: \"a\"" }, { "If-Range: \"a\"", "If-Range: \"a\"" }, false },
		{ "13.1.5 nothing", { "ETag: \"a\"" }, { "If-Range: " }, false },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct validators stored = stored_of(rows[i].stored, 200);
		struct http_head request = head_of_lines(&arena, rows[i].request, LINES);
		if (precondition_takes_range(&request, &stored, NOW_S) != rows[i].takes)
			fail_msg("%s, row %zu", rows[i].clause, i);
		arena_empty(&arena);
	}
}

static void not_modified_selects_what_it_is_about(void **state)
{
	enum { STORED = 3 };
	static const struct {
		const char *clause, *answer[LINES], *stored[STORED][LINES];
		size_t n;
		uint64_t selected;
	} rows[] = {
		/* clang-format off */
		{ "strong", { "ETag: \"a\"" }, { { "ETag: \"a\"" }, { "ETag: \"b\"" } }, 2, 1 },
		{ "strong, all of it", { "ETag: \"a\"" }, { { "ETag: \"a\"" }, { "ETag: \"b\"" }, { "ETag: \"a\"" } }, 3, 5 },
		{ "strong, none", { "ETag: \"c\"" }, { { "ETag: \"a\"" }, { "ETag: \"b\"" } }, 2, 0 },
		{ "strong, a weak one is none", { "ETag: \"a\"" }, { { "ETag: W/\"a\"" } }, 1, 0 },
		{ "strong, by date", { MODIFIED, DATE }, { { MODIFIED, DATE }, { DATE } }, 2, 1 },
		{ "strong, another date", { MODIFIED, DATE }, { { "Last-Modified: " EARLIER, DATE } }, 1, 0 },
		{ "strong, by date where one has no tag", { MODIFIED, DATE }, { { "ETag: \"a\"", MODIFIED, DATE } }, 1, 1 },
		{ "strong, by date where the tags are so weakly", { "ETag: \"a\"", MODIFIED, DATE }, { { "ETag: W/\"a\"", MODIFIED, DATE } }, 1, 1 },
		{ "tags that differ come before a date", { "ETag: \"a\"", MODIFIED, DATE }, { { "ETag: \"b\"", MODIFIED, DATE } }, 1, 0 },
		{ "a date of the same second is not strong", { MODIFIED, DATE }, { { MODIFIED, "Date: " CHANGED } }, 1, 0 },
		{ "weak", { "ETag: W/\"a\"" }, { { "ETag: W/\"b\"" }, { "ETag: W/\"a\"" } }, 2, 2 },
		{ "weak, of a strong one", { "ETag: W/\"a\"" }, { { "ETag: \"a\"" } }, 1, 1 },
		{ "weak, the most recent", { "ETag: W/\"a\"" }, { { "ETag: W/\"a\"", "Date: " EARLIER }, { "ETag: W/\"a\"", "Date: " LATER }, { "ETag: W/\"a\"", "Date: " CHANGED } }, 3, 2 },
		{ "weak, by date", { MODIFIED }, { { MODIFIED, "Date: " CHANGED }, { DATE } }, 2, 1 },
		{ "weak, none", { "ETag: W/\"c\"" }, { { "ETag: W/\"a\"" } }, 1, 0 },
		{ "nothing said of the only one", { DATE }, { { DATE } }, 1, 1 },
		{ "nothing said of the only one that was asked about", { NULL }, { { "ETag: \"a\"" } }, 1, 1 },
		{ "nothing said of two", { DATE }, { { "ETag: \"a\"" }, { "ETag: \"b\"" } }, 2, 0 },
		{ "nothing stored", { "ETag: \"a\"" }, { { NULL } }, 0, 0 },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct validators stored[STORED], answer = stored_of(rows[i].answer, 304);
		for (size_t j = 0; j < rows[i].n; j++)
			stored[j] = stored_of(rows[i].stored[j], 200);
		uint64_t selected = validators_selected(&answer, stored, rows[i].n);
		if (selected != rows[i].selected)
			fail_msg("9111 4.3.4 %s, row %zu: %#llx", rows[i].clause, i,
				 (unsigned long long)selected);
		arena_empty(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cache_judges_what_is_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(origin_judges_all_in_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(other_methods_and_statuses_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(parts_are_sent_of_the_very_same_alone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(not_modified_selects_what_it_is_about, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
