/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_streams: the streams of a session, in a dense array that is searched from its young end:
 * frames are mostly of streams that began lately, and there are at most H2_MAX_STREAMS.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_session_priv.h"

enum { FIRST_SLOTS = 8 };

struct h2_stream *h2_streams_find(const struct h2_session *session, uint32_t id)
{
	for (size_t i = session->n_streams; i-- > 0;) {
		const struct h2_slot *slot = &session->slots[i];
		if (slot->id == id)
			return slot->stream->closed ? NULL : slot->stream;
	}
	return NULL;
}

int h2_streams_add(struct h2_session *session, struct h2_stream *stream)
{
	if (session->n_streams == session->n_slots) {
		uint32_t n = session->n_slots ? session->n_slots * 2 : FIRST_SLOTS;
		struct h2_slot *slots = realloc(session->slots, n * sizeof(*slots));
		if (!slots)
			return err_new(-ENOMEM);
		session->slots = slots;
		session->n_slots = n;
	}
	stream->slot = session->n_streams++;
	session->slots[stream->slot] = (struct h2_slot){ stream->id, stream };
	return 0;
}

static void streams_remove(struct h2_session *session, struct h2_stream *stream)
{
	struct h2_slot *last = &session->slots[--session->n_streams];

	session->slots[stream->slot] = *last;
	last->stream->slot = stream->slot;
}

void h2_streams_reap(struct h2_session *session)
{
	for (size_t i = session->n_streams; session->n_closed && i-- > 0;) {
		struct h2_stream *stream = session->slots[i].stream;
		if (!stream->closed)
			continue;
		streams_remove(session, stream);
		session->n_closed--;
		session->role->release(stream);
	}
}

void h2_streams_note_reset(struct h2_session *session, uint32_t id)
{
	uint32_t *at = &session->reset_ids[session->reset_at++ % H2_RESET_RING];

	session->reset_forgotten = MAX(session->reset_forgotten, *at);
	*at = id;
}

bool h2_streams_is_passed_over(const struct h2_session *session, uint32_t id)
{
	if (id <= session->reset_forgotten || (session->goaway_sent && id > session->goaway_id))
		return true;
	for (size_t i = 0; i < H2_RESET_RING; i++) {
		if (session->reset_ids[i] == id)
			return true;
	}
	return false;
}

bool h2_streams_is_idle(const struct h2_session *session, uint32_t id)
{
	bool theirs = (id & 1) == session->role->is_server;

	return theirs ? id > session->last_peer_id : id >= session->next_id;
}

void h2_stream_init(struct h2_stream *stream, struct h2_session *session)
{
	*stream = (struct h2_stream){
		.kind = H2_STREAM_KIND,
		.session = session,
		.receive_window = session->shared->limits.window_bytes,
		.send_window = session->peer_window,
		.priority = H2_PRIORITY_DEFAULT,
		.wake_at = MONO_NEVER,
		.stall_at = MONO_NEVER,
	};
}

void h2_stream_due(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	if (stream->queued_due || stream->closed)
		return;
	stream->queued_due = true;
	TAILQ_INSERT_TAIL(&session->due, stream, due_link);
	h2_session_run_later(session);
}

static void due_remove(struct h2_stream *stream)
{
	if (!stream->queued_due)
		return;
	stream->queued_due = false;
	TAILQ_REMOVE(&stream->session->due, stream, due_link);
}

void h2_streams_run_due(struct h2_session *session)
{
	struct h2_stream *stream;

	while ((stream = TAILQ_FIRST(&session->due))) {
		due_remove(stream);
		session->role->on_due(stream);
	}
}

