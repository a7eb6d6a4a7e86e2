/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: an atomic count, and a mail that carries one reference to another thread.
 */
#include "core/snapshot.h"

#include "core/error.h"
#include "core/obj.h"

#define SNAPSHOT_MAIL_KIND OBJ_KIND('s', 'n', 'm', 'l')

struct snapshot_mail {
	uint32_t kind;
	struct mail mail;
	struct snapshot *snapshot; /* one reference */
	void (*fn)(struct snapshot *snapshot, void *arg);
	void *arg;
};

void snapshot_init(struct snapshot *snapshot, void (*free)(struct snapshot *snapshot))
{
	atomic_init(&snapshot->n_refs, 1);
	snapshot->free = free;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	uint32_t before = atomic_fetch_add_explicit(&snapshot->n_refs, 1, memory_order_relaxed);

	MUST(before > 0 && before < UINT32_MAX);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	uint32_t before = atomic_fetch_sub_explicit(&snapshot->n_refs, 1, memory_order_acq_rel);
	MUST(before > 0);
	if (before == 1)
		snapshot->free(snapshot);
}

static void on_snapshot_mail(struct mail *mail, bool dropped)
{
	struct snapshot_mail *carrier = CONTAINER_OF(mail, struct snapshot_mail, mail);

	MUST(carrier->kind == SNAPSHOT_MAIL_KIND);
	struct snapshot_mail copy = *carrier;
	OBJ_FREE(carrier);
	if (dropped)
		snapshot_unref(copy.snapshot);
	else
		copy.fn(copy.snapshot, copy.arg);
}

int snapshot_post(struct mailbox *mailbox, struct snapshot *snapshot,
		  void (*fn)(struct snapshot *snapshot, void *arg), void *arg)
{
	struct snapshot_mail *carrier = OBJ_NEW(struct snapshot_mail, SNAPSHOT_MAIL_KIND);

	if (!carrier) {
		snapshot_unref(snapshot);
		return err_new(-ENOMEM);
	}
	carrier->mail.fn = on_snapshot_mail;
	carrier->snapshot = snapshot;
	carrier->fn = fn;
	carrier->arg = arg;
	mailbox_post(mailbox, &carrier->mail);
	return 0;
}
