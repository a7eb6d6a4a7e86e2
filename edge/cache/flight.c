/* SPDX-License-Identifier: Apache-2.0
 *
 * flight: one fetch, and all who wait for it, on whatever thread.
 *
 * A flight is listed in its shard from its beginning until it ends, so that what makes untrue what
 * it will bring finds it; it is closed to who asks from then on. Those who have joined read the
 * object as it fills. Waiters are taken out of the list under the lock and woken outside of it.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/store_priv.h"

/* A body of no more is laid in one piece when it lands. */
enum { COMPACT_MAX_BYTES = 256 * 1024 };

/* ---- birth and death ---------------------------------------------------------------------------
 */

static struct cache_flight *flight_new(struct cache *cache, const struct cache_key *key)
{
	struct cache_flight *flight = calloc(1, sizeof(*flight) + key->text.len);

	if (!flight)
		return NULL;
	flight->n_refs = 1;
	flight->cache = cache_ref(cache);
	flight->shard = cache_shard_of(cache, key->url_hash);
	flight->stamp = purge_position(cache->purges);
	flight->key = *key;
	flight->key.text = span_of(flight->text, key->text.len);
	memcpy(flight->text, key->text.at, key->text.len);
	flight->state = FLIGHT_ASKED;
	TAILQ_INIT(&flight->waiters);
	__atomic_add_fetch(&cache->n_flights, 1, __ATOMIC_RELAXED);
	return flight;
}

void cache_flight_ref(struct cache_flight *flight)
{
	__atomic_add_fetch(&flight->n_refs, 1, __ATOMIC_RELAXED);
}

static void unreserve(struct cache_flight *flight)
{
	__atomic_sub_fetch(&flight->cache->reserved, flight->reserved, __ATOMIC_RELAXED);
	flight->reserved = 0;
}

