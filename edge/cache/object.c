/* SPDX-License-Identifier: Apache-2.0
 *
 * object: birth and death. Tags come first behind the struct, for they are numbers; then key, head,
 * and a body in one piece.
 */
#include "edge/cache/object.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/body.h"
#include "edge/cache/packed.h"

enum {
	MALLOC_BYTES = 16,       /* what an allocation costs beside its own */
	ONE_MAX_BYTES = 1 << 20, /* a larger body is in segments, however long it said it is */
};

static void object_release(struct slice_owner *owner)
{
	struct cache_object *object = CONTAINER_OF(owner, struct cache_object, item.owner);

	if (object->first)
		slice_owner_unref(&object->first->owner);
	for (size_t i = 0; i < CACHE_N_CODINGS; i++)
		cache_coded_unref(object->coded[i]);
	cache_object_unref(object->body_of);
	free(object->trailers);
	free(object);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
	if (len)
		memcpy(at, bytes, len);
	return at + len;
}

/* Errors: -ENOMEM. */
static int trailers_copy(struct cache_object *object, const struct cache_trailers *from)
{
	size_t size = from ? sizeof(*from) + from->len : 0;

	if (!from)
		return 0;
	object->trailers = malloc(size);
	if (!object->trailers)
		return err_new(-ENOMEM);
	memcpy(object->trailers, from, size);
	return 0;
}

static int body_borrow(struct cache_object *object, struct cache_object *from)
{
	if (from->body_of) /* a borrower lends nothing: chains do not grow */
		from = from->body_of;
	MUST(from->body == CACHE_BODY_WHOLE);
	object->body_of = cache_object_ref(from);
	object->has_length = true;
	object->length = from->length;
	object->filled = from->length;
	object->bytes = from->bytes;
	object->body = CACHE_BODY_WHOLE;
	for (size_t i = 0; i < CACHE_N_CODINGS; i++) {
		object->coded[i] = __atomic_load_n(&from->coded[i], __ATOMIC_ACQUIRE);
		if (object->coded[i])
			slice_owner_ref(&object->coded[i]->owner);
	}
	return err_pass(trailers_copy(object, from->trailers));
}

static size_t data_len(const struct cache_object_setup *setup, size_t head_len)
{
	return setup->n_tags * sizeof(uint32_t) + setup->key.len + head_len;
}

/* What setup says, but for the body. */
static void object_init(struct cache_object *object, const struct cache_object_setup *setup,
			size_t head_len)
{
	uint8_t *at = object->data;

	*object = (struct cache_object){
		.item = { .owner = { .n_refs = 1, .shared = true, .release = object_release },
			  .kind = CACHE_ITEM_OBJECT,
			  .hash = setup->hash },
		.url_hash = setup->url_hash,
		.checked = setup->stamp,
		.born_s = setup->life.born_s,
		.stale_at_s = setup->life.stale_at_s,
		.says = setup->life.says,
		.swr_s = (int32_t)MIN(setup->life.swr_s, INT32_MAX),
		.sie_s = (int32_t)MIN(setup->life.sie_s, INT32_MAX),
		.url_len = setup->url_len,
		.head_len = (uint32_t)head_len,
		.n_tags = setup->n_tags,
		.status = setup->head->status,
		.codable = setup->codable,
		.has_length = setup->has_length,
		.length = setup->has_length ? setup->length : 0,
		.validates = http_head_find(setup->head, HTTP_NAME_ETAG) ||
			     http_head_find(setup->head, HTTP_NAME_LAST_MODIFIED),
	};
	at = put(at, setup->tags, setup->n_tags * sizeof(uint32_t));
	object->item.key = at;
	object->item.key_len = (uint32_t)setup->key.len;
	packed_write(setup->head, put(at, setup->key.at, setup->key.len));
}

int cache_object_new(const struct cache_object_setup *setup, struct cache_object **ret_object)
{
	size_t head_len = packed_size(setup->head), data = data_len(setup, head_len);
	bool in_one = setup->has_length && !setup->body_of && setup->length <= ONE_MAX_BYTES;
	struct cache_object *object = malloc(sizeof(*object) + data + (in_one ? setup->length : 0));

	if (!object)
		return err_new(-ENOMEM);
	object_init(object, setup, head_len);
	int r = 0;
	if (setup->body_of) {
		r = body_borrow(object, setup->body_of);
	} else if (in_one) {
		object->bytes = object->data + data;
	} else {
		object->first = cache_segment_new(0);
		r = object->first ? 0 : err_new(-ENOMEM);
	}
	if (r < 0) {
		cache_object_unref(object);
		return err_pass(r);
	}
	*ret_object = object;
	return 0;
}

