/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_read: frames in. DATA and header blocks are taken in pieces, as they come; other frames are
 * short and taken whole. Bodies are handed on by reference to the block that was read into.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_session_priv.h"

enum {
	/* What a frame that is taken whole may hold; more settings than that are no settings. */
	WHOLE_BYTES = 1024,
	/* Of GOAWAY: what follows is text for people. */
	GOAWAY_BYTES = 8,
	/* So many pieces that are so short together are copied, lest each hold a block. */
	MAX_CRUMBS = 4,
	CRUMB_BYTES = 4096,
	MAX_FRAME_SIZE_LIMIT = (1 << 24) - 1,
};

static struct span left_of(const struct h2_session *session)
{
	const struct block *block = session->block;

	return block ? span_of(block->bytes + session->from, block->len - session->from)
		     : SPAN_NONE;
}

static void use(struct h2_session *session, size_t n)
{
	session->from += (uint32_t)n;
}

static void malformed(struct h2_session *session, enum h2_error error)
{
	h2_session_fail(session, error, session->role->malformed);
}

/* The stream's fault. */
static void stream_fault(struct h2_stream *stream, enum h2_error error)
{
	struct h2_session *session = stream->session;

	h2_stream_refuse(stream, error);
	session->role->on_reset(stream, session->role->malformed, false);
}

/* ---- DATA --------------------------------------------------------------------------------------
 */

/* All of the frame counts, padding and all, also when nobody wants it (RFC 9113 6.9). It is
 * credited at once: what one connection may make us hold is bounded by its streams' windows. */
static bool connection_window(struct h2_session *session, uint32_t n)
{
	session->receive_window -= n;
	if (session->receive_window < 0) {
		malformed(session, H2_FLOW_CONTROL_ERROR);
		return false;
	}
	session->uncredited += n;
	if (session->uncredited >= H2_WINDOW_DEFAULT / 2) {
		h2_put_window_update(&session->out, 0, session->uncredited);
		session->receive_window += session->uncredited;
		session->uncredited = 0;
		h2_session_run_later(session);
	}
	return true;
}

static void data_begin(struct h2_session *session)
{
	struct h2_incoming *frame = &session->frame;
	struct h2_stream *stream = h2_streams_find(session, frame->header.stream_id);
	bool end = frame->header.flags & H2_FLAG_END_STREAM;

	if (!connection_window(session, frame->header.length))
		return;
	if (frame->header.length == 0 && !end && !h2_session_spend(session))
		return;
	frame->passed = !stream;
	if (!stream) {
		if (h2_streams_is_idle(session, frame->header.stream_id))
			malformed(session, H2_PROTOCOL_ERROR);
		else if (!h2_streams_is_passed_over(session, frame->header.stream_id))
			malformed(session, H2_STREAM_CLOSED);
		return;
	}
	stream->receive_window -= frame->header.length;
	if (stream->in_ended)
		stream_fault(stream, H2_STREAM_CLOSED);
	else if (!stream->head_read)
		stream_fault(stream, H2_PROTOCOL_ERROR);
	else if (stream->receive_window < 0)
		stream_fault(stream, H2_FLOW_CONTROL_ERROR);
}

/* Puts the piece behind what waits. False: no memory. */
static bool piece_add(struct h2_stream *stream, struct span piece)
{
	struct block *block = stream->session->block;
	struct slab *slab = stream->session->shared->slab;
	bool crumbs = stream->in.n >= MAX_CRUMBS && stream->in.bytes <= CRUMB_BYTES;

	if ((crumbs || chain_full(&stream->in)) && !chain_squeeze(&stream->in, slab))
		return false;
	chain_push_block(&stream->in, block, (uint32_t)(piece.at - block->bytes),
			 (uint32_t)piece.len);
	return true;
}

static void data_piece(struct h2_session *session, struct span piece, bool last)
{
	struct h2_stream *stream = h2_streams_find(session, session->frame.header.stream_id);
	bool end = last && (session->frame.header.flags & H2_FLAG_END_STREAM);

	if (!stream)
		return;
	if (piece.len > stream->length_left ||
	    (end && stream->length_left != UINT64_MAX && piece.len != stream->length_left)) {
		stream_fault(stream, H2_PROTOCOL_ERROR); /* RFC 9113 8.1.1 */
		return;
	}
	if (stream->length_left != UINT64_MAX)
		stream->length_left -= piece.len;
	if (piece.len && !piece_add(stream, piece)) {
		h2_stream_close(stream, H2_INTERNAL_ERROR);
		session->role->on_reset(stream, REASON_MEMORY, false);
		return;
	}
	stream->in_ended = end;
	if (piece.len || end)
		session->role->on_data(stream);
}

