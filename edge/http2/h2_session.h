/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_session: one connection of HTTP/2 (RFC 9113), in either role: frames in and out, streams,
 * windows, settings, budgets. It knows no exchange and no fetch: what happens to a stream it tells
 * a role (h2_server.c, h2_client.c) by a few functions.
 *
 * All that one read delivers is handled, then the role does what is due, and all output of a turn
 * leaves in one write at its end. A role's functions may call anything here; streams are taken off
 * only where no caller is on the stack: h2_stream_close() makes a stream deaf at once, and it is
 * given back to its role at the turn's end. The worker's thread alone.
 */
#pragma once

#include <bsd/sys/queue.h>

#include "core/metrics.h"
#include "core/net/outlet.h"
#include "edge/http2/h2_budget.h"
#include "edge/http2/h2_decode.h"
#include "edge/http2/h2_frame.h"
#include "edge/http2/h2_priority.h"
#include "edge/report/reasons.h"

enum { H2_MAX_STREAMS = 256, H2_RESET_RING = 64 };

struct h2_limits {
	uint32_t max_streams;  /* of the other side, at a time; at most H2_MAX_STREAMS */
	uint32_t window_bytes; /* what a stream may send us unread */
	struct h2_decode_limits head;
	int64_t head_timeout_ms;  /* preface, settings, and each header block */
	int64_t body_timeout_ms;  /* no progress in a body that is wanted */
	int64_t idle_timeout_ms;  /* without a stream */
	int64_t write_timeout_ms; /* the other side takes nothing of what is due to it */
	int64_t pressure_ms;      /* the same while blocks are scarce */
	int64_t linger_ms;
	int64_t drain_grace_ms;         /* between the two GOAWAYs of a drain */
	struct h2_budget_conf resets;   /* streams that end before their time, by its doing */
	struct h2_budget_conf controls; /* frames that carry nothing */
};

/* 100 streams, 128 KiB, heads of 16 KiB and 100 fields; 10 s, 30 s, 75 s, 30 s (2 s), 2 s, 1 s;
 * resets:
 * 200 and 20/s; controls: 2000 and 500/s. */
extern const struct h2_limits h2_limits_usual;

struct h2_session;
struct h2_stream;

struct h2_role {
	bool is_server;
	enum close_reason malformed, gone, abuse, idle, write_timeout; /* what we call it */
	/* The server's side: a stream for a request that begins. NULL: refused. */
	struct h2_stream *(*open)(struct h2_session *session);
	/* A head was read into stream->head; `outcome` as h2_decode_end(). Final or interim. */
	void (*on_head)(struct h2_stream *stream, enum h2_decoded outcome);
	/* stream->in has more, or stream->in_ended became true (stream->trailers stand). */
	void (*on_data)(struct h2_stream *stream);
	/* After h2_stream_due(), when all of a read has been handled or a turn ends. */
	void (*on_due)(struct h2_stream *stream);
	/* stream->out has room again. */
	void (*on_room)(struct h2_stream *stream);
	/* Our side of the stream has left whole. */
	void (*on_sent)(struct h2_stream *stream);
	/* Ended before its time, by the other side or by its fault, or with the session. `refused`:
	 * it was not and will not be acted on. The stream is closed already. */
	void (*on_reset)(struct h2_stream *stream, enum close_reason reason, bool refused);
	/* No timeout of ours: a deadline of the stream (stream->wake_at) has come. */
	void (*on_wake)(struct h2_stream *stream);
	/* The stream was closed and is off its session: memory back. */
	void (*release)(struct h2_stream *stream);
	/* The other side said how much it takes, or that it goes. */
	void (*on_change)(struct h2_session *session);
	/* The session has ended and is freed when this returns; all streams are released. */
	void (*on_closed)(struct h2_session *session);
};

