/* SPDX-License-Identifier: Apache-2.0
 *
 * store_index: what stands in a store, and who has to go.
 *
 * An item is in the index or not (`linked`), and in the eviction's queue or not (`place`); the two
 * have locks of their own. Whoever unlinks an item owns the index's reference and gives it back
 * when the queue has forgotten the item, too.
 */
#include <stdlib.h>

#include "core/obj.h"
#include "edge/cache/store_priv.h"

/* ---- the index ---------------------------------------------------------------------------------
 */

struct cache_item *cache_index_find(const struct cache *cache, const struct cache_shard *shard,
				    enum cache_item_kind kind, uint64_t hash, struct span key)
{
	struct cache_item *item;

	LIST_FOREACH (item, cache_bucket_of(cache, shard, hash), chain) {
		if (item->hash == hash && item->kind == kind && span_eq(cache_item_key(item), key))
			return item;
	}
	return NULL;
}

void cache_index_link(const struct cache *cache, struct cache_shard *shard, struct cache_item *item)
{
	MUST(!item->linked);
	item->linked = true;
	LIST_INSERT_HEAD(cache_bucket_of(cache, shard, item->hash), item, chain);
}

void cache_index_unlink(struct cache *cache, struct cache_item *item, struct cache_dropped *dropped)
{
	MUST(item->linked);
	item->linked = false;
	LIST_REMOVE(item, chain);
	pthread_mutex_lock(&cache->evict_lock);
	bool evicted = item->place == CACHE_ITEM_GONE; /* its reference is who evicts it's */
	if (item->place == CACHE_ITEM_QUEUED)
		evict_remove(&cache->evict, &item->evict);
	item->place = CACHE_ITEM_GONE;
	pthread_mutex_unlock(&cache->evict_lock);
	if (!evicted)
		TAILQ_INSERT_TAIL(dropped, &item->evict, link);
}

/* The index's reference. */
static void item_unref(struct cache *cache, struct cache_item *item)
{
	if (item->kind == CACHE_ITEM_OBJECT)
		__atomic_sub_fetch(&cache->n_objects, 1, __ATOMIC_RELAXED);
	slice_owner_unref(&item->owner);
}

void cache_drop(struct cache *cache, struct cache_dropped *dropped)
{
	struct evict_item *gone;

	while ((gone = TAILQ_FIRST(dropped))) {
		struct cache_item *item = CONTAINER_OF(gone, struct cache_item, evict);
		TAILQ_REMOVE(dropped, gone, link);
		item_unref(cache, item);
	}
}

/* ---- who has to go -----------------------------------------------------------------------------
 */

/* One that the queue has given up. The index's reference is ours, linked or not. */
static void evicted_unlink(struct cache *cache, struct cache_item *item)
{
	uint64_t url_hash = item->kind == CACHE_ITEM_OBJECT ? cache_object_of(item)->url_hash
							    : cache_mark_of(item)->url_hash;
	struct cache_shard *shard = cache_shard_of(cache, url_hash);

	pthread_mutex_lock(&shard->lock);
	if (item->linked) {
		item->linked = false;
		LIST_REMOVE(item, chain);
	}
	pthread_mutex_unlock(&shard->lock);
	item_unref(cache, item);
}

/* Those that have to go. They may be unlinked by others meanwhile, who leave us the reference. */
static void evicted_take(struct cache *cache, struct cache_dropped *ret_evicted)
{
	struct evict_item *next;

	while ((next = evict_next(&cache->evict))) {
		struct cache_item *item = CONTAINER_OF(next, struct cache_item, evict);
		item->place = CACHE_ITEM_GONE;
		TAILQ_INSERT_TAIL(ret_evicted, next, link);
		cache->n_evicted++;
	}
}

static void evicted_drop(struct cache *cache, struct cache_dropped *evicted)
{
	struct evict_item *next;

	while ((next = TAILQ_FIRST(evicted))) {
		TAILQ_REMOVE(evicted, next, link);
		evicted_unlink(cache, CONTAINER_OF(next, struct cache_item, evict));
	}
}

void cache_admit(struct cache *cache, struct cache_item *item, uint64_t bytes)
{
	struct cache_dropped evicted = TAILQ_HEAD_INITIALIZER(evicted);

	pthread_mutex_lock(&cache->evict_lock);
	if (item->place == CACHE_ITEM_OUT) {
		item->place = CACHE_ITEM_QUEUED;
		evict_add(&cache->evict, &item->evict, item->hash, bytes);
	}
	evicted_take(cache, &evicted);
	pthread_mutex_unlock(&cache->evict_lock);
	evicted_drop(cache, &evicted);
}

void cache_grew(struct cache *cache, struct cache_item *item, uint64_t bytes)
{
	struct cache_dropped evicted = TAILQ_HEAD_INITIALIZER(evicted);

	pthread_mutex_lock(&cache->evict_lock);
	if (item->place == CACHE_ITEM_QUEUED)
		evict_grow(&cache->evict, &item->evict, bytes);
	evicted_take(cache, &evicted);
	pthread_mutex_unlock(&cache->evict_lock);
	evicted_drop(cache, &evicted);
}

void cache_set_max(struct cache *cache, uint64_t max_bytes)
{
	struct cache_dropped evicted = TAILQ_HEAD_INITIALIZER(evicted);

	pthread_mutex_lock(&cache->evict_lock);
	evict_set_max(&cache->evict, max_bytes);
	evicted_take(cache, &evicted);
	pthread_mutex_unlock(&cache->evict_lock);
	evicted_drop(cache, &evicted);
}
