/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox: the eventfd is written with the lock held and only when the queue was empty: so it is
 * never written after mailbox_close() closed it, and a burst of mails costs one wake-up.
 */
#include "core/mailbox.h"

#include <sys/eventfd.h>

#include "core/error.h"
#include "core/obj.h"

STAILQ_HEAD(mail_list, mail);

/* Mails that are posted meanwhile wait for the next turn. */
static void on_mail(void *arg)
{
	struct mailbox *mailbox = arg;
	struct mail_list mails = STAILQ_HEAD_INITIALIZER(mails);
	struct mail *mail;
	eventfd_t n_wakes;

	(void)eventfd_read(mailbox->fd, &n_wakes);
	pthread_mutex_lock(&mailbox->lock);
	STAILQ_CONCAT(&mails, &mailbox->queue);
	pthread_mutex_unlock(&mailbox->lock);
	while ((mail = STAILQ_FIRST(&mails))) {
		STAILQ_REMOVE_HEAD(&mails, link);
		mail->fn(mail, mailbox->closed); /* one of them may close the mailbox */
	}
}

int mailbox_open(struct mailbox *mailbox, struct loop *loop)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return err_new(-errno);
	*mailbox = (struct mailbox){ .loop = loop, .fd = fd };
	pthread_mutex_init(&mailbox->lock, NULL);
	STAILQ_INIT(&mailbox->queue);
	loop_io_init(&mailbox->io, loop, fd, on_mail, NULL, mailbox);
	int r = loop_io_want(&mailbox->io, true, false);
	if (r < 0) {
		fd_drop(&mailbox->fd);
		mailbox->closed = true;
		return err_pass(r);
	}
	return 0;
}

void mailbox_close(struct mailbox *mailbox)
{
	struct mail_list mails = STAILQ_HEAD_INITIALIZER(mails);
	struct mail *mail;

	MUST(loop_is_mine(mailbox->loop));
	loop_io_stop(&mailbox->io);
	pthread_mutex_lock(&mailbox->lock);
	mailbox->closed = true;
	fd_drop(&mailbox->fd);
	STAILQ_CONCAT(&mails, &mailbox->queue);
	pthread_mutex_unlock(&mailbox->lock);
	while ((mail = STAILQ_FIRST(&mails))) {
		STAILQ_REMOVE_HEAD(&mails, link);
		mail->fn(mail, true);
	}
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
	pthread_mutex_lock(&mailbox->lock);
	bool is_closed = mailbox->closed;
	if (!is_closed) {
		bool was_empty = STAILQ_EMPTY(&mailbox->queue);
		STAILQ_INSERT_TAIL(&mailbox->queue, mail, link);
		if (was_empty)
			MUST(eventfd_write(mailbox->fd, 1) == 0);
	}
	pthread_mutex_unlock(&mailbox->lock);
	if (is_closed)
		mail->fn(mail, true);
}
