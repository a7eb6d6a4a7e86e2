/* SPDX-License-Identifier: Apache-2.0
 *
 * coder: a mail for each body to be coded. The thread begins with the first.
 */
#include "edge/cache/coder.h"

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"
#include "edge/cache/store_priv.h"

enum { MAX_WAITING = 256, MAX_BYTES = 8 << 20 };

struct code_mail {
	struct mail mail;
	struct cache *cache;
	struct cache_object *object; /* a reference */
	enum cache_coding coding;
};

/* Room in one piece for a body that is in segments. NULL: no memory. */
static uint8_t *body_join(struct cache_object *object)
{
	struct cache_reader reader;
	struct chain chain = { 0 };
	uint8_t *bytes = malloc(object->length), *at = bytes;

	if (!bytes)
		return NULL;
	cache_reader_init(&reader, object, 0, UINT64_MAX);
	while (cache_reader_take(&reader, &chain) != CACHE_READ_END || !chain_empty(&chain)) {
		struct span part = chain_front(&chain);
		memcpy(at, part.at, part.len);
		at += part.len;
		chain_drop(&chain, part.len);
	}
	cache_reader_fini(&reader);
	return bytes;
}

static int object_code(struct cache_object *object, enum cache_coding coding,
		       struct cache_coded **ret_coded)
{
	CLEANUP(free_drop) uint8_t *joined = object->bytes ? NULL : body_join(object);
	const uint8_t *bytes = object->bytes ? object->bytes : joined;

	if (!bytes)
		return err_new(-ENOMEM);
	return err_pass(cache_coded_new(coding, span_of(bytes, object->length), ret_coded));
}

static void on_code(struct mail *mail, bool dropped)
{
	struct code_mail *order = CONTAINER_OF(mail, struct code_mail, mail);
	struct cache_object *object = order->object;
	struct cache_coded *coded = NULL;

	if (!dropped && object_code(object, order->coding, &coded) == 0) {
		__atomic_store_n(&object->coded[order->coding], coded, __ATOMIC_RELEASE);
		cache_grew(order->cache, &object->item, sizeof(*coded) + coded->length);
	}
	__atomic_sub_fetch(&order->cache->n_coding, 1, __ATOMIC_RELAXED);
	cache_object_unref(object);
	free(order);
}

/* Begun once. NULL: it could not be. */
static struct mailbox *coder_mailbox(struct cache *cache)
{
	pthread_mutex_lock(&cache->coder_lock);
	if (!cache->coder_begun) {
		cache->coder_begun = true;
		int r = loop_thread_init(&cache->coder, "coder", NULL, NULL);
		if (r == 0)
			r = loop_thread_start(&cache->coder);
		cache->coder_runs = r == 0;
		if (r < 0)
			LOG_ERROR("cache.coder", kv_str("store", cache->name), kv_err(r));
	}
	bool runs = cache->coder_runs;
	pthread_mutex_unlock(&cache->coder_lock);
	return runs ? &cache->coder.mailbox : NULL;
}

/* Nobody else asks for the same. */
static void ask(struct cache *cache, struct cache_object *object, enum cache_coding coding)
{
	uint8_t bit = (uint8_t)(1u << coding);
	struct mailbox *mailbox = coder_mailbox(cache);
	struct code_mail *order = calloc(1, sizeof(*order));

	if (!mailbox || !order ||
	    (__atomic_fetch_or(&object->coding, bit, __ATOMIC_ACQ_REL) & bit)) {
		free(order);
		return;
	}
	__atomic_add_fetch(&cache->n_coding, 1, __ATOMIC_RELAXED);
	*order = (struct code_mail){ .mail = { .fn = on_code },
				     .cache = cache,
				     .object = cache_object_ref(object),
				     .coding = coding };
	mailbox_post(mailbox, &order->mail);
}

struct cache_coded *cache_coded_get(struct cache *cache, struct cache_object *object,
				    enum cache_coding coding)
{
	struct cache_coded *coded = __atomic_load_n(&object->coded[coding], __ATOMIC_ACQUIRE);

	if (!coded) {
		if (object->length <= MAX_BYTES &&
		    __atomic_load_n(&cache->n_coding, __ATOMIC_RELAXED) < MAX_WAITING)
			ask(cache, object, coding);
		return NULL;
	}
	if (coded->length == 0)
		return NULL;
	slice_owner_ref(&coded->owner);
	return coded;
}

void cache_coder_stop(struct cache *cache)
{
	if (!cache->coder_begun)
		return;
	loop_thread_stop(&cache->coder);
	loop_thread_fini(&cache->coder);
}
