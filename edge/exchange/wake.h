/* SPDX-License-Identifier: Apache-2.0
 *
 * wake: how somebody on a worker waits for a flight that is led on another thread. It is lent to a
 * flight, comes back with a call on its own thread, and outlives its owner while a mail is on its
 * way. Its worker's thread, but for what the flight does with it.
 */
#pragma once

#include "core/mailbox.h"
#include "edge/cache/store.h"

struct wake {
	struct cache_waiter waiter;
	struct mail mail;
	struct mailbox *mailbox; /* borrowed: of the owner's worker */
	pthread_t thread;        /* its own: a loop belongs to nobody once it has ended */
	struct loop_task task;   /* when the flight is led on this thread: soon, not from inside */
	void (*fn)(void *arg);
	void *arg;
	bool pending; /* lent, or on its way back */
	bool left;    /* the owner has gone */
};

/* On the thread of the mailbox's loop; `fn` runs there, once for each time that it was lent. NULL:
 * no memory. */
struct wake *wake_new(struct mailbox *mailbox, void (*fn)(void *arg), void *arg);
/* Freed now, or when its mail comes; fn is not called any more. `given_back`: the flight had it,
 * and does not wake it any more. NULL is fine. */
void wake_drop(struct wake *wake, bool given_back);
