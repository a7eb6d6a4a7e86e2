/* SPDX-License-Identifier: Apache-2.0
 *
 * origin_view: one allocation and an arena; freed with its last reference, on whatever thread.
 */
#include "edge/origin/origin_view.h"

#include "core/hash.h"
#include "core/obj.h"

enum { MAX_BYTES = 64 << 20 };

static void view_free(struct snapshot *snapshot)
{
	struct origin_view *view = CONTAINER_OF(snapshot, struct origin_view, snapshot);

	arena_fini(&view->arena);
	free(view);
}

struct origin_view *origin_view_new(size_t n_pools)
{
	struct origin_view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	snapshot_init(&view->snapshot, view_free);
	arena_init(&view->arena, MAX_BYTES);
	view->n_pools = n_pools;
	view->pools = arena_take(&view->arena, (n_pools + 1) * sizeof(*view->pools));
	if (!view->pools) {
		origin_view_unref(view);
		return NULL;
	}
	memset(view->pools, 0, n_pools * sizeof(*view->pools));
	return view;
}

const struct origin_pool_fact *origin_view_pool(const struct origin_view *view, const char *name)
{
	for (size_t i = 0; i < view->n_pools; i++) {
		if (strcmp(view->pools[i].name, name) == 0)
			return &view->pools[i];
	}
	return NULL;
}

uint64_t origin_id(const char *pool, const char *server, const struct addr *addr)
{
	uint64_t id = hash_fixed(span_str(pool), 0);

	id = hash_fixed(span_str(server), id);
	return hash_fixed(addr_ip(addr), id + addr_port(addr));
}

void origin_share_add(struct origin_share *share, const struct origin_pool_fact *pool)
{
	share->n_origins += (uint32_t)pool->n_origins + pool->n_servers_unresolved;
	share->weight += pool->unresolved_weight;
	for (size_t i = 0; i < pool->n_origins; i++) {
		const struct origin_fact *fact = &pool->origins[i];
		share->weight += fact->weight;
		if (pool->checked && fact->state == ORIGIN_UNKNOWN)
			share->n_pending++;
		if (!origin_usable(fact))
			continue;
		share->n_up++;
		share->weight_up += fact->weight;
	}
}

uint16_t origin_share_pct(const struct origin_share *share)
{
	if (share->weight == 0)
		return 100;
	return (uint16_t)(share->weight_up * 100 / share->weight);
}
