/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_write: frames out. Header blocks are put at once while there is room, for what they say is
 * short and the other side waits for it; bodies wait in their streams until the turn's end, when
 * the pump takes them in the order of RFC 9218: by urgency, then whole, or by turns if they say
 * that they are incremental.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_encode.h"
#include "edge/http2/h2_session_priv.h"

enum {
	/* What waits for the conn is at most this plus a frame. */
	MAX_OUT_BYTES = 64 * 1024,
	/* Slices that bodies never take: for heads and control frames. */
	SPARE_SLICES = 6,
	MAX_STREAM_BYTES = 64 * 1024,
	/* Of a body that leaves: so much pays for one control frame. */
	EARNING_BYTES = 512,
};

struct h2_held_block {
	struct h2_held_block *next;
	struct span block;
	bool end;
};

static bool has_something(const struct h2_stream *stream)
{
	if (stream->closed || !stream->head_sent || stream->out_ended || stream->held)
		return false;
	if (chain_empty(&stream->out))
		return stream->out_closing;
	return stream->send_window > 0;
}

/* It has bytes, and the other side keeps its window shut: not for ever. */
static void stall_note(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	if (chain_empty(&stream->out) || stream->closed || stream->stall_at.ns != MONO_NEVER.ns)
		return;
	stream->stall_at = h2_in_ms(session, session->shared->limits.write_timeout_ms);
	h2_session_wait(session, stream->stall_at);
}

void h2_ready_add(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	if (stream->queued_ready)
		return;
	if (!has_something(stream)) {
		stall_note(stream);
		return;
	}
	TAILQ_INSERT_TAIL(&session->ready[stream->priority.urgency], stream, link);
	stream->queued_ready = true;
	session->n_ready++;
	h2_session_run_later(session);
}

void h2_ready_remove(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	if (!stream->queued_ready)
		return;
	TAILQ_REMOVE(&session->ready[stream->priority.urgency], stream, link);
	stream->queued_ready = false;
	session->n_ready--;
}

/* Our side of the stream is in the outlet, whole. */
static void out_end(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	stream->out_ended = true;
	stream->sent_at = session->out.n_queued;
	h2_ready_remove(stream);
	TAILQ_INSERT_TAIL(&session->sent, stream, link);
	stream->queued_sent = true;
}

static bool has_room(const struct h2_session *session)
{
	return outlet_bytes(&session->out) < MAX_OUT_BYTES && !session->out.failed &&
	       outlet_slices(&session->out) > SPARE_SLICES + 1;
}

/* ---- header blocks -----------------------------------------------------------------------------
 */

static void block_put(struct h2_stream *stream, struct span block, bool end)
{
	h2_put_headers(&stream->session->out, stream->id, block, end);
	if (end)
		out_end(stream);
}

/* Many heads at once, or a client that does not read them: they wait in their own streams. */
static int block_hold(struct h2_stream *stream, struct span block, bool end)
{
	struct arena *arena = stream->head.arena;
	struct h2_held_block *held = ARENA_NEW(arena, struct h2_held_block);
	struct h2_held_block **last = &stream->held;
	struct span kept = arena_copy(arena, block);

	if (!held || !kept.at)
		return err_new(-ENOBUFS);
	*held = (struct h2_held_block){ NULL, kept, end };
	while (*last)
		last = &(*last)->next;
	*last = held;
	h2_ready_remove(stream);
	if (!stream->queued_held)
		TAILQ_INSERT_TAIL(&stream->session->held, stream, link);
	stream->queued_held = true;
	return 0;
}

int h2_stream_send_block(struct h2_stream *stream, struct span block, bool end)
{
	struct h2_session *session = stream->session;

	MUST(!stream->out_ended && !stream->closed);
	h2_session_run_later(session);
	if (stream->held || !has_room(session))
		return err_pass(block_hold(stream, block, end));
	block_put(stream, block, end);
	return session->out.failed ? err_new(-ENOMEM) : 0;
}

void h2_held_remove(struct h2_stream *stream)
{
	if (stream->queued_held)
		TAILQ_REMOVE(&stream->session->held, stream, link);
	stream->queued_held = false;
	stream->held = NULL;
}

static void held_pump(struct h2_session *session)
{
	struct h2_stream *stream;

	while ((stream = TAILQ_FIRST(&session->held)) && has_room(session)) {
		MUST(stream->held);
		struct h2_held_block held = *stream->held;
		stream->held = held.next;
		if (!held.next)
			h2_held_remove(stream);
		block_put(stream, held.block, held.end);
		h2_ready_add(stream);
	}
}

