/* SPDX-License-Identifier: Apache-2.0
 *
 * object: a stored response: its key, what is known of its freshness, its fields, its body.
 *
 * It is made by the one fetch that fills it, and shared from the moment its head is known: from
 * then on nothing of it changes but the body's length, which grows until it is whole (body.h), and
 * the few marks that are atomic. Counted atomically; any thread may read, ref and unref. What is
 * small, or said how long it is, lies in one allocation.
 */
#pragma once

#include "core/chain.h"
#include "edge/cache/coded.h"
#include "edge/cache/evict.h"
#include "edge/cache/reuse.h"

/* What stands in a store's index: an object, or a mark (store.c). */
enum cache_item_kind { CACHE_ITEM_OBJECT, CACHE_ITEM_MARK };
enum cache_item_place { CACHE_ITEM_OUT, CACHE_ITEM_QUEUED, CACHE_ITEM_GONE };

struct cache_item {
	struct slice_owner owner;     /* counts; shared */
	LIST_ENTRY(cache_item) chain; /* the shard's lock */
	struct evict_item evict;      /* the eviction lock; but for evict_touch() */
	uint64_t hash;
	const uint8_t *key; /* behind it in the same allocation */
	uint32_t key_len;
	uint8_t kind;  /* enum cache_item_kind */
	uint8_t place; /* enum cache_item_place; the eviction lock */
	bool linked;   /* the shard's lock */
};

static inline struct span cache_item_key(const struct cache_item *item)
{
	return span_of(item->key, item->key_len);
}

enum cache_body {
	CACHE_BODY_FILLING,
	CACHE_BODY_WHOLE,
	CACHE_BODY_BROKEN, /* no more comes, and it is not whole */
};

/* A part of a body whose length nobody said. */
struct cache_segment {
	struct slice_owner owner;
	struct cache_segment *next; /* a reference; atomic */
	uint32_t size;
	uint8_t bytes[];
};

struct cache_trailers {
	uint32_t len;
	uint8_t bytes[]; /* packed */
};

struct cache_object {
	struct cache_item item;
	uint64_t url_hash;  /* of the key's part that a purge names */
	uint64_t checked;   /* the purge log's position up to which none meant it; atomic */
	int64_t born_s;     /* wall time at which its age was 0 */
	int64_t stale_at_s; /* fresh before; a soft purge moves it; atomic */
	uint64_t length;    /* of the body: with has_length, or once it is whole */
	uint64_t filled;    /* bytes of it that are there; atomic */
	uint8_t *bytes;     /* of a body in one piece; NULL: in segments */
	struct cache_segment *first;     /* a reference; NULL: in one piece */
	struct cache_object *body_of;    /* a reference: whose body it is; NULL: our own */
	struct cache_trailers *trailers; /* owned; set before it is whole; NULL: none */
	uint32_t says;                   /* bits: 1 << enum cache_says */
	int32_t swr_s, sie_s;            /* how long it may serve when it is stale */
	uint32_t used_at_s;              /* a wall time; atomic */
	uint32_t url_len;                /* the key's part that a purge names */
	uint32_t head_len;
	uint16_t n_tags;
	uint16_t status;
	struct cache_coded *coded[CACHE_N_CODINGS]; /* references; atomic; NULL: none yet */
	uint8_t body;                               /* enum cache_body; atomic */
	uint8_t coding;                             /* bits: those that were asked for; atomic */
	bool codable;                               /* its type is one that is worth it */
	bool has_length;
	bool validates; /* it has an ETag or a Last-Modified to ask the origin by */
	/* Tags, key, head, and a body in one piece. */
	_Alignas(uint32_t) uint8_t data[];
};

/* What an object is made of; all copied. */
struct cache_object_setup {
	struct span key; /* whole: what a purge names, then what else tells it from others */
	uint32_t url_len;
	uint64_t hash, url_hash;
	uint64_t stamp;               /* the purge log's position when its fetch began */
	const struct http_head *head; /* its fields as they shall be stored, and its status */
	bool codable;
	const uint32_t *tags; /* hashes */
	uint16_t n_tags;
	struct reuse_life life;
	bool has_length;
	uint64_t length;
	struct cache_object *body_of; /* whose body it shares, which is whole; NULL: its own */
};

/* One reference, the caller's. Errors: -ENOMEM. */
int cache_object_new(const struct cache_object_setup *setup, struct cache_object **ret_object);
static inline struct cache_object *cache_object_ref(struct cache_object *object)
{
	slice_owner_ref(&object->item.owner);
	return object;
}
static inline void cache_object_unref(struct cache_object *object) /* NULL is fine */
{
	if (object)
		slice_owner_unref(&object->item.owner);
}

struct span cache_object_head(const struct cache_object *object); /* packed */
const uint32_t *cache_object_tags(const struct cache_object *object);
/* Bytes of memory that it takes, once it is whole, and that whose body it borrows does. */
uint64_t cache_object_size(const struct cache_object *object);
/* The same with its body in one piece, which is whole, in segments, and without trailers. Errors:
 * -ENOMEM. */
int cache_object_compact(struct cache_object *object, struct cache_object **ret_object);
void cache_object_life(const struct cache_object *object, struct reuse_life *ret_life);
/* A soft purge: from now on it is stale. */
void cache_object_expire(struct cache_object *object, int64_t now_s);
static inline enum cache_body cache_object_body(const struct cache_object *object)
{
	return (enum cache_body)__atomic_load_n(&object->body, __ATOMIC_ACQUIRE);
}
