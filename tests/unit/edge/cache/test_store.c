/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/store: what is stored is found until it is replaced, purged, invalidated,
 * unused or has to go; and marks.
 */
#include "store_stage.h"

#include <errno.h>

enum { PLENTY = 64 << 20 };

static struct stage stage;

static int setup(void **state)
{
	(void)state;
	stage_init(&stage, PLENTY);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stage_fini(&stage);
	return 0;
}

/* ---- storing and finding -----------------------------------------------------------------------
 */

static void what_is_stored_is_found_and_nothing_else(void **state)
{
	const struct cache_object *a, *b;
	struct cache_object *found;

	(void)state;
	assert_false(stage_has(&stage, "/a", NULL));
	a = stage_store(&stage, "/a", 10);
	b = stage_store(&stage, "/b", 10);
	assert_false(stage_has(&stage, "/c", NULL));
	found = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
	assert_ptr_equal(found, a);
	cache_object_unref(found);
	found = stage_find_at(&stage, "/b", NULL, STAGE_NOW_S);
	assert_ptr_equal(found, b);
	cache_object_unref(found);
	assert_int_equal(stage_stats(&stage).n_objects, 2);
}

static void a_newer_one_takes_the_place_and_readers_keep_the_older(void **state)
{
	struct cache_object *older, *found;
	const struct cache_object *newer;
	struct cache_reader reader;
	uint64_t bytes;

	(void)state;
	stage_store(&stage, "/a", 5000);
	bytes = stage_stats(&stage).bytes;
	older = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
	cache_reader_init(&reader, older, 0, UINT64_MAX);
	cache_object_unref(older);
	newer = stage_store(&stage, "/a", 5000);
	found = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
	assert_ptr_equal(found, newer);
	cache_object_unref(found);
	assert_int_equal(stage_stats(&stage).n_objects, 1);
	assert_int_equal(stage_stats(&stage).bytes, bytes);
	assert_int_equal(sample_read(&reader), CACHE_READ_END);
	assert_int_equal(reader.at, 5000);
	cache_reader_fini(&reader);
}

/* A revalidated one borrows the body of the one that it replaces. */
static void a_borrowed_body_stays_in_the_account(void **state)
{
	struct cache_key key = stage_key(&stage, "/a");
	struct cache_object_setup again = stage_setup(&key);
	struct cache_object *older, *fresh;
	uint64_t bytes;

	(void)state;
	stage_store(&stage, "/a", 100000);
	bytes = stage_stats(&stage).bytes;
	older = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
	again.body_of = older;
	fresh = sample_object(again);
	cache_object_unref(older);
	cache_store(stage.cache, fresh, STAGE_NOW_S);
	cache_object_unref(fresh);
	assert_true(stage_stats(&stage).bytes >= bytes);
	assert_int_equal(stage_stats(&stage).n_objects, 1);
}

/* ---- who has to go -----------------------------------------------------------------------------
 */

static void a_full_store_lets_objects_go_and_readers_read_on(void **state)
{
	enum { N = 300, BYTES = 10000 };
	struct stage full;
	struct cache_reader reader;
	struct cache_object *held;
	char path[16];

	(void)state;
	stage_init(&full, 1 << 20);
	stage_store(&full, "/held", BYTES);
	held = stage_find_at(&full, "/held", NULL, STAGE_NOW_S);
	cache_reader_init(&reader, held, 0, UINT64_MAX);
	cache_object_unref(held);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			snprintf(path, sizeof(path), "/%d-%d", round, i);
			stage_store(&full, path, BYTES);
			assert_true(stage_stats(&full).bytes <= 1 << 20);
		}
	}
	assert_true(stage_stats(&full).n_objects >= (1 << 20) / (BYTES + 1000));
	assert_int_equal(stage_stats(&full).n_objects + stage_stats(&full).n_evicted, 3 * N + 1);
	assert_false(stage_has(&full, "/0-0", NULL));
	assert_int_equal(sample_read(&reader), CACHE_READ_END);
	cache_reader_fini(&reader);
	stage_fini(&full);
}

static void one_that_is_larger_than_the_store_does_not_stay(void **state)
{
	struct stage full;

	(void)state;
	stage_init(&full, 1 << 20);
	stage_store(&full, "/a", 2 << 20);
	assert_false(stage_has(&full, "/a", NULL));
	assert_int_equal(stage_stats(&full).bytes, 0);
	assert_int_equal(stage_stats(&full).n_objects, 0);
	stage_fini(&full);
}

