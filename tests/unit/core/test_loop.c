/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/loop.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/obj.h"

enum { MAX_TURNS = 10000 };

static int make_loop(void **state)
{
	struct loop *loop = NULL;
	int r = loop_new("test", &loop);

	*state = loop;
	return r;
}

static int free_loop(void **state)
{
	loop_free(*state);
	return 0;
}

/* What a callback of a test writes down. */
struct record {
	struct loop *loop;
	struct loop_timer timer;
	struct loop_io io;
	struct loop_task task;
	unsigned n_timer, n_read, n_write, n_task;
	unsigned *order, place; /* where this one came among others */
	mono_t at;
};

static void turn_until(struct loop *loop, const unsigned *count, unsigned n)
{
	for (int i = 0; *count < n && i < MAX_TURNS; i++)
		assert_int_equal(loop_turn(loop, 1000), 0);
	assert_int_equal(*count, n);
}

static void note_timer(void *arg)
{
	struct record *rec = arg;

	rec->n_timer++;
	rec->at = loop_now(rec->loop);
	if (rec->order)
		rec->place = ++*rec->order;
}

static void timers_fire_in_order_and_never_early(void **state)
{
	static const int delays_ms[] = { 30, 5, 20, 5, 0, -10 };
	enum { N = ARRAY_LEN(delays_ms) };
	struct record recs[N] = { 0 };
	unsigned order = 0;
	struct loop *loop = *state;
	mono_t start = loop_now(loop);

	for (int i = 0; i < N; i++) {
		recs[i].loop = loop;
		recs[i].order = &order;
		loop_timer_init(&recs[i].timer, loop, note_timer, &recs[i]);
		loop_timer_set(&recs[i].timer, mono_add_ms(start, delays_ms[i]));
	}
	turn_until(loop, &recs[0].n_timer, 1);
	for (int i = 0; i < N; i++) {
		assert_int_equal(recs[i].n_timer, 1);
		assert_false(mono_before(recs[i].at, mono_add_ms(start, delays_ms[i])));
	}
	assert_int_equal(recs[5].place, 1);
	assert_int_equal(recs[4].place, 2);
	assert_int_equal(recs[2].place, 5);
	assert_int_equal(recs[0].place, 6);
}

static void timer_moved_out_fires_once_at_the_later_time(void **state)
{
	struct record rec = { .loop = *state };
	mono_t start = loop_now(rec.loop);

	loop_timer_init(&rec.timer, rec.loop, note_timer, &rec);
	loop_timer_set(&rec.timer, mono_add_ms(start, 5));
	loop_timer_set(&rec.timer, mono_add_ms(start, 25));
	turn_until(rec.loop, &rec.n_timer, 1);
	assert_false(mono_before(rec.at, mono_add_ms(start, 25)));
	assert_int_equal(rec.timer.at.ns, MONO_NEVER.ns);
}

static void timer_moved_in_fires_at_the_earlier_time(void **state)
{
	struct record rec = { .loop = *state };
	mono_t start = loop_now(rec.loop);

	loop_timer_init(&rec.timer, rec.loop, note_timer, &rec);
	loop_timer_set(&rec.timer, mono_add_ms(start, 3600 * 1000));
	loop_turn(rec.loop, 0);
	loop_timer_set(&rec.timer, mono_add_ms(start, 5));
	turn_until(rec.loop, &rec.n_timer, 1);
	assert_in_range(mono_diff_ms(rec.at, start), 5, 60000);
}

static void stopped_timer_stays_silent(void **state)
{
	struct record rec = { .loop = *state }, other = { .loop = *state };
	struct loop_timer zeroed = { 0 };
	mono_t start = loop_now(rec.loop);

	loop_timer_init(&rec.timer, rec.loop, note_timer, &rec);
	loop_timer_init(&other.timer, rec.loop, note_timer, &other);
	loop_timer_set(&rec.timer, mono_add_ms(start, 1));
	loop_timer_set(&other.timer, mono_add_ms(start, 10));
	loop_timer_stop(&rec.timer);
	loop_timer_stop(&rec.timer);
	loop_timer_stop(&zeroed);
	turn_until(rec.loop, &other.n_timer, 1);
	assert_int_equal(rec.n_timer, 0);
	loop_timer_set(&rec.timer, mono_add_ms(start, 1));
	loop_timer_set(&rec.timer, MONO_NEVER);
	loop_turn(rec.loop, 5);
	assert_int_equal(rec.n_timer, 0);
}

