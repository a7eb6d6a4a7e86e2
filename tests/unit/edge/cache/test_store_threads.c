/* SPDX-License-Identifier: Apache-2.0
 *
 * Several threads at one store: each finds, joins, leads, reads as it comes, purges and
 * invalidates. Whoever asks after an invalidation must not get what was fetched before it, each
 * byte must be the one of its place, and each wait ends by one wake.
 *
 * An origin is a number for each path that every invalidation raises first; an object's birth says
 * which number its fetch has seen.
 */
#include "store_stage.h"

#include <pthread.h>
#include <time.h>

#include "core/rng.h"

enum {
	THREADS = 4,
	STEPS = 10000, /* of each thread */
	PATHS = 6,
	MEMORY_BYTES = 1 << 20, /* so little that somebody always has to go */
	PATIENCE_S = 60,
};

static const char *const paths[PATHS] = { "/0", "/1", "/2", "/3", "/4", "/5" };
static const char *const lines[] = { NULL, "X-V: 1", "X-V: 2" };
static int64_t versions[PATHS]; /* atomic: what the origin has */
static int64_t floors[PATHS];   /* atomic: nothing older may serve */

struct thread {
	pthread_t id;
	struct stage stage;
	struct rng rng;
	size_t n_hits, n_led, n_followed;
	bool sweeps; /* one does */
};

/* Of a path every other varies. */
static const char *vary_of(size_t path)
{
	return path % 2 ? "X-V" : NULL;
}

static bool one_in(struct thread *thread, uint64_t n)
{
	return rng_below(&thread->rng, n) == 0;
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

struct sleeper {
	struct cache_waiter waiter;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned n_wakes;
};

static void on_wake(struct cache_waiter *waiter)
{
	struct sleeper *sleeper = CONTAINER_OF(waiter, struct sleeper, waiter);

	pthread_mutex_lock(&sleeper->lock);
	sleeper->n_wakes++;
	pthread_cond_signal(&sleeper->changed);
	pthread_mutex_unlock(&sleeper->lock);
}

static void sleeper_init(struct sleeper *sleeper)
{
	*sleeper = (struct sleeper){ .waiter.wake = on_wake };
	pthread_mutex_init(&sleeper->lock, NULL);
	pthread_cond_init(&sleeper->changed, NULL);
}

/* One wake is on its way, or comes. */
static void sleep_once(struct sleeper *sleeper)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&sleeper->lock);
	while (sleeper->n_wakes == 0)
		MUST(pthread_cond_timedwait(&sleeper->changed, &sleeper->lock, &until) == 0);
	MUST(sleeper->n_wakes == 1);
	sleeper->n_wakes = 0;
	pthread_mutex_unlock(&sleeper->lock);
}

/* No wake may come behind the last. */
static void sleeper_fini(struct sleeper *sleeper)
{
	MUST(sleeper->n_wakes == 0);
	pthread_mutex_destroy(&sleeper->lock);
	pthread_cond_destroy(&sleeper->changed);
}

/* ---- leading -----------------------------------------------------------------------------------
 */

static void fill_pause(struct cache_flight *flight, struct sleeper *sleeper)
{
	if (cache_flight_pause(flight, &sleeper->waiter))
		sleep_once(sleeper);
}

static void fill_body(struct thread *thread, struct cache_flight *flight,
		      struct cache_writer *writer, struct sleeper *sleeper)
{
	uint64_t n_pieces = rng_below(&thread->rng, 12);
	bool outgrows = one_in(thread, 8);

	for (uint64_t i = 0; i < n_pieces; i++) {
		sample_add(writer, 1 + rng_below(&thread->rng, 6000), 4096);
		if (outgrows && i == n_pieces / 2)
			cache_flight_outgrow(flight, writer);
		else if (outgrows && i > n_pieces / 2)
			fill_pause(flight, sleeper);
		cache_flight_more(flight);
	}
}

