/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_in: reading. A block is taken when bytes come and given back when all of them are used; what
 * is still referred to by slices lives on without us.
 */
#include "edge/http1/h1_in.h"

#include "core/error.h"
#include "core/obj.h"

/* A read into less than this is not worth its system call. */
enum { LEAST_ROOM = 2048, MAX_PARKED = 4096 };

void h1_in_init(struct h1_in *in, struct slab *slab)
{
	*in = (struct h1_in){ .slab = slab };
}

static void block_drop(struct h1_in *in)
{
	if (in->block)
		block_unref(in->block);
	in->block = NULL;
	in->from = 0;
}

void h1_in_drop_body(struct h1_in *in)
{
	chain_clear(&in->body);
	if (in->trailers)
		block_unref(in->trailers);
	in->trailers = NULL;
}

static void unpark(struct h1_in *in)
{
	free(in->parked);
	in->parked = NULL;
	in->n_parked = 0;
}

void h1_in_park(struct h1_in *in)
{
	struct span left = h1_in_left(in);

	if (!in->block || left.len > MAX_PARKED)
		return;
	in->parked = malloc(left.len);
	if (!in->parked)
		return; /* it stays where it is */
	memcpy(in->parked, left.at, left.len);
	in->n_parked = (uint32_t)left.len;
	block_drop(in);
}

void h1_in_fini(struct h1_in *in)
{
	unpark(in);
	block_drop(in);
	h1_in_drop_body(in);
}

struct span h1_in_left(const struct h1_in *in)
{
	if (!in->block)
		return span_of(in->parked, in->n_parked);
	return span_of(in->block->bytes + in->from, in->block->len - in->from);
}

void h1_in_use(struct h1_in *in, size_t n)
{
	if (n == 0)
		return;
	MUST(in->block && n <= in->block->len - in->from);
	in->from += (uint32_t)n;
	if (in->from == in->block->len)
		block_drop(in);
}

bool h1_in_has_room(const struct h1_in *in)
{
	return !in->block || h1_in_left(in).len < BLOCK_BYTES;
}

/* The bytes that are left go to the front, of another block when slices refer to this one. */
static int block_turn(struct h1_in *in)
{
	struct span left = h1_in_left(in);
	struct block *block = in->block;

	if (block->owner.n_refs > 1) {
		block = slab_take(in->slab);
		if (!block)
			return err_new(-ENOMEM);
	}
	memmove(block->bytes, left.at, left.len);
	if (block != in->block)
		block_unref(in->block);
	block->len = (uint32_t)left.len;
	in->block = block;
	in->from = 0;
	return 0;
}

static int room_make(struct h1_in *in, bool head)
{
	if (!in->block) {
		in->block = !head && slab_is_scarce(in->slab) ? NULL : slab_take(in->slab);
		in->from = 0;
		if (!in->block)
			return err_new(-ENOMEM);
		if (in->parked)
			memcpy(in->block->bytes, in->parked, in->n_parked);
		in->block->len = in->n_parked;
		unpark(in);
		return 0;
	}
	if (BLOCK_BYTES - in->block->len >= LEAST_ROOM || in->from == 0)
		return 0;
	return block_turn(in);
}

int h1_in_read(struct h1_in *in, struct conn *conn, bool head, bool *ret_more)
{
	size_t n;

	*ret_more = false;
	if (!h1_in_has_room(in))
		return CONN_BLOCKED;
	int r = room_make(in, head);
	if (r < 0)
		return err_pass(r);
	struct block *block = in->block;
	size_t room = BLOCK_BYTES - block->len;
	r = conn_read(conn, block->bytes + block->len, room, &n);
	block->len += (uint32_t)n;
	*ret_more = n == room;
	if (h1_in_left(in).len == 0)
		block_drop(in);
	return r;
}

/* The section is not longer than H1_MAX_TRAILER_BYTES. */
static int trailer_keep(struct h1_in *in, struct span piece)
{
	struct block *block = in->trailers ? in->trailers : slab_take(in->slab);

	if (!block)
		return err_new(-ENOMEM);
	in->trailers = block;
	MUST(piece.len <= BLOCK_BYTES - block->len);
	memcpy(block->bytes + block->len, piece.at, piece.len);
	block->len += (uint32_t)piece.len;
	return 0;
}

int h1_in_decode(struct h1_in *in)
{
	struct span left = h1_in_left(in), data;
	int r = H1_BODY_DATA;
	size_t eaten;

	while ((r == H1_BODY_DATA || r == H1_BODY_TRAILER) && !chain_full(&in->body)) {
		r = h1_body_next(&in->decoder, left, &eaten, &data);
		if (r == H1_BODY_TRAILER && trailer_keep(in, data) < 0)
			return err_new(-ENOMEM);
		if (r == H1_BODY_DATA)
			chain_push_block(&in->body, in->block,
					 (uint32_t)(data.at - in->block->bytes),
					 (uint32_t)data.len);
		h1_in_use(in, eaten);
		left = h1_in_left(in);
	}
	if (r == H1_BODY_MALFORMED)
		return r;
	return h1_body_ended(&in->decoder) ? H1_BODY_END : H1_BODY_MORE;
}