static void set_to_now_again(void *arg)
{
	struct record *rec = arg;

	rec->n_timer++;
	loop_timer_set(&rec->timer, loop_now(rec->loop));
}

static void timer_that_sets_itself_to_now_runs_once_a_turn(void **state)
{
	struct record rec = { .loop = *state };

	loop_timer_init(&rec.timer, rec.loop, set_to_now_again, &rec);
	loop_timer_set(&rec.timer, loop_now(rec.loop));
	for (unsigned i = 1; i <= 5; i++) {
		loop_turn(rec.loop, 1000);
		assert_int_equal(rec.n_timer, i);
	}
	loop_timer_stop(&rec.timer);
}

struct pair {
	struct loop_timer first, second;
	unsigned n;
};

static void stop_both(void *arg)
{
	struct pair *pair = arg;

	pair->n++;
	loop_timer_stop(&pair->first);
	loop_timer_stop(&pair->second);
}

static void timer_may_stop_another_that_is_due(void **state)
{
	struct loop *loop = *state;
	struct pair pair = { 0 };

	loop_timer_init(&pair.first, loop, stop_both, &pair);
	loop_timer_init(&pair.second, loop, stop_both, &pair);
	loop_timer_set(&pair.first, loop_now(loop));
	loop_timer_set(&pair.second, loop_now(loop));
	loop_turn(loop, 1000);
	loop_turn(loop, 0);
	assert_int_equal(pair.n, 1);
}

static void note_task(void *arg)
{
	struct record *rec = arg;

	rec->n_task++;
	rec->at = loop_now(rec->loop);
	if (rec->order)
		rec->place = ++*rec->order;
}

static void one_turn_has_one_time(void **state)
{
	struct record timer = { .loop = *state }, task = { .loop = *state };

	loop_timer_init(&timer.timer, timer.loop, note_timer, &timer);
	loop_timer_set(&timer.timer, loop_now(timer.loop));
	task.task = (struct loop_task){ .fn = note_task, .arg = &task };
	loop_defer(task.loop, &task.task);
	turn_until(timer.loop, &timer.n_timer, 1);
	assert_int_equal(timer.at.ns, task.at.ns);
	assert_in_range(loop_wall_s(timer.loop), time(NULL) - 5, time(NULL) + 5);
}

static void defer_again(void *arg)
{
	struct record *rec = arg;

	rec->n_task++;
	loop_defer(rec->loop, &rec->task);
}

static void task_deferred_by_a_task_waits_for_the_next_turn(void **state)
{
	struct record rec = { .loop = *state };

	rec.task = (struct loop_task){ .fn = defer_again, .arg = &rec };
	loop_defer(rec.loop, &rec.task);
	loop_defer(rec.loop, &rec.task);
	for (unsigned i = 1; i <= 3; i++) {
		loop_turn(rec.loop, 60000); /* does not wait: there is work */
		assert_int_equal(rec.n_task, i);
	}
	loop_undefer(rec.loop, &rec.task);
	loop_undefer(rec.loop, &rec.task);
	loop_turn(rec.loop, 0);
	assert_int_equal(rec.n_task, 3);
}

static void undefer_other(void *arg)
{
	struct record *recs = arg;

	recs[0].n_task++;
	loop_undefer(recs[0].loop, &recs[1].task);
}

static void task_may_take_another_back(void **state)
{
	struct record recs[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		recs[i].loop = *state;
		recs[i].task = (struct loop_task){ .fn = note_task, .arg = &recs[i] };
	}
	recs[0].task = (struct loop_task){ .fn = undefer_other, .arg = recs };
	for (int i = 0; i < 3; i++)
		loop_defer(recs[i].loop, &recs[i].task);
	loop_turn(recs[0].loop, 0);
	assert_int_equal(recs[0].n_task, 1);
	assert_int_equal(recs[1].n_task, 0);
	assert_int_equal(recs[2].n_task, 1);
}

static void note_read(void *arg)
{
	struct record *rec = arg;

	rec->n_read++;
	if (rec->order)
		rec->place = ++*rec->order;
}

static void note_write(void *arg)
{
	((struct record *)arg)->n_write++;
}

