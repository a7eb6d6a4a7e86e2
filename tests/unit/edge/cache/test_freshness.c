/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/freshness: each row with its clause of RFC 9111.
 */
#include "cache_test.h"

#include "edge/cache/freshness.h"

enum { NOW_S = 784111777, LINES = 6 }; /* Sun, 06 Nov 1994 08:49:37 GMT */

#define NOW      "Date: Sun, 06 Nov 1994 08:49:37 GMT"
#define HOUR_AGO "Date: Sun, 06 Nov 1994 07:49:37 GMT"
#define EXPIRES  "Expires: Sun, 06 Nov 1994 09:49:37 GMT" /* an hour from now */

static struct freshness read_lines(struct arena *arena, uint16_t status, const char *const *lines)
{
	struct freshness fresh;
	struct http_head head = head_of_lines(arena, lines, LINES);

	head.status = status;
	freshness_read(&head, NOW_S, &fresh);
	return fresh;
}

static void lifetimes_are_as_the_clauses_say(void **state)
{
	static const struct {
		const char *clause, *lines[LINES];
		uint16_t status;
		enum freshness_source source;
		int64_t lifetime_s;
	} rows[] = {
		/* clang-format off */
		{ "4.2.1", { "Cache-Control: max-age=60" }, 200, FRESHNESS_MAX_AGE, 60 },
		{ "4.2.1 s-maxage is for us", { "Cache-Control: max-age=60, s-maxage=5" }, 200, FRESHNESS_S_MAXAGE, 5 },
		{ "4.2.1 two lines", { "Cache-Control: max-age=60", "cache-control: s-maxage=5" }, 200, FRESHNESS_S_MAXAGE, 5 },
		{ "5.3 max-age is before it", { "Cache-Control: max-age=60", EXPIRES, NOW }, 200, FRESHNESS_MAX_AGE, 60 },
		{ "4.2.1", { EXPIRES, NOW }, 200, FRESHNESS_EXPIRES, 3600 },
		{ "4.2.1 by its own clock", { EXPIRES, HOUR_AGO }, 200, FRESHNESS_EXPIRES, 7200 },
		{ "4.2.1 without a Date", { EXPIRES }, 200, FRESHNESS_EXPIRES, 3600 },
		{ "5.3 no date is the past", { "Expires: 0", NOW }, 200, FRESHNESS_EXPIRES, 0 },
		{ "5.3 no date is the past", { "Expires: tomorrow" }, 200, FRESHNESS_EXPIRES, 0 },
		{ "5.3 the past", { "Expires: Sun, 06 Nov 1994 07:00:00 GMT", NOW }, 200, FRESHNESS_EXPIRES, 0 },
		{ "4.2.2 a tenth", { "Last-Modified: Sun, 06 Nov 1994 07:49:37 GMT", NOW }, 200, FRESHNESS_HEURISTIC, 360 },
		{ "4.2.2 at most", { "Last-Modified: Sun, 06 Nov 1983 07:49:37 GMT", NOW }, 200, FRESHNESS_HEURISTIC, 86400 },
		{ "4.2.2 not of any status", { "Last-Modified: Sun, 06 Nov 1994 07:49:37 GMT", NOW }, 500, FRESHNESS_UNSAID, 0 },
		{ "4.2.2 unless public", { "Last-Modified: Sun, 06 Nov 1994 07:49:37 GMT", NOW, "Cache-Control: public" }, 500, FRESHNESS_HEURISTIC, 360 },
		{ "4.2.2 of the future", { "Last-Modified: Sun, 06 Nov 1994 09:49:37 GMT", NOW }, 200, FRESHNESS_UNSAID, 0 },
		{ "4.2.2 nothing said", { NOW }, 200, FRESHNESS_UNSAID, 0 },
		/* clang-format on */
	};
	const struct freshness_heuristic heuristic = { .percent = 10, .max_s = 86400 };
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct freshness fresh = read_lines(&arena, rows[i].status, rows[i].lines);
		enum freshness_source source;
		int64_t lifetime_s = freshness_lifetime_s(&fresh, &heuristic, &source);
		if (lifetime_s != rows[i].lifetime_s || source != rows[i].source)
			fail_msg("%s, row %zu: %lld from %d", rows[i].clause, i,
				 (long long)lifetime_s, (int)source);
		arena_empty(&arena);
	}
	arena_fini(&arena);
}

static void ages_are_as_the_clauses_say(void **state)
{
	static const struct {
		const char *clause, *lines[LINES];
		int64_t asked_at_s, age_s;
	} rows[] = {
		{ "4.2.3", { NOW }, NOW_S, 0 },
		{ "4.2.3 apparent", { HOUR_AGO }, NOW_S, 3600 },
		{ "4.2.3 a clock that goes ahead", { EXPIRES }, NOW_S, 0 },
		{ "4.2.3 said", { NOW, "Age: 100" }, NOW_S, 100 },
		{ "4.2.3 the delay counts", { NOW, "Age: 100" }, NOW_S - 7, 107 },
		{ "4.2.3 the delay counts", { NOW }, NOW_S - 7, 7 },
		{ "4.2.3 the greater", { HOUR_AGO, "Age: 100" }, NOW_S, 3600 },
		{ "4.2.3 our clock was set back", { NOW }, NOW_S + 60, 0 },
		{ "5.1 the first of a list", { NOW, "Age: 5, 100" }, NOW_S, 5 },
		{ "5.1 no number", { NOW, "Age: 1.5" }, NOW_S, 0 },
		{ "5.1 negative", { NOW, "Age: -5" }, NOW_S, 0 },
		{ "1.2.2 overflow", { NOW, "Age: 99999999999" }, NOW_S, INT64_C(2147483648) },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct freshness fresh = read_lines(&arena, 200, rows[i].lines);
		int64_t age_s = freshness_initial_age_s(&fresh, rows[i].asked_at_s, NOW_S);
		if (age_s != rows[i].age_s)
			fail_msg("%s, row %zu: %lld", rows[i].clause, i, (long long)age_s);
		arena_empty(&arena);
	}
	arena_fini(&arena);
}

static void some_are_never_used_stale(void **state)
{
	static const struct {
		const char *lines[LINES];
		bool forbidden;
	} rows[] = {
		{ { "Cache-Control: max-age=1" }, false },
		{ { "Cache-Control: must-revalidate" }, true },
		{ { "Cache-Control: proxy-revalidate" }, true },
		{ { "Cache-Control: s-maxage=1" }, true },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct freshness fresh = read_lines(&arena, 200, rows[i].lines);
		assert_int_equal(freshness_forbids_stale(&fresh), rows[i].forbidden);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifetimes_are_as_the_clauses_say),
		cmocka_unit_test(ages_are_as_the_clauses_say),
		cmocka_unit_test(some_are_never_used_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
