/* SPDX-License-Identifier: Apache-2.0
 *
 * store: the index, who has to go, and what was purged.
 *
 * An item is in the index or not (`linked`), and in the eviction's queue or not (`place`); the two
 * have locks of their own. Whoever unlinks an item owns the index's reference and gives it back
 * when the queue has forgotten the item, too.
 */
#include "edge/cache/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/store_priv.h"

enum {
	USUAL_BYTES = 4096, /* of an object, to guess how many buckets are wanted */
	MIN_BUCKETS = 64,
	SWEEP_BUCKETS = 512,
	GENERATIONS_PER_S_BITS = 20, /* so that no life repeats another's */
	GENERATION_BYTES = 32,       /* its text, at most */
};

/* ---- the index ---------------------------------------------------------------------------------
 */

static struct cache_bucket *bucket_of(const struct cache *cache, const struct cache_shard *shard,
				      uint64_t hash)
{
	return &shard->buckets[hash & (cache->n_buckets - 1)];
}

struct cache_item *cache_index_find(const struct cache *cache, const struct cache_shard *shard,
				    enum cache_item_kind kind, uint64_t hash, struct span key)
{
	struct cache_item *item;

	LIST_FOREACH (item, bucket_of(cache, shard, hash), chain) {
		if (item->hash == hash && item->kind == kind && span_eq(cache_item_key(item), key))
			return item;
	}
	return NULL;
}

