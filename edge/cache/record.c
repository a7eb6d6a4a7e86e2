/* SPDX-License-Identifier: Apache-2.0
 *
 * record: numbers of fixed size, then the runs that they count.
 */
#include "edge/cache/record.h"

#include "core/hash.h"
#include "core/obj.h"

enum { VERSION = 1 };

/* As it lies there; no padding, whatever the compiler. */
struct fixed {
	uint32_t version;
	uint32_t says;
	int64_t born_s, stale_at_s;
	int32_t swr_s, sie_s;
	uint32_t key_len, url_len, head_len, trailers_len;
	uint16_t status, n_tags;
	uint8_t codable;
	uint8_t zero[3];
};
_Static_assert(sizeof(struct fixed) == 56, "a record's fixed part has no holes");

struct disk_id cache_record_id(struct span key)
{
	const uint64_t halves[2] = { hash_fixed(key, 1), hash_fixed(key, 2) };
	struct disk_id id;

	_Static_assert(sizeof(halves) == sizeof(id.bytes), "an id is two hashes");
	memcpy(id.bytes, halves, sizeof(halves));
	return id;
}

void cache_record_write(const struct cache_object *object, struct buf *out)
{
	struct reuse_life life;

	cache_object_life(object, &life);
	const struct fixed fixed = {
		.version = VERSION,
		.says = life.says,
		.born_s = life.born_s,
		.stale_at_s = life.stale_at_s,
		.swr_s = (int32_t)life.swr_s,
		.sie_s = (int32_t)life.sie_s,
		.key_len = object->item.key_len,
		.url_len = object->url_len,
		.head_len = object->head_len,
		.trailers_len = object->trailers ? object->trailers->len : 0,
		.status = object->status,
		.n_tags = object->n_tags,
		.codable = object->codable,
	};
	buf_add(out, span_of(&fixed, sizeof(fixed)));
	buf_add(out, cache_item_key(&object->item));
	buf_add(out, span_of(cache_object_tags(object), object->n_tags * sizeof(uint32_t)));
	buf_add(out, cache_object_head(object));
	if (object->trailers)
		buf_add(out, span_of(object->trailers->bytes, object->trailers->len));
}

void cache_record_write_vary(struct span key, struct span names, struct buf *out)
{
	const struct fixed fixed = {
		.version = VERSION,
		.key_len = (uint32_t)key.len,
		.head_len = (uint32_t)names.len,
	};

	buf_add(out, span_of(&fixed, sizeof(fixed)));
	buf_add(out, key);
	buf_add(out, names);
}

static struct span cut(struct span *run, size_t len)
{
	struct span part = span_first(*run, len);

	*run = span_from(*run, len);
	return part;
}

bool cache_record_read(struct span run, struct cache_record *ret_record)
{
	struct fixed fixed;

	if (run.len < sizeof(fixed))
		return false;
	memcpy(&fixed, run.at, sizeof(fixed));
	run = span_from(run, sizeof(fixed));
	uint64_t want = (uint64_t)fixed.key_len + fixed.n_tags * sizeof(uint32_t) + fixed.head_len +
			fixed.trailers_len;
	if (fixed.version != VERSION || want != run.len || fixed.url_len > fixed.key_len ||
	    (fixed.status && (fixed.status < 200 || fixed.status > 599)))
		return false;
	*ret_record = (struct cache_record){
		.key = cut(&run, fixed.key_len),
		.url_len = fixed.url_len,
		.life = { .says = fixed.says,
			  .born_s = fixed.born_s,
			  .stale_at_s = fixed.stale_at_s,
			  .swr_s = fixed.swr_s,
			  .sie_s = fixed.sie_s },
		.status = fixed.status,
		.codable = fixed.codable,
		.n_tags = fixed.n_tags,
		.tags = cut(&run, fixed.n_tags * sizeof(uint32_t)),
		.head = cut(&run, fixed.head_len),
		.trailers = run,
	};
	return true;
}
