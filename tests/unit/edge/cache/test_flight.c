/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/flight: who leads and who follows, what those who wait are told and how
 * often, and what of all that was fetched is stored.
 */
#include "store_stage.h"

enum { PLENTY = 64 << 20 };

static struct stage stage;

static int setup(void **state)
{
	(void)state;
	stage_init(&stage, PLENTY);
	return 0;
}

/* No flight may be left. */
static int teardown(void **state)
{
	(void)state;
	assert_int_equal(stage_stats(&stage).n_flights, 0);
	stage_fini(&stage);
	return 0;
}

/* One who waits and counts how often he was woken. */
struct sleeper {
	struct cache_waiter waiter;
	unsigned n_wakes;
};

static void on_wake(struct cache_waiter *waiter)
{
	CONTAINER_OF(waiter, struct sleeper, waiter)->n_wakes++;
}

static int join(const char *path, const struct cache_object *seen, struct cache_flight **ret_flight)
{
	struct cache_key key = stage_key(&stage, path);

	return cache_join(stage.cache, &key, seen, ret_flight);
}

static struct cache_flight *lead(const char *path)
{
	struct cache_flight *flight;

	assert_int_equal(join(path, NULL, &flight), CACHE_JOIN_LEAD);
	return flight;
}

static struct cache_flight *follow(const char *path)
{
	struct cache_flight *flight;

	assert_int_equal(join(path, NULL, &flight), CACHE_JOIN_FOLLOW);
	return flight;
}

static enum flight_state look(struct cache_flight *flight)
{
	struct cache_object *object;
	enum close_reason reason;
	enum flight_state state = cache_flight_look(flight, &object, &reason);

	assert_int_equal(object != NULL, state == FLIGHT_HEAD);
	cache_object_unref(object);
	return state;
}

/* Whole, and told so. */
static void land(struct cache_flight *flight, struct cache_writer *writer, uint64_t n, bool store)
{
	sample_add(writer, n, 1000);
	assert_true(cache_writer_end(writer));
	cache_writer_fini(writer);
	cache_flight_land(flight, store, STAGE_NOW_S);
}

static void bring(struct cache_flight *flight, const char *path, bool store)
{
	struct cache_writer writer;

	stage_head(&stage, flight, path, NULL, NULL, &writer);
	land(flight, &writer, 5000, store);
}

/* ---- leading and following ---------------------------------------------------------------------
 */

static void the_first_leads_and_others_follow(void **state)
{
	struct cache_flight *first = lead("/a"), *second = follow("/a"), *other = lead("/b");

	(void)state;
	assert_ptr_equal(first, second);
	assert_int_equal(stage_stats(&stage).n_flights, 2);
	cache_flight_fail(other, REASON_DONE);
	cache_flight_unref(other);
	cache_flight_fail(first, REASON_DONE);
	cache_flight_unref(first);
	other = lead("/a"); /* the one before has ended, and somebody holds it still */
	assert_ptr_not_equal(other, second);
	cache_flight_unref(second);
	cache_flight_fail(other, REASON_DONE);
	cache_flight_unref(other);
}

static void who_did_not_see_what_is_stored_looks_again(void **state)
{
	struct cache_object *seen;
	struct cache_flight *flight;

	(void)state;
	stage_store(&stage, "/a", 10);
	assert_int_equal(join("/a", NULL, &flight), CACHE_JOIN_CHANGED);
	seen = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
	assert_int_equal(join("/a", seen, &flight), CACHE_JOIN_LEAD);
	cache_flight_fail(flight, REASON_DONE);
	cache_flight_unref(flight);
	stage_store(&stage, "/a", 10);
	assert_int_equal(join("/a", seen, &flight), CACHE_JOIN_CHANGED);
	cache_object_unref(seen);
}

