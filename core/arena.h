/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: memory that is given back all at once. An exchange has one for its heads, keys and small
 * strings; it is emptied at the end and kept for the next. One thread at a time.
 */
#pragma once

#include "core/span.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks; /* newest first; owned */
	uint8_t *at, *end;          /* what is free in the newest */
	size_t used_bytes;
	size_t max_bytes;
};

/* Allocates nothing yet. Past max_bytes, arena_take() gives NULL: answer 431 or 500. */
void arena_init(struct arena *arena, size_t max_bytes);
void arena_fini(struct arena *arena);
/* All that was taken becomes invalid; the first chunk is kept for the next user. */
void arena_empty(struct arena *arena);

/* Aligned for any type, not zeroed; NULL when full or out of memory. */
void *arena_take(struct arena *arena, size_t len);
/* The same, not aligned: for bytes. */
uint8_t *arena_take_bytes(struct arena *arena, size_t len);
/* Copies; .at is NULL on failure (also for an empty input: .at is then not NULL). */
struct span arena_copy(struct arena *arena, struct span bytes);
/* Copies with a NUL behind; NULL on failure. */
char *arena_copy_str(struct arena *arena, struct span bytes);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *arena, const char *fmt, ...);

#define ARENA_NEW(arena, type)                                                                     \
	({                                                                                         \
		type *arena_new_ = arena_take((arena), sizeof(type));                              \
		if (arena_new_)                                                                    \
			*arena_new_ = (type){ 0 };                                                 \
		arena_new_;                                                                        \
	})
