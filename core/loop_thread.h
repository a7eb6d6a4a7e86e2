/* SPDX-License-Identifier: Apache-2.0
 *
 * loop_thread: a thread that runs a loop, and the mailbox by which others reach it.
 *
 * What the thread will use is set up on its loop before it starts. One that never started is ended
 * in the same way as one that ran. Made, started, stopped and freed by one thread, its owner.
 */
#pragma once

#include "core/mailbox.h"

struct loop_thread {
	struct loop *loop;      /* owned; the thread's, once it runs */
	struct mailbox mailbox; /* any thread may post */
	void (*on_end)(void *arg);
	void *arg;
	pthread_t thread;
	struct mail stop_mail;
	bool started, ended;
};

/* `on_end` runs when the loop has ended, on the thread itself, or in loop_thread_stop() when it has
 * never run: what the thread alone may touch goes there. NULL: nothing does. The mailbox is closed
 * behind it. Errors: -ENOMEM, -EMFILE; then there is nothing to be freed. */
int loop_thread_init(struct loop_thread *thread, const char *name, void (*on_end)(void *arg),
		     void *arg);
/* Errors: -EAGAIN. */
int loop_thread_start(struct loop_thread *thread);
/* Ends the loop, when the mails that are there were read, and waits for it. Nothing when it has
 * ended, or was never made (zeroed). */
void loop_thread_stop(struct loop_thread *thread);
/* The same for a thread that ends its loop by itself. */
void loop_thread_join(struct loop_thread *thread);
/* Frees the loop of one that has ended or was never made. */
void loop_thread_fini(struct loop_thread *thread);
