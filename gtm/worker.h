/* SPDX-License-Identifier: Apache-2.0
 *
 * worker: one thread that answers: a loop, a UDP and a TCP server for each address, counters of its
 * own. The control thread speaks to it by mail; all functions here are the control thread's.
 */
#pragma once

#include "core/mailbox.h"
#include "gtm/gtm_plan.h"

struct worker;

struct worker_setup {
	unsigned slot;
	const struct gtm_dns_conf *dns; /* borrowed for the worker's life */
	const int *udp_fds,
		*tcp_fds;        /* one for each address; the registry's; borrowed for the call */
	struct gtm_world *world; /* a reference is taken */
	struct mailbox *control; /* where on_drained is posted */
	void (*on_drained)(void *arg); /* in the control's thread */
	void *arg;
};

/* Nothing runs yet. Errors: -ENOMEM, those of the kernel. */
int worker_new(const struct worker_setup *setup, struct worker **ret_worker);
int worker_start(struct worker *worker);
/* From its next turn on it serves from this world. Errors: -ENOMEM. */
int worker_set_world(struct worker *worker, struct gtm_world *world);
/* Answers what the kernel has queued, reads no more, ends TCP connections when they have their
 * answers; on_drained follows. */
void worker_drain(struct worker *worker);
/* Stops the thread and ends what is open. What it has posted is still under way. NULL is fine. */
void worker_stop(struct worker *worker);
/* Stops it, if it has not been, and frees: no mail of it may be under way. NULL is fine. */
void worker_free(struct worker *worker);
