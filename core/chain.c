/* SPDX-License-Identifier: Apache-2.0
 *
 * chain: a ring of slices, and the slab that the blocks come from. The slab keeps what came back,
 * for the next user: in steady state nothing is allocated.
 */
#include "core/chain.h"

#include "core/error.h"
#include "core/obj.h"

struct slab {
	uint32_t kind;
	struct block *free_blocks;
	size_t n_out, n_free, max_blocks;
	bool ran_short;
};

#define SLAB_KIND OBJ_KIND('s', 'l', 'a', 'b')
enum { MAX_KEPT = 256 }; /* blocks kept free: 4 MiB */

void slice_owner_ref(struct slice_owner *owner)
{
	if (!owner)
		return;
	if (owner->shared)
		__atomic_fetch_add(&owner->n_refs, 1, __ATOMIC_RELAXED);
	else
		owner->n_refs++;
}

void slice_owner_unref(struct slice_owner *owner)
{
	if (!owner)
		return;
	uint32_t left = owner->shared ? __atomic_sub_fetch(&owner->n_refs, 1, __ATOMIC_ACQ_REL)
				      : --owner->n_refs;
	MUST(left != UINT32_MAX);
	if (left == 0)
		owner->release(owner);
}

int slab_new(size_t max_blocks, struct slab **ret_slab)
{
	struct slab *slab = OBJ_NEW(struct slab, SLAB_KIND);

	if (!slab)
		return err_new(-ENOMEM);
	slab->max_blocks = max_blocks;
	*ret_slab = slab;
	return 0;
}

void slab_free(struct slab *slab)
{
	if (!slab)
		return;
	MUST(slab->n_out == 0);
	while (slab->free_blocks) {
		struct block *block = slab->free_blocks;
		slab->free_blocks = block->next_free;
		free(block);
	}
	OBJ_FREE(slab);
}

bool slab_has_block(const struct slab *slab)
{
	return slab->n_out < slab->max_blocks;
}

bool slab_is_tight(const struct slab *slab)
{
	return slab->n_out >= slab->max_blocks / 2;
}

bool slab_ran_short(const struct slab *slab)
{
	return slab->ran_short;
}

bool slab_is_scarce(const struct slab *slab)
{
	return slab->n_out >= slab->max_blocks - slab->max_blocks / 8;
}

size_t slab_n_out(const struct slab *slab)
{
	return slab->n_out;
}

static void release_block(struct slice_owner *owner)
{
	struct block *block = CONTAINER_OF(owner, struct block, owner);
	struct slab *slab = block->slab;

	slab->n_out--;
	slab->ran_short &= slab_is_tight(slab);
	if (slab->n_free >= MAX_KEPT) {
		free(block);
		return;
	}
	block->next_free = slab->free_blocks;
	slab->free_blocks = block;
	slab->n_free++;
}

struct block *slab_take(struct slab *slab)
{
	if (slab->n_out >= slab->max_blocks)
		return NULL;
	struct block *block = slab->free_blocks;
	if (block) {
		slab->free_blocks = block->next_free;
		slab->n_free--;
	} else {
		block = malloc(sizeof(*block));
		if (!block)
			return NULL;
	}
	block->owner = (struct slice_owner){ .n_refs = 1, .release = release_block };
	block->slab = slab;
	block->next_free = NULL;
	block->len = 0;
	slab->n_out++;
	slab->ran_short |= slab_is_scarce(slab);
	return block;
}

static struct slice *slice_at(struct chain *chain, unsigned i)
{
	return &chain->slices[(chain->first + i) % CHAIN_SLICES];
}

/* True: the bytes lengthen the last slice, which has a reference to their owner already. Members,
 * not a struct: a slice that is composed and copied at once stalls on its own stores. */
static inline bool joined(struct chain *chain, const uint8_t *at, uint32_t len,
			  const struct slice_owner *owner)
{
	struct slice *last = chain->n ? slice_at(chain, chain->n - 1u) : NULL;

	if (!last || last->owner != owner || last->at + last->len != at ||
	    len > UINT32_MAX - last->len)
		return false;
	last->len += len;
	chain->bytes += len;
	return true;
}

