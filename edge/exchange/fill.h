/* SPDX-License-Identifier: Apache-2.0
 *
 * fill: a fetch whose response is to be stored: it asks an origin, judges what comes, and lets an
 * object grow from it for all who wait (edge/cache/store.h), on whatever thread they are.
 *
 * It is no part of the exchange that began it, which may end before; none may have. A response that
 * is not to be stored is that exchange's alone: its fetch is handed over to it, and whoever else
 * waits asks for himself. On the thread of its worker.
 */
#pragma once

#include "edge/cache/rules.h"
#include "edge/cache/store.h"
#include "edge/exchange/fetch.h"

struct fill;

struct fill_setup {
	struct exchange_env *env;
	struct exchange_world *world; /* a reference is taken */
	uint32_t pool;
	const struct cache_rules *rules; /* of the world */
	struct cache_flight *flight;     /* the reference moves; we lead it */
	const struct cache_key *key;     /* copied */
	struct cache_object *stored;     /* a reference is taken: to be validated; NULL: none */
	const struct http_head *asked;   /* as the client sent it; copied */
	const struct http_head *request; /* as the origin is to get it; copied, and made
					    conditional */
	const struct addr *from, *to;    /* copied; NULL: unknown */
	struct exchange *leader;         /* NULL: nobody waits for it here */
};

/* Errors: -ENOMEM, -ENOBUFS: the flight has failed, and its reference is given back. */
int fill_begin(const struct fill_setup *setup, struct fill **ret_fill);
/* The exchange that began it does not wait any more. */
void fill_leave(struct fill *fill);
/* Ends all: for exchange_env_fini(). */
void fill_stop_all(struct exchange_env *env);
