/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_headers: header blocks in: which stream they are for, and whether they may come now. Whatever
 * the answer, a block is decoded, for the coder's table is the connection's.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_session_priv.h"

enum {
	/* CVE-2024-27316 and its kin: frames without end, none of which is large. */
	MAX_CONTINUATIONS = 16,
	MAX_INTERIMS = 16,
};

static struct span scheme_of(const struct h2_session *session)
{
	return conn_is_tls(session->conn) ? SPAN_LIT("https") : SPAN_LIT("http");
}

/* The block is dropped, and the stream reset. */
static void block_refuse(struct h2_session *session, enum h2_error error)
{
	session->headers.refused = true;
	session->headers.error = error;
}

/* A request begins. */
static void stream_begin(struct h2_session *session, uint32_t id)
{
	struct h2_stream *stream;

	session->last_peer_id = id;
	if (session->goaway_sent && id > session->goaway_id)
		return; /* we said that we would not (RFC 9113 6.8) */
	if (session->n_streams - session->n_closed >= session->shared->limits.max_streams) {
		block_refuse(session, H2_REFUSED_STREAM);
		return;
	}
	stream = session->role->open(session);
	if (!stream) {
		block_refuse(session, H2_REFUSED_STREAM);
		return;
	}
	stream->id = id;
	if (h2_streams_add(session, stream) < 0) {
		session->role->release(stream);
		block_refuse(session, H2_REFUSED_STREAM);
		return;
	}
	session->headers.stream = stream;
	h2_decode_begin(&session->decoder, H2_BLOCK_REQUEST, &stream->head, scheme_of(session));
}

static void trailers_begin(struct h2_session *session, struct h2_stream *stream, bool end)
{
	struct http_head *trailers;

	if (!end) { /* RFC 9113 8.1 */
		stream->in_ended = true;
		h2_stream_refuse(stream, H2_PROTOCOL_ERROR);
		session->role->on_reset(stream, session->role->malformed, false);
		return;
	}
	trailers = ARENA_NEW(stream->head.arena, struct http_head);
	if (!trailers || http_head_init(trailers, stream->head.arena) < 0)
		return; /* no room for them: they are dropped */
	stream->trailers = trailers;
	h2_decode_begin(&session->decoder, H2_BLOCK_TRAILERS, trailers, SPAN_NONE);
}

static void again(struct h2_session *session, struct h2_stream *stream, bool end)
{
	if (stream->in_ended) { /* RFC 9113 5.1, half-closed (remote) */
		h2_stream_refuse(stream, H2_STREAM_CLOSED);
		session->role->on_reset(stream, session->role->malformed, false);
		return;
	}
	session->headers.stream = stream;
	if (stream->head_read) {
		trailers_begin(session, stream, end);
	} else {
		if (stream->n_interims)
			http_head_init(&stream->head, stream->head.arena);
		h2_decode_begin(&session->decoder, H2_BLOCK_RESPONSE, &stream->head,
				scheme_of(session));
	}
}

/* For a stream that we do not know. */
static void stranger(struct h2_session *session, uint32_t id)
{
	if (!h2_streams_is_idle(session, id)) {
		if (!h2_streams_is_passed_over(session, id))
			h2_session_fail(session, H2_STREAM_CLOSED, session->role->malformed);
	} else if (!session->role->is_server || (id & 1) == 0) {
		h2_session_fail(session, H2_PROTOCOL_ERROR, session->role->malformed);
	} else {
		stream_begin(session, id);
	}
}

void h2_headers_begin(struct h2_session *session, const struct h2_header *header)
{
	struct h2_incoming_block *block = &session->headers;
	struct h2_stream *stream;

	if (header->type == H2_CONTINUATION) {
		if (++block->n_continuations > MAX_CONTINUATIONS)
			h2_session_fail(session, H2_ENHANCE_YOUR_CALM, session->role->abuse);
		return;
	}
	stream = h2_streams_find(session, header->stream_id);
	*block = (struct h2_incoming_block){
		.stream_id = header->stream_id,
		.end_stream = header->flags & H2_FLAG_END_STREAM,
	};
	session->head_at = h2_in_ms(session, session->shared->limits.head_timeout_ms);
	h2_session_wake(session, session->head_at);
	h2_decode_begin(&session->decoder, H2_BLOCK_DISCARD, NULL, SPAN_NONE);
	if (stream)
		again(session, stream, block->end_stream);
	else
		stranger(session, header->stream_id);
}