static inline void append(struct chain *chain, const uint8_t *at, uint32_t len,
			  struct slice_owner *owner)
{
	MUST(!chain_full(chain));
	struct slice *slice = slice_at(chain, chain->n++);
	slice->at = at;
	slice->len = len;
	slice->owner = owner;
	chain->bytes += len;
}

void chain_push(struct chain *chain, struct slice slice)
{
	if (slice.len == 0 || joined(chain, slice.at, slice.len, slice.owner))
		slice_owner_unref(slice.owner);
	else
		append(chain, slice.at, slice.len, slice.owner);
}

void chain_push_block(struct chain *chain, struct block *block, uint32_t from, uint32_t len)
{
	const uint8_t *at = block->bytes + from;

	MUST(from <= block->len && len <= block->len - from);
	if (len == 0 || joined(chain, at, len, &block->owner))
		return;
	slice_owner_ref(&block->owner);
	append(chain, at, len, &block->owner);
}

static void pop_front(struct chain *chain)
{
	chain->first = (uint16_t)((chain->first + 1) % CHAIN_SLICES);
	chain->n--;
}

size_t chain_move(struct chain *to, struct chain *from, size_t max_bytes)
{
	size_t moved = 0;

	while (moved < max_bytes && from->n && !chain_full(to)) {
		struct slice *front = slice_at(from, 0);
		struct slice part = *front;
		if (part.len > max_bytes - moved) {
			part.len = (uint32_t)(max_bytes - moved);
			slice_owner_ref(part.owner);
			front->at += part.len;
			front->len -= part.len;
		} else {
			pop_front(from);
		}
		from->bytes -= part.len;
		moved += part.len;
		chain_push(to, part);
	}
	return moved;
}

void chain_drop(struct chain *chain, size_t n)
{
	MUST(n <= chain->bytes);
	chain->bytes -= n;
	while (n > 0) {
		struct slice *front = slice_at(chain, 0);
		if (front->len > n) {
			front->at += n;
			front->len -= (uint32_t)n;
			return;
		}
		n -= front->len;
		slice_owner_unref(front->owner);
		pop_front(chain);
	}
}

void chain_clear(struct chain *chain)
{
	chain_drop(chain, chain->bytes);
}

int chain_iov(const struct chain *chain, struct iovec *iov, int max_iov)
{
	int n = MIN((int)chain->n, max_iov);

	for (int i = 0; i < n; i++) {
		const struct slice *slice =
			&chain->slices[(chain->first + (unsigned)i) % CHAIN_SLICES];
		/* writev(2) reads only, but its iovec cannot say so. */
		iov[i].iov_base = (void *)(uintptr_t)slice->at; // NOLINT(performance-no-int-to-ptr)
		iov[i].iov_len = slice->len;
	}
	return n;
}

struct span chain_front(const struct chain *chain)
{
	const struct slice *slice = &chain->slices[chain->first];

	return chain->n ? span_of(slice->at, slice->len) : SPAN_NONE;
}

/* Copies as much of `from` as fits in a block of its own behind `to`. False: no block. */
static bool block_fill(struct chain *to, struct chain *from, struct slab *slab)
{
	struct block *block = slab_take(slab);

	if (!block)
		return false;
	while (!chain_empty(from) && block->len < BLOCK_BYTES) {
		struct span part = span_first(chain_front(from), BLOCK_BYTES - block->len);
		memcpy(block->bytes + block->len, part.at, part.len);
		block->len += (uint32_t)part.len;
		chain_drop(from, part.len);
	}
	chain_push_block(to, block, 0, block->len);
	block_unref(block);
	return true;
}

bool chain_squeeze(struct chain *chain, struct slab *slab)
{
	struct chain squeezed = { 0 };

	while (!chain_empty(chain) && !chain_full(&squeezed)) {
		if (!block_fill(&squeezed, chain, slab))
			break;
	}
	bool whole = chain_empty(chain);
	/* What was not copied stays behind what was. */
	chain_move(&squeezed, chain, SIZE_MAX);
	MUST(chain_empty(chain));
	*chain = squeezed;
	return whole;
}
