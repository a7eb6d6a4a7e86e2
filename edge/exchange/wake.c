/* SPDX-License-Identifier: Apache-2.0
 *
 * wake: a mail to another thread, a task on this one.
 */
#include "edge/exchange/wake.h"

#include "core/obj.h"

static void come_back(struct wake *wake)
{
	wake->pending = false;
	if (wake->left)
		free(wake);
	else
		wake->fn(wake->arg);
}

static void on_mail(struct mail *mail, bool dropped)
{
	struct wake *wake = CONTAINER_OF(mail, struct wake, mail);

	if (!dropped) {
		come_back(wake);
		return;
	}
	wake->pending = false;
	if (wake->left)
		free(wake);
}

static void on_task(void *arg)
{
	come_back(arg);
}

/* On the thread of the one who leads, without a lock. */
static void on_wake(struct cache_waiter *waiter)
{
	struct wake *wake = CONTAINER_OF(waiter, struct wake, waiter);

	if (pthread_equal(wake->thread, pthread_self()))
		loop_defer_soon(wake->mailbox->loop, &wake->task);
	else
		mailbox_post(wake->mailbox, &wake->mail);
}

struct wake *wake_new(struct mailbox *mailbox, void (*fn)(void *arg), void *arg)
{
	struct wake *wake = calloc(1, sizeof(*wake));

	if (!wake)
		return NULL;
	wake->waiter.wake = on_wake;
	wake->mail.fn = on_mail;
	wake->mailbox = mailbox;
	wake->thread = pthread_self();
	wake->task = (struct loop_task){ .fn = on_task, .arg = wake };
	wake->fn = fn;
	wake->arg = arg;
	return wake;
}

void wake_drop(struct wake *wake, bool given_back)
{
	if (!wake)
		return;
	if (wake->pending && wake->task.queued) {
		loop_undefer(wake->mailbox->loop, &wake->task);
		given_back = true;
	}
	wake->left = true;
	if (!wake->pending || given_back)
		free(wake);
}
