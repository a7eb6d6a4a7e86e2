/* SPDX-License-Identifier: Apache-2.0
 *
 * body_buffer: a list of blocks, filled at its end and emptied at its front.
 */
#include "edge/exchange/body_buffer.h"

#include "core/error.h"
#include "core/obj.h"

struct body_buffer_piece {
	STAILQ_ENTRY(body_buffer_piece) link;
	struct block *block; /* a reference */
};

void body_buffer_init(struct body_buffer *buffer, struct slab *slab, uint64_t max_bytes)
{
	*buffer = (struct body_buffer){ .slab = slab, .max_bytes = max_bytes };
	STAILQ_INIT(&buffer->pieces);
}

static void piece_drop(struct body_buffer *buffer)
{
	struct body_buffer_piece *piece = STAILQ_FIRST(&buffer->pieces);

	STAILQ_REMOVE_HEAD(&buffer->pieces, link);
	block_unref(piece->block);
	free(piece);
}

void body_buffer_fini(struct body_buffer *buffer)
{
	while (!STAILQ_EMPTY(&buffer->pieces))
		piece_drop(buffer);
	chain_clear(&buffer->front);
}

/* A block with room at the end of the list. NULL: none is to be had. */
static struct block *room_make(struct body_buffer *buffer)
{
	struct body_buffer_piece *last = STAILQ_LAST(&buffer->pieces, body_buffer_piece, link);

	if (last && last->block->len < BLOCK_BYTES)
		return last->block;
	struct body_buffer_piece *piece = calloc(1, sizeof(*piece));
	if (!piece)
		return NULL;
	piece->block = slab_take(buffer->slab);
	if (!piece->block) {
		free(piece);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&buffer->pieces, piece, link);
	return piece->block;
}

int body_buffer_take(struct body_buffer *buffer, struct chain *body)
{
	if (body->bytes > buffer->max_bytes - buffer->n_bytes)
		return BODY_BUFFER_FULL;
	while (!chain_empty(body)) {
		struct block *block = room_make(buffer);
		if (!block)
			return err_new(-ENOMEM);
		struct span part = span_first(chain_front(body), BLOCK_BYTES - block->len);
		memcpy(block->bytes + block->len, part.at, part.len);
		block->len += (uint32_t)part.len;
		buffer->n_bytes += part.len;
		chain_drop(body, part.len);
	}
	return BODY_BUFFER_OK;
}

struct chain *body_buffer_give(struct body_buffer *buffer, bool *ret_last)
{
	while (!STAILQ_EMPTY(&buffer->pieces) && !chain_full(&buffer->front)) {
		struct block *block = STAILQ_FIRST(&buffer->pieces)->block;
		chain_push_block(&buffer->front, block, 0, block->len);
		piece_drop(buffer);
	}
	*ret_last = STAILQ_EMPTY(&buffer->pieces);
	return &buffer->front;
}
