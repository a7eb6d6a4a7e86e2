/* SPDX-License-Identifier: Apache-2.0
 *
 * body: the bytes of an object, written once by one thread, and read by any as they come: a writer,
 * and readers that hold what they are about to read.
 *
 * Of a body without a known length every reader holds the segment that it is in, and each segment
 * the next. So an object that will not be stored after all can let go of its front, and what the
 * slowest reader has passed is freed.
 */
#pragma once

#include "edge/cache/object.h"

struct cache_writer {
	struct cache_object *object; /* borrowed */
	struct cache_segment *last;  /* borrowed; NULL: in one piece */
	uint64_t last_from;          /* its first byte's place */
	bool released;               /* `last` is a reference of our own */
};

void cache_writer_init(struct cache_writer *writer, struct cache_object *object);
/* Copies. Errors: -ENOMEM; -EOVERFLOW: more than was said. */
int cache_writer_add(struct cache_writer *writer, struct span bytes);
/* Before the end. Errors: -ENOMEM. */
int cache_writer_trailers(struct cache_writer *writer, const struct http_head *trailers);
/* It is whole. False: it is shorter than was said, and so it is broken. */
bool cache_writer_end(struct cache_writer *writer);
void cache_writer_break(struct cache_writer *writer);
/* The object lets go of its front: nobody begins to read it any more. Without effect on a body in
 * one piece. */
void cache_writer_release(struct cache_writer *writer);
void cache_writer_fini(struct cache_writer *writer); /* a zeroed one is fine */

/* One segment, empty, for a body of which so many bytes are there. NULL: no memory. */
struct cache_segment *cache_segment_new(uint64_t filled);

static inline uint64_t cache_body_filled(const struct cache_object *object)
{
	return __atomic_load_n(&object->filled, __ATOMIC_ACQUIRE);
}

/* A place in the body: [at, end) is to be read. One thread. */
struct cache_reader {
	struct cache_object *object;   /* a reference */
	struct cache_segment *segment; /* a reference; NULL: in one piece */
	uint64_t segment_from;
	uint64_t at, end;          /* end: UINT64_MAX: whatever it will be */
	struct cache_coded *coded; /* a reference: this is read, instead of the object's own body */
};
/* While it fills: under the lock of its flight. */
void cache_reader_init(struct cache_reader *reader, struct cache_object *object, uint64_t from,
		       uint64_t end);
/* The reference moves: from now on it reads this, from the beginning. */
void cache_reader_set_coded(struct cache_reader *reader, struct cache_coded *coded);
void cache_reader_fini(struct cache_reader *reader); /* a zeroed one is fine */

enum cache_read {
	CACHE_READ_FULL,   /* the chain is */
	CACHE_READ_WAIT,   /* what is there was taken; more is to come */
	CACHE_READ_END,    /* all was taken */
	CACHE_READ_BROKEN, /* what is missing will not come */
};
/* Pushes what is there, by reference, and goes on behind it. */
enum cache_read cache_reader_take(struct cache_reader *reader, struct chain *to);
