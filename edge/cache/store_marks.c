/* SPDX-License-Identifier: Apache-2.0
 *
 * store_marks: what is known of a key beside what is stored: what responses of its URL vary by,
 * until when to pass, how often it was asked for.
 */
#include <stdlib.h>

#include "core/obj.h"
#include "edge/cache/store_priv.h"

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

/* The mark of this key, made if there is none. NULL: no memory. */
static struct cache_mark *mark_get(struct cache *cache, struct cache_shard *shard,
				   const struct cache_key *key, bool *ret_is_new)
{
	struct cache_mark *mark = cache_mark_of(
		cache_index_find(cache, shard, CACHE_ITEM_MARK, key->hash, key->text));

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
	struct cache_mark *mark = cache_mark_of(
		cache_index_find(cache, shard, CACHE_ITEM_MARK, key->base_hash, base));
	struct cache_item *object =
		cache_index_find(cache, shard, CACHE_ITEM_OBJECT, key->base_hash, base);

	if (mark && span_eq(cache_mark_vary(mark), vary))
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