static void stream_close(struct h2_stream *stream, enum h2_error error)
{
	struct h2_session *session = stream->session;
	bool whole = stream->in_ended && stream->out_ended;

	MUST(!stream->closed);
	stream->closed = true;
	session->n_closed++;
	h2_held_remove(stream);
	h2_ready_remove(stream);
	due_remove(stream);
	if (stream->queued_sent)
		TAILQ_REMOVE(&session->sent, stream, link);
	stream->queued_sent = false;
	chain_clear(&stream->in);
	chain_clear(&stream->out);
	if (session->headers.stream == stream) {
		session->headers.stream = NULL;
		session->decoder.kind = H2_BLOCK_DISCARD;
		session->decoder.head = NULL;
	}
	if (!whole && session->state != H2_SESSION_CLOSING && stream->id) {
		h2_put_rst_stream(&session->out, stream->id, error);
		h2_streams_note_reset(session, stream->id);
	}
	h2_session_run_later(session);
}

void h2_stream_close(struct h2_stream *stream, enum h2_error error)
{
	MUST(stream->kind == H2_STREAM_KIND);
	if (!stream->closed)
		stream_close(stream, error);
}

void h2_stream_refuse(struct h2_stream *stream, enum h2_error error)
{
	struct h2_session *session = stream->session;

	h2_stream_close(stream, error);
	h2_session_spend_reset(session);
}

void h2_streams_reset_all(struct h2_session *session, enum close_reason reason, uint32_t above,
			  bool refused)
{
	for (size_t i = 0; i < session->n_streams; i++) {
		struct h2_stream *stream = session->slots[i].stream;
		if (stream->closed || stream->id <= above)
			continue;
		stream->in_ended = true; /* nothing is reset that is over on the other side */
		stream->out_ended = true;
		h2_stream_close(stream, H2_CANCEL);
		session->role->on_reset(stream, reason, refused);
	}
}

bool h2_streams_window(struct h2_session *session, uint32_t window)
{
	int64_t by = (int64_t)window - session->peer_window;

	session->peer_window = window;
	for (size_t i = 0; i < session->n_streams; i++) {
		struct h2_stream *stream = session->slots[i].stream;
		stream->send_window += by;
		if (stream->send_window > H2_WINDOW_MAX)
			return false;
		if (!stream->closed)
			h2_ready_add(stream);
	}
	return true;
}

void h2_stream_credit(struct h2_stream *stream, size_t n)
{
	struct h2_session *session = stream->session;

	stream->uncredited += (uint32_t)n;
	if (stream->closed || stream->in_ended ||
	    stream->uncredited < session->shared->limits.window_bytes / 2)
		return;
	h2_put_window_update(&session->out, stream->id, stream->uncredited);
	stream->receive_window += stream->uncredited;
	stream->uncredited = 0;
	h2_session_run_later(session);
}

void h2_stream_wake(struct h2_stream *stream, mono_t at)
{
	stream->wake_at = at;
	h2_session_wake(stream->session, at);
}

/* ---- bodies that come --------------------------------------------------------------------------
 */

static mono_t body_deadline(const struct h2_stream *stream, int64_t timeout_ms)
{
	return stream->wants_body && timeout_ms ? h2_in_ms(stream->session, timeout_ms)
						: MONO_NEVER;
}

void h2_stream_want_body(struct h2_stream *stream, int64_t timeout_ms)
{
	if (stream->body_told || stream->wants_body || stream->closed)
		return;
	stream->wants_body = true;
	h2_stream_wake(stream, body_deadline(stream, timeout_ms));
	if (!chain_empty(&stream->in) || stream->in_ended)
		h2_stream_due(stream);
}

void h2_stream_deliver(struct h2_stream *stream, const struct h2_taker *taker)
{
	while (stream->wants_body && (!chain_empty(&stream->in) || stream->in_ended)) {
		size_t before = stream->in.bytes;
		bool end = stream->in_ended;
		const struct http_head *trailers = end ? TAKE(stream->trailers) : NULL;
		stream->wants_body = false; /* the taker may say so again */
		if (trailers)
			taker->on_trailers(taker->arg, trailers);
		taker->on_body(taker->arg, &stream->in, end);
		if (stream->closed)
			return;
		h2_stream_credit(stream, before - stream->in.bytes);
		if (!chain_empty(&stream->in))
			break; /* until it wants more */
		stream->body_told = end;
		stream->wants_body = !end;
	}
	h2_stream_wake(stream, body_deadline(stream, taker->timeout_ms));
}
