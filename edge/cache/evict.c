/* SPDX-License-Identifier: Apache-2.0
 *
 * evict: two queues and a memory of who went (Yang et al., SOSP 2023).
 *
 * Ghosts stand in a table of sets of a few places; each has the number of its going, so that it
 * ages without being looked for, and the oldest of a set gives way.
 */
#include "edge/cache/evict.h"

#include "core/error.h"
#include "core/obj.h"

enum {
	SMALL_PERCENT = 5,
	ENOUGH_USES = 1, /* in the small queue, to go on to the main one */
	WAYS = 4,
	GHOSTS_PCT = 100,
	GHOST_BYTES = 4096, /* of max_bytes, for one */
	MIN_GHOSTS = 1024,
	MAX_GHOSTS = 1 << 24,
};

struct evict_ghost {
	uint32_t tag;
	uint32_t went; /* its number */
};

int evict_init(struct evict *evict, uint64_t max_bytes)
{
	uint32_t n = MIN_GHOSTS;

	while (n < MAX_GHOSTS && n < max_bytes / GHOST_BYTES)
		n *= 2;
	*evict = (struct evict){ .max_bytes = max_bytes,
				 .n_ghosts = n,
				 .small_percent = SMALL_PERCENT,
				 .enough_uses = ENOUGH_USES };
	TAILQ_INIT(&evict->lists[EVICT_SMALL]);
	TAILQ_INIT(&evict->lists[EVICT_MAIN]);
	evict->ghosts = calloc(n, sizeof(*evict->ghosts));
	return evict->ghosts ? 0 : err_new(-ENOMEM);
}

void evict_fini(struct evict *evict)
{
	MUST(TAILQ_EMPTY(&evict->lists[EVICT_SMALL]) && TAILQ_EMPTY(&evict->lists[EVICT_MAIN]));
	free(evict->ghosts);
	evict->ghosts = NULL;
}

void evict_set_max(struct evict *evict, uint64_t max_bytes)
{
	evict->max_bytes = max_bytes;
}

/* ---- ghosts ------------------------------------------------------------------------------------
 */

static struct evict_ghost *set_of(struct evict *evict, uint64_t hash)
{
	return &evict->ghosts[(hash & (evict->n_ghosts - 1)) / WAYS * WAYS];
}

/* Never 0: that is an empty place. */
static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static void ghost_add(struct evict *evict, uint64_t hash)
{
	struct evict_ghost *set = set_of(evict, hash), *oldest = set;

	evict->n_gone++;
	for (size_t i = 1; i < WAYS; i++) {
		if (evict->n_gone - set[i].went > evict->n_gone - oldest->went)
			oldest = &set[i];
	}
	*oldest = (struct evict_ghost){ tag_of(hash), evict->n_gone };
}

static bool ghost_take(struct evict *evict, uint64_t hash)
{
	struct evict_ghost *set = set_of(evict, hash);

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].tag != tag_of(hash))
			continue;
		set[i].tag = 0;
		return evict->n_gone - set[i].went < evict->n_items * GHOSTS_PCT / 100;
	}
	return false;
}

/* ---- queues ------------------------------------------------------------------------------------
 */

static void enqueue(struct evict *evict, struct evict_item *item, enum evict_queue queue)
{
	__atomic_store_n(&item->uses, 0, __ATOMIC_RELAXED);
	item->queue = (uint8_t)queue;
	evict->bytes[queue] += item->bytes;
	evict->n_items++;
	TAILQ_INSERT_TAIL(&evict->lists[queue], item, link);
}

void evict_add(struct evict *evict, struct evict_item *item, uint64_t hash, uint64_t bytes)
{
	item->hash = hash;
	item->bytes = bytes;
	enqueue(evict, item, ghost_take(evict, hash) ? EVICT_MAIN : EVICT_SMALL);
}

void evict_remove(struct evict *evict, struct evict_item *item)
{
	MUST(evict->bytes[item->queue] >= item->bytes);
	evict->bytes[item->queue] -= item->bytes;
	evict->n_items--;
	TAILQ_REMOVE(&evict->lists[item->queue], item, link);
}

void evict_grow(struct evict *evict, struct evict_item *item, uint64_t bytes)
{
	item->bytes += bytes;
	evict->bytes[item->queue] += bytes;
}

/* The oldest of the small queue goes, or goes on. */
static struct evict_item *small_next(struct evict *evict)
{
	struct evict_item *item = TAILQ_FIRST(&evict->lists[EVICT_SMALL]);

	evict_remove(evict, item);
	if (__atomic_load_n(&item->uses, __ATOMIC_RELAXED) >= evict->enough_uses) {
		enqueue(evict, item, EVICT_MAIN);
		return NULL;
	}
	ghost_add(evict, item->hash);
	return item;
}

/* The oldest of the main queue goes, or gets another round. */
static struct evict_item *main_next(struct evict *evict)
{
	struct evict_item *item = TAILQ_FIRST(&evict->lists[EVICT_MAIN]);
	uint8_t uses = __atomic_load_n(&item->uses, __ATOMIC_RELAXED);

	evict_remove(evict, item);
	if (uses == 0)
		return item;
	enqueue(evict, item, EVICT_MAIN);
	__atomic_store_n(&item->uses, (uint8_t)(uses - 1), __ATOMIC_RELAXED);
	return NULL;
}

struct evict_item *evict_next(struct evict *evict)
{
	struct evict_item *item = NULL;

	while (!item && evict_bytes(evict) > evict->max_bytes) {
		bool small =
			evict->bytes[EVICT_SMALL] > evict->max_bytes / 100 * evict->small_percent ||
			TAILQ_EMPTY(&evict->lists[EVICT_MAIN]);
		item = small ? small_next(evict) : main_next(evict);
	}
	return item;
}