/* ---- bodies ------------------------------------------------------------------------------------
 */

void h2_stream_send_body(struct h2_stream *stream, struct chain *body, bool end)
{
	MUST(stream->head_sent && !stream->out_closing && !stream->closed);
	if (stream->out.bytes < MAX_STREAM_BYTES)
		chain_move(&stream->out, body, MAX_STREAM_BYTES - stream->out.bytes);
	stream->starved = !chain_empty(body);
	stream->out_closing = end && chain_empty(body);
	h2_ready_add(stream);
}

/* Header and bytes in a row. */
static void copy_put(struct h2_stream *stream, size_t n, bool last)
{
	struct outlet *out = &stream->session->out;

	if (!outlet_room(out, H2_HEADER_BYTES + n))
		return;
	h2_put_data_header(out, stream->id, n, last);
	outlet_copy(out, &stream->out, n);
}

/* The bytes of the first slices for which the outlet has room. */
static size_t piece_bytes(const struct h2_stream *stream)
{
	const struct outlet *out = &stream->session->out;
	struct iovec iov[CHAIN_SLICES];
	size_t bytes = 0;
	int n = chain_iov(&stream->out, iov, (int)(outlet_slices(out) - SPARE_SLICES));

	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* One DATA frame, or the trailers, or an empty frame that ends the stream. */
static void frame_send(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;
	int64_t window = session->send_window < stream->send_window ? session->send_window
								    : stream->send_window;
	size_t n = MIN(MIN(stream->out.bytes, (size_t)(window > 0 ? window : 0)),
		       (size_t)H2_FRAME_MAX_BYTES);

	if (n > OUTLET_COPY_BYTES)
		n = MIN(n, piece_bytes(stream));
	bool rest = n == stream->out.bytes && stream->out_closing;
	bool last = rest && !stream->out_trailers;
	if (n > OUTLET_COPY_BYTES) {
		h2_put_data_header(&session->out, stream->id, n, last);
		outlet_move(&session->out, &stream->out, n);
	} else if (n || last) {
		copy_put(stream, n, last);
	}
	/* Who reads in small pieces may open both windows after each; but not to be served in
	 * crumbs (CVE-2019-9511). */
	h2_budget_earn(&session->controls, &session->shared->limits.controls,
		       (unsigned)n / EARNING_BYTES + (n && chain_empty(&stream->out) ? 2 : 0));
	if (n) {
		stream->stall_at = MONO_NEVER;
		session->window_at = MONO_NEVER;
	}
	session->send_window -= (int64_t)n;
	stream->send_window -= (int64_t)n;
	if (rest && !last) {
		struct buf *block = &session->shared->scratch;
		buf_empty(block);
		h2_encode_trailers(block, stream->out_trailers);
		h2_put_headers(&session->out, stream->id, buf_span(block), true);
	}
	if (rest)
		out_end(stream);
}

/* Without a window of the connection only ends can be sent. */
static bool can_send(const struct h2_stream *stream)
{
	return stream->session->send_window > 0 || chain_empty(&stream->out);
}

static void urgency_pump(struct h2_session *session, struct h2_stream_queue *queue)
{
	struct h2_stream *stream, *next;

	for (stream = TAILQ_FIRST(queue); stream && has_room(session); stream = next) {
		next = TAILQ_NEXT(stream, link);
		if (!can_send(stream))
			continue;
		frame_send(stream);
		if (stream->out_ended)
			continue;
		if (!has_something(stream)) {
			h2_ready_remove(stream);
			stall_note(stream);
		} else if (stream->priority.incremental) {
			TAILQ_REMOVE(queue, stream, link);
			TAILQ_INSERT_TAIL(queue, stream, link);
			next = next ? next : stream;
		} else {
			next = stream;
		}
	}
}

void h2_pump(struct h2_session *session)
{
	held_pump(session);
	for (size_t i = 0; i < H2_URGENCIES && session->n_ready; i++)
		urgency_pump(session, &session->ready[i]);
}

void h2_tell_sent(struct h2_session *session)
{
	struct h2_stream *stream;

	while ((stream = TAILQ_FIRST(&session->sent)) &&
	       stream->sent_at <= session->out.n_written) {
		TAILQ_REMOVE(&session->sent, stream, link);
		stream->queued_sent = false;
		session->role->on_sent(stream);
	}
}
