/* SPDX-License-Identifier: Apache-2.0
 *
 * origin_view: all origins of all pools and how they are, at one moment: the snapshot that the
 * control thread hands to the workers.
 */
#pragma once

#include "core/arena.h"
#include "core/net/addr.h"
#include "core/snapshot.h"
#include "edge/origin/health.h"

/* One address of one configured server. */
struct origin_fact {
	uint64_t id;        /* the same for the same pool, server and address, for ever */
	const char *server; /* host:port as configured; of the view */
	struct addr addr;
	uint32_t weight;
	enum origin_state state;
	const char *reason; /* why it is down; "" else; of the view */
};

struct origin_pool_fact {
	const char *name;
	struct origin_fact *origins;
	size_t n_origins;
	uint32_t n_servers_unresolved; /* configured, and no address is known */
	uint32_t unresolved_weight;
	bool checked; /* its origins' health is asked for: unknown means not yet */
};

struct origin_view {
	struct snapshot snapshot;
	struct arena arena; /* of all that is in it */
	size_t n_pools;
	struct origin_pool_fact *pools; /* in the order of the configuration */
};

/* Empty, with one reference, the caller's. NULL without memory. */
struct origin_view *origin_view_new(size_t n_pools);
static inline void origin_view_unref(struct origin_view *view)
{
	if (view)
		snapshot_unref(&view->snapshot);
}
const struct origin_pool_fact *origin_view_pool(const struct origin_view *view, const char *name);
uint64_t origin_id(const char *pool, const char *server, const struct addr *addr);

static inline bool origin_usable(const struct origin_fact *fact)
{
	return fact->state != ORIGIN_DOWN;
}

/* How much of some pools' capacity works. */
struct origin_share {
	uint32_t n_origins, n_up;
	uint32_t n_pending; /* will be checked, and were not yet */
	uint64_t weight, weight_up;
};
void origin_share_add(struct origin_share *share, const struct origin_pool_fact *pool);
/* 0 to 100, rounded down; 100 for no origins at all. */
uint16_t origin_share_pct(const struct origin_share *share);