static void a_reload_with_less_memory_holds_at_once(void **state)
{
	const struct cache_conf conf = { .name = "test", .memory_bytes = 50000 };
	char path[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		stage_store(&stage, path, 10000);
	}
	assert_true(stage_stats(&stage).bytes > 1000000);
	cache_set_conf(stage.cache, &conf);
	assert_true(stage_stats(&stage).bytes <= 50000);
	assert_true(stage_stats(&stage).n_objects >= 4);
	assert_string_equal(cache_name(stage.cache), "test");
}

/* ---- purging -----------------------------------------------------------------------------------
 */

static void a_hard_purge_holds_from_then_on(void **state)
{
	(void)state;
	stage_store(&stage, "/a", 10);
	stage_store(&stage, "/b", 10);
	stage_purge(&stage, PURGE_URL, false, "http://h/a");
	assert_false(stage_has(&stage, "/a", NULL));
	assert_true(stage_has(&stage, "/b", NULL));
	assert_int_equal(stage_stats(&stage).n_purged, 1);
	assert_int_equal(stage_stats(&stage).n_objects, 1);
	stage_store(&stage, "/a", 10); /* it came after */
	assert_true(stage_has(&stage, "/a", NULL));
}

static void a_soft_purge_makes_stale_once(void **state)
{
	struct cache_object *object;
	struct reuse_life life;

	(void)state;
	stage_store(&stage, "/a", 10);
	stage_purge(&stage, PURGE_PREFIX, true, "http://h/");
	for (int64_t late_s = 0; late_s < 30; late_s += 10) {
		object = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S + late_s);
		assert_non_null(object);
		cache_object_life(object, &life);
		assert_int_equal(life.stale_at_s, STAGE_NOW_S);
		cache_object_unref(object);
	}
	assert_int_equal(stage_stats(&stage).n_purged, 0);
}

static void what_was_purged_while_it_came_is_not_stored(void **state)
{
	static const struct {
		enum purge_kind kind;
		const char *text;
		bool soft, stored;
	} rows[] = {
		{ PURGE_URL, "http://h/a", false, false }, { PURGE_URL, "http://h/b", false, true },
		{ PURGE_TAG, "t", false, false },          { PURGE_TAG, "u", false, true },
		{ PURGE_ALL, "", false, false },           { PURGE_ALL, "", true, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_key key = stage_key(&stage, "/a");
		struct cache_object_setup made = stage_setup(&key);
		uint32_t tag = purge_tag_hash(SPAN_LIT("t"));
		struct reuse_life life;
		made.stamp = stage_stats(&stage).position;
		made.tags = &tag;
		made.n_tags = 1;
		struct cache_object *object = sample_whole(made, 10);
		stage_purge(&stage, rows[i].kind, rows[i].soft, rows[i].text);
		cache_store(stage.cache, object, STAGE_NOW_S);
		cache_object_life(object, &life);
		assert_int_equal(life.stale_at_s == STAGE_NOW_S, rows[i].soft);
		cache_object_unref(object);
		assert_int_equal(stage_has(&stage, "/a", NULL), rows[i].stored);
		stage_purge(&stage, PURGE_ALL, false, "");
		assert_false(stage_has(&stage, "/a", NULL));
	}
}

/* ---- sweeping ----------------------------------------------------------------------------------
 */

static void sweep_all(int64_t now_s)
{
	for (size_t i = 0; !cache_sweep(stage.cache, now_s); i++)
		assert_true(i < 1000000);
}

static void a_sweep_drops_what_is_purged_and_nothing_else(void **state)
{
	char path[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), i % 2 ? "/odd/%d" : "/even/%d", i);
		stage_store(&stage, path, 10);
	}
	sweep_all(STAGE_NOW_S + 1000000); /* without a limit nobody is unused */
	assert_int_equal(stage_stats(&stage).n_objects, 100);
	stage_purge(&stage, PURGE_PREFIX, false, "http://h/odd/");
	sweep_all(STAGE_NOW_S);
	assert_int_equal(stage_stats(&stage).n_objects, 50);
	assert_int_equal(stage_stats(&stage).n_purged, 50);
	assert_true(stage_has(&stage, "/even/0", NULL));
	assert_false(stage_has(&stage, "/odd/1", NULL));
}

static void a_sweep_drops_what_nobody_asked_for(void **state)
{
	const struct cache_conf conf = { .name = "test",
					 .memory_bytes = PLENTY,
					 .inactive_ms = 60000 };

	(void)state;
	cache_set_conf(stage.cache, &conf);
	stage_store(&stage, "/a", 10);
	stage_store(&stage, "/b", 10);
	sweep_all(STAGE_NOW_S + 60);
	assert_int_equal(stage_stats(&stage).n_objects, 2);
	cache_object_unref(stage_find_at(&stage, "/a", NULL, STAGE_NOW_S + 60));
	sweep_all(STAGE_NOW_S + 61);
	assert_int_equal(stage_stats(&stage).n_objects, 1);
	assert_true(stage_has(&stage, "/a", NULL));
	assert_false(stage_has(&stage, "/b", NULL));
	assert_int_equal(stage_stats(&stage).n_purged, 0);
}