/* ---- short frames ------------------------------------------------------------------------------
 */

static void on_priority(struct h2_session *session, struct span payload)
{
	uint32_t id = session->frame.header.stream_id;
	struct h2_stream *stream = h2_streams_find(session, id);

	if (!h2_session_spend(session) || (h2_u32(payload.at) & H2_STREAM_MAX) != id)
		return; /* RFC 9113 5.3.2: read and passed over */
	if (stream)
		stream_fault(stream, H2_PROTOCOL_ERROR);
	else
		malformed(session, H2_PROTOCOL_ERROR);
}

static void on_rst_stream(struct h2_session *session, struct span payload)
{
	struct h2_stream *stream = h2_streams_find(session, session->frame.header.stream_id);

	if (h2_streams_is_idle(session, session->frame.header.stream_id)) {
		malformed(session, H2_PROTOCOL_ERROR);
		return;
	}
	if (!stream) {
		h2_session_spend(session);
		return;
	}
	bool refused = h2_u32(payload.at) == H2_REFUSED_STREAM;
	stream->in_ended = true;
	stream->out_ended = true;
	h2_stream_close(stream, H2_NO_ERROR);
	session->role->on_reset(stream, session->role->gone, refused);
	h2_session_spend_reset(session);
}

/* H2_NO_ERROR, or what is wrong with it (RFC 9113 6.5.2). */
static enum h2_error setting_take(struct h2_session *session, uint16_t id, uint32_t value)
{
	switch (id) {
	case H2_SETTING_ENABLE_PUSH:
		return value > session->role->is_server ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
	case H2_SETTING_MAX_CONCURRENT_STREAMS:
		session->peer_max_streams = value;
		return H2_NO_ERROR;
	case H2_SETTING_INITIAL_WINDOW_SIZE:
		if (value > H2_WINDOW_MAX || !h2_streams_window(session, value))
			return H2_FLOW_CONTROL_ERROR;
		return H2_NO_ERROR;
	case H2_SETTING_MAX_FRAME_SIZE:
		return value < H2_FRAME_MAX_BYTES || value > MAX_FRAME_SIZE_LIMIT
			       ? H2_PROTOCOL_ERROR
			       : H2_NO_ERROR;
	case H2_SETTING_ENABLE_CONNECT_PROTOCOL:
		session->peer_knows_connect = value == 1;
		return value > 1 ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
	default: /* the encoder has no table whose size could matter */
		return H2_NO_ERROR;
	}
}

static void on_settings(struct h2_session *session, struct span payload)
{
	if (session->frame.header.flags & H2_FLAG_ACK)
		return;
	if (!h2_session_spend(session))
		return;
	for (; payload.len; payload = span_from(payload, 6)) {
		uint16_t id = (uint16_t)(payload.at[0] << 8 | payload.at[1]);
		enum h2_error error = setting_take(session, id, h2_u32(payload.at + 2));
		if (error != H2_NO_ERROR) {
			malformed(session, error);
			return;
		}
	}
	session->greeted = true;
	h2_put_settings_ack(&session->out);
	h2_session_run_later(session);
	session->role->on_change(session);
}

static void on_ping(struct h2_session *session, struct span payload)
{
	if (session->frame.header.flags & H2_FLAG_ACK)
		return;
	if (!h2_session_spend(session))
		return;
	h2_put_ping(&session->out, payload.at, true);
	h2_session_run_later(session);
}

static void on_goaway(struct h2_session *session, struct span payload)
{
	uint32_t last_id = h2_u32(payload.at) & H2_STREAM_MAX;

	session->goaway_got = true;
	if (!session->role->is_server)
		h2_streams_reset_all(session, session->role->gone, last_id, true);
	session->role->on_change(session);
	h2_session_run_later(session);
}