void cache_index_link(const struct cache *cache, struct cache_shard *shard, struct cache_item *item)
{
	MUST(!item->linked);
	item->linked = true;
	LIST_INSERT_HEAD(bucket_of(cache, shard, item->hash), item, chain);
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

static struct cache_object *object_of(struct cache_item *item)
{
	return item ? CONTAINER_OF(item, struct cache_object, item) : NULL;
}

static struct cache_mark *mark_of(struct cache_item *item)
{
	return item ? CONTAINER_OF(item, struct cache_mark, item) : NULL;
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
	uint64_t url_hash = item->kind == CACHE_ITEM_OBJECT ? object_of(item)->url_hash
							    : mark_of(item)->url_hash;
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

/* ---- marks -------------------------------------------------------------------------------------
 */

static void mark_release(struct slice_owner *owner)
{
	free(CONTAINER_OF(owner, struct cache_mark, item.owner));
}

static struct cache_mark *mark_new(struct span key, uint64_t hash, uint64_t url_hash,
				   struct span vary)
{
	struct cache_mark *mark = calloc(1, sizeof(*mark) + key.len + vary.len);

	if (!mark)
		return NULL;
	mark->item.owner =
		(struct slice_owner){ .n_refs = 1, .shared = true, .release = mark_release };
	mark->item.kind = CACHE_ITEM_MARK;
	mark->item.hash = hash;
	mark->item.key = mark->data;
	mark->item.key_len = (uint32_t)key.len;
	mark->url_hash = url_hash;
	mark->vary_len = (uint32_t)vary.len;
	memcpy(mark->data, key.at, key.len);
	if (vary.len)
		memcpy(mark->data + key.len, vary.at, vary.len);
	return mark;
}

static uint64_t mark_size(const struct cache_mark *mark)
{
	return sizeof(*mark) + mark->item.key_len + mark->vary_len + 16;
}

static struct span mark_vary(const struct cache_mark *mark)
{
	return span_of(mark->data + mark->item.key_len, mark->vary_len);
}

/* The mark of this key, made if there is none. NULL: no memory. */
static struct cache_mark *mark_get(struct cache *cache, struct cache_shard *shard,
				   const struct cache_key *key, bool *ret_is_new)
{
	struct cache_mark *mark =
		mark_of(cache_index_find(cache, shard, CACHE_ITEM_MARK, key->hash, key->text));

	*ret_is_new = false;
	if (mark)
		return mark;
	mark = mark_new(key->text, key->hash, key->url_hash, SPAN_NONE);
	if (!mark)
		return NULL;
	*ret_is_new = true;
	cache_index_link(cache, shard, &mark->item);
	return mark;
}

/* Under the lock: the mark of this key, held; admitted by mark_done(). */
static struct cache_mark *mark_hold(struct cache *cache, struct cache_shard *shard,
				    const struct cache_key *key, bool *ret_is_new)
{
	struct cache_mark *mark = mark_get(cache, shard, key, ret_is_new);

	if (mark)
		slice_owner_ref(&mark->item.owner);
	return mark;
}

static void mark_done(struct cache *cache, struct cache_mark *mark, bool is_new)
{
	if (!mark)
		return;
	if (is_new)
		cache_admit(cache, &mark->item, mark_size(mark));
	slice_owner_unref(&mark->item.owner);
}

void cache_mark_pass(struct cache *cache, const struct cache_key *key, int64_t until_s)
{
	struct cache_shard *shard = cache_shard_of(cache, key->url_hash);
	bool is_new;

	pthread_mutex_lock(&shard->lock);
	struct cache_mark *mark = mark_hold(cache, shard, key, &is_new);
	if (mark)
		mark->pass_until_s = until_s;
	pthread_mutex_unlock(&shard->lock);
	mark_done(cache, mark, is_new);
}

uint32_t cache_count_use(struct cache *cache, const struct cache_key *key)
{
	struct cache_shard *shard = cache_shard_of(cache, key->url_hash);
	uint32_t n = 1;
	bool is_new;

	pthread_mutex_lock(&shard->lock);
	struct cache_mark *mark = mark_hold(cache, shard, key, &is_new);
	if (mark) {
		n = ++mark->n_uses;
		evict_touch(&mark->item.evict);
	}
	pthread_mutex_unlock(&shard->lock);
	mark_done(cache, mark, is_new);
	return n;
}

struct cache_mark *cache_vary_set(struct cache *cache, struct cache_shard *shard,
				  const struct cache_key *key, struct span vary,
				  struct cache_dropped *dropped)
{
	struct span base = span_first(key->text, key->base_len);
	struct cache_mark *mark =
		mark_of(cache_index_find(cache, shard, CACHE_ITEM_MARK, key->base_hash, base));
	struct cache_item *object =
		cache_index_find(cache, shard, CACHE_ITEM_OBJECT, key->base_hash, base);

	if (mark && span_eq(mark_vary(mark), vary))
		return NULL;
	struct cache_mark *fresh = mark_new(base, key->base_hash, key->url_hash, vary);
	if (!fresh)
		return NULL;
	if (mark)
		cache_index_unlink(cache, &mark->item, dropped);
	if (object) /* nobody would find it any more */
		cache_index_unlink(cache, object, dropped);
	cache_index_link(cache, shard, &fresh->item);
	slice_owner_ref(&fresh->item.owner);
	return fresh;
}

void cache_vary_done(struct cache *cache, struct cache_mark *mark)
{
	if (mark)
		cache_disk_put_vary(cache, mark);
	mark_done(cache, mark, true);
}

void cache_vary_learn(struct cache_flight *flight, struct span vary)
{
	struct cache_dropped dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct cache_mark *mark = NULL;

	pthread_mutex_lock(&flight->shard->lock);
	if (!flight->spoiled)
		mark = cache_vary_set(flight->cache, flight->shard, &flight->key, vary, &dropped);
	pthread_mutex_unlock(&flight->shard->lock);
	mark_done(flight->cache, mark, true);
	cache_drop(flight->cache, &dropped);
}

/* ---- finding -----------------------------------------------------------------------------------
 */

int cache_vary(struct cache *cache, const struct cache_key *key, struct arena *arena,
	       struct span *ret_vary)
{
	struct cache_shard *shard = cache_shard_of(cache, key->url_hash);
	int r = 0;

	*ret_vary = SPAN_NONE;
	pthread_mutex_lock(&shard->lock);
	struct cache_mark *mark =
		mark_of(cache_index_find(cache, shard, CACHE_ITEM_MARK, key->base_hash,
					 span_first(key->text, key->base_len)));
	if (mark && mark->vary_len) {
		evict_touch(&mark->item.evict);
		*ret_vary = arena_copy(arena, mark_vary(mark));
		r = ret_vary->at ? 0 : err_new(-ENOBUFS);
	}
	pthread_mutex_unlock(&shard->lock);
	return r;
}

int cache_narrow(struct cache *cache, struct cache_key *key, const struct http_head *request,
		 struct arena *arena)
{
	struct span vary;
	int r = cache_vary(cache, key, arena, &vary);

	if (r < 0 || vary.len == 0)
		return err_pass(r);
	return err_pass(cache_key_vary(key, vary, request, arena, key));
}

static unsigned long long generation_next(struct cache *cache)
{
	return __atomic_add_fetch(&cache->n_generations, 1, __ATOMIC_RELAXED);
}

int cache_vary_extend(struct cache *cache, const struct cache_key *key,
		      const struct http_head *response, struct arena *arena, struct span *ret_vary)
{
	struct span known = SPAN_NONE, names = SPAN_NONE;

	int r = cache_vary(cache, key, arena, &known);
	if (r == 0)
		r = cache_vary_names(response, known, arena, &names);
	if (r < 0)
		return err_pass(r);
	if (names.len > CACHE_MAX_VARY_BYTES)
		return err_new(-ENOBUFS);
	if (names.len && !span_starts(names, SPAN_LIT("#"))) {
		names = span_str(
			arena_printf(arena, "#%llu,%.*s", generation_next(cache), SPAN_FMT(names)));
		if (!names.at)
			return err_new(-ENOBUFS);
	}
	*ret_vary = names;
	return 0;
}

/* One look: what is stored and said under this key. True: its responses vary, look again. */
static bool look(struct cache *cache, const struct cache_key *key, int64_t now_s,
		 struct cache_found *found)
{
	struct cache_shard *shard = cache_shard_of(cache, key->url_hash);
	struct cache_item *item;
	bool varies = false;

	pthread_mutex_lock(&shard->lock);
	LIST_FOREACH (item, bucket_of(cache, shard, key->hash), chain) {
		if (item->hash != key->hash || !span_eq(cache_item_key(item), key->text))
			continue;
		if (item->kind == CACHE_ITEM_MARK) {
			varies |= mark_of(item)->vary_len > 0;
			found->pass |= mark_of(item)->pass_until_s > now_s;
		} else {
			found->object = cache_object_ref(object_of(item));
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return varies;
}

/* Written only when it changes: a hot line is read by all. */
static void touch(struct cache_object *object, int64_t now_s)
{
	evict_touch(&object->item.evict);
	if (__atomic_load_n(&object->used_at_s, __ATOMIC_RELAXED) != (uint32_t)now_s)
		__atomic_store_n(&object->used_at_s, (uint32_t)now_s, __ATOMIC_RELAXED);
}

static void object_drop(struct cache *cache, struct cache_object *object)
{
	struct cache_dropped dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct cache_shard *shard = cache_shard_of(cache, object->url_hash);

	pthread_mutex_lock(&shard->lock);
	if (object->item.linked)
		cache_index_unlink(cache, &object->item, &dropped);
	pthread_mutex_unlock(&shard->lock);
	cache_drop(cache, &dropped);
}

enum purge_verdict cache_judge(struct cache *cache, struct cache_object *object, int64_t now_s)
{
	/* Acquired: who sees that a soft purge was looked at sees what it did, too. */
	uint64_t checked = __atomic_load_n(&object->checked, __ATOMIC_ACQUIRE), position;

	if (checked >= purge_position(cache->purges))
		return PURGE_SPARED;
	const struct purge_subject subject = {
		.url = span_of(object->item.key, object->url_len),
		.url_hash = object->url_hash,
		.tags = cache_object_tags(object),
		.n_tags = object->n_tags,
	};
	enum purge_verdict verdict = purge_judge(cache->purges, &subject, checked, &position);
	if (verdict == PURGE_SOFT)
		cache_object_expire(object, now_s);
	if (verdict != PURGE_HARD)
		__atomic_store_n(&object->checked, position, __ATOMIC_RELEASE);
	return verdict;
}

int cache_find(struct cache *cache, struct cache_key *key, const struct http_head *request,
	       struct arena *arena, int64_t now_s, struct cache_found *ret_found)
{
	struct cache_found *found = ret_found;

	*found = (struct cache_found){ .pass = false };
	if (look(cache, key, now_s, found)) {
		cache_object_unref(TAKE(found->object)); /* from before it varied */
		found->pass = false;
		int r = cache_narrow(cache, key, request, arena);
		if (r < 0)
			return err_pass(r);
		look(cache, key, now_s, found);
	}
	if (!found->object)
		return 0;
	if (cache_judge(cache, found->object, now_s) == PURGE_HARD) {
		__atomic_add_fetch(&cache->n_purged, 1, __ATOMIC_RELAXED);
		cache_disk_drop(cache, cache_item_key(&found->object->item));
		object_drop(cache, found->object);
		cache_object_unref(TAKE(found->object));
		return 0;
	}
	touch(found->object, now_s);
	return 0;
}

/* ---- storing -----------------------------------------------------------------------------------
 */

bool cache_store_unless(struct cache *cache, struct cache_object *object, int64_t now_s,
			const bool *untrue)
{
	struct cache_dropped dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct cache_shard *shard = cache_shard_of(cache, object->url_hash);

	if (cache_judge(cache, object, now_s) == PURGE_HARD)
		return false;
	pthread_mutex_lock(&shard->lock);
	if (untrue && *untrue) {
		pthread_mutex_unlock(&shard->lock);
		return false;
	}
	struct cache_item *before = cache_index_find(
		cache, shard, CACHE_ITEM_OBJECT, object->item.hash, cache_item_key(&object->item));
	if (before)
		cache_index_unlink(cache, before, &dropped);
	cache_object_ref(object);
	/* All before others see it: a sweep would take it for unused. */
	touch(object, now_s);
	__atomic_add_fetch(&cache->n_objects, 1, __ATOMIC_RELAXED);
	cache_index_link(cache, shard, &object->item);
	pthread_mutex_unlock(&shard->lock);
	cache_admit(cache, &object->item, cache_object_size(object));
	cache_drop(cache, &dropped);
	return true;
}

void cache_store(struct cache *cache, struct cache_object *object, int64_t now_s)
{
	(void)cache_store_unless(cache, object, now_s, NULL);
}

/* Another generation: what is stored under the old names is found no more, and goes in its time. */
static struct cache_mark *generation_renew(struct cache *cache, struct cache_shard *shard,
					   const struct cache_key *key, struct span vary,
					   struct cache_dropped *dropped)
{
	char text[CACHE_MAX_VARY_BYTES + GENERATION_BYTES];
	size_t begin = span_starts(vary, SPAN_LIT("#")) ? span_find(vary, ',') + 1 : 0;
	struct span names = span_from(vary, begin);

	MUST(names.len <= CACHE_MAX_VARY_BYTES);
	int len =
		snprintf(text, sizeof(text), "#%llu,%.*s", generation_next(cache), SPAN_FMT(names));
	return cache_vary_set(cache, shard, key, span_of(text, (size_t)len), dropped);
}

void cache_invalidate(struct cache *cache, const struct cache_key *key)
{
	struct cache_dropped dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct cache_shard *shard = cache_shard_of(cache, key->url_hash);
	struct span base = span_first(key->text, key->base_len);
	struct cache_mark *fresh = NULL;

	pthread_mutex_lock(&shard->lock);
	cache_flights_spoil(shard, key->url_hash);
	struct cache_item *object =
		cache_index_find(cache, shard, CACHE_ITEM_OBJECT, key->base_hash, base);
	if (object)
		cache_index_unlink(cache, object, &dropped);
	struct cache_mark *mark =
		mark_of(cache_index_find(cache, shard, CACHE_ITEM_MARK, key->base_hash, base));
	if (mark && mark->vary_len)
		fresh = generation_renew(cache, shard, key, mark_vary(mark), &dropped);
	pthread_mutex_unlock(&shard->lock);
	if (!fresh) /* else its new names take the place of what is there */
		cache_disk_drop(cache, base);
	cache_vary_done(cache, fresh);
	cache_drop(cache, &dropped);
}

/* ---- purging and sweeping ----------------------------------------------------------------------
 */

int cache_purge(struct cache *cache, const struct purge *purge, uint64_t *ret_number)
{
	int r = cache->purge_file
			? purge_file_add(cache->purge_file, cache->purges, purge, ret_number)
			: purge_add(cache->purges, purge, ret_number);

	/* The rest of what is on disk is looked at when it is asked for. */
	if (r == 0 && cache->disk && purge->kind == PURGE_ALL && !purge->soft)
		r = disk_drop_older(cache->disk, *ret_number, NULL, NULL);
	return err_pass(r);
}

static bool is_unused(const struct cache *cache, const struct cache_object *object, int64_t now_s)
{
	int64_t inactive_s = __atomic_load_n(&cache->inactive_ms, __ATOMIC_RELAXED) / 1000;
	uint32_t used_at_s = __atomic_load_n(&object->used_at_s, __ATOMIC_RELAXED);

	return inactive_s && now_s - (int64_t)used_at_s > inactive_s;
}

static void bucket_sweep(struct cache *cache, struct cache_bucket *bucket, int64_t now_s,
			 struct cache_dropped *dropped)
{
	struct cache_item *item, *next;

	LIST_FOREACH_SAFE (item, bucket, chain, next) {
		if (item->kind != CACHE_ITEM_OBJECT)
			continue;
		bool purged = cache_judge(cache, object_of(item), now_s) == PURGE_HARD;
		if (purged)
			__atomic_add_fetch(&cache->n_purged, 1, __ATOMIC_RELAXED);
		if (purged || is_unused(cache, object_of(item), now_s))
			cache_index_unlink(cache, item, dropped);
	}
}

bool cache_sweep(struct cache *cache, int64_t now_s)
{
	struct cache_dropped dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct cache_shard *shard = &cache->shards[cache->swept / cache->n_buckets];
	size_t from = cache->swept % cache->n_buckets;
	size_t to = MIN(from + SWEEP_BUCKETS, cache->n_buckets);

	pthread_mutex_lock(&shard->lock);
	for (size_t i = from; i < to; i++)
		bucket_sweep(cache, &shard->buckets[i], now_s, &dropped);
	pthread_mutex_unlock(&shard->lock);
	cache_drop(cache, &dropped);
	cache->swept = (cache->swept + to - from) % (cache->n_buckets * CACHE_SHARDS);
	return cache->swept == 0;
}

void cache_stats(struct cache *cache, struct cache_stats *ret_stats)
{
	pthread_mutex_lock(&cache->evict_lock);
	*ret_stats = (struct cache_stats){
		.n_objects = __atomic_load_n(&cache->n_objects, __ATOMIC_RELAXED),
		.bytes = evict_bytes(&cache->evict),
		.n_evicted = cache->n_evicted,
		.n_purged = __atomic_load_n(&cache->n_purged, __ATOMIC_RELAXED),
		.n_flights = __atomic_load_n(&cache->n_flights, __ATOMIC_RELAXED),
		.position = purge_position(cache->purges),
	};
	pthread_mutex_unlock(&cache->evict_lock);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void cache_free(struct cache *cache)
{
	struct cache_dropped dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct cache_item *item;

	for (size_t i = 0; i < CACHE_SHARDS; i++) {
		struct cache_shard *shard = &cache->shards[i];
		MUST(LIST_EMPTY(&shard->flights));
		for (size_t b = 0; shard->buckets && b < cache->n_buckets; b++) {
			while ((item = LIST_FIRST(&shard->buckets[b])))
				cache_index_unlink(cache, item, &dropped);
		}
		cache_drop(cache, &dropped);
		free(shard->buckets);
		pthread_mutex_destroy(&shard->lock);
	}
	cache_coder_stop(cache);
	cache_disk_close(cache);
	evict_fini(&cache->evict);
	pthread_mutex_destroy(&cache->evict_lock);
	pthread_mutex_destroy(&cache->coder_lock);
	purge_log_free(cache->purges);
	free(cache->name);
	OBJ_FREE(cache);
}

static size_t buckets_for(uint64_t memory_bytes)
{
	size_t n = MIN_BUCKETS;

	while (n < memory_bytes / USUAL_BYTES / CACHE_SHARDS)
		n *= 2;
	return n;
}

int cache_new(const struct cache_conf *conf, int64_t now_s, struct cache **ret_cache)
{
	struct cache *cache = aligned_alloc(64, sizeof(*cache));
	bool all = true;

	if (!cache)
		return err_new(-ENOMEM);
	*cache = (struct cache){ .kind = CACHE_KIND,
				 .n_refs = 1,
				 .name = strdup(conf->name),
				 .n_generations = (uint64_t)now_s << GENERATIONS_PER_S_BITS,
				 .n_buckets = buckets_for(conf->memory_bytes),
				 .max_reserved = conf->memory_bytes / 2,
				 .inactive_ms = conf->inactive_ms };
	pthread_mutex_init(&cache->evict_lock, NULL);
	pthread_mutex_init(&cache->coder_lock, NULL);
	for (size_t i = 0; i < CACHE_SHARDS; i++) {
		struct cache_shard *shard = &cache->shards[i];
		pthread_mutex_init(&shard->lock, NULL);
		LIST_INIT(&shard->flights);
		shard->buckets = calloc(cache->n_buckets, sizeof(*shard->buckets));
		all &= shard->buckets != NULL;
	}
	int r = evict_init(&cache->evict, conf->memory_bytes);
	if (r == 0 && (!all || !cache->name))
		r = err_new(-ENOMEM);
	if (r == 0)
		r = purge_log_new(&cache->purges);
	if (r < 0) {
		cache_free(cache);
		return err_pass(r);
	}
	*ret_cache = cache;
	return 0;
}

struct cache *cache_ref(struct cache *cache)
{
	__atomic_add_fetch(&cache->n_refs, 1, __ATOMIC_RELAXED);
	return cache;
}

void cache_unref(struct cache *cache)
{
	if (cache && __atomic_sub_fetch(&cache->n_refs, 1, __ATOMIC_ACQ_REL) == 0)
		cache_free(cache);
}

void cache_set_conf(struct cache *cache, const struct cache_conf *conf)
{
	struct cache_dropped evicted = TAILQ_HEAD_INITIALIZER(evicted);

	__atomic_store_n(&cache->inactive_ms, conf->inactive_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&cache->max_reserved, conf->memory_bytes / 2, __ATOMIC_RELAXED);
	pthread_mutex_lock(&cache->evict_lock);
	evict_set_max(&cache->evict, conf->memory_bytes);
	evicted_take(cache, &evicted);
	pthread_mutex_unlock(&cache->evict_lock);
	evicted_drop(cache, &evicted);
}

const char *cache_name(const struct cache *cache)
{
	return cache->name;
}
