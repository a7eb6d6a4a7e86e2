/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_session_priv: what the files of a session share: h2_session.c (its life), h2_read.c (frames
 * in), h2_headers.c (header blocks in), h2_write.c (frames out), h2_streams.c (the table).
 */
#pragma once

#include "edge/http2/h2_session.h"

/* clang-format off */
#define H2_SESSION_STATES(X) \
	X(PREFACE)  /* the server's side: the client's preface has not come */ \
	X(SETTINGS) /* the first frame must be SETTINGS                     */ \
	X(OPEN)     /* streams come and go                                  */ \
	X(CLOSING)  /* the last bytes are on their way out                  */
/* clang-format on */

enum h2_session_state {
#define X(NAME) H2_SESSION_##NAME,
	H2_SESSION_STATES(X)
#undef X
};

/* Which state may follow which; docs/fsm/h2_session.dot draws it. */
extern const unsigned h2_session_may_follow[];
extern const char *const h2_session_state_names[];

/* A frame whose payload is under way. */
struct h2_incoming {
	struct h2_header header;
	uint32_t left; /* of the payload, padding included */
	uint32_t pad;  /* of it: the padding */
	bool begun;    /* the header was read */
	bool started;  /* so were the fields in front of the payload proper */
	bool passed;   /* nobody wants it */
};

struct h2_slot {
	uint32_t id; /* beside the pointer, so that a search touches no stream */
	struct h2_stream *stream;
};

/* The header block under way. */
struct h2_incoming_block {
	uint32_t stream_id;       /* 0: none */
	struct h2_stream *stream; /* NULL: decoded and dropped */
	bool end_stream;
	bool refused; /* RST_STREAM(error) follows it */
	enum h2_error error;
	uint8_t n_continuations;
};

struct h2_session {
	uint32_t kind;
	enum h2_session_state state;
	const struct h2_role *role;
	struct h2_shared *shared;
	void *owner;
	struct conn *conn; /* owned */
	struct loop_task task;
	/* In. */
	struct block *block; /* owned reference; NULL: nothing is held */
	uint32_t from;       /* of the block: the first byte that was not used */
	uint8_t *parked;     /* owned; instead of a block: the beginning of a frame */
	uint32_t n_parked;
	struct h2_incoming frame;
	struct h2_incoming_block headers;
	struct h2_decoder decoder;
	int64_t receive_window;
	uint32_t uncredited;
	/* Out. */
	struct outlet out;
	int64_t send_window;
	struct h2_stream_queue held; /* with header blocks that wait */
	struct h2_stream_queue ready[H2_URGENCIES];
	struct h2_stream_queue sent; /* ended, and not all is written */
	struct h2_stream_queue due;
	uint32_t n_ready;
	/* What the other side says of itself. */
	uint32_t peer_window, peer_max_frame, peer_max_streams;
	bool greeted; /* its first SETTINGS have come */
	bool peer_knows_connect;
	/* Streams. */
	struct h2_slot *slots; /* dense; owned */
	uint32_t n_streams, n_slots, n_closed;
	uint32_t last_peer_id, next_id;
	uint32_t reset_ids[H2_RESET_RING]; /* of those that we reset: what still comes is passed
					      over */
	uint8_t reset_at;
	uint32_t reset_forgotten; /* the highest that has left the ring */
	uint32_t goaway_id;       /* streams above it are not ours to answer */
	bool goaway_sent, goaway_got, draining;
	bool eof;
	enum close_reason reason; /* CLOSING: why */
	struct h2_budget resets, controls;
	/* Deadlines: a head; the next stream; the conn takes bytes; the window of the connection
	 * opens; the second GOAWAY; the nearest of all. */
	mono_t read_at; /* there was no block to read into: then it is tried again */
	mono_t head_at, idle_at, write_at, window_at, drain_at, wake_at;
};
#define H2_SESSION_KIND OBJ_KIND('h', '2', 's', 'e')
#define H2_STREAM_KIND  OBJ_KIND('h', '2', 's', 't')

/* h2_session.c */
void h2_session_state_set(struct h2_session *session, enum h2_session_state next);
mono_t h2_in_ms(const struct h2_session *session, int64_t ms);
/* The connection is of no use: GOAWAY, then the end. All streams are reset. */
void h2_session_fail(struct h2_session *session, enum h2_error error, enum close_reason reason);
void h2_session_wake(struct h2_session *session, mono_t at);
/* The other side has so long (the write timeout) to take something; less when blocks are scarce. */
void h2_session_wait(struct h2_session *session, mono_t until);
/* One more frame that carries nothing. False: the session has failed. */
bool h2_session_spend(struct h2_session *session);
/* One more stream that ended before its time, by the other side's doing. Likewise. */
bool h2_session_spend_reset(struct h2_session *session);

/* h2_read.c: handles all that has come. */
void h2_read_frames(struct h2_session *session);

/* h2_headers.c: a HEADERS or CONTINUATION frame begins, goes on, ends. */
void h2_headers_begin(struct h2_session *session, const struct h2_header *header);
void h2_headers_priority(struct h2_session *session, uint32_t depends_on);
void h2_headers_piece(struct h2_session *session, struct span piece, bool last_of_frame);

/* h2_streams.c */
struct h2_stream *h2_streams_find(const struct h2_session *session, uint32_t id);
int h2_streams_add(struct h2_session *session, struct h2_stream *stream); /* -ENOMEM */
void h2_streams_run_due(struct h2_session *session);
/* Gives back those that were closed. */
void h2_streams_reap(struct h2_session *session);
/* What comes for it is no fault: we have reset it, or said that we do not take it. */
bool h2_streams_is_passed_over(const struct h2_session *session, uint32_t id);
void h2_streams_note_reset(struct h2_session *session, uint32_t id);
/* Was never opened. */
bool h2_streams_is_idle(const struct h2_session *session, uint32_t id);
/* n bytes of stream->in were taken. */
void h2_stream_credit(struct h2_stream *stream, size_t n);
void h2_streams_reset_all(struct h2_session *session, enum close_reason reason, uint32_t above,
			  bool refused);
/* The other side's new initial window. False: one overflows. */
bool h2_streams_window(struct h2_session *session, uint32_t window);

/* h2_write.c */
void h2_ready_add(struct h2_stream *stream); /* if it has something to send */
void h2_ready_remove(struct h2_stream *stream);
/* Bodies of those that are ready, as far as there is room. */
void h2_pump(struct h2_session *session);
void h2_held_remove(struct h2_stream *stream);
/* Those whose end the conn has taken. */
void h2_tell_sent(struct h2_session *session);
