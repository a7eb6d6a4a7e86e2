/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch: one request to an origin and its response, with all the tries that it took.
 *
 * A fetch is an object of its own: counted, with an arena of its own, and no part of the exchange
 * that began it. Who wants its response subscribes with a few functions and a pointer; who has left
 * is not called any more. It holds its world, so a reload does not disturb it. On one worker's
 * thread; no function of a subscriber is called from inside a call of the fetch.
 */
#pragma once

#include "edge/exchange/env.h"

struct fetch;

/* clang-format off */
#define FETCH_STATES(X) \
	X(IDLE)    /* between two tries; or no try is left, and the subscriber is about to hear it */ \
	X(CONNECT) /* a new connection is being made                                              */ \
	X(HEAD)    /* the request is on its way, the response's head has not come                 */ \
	X(BODY)    /* the response's head has come                                                */ \
	X(ENDED)
/* clang-format on */

enum fetch_state {
#define X(NAME) FETCH_##NAME,
	FETCH_STATES(X)
#undef X
};
enum { FETCH_N_STATES = FETCH_ENDED + 1 };
const char *fetch_state_name(enum fetch_state state);
extern const unsigned fetch_may_follow[FETCH_N_STATES]; /* bits: 1 << state */

struct fetch_events {
	/* 1xx, but for 100, which we ask for in nobody's name. Borrowed for the call. */
	void (*on_interim)(void *subscriber, const struct http_head *head);
	/* Lives as long as the subscriber's reference to the fetch. `end`: no body follows. */
	void (*on_head)(void *subscriber, struct http_head *head, bool end);
	/* Takes what it has room for; fetch_want_body() for more. */
	void (*on_body)(void *subscriber, struct chain *body, bool end);
	/* Body in a pipe, which is moved; likewise. After fetch_use_pipes() alone. */
	void (*on_pipe)(void *subscriber, struct splice_pipe *pipe);
	/* Before the on_body with `end`; lives as the head does. */
	void (*on_trailers)(void *subscriber, const struct http_head *trailers);
	/* The origin takes request body: at first, and again after fetch_send_body() left some. */
	void (*on_ready)(void *subscriber);
	/* No response, or none that is whole. The last call. */
	void (*on_failed)(void *subscriber, enum close_reason reason);
};

struct fetch_setup {
	struct exchange_env *env;
	struct exchange_world *world; /* a reference is taken */
	uint32_t pool;                /* its place in the world */
	/* Borrowed until the subscriber leaves. */
	const struct http_head *request;
	const struct fetch_events *events;
	void *subscriber;
	/* Who asks, and where: for a pool that wants a PROXY header. As `request`. */
	const struct addr *from, *to;
};

/* Begins; one reference is the caller's, for fetch_leave(). Errors: -ENOMEM. */
int fetch_begin(const struct fetch_setup *setup, struct fetch **ret_fetch);
/* The subscriber is not called any more, and its reference is given back. A fetch that nobody wants
 * ends; a tunnel that both sides have ended first brings its last bytes to the origin. NULL is
 * fine. */
void fetch_leave(struct fetch *fetch);

/* Another subscriber takes the place of the one that is, and its reference, while the head is said
 * or after; `request` stands for as long as it does. */
void fetch_hand_over(struct fetch *fetch, const struct http_head *request,
		     const struct fetch_events *events, void *subscriber);

/* May fetch_send_body() be called? Not before on_ready, and not when it has ended. */
bool fetch_takes_body(const struct fetch *fetch);
/* As requester_ops.send_body. Errors: -ENOMEM: leave. */
int fetch_send_body(struct fetch *fetch, struct chain *body, bool end);
/* What follows the body, before the fetch_send_body() with `end`, under the same condition;
 * borrowed until the subscriber leaves. */
void fetch_set_trailers(struct fetch *fetch, const struct http_head *trailers);
/* There is room for (more) response body. Nothing when it has ended. */
void fetch_want_body(struct fetch *fetch);

/* From on_head on: body may come by on_pipe, too. */
void fetch_use_pipes(struct fetch *fetch, struct splice_pool *pool);

/* Ends the fetches that are alone, frees those that env keeps: for exchange_env_fini(). */
void fetch_stock_free(struct exchange_env *env);

struct arena *fetch_arena(struct fetch *fetch);               /* of the response's head */
const struct origin *fetch_origin(const struct fetch *fetch); /* asked last; NULL: none was */
uint32_t fetch_n_tries(const struct fetch *fetch);
