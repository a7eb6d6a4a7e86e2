/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: chunks of one usual size from malloc; what is too large for one gets a chunk of its own,
 * behind the newest, so that the newest goes on being filled.
 */
#include "core/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/must.h"

enum { CHUNK_BYTES = 4096, ALIGN_BYTES = _Alignof(max_align_t) };

struct arena_chunk {
	struct arena_chunk *next;
	size_t len;
	_Alignas(max_align_t) uint8_t bytes[];
};

enum { USUAL_BYTES = CHUNK_BYTES - sizeof(struct arena_chunk) };

void arena_init(struct arena *arena, size_t max_bytes)
{
	*arena = (struct arena){ .max_bytes = max_bytes };
}

void arena_fini(struct arena *arena)
{
	for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	arena_init(arena, arena->max_bytes);
}

/* In builds with slow checks a reader of what is gone finds nonsense, not yesterday's truth. */
static void chunk_spoil(struct arena_chunk *chunk)
{
#if defined(MERIDIAN_SLOW_CHECKS)
	memset(chunk->bytes, 0xa5, chunk->len);
#else
	(void)chunk;
#endif
}

void arena_empty(struct arena *arena)
{
	struct arena_chunk *kept = NULL;

	for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		if (!kept && chunk->len == USUAL_BYTES)
			kept = chunk;
		else
			free(chunk);
	}
	arena_init(arena, arena->max_bytes);
	if (kept) {
		kept->next = NULL;
		chunk_spoil(kept);
		arena->chunks = kept;
		arena->at = kept->bytes;
		arena->end = kept->bytes + kept->len;
	}
}

static struct arena_chunk *chunk_new(size_t len)
{
	size_t total;

	if (__builtin_add_overflow(sizeof(struct arena_chunk), len, &total))
		return NULL;
	struct arena_chunk *chunk = malloc(total);
	if (chunk)
		chunk->len = len;
	return chunk;
}

/* The newest chunk becomes one of the usual size. */
static bool arena_extend(struct arena *arena)
{
	struct arena_chunk *chunk = chunk_new(USUAL_BYTES);

	if (!chunk)
		return false;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->at = chunk->bytes;
	arena->end = chunk->bytes + chunk->len;
	return true;
}

/* A chunk for these bytes alone. */
static uint8_t *arena_take_large(struct arena *arena, size_t len)
{
	struct arena_chunk *chunk = chunk_new(len);

	if (!chunk)
		return NULL;
	if (arena->chunks) {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		chunk->next = NULL;
		arena->chunks = chunk;
		arena->at = arena->end = chunk->bytes + len;
	}
	arena->used_bytes += len;
	return chunk->bytes;
}

static uint8_t *take(struct arena *arena, size_t len, size_t align)
{
	MUST(arena->used_bytes <= arena->max_bytes);
	size_t left = (size_t)(arena->end - arena->at);
	size_t pad = -(uintptr_t)arena->at & (align - 1);

	if (len > arena->max_bytes - arena->used_bytes)
		return NULL;
	if (len > USUAL_BYTES / 2 && len > left)
		return arena_take_large(arena, len);
	if (!arena->at || pad + len > left) {
		if (!arena_extend(arena))
			return NULL;
		pad = 0;
	}
	if (pad + len > arena->max_bytes - arena->used_bytes)
		return NULL;
	uint8_t *at = arena->at + pad;
	arena->at = at + len;
	arena->used_bytes += pad + len;
	return at;
}

void *arena_take(struct arena *arena, size_t len)
{
	return take(arena, len, ALIGN_BYTES);
}

uint8_t *arena_take_bytes(struct arena *arena, size_t len)
{
	return take(arena, len, 1);
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
	uint8_t *at = arena_take_bytes(arena, bytes.len);

	if (!at)
		return SPAN_NONE;
	if (bytes.len)
		memcpy(at, bytes.at, bytes.len);
	return span_of(at, bytes.len);
}

char *arena_copy_str(struct arena *arena, struct span bytes)
{
	if (bytes.len == SIZE_MAX)
		return NULL;
	uint8_t *at = arena_take_bytes(arena, bytes.len + 1);

	if (!at)
		return NULL;
	if (bytes.len)
		memcpy(at, bytes.at, bytes.len);
	at[bytes.len] = 0;
	return (char *)at;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	char *text = len < 0 ? NULL : (char *)arena_take_bytes(arena, (size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}