/* ---- variants ----------------------------------------------------------------------------------
 */

static void variants_are_told_apart_by_what_responses_vary_by(void **state)
{
	(void)state;
	stage_bring(&stage, "/a", "X-V: 1", "X-V", 10);
	assert_true(stage_has(&stage, "/a", "X-V: 1"));
	assert_false(stage_has(&stage, "/a", "X-V: 2"));
	assert_false(stage_has(&stage, "/a", NULL));
	stage_bring(&stage, "/a", "X-V: 2", "X-V", 10);
	stage_bring(&stage, "/a", NULL, "X-V", 10);
	assert_true(stage_has(&stage, "/a", "X-V: 1"));
	assert_true(stage_has(&stage, "/a", "X-V: 2"));
	assert_true(stage_has(&stage, "/a", NULL));
	assert_int_equal(stage_stats(&stage).n_objects, 3);
	assert_false(stage_has(&stage, "/b", "X-V: 1"));
}

static void a_response_without_vary_is_a_variant_where_others_vary(void **state)
{
	(void)state;
	stage_bring(&stage, "/a", "X-V: 1", "X-V", 10);
	stage_bring(&stage, "/a", "X-V: 2", NULL, 10);
	assert_true(stage_has(&stage, "/a", "X-V: 1"));
	assert_true(stage_has(&stage, "/a", "X-V: 2"));
	assert_false(stage_has(&stage, "/a", "X-V: 3"));
}

static void what_was_stored_before_it_varied_is_found_no_more(void **state)
{
	(void)state;
	stage_bring(&stage, "/a", NULL, NULL, 10);
	assert_true(stage_has(&stage, "/a", "X-V: 9"));
	stage_bring(&stage, "/a", "X-V: 1", "X-V", 10);
	assert_false(stage_has(&stage, "/a", "X-V: 9"));
	assert_int_equal(stage_stats(&stage).n_objects, 1);
	stage_bring(&stage, "/a", "X-V: 1", "X-W", 10); /* by more than before */
	assert_true(stage_has(&stage, "/a", "X-V: 1"));
	assert_false(stage_has(&stage, "/a", "X-V: 2"));
}

static void a_purge_of_the_url_means_all_variants(void **state)
{
	(void)state;
	stage_bring(&stage, "/a", "X-V: 1", "X-V", 10);
	stage_bring(&stage, "/a", "X-V: 2", "X-V", 10);
	stage_purge(&stage, PURGE_URL, false, "http://h/a");
	assert_false(stage_has(&stage, "/a", "X-V: 1"));
	assert_false(stage_has(&stage, "/a", "X-V: 2"));
}

static void names_that_are_too_long_are_refused(void **state)
{
	static char name[2000];
	struct http_head response = head_of_lines(&stage.arena, NULL, 0);
	struct cache_key key = stage_key(&stage, "/a");
	struct span names;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	assert_int_equal(http_head_add(&response, HTTP_NAME_VARY, span_str(name)), 0);
	assert_int_equal(cache_vary_extend(stage.cache, &key, &response, &stage.arena, &names),
			 -ENOBUFS);
}

/* ---- invalidating ------------------------------------------------------------------------------
 */

static void invalidate(const char *path)
{
	struct cache_key key = stage_key(&stage, path);

	cache_invalidate(stage.cache, &key);
}

static void what_was_invalidated_is_not_found(void **state)
{
	(void)state;
	invalidate("/a");
	stage_store(&stage, "/a", 10);
	stage_store(&stage, "/b", 10);
	invalidate("/a");
	assert_false(stage_has(&stage, "/a", NULL));
	assert_true(stage_has(&stage, "/b", NULL));
	assert_int_equal(stage_stats(&stage).n_objects, 1);
	stage_store(&stage, "/a", 10);
	assert_true(stage_has(&stage, "/a", NULL));
}

static void all_variants_are_invalidated_each_time(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		stage_bring(&stage, "/a", "X-V: 1", "X-V", 10);
		stage_bring(&stage, "/a", "X-V: 2", "X-V", 10);
		assert_true(stage_has(&stage, "/a", "X-V: 1"));
		invalidate("/a");
		assert_false(stage_has(&stage, "/a", "X-V: 1"));
		assert_false(stage_has(&stage, "/a", "X-V: 2"));
	}
	/* The names are still known, so two variants are not taken for one. */
	stage_bring(&stage, "/a", "X-V: 1", NULL, 10);
	assert_false(stage_has(&stage, "/a", "X-V: 2"));
}

