/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox: messages between threads: a mutex, a queue and an eventfd, drained once a turn.
 *
 * A mail is embedded in the message's own struct. Posting moves it: the receiver's thread runs fn,
 * and fn owns the message from then on. Mails of one sender arrive in order.
 */
#pragma once

#include <pthread.h>

#include "core/loop.h"

struct mail {
	STAILQ_ENTRY(mail) link;
	/* Runs in the receiver's thread; owns the mail. `dropped`: the mailbox closed before it
	 * was read; free the message and do nothing else. */
	void (*fn)(struct mail *mail, bool dropped);
};

struct mailbox {
	pthread_mutex_t lock;
	STAILQ_HEAD(, mail) queue;
	struct loop *loop;
	struct loop_io io;
	int fd;
	bool closed;
};

/* The loop's thread, or before it runs. Errors: -errno. */
int mailbox_open(struct mailbox *mailbox, struct loop *loop);
/* Drops what was not read, and from now on what is posted. The loop's thread, or after it ended. */
void mailbox_close(struct mailbox *mailbox);
void mailbox_post(struct mailbox *mailbox, struct mail *mail); /* any thread; moved */