void h2_headers_priority(struct h2_session *session, uint32_t depends_on)
{
	struct h2_stream *stream = session->headers.stream;

	if ((depends_on & H2_STREAM_MAX) != session->headers.stream_id)
		return;
	/* RFC 7540 5.3.1: nothing depends on itself. */
	if (stream) {
		h2_stream_refuse(stream, H2_PROTOCOL_ERROR);
		session->role->on_reset(stream, session->role->malformed, false);
	}
}

/* ---- a block is whole --------------------------------------------------------------------------
 */

/* The neutral form is there; what of its body? */
static void body_expect(struct h2_stream *stream, bool end)
{
	const struct http_head *head = &stream->head;

	stream->head_read = true;
	stream->length_left = head->has_length ? head->body_length : UINT64_MAX;
	if (end)
		stream->in_ended = true;
}

static void response_take(struct h2_session *session, struct h2_stream *stream, int outcome,
			  bool end)
{
	bool interim = outcome == H2_DECODED && stream->head.status < 200;

	if (interim && (end || stream->head.status == 101 || stream->n_interims++ == MAX_INTERIMS))
		outcome = H2_DECODED_MALFORMED;
	else if (!interim)
		body_expect(stream, end);
	session->role->on_head(stream, (enum h2_decoded)outcome);
}

static void trailers_take(struct h2_session *session, struct h2_stream *stream, int outcome)
{
	if (outcome == H2_DECODED_MALFORMED ||
	    (stream->length_left && stream->length_left != UINT64_MAX)) {
		stream->in_ended = true;
		h2_stream_refuse(stream, H2_PROTOCOL_ERROR);
		session->role->on_reset(stream, session->role->malformed, false);
		return;
	}
	if (outcome != H2_DECODED)
		stream->trailers = NULL; /* more than is kept: the message goes on without */
	stream->in_ended = true;
	session->role->on_data(stream);
}

static void block_end(struct h2_session *session)
{
	struct h2_incoming_block block = session->headers;
	struct h2_stream *stream = block.stream;
	int outcome = h2_decode_end(&session->decoder, block.end_stream);

	session->headers = (struct h2_incoming_block){ 0 };
	session->head_at = MONO_NEVER;
	if (block.refused) {
		h2_put_rst_stream(&session->out, block.stream_id, block.error);
		h2_streams_note_reset(session, block.stream_id);
		h2_session_run_later(session);
		if (!h2_session_spend_reset(session))
			return;
	}
	if (!stream || stream->closed)
		return;
	if (outcome < 0)
		outcome = H2_DECODED_LARGE;
	switch (session->decoder.kind) {
	case H2_BLOCK_REQUEST:
		body_expect(stream, block.end_stream);
		session->role->on_head(stream, (enum h2_decoded)outcome);
		return;
	case H2_BLOCK_RESPONSE:
		response_take(session, stream, outcome, block.end_stream);
		return;
	case H2_BLOCK_TRAILERS:
		trailers_take(session, stream, outcome);
		return;
	case H2_BLOCK_DISCARD: /* trailers for which there was no room */
		trailers_take(session, stream, H2_DECODED_LARGE);
		return;
	}
}

void h2_headers_piece(struct h2_session *session, struct span piece, bool last_of_frame)
{
	bool last = last_of_frame && (session->frame.header.flags & H2_FLAG_END_HEADERS);
	int r = H2_DECODED;

	/* nghttp2 wants to hear of the end even when nothing comes with it. */
	if (piece.len || last)
		r = h2_decode_feed(&session->decoder, piece, last);
	if (r == H2_DECODED_BOMB)
		h2_session_fail(session, H2_ENHANCE_YOUR_CALM, session->role->abuse);
	else if (r != H2_DECODED)
		h2_session_fail(session, r < 0 ? H2_INTERNAL_ERROR : H2_COMPRESSION_ERROR,
				r < 0 ? REASON_MEMORY : session->role->malformed);
	else if (last)
		block_end(session);
}
