/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_out: writing. A short message is one slice, and leaves in one piece; of a long one the text
 * is, and the body goes by reference.
 */
#include "edge/http1/h1_out.h"

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
	out->framing = HTTP_BODY_NONE;
	out->length_left = 0;
	out->trailers = NULL;
	out->pipe = NULL;
	out->ended = false;
	outlet_init(&out->outlet, slab);
}

void h1_out_fini(struct h1_out *out)
{
	outlet_fini(&out->outlet);
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
	return out->outlet.failed ? err_new(-ENOMEM) : 0;
}

static size_t max_bytes(const struct h1_out *out)
{
	return slab_is_tight(out->outlet.slab) ? BLOCK_BYTES : H1_OUT_MAX_BYTES;
}

bool h1_out_has_room(const struct h1_out *out)
{
	return !out->pipe && outlet_bytes(&out->outlet) < max_bytes(out) &&
	       outlet_slices(&out->outlet) > TEXT_SLICES;
}

/* The bytes of the first slices of `body` for which there is room. */
static size_t piece_bytes(const struct h1_out *out, const struct chain *body)
{
	size_t bytes = 0, max = max_bytes(out) - outlet_bytes(&out->outlet);
	struct iovec iov[CHAIN_SLICES];

	if (body->bytes <= OUTLET_COPY_BYTES)
		return MIN(body->bytes, max);
	int n = chain_iov(body, iov, (int)(outlet_slices(&out->outlet) - TEXT_SLICES));
	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return MIN(bytes, max);
}

static struct span chunk_line(char line[H1_OUT_CHUNK_LINE], size_t bytes)
{
	size_t at = H1_OUT_CHUNK_LINE;

	line[--at] = '\n';
	line[--at] = '\r';
	do {
		line[--at] = "0123456789abcdef"[bytes % 16];
		bytes /= 16;
	} while (bytes);
	return span_of(line + at, H1_OUT_CHUNK_LINE - at);
}

enum piece_outcome { PIECE_TAKEN = 0, PIECE_WAITS = 1 };

static int piece_take(struct h1_out *out, struct chain *body)
{
	size_t bytes = piece_bytes(out, body);
	bool copied = bytes <= OUTLET_COPY_BYTES;
	size_t text = FRAME_BYTES + (copied ? bytes : 0);
	char line[H1_OUT_CHUNK_LINE];

	if (out->framing == HTTP_BODY_LENGTH && bytes > out->length_left)
		return err_new(-EMSGSIZE);
	/* All of a chunk's frame, or nothing of it. */
	if (copied || out->framing == HTTP_BODY_STREAM) {
		if (!outlet_may_have_room(&out->outlet, text))
			return PIECE_WAITS;
		if (!outlet_room(&out->outlet, text))
			return err_new(-ENOMEM);
	}
	if (out->framing == HTTP_BODY_STREAM)
		h1_out_text(out, chunk_line(line, bytes));
	if (out->framing == HTTP_BODY_LENGTH)
		out->length_left -= bytes;
	if (copied)
		outlet_copy(&out->outlet, body, bytes);
	else
		outlet_move(&out->outlet, body, bytes);
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

	MUST(!out->ended && !out->pipe);
	if (out->framing == HTTP_BODY_NONE) /* HEAD's answer: what it would have been is dropped */
		chain_clear(body);
	while (r == PIECE_TAKEN && !chain_empty(body) && h1_out_has_room(out))
		r = piece_take(out, body);
	if (r == PIECE_TAKEN && end && chain_empty(body))
		r = end_set(out);
	out->outlet.failed |= r < 0;
	return r < 0 ? err_pass(r) : 0;
}

/* Text that stays where it is until it has left: so a pipe needs no block. */
static void still_text(struct h1_out *out, struct span text)
{
	struct chain chain = { 0 };

	chain_push(&chain, (struct slice){ text.at, (uint32_t)text.len, NULL });
	outlet_move(&out->outlet, &chain, text.len);
}

static int pipe_frame(struct h1_out *out, size_t bytes)
{
	if (out->framing == HTTP_BODY_LENGTH) {
		if (bytes > out->length_left)
			return err_new(-EMSGSIZE);
		out->length_left -= bytes;
	} else if (out->framing == HTTP_BODY_STREAM) {
		if (!outlet_slices(&out->outlet))
			return err_new(-ENOMEM);
		still_text(out, chunk_line(out->line, bytes));
	}
	return h1_out_check(out);
}

int h1_out_pipe(struct h1_out *out, struct splice_pipe *pipe)
{
	MUST(!out->ended && !out->pipe && pipe->bytes);
	int r = pipe_frame(out, pipe->bytes);
	if (r == 0)
		out->pipe = pipe;
	out->outlet.failed |= r < 0;
	return err_pass(r);
}

static int pipe_flush(struct h1_out *out, struct conn *conn)
{
	size_t n;

	while (out->pipe->bytes) {
		int r = conn_splice_out(conn, out->pipe, &n);
		if (r != CONN_OK)
			return r;
		out->outlet.n_written += n;
	}
	out->pipe = NULL;
	if (out->framing != HTTP_BODY_STREAM)
		return CONN_OK;
	still_text(out, SPAN_LIT("\r\n"));
	return outlet_flush(&out->outlet, conn);
}

int h1_out_flush(struct h1_out *out, struct conn *conn, bool last)
{
	int r = last && out->ended ? outlet_flush_last(&out->outlet, conn)
				   : outlet_flush(&out->outlet, conn);

	return r == CONN_OK && out->pipe ? pipe_flush(out, conn) : r;
}
