/* SPDX-License-Identifier: Apache-2.0
 *
 * route: a hash of all prefixes, asked once for each length that occurs, longest first. So the cost
 * grows with the number of different lengths, not with the number of routes.
 */
#include "edge/route/route.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/store.h"

static int compare_lengths(const void *a, const void *b)
{
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	return left < right ? 1 : left > right ? -1 : 0;
}

/* Sorts lengths, longest first, and keeps each once. */
static void lengths_sort(struct route_table *table)
{
	size_t n = 0;

	qsort(table->lengths, table->n_routes, sizeof(*table->lengths), compare_lengths);
	for (size_t i = 0; i < table->n_routes; i++) {
		if (n == 0 || table->lengths[n - 1] != table->lengths[i])
			table->lengths[n++] = table->lengths[i];
	}
	table->n_lengths = n;
}

static int cache_init(struct route *route, const struct route_pools *pools)
{
	const struct cache_rules_conf *conf = &route->conf->cache;
	char reterr[160];

	if (!conf->set)
		return 0;
	for (size_t i = 0; i < pools->n_caches; i++) {
		if (strcmp(cache_name(pools->caches[i]), conf->store) == 0)
			return err_pass(
				cache_rules_new(conf, pools->caches[i], &route->cache, reterr));
	}
	return err_new(-EINVAL);
}

static int route_init(struct route *route, const struct route_conf *conf,
		      const struct route_pools *pools)
{
	route->conf = conf;
	route->prefix = span_str(conf->path.prefix);
	if (conf->respond.set) {
		route->action = ROUTE_RESPOND;
		return 0;
	}
	route->action = ROUTE_PROXY;
	for (size_t i = 0; i < pools->n; i++) {
		if (strcmp(pools->names[i], conf->proxy.pool) == 0) {
			route->pool = (uint32_t)i;
			return err_pass(cache_init(route, pools));
		}
	}
	return err_new(-EINVAL);
}

static int routes_fill(struct route_table *table, const struct route_conf *confs,
		       const struct route_pools *pools)
{
	for (size_t i = 0; i < table->n_routes; i++) {
		struct route *route = &table->routes[i];
		int r = route_init(route, &confs[i], pools);
		if (r < 0)
			return err_pass(r);
		if (!TABLE_ADD(table->by_prefix, route->prefix, route))
			return err_new(-ENOMEM);
		table->lengths[i] = route->prefix.len;
	}
	return 0;
}

int route_table_init(struct route_table *table, const struct route_conf *confs, size_t n_confs,
		     const struct route_pools *pools)
{
	*table = (struct route_table){ .n_routes = n_confs };
	table->routes = calloc(n_confs + 1, sizeof(*table->routes));
	table->lengths = calloc(n_confs + 1, sizeof(*table->lengths));
	int r = table->routes && table->lengths ? routes_fill(table, confs, pools)
						: err_new(-ENOMEM);
	if (r < 0) {
		route_table_fini(table);
		return err_pass(r);
	}
	lengths_sort(table);
	return 0;
}

void route_table_fini(struct route_table *table)
{
	struct route *route, *next;

	TABLE_FOREACH (table->by_prefix, route, next)
		TABLE_DELETE(table->by_prefix, route);
	for (size_t i = 0; table->routes && i < table->n_routes; i++)
		cache_rules_free(table->routes[i].cache);
	free(table->routes);
	free(table->lengths);
	*table = (struct route_table){ 0 };
}

const struct route *route_find(const struct route_table *table, struct span path)
{
	for (size_t i = 0; i < table->n_lengths; i++) {
		struct route *route;
		if (table->lengths[i] > path.len)
			continue;
		TABLE_FIND(table->by_prefix, span_first(path, table->lengths[i]), route);
		if (route)
			return route;
	}
	return NULL;
}