void cache_flight_unref(struct cache_flight *flight)
{
	if (!flight || __atomic_sub_fetch(&flight->n_refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	MUST(!flight->listed && TAILQ_EMPTY(&flight->waiters));
	cache_object_unref(flight->object);
	__atomic_sub_fetch(&flight->cache->n_flights, 1, __ATOMIC_RELAXED);
	unreserve(flight);
	cache_unref(flight->cache);
	free(flight);
}

uint64_t cache_flight_stamp(const struct cache_flight *flight)
{
	return flight->stamp;
}

/* Under the lock. */
static void enlist(struct cache_flight *flight)
{
	LIST_INSERT_HEAD(&flight->shard->flights, flight, link);
	flight->listed = true;
}

/* Under the lock. */
static void unlist(struct cache_flight *flight)
{
	if (flight->listed)
		LIST_REMOVE(flight, link);
	flight->listed = false;
}

void cache_flights_spoil(struct cache_shard *shard, uint64_t url_hash)
{
	struct cache_flight *flight;

	LIST_FOREACH (flight, &shard->flights, link) {
		if (flight->key.url_hash != url_hash)
			continue;
		flight->spoiled = true;
		flight->closed = true;
	}
}

/* ---- joining -----------------------------------------------------------------------------------
 */

/* Something was purged since it began that may mean it: who asks now must not get what it brings.
 */
static bool is_outdated(const struct cache_flight *flight)
{
	uint64_t position;

	if (flight->stamp >= purge_position(flight->cache->purges))
		return false;
	const struct purge_subject subject = {
		.url = span_first(flight->key.text, flight->key.url_len),
		.url_hash = flight->key.url_hash,
		.tags_unknown = true,
	};
	return purge_judge(flight->cache->purges, &subject, flight->stamp, &position) !=
	       PURGE_SPARED;
}

static struct cache_flight *flight_find(struct cache_shard *shard, const struct cache_key *key)
{
	struct cache_flight *flight;

	LIST_FOREACH (flight, &shard->flights, link) {
		if (!flight->closed && flight->key.hash == key->hash &&
		    span_eq(flight->key.text, key->text))
			return flight;
	}
	return NULL;
}

int cache_join(struct cache *cache, const struct cache_key *key, const struct cache_object *seen,
	       struct cache_flight **ret_flight)
{
	struct cache_shard *shard = cache_shard_of(cache, key->url_hash);
	struct cache_flight *fresh = flight_new(cache, key);
	enum cache_join outcome = CACHE_JOIN_LEAD;

	if (!fresh)
		return err_new(-ENOMEM);
	pthread_mutex_lock(&shard->lock);
	struct cache_flight *flight = flight_find(shard, key);
	const struct cache_item *stored =
		cache_index_find(cache, shard, CACHE_ITEM_OBJECT, key->hash, key->text);
	if (flight && is_outdated(flight)) {
		flight->closed = true;
		flight = NULL;
	}
	if (stored && (!seen || stored != &seen->item)) {
		outcome = CACHE_JOIN_CHANGED;
	} else if (flight) {
		cache_flight_ref(flight);
		*ret_flight = flight;
		outcome = CACHE_JOIN_FOLLOW;
	} else {
		enlist(fresh);
		*ret_flight = fresh;
	}
	pthread_mutex_unlock(&shard->lock);
	if (outcome != CACHE_JOIN_LEAD)
		cache_flight_unref(fresh);
	return (int)outcome;
}

int cache_lead(struct cache *cache, const struct cache_key *key, struct cache_flight **ret_flight)
{
	struct cache_flight *flight = flight_new(cache, key);

	if (!flight)
		return err_new(-ENOMEM);
	flight->closed = true;
	pthread_mutex_lock(&flight->shard->lock);
	enlist(flight);
	pthread_mutex_unlock(&flight->shard->lock);
	*ret_flight = flight;
	return 0;
}

/* ---- leading -----------------------------------------------------------------------------------
 */

/* Under the lock: they are out of the list, and wait for the word. */
static void waiters_take(struct cache_flight *flight, struct cache_waiters *ret_woken)
{
	struct cache_waiter *waiter;

	TAILQ_INIT(ret_woken);
	TAILQ_FOREACH (waiter, &flight->waiters, link)
		waiter->queued = false;
	TAILQ_CONCAT(ret_woken, &flight->waiters, link);
	flight->n_waiters = 0;
}

/* Under the lock: the filler, if it waits for the readers and none is behind; to be woken. */
static struct cache_waiter *filler_take(struct cache_flight *flight)
{
	struct cache_waiter *filler = flight->filler;

	if (!filler || flight->n_waiters < flight->n_readers)
		return NULL;
	flight->filler = NULL;
	filler->queued = false;
	return filler;
}

static void filler_wake(struct cache_waiter *filler)
{
	if (filler)
		filler->wake(filler);
}

static void waiters_wake(struct cache_waiters *woken)
{
	struct cache_waiter *waiter;

	while ((waiter = TAILQ_FIRST(woken))) {
		TAILQ_REMOVE(woken, waiter, link);
		waiter->wake(waiter);
	}
}

void cache_flight_head(struct cache_flight *flight, struct cache_object *object,
		       const struct cache_key *key, struct span vary)
{
	struct cache_dropped dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct cache_mark *mark = NULL;
	struct cache_waiters woken;

	MUST(key->url_hash == flight->key.url_hash && flight->state == FLIGHT_ASKED);
	pthread_mutex_lock(&flight->shard->lock);
	/* Invalidated since it was read, the generation in it may not come back. */
	if (vary.len && !flight->spoiled)
		mark = cache_vary_set(flight->cache, flight->shard, key, vary, &dropped);
	/* Who asks for this variant from now on finds it by the variant's key. */
	flight->key = *key;
	flight->key.text = cache_item_key(&object->item);
	flight->object = cache_object_ref(object);
	flight->state = FLIGHT_HEAD;
	waiters_take(flight, &woken);
	pthread_mutex_unlock(&flight->shard->lock);
	waiters_wake(&woken);
	cache_vary_done(flight->cache, mark);
	cache_drop(flight->cache, &dropped);
}

void cache_flight_more(struct cache_flight *flight)
{
	struct cache_waiters woken;

	pthread_mutex_lock(&flight->shard->lock);
	waiters_take(flight, &woken);
	pthread_mutex_unlock(&flight->shard->lock);
	waiters_wake(&woken);
}

static void flight_end(struct cache_flight *flight, enum flight_state state,
		       enum close_reason reason)
{
	struct cache_waiters woken;

	pthread_mutex_lock(&flight->shard->lock);
	unlist(flight);
	flight->state = state;
	flight->reason = reason;
	waiters_take(flight, &woken);
	pthread_mutex_unlock(&flight->shard->lock);
	waiters_wake(&woken);
}

void cache_flight_pass(struct cache_flight *flight, int64_t until_s)
{
	cache_mark_pass(flight->cache, &flight->key, until_s);
	flight_end(flight, FLIGHT_PASSED, REASON_DONE);
}

void cache_flight_again(struct cache_flight *flight)
{
	flight_end(flight, FLIGHT_AGAIN, REASON_DONE);
}

void cache_flight_fail(struct cache_flight *flight, enum close_reason reason)
{
	flight_end(flight, FLIGHT_FAILED, reason);
}

static bool is_spoiled(struct cache_flight *flight)
{
	pthread_mutex_lock(&flight->shard->lock);
	bool spoiled = flight->spoiled;
	pthread_mutex_unlock(&flight->shard->lock);
	return spoiled;
}

/* What is stored, in one piece if it is small. */
static void object_store(struct cache_flight *flight, int64_t now_s)
{
	struct cache_object *object = flight->object, *compact = NULL;

	if (object->first && !object->trailers && object->length <= COMPACT_MAX_BYTES &&
	    cache_object_compact(object, &compact) == 0)
		object = compact;
	if (cache_store_unless(flight->cache, object, now_s, &flight->spoiled) && !flight->loaded) {
		cache_disk_put(flight->cache, object);
		/* Who has made it untrue since then may have dropped it before it was there. */
		if (is_spoiled(flight))
			cache_disk_drop(flight->cache, cache_item_key(&object->item));
	}
	cache_object_unref(compact);
}

void cache_flight_land(struct cache_flight *flight, bool store, int64_t now_s)
{
	MUST(flight->state == FLIGHT_HEAD);
	if (store && cache_object_body(flight->object) == CACHE_BODY_WHOLE) {
		object_store(flight, now_s);
		unreserve(
			flight); /* it is counted among what is stored, however slow its readers */
	}
	flight_end(flight, FLIGHT_HEAD, REASON_DONE);
}

bool cache_flight_reserve(struct cache_flight *flight, uint64_t bytes)
{
	struct cache *cache = flight->cache;
	uint64_t max = __atomic_load_n(&cache->max_reserved, __ATOMIC_RELAXED);

	if (__atomic_add_fetch(&cache->reserved, bytes, __ATOMIC_RELAXED) > max) {
		__atomic_sub_fetch(&cache->reserved, bytes, __ATOMIC_RELAXED);
		return false;
	}
	flight->reserved += bytes;
	return true;
}

bool cache_flight_pause(struct cache_flight *flight, struct cache_waiter *filler)
{
	pthread_mutex_lock(&flight->shard->lock);
	bool behind = flight->n_waiters < flight->n_readers;
	if (behind) {
		flight->filler = filler;
		filler->queued = true;
	}
	pthread_mutex_unlock(&flight->shard->lock);
	return behind;
}

bool cache_flight_unpause(struct cache_flight *flight, struct cache_waiter *filler)
{
	pthread_mutex_lock(&flight->shard->lock);
	bool queued = filler->queued;
	filler->queued = false;
	flight->filler = NULL;
	pthread_mutex_unlock(&flight->shard->lock);
	return queued;
}

uint32_t cache_flight_n_readers(struct cache_flight *flight)
{
	pthread_mutex_lock(&flight->shard->lock);
	uint32_t n = flight->n_readers;
	pthread_mutex_unlock(&flight->shard->lock);
	return n;
}

void cache_flight_outgrow(struct cache_flight *flight, struct cache_writer *writer)
{
	pthread_mutex_lock(&flight->shard->lock);
	flight->closed = true;
	flight->spoiled = true;
	cache_writer_release(writer);
	pthread_mutex_unlock(&flight->shard->lock);
}

/* ---- following ---------------------------------------------------------------------------------
 */

enum flight_state cache_flight_look(struct cache_flight *flight, struct cache_object **ret_object,
				    enum close_reason *ret_reason)
{
	pthread_mutex_lock(&flight->shard->lock);
	enum flight_state state = flight->state;
	*ret_object = state == FLIGHT_HEAD ? cache_object_ref(flight->object) : NULL;
	*ret_reason = flight->reason;
	pthread_mutex_unlock(&flight->shard->lock);
	return state;
}

bool cache_flight_read(struct cache_flight *flight, struct cache_reader *reader, uint64_t from,
		       uint64_t end)
{
	pthread_mutex_lock(&flight->shard->lock);
	struct cache_object *object = flight->object;
	bool can = object && (object->first || object->bytes || object->body_of);
	if (can) {
		cache_reader_init(reader, object, from, end);
		flight->n_readers++;
	}
	pthread_mutex_unlock(&flight->shard->lock);
	return can;
}

void cache_flight_unread(struct cache_flight *flight)
{
	pthread_mutex_lock(&flight->shard->lock);
	flight->n_readers--;
	struct cache_waiter *filler = filler_take(flight);
	pthread_mutex_unlock(&flight->shard->lock);
	filler_wake(filler);
}

bool cache_flight_wait(struct cache_flight *flight, struct cache_waiter *waiter,
		       enum flight_state state, uint64_t filled)
{
	pthread_mutex_lock(&flight->shard->lock);
	const struct cache_object *object = flight->object;
	bool stands = flight->state == state &&
		      (state != FLIGHT_HEAD || (cache_body_filled(object) == filled &&
						cache_object_body(object) == CACHE_BODY_FILLING));
	if (stands) {
		waiter->queued = true;
		TAILQ_INSERT_TAIL(&flight->waiters, waiter, link);
		flight->n_waiters++;
	}
	struct cache_waiter *filler = filler_take(flight);
	pthread_mutex_unlock(&flight->shard->lock);
	filler_wake(filler);
	return stands;
}

bool cache_flight_unwait(struct cache_flight *flight, struct cache_waiter *waiter)
{
	pthread_mutex_lock(&flight->shard->lock);
	bool queued = waiter->queued;
	if (queued) {
		TAILQ_REMOVE(&flight->waiters, waiter, link);
		flight->n_waiters--;
	}
	waiter->queued = false;
	pthread_mutex_unlock(&flight->shard->lock);
	return queued;
}
