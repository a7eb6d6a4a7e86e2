/* SPDX-License-Identifier: Apache-2.0
 *
 * evict: which item has to go when a store is full: S3-FIFO, counted in bytes.
 *
 * What is new waits in a small queue; what was asked for there goes on to the main one, the rest
 * goes, and is remembered for a while: one that comes back was thrown out too early. In the main
 * queue who was asked for gets another round. So one-hit wonders and scans pass through the small
 * queue, and a hit costs a byte in the item, if that.
 *
 * An item is touched by any thread, without a lock; all else is under the caller's lock. What is
 * remembered, as many as there are items, takes a fixed memory from the beginning: 8 bytes for each
 * 4 KiB of max_bytes. The numbers are those of tests/sim/cache.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

struct evict_item {
	TAILQ_ENTRY(evict_item) link; /* the caller's, while it is in no queue */
	uint64_t hash;
	uint64_t bytes;
	uint8_t uses;  /* since it came into its queue; atomic, and never above 3 */
	uint8_t queue; /* enum evict_queue */
};

enum evict_queue { EVICT_SMALL, EVICT_MAIN, EVICT_N_QUEUES };

TAILQ_HEAD(evict_list, evict_item);

struct evict_ghost;

struct evict {
	struct evict_list lists[EVICT_N_QUEUES]; /* the oldest first */
	uint64_t bytes[EVICT_N_QUEUES];
	uint64_t n_items; /* of both queues */
	uint64_t max_bytes;
	struct evict_ghost *ghosts; /* owned */
	uint32_t n_ghosts;          /* a power of two */
	uint32_t n_gone;            /* how many went from the small queue, ever */
	uint32_t small_percent;     /* of max_bytes, for the small queue */
	uint8_t enough_uses;        /* there, to go on to the main one */
};

/* Errors: -ENOMEM. */
int evict_init(struct evict *evict, uint64_t max_bytes);
void evict_fini(struct evict *evict); /* no item may be in it */
void evict_set_max(struct evict *evict, uint64_t max_bytes);
/* `hash`: of its key, by which it is known again. */
void evict_add(struct evict *evict, struct evict_item *item, uint64_t hash, uint64_t bytes);
/* Any thread. */
static inline void evict_touch(struct evict_item *item)
{
	/* Written only while it changes: a hot line is read by all. Two at once count as one. */
	uint8_t uses = __atomic_load_n(&item->uses, __ATOMIC_RELAXED);

	if (uses < 3)
		__atomic_store_n(&item->uses, (uint8_t)(uses + 1), __ATOMIC_RELAXED);
}
void evict_remove(struct evict *evict, struct evict_item *item);
/* It takes so much more. */
void evict_grow(struct evict *evict, struct evict_item *item, uint64_t bytes);
/* While there is more than may be: who has to go, already out of its queue. NULL: nobody. */
struct evict_item *evict_next(struct evict *evict);
static inline uint64_t evict_bytes(const struct evict *evict)
{
	return evict->bytes[EVICT_SMALL] + evict->bytes[EVICT_MAIN];
}
