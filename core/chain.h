/* SPDX-License-Identifier: Apache-2.0
 *
 * chain: body bytes on their way through, by reference.
 *
 * Bytes lie in fixed blocks from a worker's slab, or in objects that several threads share (a
 * cached object). A slice is a window on either and holds one reference to its owner. A chain is a
 * short queue of slices with a hard limit: a full chain is the back-pressure. An idle connection
 * holds no block. A slab, its blocks and a chain belong to one thread; a shared owner may be held
 * by any.
 */
#pragma once

#include <sys/uio.h>

#include "core/span.h"

enum { BLOCK_BYTES = 16 * 1024, CHAIN_SLICES = 16 };

/* Who owns a slice's bytes. A worker's block counts plainly, a shared object atomically. */
struct slice_owner {
	uint32_t n_refs;
	bool shared;                                /* n_refs is atomic; release from any thread */
	void (*release)(struct slice_owner *owner); /* at the last unref */
};

struct slice {
	const uint8_t *at;
	uint32_t len;
	struct slice_owner *owner; /* one reference; NULL: static bytes */
};

void slice_owner_ref(struct slice_owner *owner);   /* NULL is fine */
void slice_owner_unref(struct slice_owner *owner); /* NULL is fine */

/* A block: bytes[0..len) are filled. Slices of it keep it alive. */
struct block {
	struct slice_owner owner;
	struct slab *slab;
	struct block *next_free;
	uint32_t len;
	uint8_t bytes[BLOCK_BYTES];
};

/* The worker's blocks. At most max_blocks are out at a time. */
struct slab;
int slab_new(size_t max_blocks, struct slab **ret_slab);
void slab_free(struct slab *slab); /* NULL is fine; no block may be out */
/* One reference, for the caller; NULL at the limit or out of memory: wait and try again. */
struct block *slab_take(struct slab *slab);
size_t slab_n_out(const struct slab *slab);
bool slab_has_block(const struct slab *slab); /* under the limit */
/* Half is out: nobody should hold more than he needs to go on. */
bool slab_is_tight(const struct slab *slab);
/* It was scarce, and half is not free again: whoever holds some without need lets others wait. */
bool slab_ran_short(const struct slab *slab);
/* The last eighth is left, for heads and for what is to go out: bodies that come in should wait. */
bool slab_is_scarce(const struct slab *slab);
static inline void block_unref(struct block *block)
{
	slice_owner_unref(&block->owner);
}

struct chain {
	struct slice slices[CHAIN_SLICES];
	uint16_t first, n;
	size_t bytes; /* the sum of all lengths */
};

static inline bool chain_empty(const struct chain *chain)
{
	return chain->n == 0;
}
static inline bool chain_full(const struct chain *chain)
{
	return chain->n == CHAIN_SLICES;
}
/* The slice's reference moves into the chain. Joins it to the last when the bytes are adjacent in
 * the same owner. The chain must not be full. */
void chain_push(struct chain *chain, struct slice slice);
/* As chain_push, but takes a reference of its own on the block: bytes [from, from + len). */
void chain_push_block(struct chain *chain, struct block *block, uint32_t from, uint32_t len);
/* Moves at most max_bytes from one to the other, splitting a slice if need be; stops when `to` is
 * full. Returns the bytes moved. */
size_t chain_move(struct chain *to, struct chain *from, size_t max_bytes);
/* Drops n bytes from the front; n <= bytes. */
void chain_drop(struct chain *chain, size_t n);
void chain_clear(struct chain *chain);
/* Copies the bytes into as few blocks as they need, so that many short slices hold no more. False:
 * no block was left before all was copied; no byte is lost. */
bool chain_squeeze(struct chain *chain, struct slab *slab);
/* Fills iov from the front; returns the number filled. */
int chain_iov(const struct chain *chain, struct iovec *iov, int max_iov);
/* The first slice's bytes; empty when the chain is. */
struct span chain_front(const struct chain *chain);
