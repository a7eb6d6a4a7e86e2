/* SPDX-License-Identifier: Apache-2.0
 *
 * roles: the two borders between an exchange and the versions of HTTP. Towards the client a
 * `responder` (http1/h1_server fills it in; http2/h2_server will), towards an origin a `requester`
 * (http1/h1_client; http2/h2_client will). Neither side knows more of the other than what is here.
 *
 * A request and its response are two independent bodies, each a pump of its own: a response may
 * begin, and end, before the request's body has. Body bytes move as chains; what a side cannot take
 * stays in the giver's chain, and the giver is called when there is room: that is all of the
 * back-pressure. Everything runs on one worker's thread. Nobody calls back from inside a call: what
 * follows from a call comes in a later callback (or at the end of this turn).
 *
 * Where both sides can and nobody looks at them, bytes of a response's body may pass in pipes of
 * the kernel's instead (core/net/splice.h): the exchange lets the requester use_pipes(), gets
 * filled ones by on_pipe, and gives them to send_pipe(). They keep their place among the chains.
 *
 * Trailers are told before the end of the body that they follow, in the fields of a head that has
 * nothing else; the end of the body is theirs, too.
 *
 * A tunnel is a request with `upgrade` and a response of 101 with HTTP_BODY_TUNNEL. The request had
 * no body; with the 101 both bodies begin anew, as bytes until each side ends. HTTP/2 says 200 for
 * it and keeps what RFC 8441 has no use for to itself.
 */
#pragma once

#include "core/chain.h"
#include "core/net/conn.h"
#include "edge/http/message.h"
#include "edge/report/reasons.h"

struct responder;
struct requester;

/* ---- towards the client -------------------------------------------------------------------- */

/* What a protocol's server side calls on the exchange it was given (exchange/exchange.c fills it
 * in). */
struct request_events {
	/* Request body has come, in order. Takes what it has room for out of `body`; what stays is
	 * kept by the server side, which pauses its reading until responder_ops.want_body(). `end`:
	 * no more comes after what is in `body` (said again with each call until the chain is
	 * empty). */
	void (*on_body)(void *exchange, struct chain *body, bool end);
	/* The request's trailers, before the on_body with `end`. They live as long as the head. */
	void (*on_trailers)(void *exchange, const struct http_head *trailers);
	/* There is room for response bytes again, after send_body left some. */
	void (*on_writable)(void *exchange);
	/* The client broke the rules in its body, or was too slow with it, and nothing of a
	 * response was said: the exchange answers with the reason's status. No more of the body
	 * comes. */
	void (*on_fault)(void *exchange, enum close_reason reason);
	/* The client has gone, or broke the protocol, before the response ended. The responder is
	 * not to be called again; the exchange ends by itself. */
	void (*on_gone)(void *exchange, enum close_reason reason);
	/* The whole response, end included, has left us (or is in the kernel's hands): finish and
	 * log. The responder is not to be called again. */
	void (*on_sent)(void *exchange);
};

struct responder_ops {
	/* An interim response (100, 103): none or several before the head. */
	int (*send_interim)(struct responder *responder, const struct http_head *head);
	/* The head, once. It is framed for the client's version: chunked, length, or until close;
	 * Date and Connection are the server side's business. `end`: no body follows. Errors:
	 * -ENOBUFS, -ENOMEM. */
	int (*send_head)(struct responder *responder, const struct http_head *head, bool end);
	/* Takes from `body` what it has room for; on_writable follows when some stayed. `end`: the
	 * response ends when the chain is empty. Bytes may wait in the responder until the turn's
	 * end, then leave in one write with all else. */
	int (*send_body)(struct responder *responder, struct chain *body, bool end);
	/* After the head: may the body come by send_pipe(), too? NULL: never. */
	bool (*takes_pipes)(struct responder *responder);
	/* Takes all that is in the pipe, which is lent until it is empty: at once when `bytes` says
	 * so, else on_writable tells, and no body is to be sent before. With on_gone or abort() it
	 * is given back as it is. Errors: as send_body. */
	int (*send_pipe)(struct responder *responder, struct splice_pipe *pipe);
	/* What follows the body, before the send_body with `end`; not sent to who cannot take it.
	 * Borrowed until then. */
	void (*set_trailers)(struct responder *responder, const struct http_head *trailers);
	/* The exchange has room for request body again. (At the start it has: on_body comes unasked
	 * once the exchange has called this the first time; with Expect: 100-continue the first
	 * call sends the 100.) */
	void (*want_body)(struct responder *responder);
	/* The response cannot be finished (the origin broke off): the client must be able to tell
	 * (RFC 9112 8: close without the last chunk). on_gone does not follow. */
	void (*abort)(struct responder *responder, enum close_reason reason);
	/* The underlying conn, for variables and RTT; never written by the exchange. It stands
	 * until on_gone or on_sent has returned, or abort was called. */
	struct conn *(*conn)(struct responder *responder);
};