struct h2_stream {
	uint32_t kind;
	uint32_t id;
	uint32_t slot; /* in session->streams */
	struct h2_session *session;
	/* In. */
	struct http_head head;      /* the role has initialised it; trailers go to its arena, too */
	struct http_head *trailers; /* NULL: none */
	struct chain in;            /* came and was not taken */
	uint64_t length_left;       /* of a Content-Length */
	int64_t receive_window;
	uint32_t uncredited; /* taken, and the other side was not told */
	/* Out. */
	struct chain out;
	const struct http_head *out_trailers; /* borrowed; NULL: none */
	int64_t send_window;
	uint64_t sent_at;            /* session->out.n_queued behind its end */
	TAILQ_ENTRY(h2_stream) link; /* in a queue of the session: held, ready, or sent */
	TAILQ_ENTRY(h2_stream) due_link;
	struct h2_priority priority;
	struct h2_held_block *held; /* in the head's arena: header blocks that wait for room */
	mono_t wake_at;             /* on_wake is due */
	mono_t stall_at; /* the other side must have opened the window; MONO_NEVER: it is open */
	bool head_read, in_ended;    /* in: a final head has come; its end has come */
	bool head_sent, out_closing; /* out: the head was put; the end follows what is in `out` */
	bool out_ended;              /* the end was put */
	bool starved;                /* on_room is due */
	bool queued_ready, queued_sent, queued_due, queued_held;
	bool wants_body, body_told; /* who takes `in` has room; it has had all, and the end */
	bool closed;
	uint8_t n_interims;
};
TAILQ_HEAD(h2_stream_queue, h2_stream);

/* What the sessions of a listener (or of a pool's origins) share. */
struct h2_shared {
	struct loop *loop;
	struct slab *slab;
	struct metric_block *metrics;
	struct h2_limits limits;
	struct buf scratch; /* header blocks are composed here */
};
void h2_shared_init(struct h2_shared *shared, struct loop *loop, struct slab *slab,
		    struct metric_block *metrics, const struct h2_limits *limits);
void h2_shared_fini(struct h2_shared *shared);

/* conn is moved, also on failure. Nothing happens before h2_session_start(). Errors: -ENOMEM. */
int h2_session_new(const struct h2_role *role, struct h2_shared *shared, void *owner,
		   struct conn *conn, struct h2_session **ret_session);
/* `first` came on the conn already. */
void h2_session_start(struct h2_session *session, struct span first);
/* Ends at once; streams get on_reset(reason), then on_closed follows. */
void h2_session_end(struct h2_session *session, enum close_reason reason);
/* What is due, and output, at the end of this turn. */
void h2_session_run_later(struct h2_session *session);
/* No new streams: GOAWAY; ends with its last stream. */
void h2_session_drain(struct h2_session *session);

void *h2_session_owner(const struct h2_session *session);
struct conn *h2_session_conn(const struct h2_session *session);
struct h2_shared *h2_session_shared(const struct h2_session *session);
size_t h2_session_n_streams(const struct h2_session *session);
bool h2_session_is_draining(const struct h2_session *session); /* by either side */

/* ---- the client's side ---- */

/* May a stream be opened now? */
bool h2_session_has_room(const struct h2_session *session);
bool h2_session_is_greeted(const struct h2_session *session);    /* the first SETTINGS have come */
bool h2_session_knows_connect(const struct h2_session *session); /* RFC 8441 */
/* Gives the stream its number. The session has room. Errors: -ENOMEM. */
int h2_session_open(struct h2_session *session, struct h2_stream *stream);

/* ---- streams ---- */

void h2_stream_init(struct h2_stream *stream, struct h2_session *session);
/* Puts a header block (of h2_encode) out, or keeps it (in the arena of the stream's head) until
 * there is room; `end`: nothing follows. Errors: -ENOMEM, -ENOBUFS. */
int h2_stream_send_block(struct h2_stream *stream, struct span block, bool end);
/* As responder_ops.send_body. */
void h2_stream_send_body(struct h2_stream *stream, struct chain *body, bool end);
/* on_due(), once. */
void h2_stream_due(struct h2_stream *stream);

/* Who takes a body that comes: of request_events or response_events. */
struct h2_taker {
	void (*on_trailers)(void *arg, const struct http_head *trailers);
	void (*on_body)(void *arg, struct chain *body, bool end);
	void *arg;
	int64_t timeout_ms; /* without progress: on_wake; 0: however long it takes */
};
/* There is room: hands on what is there (h2_stream_deliver() at the latest when due). */
void h2_stream_want_body(struct h2_stream *stream, int64_t timeout_ms);
/* Hands on what has come of a wanted body; the taker may close the stream. */
void h2_stream_deliver(struct h2_stream *stream, const struct h2_taker *taker);
/* on_wake at `at`; MONO_NEVER: not. */
void h2_stream_wake(struct h2_stream *stream, mono_t at);
/* Nothing more of it is wanted or due. What has not ended is reset with `error`. */
void h2_stream_close(struct h2_stream *stream, enum h2_error error);
/* The same for a fault of the other side: it counts. */
void h2_stream_refuse(struct h2_stream *stream, enum h2_error error);
