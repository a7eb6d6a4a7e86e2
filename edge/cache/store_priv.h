/* SPDX-License-Identifier: Apache-2.0
 *
 * store_priv: what the files of a store and flight.c (what is being fetched) share.
 *
 * Locks: a shard's, then the eviction's; never two shards'. What is dropped is unlinked under the
 * first, forgotten under the second, and unreferenced under none.
 */
#pragma once

#include <pthread.h>

#include "core/loop_thread.h"
#include "edge/cache/disk.h"
#include "edge/cache/purge_file.h"
#include "edge/cache/store.h"

#define CACHE_KIND OBJ_KIND('c', 'a', 'c', 'h')

LIST_HEAD(cache_bucket, cache_item);
LIST_HEAD(cache_flights, cache_flight);
TAILQ_HEAD(cache_waiters, cache_waiter);
TAILQ_HEAD(cache_dropped, evict_item);

struct cache_shard {
	_Alignas(64) pthread_mutex_t lock;
	struct cache_bucket *buckets; /* owned, n_buckets of them */
	struct cache_flights flights;
};

enum { CACHE_SHARDS = 64, CACHE_MAX_VARY_BYTES = 1024 };

struct cache {
	uint32_t kind;
	uint32_t n_refs; /* atomic */
	char *name;      /* owned */
	struct cache_shard shards[CACHE_SHARDS];
	size_t n_buckets; /* of a shard; a power of two */
	size_t swept;     /* where the sweep goes on: shard and bucket */
	struct purge_log *purges;
	struct purge_file *purge_file; /* NULL: the log lasts as long as we do */
	struct disk *disk;             /* NULL: none */
	bool opened;                   /* the disk, if there is one: cache_open_disk() */
	int64_t inactive_ms;           /* atomic */
	uint64_t n_flights;            /* atomic, as all below */
	uint64_t reserved, max_reserved;
	uint64_t n_evicted, n_purged, n_objects, n_generations;
	pthread_mutex_t evict_lock;
	struct evict evict;
	pthread_mutex_t coder_lock; /* of its beginning */
	bool coder_begun, coder_runs;
	uint32_t n_coding; /* atomic: bodies that wait for it */
	struct loop_thread coder;
};

/* What is known of a key beside what is stored: replaced, but for its numbers. */
struct cache_mark {
	struct cache_item item;
	uint64_t url_hash;
	int64_t pass_until_s; /* the shard's lock, as the next */
	uint32_t n_uses;
	uint32_t vary_len;
	uint8_t data[]; /* key, names */
};

struct cache_flight {
	uint32_t n_refs; /* atomic */
	LIST_ENTRY(cache_flight) link;
	struct cache *cache; /* a reference */
	struct cache_shard *shard;
	uint64_t stamp;
	/* The shard's lock: */
	struct cache_key key; /* its text is ours, or the object's */
	enum flight_state state;
	enum close_reason reason;
	bool loaded;                 /* it comes from our own disk */
	bool listed;                 /* until it ends */
	bool closed;                 /* nobody joins it any more */
	bool spoiled;                /* what it brings is not to be stored */
	struct cache_object *object; /* a reference */
	struct cache_waiters waiters;
	uint32_t n_readers, n_waiters;
	struct cache_waiter *filler; /* waits for the readers; NULL: it does not */
	uint64_t reserved;           /* the leader's thread */
	uint8_t text[];
};

static inline struct cache_shard *cache_shard_of(struct cache *cache, uint64_t url_hash)
{
	return &cache->shards[url_hash >> 58];
}

/* NULL for NULL. */
static inline struct cache_object *cache_object_of(struct cache_item *item)
{
	return item ? CONTAINER_OF(item, struct cache_object, item) : NULL;
}

static inline struct cache_mark *cache_mark_of(struct cache_item *item)
{
	return item ? CONTAINER_OF(item, struct cache_mark, item) : NULL;
}

static inline struct span cache_mark_vary(const struct cache_mark *mark)
{
	return span_of(mark->data + mark->item.key_len, mark->vary_len);
}

static inline struct cache_bucket *cache_bucket_of(const struct cache *cache,
						   const struct cache_shard *shard, uint64_t hash)
{
	return &shard->buckets[hash & (cache->n_buckets - 1)];
}

/* ---- store_index.c: under the shard's lock ------------------------------------------------------
 */

struct cache_item *cache_index_find(const struct cache *cache, const struct cache_shard *shard,
				    enum cache_item_kind kind, uint64_t hash, struct span key);
/* Takes over the reference. */
void cache_index_link(const struct cache *cache, struct cache_shard *shard,
		      struct cache_item *item);
/* Gives it back by way of `dropped`. */
void cache_index_unlink(struct cache *cache, struct cache_item *item,
			struct cache_dropped *dropped);

/* ---- store_index.c: under no lock ---------------------------------------------------------------
 */

/* Counts it in, and drops who has to go for it. A reference is the caller's. */
void cache_admit(struct cache *cache, struct cache_item *item, uint64_t bytes);
/* It takes so much more memory than when it was admitted. */
void cache_grew(struct cache *cache, struct cache_item *item, uint64_t bytes);
void cache_set_max(struct cache *cache, uint64_t max_bytes);
void cache_drop(struct cache *cache, struct cache_dropped *dropped);

/* ---- store_marks.c ------------------------------------------------------------------------------
 */

/* Under the shard's lock: the names that responses of this key's URL vary by, from now on; what is
 * stored under the URL's own key goes. A new mark is held, for cache_vary_done(). NULL: nothing
 * changed, or no memory. */
struct cache_mark *cache_vary_set(struct cache *cache, struct cache_shard *shard,
				  const struct cache_key *key, struct span vary,
				  struct cache_dropped *dropped);
/* Under no lock. NULL is fine. */
void cache_vary_done(struct cache *cache, struct cache_mark *mark);
/* From now on responses of the flight's URL vary by these, so says our disk; unless it is spoiled.
 */
void cache_vary_learn(struct cache_flight *flight, struct span vary);
void cache_mark_pass(struct cache *cache, const struct cache_key *key, int64_t until_s);

/* ---- store.c: under no lock ---------------------------------------------------------------------
 */

enum purge_verdict cache_judge(struct cache *cache, struct cache_object *object, int64_t now_s);
/* cache_store(), unless that is set, which is looked at under the shard's lock; NULL: it is not.
 * False: it was not stored. */
bool cache_store_unless(struct cache *cache, struct cache_object *object, int64_t now_s,
			const bool *untrue);

/* ---- store_disk.c: under no lock ----------------------------------------------------------------
 */

void cache_disk_close(struct cache *cache);
/* All of these do nothing without a disk. */
void cache_disk_put(struct cache *cache, struct cache_object *object);
void cache_disk_put_vary(struct cache *cache, const struct cache_mark *mark);
void cache_disk_drop(struct cache *cache, struct span key);

/* ---- coder.c ------------------------------------------------------------------------------------
 */

void cache_coder_stop(struct cache *cache);

/* ---- flight.c: under the shard's lock -----------------------------------------------------------
 */

/* What is being fetched of this URL is not to be stored, nor to be joined. */
void cache_flights_spoil(struct cache_shard *shard, uint64_t url_hash);
