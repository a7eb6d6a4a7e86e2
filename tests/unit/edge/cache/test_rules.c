/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/rules: what a configuration says for those who said nothing, whose word
 * counts, and what is taken out.
 */
#include "../report/facts_sample.h"
#include "cache_test.h"

#include <errno.h>

#include "edge/cache/purge.h"
#include "edge/cache/rules.h"

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW_S INT64_C(784111777)

enum { LINES = 4 };

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static struct cache_rules *rules_of(const struct cache_rules_conf *conf)
{
	struct cache_rules *rules;
	char error[160] = "";

	assert_int_equal(cache_rules_new(conf, NULL, &rules, error), 0);
	assert_ptr_equal(cache_rules_conf(rules), conf);
	return rules;
}

/* A GET now, answered at once. */
static enum storable judge(const struct cache_rules_conf *conf, uint16_t status,
			   const char *const *lines, struct reuse_life *ret_life)
{
	struct cache_rules *rules = rules_of(conf);
	struct http_head request = { .method = HTTP_METHOD_GET };
	struct http_head response = head_of_lines(&arena, lines, LINES);

	response.status = status;
	enum storable verdict =
		cache_rules_judge(rules, &request, &response, NOW_S, NOW_S, ret_life);
	cache_rules_free(rules);
	return verdict;
}

/* ---- how long ----------------------------------------------------------------------------------
 */

static void who_said_nothing_lives_as_long_as_his_status_says(void **state)
{
	static struct cache_valid_conf valid[] = {
		{ "200", 60000 }, { "404", 0 }, { "4xx", 5000 }, { "302", 1500 }, { "any", 1000 },
	};
	static const struct cache_rules_conf conf = { .valid = valid,
						      .n_valid = ARRAY_LEN(valid),
						      .heuristic_pct = 10,
						      .heuristic_max_ms = 86400000 };
	static const struct {
		uint16_t status;
		const char *lines[LINES];
		enum storable verdict;
		int64_t lifetime_s;
	} rows[] = {
		/* clang-format off */
		{ 200, { NULL }, STORABLE, 60 },
		{ 200, { "Cache-Control: public" }, STORABLE, 60 },
		{ 200, { "Cache-Control: max-age=7" }, STORABLE, 7 },
		{ 200, { "Cache-Control: s-maxage=8, max-age=7" }, STORABLE, 8 },
		{ 200, { "Expires: Sun, 06 Nov 1994 08:49:46 GMT" }, STORABLE, 9 },
		{ 200, { "Cache-Control: max-age=0" }, STORABLE_NOT_SAID, 0 },
		{ 200, { "Cache-Control: max-age=0", "ETag: \"a\"" }, STORABLE, 0 },
		{ 200, { "Cache-Control: no-store" }, STORABLE_NOT_NO_STORE, 60 },
		{ 200, { "Cache-Control: private" }, STORABLE_NOT_PRIVATE, 60 },
		{ 200, { "Last-Modified: Sat, 06 Nov 1993 08:49:37 GMT" }, STORABLE, 60 },
		{ 404, { NULL }, STORABLE_NOT_SAID, 0 },
		{ 404, { "ETag: \"a\"" }, STORABLE, 0 },
		{ 403, { NULL }, STORABLE, 5 },
		{ 302, { NULL }, STORABLE, 1 },
		{ 307, { NULL }, STORABLE, 1 },
		{ 599, { NULL }, STORABLE, 1 },
		{ 206, { NULL }, STORABLE_NOT_STATUS, 1 },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reuse_life life;
		enum storable verdict = judge(&conf, rows[i].status, rows[i].lines, &life);
		if (verdict != rows[i].verdict ||
		    life.stale_at_s - life.born_s != rows[i].lifetime_s)
			fail_msg("row %zu: %d, %lld", i, (int)verdict,
				 (long long)(life.stale_at_s - life.born_s));
	}
}