/* The reference is given back. */
static void fill(struct thread *thread, size_t path, const char *line, struct cache_flight *flight)
{
	struct cache_writer writer;
	struct sleeper sleeper;

	thread->n_led++;
	thread->stage.life.born_s = __atomic_load_n(&versions[path], __ATOMIC_SEQ_CST);
	thread->stage.life.stale_at_s = INT64_MAX / 2;
	switch (rng_below(&thread->rng, 16)) {
	case 0:
		cache_flight_fail(flight, REASON_DONE);
		break;
	case 1:
		cache_flight_pass(flight, STAGE_NOW_S);
		break;
	case 2:
		cache_flight_again(flight);
		break;
	default:
		sleeper_init(&sleeper);
		stage_head(&thread->stage, flight, paths[path], line, vary_of(path), &writer);
		fill_body(thread, flight, &writer, &sleeper);
		if (one_in(thread, 16))
			cache_writer_break(&writer);
		else
			MUST(cache_writer_end(&writer));
		cache_flight_land(flight, true, STAGE_NOW_S);
		cache_writer_fini(&writer);
		sleeper_fini(&sleeper);
	}
	cache_flight_unref(flight);
}

/* ---- following ---------------------------------------------------------------------------------
 */

/* Waits for something new, or thinks better of it. */
static void follow_wait(struct thread *thread, struct cache_flight *flight, struct sleeper *sleeper,
			enum flight_state state, uint64_t seen)
{
	if (!cache_flight_wait(flight, &sleeper->waiter, state, seen))
		return;
	if (one_in(thread, 8) && cache_flight_unwait(flight, &sleeper->waiter))
		return;
	sleep_once(sleeper);
}

static void follow_read(struct thread *thread, struct cache_flight *flight, struct sleeper *sleeper)
{
	struct cache_reader reader;
	enum cache_read r = CACHE_READ_WAIT;

	if (!cache_flight_read(flight, &reader, 0, UINT64_MAX))
		return; /* its beginning has gone */
	while (r == CACHE_READ_WAIT && !one_in(thread, 32)) {
		uint64_t seen = cache_body_filled(reader.object);
		r = sample_read(&reader);
		if (r == CACHE_READ_WAIT)
			follow_wait(thread, flight, sleeper, FLIGHT_HEAD, seen);
	}
	cache_flight_unread(flight);
	cache_reader_fini(&reader);
}

/* The reference is given back. */
static void follow(struct thread *thread, struct cache_flight *flight, int64_t floor)
{
	struct sleeper sleeper;
	struct cache_object *object;
	enum close_reason reason;
	enum flight_state state;

	thread->n_followed++;
	sleeper_init(&sleeper);
	while ((state = cache_flight_look(flight, &object, &reason)) == FLIGHT_ASKED)
		follow_wait(thread, flight, &sleeper, FLIGHT_ASKED, 0);
	if (state == FLIGHT_HEAD) {
		MUST(object->born_s >= floor);
		follow_read(thread, flight, &sleeper);
		cache_object_unref(object);
	}
	sleeper_fini(&sleeper);
	cache_flight_unref(flight);
}

/* ---- what a thread does ------------------------------------------------------------------------
 */

static void hit(struct thread *thread, struct cache_object *object, int64_t floor)
{
	struct cache_reader reader;

	thread->n_hits++;
	MUST(object->born_s >= floor);
	MUST(cache_object_body(object) == CACHE_BODY_WHOLE);
	cache_reader_init(&reader, object, rng_below(&thread->rng, object->length + 1), UINT64_MAX);
	MUST(sample_read(&reader) == CACHE_READ_END);
	cache_reader_fini(&reader);
}

static void get(struct thread *thread, size_t path)
{
	const char *line = lines[rng_below(&thread->rng, ARRAY_LEN(lines))];
	struct http_head request = stage_request(&thread->stage, paths[path], line);
	struct cache_key key = stage_key(&thread->stage, paths[path]);
	/* Before anything is looked at: what was invalidated by now may not come. */
	int64_t floor = __atomic_load_n(&floors[path], __ATOMIC_SEQ_CST);
	struct cache *cache = thread->stage.cache;
	struct cache_flight *flight = NULL;
	struct cache_found found;

	MUST(cache_find(cache, &key, &request, &thread->stage.arena, STAGE_NOW_S, &found) == 0);
	if (found.object)
		hit(thread, found.object, floor);
	if (!found.object || one_in(thread, 8)) { /* of those found, some are fetched anew */
		bool alone = one_in(thread, 8);
		int r = alone ? cache_lead(cache, &key, &flight)
			      : cache_join(cache, &key, found.object, &flight);
		MUST(r >= 0);
		if (r == CACHE_JOIN_LEAD)
			fill(thread, path, line, flight);
		else if (r == CACHE_JOIN_FOLLOW)
			follow(thread, flight, floor);
	}
	cache_object_unref(found.object);
}