static void callbacks_come_before_timers_before_tasks(void **state)
{
	struct record io = { .loop = *state }, timer = { .loop = *state },
		      task = { .loop = *state };
	unsigned order = 0;
	CLEANUP(fd_drop) int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	io.order = timer.order = task.order = &order;
	task.task = (struct loop_task){ .fn = note_task, .arg = &task };
	loop_defer(task.loop, &task.task);
	loop_timer_init(&timer.timer, timer.loop, note_timer, &timer);
	loop_timer_set(&timer.timer, loop_now(timer.loop));
	loop_io_init(&io.io, io.loop, fd, note_read, note_write, &io);
	assert_int_equal(loop_io_want(&io.io, true, false), 0);
	loop_turn(io.loop, 1000);
	assert_int_equal(io.place, 1);
	assert_int_equal(timer.place, 2);
	assert_int_equal(task.place, 3);
	loop_io_stop(&io.io);
}

/* A callback that leaves work for soon, and one for the turn's end. */
struct hurried {
	struct record io, soon, later;
};

static void leave_work(void *arg)
{
	struct hurried *hurried = arg;

	note_read(&hurried->io);
	loop_defer(hurried->io.loop, &hurried->later.task);
	loop_defer_soon(hurried->io.loop, &hurried->soon.task);
}

static void what_is_soon_comes_before_the_next_callback(void **state)
{
	struct hurried both[2] = { 0 };
	CLEANUP(fd_drop) int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	CLEANUP(fd_drop) int other = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	unsigned order = 0;

	for (int i = 0; i < 2; i++) {
		struct hurried *h = &both[i];
		h->io.loop = h->soon.loop = h->later.loop = *state;
		h->io.order = h->soon.order = h->later.order = &order;
		h->soon.task = (struct loop_task){ .fn = note_task, .arg = &h->soon };
		h->later.task = (struct loop_task){ .fn = note_task, .arg = &h->later };
		loop_io_init(&h->io.io, *state, i ? other : fd, leave_work, note_write, h);
		assert_int_equal(loop_io_want(&h->io.io, true, false), 0);
	}
	loop_turn(*state, 1000);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(both[i].soon.place, both[i].io.place + 1);
		assert_in_range(both[i].later.place, 5, 6);
		loop_io_stop(&both[i].io.io);
	}
}

static void what_is_soon_needs_no_callback(void **state)
{
	struct record rec = { .loop = *state };

	rec.task = (struct loop_task){ .fn = note_task, .arg = &rec };
	loop_defer_soon(rec.loop, &rec.task);
	loop_turn(rec.loop, 60000); /* does not wait: there is work */
	assert_int_equal(rec.n_task, 1);
	loop_defer_soon(rec.loop, &rec.task);
	loop_undefer(rec.loop, &rec.task);
	loop_turn(rec.loop, 0);
	assert_int_equal(rec.n_task, 1);
}

static void io_says_only_what_is_wanted(void **state)
{
	struct record rec = { .loop = *state };
	CLEANUP(fd_drop) int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	loop_io_init(&rec.io, rec.loop, fd, note_read, note_write, &rec);
	loop_turn(rec.loop, 0);
	assert_int_equal(rec.n_read + rec.n_write, 0);
	assert_int_equal(loop_io_want(&rec.io, true, false), 0);
	loop_turn(rec.loop, 1000);
	assert_true(rec.n_read == 1 && rec.n_write == 0);
	assert_int_equal(loop_io_want(&rec.io, true, true), 0);
	loop_turn(rec.loop, 1000);
	assert_true(rec.n_read == 2 && rec.n_write == 1);
	assert_int_equal(loop_io_want(&rec.io, false, true), 0);
	loop_turn(rec.loop, 1000);
	assert_true(rec.n_read == 2 && rec.n_write == 2);
	assert_int_equal(loop_io_want(&rec.io, false, false), 0);
	loop_turn(rec.loop, 0);
	assert_true(rec.n_read == 2 && rec.n_write == 2);
	loop_io_stop(&rec.io);
	loop_io_stop(&rec.io);
}

static void stop_and_free(void *arg)
{
	struct record *rec = arg;
	unsigned *n = rec->order;

	++*n;
	loop_io_stop(&rec->io);
	close(rec->io.fd);
	free(rec);
}

static void io_may_be_freed_in_its_own_callback(void **state)
{
	struct loop *loop = *state;
	struct record *rec = calloc(1, sizeof(*rec));
	unsigned n = 0;

	assert_non_null(rec);
	*rec = (struct record){ .loop = loop, .order = &n };
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	loop_io_init(&rec->io, loop, fd, stop_and_free, stop_and_free, rec);
	assert_int_equal(loop_io_want(&rec->io, true, true), 0);
	loop_turn(loop, 1000);
	loop_turn(loop, 0);
	assert_int_equal(n, 1);
}

