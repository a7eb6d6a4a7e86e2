/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/wake: the word comes on the waiting one's thread, or not at all.
 */
#include "../edge_test.h"

#include "edge/exchange/wake.h"

struct home {
	struct loop *loop;
	struct mailbox mailbox;
	struct wake *wake;
	pthread_t thread;
	unsigned n_woken;
};

static void on_woken(void *arg)
{
	struct home *home = arg;

	assert_true(pthread_equal(home->thread, pthread_self()));
	home->n_woken++;
}

static void home_open(struct home *home)
{
	*home = (struct home){ .thread = pthread_self() };
	assert_int_equal(loop_new("home", &home->loop), 0);
	assert_int_equal(mailbox_open(&home->mailbox, home->loop), 0);
	home->wake = wake_new(&home->mailbox, on_woken, home);
	assert_non_null(home->wake);
}

static void home_close(struct home *home)
{
	loop_free(home->loop);
}

static void home_settle(struct home *home)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(home->loop, 0), 0);
}

/* As a flight does. */
static void *wake_up(void *arg)
{
	struct wake *wake = arg;

	wake->waiter.wake(&wake->waiter);
	return NULL;
}

static void wake_up_elsewhere(struct wake *wake)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wake_up, wake), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void on_its_own_thread_it_comes_soon_but_not_from_inside(void **state)
{
	struct home home;

	(void)state;
	home_open(&home);
	for (unsigned i = 1; i <= 3; i++) {
		home.wake->pending = true;
		wake_up(home.wake);
		assert_int_equal(home.n_woken, i - 1);
		home_settle(&home);
		assert_int_equal(home.n_woken, i);
		assert_false(home.wake->pending);
	}
	wake_drop(home.wake, false);
	mailbox_close(&home.mailbox);
	home_close(&home);
}

/* The loop does not run: it is nobody's, as at the end of a worker. */
static void from_another_thread_it_comes_by_mail(void **state)
{
	struct home home;

	(void)state;
	home_open(&home);
	for (unsigned i = 1; i <= 3; i++) {
		home.wake->pending = true;
		wake_up_elsewhere(home.wake);
		assert_false(home.wake->task.queued);
		assert_int_equal(home.n_woken, i - 1);
		EDGE_LOOP_UNTIL(home.loop, home.n_woken == i);
	}
	wake_drop(home.wake, false);
	mailbox_close(&home.mailbox);
	home_close(&home);
}

static void owner_that_goes_is_not_woken(void **state)
{
	struct home home;

	(void)state;
	home_open(&home); /* it was not lent */
	wake_drop(home.wake, false);
	wake_drop(NULL, false);

	home.wake = wake_new(&home.mailbox, on_woken, &home); /* the flight gives it back */
	home.wake->pending = true;
	wake_drop(home.wake, true);

	home.wake = wake_new(&home.mailbox, on_woken, &home); /* it is to come this turn */
	home.wake->pending = true;
	wake_up(home.wake);
	wake_drop(home.wake, false);

	home.wake = wake_new(&home.mailbox, on_woken, &home); /* its mail is on its way */
	home.wake->pending = true;
	wake_up_elsewhere(home.wake);
	wake_drop(home.wake, false);

	struct wake *late = wake_new(&home.mailbox, on_woken, &home); /* it is about to be woken */
	late->pending = true;
	wake_drop(late, false);
	wake_up_elsewhere(late);

	home_settle(&home);
	assert_int_equal(home.n_woken, 0);
	mailbox_close(&home.mailbox);
	home_close(&home);
}

static void mailbox_that_is_dropped_wakes_nobody(void **state)
{
	struct home home;

	(void)state;
	home_open(&home);
	home.wake->pending = true; /* the owner is there, and hears nothing */
	wake_up_elsewhere(home.wake);
	struct wake *left = wake_new(&home.mailbox, on_woken, &home);
	left->pending = true;
	wake_up_elsewhere(left);
	wake_drop(left, false);
	struct wake *late = wake_new(&home.mailbox, on_woken, &home);
	late->pending = true;
	wake_drop(late, false);
	mailbox_close(&home.mailbox);
	assert_false(home.wake->pending);
	wake_drop(home.wake, false);
	wake_up_elsewhere(late); /* after it has closed */
	assert_int_equal(home.n_woken, 0);
	home_close(&home);
}

/* ---- with a flight that is led on another thread -----------------------------------------------
 */

enum { ROUNDS = 300, PIECES = 20, PIECE_BYTES = 700 };

struct leader {
	struct cache_flight *flight;
	struct cache_key key;
	pthread_t thread;
};

static void key_make(struct cache_key *ret_key, const char *text)
{
	*ret_key = (struct cache_key){ .text = span_str(text) };
	ret_key->url_len = ret_key->base_len = (uint32_t)ret_key->text.len;
	ret_key->url_hash = ret_key->base_hash = ret_key->hash = 0x123456789abcdefULL;
}

/* It sends bodies of all that can come between two looks. Fails by what the follower counts. */
static void *lead(void *arg)
{
	struct leader *leader = arg;
	static const uint8_t piece[PIECE_BYTES];
	struct http_head head = { .status = 200 };
	const struct cache_object_setup setup = {
		.key = leader->key.text,
		.url_len = leader->key.url_len,
		.hash = leader->key.hash,
		.url_hash = leader->key.url_hash,
		.head = &head,
	};
	struct cache_object *object;
	struct cache_writer writer;

	MUST(cache_object_new(&setup, &object) == 0);
	cache_writer_init(&writer, object);
	cache_flight_head(leader->flight, object, &leader->key, SPAN_NONE);
	for (int i = 0; i < PIECES; i++) {
		MUST(cache_writer_add(&writer, span_of(piece, PIECE_BYTES)) == 0);
		cache_flight_more(leader->flight);
	}
	cache_writer_end(&writer);
	cache_flight_land(leader->flight, false, 0);
	cache_writer_fini(&writer);
	cache_object_unref(object);
	cache_flight_unref(leader->flight);
	return NULL;
}

