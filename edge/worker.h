/* SPDX-License-Identifier: Apache-2.0
 *
 * worker: one thread that serves: a loop, listening sockets, buffers, pools, counters, all its own.
 * The control thread speaks to it by mail alone; all functions here are the control thread's.
 */
#pragma once

#include "core/mailbox.h"
#include "edge/edge_plan.h"
#include "edge/origin/origin_view.h"

struct worker;

struct worker_setup {
	unsigned slot;
	const char *node, *region;            /* borrowed for the worker's life */
	size_t max_blocks;                    /* of its slab */
	struct mailbox *control;              /* borrowed: where the worker answers */
	void (*on_drained)(void *arg);        /* in the control's thread, after worker_drain() */
	void (*on_unused)(int fd, void *arg); /* a listener has gone: its descriptor is not used */
	void *arg;
};

/* Nothing runs yet. Errors: -ENOMEM, those of the kernel. */
int worker_new(const struct worker_setup *setup, struct worker **ret_worker);
/* Starts the thread. */
int worker_start(struct worker *worker);
/* Stops the thread and ends what is open. What it has posted is still under way. NULL is fine. */
void worker_stop(struct worker *worker);
/* Stops it, if it has not been, and frees: no mail of it may be under way. NULL is fine. */
void worker_free(struct worker *worker);

struct worker_orders {
	struct edge_plan *plan;
	struct origin_view *origins;
	const int *fds;                /* one for each of the plan's listeners */
	struct access_log_writer *log; /* NULL: none. Borrowed for the worker's life */
};
/* From now on it serves as the plan says, with these origins. All but the log is copied or
 * referenced. Errors: -ENOMEM (nothing changed). */
int worker_set_plan(struct worker *worker, const struct worker_orders *orders);
/* The same plan, its origins have changed. Errors: -ENOMEM. */
int worker_set_origins(struct worker *worker, struct origin_view *origins);
/* The same plan, its certificates have changed. Errors: -ENOMEM. */
int worker_set_certs(struct worker *worker, struct edge_certs *certs);
/* Accepts what waits and nothing more; on_drained follows when all exchanges have ended.
 * `close_sockets`: nobody else listens on them, so who comes now is refused at once. */
int worker_drain(struct worker *worker, bool close_sockets);