static void without_a_word_a_guess_within_bounds(void **state)
{
	static const struct {
		uint32_t percent;
		int64_t max_ms;
		uint16_t status;
		const char *line;
		int64_t lifetime_s;
		enum storable verdict;
	} rows[] = {
		/* clang-format off */
		{ 10, 86400000, 200, "Last-Modified: Sun, 06 Nov 1994 08:32:57 GMT", 100, STORABLE },
		{ 10, 50000, 200, "Last-Modified: Sun, 06 Nov 1994 08:32:57 GMT", 50, STORABLE },
		{ 0, 86400000, 200, "Last-Modified: Sun, 06 Nov 1994 08:32:57 GMT", 0, STORABLE },
		{ 10, 86400000, 200, "Last-Modified: Mon, 07 Nov 1994 08:32:57 GMT", 0, STORABLE },
		{ 10, 86400000, 200, "ETag: \"a\"", 0, STORABLE },
		{ 10, 86400000, 200, NULL, 0, STORABLE_NOT_SAID },
		{ 10, 86400000, 302, "Last-Modified: Sun, 06 Nov 1994 08:32:57 GMT", 0, STORABLE_NOT_SAID },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cache_rules_conf conf = { .heuristic_pct = rows[i].percent,
						       .heuristic_max_ms = rows[i].max_ms };
		const char *const lines[LINES] = { rows[i].line };
		struct reuse_life life;
		enum storable verdict = judge(&conf, rows[i].status, lines, &life);
		if (verdict != rows[i].verdict ||
		    life.stale_at_s - life.born_s != rows[i].lifetime_s)
			fail_msg("row %zu: %d, %lld", i, (int)verdict,
				 (long long)(life.stale_at_s - life.born_s));
	}
}

