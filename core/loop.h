/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: libevent, one base a thread, as the rest of us sees it. libevent appears here and in
 * core/admin.c alone.
 *
 * A turn is: callbacks of descriptors, then of timers, then deferred work. One clock reading a
 * turn: loop_now(). Timers are lazy: pushing a deadline further out costs a store; the wake-up that
 * comes too early finds out and sleeps on. Deferred work runs at the end of the turn in which it
 * was deferred, after all callbacks: that is where output is flushed once. Everything here is for
 * the loop's own thread, but for what says otherwise.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "core/clock.h"

struct loop;
typedef void (*loop_fn)(void *arg);

/* `name` is copied: thread name, log lines, metrics. Errors: -ENOMEM. */
int loop_new(const char *name, struct loop **ret_loop);
void loop_free(struct loop *loop); /* NULL is fine; its timers and ios must be closed */
/* Runs until loop_stop(). The calling thread becomes the loop's own. */
int loop_run(struct loop *loop);
/* After this turn, loop_run() returns. Own thread; others post a mail that calls it. */
void loop_stop(struct loop *loop);
/* One turn, waiting at most max_wait_ms: for tests and for the end of a process. */
int loop_turn(struct loop *loop, int64_t max_wait_ms);

mono_t loop_now(const struct loop *loop);     /* outside a turn it reads the clock each time */
int64_t loop_wall_s(const struct loop *loop); /* for dates and certificates; read once a turn */
bool loop_is_mine(const struct loop *loop);   /* any thread; true before loop_run() */
const char *loop_name(const struct loop *loop);
struct event_base *loop_base(struct loop *loop); /* for admin.c alone */

struct loop_timer {
	RB_ENTRY(loop_timer) link;
	struct loop *loop;
	loop_fn fn;
	void *arg;
	mono_t at;     /* when fn shall run; MONO_NEVER: stopped */
	mono_t set_at; /* its place in the tree, at or before `at`; MONO_NEVER: in no tree */
};
void loop_timer_init(struct loop_timer *timer, struct loop *loop, loop_fn fn, void *arg);
/* Runs fn once at `at` or shortly after. Setting it again moves it. */
void loop_timer_set(struct loop_timer *timer, mono_t at);
void loop_timer_stop(
	struct loop_timer *timer); /* fn will not run; safe on a stopped or zeroed one */

/* A file descriptor that is watched. Level-triggered. The fd stays the caller's. */
struct loop_io {
	struct event ev;
	struct loop *loop;
	loop_fn on_readable, on_writable;
	void *arg;
	int fd;
	short wanted; /* EV_READ, EV_WRITE */
};
void loop_io_init(struct loop_io *io, struct loop *loop, int fd, loop_fn on_readable,
		  loop_fn on_writable, void *arg);
/* Says what is of interest from now on; costs nothing when it is what it was. */
int loop_io_want(struct loop_io *io, bool read, bool write);
/* No callback after this; safe twice; safe from inside its own callbacks. */
void loop_io_stop(struct loop_io *io);

/* Work for the end of this turn (or of the next one when deferred by another task). */
struct loop_task {
	TAILQ_ENTRY(loop_task) link;
	loop_fn fn;
	void *arg;
	bool queued, soon;
};
void loop_defer(struct loop *loop, struct loop_task *task); /* a queued task is not queued twice */
/* Work for when the callback under way has returned, before the next one runs: somebody waits for
 * it, and gains nothing from what the rest of the turn brings. */
void loop_defer_soon(struct loop *loop, struct loop_task *task);
void loop_undefer(struct loop *loop, struct loop_task *task);
