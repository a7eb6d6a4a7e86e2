/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange_priv: what exchange.c (the states) and deliver.c (the way back to the client) share.
 */
#pragma once

#include "edge/exchange/body_buffer.h"
#include "edge/exchange/exchange.h"
#include "edge/exchange/fetch.h"

#define EXCHANGE_KIND OBJ_KIND('x', 'c', 'h', 'g')

/* What a step says to the driver. */
enum exchange_step { STEP_AGAIN, STEP_WAIT };

struct exchange {
	uint32_t kind;
	enum exchange_state state;
	enum close_reason reason; /* why it ends, or why we answer ourselves */
	SLIST_ENTRY(exchange) stocked;
	struct exchange_env *env;
	struct exchange_world *world; /* a reference */
	struct responder *responder;
	struct http_head *request;  /* in the arena */
	struct http_head *upstream; /* the same as the origin gets it */
	struct arena *arena;        /* the responder's */
	struct conn *conn;          /* the client's, as long as the responder */
	struct client client;
	const struct service *service; /* NULL: none was found */
	const struct route *route;
	struct fetch *fetch;              /* a reference; NULL: none was begun */
	struct lookup *lookup;            /* in the arena; NULL: no cache was asked */
	const struct http_head *response; /* ours or the fetch's; NULL: none yet */
	bool own;                         /* the response is ours */
	bool begun;                       /* its head was sent */
	struct span own_body;             /* what is left of it; arena or static */
	struct splice_pipe *pipe;         /* owned, lent to the responder; NULL: none */
	struct body_buffer *buffer;       /* in the arena; NULL: the request's body is not held */
	const struct http_head *trailers; /* of the request, with `buffer`; NULL: none */
	struct span upgrade;              /* the protocol that the origin is asked for */
	uint64_t max_body_bytes;          /* of the request; 0: any */
	struct loop_task task;            /* runs the machine at the end of the turn */
	struct loop_timer total;          /* TUNNEL: when it has idled too long */
	mono_t began_at;
	int64_t first_byte_us;
	uint64_t request_bytes, response_bytes;
	uint64_t piped_bytes; /* of the response's */
};

void exchange_goto(struct exchange *x, enum exchange_state next);
/* What is known of it by now; borrowed from it. */
void exchange_facts(const struct exchange *x, struct facts *ret_facts);
void exchange_run(struct exchange *x);
/* x->upstream: what an origin is to get. Errors: -ENOBUFS. */
int exchange_upstream_make(struct exchange *x);

/* ---- deliver.c ---------------------------------------------------------------------------------
 */

extern const struct fetch_events exchange_fetch_events;

/* Prepares an answer of ours; it is sent at the end of the turn. What a fetch still
 * says comes too late. */
void exchange_answer(struct exchange *x, unsigned status, struct span content_type,
		     struct span body);
/* The same with a short text page that names the reason. */
void exchange_refuse(struct exchange *x, enum close_reason reason);
/* The exchange cannot go on: a page if nothing was sent yet, else the client sees a broken end. */
void exchange_fail(struct exchange *x, enum close_reason reason);
/* TUNNEL: bytes have moved. */
void exchange_stir(struct exchange *x);
enum exchange_step step_deliver(struct exchange *x);
/* What every response of the service says. Errors: -ENOBUFS. */
int exchange_head_finish(const struct exchange *x, struct http_head *head);
/* The responder has room again. */
void exchange_pump(struct exchange *x);
/* The responder has given the pipe back; what is still in it was not sent. */
void exchange_pipe_drop(struct exchange *x);