struct responder {
	const struct responder_ops *ops;
};

/* How a server side gets its exchanges: worker.c hands this to the listeners. */
struct exchange_maker {
	/* A request with a complete head; or what is known of one that is refused for `fault`
	 * (REASON_DONE: none), which is answered, logged and counted like any other. `arena` holds
	 * the head's bytes and is the exchange's to use until on_sent/on_gone/abort; it belongs to
	 * the responder. NULL without memory: answer 500 and close. */
	void *(*begin)(void *arg, struct responder *responder, struct http_head *head,
		       enum close_reason fault, struct arena *arena,
		       const struct request_events **ret_events);
	void *arg;
	struct slab *slab;
	struct loop *loop;
	struct metric_block *metrics;
};

/* ---- towards an origin --------------------------------------------------------------------- */

/* What a protocol's client side calls on the fetch that uses it (exchange/fetch.c fills it in). */
struct response_events {
	/* 100 or 103. `head` is borrowed for the call. */
	void (*on_interim)(void *fetch, const struct http_head *head);
	/* The head; its spans live in the arena given to begin(). `end`: no body follows. */
	void (*on_head)(void *fetch, struct http_head *head, bool end);
	/* As request_events.on_body. */
	void (*on_body)(void *fetch, struct chain *body, bool end);
	/* The same in a pipe, which is moved: want_body() for more. After use_pipes() alone. */
	void (*on_pipe)(void *fetch, struct splice_pipe *pipe);
	/* As request_events.on_trailers; in the arena given to begin(). */
	void (*on_trailers)(void *fetch, const struct http_head *trailers);
	void (*on_writable)(void *fetch); /* room for request body again */
	/* The origin failed: before or after the head. `untouched`: the origin cannot have begun to
	 * act on the request (a kept connection was closed before a byte of an answer, or nothing
	 * was sent), so it may be tried elsewhere. The requester is then not to be called again. */
	void (*on_failed)(void *fetch, enum close_reason reason, bool untouched);
	/* The response has ended cleanly; the requester has given its connection back (or closed
	 * it, as when the request had not been given whole) and is not to be called again. Its last
	 * on_body has run. */
	void (*on_done)(void *fetch);
};

struct requester_ops {
	/* The head, once, framed for the origin's version. `head` is borrowed for the call. */
	int (*send_head)(struct requester *requester, const struct http_head *head, bool end);
	int (*send_body)(struct requester *requester, struct chain *body,
			 bool end); /* as responder_ops */
	void (*set_trailers)(struct requester *requester, const struct http_head *trailers);
	void (*want_body)(struct requester *requester);
	/* After on_head: the body may come by on_pipe, in pipes out of this pool, where that is
	 * cheaper. NULL: it never does. */
	void (*use_pipes)(struct requester *requester, struct splice_pool *pool);
	/* Not wanted any more: closes what cannot be reused. No event follows. */
	void (*cancel)(struct requester *requester);
};

struct requester {
	const struct requester_ops *ops;
};

/* How long each step towards an origin may take; deadlines are kept by the client side. */
struct requester_limits {
	int64_t send_timeout_ms;       /* no progress in sending */
	int64_t first_byte_timeout_ms; /* request sent, no head */
	int64_t read_timeout_ms;       /* no progress in the body */
	size_t max_head_bytes;
};

/* Given an open conn (fresh or kept), makes a requester for one request. conn is moved; when it
 * ends reusable it is given to `keep(conn, keep_arg)`, else closed. Declared for each version in
 * its own header: h1_client_begin(). */
struct requester_setup {
	struct loop *loop;
	struct slab *slab;
	struct conn *conn;
	bool kept; /* the conn has served before: a close before the answer means `untouched` */
	struct arena *arena;
	struct requester_limits limits;
	const struct response_events *events;
	void *fetch;
	void (*keep)(struct conn *conn, void *arg);
	void *keep_arg;
};
typedef int (*requester_begin_fn)(const struct requester_setup *setup,
				  struct requester **ret_requester);