static void who_saw_one_that_has_gone_since_may_lead(void **state)
{
	struct cache_key key = stage_key(&stage, "/a");
	struct cache_object *seen;
	struct cache_flight *flight;

	(void)state;
	stage_store(&stage, "/a", 10);
	seen = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
	cache_invalidate(stage.cache, &key);
	assert_int_equal(join("/a", seen, &flight), CACHE_JOIN_LEAD);
	cache_object_unref(seen);
	cache_flight_fail(flight, REASON_DONE);
	cache_flight_unref(flight);
}

static void nobody_joins_one_who_flies_alone(void **state)
{
	struct cache_key key = stage_key(&stage, "/a");
	struct cache_flight *alone, *flight;

	(void)state;
	assert_int_equal(cache_lead(stage.cache, &key, &alone), 0);
	flight = lead("/a");
	assert_ptr_not_equal(alone, flight);
	bring(alone, "/a", true);
	cache_flight_unref(alone);
	assert_true(stage_has(&stage, "/a", NULL));
	cache_flight_fail(flight, REASON_DONE);
	cache_flight_unref(flight);
}

/* ---- what it brings ----------------------------------------------------------------------------
 */

static void what_lands_is_stored_in_one_piece_if_it_is_small(void **state)
{
	static const struct {
		uint64_t length;
		bool in_one;
	} rows[] = {
		{ 0, true },
		{ 5000, true },
		{ 256 * 1024, true },
		{ 256 * 1024 + 1, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_object *seen = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
		struct cache_flight *flight;
		struct cache_writer writer;
		struct cache_reader reader;
		assert_int_equal(join("/a", seen, &flight), CACHE_JOIN_LEAD);
		cache_object_unref(seen);
		stage_head(&stage, flight, "/a", NULL, NULL, &writer);
		assert_true(cache_flight_read(flight, &reader, 0, UINT64_MAX));
		land(flight, &writer, rows[i].length, true);
		cache_flight_unread(flight);
		cache_flight_unref(flight);
		assert_int_equal(sample_read(&reader), CACHE_READ_END); /* of the other copy */
		assert_int_equal(reader.at, rows[i].length);
		cache_reader_fini(&reader);
		seen = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
		assert_non_null(seen);
		assert_int_equal(seen->first == NULL, rows[i].in_one);
		cache_reader_init(&reader, seen, 0, UINT64_MAX);
		assert_int_equal(sample_read(&reader), CACHE_READ_END);
		assert_int_equal(reader.at, rows[i].length);
		cache_reader_fini(&reader);
		cache_object_unref(seen);
	}
}

static void trailers_land_with_the_body(void **state)
{
	static const char *const lines[] = { "X-Sum: 1" };
	struct http_head trailers = head_of_lines(&stage.arena, lines, 1);
	struct cache_flight *flight = lead("/a");
	struct cache_writer writer;
	struct cache_object *stored;

	(void)state;
	stage_head(&stage, flight, "/a", NULL, NULL, &writer);
	assert_int_equal(cache_writer_trailers(&writer, &trailers), 0);
	land(flight, &writer, 10, true);
	cache_flight_unref(flight);
	stored = stage_find_at(&stage, "/a", NULL, STAGE_NOW_S);
	assert_non_null(stored->trailers);
	cache_object_unref(stored);
}

static void what_is_broken_or_not_wanted_is_not_stored(void **state)
{
	struct cache_flight *flight = lead("/a");
	struct cache_writer writer;

	(void)state;
	bring(flight, "/a", false);
	cache_flight_unref(flight);
	assert_false(stage_has(&stage, "/a", NULL));
	flight = lead("/a");
	stage_head(&stage, flight, "/a", NULL, NULL, &writer);
	sample_add(&writer, 100, 10);
	cache_writer_break(&writer);
	cache_writer_fini(&writer);
	cache_flight_land(flight, true, STAGE_NOW_S);
	assert_int_equal(look(flight), FLIGHT_HEAD);
	cache_flight_unref(flight);
	assert_false(stage_has(&stage, "/a", NULL));
}

static void each_end_has_its_word(void **state)
{
	struct cache_object *object;
	struct cache_flight *flight;
	enum close_reason reason;

	(void)state;
	flight = lead("/a");
	assert_int_equal(look(flight), FLIGHT_ASKED);
	cache_flight_fail(flight, REASON_ORIGIN_CLOSED);
	assert_int_equal(cache_flight_look(flight, &object, &reason), FLIGHT_FAILED);
	assert_int_equal(reason, REASON_ORIGIN_CLOSED);
	cache_flight_unref(flight);
	flight = lead("/a");
	cache_flight_again(flight);
	assert_int_equal(look(flight), FLIGHT_AGAIN);
	cache_flight_unref(flight);
	flight = lead("/a");
	cache_flight_pass(flight, STAGE_NOW_S + 10);
	assert_int_equal(look(flight), FLIGHT_PASSED);
	cache_flight_unref(flight);
	flight = lead("/a");
	bring(flight, "/a", true);
	assert_int_equal(look(flight), FLIGHT_HEAD);
	cache_flight_unref(flight);
}

static void the_object_outlives_store_and_flight(void **state)
{
	struct stage other;
	struct cache_key key;
	struct cache_flight *flight;
	struct cache_writer writer;
	struct cache_object *object;
	enum close_reason reason;

	(void)state;
	stage_init(&other, PLENTY);
	key = stage_key(&other, "/a");
	assert_int_equal(cache_join(other.cache, &key, NULL, &flight), CACHE_JOIN_LEAD);
	stage_head(&other, flight, "/a", NULL, NULL, &writer);
	assert_int_equal(cache_flight_look(flight, &object, &reason), FLIGHT_HEAD);
	stage_fini(&other); /* the flight holds the store */
	land(flight, &writer, 10, true);
	cache_flight_unref(flight);
	assert_int_equal(cache_object_body(object), CACHE_BODY_WHOLE);
	cache_object_unref(object);
}

/* ---- variants ----------------------------------------------------------------------------------
 */

static int join_variant(const char *path, const char *line, struct cache_flight **ret_flight)
{
	struct http_head request = stage_request(&stage, path, line);
	struct cache_key key = stage_key(&stage, path);

	assert_int_equal(cache_narrow(stage.cache, &key, &request, &stage.arena), 0);
	return cache_join(stage.cache, &key, NULL, ret_flight);
}

static void a_head_that_varies_moves_the_flight_to_its_variant(void **state)
{
	struct cache_flight *flight = lead("/a"), *follower, *other;
	struct cache_writer writer;

	(void)state;
	stage_head(&stage, flight, "/a", "X-V: 1", "X-V", &writer);
	assert_int_equal(join_variant("/a", "X-V: 1", &follower), CACHE_JOIN_FOLLOW);
	assert_ptr_equal(follower, flight);
	cache_flight_unref(follower);
	assert_int_equal(join_variant("/a", "X-V: 2", &other), CACHE_JOIN_LEAD);
	assert_ptr_not_equal(other, flight);
	cache_flight_fail(other, REASON_DONE);
	cache_flight_unref(other);
	land(flight, &writer, 10, true);
	cache_flight_unref(flight);
	assert_true(stage_has(&stage, "/a", "X-V: 1"));
	assert_false(stage_has(&stage, "/a", "X-V: 2"));
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

static void each_who_waits_is_woken_once_for_each_wait(void **state)
{
	enum { N = 5 };
	struct cache_flight *flight = lead("/a");
	struct sleeper sleepers[N] = { 0 };
	struct cache_writer writer;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		sleepers[i].waiter.wake = on_wake;
		assert_true(cache_flight_wait(flight, &sleepers[i].waiter, FLIGHT_ASKED, 0));
		assert_int_equal(sleepers[i].n_wakes, 0);
	}
	stage_head(&stage, flight, "/a", NULL, NULL, &writer);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(sleepers[i].n_wakes, 1);
	cache_flight_more(flight); /* nobody waits */
	for (size_t i = 0; i < N; i++)
		assert_int_equal(sleepers[i].n_wakes, 1);
	for (size_t i = 0; i < N; i++)
		assert_true(cache_flight_wait(flight, &sleepers[i].waiter, FLIGHT_HEAD, 0));
	sample_add(&writer, 10, 10);
	cache_flight_more(flight);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(sleepers[i].n_wakes, 2);
	assert_true(cache_flight_wait(flight, &sleepers[0].waiter, FLIGHT_HEAD, 10));
	land(flight, &writer, 10, true);
	assert_int_equal(sleepers[0].n_wakes, 3);
	assert_int_equal(sleepers[1].n_wakes, 2);
	cache_flight_unref(flight);
}

static void nobody_waits_for_what_is_there(void **state)
{
	struct cache_flight *flight = lead("/a");
	struct sleeper sleeper = { .waiter.wake = on_wake };
	struct cache_writer writer;

	(void)state;
	assert_false(cache_flight_wait(flight, &sleeper.waiter, FLIGHT_HEAD, 0));
	stage_head(&stage, flight, "/a", NULL, NULL, &writer);
	assert_false(cache_flight_wait(flight, &sleeper.waiter, FLIGHT_ASKED, 0));
	sample_add(&writer, 10, 10);
	assert_false(cache_flight_wait(flight, &sleeper.waiter, FLIGHT_HEAD, 0));
	assert_true(cache_writer_end(&writer)); /* no byte more, and yet something new */
	assert_false(cache_flight_wait(flight, &sleeper.waiter, FLIGHT_HEAD, 10));
	cache_writer_fini(&writer);
	cache_flight_land(flight, true, STAGE_NOW_S);
	assert_false(cache_flight_wait(flight, &sleeper.waiter, FLIGHT_HEAD, 10));
	assert_int_equal(sleeper.n_wakes, 0);
	cache_flight_unref(flight);
}

static void who_waits_no_more_is_not_woken(void **state)
{
	struct cache_flight *flight = lead("/a");
	struct sleeper first = { .waiter.wake = on_wake }, second = { .waiter.wake = on_wake };

	(void)state;
	assert_true(cache_flight_wait(flight, &first.waiter, FLIGHT_ASKED, 0));
	assert_true(cache_flight_wait(flight, &second.waiter, FLIGHT_ASKED, 0));
	assert_true(cache_flight_unwait(flight, &first.waiter));
	assert_false(cache_flight_unwait(flight, &first.waiter));
	cache_flight_fail(flight, REASON_DONE);
	assert_int_equal(first.n_wakes, 0);
	assert_int_equal(second.n_wakes, 1);
	assert_false(cache_flight_unwait(flight, &second.waiter));
	cache_flight_unref(flight);
}

static void every_end_wakes(void **state)
{
	(void)state;
	for (int end = 0; end < 4; end++) {
		struct cache_flight *flight = lead("/a");
		struct sleeper sleeper = { .waiter.wake = on_wake };
		assert_true(cache_flight_wait(flight, &sleeper.waiter, FLIGHT_ASKED, 0));
		if (end == 0)
			cache_flight_fail(flight, REASON_DONE);
		else if (end == 1)
			cache_flight_pass(flight, 0);
		else if (end == 2)
			cache_flight_again(flight);
		else
			bring(flight, "/a", false);
		assert_int_equal(sleeper.n_wakes, 1);
		cache_flight_unref(flight);
	}
}

/* ---- what makes it untrue ----------------------------------------------------------------------
 */

static void what_was_purged_is_joined_and_stored_no_more(void **state)
{
	static const struct {
		enum purge_kind kind;
		const char *text;
		bool soft, joined, stored;
	} rows[] = {
		{ PURGE_URL, "http://h/a", false, false, false },
		{ PURGE_URL, "http://h/b", false, true, true },
		{ PURGE_PREFIX, "http://h/", false, false, false },
		{ PURGE_TAG, "t", false, false, true }, /* it might have had it, and had it not */
		{ PURGE_ALL, "", false, false, false },
		{ PURGE_URL, "http://h/a", true, false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_flight *flight = lead("/a"), *follower = follow("/a"), *next;
		stage_purge(&stage, rows[i].kind, rows[i].soft, rows[i].text);
		assert_int_equal(join("/a", NULL, &next),
				 rows[i].joined ? CACHE_JOIN_FOLLOW : CACHE_JOIN_LEAD);
		if (!rows[i].joined)
			cache_flight_fail(next, REASON_DONE);
		cache_flight_unref(next);
		bring(flight, "/a", true);
		assert_int_equal(look(follower), FLIGHT_HEAD); /* who asked before gets it */
		cache_flight_unref(flight);
		cache_flight_unref(follower);
		assert_int_equal(stage_has(&stage, "/a", NULL), rows[i].stored);
		stage_purge(&stage, PURGE_ALL, false, "");
		assert_false(stage_has(&stage, "/a", NULL));
	}
}

static void what_was_invalidated_is_joined_and_stored_no_more(void **state)
{
	struct cache_key key = stage_key(&stage, "/a"), other = stage_key(&stage, "/b");

	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		struct cache_flight *flight, *next;
		if (alone)
			assert_int_equal(cache_lead(stage.cache, &key, &flight), 0);
		else
			flight = lead("/a");
		cache_invalidate(stage.cache, &other);
		cache_invalidate(stage.cache, &key);
		next = lead("/a");
		bring(flight, "/a", true);
		cache_flight_unref(flight);
		assert_false(stage_has(&stage, "/a", NULL));
		cache_flight_fail(next, REASON_DONE);
		cache_flight_unref(next);
	}
}

/* One that a purge has closed is found all the same. */
static void what_was_purged_and_invalidated_is_not_stored(void **state)
{
	struct cache_key key = stage_key(&stage, "/a");
	struct cache_flight *flight = lead("/a"), *next;

	(void)state;
	stage_purge(&stage, PURGE_TAG, false, "t");
	next = lead("/a");
	cache_invalidate(stage.cache, &key);
	bring(flight, "/a", true);
	cache_flight_unref(flight);
	bring(next, "/a", true);
	cache_flight_unref(next);
	assert_false(stage_has(&stage, "/a", NULL));
}

static void an_invalidation_after_the_head_counts(void **state)
{
	struct cache_key key = stage_key(&stage, "/a");
	struct cache_flight *flight = lead("/a");
	struct cache_writer writer;

	(void)state;
	stage_head(&stage, flight, "/a", "X-V: 1", "X-V", &writer);
	cache_invalidate(stage.cache, &key);
	land(flight, &writer, 10, true);
	cache_flight_unref(flight);
	assert_false(stage_has(&stage, "/a", "X-V: 1"));
}

/* ---- more than is kept -------------------------------------------------------------------------
 */

static void what_has_outgrown_goes_on_for_those_who_read(void **state)
{
	struct cache_flight *flight = lead("/a"), *next;
	struct cache_writer writer;
	struct cache_reader reader, late;

	(void)state;
	stage_head(&stage, flight, "/a", NULL, NULL, &writer);
	assert_true(cache_flight_read(flight, &reader, 0, UINT64_MAX));
	assert_int_equal(cache_flight_n_readers(flight), 1);
	sample_add(&writer, 100000, 1000);
	cache_flight_outgrow(flight, &writer);
	assert_false(cache_flight_read(flight, &late, 0, UINT64_MAX));
	assert_int_equal(cache_flight_n_readers(flight), 1);
	next = lead("/a"); /* nobody joins it any more */
	cache_flight_fail(next, REASON_DONE);
	cache_flight_unref(next);
	assert_int_equal(sample_read(&reader), CACHE_READ_WAIT);
	land(flight, &writer, 100000, true);
	assert_int_equal(sample_read(&reader), CACHE_READ_END);
	assert_int_equal(reader.at, 200000);
	cache_reader_fini(&reader);
	cache_flight_unread(flight);
	cache_flight_unref(flight);
	assert_false(stage_has(&stage, "/a", NULL));
}

static void the_filler_waits_until_all_have_read(void **state)
{
	struct cache_flight *flight = lead("/a");
	struct sleeper filler = { .waiter.wake = on_wake };
	struct sleeper sleepers[2] = { { .waiter.wake = on_wake }, { .waiter.wake = on_wake } };
	struct cache_reader readers[2];
	struct cache_writer writer;

	(void)state;
	stage_head(&stage, flight, "/a", NULL, NULL, &writer);
	assert_false(cache_flight_pause(flight, &filler.waiter)); /* nobody reads */
	for (size_t i = 0; i < 2; i++)
		assert_true(cache_flight_read(flight, &readers[i], 0, UINT64_MAX));
	sample_add(&writer, 10, 10);
	assert_true(cache_flight_pause(flight, &filler.waiter));
	assert_true(cache_flight_wait(flight, &sleepers[0].waiter, FLIGHT_HEAD, 10));
	assert_int_equal(filler.n_wakes, 0);
	assert_true(cache_flight_wait(flight, &sleepers[1].waiter, FLIGHT_HEAD, 10));
	assert_int_equal(filler.n_wakes, 1);
	assert_false(cache_flight_pause(flight, &filler.waiter)); /* all wait for it */
	cache_flight_more(flight);
	assert_true(cache_flight_pause(flight, &filler.waiter));
	assert_true(cache_flight_unpause(flight, &filler.waiter));
	assert_false(cache_flight_unpause(flight, &filler.waiter));
	assert_true(cache_flight_pause(flight, &filler.waiter));
	for (size_t i = 0; i < 2; i++) { /* who goes away is not waited for */
		assert_int_equal(filler.n_wakes, 1);
		cache_flight_unread(flight);
		cache_reader_fini(&readers[i]);
	}
	assert_int_equal(filler.n_wakes, 2);
	land(flight, &writer, 0, false);
	cache_flight_unref(flight);
}

static void flights_share_half_of_the_stores_memory(void **state)
{
	struct cache_flight *first = lead("/a"), *second = lead("/b");

	(void)state;
	assert_true(cache_flight_reserve(first, PLENTY / 4));
	assert_true(cache_flight_reserve(second, PLENTY / 4));
	assert_false(cache_flight_reserve(second, 1));
	cache_flight_fail(first, REASON_DONE);
	cache_flight_unref(first);
	assert_true(cache_flight_reserve(second, PLENTY / 4));
	assert_false(cache_flight_reserve(second, 1));
	cache_flight_fail(second, REASON_DONE);
	cache_flight_unref(second);
	first = lead("/a");
	assert_true(cache_flight_reserve(first, PLENTY / 2));
	cache_flight_fail(first, REASON_DONE);
	cache_flight_unref(first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_leads_and_others_follow),
		TEST(who_did_not_see_what_is_stored_looks_again),
		TEST(who_saw_one_that_has_gone_since_may_lead),
		TEST(nobody_joins_one_who_flies_alone),
		TEST(what_lands_is_stored_in_one_piece_if_it_is_small),
		TEST(trailers_land_with_the_body),
		TEST(what_is_broken_or_not_wanted_is_not_stored),
		TEST(each_end_has_its_word),
		TEST(the_object_outlives_store_and_flight),
		TEST(a_head_that_varies_moves_the_flight_to_its_variant),
		TEST(each_who_waits_is_woken_once_for_each_wait),
		TEST(nobody_waits_for_what_is_there),
		TEST(who_waits_no_more_is_not_woken),
		TEST(every_end_wakes),
		TEST(what_was_purged_is_joined_and_stored_no_more),
		TEST(what_was_invalidated_is_joined_and_stored_no_more),
		TEST(what_was_purged_and_invalidated_is_not_stored),
		TEST(an_invalidation_after_the_head_counts),
		TEST(what_has_outgrown_goes_on_for_those_who_read),
		TEST(the_filler_waits_until_all_have_read),
		TEST(flights_share_half_of_the_stores_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
