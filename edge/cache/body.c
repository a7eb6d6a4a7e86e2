/* SPDX-License-Identifier: Apache-2.0
 *
 * body: what readers of other threads see is ordered by `filled`: bytes and segments before it
 * stand, and the state is written behind it.
 */
#include "edge/cache/body.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/packed.h"

enum { SEGMENT_MIN_BYTES = 4 * 1024, SEGMENT_MAX_BYTES = 256 * 1024 };

/* ---- segments ----------------------------------------------------------------------------------
 */

/* A long chain is not to be a deep recursion. */
static void segment_release(struct slice_owner *owner)
{
	struct cache_segment *segment = CONTAINER_OF(owner, struct cache_segment, owner);

	while (segment) {
		struct cache_segment *next = segment->next;
		free(segment);
		if (!next || __atomic_sub_fetch(&next->owner.n_refs, 1, __ATOMIC_ACQ_REL) > 0)
			return;
		segment = next;
	}
}

/* As large as all before it together, within bounds. */
struct cache_segment *cache_segment_new(uint64_t filled)
{
	uint64_t size = MIN(MAX(filled, SEGMENT_MIN_BYTES), SEGMENT_MAX_BYTES);
	struct cache_segment *segment = malloc(sizeof(*segment) + size);

	if (!segment)
		return NULL;
	*segment = (struct cache_segment){
		.owner = { .n_refs = 1, .shared = true, .release = segment_release },
		.size = (uint32_t)size,
	};
	return segment;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

void cache_writer_init(struct cache_writer *writer, struct cache_object *object)
{
	*writer = (struct cache_writer){ .object = object, .last = object->first };
}

static void filled_add(struct cache_object *object, uint64_t n)
{
	__atomic_store_n(&object->filled, object->filled + n, __ATOMIC_RELEASE);
}

/* The chain's hold on the new one goes with the old one, if nobody else holds that. */
static void last_move(struct cache_writer *writer, struct cache_segment *next)
{
	struct cache_segment *before = writer->last;

	if (writer->released) {
		slice_owner_ref(&next->owner);
		slice_owner_unref(&before->owner);
	}
	writer->last = next;
}

static int segments_add(struct cache_writer *writer, struct span bytes)
{
	struct cache_object *object = writer->object;

	while (bytes.len) {
		uint64_t used = object->filled - writer->last_from;
		if (used == writer->last->size) {
			struct cache_segment *next = cache_segment_new(object->filled);
			if (!next)
				return err_new(-ENOMEM);
			__atomic_store_n(&writer->last->next, next, __ATOMIC_RELEASE);
			writer->last_from += used;
			last_move(writer, next);
			used = 0;
		}
		struct span part = span_first(bytes, writer->last->size - used);
		memcpy(writer->last->bytes + used, part.at, part.len);
		filled_add(object, part.len);
		bytes = span_from(bytes, part.len);
	}
	return 0;
}

int cache_writer_add(struct cache_writer *writer, struct span bytes)
{
	struct cache_object *object = writer->object;

	MUST(object->body == CACHE_BODY_FILLING && !object->body_of);
	if (object->has_length && bytes.len > object->length - object->filled)
		return err_new(-EOVERFLOW);
	if (writer->last)
		return err_pass(segments_add(writer, bytes));
	if (bytes.len)
		memcpy(object->bytes + object->filled, bytes.at, bytes.len);
	filled_add(object, bytes.len);
	return 0;
}

int cache_writer_trailers(struct cache_writer *writer, const struct http_head *trailers)
{
	size_t len = packed_size(trailers);
	struct cache_trailers *kept;

	if (len == 0 || writer->object->trailers)
		return 0;
	kept = malloc(sizeof(*kept) + len);
	if (!kept)
		return err_new(-ENOMEM);
	kept->len = (uint32_t)len;
	packed_write(trailers, kept->bytes);
	writer->object->trailers = kept;
	return 0;
}

bool cache_writer_end(struct cache_writer *writer)
{
	struct cache_object *object = writer->object;

	MUST(object->body == CACHE_BODY_FILLING);
	if (object->has_length && object->filled != object->length) {
		cache_writer_break(writer);
		return false;
	}
	if (!object->has_length) /* else it is read already */
		object->length = object->filled;
	__atomic_store_n(&object->body, CACHE_BODY_WHOLE, __ATOMIC_RELEASE);
	return true;
}

void cache_writer_break(struct cache_writer *writer)
{
	__atomic_store_n(&writer->object->body, CACHE_BODY_BROKEN, __ATOMIC_RELEASE);
}

void cache_writer_release(struct cache_writer *writer)
{
	struct cache_segment *first = TAKE(writer->object->first);

	if (!first)
		return;
	slice_owner_ref(&writer->last->owner);
	writer->released = true;
	slice_owner_unref(&first->owner);
}

void cache_writer_fini(struct cache_writer *writer)
{
	if (writer->released)
		slice_owner_unref(&writer->last->owner);
	*writer = (struct cache_writer){ 0 };
}

/* ---- reading -----------------------------------------------------------------------------------
 */

void cache_reader_init(struct cache_reader *reader, struct cache_object *object, uint64_t from,
		       uint64_t end)
{
	const struct cache_object *owner = object->body_of ? object->body_of : object;

	*reader = (struct cache_reader){
		.object = cache_object_ref(object),
		.segment = owner->first,
		.at = from,
		.end = end,
	};
	if (reader->segment)
		slice_owner_ref(&reader->segment->owner);
}

void cache_reader_set_coded(struct cache_reader *reader, struct cache_coded *coded)
{
	reader->coded = coded;
	reader->at = 0;
	reader->end = coded->length;
}

void cache_reader_fini(struct cache_reader *reader)
{
	cache_coded_unref(reader->coded);
	if (reader->segment)
		slice_owner_unref(&reader->segment->owner);
	cache_object_unref(reader->object);
	*reader = (struct cache_reader){ 0 };
}

/* Goes on to the segment that holds the next byte, which is there. */
static void segment_seek(struct cache_reader *reader)
{
	while (reader->at - reader->segment_from >= reader->segment->size) {
		struct cache_segment *next =
			__atomic_load_n(&reader->segment->next, __ATOMIC_ACQUIRE);
		MUST(next);
		slice_owner_ref(&next->owner);
		reader->segment_from += reader->segment->size;
		slice_owner_unref(&reader->segment->owner);
		reader->segment = next;
	}
}

/* One slice of what is there before `until`. */
static void slice_push(struct cache_reader *reader, uint64_t until, struct chain *to)
{
	struct cache_object *object =
		reader->object->body_of ? reader->object->body_of : reader->object;
	struct slice slice = { .at = object->bytes + reader->at, .owner = &object->item.owner };
	uint64_t len = until - reader->at;

	if (reader->segment) {
		segment_seek(reader);
		uint64_t skip = reader->at - reader->segment_from;
		slice.at = reader->segment->bytes + skip;
		slice.owner = &reader->segment->owner;
		len = MIN(len, reader->segment->size - skip);
	}
	slice.len = (uint32_t)MIN(len, UINT32_MAX);
	slice_owner_ref(slice.owner);
	reader->at += slice.len;
	chain_push(to, slice);
}

static enum cache_read coded_take(struct cache_reader *reader, struct chain *to)
{
	struct cache_coded *coded = reader->coded;
	uint64_t len = reader->end - reader->at;

	if (len && chain_full(to))
		return CACHE_READ_FULL;
	if (len) {
		slice_owner_ref(&coded->owner);
		chain_push(to, (struct slice){ coded->bytes + reader->at, (uint32_t)len,
					       &coded->owner });
	}
	reader->at = reader->end;
	return CACHE_READ_END;
}

enum cache_read cache_reader_take(struct cache_reader *reader, struct chain *to)
{
	if (reader->coded)
		return coded_take(reader, to);
	/* The state first: whole, then all of it is there. */
	enum cache_body body = cache_object_body(reader->object);
	uint64_t until = MIN(cache_body_filled(reader->object), reader->end);

	while (reader->at < until) {
		if (chain_full(to))
			return CACHE_READ_FULL;
		slice_push(reader, until, to);
	}
	if (reader->at >= reader->end || body == CACHE_BODY_WHOLE)
		return CACHE_READ_END;
	return body == CACHE_BODY_BROKEN ? CACHE_READ_BROKEN : CACHE_READ_WAIT;
}