static void on_window_update(struct h2_session *session, struct span payload)
{
	uint32_t id = session->frame.header.stream_id;
	uint32_t by = h2_u32(payload.at) & H2_STREAM_MAX;
	struct h2_stream *stream = id ? h2_streams_find(session, id) : NULL;

	if (!h2_session_spend(session))
		return;
	if (id == 0) {
		session->send_window += by;
		if (by == 0 || session->send_window > H2_WINDOW_MAX)
			malformed(session, by ? H2_FLOW_CONTROL_ERROR : H2_PROTOCOL_ERROR);
		else if (session->n_ready)
			h2_session_run_later(session);
	} else if (stream) {
		stream->send_window += by;
		if (by == 0 || stream->send_window > H2_WINDOW_MAX)
			stream_fault(stream, by ? H2_FLOW_CONTROL_ERROR : H2_PROTOCOL_ERROR);
		else
			h2_ready_add(stream);
	} else if (h2_streams_is_idle(session, id)) {
		malformed(session, H2_PROTOCOL_ERROR);
	}
}

static void on_priority_update(struct h2_session *session, struct span payload)
{
	uint32_t id = h2_u32(payload.at) & H2_STREAM_MAX;
	struct h2_stream *stream = h2_streams_find(session, id);

	if (!session->role->is_server || id == 0) {
		malformed(session, H2_PROTOCOL_ERROR);
		return;
	}
	if (!h2_session_spend(session) || !stream)
		return;
	h2_ready_remove(stream);
	stream->priority = H2_PRIORITY_DEFAULT;
	h2_priority_read(span_from(payload, 4), &stream->priority);
	h2_ready_add(stream);
}

typedef void (*take_fn)(struct h2_session *session, struct span payload);
static const take_fn takes[] = {
	[H2_PRIORITY] = on_priority,
	[H2_RST_STREAM] = on_rst_stream,
	[H2_SETTINGS] = on_settings,
	[H2_PING] = on_ping,
	[H2_GOAWAY] = on_goaway,
	[H2_WINDOW_UPDATE] = on_window_update,
	[H2_PRIORITY_UPDATE] = on_priority_update,
};

/* ---- frames ------------------------------------------------------------------------------------
 */

static bool in_pieces(uint8_t type)
{
	return type == H2_DATA || type == H2_HEADERS || type == H2_CONTINUATION;
}

/* Whether a frame of this kind may come now. */
static bool order_check(struct h2_session *session, const struct h2_header *header)
{
	bool in_block = session->headers.stream_id != 0;
	bool continues =
		header->type == H2_CONTINUATION && header->stream_id == session->headers.stream_id;
	bool settings = header->type == H2_SETTINGS && !(header->flags & H2_FLAG_ACK);

	if (session->state == H2_SESSION_SETTINGS && !settings)
		return false;
	if (in_block ? !continues : header->type == H2_CONTINUATION)
		return false;
	return header->type != H2_PUSH_PROMISE; /* we never allowed any */
}

/* The nine bytes have come. */
static void frame_begin(struct h2_session *session)
{
	struct h2_incoming *frame = &session->frame;
	struct h2_header header = h2_header_read(left_of(session));
	enum h2_error error = h2_header_check(&header);

	use(session, H2_HEADER_BYTES);
	if (error == H2_NO_ERROR && !order_check(session, &header))
		error = H2_PROTOCOL_ERROR;
	if (error != H2_NO_ERROR) {
		malformed(session, error);
		return;
	}
	if (session->state == H2_SESSION_SETTINGS) {
		h2_session_state_set(session, H2_SESSION_OPEN);
		session->head_at = MONO_NEVER;
	}
	*frame = (struct h2_incoming){ .header = header, .left = header.length, .begun = true };
	if (header.type == H2_DATA)
		data_begin(session);
	else if (header.type == H2_HEADERS || header.type == H2_CONTINUATION)
		h2_headers_begin(session, &header);
	else
		frame->passed = header.type >= ARRAY_LEN(takes) || !takes[header.type];
	if (frame->passed && !in_pieces(header.type))
		h2_session_spend(session);
}

/* How many bytes stand before the payload proper of DATA and HEADERS. */
static size_t fields_bytes(const struct h2_header *header)
{
	size_t n = 0;

	if (header->type != H2_CONTINUATION && (header->flags & H2_FLAG_PADDED))
		n += 1;
	if (header->type == H2_HEADERS && (header->flags & H2_FLAG_PRIORITY))
		n += 5;
	return n;
}