static void closed_descriptor_that_others_hold_is_forgotten(void **state)
{
	struct record rec = { .loop = *state };
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	CLEANUP(fd_drop) int held = dup(fd);

	assert_true(held >= 0);
	loop_io_init(&rec.io, rec.loop, fd, note_read, note_write, &rec);
	assert_int_equal(loop_io_want(&rec.io, true, false), 0);
	loop_turn(rec.loop, 1000);
	loop_io_stop(&rec.io);
	close(fd);
	mono_t before = mono_read();
	loop_turn(rec.loop, 20); /* were it still registered, this would come back at once */
	assert_int_equal(rec.n_read, 1);
	assert_true(mono_diff_ms(mono_read(), before) >= 10);
}

static void io_that_cannot_be_watched_is_an_error(void **state)
{
	struct record rec = { .loop = *state };
	FILE *file = tmpfile();

	assert_non_null(file);
	loop_io_init(&rec.io, rec.loop, fileno(file), note_read, NULL, &rec);
	assert_true(loop_io_want(&rec.io, true, false) < 0);
	assert_int_equal(rec.io.wanted, 0);
	loop_io_stop(&rec.io);
	fclose(file);
}

static void stop_loop(void *arg)
{
	struct record *rec = arg;

	rec->n_timer++;
	assert_true(loop_is_mine(rec->loop));
	loop_stop(rec->loop);
}

static void *run_loop(void *arg)
{
	assert_int_equal(loop_run(arg), 0);
	return NULL;
}

static void loop_runs_in_its_thread_until_it_is_stopped(void **state)
{
	struct record rec = { .loop = *state };
	pthread_t thread;

	assert_string_equal(loop_name(rec.loop), "test");
	assert_non_null(loop_base(rec.loop));
	assert_true(loop_is_mine(rec.loop));
	loop_timer_init(&rec.timer, rec.loop, stop_loop, &rec);
	loop_timer_set(&rec.timer, mono_add_ms(loop_now(rec.loop), 5));
	assert_int_equal(pthread_create(&thread, NULL, run_loop, rec.loop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(rec.n_timer, 1);
	assert_true(loop_is_mine(rec.loop));
	loop_stop(rec.loop);
	assert_int_equal(loop_run(rec.loop), 0);
}

static void thousand_timers_all_fire(void **state)
{
	enum { N = 1000 };
	struct record *recs = calloc(N, sizeof(*recs));
	struct loop *loop = *state;
	unsigned order = 0, last = 0;

	assert_non_null(recs);
	mono_t start = loop_now(loop);
	for (int i = 0; i < N; i++) {
		recs[i].loop = loop;
		recs[i].order = &order;
		loop_timer_init(&recs[i].timer, loop, note_timer, &recs[i]);
		loop_timer_set(&recs[i].timer, mono_add_us(start, i * 7919 % N * 20));
	}
	turn_until(loop, &order, N);
	for (int at = 0; at < N; at++) { /* in order of their deadlines */
		for (int i = 0; i < N; i++) {
			if (i * 7919 % N != at)
				continue;
			assert_true(recs[i].place > last);
			last = recs[i].place;
		}
	}
	free(recs);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, make_loop, free_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timers_fire_in_order_and_never_early),
		LOOP_TEST(timer_moved_out_fires_once_at_the_later_time),
		LOOP_TEST(timer_moved_in_fires_at_the_earlier_time),
		LOOP_TEST(stopped_timer_stays_silent),
		LOOP_TEST(timer_that_sets_itself_to_now_runs_once_a_turn),
		LOOP_TEST(timer_may_stop_another_that_is_due),
		LOOP_TEST(one_turn_has_one_time),
		LOOP_TEST(task_deferred_by_a_task_waits_for_the_next_turn),
		LOOP_TEST(what_is_soon_comes_before_the_next_callback),
		LOOP_TEST(what_is_soon_needs_no_callback),
		LOOP_TEST(task_may_take_another_back),
		LOOP_TEST(callbacks_come_before_timers_before_tasks),
		LOOP_TEST(io_says_only_what_is_wanted),
		LOOP_TEST(io_may_be_freed_in_its_own_callback),
		LOOP_TEST(closed_descriptor_that_others_hold_is_forgotten),
		LOOP_TEST(io_that_cannot_be_watched_is_an_error),
		LOOP_TEST(loop_runs_in_its_thread_until_it_is_stopped),
		LOOP_TEST(thousand_timers_all_fire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
