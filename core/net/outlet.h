/* SPDX-License-Identifier: Apache-2.0
 *
 * outlet: what waits to leave on a conn. Text is composed in a block, bodies go by reference, and
 * all of it leaves in one write. Text that follows text is one slice.
 *
 * The error sticks: without a block, or past the chain's room, `failed` is set and nothing more is
 * composed, so that a writer of many pieces looks once, at the end. One worker's thread.
 */
#pragma once

#include "core/chain.h"
#include "core/net/conn.h"

struct outlet {
	struct slab *slab;   /* borrowed */
	struct block *block; /* text is composed behind its end; owned reference; NULL: none */
	struct chain chain;
	struct slice
		*open; /* of the chain; ends where the block does, so text lengthens it; or NULL */
	bool failed;
	uint64_t n_queued;  /* bytes that were put in */
	uint64_t n_written; /* bytes that the conn has taken */
};

void outlet_init(struct outlet *outlet, struct slab *slab);
void outlet_fini(struct outlet *outlet);
void outlet_clear(struct outlet *outlet); /* what was not written is dropped */
void outlet_text_slow(struct outlet *outlet, struct span text);
/* Copies. */
static inline void outlet_text(struct outlet *outlet, struct span text)
{
	struct block *block = outlet->block;

	if (!outlet->open || block->len + text.len > BLOCK_BYTES) {
		outlet_text_slow(outlet, text);
	} else if (text.len) {
		memcpy(block->bytes + block->len, text.at, text.len);
		block->len += (uint32_t)text.len;
		outlet->open->len += (uint32_t)text.len;
		outlet->chain.bytes += text.len;
		outlet->n_queued += text.len;
	}
}
/* Room for n bytes in a row (at most BLOCK_BYTES), to be written and then said by outlet_grew()
 * before anything else is put in. NULL: failed. */
uint8_t *outlet_room(struct outlet *outlet, size_t n);
/* Would outlet_room(n) be given a block? Else it can be tried again later, and nothing has failed.
 */
bool outlet_may_have_room(const struct outlet *outlet, size_t n);
void outlet_grew(struct outlet *outlet, size_t n);
/* Copies the first n bytes: cheaper than a slice when they are few. Room for them (and for what is
 * put around them) was made by outlet_room(). */
void outlet_copy(struct outlet *outlet, struct chain *from, size_t n);
/* Moves the first n bytes by reference; the chain has room for their slices. */
void outlet_move(struct outlet *outlet, struct chain *from, size_t n);
/* How many slices more the chain holds. */
static inline unsigned outlet_slices(const struct outlet *outlet)
{
	return CHAIN_SLICES - (unsigned)outlet->chain.n;
}
static inline bool outlet_empty(const struct outlet *outlet)
{
	return chain_empty(&outlet->chain);
}
static inline size_t outlet_bytes(const struct outlet *outlet)
{
	return outlet->chain.bytes;
}
/* Copying so much costs less than a reference. */
enum { OUTLET_COPY_BYTES = 2048 };
/* Writes until all has left (CONN_OK), or CONN_BLOCKED, or CONN_BROKEN. */
int outlet_flush(struct outlet *outlet, struct conn *conn);
/* The same for the last bytes of a conn that is closed then: conn_writev_last(). */
int outlet_flush_last(struct outlet *outlet, struct conn *conn);