/* Padding's length and priority. False: not there yet, or wrong. */
static bool fields_take(struct h2_session *session)
{
	struct h2_incoming *frame = &session->frame;
	size_t n = fields_bytes(&frame->header);
	struct span bytes = left_of(session);

	if (n > frame->left) {
		malformed(session, H2_FRAME_SIZE_ERROR);
		return false;
	}
	if (bytes.len < n)
		return false;
	bool padded = n == 1 || n == 6;
	frame->pad = padded ? bytes.at[0] : 0;
	frame->left -= (uint32_t)n;
	if (frame->pad > frame->left) {
		malformed(session, H2_PROTOCOL_ERROR);
		return false;
	}
	if (n >= 5)
		h2_headers_priority(session, h2_u32(bytes.at + padded));
	use(session, n);
	frame->started = true;
	return true;
}

/* Padding is the stream's window's, too, and nobody takes it. */
static void padding_credit(struct h2_session *session, const struct h2_incoming *frame)
{
	size_t n = frame->header.type == H2_DATA && (frame->header.flags & H2_FLAG_PADDED)
			   ? (size_t)frame->pad + 1
			   : 0;
	struct h2_stream *stream = n ? h2_streams_find(session, frame->header.stream_id) : NULL;

	if (stream)
		h2_stream_credit(stream, n);
}

/* A piece of a frame that is taken in pieces. False: more must come. */
static bool piece_take(struct h2_session *session)
{
	struct h2_incoming *frame = &session->frame;

	if (!frame->started && !fields_take(session))
		return false;
	size_t wanted = frame->left - frame->pad;
	struct span piece = span_first(left_of(session), wanted);
	bool last = piece.len == wanted;
	if (piece.len == 0 && !last)
		return false;
	use(session, piece.len);
	frame->left -= (uint32_t)piece.len;
	frame->passed = last; /* what follows is padding */
	if (last)
		padding_credit(session, frame);
	if (frame->header.type == H2_DATA)
		data_piece(session, piece, last);
	else
		h2_headers_piece(session, piece, last);
	return true;
}

/* What nobody wants. False: more must come. */
static bool rest_pass(struct h2_session *session)
{
	struct h2_incoming *frame = &session->frame;
	size_t n = MIN(left_of(session).len, (size_t)frame->left);

	use(session, n);
	frame->left -= (uint32_t)n;
	if (frame->left)
		return false;
	frame->begun = false;
	return true;
}

/* A short frame. False: more must come. */
static bool whole_take(struct h2_session *session)
{
	struct h2_incoming *frame = &session->frame;
	size_t n = frame->header.type == H2_GOAWAY ? GOAWAY_BYTES : frame->left;

	if (n > WHOLE_BYTES) {
		h2_session_fail(session, H2_ENHANCE_YOUR_CALM, session->role->abuse);
		return false;
	}
	struct span payload = span_first(left_of(session), n);
	if (payload.len < n)
		return false;
	takes[frame->header.type](session, payload);
	use(session, n);
	frame->left -= (uint32_t)n;
	frame->passed = true;
	return true;
}

/* One step. False: more bytes must come. */
static bool step(struct h2_session *session)
{
	const struct h2_incoming *frame = &session->frame;

	if (!frame->begun) {
		if (left_of(session).len < H2_HEADER_BYTES)
			return false;
		frame_begin(session);
		return true;
	}
	if (frame->passed)
		return rest_pass(session);
	return in_pieces(frame->header.type) ? piece_take(session) : whole_take(session);
}

static bool preface_take(struct h2_session *session)
{
	struct span left = left_of(session);
	struct span expected = span_first(H2_PREFACE, left.len);

	if (!span_eq(span_first(left, H2_PREFACE.len), expected)) {
		malformed(session, H2_PROTOCOL_ERROR);
		return false;
	}
	if (left.len < H2_PREFACE.len)
		return false;
	use(session, H2_PREFACE.len);
	h2_session_state_set(session, H2_SESSION_SETTINGS);
	return true;
}

void h2_read_frames(struct h2_session *session)
{
	if (session->state == H2_SESSION_PREFACE && !preface_take(session))
		return;
	while (session->state != H2_SESSION_CLOSING && step(session))
		;
}
