/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/reuse: each row with its clause.
 */
#include "cache_test.h"

#include "edge/cache/reuse.h"

#define CAME_AT_S INT64_C(784111777)

static void stored_ones_are_reused_as_the_clauses_say(void **state)
{
	static const struct {
		const char *clause, *response, *request; /* Cache-Control of both; NULL: no say */
		int64_t age_s, grace_s;
		enum reuse reuse;
		bool after_failure;
	} rows[] = {
		/* clang-format off */
		{ "9111 4.2", "max-age=10", "", 9, 0, REUSE_FRESH, true },
		{ "9111 4.2 at its lifetime", "max-age=10", "", 10, 0, REUSE_ASK, false },
		{ "9111 5.2.2.4", "max-age=10, no-cache", "", 1, 0, REUSE_ASK, false },
		{ "9111 5.2.2.4 of a field", "max-age=10, no-cache=\"x\"", "", 1, 0, REUSE_FRESH, true },
		{ "9111 5.2.1.4", "max-age=10", "no-cache", 1, 0, REUSE_ASK, false },
		{ "9111 5.2.1 without a say", "max-age=10", NULL, 9, 0, REUSE_FRESH, true },
		{ "9111 5.2.1.1", "max-age=10", "max-age=5", 4, 0, REUSE_FRESH, true },
		{ "9111 5.2.1.1", "max-age=10", "max-age=5", 5, 0, REUSE_ASK, true },
		{ "9111 5.2.1.1 not longer", "max-age=10", "max-age=50", 10, 0, REUSE_ASK, false },
		{ "9111 5.2.1.3", "max-age=10", "min-fresh=3", 6, 0, REUSE_FRESH, true },
		{ "9111 5.2.1.3", "max-age=10", "min-fresh=3", 7, 0, REUSE_ASK, true },
		{ "9111 5.2.1.2", "max-age=10", "max-stale=5", 14, 0, REUSE_FRESH, false },
		{ "9111 5.2.1.2", "max-age=10", "max-stale=5", 15, 0, REUSE_ASK, false },
		{ "9111 5.2.1.2 however stale", "max-age=10", "max-stale", 1000000, 0, REUSE_FRESH, false },
		{ "9111 5.2.2.2 before it", "max-age=10, must-revalidate", "max-stale", 11, 60, REUSE_ASK, false },
		{ "9111 5.2.2.10 before it", "s-maxage=10", "max-stale", 11, 60, REUSE_ASK, false },
		{ "5861 3", "max-age=10, stale-while-revalidate=5", "", 14, 0, REUSE_STALE, false },
		{ "5861 3", "max-age=10, stale-while-revalidate=5", "", 15, 0, REUSE_ASK, false },
		{ "5861 3 not for who wants it fresh", "max-age=10, stale-while-revalidate=5", "max-age=3", 11, 0, REUSE_ASK, false },
		{ "5861 3 its word before ours", "max-age=10, stale-while-revalidate=0", "", 11, 60, REUSE_ASK, true },
		{ "5861 4", "max-age=10, stale-if-error=5", "", 14, 0, REUSE_ASK, true },
		{ "5861 4", "max-age=10, stale-if-error=5", "", 15, 0, REUSE_ASK, false },
		{ "5861 4 of the request", "max-age=10", "stale-if-error=5", 14, 0, REUSE_ASK, true },
		{ "grace", "max-age=10", "", 69, 60, REUSE_STALE, true },
		{ "grace", "max-age=10", "", 70, 60, REUSE_ASK, false },
		/* clang-format on */
	};
	const struct freshness_heuristic none = { .percent = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct freshness fresh = { .status = 200 };
		struct cache_control request;
		enum freshness_source source;
		cache_control_init(&fresh.control);
		cache_control_read(&fresh.control, span_str(rows[i].response));
		cache_control_init(&request);
		cache_control_read(&request, span_str(rows[i].request ?: ""));
		fresh.date_s = CAME_AT_S;
		const struct reuse_grace grace = { rows[i].grace_s, rows[i].grace_s };
		struct reuse_life life;
		reuse_life_make(&fresh, freshness_lifetime_s(&fresh, &none, &source), &grace,
				CAME_AT_S, CAME_AT_S, &life);
		int64_t now_s = CAME_AT_S + rows[i].age_s;
		const struct cache_control *say = rows[i].request ? &request : NULL;
		enum reuse reuse = reuse_judge(&life, now_s, say);
		bool after_failure = reuse_after_failure(&life, now_s, say);
		if (reuse != rows[i].reuse || after_failure != rows[i].after_failure)
			fail_msg("%s, row %zu: %d, %d", rows[i].clause, i, (int)reuse,
				 after_failure);
	}
}

/* RFC 9111 4.2.3: what it was old when it came, and what it took to come. */
static void a_life_begins_before_the_response_came(void **state)
{
	static const struct {
		const char *clause;
		int64_t date_s, age_s, asked_at_s; /* against the moment that it came */
		int64_t born_s;
	} rows[] = {
		{ "4.2.3", 0, 0, 0, 0 },
		{ "4.2.3 apparent_age", -7, 0, 0, -7 },
		{ "4.2.3 a Date to come", 7, 0, 0, 0 },
		{ "4.2.3 age_value and response_delay", 0, 5, -2, -7 },
		{ "4.2.3 the greater of both", -9, 5, -2, -9 },
		{ "a clock that was set back", 0, 5, 3, -5 },
	};
	static const struct reuse_grace none = { 0, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct freshness fresh = { .status = 200,
					   .date_s = CAME_AT_S + rows[i].date_s,
					   .age_s = rows[i].age_s };
		struct reuse_life life;
		cache_control_init(&fresh.control);
		reuse_life_make(&fresh, 60, &none, CAME_AT_S + rows[i].asked_at_s, CAME_AT_S,
				&life);
		if (life.born_s - CAME_AT_S != rows[i].born_s ||
		    life.stale_at_s != life.born_s + 60)
			fail_msg("%s, row %zu: %lld", rows[i].clause, i,
				 (long long)(life.born_s - CAME_AT_S));
		assert_int_equal(reuse_age_s(&life, CAME_AT_S), -rows[i].born_s);
		assert_int_equal(reuse_age_s(&life, CAME_AT_S - 1000), 0);
	}
}

static void pragma_counts_where_cache_control_is_silent(void **state)
{
	static const struct {
		const char *lines[2];
		bool no_cache;
	} rows[] = {
		{ { "Pragma: no-cache" }, true },
		{ { "Pragma: no-cache", "Cache-Control: max-age=5" }, false },
		{ { "Pragma: foo" }, false },
		{ { "Cache-Control: no-cache" }, true },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head head = head_of_lines(&arena, rows[i].lines, 2);
		struct cache_control control;
		reuse_read_request(&head, &control);
		assert_int_equal(cache_control_says(&control, CACHE_NO_CACHE), rows[i].no_cache);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_ones_are_reused_as_the_clauses_say),
		cmocka_unit_test(a_life_begins_before_the_response_came),
		cmocka_unit_test(pragma_counts_where_cache_control_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