struct span cache_object_head(const struct cache_object *object)
{
	return span_of(object->item.key + object->item.key_len, object->head_len);
}

const uint32_t *cache_object_tags(const struct cache_object *object)
{
	return (const uint32_t *)(const void *)object->data;
}

static size_t data_of(const struct cache_object *object)
{
	return (size_t)(object->item.key - object->data) + object->item.key_len + object->head_len;
}

uint64_t cache_object_size(const struct cache_object *object)
{
	uint64_t size = MALLOC_BYTES + sizeof(*object) + data_of(object);

	if (object->trailers)
		size += MALLOC_BYTES + sizeof(*object->trailers) + object->trailers->len;
	/* Whose body it is has left the index for it, as a rule, and lives on with us. */
	if (object->body_of)
		return size + cache_object_size(object->body_of);
	for (size_t i = 0; i < CACHE_N_CODINGS; i++) {
		const struct cache_coded *coded =
			__atomic_load_n(&object->coded[i], __ATOMIC_ACQUIRE);
		if (coded)
			size += MALLOC_BYTES + sizeof(*coded) + coded->length;
	}
	if (!object->first)
		return size + object->length;
	for (const struct cache_segment *at = object->first; at; at = at->next)
		size += MALLOC_BYTES + sizeof(*at) + at->size;
	return size;
}

/* What stands, and nothing of what other threads change meanwhile. */
static void object_clone(struct cache_object *copy, const struct cache_object *object)
{
	size_t data = data_of(object);

	*copy = (struct cache_object){
		.item = { .owner = { .n_refs = 1, .shared = true, .release = object_release },
			  .kind = CACHE_ITEM_OBJECT,
			  .hash = object->item.hash,
			  .key = copy->data + (object->item.key - object->data),
			  .key_len = object->item.key_len },
		.url_hash = object->url_hash,
		.checked = __atomic_load_n(&object->checked, __ATOMIC_ACQUIRE),
		.born_s = object->born_s,
		.stale_at_s = __atomic_load_n(&object->stale_at_s, __ATOMIC_RELAXED),
		.length = object->length,
		.filled = object->length,
		.bytes = copy->data + data,
		.says = object->says,
		.swr_s = object->swr_s,
		.sie_s = object->sie_s,
		.url_len = object->url_len,
		.head_len = object->head_len,
		.n_tags = object->n_tags,
		.status = object->status,
		.body = CACHE_BODY_WHOLE,
		.has_length = true,
		.validates = object->validates,
		.codable = object->codable,
	};
	memcpy(copy->data, object->data, data);
}

static void body_copy(struct cache_object *object, uint8_t *at)
{
	struct cache_reader reader;
	struct chain chain = { 0 };

	cache_reader_init(&reader, object, 0, UINT64_MAX);
	while (cache_reader_take(&reader, &chain) != CACHE_READ_END || !chain_empty(&chain)) {
		struct span part = chain_front(&chain);
		at = put(at, part.at, part.len);
		chain_drop(&chain, part.len);
	}
	cache_reader_fini(&reader);
}

int cache_object_compact(struct cache_object *object, struct cache_object **ret_object)
{
	struct cache_object *copy = malloc(sizeof(*copy) + data_of(object) + object->length);

	MUST(object->body == CACHE_BODY_WHOLE && object->first && !object->trailers);
	if (!copy)
		return err_new(-ENOMEM);
	object_clone(copy, object);
	body_copy(object, copy->bytes);
	*ret_object = copy;
	return 0;
}

void cache_object_life(const struct cache_object *object, struct reuse_life *ret_life)
{
	*ret_life = (struct reuse_life){
		.says = object->says,
		.born_s = object->born_s,
		.stale_at_s = __atomic_load_n(&object->stale_at_s, __ATOMIC_RELAXED),
		.swr_s = object->swr_s,
		.sie_s = object->sie_s,
	};
}

void cache_object_expire(struct cache_object *object, int64_t now_s)
{
	if (__atomic_load_n(&object->stale_at_s, __ATOMIC_RELAXED) > now_s)
		__atomic_store_n(&object->stale_at_s, now_s, __ATOMIC_RELAXED);
}