/* The origin changes; then the store is told; then nothing older may serve. */
static void change(struct thread *thread, size_t path)
{
	struct cache_key key = stage_key(&thread->stage, paths[path]);
	int64_t version = __atomic_add_fetch(&versions[path], 1, __ATOMIC_SEQ_CST), floor;
	struct cache *cache = thread->stage.cache;
	uint64_t number;

	if (one_in(thread, 2)) {
		cache_invalidate(cache, &key);
	} else {
		const struct purge purge = { PURGE_URL, false, span_first(key.text, key.url_len) };
		MUST(cache_purge(cache, &purge, &number) == 0);
	}
	floor = __atomic_load_n(&floors[path], __ATOMIC_SEQ_CST);
	while (floor < version &&
	       !__atomic_compare_exchange_n(&floors[path], &floor, version, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST))
		;
}

static void manage(struct thread *thread)
{
	struct cache_conf conf = { .name = "test", .memory_bytes = MEMORY_BYTES };
	struct cache *cache = thread->stage.cache;
	const struct purge purge = { PURGE_TAG, one_in(thread, 2), SPAN_LIT("t") };
	uint64_t number;

	conf.memory_bytes -= rng_below(&thread->rng, MEMORY_BYTES / 2);
	cache_set_conf(cache, &conf);
	MUST(cache_purge(cache, &purge, &number) == 0);
	if (thread->sweeps)
		(void)cache_sweep(cache, STAGE_NOW_S);
	MUST(stage_stats(&thread->stage).position >= number);
}

static void *thread_run(void *arg)
{
	struct thread *thread = arg;

	for (size_t step = 0; step < STEPS; step++) {
		size_t path = rng_below(&thread->rng, PATHS);
		struct cache_key key = stage_key(&thread->stage, paths[path]);
		uint64_t what = rng_below(&thread->rng, 64);
		if (what < 4)
			change(thread, path);
		else if (what < 6)
			manage(thread);
		else if (what < 8)
			cache_count_use(thread->stage.cache, &key);
		else
			get(thread, path);
		arena_empty(&thread->stage.arena);
	}
	return NULL;
}

static void threads_agree_on_what_is_true(void **state)
{
	static struct thread threads[THREADS];
	size_t n_hits = 0, n_led = 0, n_followed = 0;
	struct stage stage;

	(void)state;
	stage_init(&stage, MEMORY_BYTES);
	for (size_t i = 0; i < PATHS; i++)
		versions[i] = floors[i] = 1;
	for (size_t i = 0; i < THREADS; i++) {
		threads[i].stage.cache = stage.cache;
		arena_init(&threads[i].stage.arena, 1 << 20);
		rng_seed(&threads[i].rng, i);
		threads[i].sweeps = i == 0;
		assert_int_equal(pthread_create(&threads[i].id, NULL, thread_run, &threads[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i].id, NULL), 0);
		arena_fini(&threads[i].stage.arena);
		n_hits += threads[i].n_hits;
		n_led += threads[i].n_led;
		n_followed += threads[i].n_followed;
	}
	print_message("%zu hits, %zu led, %zu followed, %llu evicted, %llu purged\n", n_hits, n_led,
		      n_followed, (unsigned long long)stage_stats(&stage).n_evicted,
		      (unsigned long long)stage_stats(&stage).n_purged);
	assert_true(n_hits > 0 && n_led > 0);
	assert_int_equal(stage_stats(&stage).n_flights, 0);
	assert_true(stage_stats(&stage).bytes <= MEMORY_BYTES);
	stage_purge(&stage, PURGE_ALL, false, "");
	for (int around = 0; around < 2;) /* the first from where it stood */
		around += cache_sweep(stage.cache, STAGE_NOW_S);
	assert_int_equal(stage_stats(&stage).n_objects, 0);
	stage_fini(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_agree_on_what_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