static void grace_is_for_who_says_neither_yes_nor_no(void **state)
{
	static const struct cache_rules_conf conf = { .swr_ms = 30000, .sie_ms = 60000 };
	static const struct {
		const char *line;
		int64_t swr_s, sie_s;
	} rows[] = {
		{ "Cache-Control: max-age=5", 30, 60 },
		{ "Cache-Control: max-age=5, stale-while-revalidate=1", 1, 60 },
		{ "Cache-Control: max-age=5, stale-if-error=0", 30, 0 },
		{ "Cache-Control: max-age=5, must-revalidate", 0, 0 },
		{ "Cache-Control: max-age=5, proxy-revalidate", 0, 0 },
		{ "Cache-Control: s-maxage=5", 0, 0 },
		{ "Cache-Control: s-maxage=5, stale-while-revalidate=9", 9, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const lines[LINES] = { rows[i].line };
		struct reuse_life life;
		assert_int_equal(judge(&conf, 200, lines, &life), STORABLE);
		assert_int_equal(life.swr_s, rows[i].swr_s);
		assert_int_equal(life.sie_s, rows[i].sie_s);
	}
}

/* ---- whose word counts -------------------------------------------------------------------------
 */

static void what_is_ignored_has_no_say(void **state)
{
	static const struct {
		const char *ignore;
		uint16_t status;
		const char *lines[LINES];
		enum storable verdict;
		int64_t lifetime_s, age_s;
	} rows[] = {
		/* clang-format off */
		{ "Cache-Control", 200, { "Cache-Control: max-age=7", "Expires: Sun, 06 Nov 1994 08:49:46 GMT" }, STORABLE, 9, 0 },
		{ "cache-control", 200, { "Cache-Control: private, no-store", "ETag: \"a\"" }, STORABLE, 0, 0 },
		{ "Expires", 200, { "Cache-Control: max-age=7", "Expires: 0" }, STORABLE, 7, 0 },
		{ "Expires", 200, { "Expires: Sun, 06 Nov 1994 08:49:46 GMT" }, STORABLE_NOT_SAID, 0, 0 },
		{ "Age", 200, { "Cache-Control: max-age=7", "Age: 5" }, STORABLE, 7, 0 },
		{ "X-Other", 200, { "Cache-Control: max-age=7", "Age: 5" }, STORABLE, 7, 5 },
		{ "Vary", 200, { "Cache-Control: max-age=7", "Vary: *" }, STORABLE, 7, 0 },
		{ "X-Other", 200, { "Cache-Control: max-age=7", "Vary: *" }, STORABLE_NOT_VARY, 7, 0 },
		{ "Vary", 302, { "Vary: *", "ETag: \"a\"" }, STORABLE_NOT_SAID, 0, 0 }, /* the rest of the verdict stands */
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *ignore[] = { rows[i].ignore };
		const struct cache_rules_conf conf = { .ignore = ignore, .n_ignore = 1 };
		struct reuse_life life;
		enum storable verdict = judge(&conf, rows[i].status, rows[i].lines, &life);
		if (verdict != rows[i].verdict || NOW_S - life.born_s != rows[i].age_s ||
		    life.stale_at_s - life.born_s != rows[i].lifetime_s)
			fail_msg("row %zu: %d, %lld", i, (int)verdict,
				 (long long)(life.stale_at_s - life.born_s));
	}
}

/* RFC 9213 2.2. */
static void the_first_targeted_field_that_is_sound_says_it_all(void **state)
{
	static const char *ours[] = { "Ours-Cache-Control", "CDN-Cache-Control" };
	static const struct {
		bool set;
		size_t n;
		const char *lines[LINES];
		enum storable verdict;
		int64_t lifetime_s;
	} rows[] = {
		/* clang-format off */
		{ false, 0, { "CDN-Cache-Control: max-age=9", "Cache-Control: max-age=7, private" }, STORABLE, 9 },
		{ false, 0, { "CDN-Cache-Control: no-store", "Cache-Control: max-age=7" }, STORABLE_NOT_NO_STORE, 0 },
		{ false, 0, { "CDN-Cache-Control: public, max-age=9", "Expires: 0" }, STORABLE, 9 },
		{ false, 0, { "CDN-Cache-Control: public", "ETag: \"a\"", "Expires: Sun, 06 Nov 1994 08:49:46 GMT" }, STORABLE, 0 },
		{ false, 0, { "CDN-Cache-Control: ,", "Cache-Control: max-age=7" }, STORABLE, 7 },
		{ false, 0, { "CDN-Cache-Control:", "Cache-Control: max-age=7" }, STORABLE, 7 },
		{ false, 0, { "CDN-Cache-Control: max-age=9", "cdn-cache-control: must-revalidate" }, STORABLE, 9 },
		{ false, 0, { "Ours-Cache-Control: max-age=8", "Cache-Control: max-age=7" }, STORABLE, 7 },
		{ true, 2, { "CDN-Cache-Control: max-age=9", "Ours-Cache-Control: max-age=8" }, STORABLE, 8 },
		{ true, 2, { "CDN-Cache-Control: max-age=9", "Ours-Cache-Control: max-age=" }, STORABLE, 9 },
		{ true, 0, { "CDN-Cache-Control: max-age=9", "Cache-Control: max-age=7" }, STORABLE, 7 },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cache_rules_conf conf = { .targets_set = rows[i].set,
						       .targets = ours,
						       .n_targets = rows[i].n };
		struct reuse_life life;
		enum storable verdict = judge(&conf, 200, rows[i].lines, &life);
		if (verdict != rows[i].verdict ||
		    life.stale_at_s - life.born_s != rows[i].lifetime_s)
			fail_msg("row %zu: %d, %lld", i, (int)verdict,
				 (long long)(life.stale_at_s - life.born_s));
	}
}

/* RFC 9111 7.3. */
static void a_cookie_is_one_clients_unless_the_origin_says_else(void **state)
{
	static struct cache_valid_conf valid[] = { { "any", 60000 } };
	static const struct {
		int set_cookie;
		const char *said;
		enum storable verdict;
	} rows[] = {
		{ CACHE_COOKIE_EXPLICIT, "Cache-Control: max-age=7", STORABLE },
		{ CACHE_COOKIE_EXPLICIT, "Expires: Sun, 06 Nov 1994 08:49:46 GMT", STORABLE },
		{ CACHE_COOKIE_EXPLICIT, "X-Nothing: 1", STORABLE_NOT_COOKIE },
		{ CACHE_COOKIE_REFUSE, "Cache-Control: max-age=7", STORABLE_NOT_COOKIE },
		{ CACHE_COOKIE_REFUSE, "X-Nothing: 1", STORABLE_NOT_COOKIE },
		{ CACHE_COOKIE_STRIP, "Cache-Control: max-age=7", STORABLE },
		{ CACHE_COOKIE_STRIP, "X-Nothing: 1", STORABLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cache_rules_conf conf = { .set_cookie = rows[i].set_cookie,
						       .valid = valid,
						       .n_valid = 1 };
		const char *lines[LINES] = { rows[i].said, "Set-Cookie: a=1" };
		struct reuse_life life;
		assert_int_equal(judge(&conf, 200, lines, &life), rows[i].verdict);
		lines[1] = NULL;
		assert_int_equal(judge(&conf, 200, lines, &life), STORABLE);
	}
}

/* ---- what is taken out -------------------------------------------------------------------------
 */

static void what_is_not_to_be_stored_is_taken_out(void **state)
{
	static const struct {
		int set_cookie;
		const char *lines[LINES], *kept, *own;
	} rows[] = {
		/* clang-format off */
		{ CACHE_COOKIE_EXPLICIT, { "A: 1", "Age: 5", "B: 2" }, "A B ", "" },
		{ CACHE_COOKIE_EXPLICIT, { "Surrogate-Key: a", "cache-tag: b", "A: 1" }, "A ", "" },
		{ CACHE_COOKIE_EXPLICIT, { "Set-Cookie: a", "A: 1" }, "Set-Cookie A ", "" },
		{ CACHE_COOKIE_STRIP, { "Set-Cookie: a", "A: 1", "set-cookie: b" }, "A ", "Set-Cookie set-cookie " },
		{ CACHE_COOKIE_EXPLICIT, { "Cache-Control: no-cache=\"x-a, X-B\"", "X-A: 1", "x-b: 2", "x-c: 3" }, "Cache-Control x-c ", "X-A x-b " },
		{ CACHE_COOKIE_EXPLICIT, { "X-A: 1", "Cache-Control: private=\"x-a\", max-age=1" }, "Cache-Control ", "X-A " },
		{ CACHE_COOKIE_EXPLICIT, { "X-A: 1", "Cache-Control: private", "Cache-Control: max-age=1" }, "X-A Cache-Control Cache-Control ", "" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cache_rules_conf conf = { .set_cookie = rows[i].set_cookie };
		struct cache_rules *rules = rules_of(&conf);
		struct http_head response = head_of_lines(&arena, rows[i].lines, LINES);
		struct cache_stripped stripped;
		struct buf text;
		buf_init(&text, 1024);
		assert_int_equal(cache_rules_strip(rules, &response, &arena, &stripped), 0);
		for (uint16_t f = 0; f < response.n_fields; f++)
			buf_printf(&text, "%.*s ", SPAN_FMT(response.fields[f].name));
		assert_string_equal(buf_text(&text), rows[i].kept);
		buf_empty(&text);
		for (uint16_t f = 0; f < stripped.own.n_fields; f++)
			buf_printf(&text, "%.*s ", SPAN_FMT(stripped.own.fields[f].name));
		assert_string_equal(buf_text(&text), rows[i].own);
		buf_fini(&text);
		cache_rules_free(rules);
	}
}

static void surrogate_keys_become_tags(void **state)
{
	static const char *const lines[LINES] = { "Surrogate-Key: a  b\tc", "Cache-Tag: d, e ,,",
						  "surrogate-key: f" };
	static const char *const names[] = { "a", "b\tc", "d", "e", "f" };
	static const struct cache_rules_conf conf = { .set = true };
	struct cache_rules *rules = rules_of(&conf);
	struct http_head response = head_of_lines(&arena, lines, LINES);
	struct cache_stripped stripped;

	(void)state;
	assert_int_equal(cache_rules_strip(rules, &response, &arena, &stripped), 0);
	assert_int_equal(stripped.n_tags, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(stripped.tags[i], purge_tag_hash(span_str(names[i])));
	cache_rules_free(rules);
}

static void very_many_surrogate_keys_are_cut(void **state)
{
	static const struct cache_rules_conf conf = { .set = true };
	struct cache_rules *rules = rules_of(&conf);
	struct http_head response = head_of_lines(&arena, NULL, 0);
	struct cache_stripped stripped;
	char text[2000];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 ? ' ' : 'k';
	text[sizeof(text) - 1] = 0;
	assert_int_equal(http_head_add_other(&response, SPAN_LIT("Surrogate-Key"), span_str(text)),
			 0);
	assert_int_equal(cache_rules_strip(rules, &response, &arena, &stripped), 0);
	assert_int_equal(stripped.n_tags, 256);
	cache_rules_free(rules);
}

/* ---- of the configuration ----------------------------------------------------------------------
 */

static void a_status_that_is_none_is_refused(void **state)
{
	static const char *const wrong[] = { "",    "20", "199", "600", "2000", "6xx",
					     "1xx", "2x", "xxx", "ANY", "-200", "200 " };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct cache_valid_conf valid = { wrong[i], 1000 };
		const struct cache_rules_conf conf = { .valid = &valid, .n_valid = 1 };
		struct cache_rules *rules;
		char error[160] = "";
		assert_int_equal(cache_rules_new(&conf, NULL, &rules, error), -EINVAL);
		assert_true(strlen(error) > 0);
	}
}

static void a_variable_that_is_none_is_refused(void **state)
{
	static const char *wrong[] = { "$no_such_variable" };
	static const struct cache_rules_conf confs[] = {
		{ .bypass = wrong, .n_bypass = 1 },
		{ .no_store = wrong, .n_no_store = 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(confs); i++) {
		struct cache_rules *rules;
		char error[160] = "";
		assert_int_equal(cache_rules_new(&confs[i], NULL, &rules, error), -EINVAL);
		assert_true(strlen(error) > 0);
	}
}

static void conditions_hold_when_one_is_neither_empty_nor_0(void **state)
{
	static const struct {
		const char *texts[2];
		bool holds;
	} rows[] = {
		{ { "", "" }, false },
		{ { "0", "" }, false },
		{ { "", "1" }, true },
		{ { "00", "" }, true },
		{ { "$header_user_agent", "" }, true },
		{ { "$header_x_empty", "$header_x_absent" }, false },
		{ { "$header_x_empty$header_x_absent", "0$header_x_empty" }, false },
		{ { "$header_x_absent", "$header_x_high" }, true },
	};
	struct facts_sample sample;

	(void)state;
	facts_sample_make(&sample);
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		const char *texts[2] = { rows[i / 2].texts[0], rows[i / 2].texts[1] };
		const char *none[1] = { "" };
		bool store = i % 2;
		const struct cache_rules_conf conf = { .bypass = store ? none : texts,
						       .n_bypass = store ? 1 : 2,
						       .no_store = store ? texts : none,
						       .n_no_store = store ? 2 : 1 };
		struct cache_rules *rules = rules_of(&conf);
		assert_int_equal(cache_rules_bypass(rules, &sample.facts, &arena),
				 !store && rows[i / 2].holds);
		assert_int_equal(cache_rules_no_store(rules, &sample.facts, &arena),
				 store && rows[i / 2].holds);
		cache_rules_free(rules);
	}
	facts_sample_drop(&sample);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_said_nothing_lives_as_long_as_his_status_says),
		TEST(without_a_word_a_guess_within_bounds),
		TEST(grace_is_for_who_says_neither_yes_nor_no),
		TEST(what_is_ignored_has_no_say),
		TEST(the_first_targeted_field_that_is_sound_says_it_all),
		TEST(a_cookie_is_one_clients_unless_the_origin_says_else),
		TEST(what_is_not_to_be_stored_is_taken_out),
		TEST(surrogate_keys_become_tags),
		TEST(very_many_surrogate_keys_are_cut),
		TEST(a_status_that_is_none_is_refused),
		TEST(a_variable_that_is_none_is_refused),
		TEST(conditions_hold_when_one_is_neither_empty_nor_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
