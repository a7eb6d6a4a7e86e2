/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_out: writing. Text that follows text lies behind it in the same block, so both are one slice:
 * a response with its head, a chunk line, the data and the last chunk costs three.
 */
#include "edge/http1/h1_out.h"

#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"

enum {
	/* Slices that body never takes: for the text around it. */
	TEXT_SLICES = 4,
	/* The most text around one piece of body: two lines, a number, the last chunk. */
	FRAME_BYTES = 64,
};

void h1_out_init(struct h1_out *out, struct slab *slab)
{
	*out = (struct h1_out){ .slab = slab };
}

static void block_drop(struct h1_out *out)
{
	if (out->block)
		block_unref(out->block);
	out->block = NULL;
}

void h1_out_fini(struct h1_out *out)
{
	block_drop(out);
	chain_clear(&out->chain);
}

/* Room for at least n bytes (<= BLOCK_BYTES) in the block. */
static bool room_make(struct h1_out *out, size_t n)
{
	if (out->block && BLOCK_BYTES - out->block->len >= n)
		return true;
	block_drop(out);
	out->block = slab_take(out->slab);
	out->failed |= !out->block;
	return out->block != NULL;
}

/* Whether the block's next byte would lengthen the last slice. */
static bool joins(const struct h1_out *out)
{
	const struct chain *chain = &out->chain;
	const struct slice *last =
		&chain->slices[(chain->first + chain->n + CHAIN_SLICES - 1u) % CHAIN_SLICES];

	return chain->n && out->block && last->owner == &out->block->owner &&
	       last->at + last->len == out->block->bytes + out->block->len;
}

void h1_out_text(struct h1_out *out, struct span text)
{
	while (text.len && !out->failed) {
		if (!room_make(out, 1))
			return;
		if (chain_full(&out->chain) && !joins(out)) {
			out->failed = true;
			return;
		}
		struct block *block = out->block;
		struct span part = span_first(text, BLOCK_BYTES - block->len);
		memcpy(block->bytes + block->len, part.at, part.len);
		block->len += (uint32_t)part.len;
		chain_push_block(&out->chain, block, block->len - (uint32_t)part.len,
				 (uint32_t)part.len);
		text = span_from(text, part.len);
	}
}

void h1_out_number(struct h1_out *out, uint64_t value)
{
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	h1_out_text(out, span_of(text + at, sizeof(text) - at));
}

void h1_out_fields(struct h1_out *out, const struct http_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		h1_out_text(out, head->fields[i].name);
		h1_out_text(out, SPAN_LIT(": "));
		h1_out_text(out, head->fields[i].value);
		h1_out_text(out, SPAN_LIT("\r\n"));
	}
}

int h1_out_check(const struct h1_out *out)
{
	return out->failed ? err_new(-ENOMEM) : 0;
}

bool h1_out_has_room(const struct h1_out *out)
{
	return out->chain.bytes < H1_OUT_MAX_BYTES && out->chain.n + TEXT_SLICES < CHAIN_SLICES;
}

/* The bytes of the first slices of `body` for which there is room. */
static size_t piece_bytes(const struct h1_out *out, const struct chain *body)
{
	struct iovec iov[CHAIN_SLICES];
	int n_free = CHAIN_SLICES - TEXT_SLICES - out->chain.n;
	size_t bytes = 0, max = H1_OUT_MAX_BYTES - out->chain.bytes;
	int n = chain_iov(body, iov, n_free);

	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return MIN(bytes, max);
}

static void chunk_line(struct h1_out *out, size_t bytes)
{
	char line[FRAME_BYTES];
	int len = snprintf(line, sizeof(line), "%zx\r\n", bytes);

	h1_out_text(out, span_of(line, (size_t)len));
}

static int piece_take(struct h1_out *out, struct chain *body)
{
	size_t bytes = piece_bytes(out, body);

	if (out->framing == HTTP_BODY_STREAM) {
		/* All of a chunk's frame, or nothing of it. */
		if (!room_make(out, FRAME_BYTES))
			return err_new(-ENOMEM);
		chunk_line(out, bytes);
	}
	if (out->framing == HTTP_BODY_LENGTH) {
		if (bytes > out->length_left)
			return err_new(-EMSGSIZE);
		out->length_left -= bytes;
	}
	size_t moved = chain_move(&out->chain, body, bytes);
	MUST(moved == bytes);
	if (out->framing == HTTP_BODY_STREAM)
		h1_out_text(out, SPAN_LIT("\r\n"));
	return h1_out_check(out);
}

static int end_set(struct h1_out *out)
{
	if (out->framing == HTTP_BODY_LENGTH && out->length_left)
		return err_new(-EMSGSIZE);
	if (out->framing == HTTP_BODY_STREAM) {
		h1_out_text(out, SPAN_LIT("0\r\n"));
		if (out->trailers)
			h1_out_fields(out, out->trailers);
		h1_out_text(out, SPAN_LIT("\r\n"));
	}
	out->ended = true;
	return h1_out_check(out);
}

int h1_out_body(struct h1_out *out, struct chain *body, bool end)
{
	int r = 0;

	MUST(!out->ended);
	if (out->framing == HTTP_BODY_NONE) /* HEAD's answer: what it would have been is dropped */
		chain_clear(body);
	while (r == 0 && !chain_empty(body) && h1_out_has_room(out))
		r = piece_take(out, body);
	if (r == 0 && end && chain_empty(body))
		r = end_set(out);
	out->failed |= r < 0;
	return r < 0 ? err_pass(r) : 0;
}

int h1_out_flush(struct h1_out *out, struct conn *conn)
{
	struct iovec iov[CHAIN_SLICES];
	size_t n;

	while (!chain_empty(&out->chain)) {
		int r = conn_writev(conn, iov, chain_iov(&out->chain, iov, CHAIN_SLICES), &n);
		if (r != CONN_OK)
			return r;
		out->n_written += n;
		chain_drop(&out->chain, n);
	}
	block_drop(out);
	return CONN_OK;
}
