/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/mailbox.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/mailbox.h"

#include <stdlib.h>

#include "core/obj.h"

enum { N_SENDERS = 4, N_MAILS = 2000 };

struct receiver {
	struct loop *loop;
	struct mailbox mailbox;
	unsigned n_read, n_dropped;
	unsigned next[N_SENDERS]; /* the number that this sender's next mail has */
	unsigned stop_after;
};

struct letter {
	struct mail mail;
	struct receiver *receiver;
	unsigned sender, number;
};

static void on_letter(struct mail *mail, bool dropped)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
	struct receiver *receiver = letter->receiver;

	if (dropped) {
		__atomic_fetch_add(&receiver->n_dropped, 1, __ATOMIC_RELAXED);
	} else {
		MUST(letter->number == receiver->next[letter->sender]);
		receiver->next[letter->sender]++;
		if (++receiver->n_read == receiver->stop_after)
			loop_stop(receiver->loop);
	}
	free(letter);
}

static void post(struct receiver *receiver, unsigned sender, unsigned number)
{
	struct letter *letter = calloc(1, sizeof(*letter));

	MUST(letter);
	*letter = (struct letter){
		.mail.fn = on_letter, .receiver = receiver, .sender = sender, .number = number
	};
	mailbox_post(&receiver->mailbox, &letter->mail);
}

static int open_receiver(void **state)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));

	*state = receiver;
	if (!receiver || loop_new("receiver", &receiver->loop) < 0)
		return -1;
	return mailbox_open(&receiver->mailbox, receiver->loop);
}

static int close_receiver(void **state)
{
	struct receiver *receiver = *state;

	mailbox_close(&receiver->mailbox);
	loop_free(receiver->loop);
	free(receiver);
	return 0;
}

static void mails_arrive_in_order_in_one_turn(void **state)
{
	struct receiver *receiver = *state;

	for (unsigned i = 0; i < 10; i++)
		post(receiver, 0, i);
	assert_int_equal(receiver->n_read, 0);
	loop_turn(receiver->loop, 1000);
	assert_int_equal(receiver->n_read, 10);
	post(receiver, 0, 10);
	loop_turn(receiver->loop, 1000);
	assert_int_equal(receiver->n_read, 11);
}

static void closed_mailbox_drops_old_and_new_mails(void **state)
{
	struct receiver *receiver = *state;

	post(receiver, 0, 0);
	post(receiver, 0, 1);
	mailbox_close(&receiver->mailbox);
	assert_int_equal(receiver->n_dropped, 2);
	post(receiver, 0, 2);
	assert_int_equal(receiver->n_dropped, 3);
	assert_int_equal(receiver->n_read, 0);
}

struct closing {
	struct mail mail;
	struct receiver *receiver;
};

static void on_closing(struct mail *mail, bool dropped)
{
	assert_false(dropped);
	mailbox_close(&CONTAINER_OF(mail, struct closing, mail)->receiver->mailbox);
}

static void mail_may_close_its_mailbox(void **state)
{
	struct receiver *receiver = *state;
	struct closing closing = { .mail.fn = on_closing, .receiver = receiver };

	post(receiver, 0, 0);
	mailbox_post(&receiver->mailbox, &closing.mail);
	post(receiver, 0, 1);
	loop_turn(receiver->loop, 1000);
	assert_int_equal(receiver->n_read, 1);
	assert_int_equal(receiver->n_dropped, 1);
}

struct sender {
	struct receiver *receiver;
	unsigned number;
};

static void *send_many(void *arg)
{
	struct sender *sender = arg;

	for (unsigned i = 0; i < N_MAILS; i++)
		post(sender->receiver, sender->number, i);
	return NULL;
}

static void *run_loop(void *arg)
{
	MUST(loop_run(arg) == 0);
	return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
	struct receiver *receiver = *state;
	struct sender senders[N_SENDERS];
	pthread_t threads[N_SENDERS], loop_thread;

	receiver->stop_after = N_SENDERS * N_MAILS;
	assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, receiver->loop), 0);
	for (unsigned i = 0; i < N_SENDERS; i++) {
		senders[i] = (struct sender){ receiver, i };
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
	}
	for (unsigned i = 0; i < N_SENDERS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(loop_thread, NULL);
	assert_int_equal(receiver->n_read, N_SENDERS * N_MAILS);
}

static void mails_posted_while_it_closes_are_read_or_dropped(void **state)
{
	struct receiver *receiver = *state;
	struct sender senders[N_SENDERS];
	pthread_t threads[N_SENDERS];

	for (unsigned i = 0; i < N_SENDERS; i++) {
		senders[i] = (struct sender){ receiver, i };
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
	}
	for (int i = 0; i < 5; i++)
		loop_turn(receiver->loop, 1);
	mailbox_close(&receiver->mailbox);
	for (unsigned i = 0; i < N_SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(receiver->n_read + receiver->n_dropped, N_SENDERS * N_MAILS);
}

#define MAIL_TEST(test) cmocka_unit_test_setup_teardown(test, open_receiver, close_receiver)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAIL_TEST(mails_arrive_in_order_in_one_turn),
		MAIL_TEST(closed_mailbox_drops_old_and_new_mails),
		MAIL_TEST(mail_may_close_its_mailbox),
		MAIL_TEST(many_senders_lose_nothing_and_keep_their_order),
		MAIL_TEST(mails_posted_while_it_closes_are_read_or_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
