/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: something immutable that many threads read: a configuration, a view of the cluster, a
 * steering table. It is built by one thread, published once, and freed with its last reference.
 * Embed it as the first member. Any thread may ref and unref.
 */
#pragma once

#include <stdatomic.h>

#include "core/mailbox.h"

struct snapshot {
	_Atomic uint32_t n_refs;
	void (*free)(struct snapshot *snapshot);
};

/* One reference, the caller's. */
void snapshot_init(struct snapshot *snapshot, void (*free)(struct snapshot *snapshot));
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

/* Hands a snapshot to another thread: there, between two callbacks, fn(snapshot, arg) runs and owns
 * the reference that is moved here. Errors: -ENOMEM (the reference is dropped). */
int snapshot_post(struct mailbox *mailbox, struct snapshot *snapshot,
		  void (*fn)(struct snapshot *snapshot, void *arg), void *arg);