/* The mark that says so may be evicted before them. */
static void invalidated_variants_stay_so_when_the_store_forgets_by_what_they_vary(void **state)
{
	struct cache_key key = stage_key(&stage, "/a");
	struct span vary;
	const struct cache_conf small = { .name = "test", .memory_bytes = 300000 };
	char path[16];

	(void)state;
	stage_bring(&stage, "/a", "X-V: 1", "X-V", 10);
	assert_true(stage_has(&stage, "/a", "X-V: 1")); /* asked for: it stays for long */
	invalidate("/a");
	cache_set_conf(stage.cache, &small);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		stage_store(&stage, path, 1000);
	}
	assert_int_equal(cache_vary(stage.cache, &key, &stage.arena, &vary), 0);
	assert_int_equal(vary.len, 0);
	stage_bring(&stage, "/a", "X-V: 2", "X-V", 10);
	assert_true(stage_has(&stage, "/a", "X-V: 2"));
	assert_false(stage_has(&stage, "/a", "X-V: 1"));
}

/* ---- marks -------------------------------------------------------------------------------------
 */

static bool passes(const char *path, int64_t now_s)
{
	struct http_head request = stage_request(&stage, path, NULL);
	struct cache_key key = stage_key(&stage, path);
	struct cache_found found;

	assert_int_equal(cache_find(stage.cache, &key, &request, &stage.arena, now_s, &found), 0);
	cache_object_unref(found.object);
	return found.pass;
}

static void what_was_not_to_be_shared_is_remembered_for_a_while(void **state)
{
	struct cache_key key = stage_key(&stage, "/a");
	struct cache_flight *flight;

	(void)state;
	assert_false(passes("/a", STAGE_NOW_S));
	assert_int_equal(cache_lead(stage.cache, &key, &flight), 0);
	cache_flight_pass(flight, STAGE_NOW_S + 10);
	cache_flight_unref(flight);
	assert_true(passes("/a", STAGE_NOW_S));
	assert_true(passes("/a", STAGE_NOW_S + 9));
	assert_false(passes("/a", STAGE_NOW_S + 10));
	assert_false(passes("/b", STAGE_NOW_S));
	stage_store(&stage, "/a", 10); /* both are known */
	assert_true(passes("/a", STAGE_NOW_S));
	assert_true(stage_has(&stage, "/a", NULL));
}

static void uses_are_counted_for_each_key(void **state)
{
	struct cache_key a = stage_key(&stage, "/a"), b = stage_key(&stage, "/b");

	(void)state;
	for (uint32_t i = 1; i < 100; i++)
		assert_int_equal(cache_count_use(stage.cache, &a), i);
	assert_int_equal(cache_count_use(stage.cache, &b), 1);
	assert_false(passes("/a", STAGE_NOW_S));
	assert_int_equal(stage_stats(&stage).n_objects, 0);
}

/* Strangers make as many as they like. */
static void marks_have_to_go_like_objects(void **state)
{
	const struct cache_conf conf = { .name = "test", .memory_bytes = 100000 };
	char path[16];

	(void)state;
	cache_set_conf(stage.cache, &conf);
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		struct cache_key key = stage_key(&stage, path);
		assert_int_equal(cache_count_use(stage.cache, &key), 1);
		assert_true(stage_stats(&stage).bytes <= 100000);
	}
	assert_true(stage_stats(&stage).n_evicted > 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_stored_is_found_and_nothing_else),
		TEST(a_newer_one_takes_the_place_and_readers_keep_the_older),
		TEST(a_borrowed_body_stays_in_the_account),
		TEST(a_full_store_lets_objects_go_and_readers_read_on),
		TEST(one_that_is_larger_than_the_store_does_not_stay),
		TEST(a_reload_with_less_memory_holds_at_once),
		TEST(a_hard_purge_holds_from_then_on),
		TEST(a_soft_purge_makes_stale_once),
		TEST(what_was_purged_while_it_came_is_not_stored),
		TEST(a_sweep_drops_what_is_purged_and_nothing_else),
		TEST(a_sweep_drops_what_nobody_asked_for),
		TEST(variants_are_told_apart_by_what_responses_vary_by),
		TEST(a_response_without_vary_is_a_variant_where_others_vary),
		TEST(what_was_stored_before_it_varied_is_found_no_more),
		TEST(a_purge_of_the_url_means_all_variants),
		TEST(names_that_are_too_long_are_refused),
		TEST(what_was_invalidated_is_not_found),
		TEST(all_variants_are_invalidated_each_time),
		TEST(invalidated_variants_stay_so_when_the_store_forgets_by_what_they_vary),
		TEST(what_was_not_to_be_shared_is_remembered_for_a_while),
		TEST(uses_are_counted_for_each_key),
		TEST(marks_have_to_go_like_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
