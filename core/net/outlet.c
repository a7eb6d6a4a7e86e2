/* SPDX-License-Identifier: Apache-2.0
 *
 * outlet: the text that lies behind other text in the same block lengthens its slice.
 */
#include "core/net/outlet.h"

#include "core/error.h"
#include "core/obj.h"

void outlet_init(struct outlet *outlet, struct slab *slab)
{
	*outlet = (struct outlet){ .slab = slab };
}

static void block_drop(struct outlet *outlet)
{
	if (outlet->block)
		block_unref(outlet->block);
	outlet->block = NULL;
	outlet->open = NULL;
}

void outlet_clear(struct outlet *outlet)
{
	chain_clear(&outlet->chain);
	outlet->open = NULL;
}

void outlet_fini(struct outlet *outlet)
{
	block_drop(outlet);
	outlet_clear(outlet);
}

static bool block_has_room(const struct outlet *outlet, size_t n)
{
	return outlet->block && BLOCK_BYTES - outlet->block->len >= n;
}

bool outlet_may_have_room(const struct outlet *outlet, size_t n)
{
	return block_has_room(outlet, n) || slab_has_block(outlet->slab);
}

uint8_t *outlet_room(struct outlet *outlet, size_t n)
{
	MUST(n <= BLOCK_BYTES);
	if (!block_has_room(outlet, n)) {
		block_drop(outlet);
		outlet->block = slab_take(outlet->slab);
	}
	outlet->failed |= !outlet->block || (chain_full(&outlet->chain) && !outlet->open);
	return outlet->failed ? NULL : outlet->block->bytes + outlet->block->len;
}

static struct slice *last_slice(struct chain *chain)
{
	return &chain->slices[(chain->first + chain->n + CHAIN_SLICES - 1u) % CHAIN_SLICES];
}

void outlet_grew(struct outlet *outlet, size_t n)
{
	struct block *block = outlet->block;

	if (n == 0)
		return;
	MUST(block && n <= BLOCK_BYTES - block->len);
	block->len += (uint32_t)n;
	chain_push_block(&outlet->chain, block, block->len - (uint32_t)n, (uint32_t)n);
	outlet->open = last_slice(&outlet->chain);
	outlet->n_queued += n;
}

void outlet_text_slow(struct outlet *outlet, struct span text)
{
	while (text.len && !outlet->failed) {
		uint8_t *at = outlet_room(outlet, 1);
		if (!at)
			return;
		struct span part = span_first(text, BLOCK_BYTES - outlet->block->len);
		memcpy(at, part.at, part.len);
		outlet_grew(outlet, part.len);
		text = span_from(text, part.len);
	}
}

void outlet_copy(struct outlet *outlet, struct chain *from, size_t n)
{
	while (n && !outlet->failed) {
		struct span part = span_first(chain_front(from), n);
		outlet_text(outlet, part);
		chain_drop(from, part.len);
		n -= part.len;
	}
}

void outlet_move(struct outlet *outlet, struct chain *from, size_t n)
{
	size_t moved = chain_move(&outlet->chain, from, n);

	MUST(moved == n);
	outlet->open = NULL;
	outlet->n_queued += n;
}

typedef int (*write_fn)(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n);

static int flush(struct outlet *outlet, struct conn *conn, write_fn write)
{
	struct iovec iov[CHAIN_SLICES];
	size_t n;

	while (!chain_empty(&outlet->chain)) {
		int r = write(conn, iov, chain_iov(&outlet->chain, iov, CHAIN_SLICES), &n);
		if (r != CONN_OK)
			return r;
		outlet->n_written += n;
		chain_drop(&outlet->chain, n);
		if (chain_empty(&outlet->chain))
			outlet->open = NULL;
	}
	block_drop(outlet);
	return CONN_OK;
}

int outlet_flush(struct outlet *outlet, struct conn *conn)
{
	return flush(outlet, conn, conn_writev);
}

int outlet_flush_last(struct outlet *outlet, struct conn *conn)
{
	return flush(outlet, conn, conn_writev_last);
}