struct follower {
	struct home home;
	struct cache_flight *flight;
	struct cache_reader reader;
	bool reads, ended;
	size_t n_bytes;
};

static bool waits(struct follower *follower, enum flight_state state, uint64_t filled)
{
	struct wake *wake = follower->home.wake;

	wake->pending = true;
	if (cache_flight_wait(follower->flight, &wake->waiter, state, filled))
		return true;
	wake->pending = false;
	return false;
}

static bool begins(struct follower *follower)
{
	struct cache_object *object;
	enum close_reason reason;

	while (cache_flight_look(follower->flight, &object, &reason) != FLIGHT_HEAD) {
		if (waits(follower, FLIGHT_ASKED, 0))
			return false;
	}
	cache_object_unref(object);
	follower->reads = cache_flight_read(follower->flight, &follower->reader, 0, UINT64_MAX);
	assert_true(follower->reads);
	return true;
}

static void follow(void *arg)
{
	struct follower *follower = arg;
	struct chain chain = { 0 };

	assert_true(pthread_equal(follower->home.thread, pthread_self()));
	follower->home.n_woken++;
	if (!follower->reads && !begins(follower))
		return;
	for (;;) {
		uint64_t seen = cache_body_filled(follower->reader.object);
		enum cache_read read = cache_reader_take(&follower->reader, &chain);
		follower->n_bytes += chain.bytes;
		chain_clear(&chain);
		if (read == CACHE_READ_END)
			break;
		assert_int_not_equal(read, CACHE_READ_BROKEN);
		if (read == CACHE_READ_WAIT && waits(follower, FLIGHT_HEAD, seen))
			return;
	}
	follower->ended = true;
}

static void follower_leave(struct follower *follower)
{
	struct wake *wake = follower->home.wake;

	wake_drop(wake, cache_flight_unwait(follower->flight, &wake->waiter));
	if (follower->reads)
		cache_flight_unread(follower->flight);
	cache_reader_fini(&follower->reader);
	cache_flight_unref(follower->flight);
}

/* `stays`: until it has all; else it leaves after so many turns, whatever is on its way. */
static void round_run(struct cache *cache, bool stays, int n_turns)
{
	struct follower follower = { .ended = false };
	struct leader leader;

	home_open(&follower.home);
	follower.home.wake->fn = follow;
	follower.home.wake->arg = &follower;
	key_make(&leader.key, "//www.example/app");
	assert_int_equal(cache_join(cache, &leader.key, NULL, &leader.flight), CACHE_JOIN_LEAD);
	assert_int_equal(cache_join(cache, &leader.key, NULL, &follower.flight), CACHE_JOIN_FOLLOW);
	assert_int_equal(pthread_create(&leader.thread, NULL, lead, &leader), 0);
	follow(&follower);
	if (stays)
		EDGE_LOOP_UNTIL(follower.home.loop, follower.ended);
	for (int i = 0; i < n_turns; i++)
		assert_int_equal(loop_turn(follower.home.loop, 0), 0);
	unsigned n_woken = follower.home.n_woken;
	follower_leave(&follower);
	if (n_turns % 2) { /* what is still to come finds the mailbox open, or closed */
		assert_int_equal(pthread_join(leader.thread, NULL), 0);
		home_settle(&follower.home);
		mailbox_close(&follower.home.mailbox);
	} else {
		mailbox_close(&follower.home.mailbox);
		assert_int_equal(pthread_join(leader.thread, NULL), 0);
	}
	assert_int_equal(follower.home.n_woken, n_woken);
	if (stays)
		assert_int_equal(follower.n_bytes, PIECES * PIECE_BYTES);
	home_close(&follower.home);
}

static void follower_gets_all_of_a_flight_that_is_led_elsewhere(void **state)
{
	const struct cache_conf conf = { .name = "memory", .memory_bytes = 1 << 20 };
	struct cache *cache;

	(void)state;
	assert_int_equal(cache_new(&conf, 1000, &cache), 0);
	for (int i = 0; i < ROUNDS; i++)
		round_run(cache, true, i % 2);
	cache_unref(cache);
}

static void follower_may_leave_while_the_wake_is_on_its_way(void **state)
{
	const struct cache_conf conf = { .name = "memory", .memory_bytes = 1 << 20 };
	struct cache *cache;

	(void)state;
	assert_int_equal(cache_new(&conf, 1000, &cache), 0);
	for (int i = 0; i < ROUNDS; i++)
		round_run(cache, false, i % 10);
	cache_unref(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_its_own_thread_it_comes_soon_but_not_from_inside),
		cmocka_unit_test(from_another_thread_it_comes_by_mail),
		cmocka_unit_test(owner_that_goes_is_not_woken),
		cmocka_unit_test(mailbox_that_is_dropped_wakes_nobody),
		cmocka_unit_test(follower_gets_all_of_a_flight_that_is_led_elsewhere),
		cmocka_unit_test(follower_may_leave_while_the_wake_is_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
