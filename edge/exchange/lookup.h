/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup: what an exchange has to do with the cache: the key, what is stored, whom it waits for,
 * and what it reads. One an exchange of a route that caches, in the exchange's arena.
 */
#pragma once

#include "edge/cache/load.h"
#include "edge/cache/rules.h"
#include "edge/cache/store.h"
#include "edge/exchange/exchange_priv.h"
#include "edge/exchange/fill.h"
#include "edge/exchange/wake.h"

/* How the cache was of use, for Cache-Status (RFC 9211), the log and the counters. */
/* clang-format off */
#define LOOKUP_OUTCOMES(X) \
	X(NONE,        "-")           /* no cache was asked */ \
	X(HIT,         "hit")         /* stored, and fresh */ \
	X(STALE,       "stale")       /* stored, stale, and allowed to serve */ \
	X(REVALIDATED, "revalidated") /* stored, and the origin said that it still holds */ \
	X(MISS,        "miss")        /* an origin was asked, and its response is shared */ \
	X(COLLAPSED,   "collapsed")   /* somebody else had asked already */ \
	X(PASS,        "pass")        /* an origin's response for this client alone */ \
	X(BYPASS,      "bypass")      /* by configuration, or at the client's wish */
/* clang-format on */
enum lookup_outcome {
#define X(ID, word) LOOKUP_##ID,
	LOOKUP_OUTCOMES(X)
#undef X
		LOOKUP_N_OUTCOMES
};

struct serve_parts;

struct lookup {
	const struct cache_rules *rules;
	struct cache_key key;
	struct cache_control control;    /* the request's */
	const struct cache_control *say; /* it; NULL: it has none */
	enum lookup_outcome outcome;
	bool bypass, no_store;
	struct cache_object *stored; /* a reference: not fresh enough */
	struct cache_flight *flight; /* a reference */
	bool leads;                  /* we have begun it */
	struct fill *fill;           /* ours; NULL: none, or it has ended */
	struct wake *wake;           /* owned; how it waits for the flight */
	struct cache_reader reader;  /* once it is known what is served */
	struct chain body;           /* read, and not taken by the responder */
	struct http_head *own;       /* fields for this client alone; in the arena; NULL: none */
	struct serve_parts *parts;   /* in the arena; NULL: the body is one run of bytes */
	bool served;                 /* from the reader */
	bool reads;                  /* the flight knows that we do */
	bool trailed;                /* the responder was told the trailers, if there are any */
	struct addr origin;          /* that the fill asked; len 0: none */
	uint32_t n_tries;
	unsigned n_rounds;
};

/* Is this request one that a cache may answer? What changes something goes to the origin, and makes
 * what is stored of it untrue. */
bool lookup_applies(const struct http_head *request);
const char *lookup_outcome_name(enum lookup_outcome outcome);

enum exchange_step step_lookup(struct exchange *x);
/* A look at the flight: serve, go on alone, or wait. */
enum exchange_step lookup_watch(struct exchange *x);
enum lookup_wait { LOOKUP_WAITS, LOOKUP_CHANGED };
/* The exchange is run when the flight is not (state, filled) any more. LOOKUP_CHANGED: it is not
 * by now. Errors: -ENOMEM. */
int lookup_wait(struct exchange *x, enum flight_state state, uint64_t filled);
/* It waits for nobody any more. */
void lookup_leave(struct exchange *x);
/* All is given back. Nothing when there is none. */
void lookup_fini(struct exchange *x);

/* ---- what its fill says -------------------------------------------------------------------------
 */

/* An origin has answered. */
void lookup_asked(struct exchange *x, const struct fetch *fetch);
/* Of a response that is shared these fields are for us alone. Errors: -ENOBUFS. */
int lookup_own_fields(struct exchange *x, const struct http_head *own);
/* The response is for us alone, and so is the fetch; its head has come. */
void lookup_hand_over(struct exchange *x, struct fetch *fetch, struct http_head *head, bool end);
void lookup_fill_ended(struct exchange *x);
/* The origin has failed: may what is stored serve this client after all (RFC 5861 4)? Then it does,
 * and waits for the flight no more. */
bool lookup_outlives(struct exchange *x);

/* An origin has answered this client alone. An unsafe request that has succeeded makes what is
 * stored of its URL untrue (RFC 9111 4.4), as does a HEAD that speaks of something else (4.3.5). */
void lookup_heard(struct exchange *x, const struct http_head *response);
