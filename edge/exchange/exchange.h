/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange: one request and its response, whatever the version of HTTP. It begins with a complete
 * head and drives the rest: where to, from whom, and the bytes both ways. The request's body and
 * the response's are two pumps that do not wait for each other.
 *
 * Its states are those that have work today; a guard adds GUARD.
 * docs/fsm/exchange.dot draws them. The worker's thread.
 */
#pragma once

#include "edge/exchange/env.h"

struct exchange;

/* clang-format off */
#define EXCHANGE_STATES(X) \
	X(ROUTE,   route)   /* a complete head: host and path to a service and its action      */ \
	X(LOOKUP,  lookup)  /* the cache is asked, or somebody's fetch is waited for           */ \
	X(BUFFER,  buffer)  /* the request's body is read whole, before an origin is asked     */ \
	X(FETCH,   fetch)   /* an origin is asked; its head has not come                       */ \
	X(DELIVER, deliver) /* head and body to the client, an origin's or our own             */ \
	X(TUNNEL,  tunnel)  /* bytes both ways that are no HTTP: WebSocket                     */ \
	X(FINISH,  finish)  /* log, count, give all back                                       */
/* clang-format on */

enum exchange_state {
#define X(NAME, step) EXCHANGE_##NAME,
	EXCHANGE_STATES(X)
#undef X
};
enum { EXCHANGE_N_STATES = EXCHANGE_FINISH + 1 };
const char *exchange_state_name(enum exchange_state state);
extern const unsigned exchange_may_follow[EXCHANGE_N_STATES]; /* bits: 1 << state */

/* exchange_maker.begin; `env` is a struct exchange_env. The responder is not called from inside. */
void *exchange_begin(void *env, struct responder *responder, struct http_head *head,
		     enum close_reason fault, struct arena *arena,
		     const struct request_events **ret_events);
