/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: libevent waits for descriptors; timers are ours. They lie in a tree inside the structs of
 * their owners, so that setting one cannot fail, and one libevent timer wakes the loop for the
 * first of them. (libevent's own clock is coarse, up to 4 ms late; ours decides who is due.)
 *
 * EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST is left out on purpose: it delays EPOLL_CTL_DEL past the
 * close(2) of the descriptor, and a socket that another process still holds (a handed-over
 * listener) would go on waking us for ever.
 */
#include "core/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

enum { THREAD_NAME_BYTES = 16, NAME_BYTES = 32 };

#define LOOP_KIND OBJ_KIND('l', 'o', 'o', 'p')

/* Times of this turn, read when first asked for. */
struct turn_clock {
	mono_t now;
	int64_t wall_s;
	bool in_turn, has_now, has_wall;
};

RB_HEAD(timer_tree, loop_timer);
TAILQ_HEAD(task_list, loop_task);

struct loop {
	uint32_t kind;
	char name[NAME_BYTES];
	struct event_base *base;  /* owned */
	struct event wake;        /* the one timer that libevent knows */
	mono_t wake_at;           /* MONO_NEVER: not set */
	struct turn_clock *clock; /* &turn: reading a clock changes no loop */
	struct turn_clock turn;
	struct timer_tree timers;
	struct task_list tasks, soon;
	struct loop_task turn_end; /* tasks behind it wait for the next turn */
	struct loop_io *current;   /* whose callbacks are under way */
	size_t n_ios;              /* that are watched */
	bool timers_run;
	bool stopping;
	_Atomic pthread_t owner; /* 0: nobody yet */
};

/* ---- timers ---- */

static int timer_compare(const struct loop_timer *a, const struct loop_timer *b)
{
	if (a->set_at.ns != b->set_at.ns)
		return a->set_at.ns < b->set_at.ns ? -1 : 1;
	return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? -1 : 1;
}

RB_GENERATE_INTERNAL(timer_tree, loop_timer, link, timer_compare, __attribute__((unused)) static)

void loop_timer_init(struct loop_timer *timer, struct loop *loop, loop_fn fn, void *arg)
{
	*timer = (struct loop_timer){
		.loop = loop, .fn = fn, .arg = arg, .at = MONO_NEVER, .set_at = MONO_NEVER
	};
}

static void timer_remove(struct loop_timer *timer)
{
	if (timer->set_at.ns != MONO_NEVER.ns)
		RB_REMOVE(timer_tree, &timer->loop->timers, timer);
	timer->set_at = MONO_NEVER;
}

static void timer_insert(struct loop_timer *timer, mono_t set_at)
{
	struct loop *loop = timer->loop;

	timer_remove(timer);
	/* A timer that sets itself to now must not keep this turn from ending. */
	if (loop->timers_run)
		set_at = mono_max(set_at, (mono_t){ loop_now(loop).ns + 1 });
	timer->set_at = set_at;
	RB_INSERT(timer_tree, &loop->timers, timer);
}

void loop_timer_set(struct loop_timer *timer, mono_t at)
{
	MUST(timer->loop);
	timer->at = at;
	if (at.ns == MONO_NEVER.ns)
		timer_remove(timer);
	else if (mono_before(at, timer->set_at))
		timer_insert(timer, at);
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (!timer->loop)
		return;
	timer->at = MONO_NEVER;
	timer_remove(timer);
}

static void timers_run(struct loop *loop)
{
	struct loop_timer *timer;

	loop->timers_run = true;
	while ((timer = RB_MIN(timer_tree, &loop->timers)) &&
	       !mono_before(loop_now(loop), timer->set_at)) {
		timer_remove(timer);
		if (mono_before(loop_now(loop), timer->at)) {
			timer_insert(timer, timer->at);
			continue;
		}
		timer->at = MONO_NEVER;
		timer->fn(timer->arg); /* may free the timer */
	}
	loop->timers_run = false;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = OBJ_CAST(struct loop, arg, LOOP_KIND);

	(void)fd;
	(void)what;
	loop->wake_at = MONO_NEVER; /* timers_run() does the rest */
}

/* Makes sure that the loop wakes at the first deadline. False: it must not sleep at all. */
static bool wake_set(struct loop *loop, mono_t limit)
{
	struct loop_timer *first = RB_MIN(timer_tree, &loop->timers);
	mono_t at = first ? mono_min(first->set_at, limit) : limit;

	if (!mono_before(at, loop->wake_at))
		return true; /* waking too early does no harm */
	int64_t delay_us = (at.ns - mono_read().ns + NS_PER_US - 1) / NS_PER_US;
	if (delay_us <= 0)
		return false;
	struct timeval delay = { delay_us / 1000000, delay_us % 1000000 };
	if (event_add(&loop->wake, &delay) < 0)
		return false; /* out of memory: a loop that spins still serves */
	loop->wake_at = at;
	return true;
}

/* ---- tasks ---- */

static void task_add(struct loop *loop, struct loop_task *task, bool soon)
{
	if (task->queued)
		return;
	task->queued = true;
	task->soon = soon;
	TAILQ_INSERT_TAIL(soon ? &loop->soon : &loop->tasks, task, link);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
	task_add(loop, task, false);
}

void loop_defer_soon(struct loop *loop, struct loop_task *task)
{
	task_add(loop, task, true);
}

void loop_undefer(struct loop *loop, struct loop_task *task)
{
	if (!task->queued)
		return;
	task->queued = false;
	TAILQ_REMOVE(task->soon ? &loop->soon : &loop->tasks, task, link);
}

static void soon_run(struct loop *loop)
{
	struct loop_task *task;

	while ((task = TAILQ_FIRST(&loop->soon))) {
		loop_undefer(loop, task);
		task->fn(task->arg); /* may free the task */
	}
}

static void tasks_run(struct loop *loop)
{
	struct loop_task *task;

	soon_run(loop);
	if (TAILQ_EMPTY(&loop->tasks))
		return;
	loop_defer(loop, &loop->turn_end);
	while ((task = TAILQ_FIRST(&loop->tasks)) != &loop->turn_end) {
		loop_undefer(loop, task);
		task->fn(task->arg); /* may free the task */
		soon_run(loop);
	}
	loop_undefer(loop, &loop->turn_end);
}

/* ---- descriptors ---- */

void loop_io_init(struct loop_io *io, struct loop *loop, int fd, loop_fn on_readable,
		  loop_fn on_writable, void *arg)
{
	MUST(fd >= 0);
	*io = (struct loop_io){ .loop = loop,
				.on_readable = on_readable,
				.on_writable = on_writable,
				.arg = arg,
				.fd = fd };
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct loop_io *io = arg;
	struct loop *loop = io->loop;

	MUST(io->fd == fd);
	loop->current = io;
	if (what & io->wanted & EV_READ)
		io->on_readable(io->arg);
	/* That may have stopped or freed the io: then it is no longer the current one. */
	if (loop->current == io && (what & io->wanted & EV_WRITE))
		io->on_writable(io->arg);
	loop->current = NULL;
	soon_run(loop);
}

static void io_forget(struct loop_io *io)
{
	if (!io->wanted)
		return;
	event_del(&io->ev);
	io->wanted = 0;
	io->loop->n_ios--;
}

int loop_io_want(struct loop_io *io, bool read, bool write)
{
	short wanted = (short)((read ? EV_READ : 0) | (write ? EV_WRITE : 0));

	MUST(io->loop && (!read || io->on_readable) && (!write || io->on_writable));
	if (wanted == io->wanted)
		return 0;
	io_forget(io);
	if (!wanted)
		return 0;
	errno = 0;
	if (event_assign(&io->ev, io->loop->base, io->fd, (short)(wanted | EV_PERSIST), on_event,
			 io) < 0 ||
	    event_add(&io->ev, NULL) < 0)
		return err_new(errno ? -errno : -ENOMEM);
	io->wanted = wanted;
	io->loop->n_ios++;
	return 0;
}

void loop_io_stop(struct loop_io *io)
{
	if (!io->loop)
		return;
	io_forget(io);
	if (io->loop->current == io)
		io->loop->current = NULL;
}

/* ---- the loop ---- */

static void on_libevent_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		LOG_WARN("loop.libevent", kv_str("text", text));
}

