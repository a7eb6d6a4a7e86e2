/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/loop_thread: what runs where, and that nothing posted before the end is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/loop_thread.h"

#include "core/obj.h"

enum { N_MAILS = 3 };

struct seen {
	struct loop_thread thread;
	struct letter {
		struct mail mail;
		struct seen *seen;
	} letters[N_MAILS];
	unsigned n_read, n_dropped, n_ends;
	pthread_t reader, ender;
	bool ends_itself;
};

static void on_letter(struct mail *mail, bool dropped)
{
	struct seen *seen = CONTAINER_OF(mail, struct letter, mail)->seen;

	seen->n_read += !dropped;
	seen->n_dropped += dropped;
	seen->reader = pthread_self();
	if (seen->ends_itself)
		loop_stop(seen->thread.loop);
}

static void on_end(void *arg)
{
	struct seen *seen = arg;

	seen->n_ends++;
	seen->ender = pthread_self();
}

static void seen_init(struct seen *seen)
{
	*seen = (struct seen){ .n_read = 0 };
	for (int i = 0; i < N_MAILS; i++)
		seen->letters[i] = (struct letter){ { .fn = on_letter }, seen };
	assert_int_equal(loop_thread_init(&seen->thread, "test", on_end, seen), 0);
}

static void what_was_posted_is_read_before_the_end(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen);
	mailbox_post(&seen.thread.mailbox, &seen.letters[0].mail);
	assert_int_equal(loop_thread_start(&seen.thread), 0);
	mailbox_post(&seen.thread.mailbox, &seen.letters[1].mail);
	loop_thread_stop(&seen.thread);
	loop_thread_stop(&seen.thread);
	assert_int_equal(seen.n_read, 2);
	assert_int_equal(seen.n_ends, 1);
	assert_false(pthread_equal(seen.reader, pthread_self()));
	assert_true(pthread_equal(seen.reader, seen.ender));
	mailbox_post(&seen.thread.mailbox, &seen.letters[2].mail);
	assert_int_equal(seen.n_dropped, 1);
	loop_thread_fini(&seen.thread);
}

static void thread_that_never_ran_ends_here(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen);
	mailbox_post(&seen.thread.mailbox, &seen.letters[0].mail);
	loop_thread_stop(&seen.thread);
	assert_true(seen.n_read == 0 && seen.n_dropped == 1 && seen.n_ends == 1);
	assert_true(pthread_equal(seen.ender, pthread_self()));
	loop_thread_fini(&seen.thread);
}

static void thread_may_end_by_itself(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen);
	seen.ends_itself = true;
	assert_int_equal(loop_thread_start(&seen.thread), 0);
	mailbox_post(&seen.thread.mailbox, &seen.letters[0].mail);
	loop_thread_join(&seen.thread);
	assert_int_equal(seen.n_ends, 1);
	loop_thread_stop(&seen.thread);
	loop_thread_fini(&seen.thread);
}

static void what_was_never_made_needs_no_care(void **state)
{
	struct loop_thread thread = { .loop = NULL };

	(void)state;
	loop_thread_stop(&thread);
	loop_thread_fini(&thread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_posted_is_read_before_the_end),
		cmocka_unit_test(thread_that_never_ran_ends_here),
		cmocka_unit_test(thread_may_end_by_itself),
		cmocka_unit_test(what_was_never_made_needs_no_care),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
