/* SPDX-License-Identifier: Apache-2.0
 *
 * loop_thread: the loop is stopped by a mail, so that it happens on the thread itself.
 */
#include "core/loop_thread.h"

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

static void on_stop_mail(struct mail *mail, bool dropped)
{
	(void)dropped;
	loop_stop(CONTAINER_OF(mail, struct loop_thread, stop_mail)->loop);
}

int loop_thread_init(struct loop_thread *thread, const char *name, void (*on_end)(void *arg),
		     void *arg)
{
	*thread = (struct loop_thread){ .on_end = on_end,
					.arg = arg,
					.stop_mail = { .fn = on_stop_mail } };
	int r = loop_new(name, &thread->loop);
	if (r == 0)
		r = mailbox_open(&thread->mailbox, thread->loop);
	if (r < 0)
		loop_free(TAKE(thread->loop));
	return err_pass(r);
}

static void end(struct loop_thread *thread)
{
	if (thread->on_end)
		thread->on_end(thread->arg);
	mailbox_close(&thread->mailbox);
}

static void *run(void *arg)
{
	struct loop_thread *thread = arg;
	int r = loop_run(thread->loop);

	if (r < 0)
		LOG_ERROR("thread.loop", kv_str("thread", loop_name(thread->loop)), kv_err(r));
	end(thread);
	return NULL;
}

int loop_thread_start(struct loop_thread *thread)
{
	MUST(thread->loop && !thread->started && !thread->ended);
	int r = -pthread_create(&thread->thread, NULL, run, thread);
	thread->started = r == 0;
	return r < 0 ? err_new(r) : 0;
}

void loop_thread_stop(struct loop_thread *thread)
{
	if (!thread->loop || thread->ended)
		return;
	if (thread->started) {
		mailbox_post(&thread->mailbox, &thread->stop_mail);
		loop_thread_join(thread);
	} else {
		thread->ended = true;
		end(thread);
	}
}

void loop_thread_join(struct loop_thread *thread)
{
	MUST(thread->started && !thread->ended);
	pthread_join(thread->thread, NULL);
	thread->ended = true;
}

void loop_thread_fini(struct loop_thread *thread)
{
	MUST(!thread->loop || thread->ended);
	loop_free(TAKE(thread->loop));
}