static void on_libevent_fatal(int code)
{
	(void)code;
	UNREACHABLE();
}

static void libevent_prepare(void)
{
	event_set_log_callback(on_libevent_log);
	event_set_fatal_callback(on_libevent_fatal);
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();

	if (!config)
		return NULL;
	/* One thread alone; the clock is read where a delay is counted from it. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int loop_new(const char *name, struct loop **ret_loop)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct loop *loop = OBJ_NEW(struct loop, LOOP_KIND);

	pthread_once(&once, libevent_prepare);
	if (!loop)
		return err_new(-ENOMEM);
	loop->base = base_new();
	if (!loop->base) {
		OBJ_FREE(loop);
		return err_new(-ENOMEM);
	}
	snprintf(loop->name, sizeof(loop->name), "%s", name);
	MUST(evtimer_assign(&loop->wake, loop->base, on_wake, loop) == 0);
	loop->wake_at = MONO_NEVER;
	loop->clock = &loop->turn;
	RB_INIT(&loop->timers);
	TAILQ_INIT(&loop->tasks);
	TAILQ_INIT(&loop->soon);
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	MUST(RB_EMPTY(&loop->timers));
	MUST(loop->n_ios == 0);
	event_del(&loop->wake);
	event_base_free(loop->base);
	OBJ_FREE(loop);
}

static int turn(struct loop *loop, mono_t limit)
{
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

	MUST(!loop->turn.in_turn);
	loop->turn = (struct turn_clock){ .in_turn = true };
	if (!TAILQ_EMPTY(&loop->tasks) || !TAILQ_EMPTY(&loop->soon) || !wake_set(loop, limit))
		flags |= EVLOOP_NONBLOCK;
	int r = event_base_loop(loop->base, flags);
	timers_run(loop);
	tasks_run(loop);
	loop->turn.in_turn = false;
	return r < 0 ? err_new(-EIO) : 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	atomic_store(&loop->owner, pthread_self());
	if (gettid() != getpid()) { /* the main thread has the name of the process */
		char name[THREAD_NAME_BYTES];
		snprintf(name, sizeof(name), "%.15s", loop->name);
		pthread_setname_np(pthread_self(), name);
	}
	while (r == 0 && !loop->stopping)
		r = turn(loop, MONO_NEVER);
	loop->stopping = false;
	atomic_store(&loop->owner, 0);
	return r < 0 ? err_pass(r) : 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

int loop_turn(struct loop *loop, int64_t max_wait_ms)
{
	int r = turn(loop, mono_add_ms(mono_read(), max_wait_ms));

	return r < 0 ? err_pass(r) : 0;
}

mono_t loop_now(const struct loop *loop)
{
	struct turn_clock *clock = loop->clock;

	if (!clock->in_turn)
		return mono_read();
	if (!clock->has_now) {
		clock->now = mono_read();
		clock->has_now = true;
	}
	return clock->now;
}

int64_t loop_wall_s(const struct loop *loop)
{
	struct turn_clock *clock = loop->clock;

	if (!clock->in_turn)
		return time(NULL);
	if (!clock->has_wall) {
		clock->wall_s = time(NULL);
		clock->has_wall = true;
	}
	return clock->wall_s;
}

bool loop_is_mine(const struct loop *loop)
{
	pthread_t owner = atomic_load(&loop->owner);

	return !owner || pthread_equal(owner, pthread_self());
}

const char *loop_name(const struct loop *loop)
{
	return loop->name;
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}
