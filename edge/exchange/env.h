/* SPDX-License-Identifier: Apache-2.0
 *
 * env: what an exchange is lent by its worker, which it never sees. One an env worker; touched by
 * that worker's thread alone.
 *
 * What a reload changes is in a world. Each exchange and each fetch holds the world that it began
 * in, so a new configuration changes nothing under their feet; the count is plain, for a world is
 * the worker's own.
 */
#pragma once

#include "edge/balance/pool.h"
#include "edge/cache/load.h"
#include "edge/exchange/forward.h"
#include "edge/origin/origin.h"
#include "edge/origin/pool_conf.h"
#include "edge/report/access_log.h"
#include "edge/route/service.h"

#include <bsd/sys/queue.h>

struct exchange_pool {
	const struct pool_conf *conf;
	struct pool *pool;
	struct origin_set *origins;
};

struct exchange_world {
	uint32_t n_refs;
	void (*free)(struct exchange_world *world);
	const struct service_map *services;
	const struct forward_conf *forward;
	struct error_pages *const *error_pages; /* of the edge, then of each service; NULL: none */
	const struct service_conf *service_confs;   /* in that order */
	const struct access_log_format *log_format; /* NULL: no access log */
	int64_t total_timeout_ms;                   /* of an exchange; 0: none */
	int64_t tunnel_idle_ms;
	struct exchange_pool *pools;
	size_t n_pools;
};

static inline struct exchange_world *exchange_world_ref(struct exchange_world *world)
{
	world->n_refs++;
	return world;
}
static inline void exchange_world_unref(struct exchange_world *world)
{
	if (world && --world->n_refs == 0)
		world->free(world);
}

/* Exchanges and fetches that have ended, with their memory, for the next ones: in steady state
 * nothing is allocated. */
SLIST_HEAD(exchange_stock, exchange);
SLIST_HEAD(fetch_stock, fetch);
LIST_HEAD(fetch_list, fetch);
LIST_HEAD(fill_list, fill);

struct exchange_env {
	struct loop *loop;
	struct slab *slab;
	struct splice_pool *pipes; /* NULL: none */
	struct metric_block *metrics;
	struct access_log *log; /* NULL: none */
	requester_begin_fn begin_requester;
	const char *node, *region;
	struct rng rng;               /* of requests' ids */
	struct exchange_world *world; /* the present one: a reference */
	struct exchange_stock exchanges;
	struct fetch_stock fetches;
	uint32_t n_stocked_exchanges, n_stocked_fetches;
	struct mailbox *mailbox;  /* the worker's: other threads wake what waits here */
	struct cache_loads loads; /* responses on their way out of a disk */
	struct fill_list fills;   /* responses on their way into a cache */
	struct fetch_list alone;  /* tunnels whose last bytes are on their way to an origin */
};

/* Frees the stock; no exchange may be open, no fetch running. The world is the worker's to unref.
 */
void exchange_env_fini(struct exchange_env *env);
