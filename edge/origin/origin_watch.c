/* SPDX-License-Identifier: Apache-2.0
 *
 * origin_watch: for each configured server a resolve; for each address of it a probe, if the pool
 * has a health check. What an earlier watch knew is taken over, so that a reload neither forgets
 * who is down nor waits for DNS.
 */
#include "edge/origin/origin_watch.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/origin/probe.h"
#include "edge/origin/resolve.h"

#define WATCH_KIND  OBJ_KIND('o', 'w', 't', 'c')
#define SERVER_KIND OBJ_KIND('o', 's', 'r', 'v')

/* One address of a server. */
struct endpoint {
	uint64_t id;
	struct addr addr;
	struct origin_probe *probe; /* owned; NULL: the pool has no check */
};

struct server {
	uint32_t kind;
	struct origin_watch *watch;
	const struct pool_conf *pool;
	const struct origin_conf *conf;
	struct resolve *resolve; /* owned */
	size_t n_endpoints;
	struct endpoint endpoints[RESOLVER_MAX_ADDRS];
};

struct origin_watch {
	uint32_t kind;
	struct origin_watch_setup setup;
	struct resolver *resolver; /* owned, as is what follows */
	struct fetcher *fetcher;
	struct rng rng;
	struct loop_task task;
	struct server *servers; /* of all pools, in their order */
	size_t n_servers;
};

static void change(struct origin_watch *watch)
{
	loop_defer(watch->setup.loop, &watch->task);
}

static void on_task(void *arg)
{
	struct origin_watch *watch = OBJ_CAST(struct origin_watch, arg, WATCH_KIND);

	watch->setup.on_change(watch->setup.arg);
}

static void on_probe_change(void *arg)
{
	change(OBJ_CAST(struct origin_watch, arg, WATCH_KIND));
}

/* ---- what an earlier watch knew ----------------------------------------------------------------
 */

static const struct origin_pool_fact *pool_before(const struct server *server)
{
	const struct origin_view *before = server->watch->setup.before;

	return before ? origin_view_pool(before, server->pool->name) : NULL;
}

static struct health health_before(const struct server *server, uint64_t id)
{
	const struct origin_pool_fact *pool = pool_before(server);

	for (size_t i = 0; pool && i < pool->n_origins; i++) {
		if (pool->origins[i].id == id)
			return (struct health){ .state = pool->origins[i].state };
	}
	return (struct health){ .state = ORIGIN_UNKNOWN };
}

static size_t addrs_before(const struct server *server, struct addr *addrs)
{
	const struct origin_pool_fact *pool = pool_before(server);
	size_t n = 0;

	for (size_t i = 0; pool && i < pool->n_origins && n < RESOLVER_MAX_ADDRS; i++) {
		if (strcmp(pool->origins[i].server, server->conf->address) == 0)
			addrs[n++] = pool->origins[i].addr;
	}
	return n;
}

/* ---- addresses come and go ---------------------------------------------------------------------
 */

static int endpoint_start(struct server *server, struct endpoint *endpoint)
{
	struct origin_watch *watch = server->watch;
	const struct origin_probe_setup setup = {
		.loop = watch->setup.loop,
		.fetcher = watch->fetcher,
		.rng = &watch->rng,
		.pool = server->pool,
		.server = server->conf->address,
		.addr = endpoint->addr,
		.health = health_before(server, endpoint->id),
		.on_change = on_probe_change,
		.arg = watch,
	};

	if (!server->pool->health_check.set)
		return 0;
	return err_pass(origin_probe_start(&setup, &endpoint->probe));
}

/* The endpoint of that address, taken out of the server; an empty one when there is none. */
static struct endpoint endpoint_take(struct server *server, const struct addr *addr)
{
	for (size_t i = 0; i < server->n_endpoints; i++) {
		struct endpoint found = server->endpoints[i];
		if (!addr_eq(&found.addr, addr))
			continue;
		server->endpoints[i] = server->endpoints[--server->n_endpoints];
		return found;
	}
	return (struct endpoint){ 0 };
}

static void endpoints_stop(struct server *server)
{
	for (size_t i = 0; i < server->n_endpoints; i++)
		origin_probe_stop(server->endpoints[i].probe);
	server->n_endpoints = 0;
}

/* Keeps who is still there with its probe, stops who has gone, begins with who is new. */
static int endpoints_renew(struct server *server)
{
	struct endpoint renewed[RESOLVER_MAX_ADDRS];
	size_t n;
	const struct addr *addrs = resolve_addrs(server->resolve, &n);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		renewed[i] = endpoint_take(server, &addrs[i]);
		if (renewed[i].id)
			continue;
		renewed[i].addr = addrs[i];
		renewed[i].id = origin_id(server->pool->name, server->conf->address, &addrs[i]);
		if (r == 0)
			r = endpoint_start(server, &renewed[i]);
	}
	endpoints_stop(server);
	for (size_t i = 0; i < n; i++)
		server->endpoints[i] = renewed[i];
	server->n_endpoints = n;
	return err_pass(r);
}

static void on_resolve_change(void *arg)
{
	struct server *server = OBJ_CAST(struct server, arg, SERVER_KIND);

	/* Without memory for a probe its origin is used unchecked. */
	endpoints_renew(server);
	change(server->watch);
}

static int server_start(struct server *server)
{
	struct origin_watch *watch = server->watch;
	struct addr known[RESOLVER_MAX_ADDRS];
	const struct resolve_setup setup = {
		.loop = watch->setup.loop,
		.resolver = watch->resolver,
		.server = server->conf->address,
		.max_ttl_ms = watch->setup.max_ttl_ms,
		.known = known,
		.n_known = addrs_before(server, known),
		.on_change = on_resolve_change,
		.arg = server,
	};
	int r = resolve_start(&setup, &server->resolve);

	return r < 0 ? err_pass(r) : err_pass(endpoints_renew(server));
}

/* ---- birth and death ---------------------------------------------------------------------------
 */

static size_t servers_count(const struct origin_watch_setup *setup)
{
	size_t n = 0;

	for (size_t i = 0; i < setup->n_pools; i++)
		n += setup->pools[i].n_origins;
	return n;
}

static int pool_start(struct origin_watch *watch, const struct pool_conf *pool)
{
	for (size_t i = 0; i < pool->n_origins; i++) {
		struct server *server = &watch->servers[watch->n_servers++];
		*server = (struct server){
			.kind = SERVER_KIND, .watch = watch, .pool = pool, .conf = &pool->origins[i]
		};
		int r = server_start(server);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

static int watch_start(struct origin_watch *watch)
{
	const struct origin_watch_setup *setup = &watch->setup;
	int r = resolver_new(setup->loop, &setup->resolver, &watch->resolver);

	if (r == 0)
		r = fetcher_new(setup->loop, &watch->fetcher);
	watch->servers = calloc(servers_count(setup) + 1, sizeof(*watch->servers));
	if (r == 0 && !watch->servers)
		r = err_new(-ENOMEM);
	for (size_t i = 0; r == 0 && i < setup->n_pools; i++)
		r = pool_start(watch, &setup->pools[i]);
	return err_pass(r);
}

int origin_watch_new(const struct origin_watch_setup *setup, struct origin_watch **ret_watch)
{
	struct origin_watch *watch = OBJ_NEW(struct origin_watch, WATCH_KIND);

	if (!watch)
		return err_new(-ENOMEM);
	watch->setup = *setup;
	watch->task = (struct loop_task){ .fn = on_task, .arg = watch };
	rng_seed_os(&watch->rng);
	int r = watch_start(watch);
	if (r < 0) {
		origin_watch_free(watch);
		return err_pass(r);
	}
	change(watch);
	*ret_watch = watch;
	return 0;
}

void origin_watch_free(struct origin_watch *watch)
{
	if (!watch)
		return;
	resolver_free(watch->resolver); /* first: its questions know the resolves */
	for (size_t i = 0; i < watch->n_servers; i++) {
		endpoints_stop(&watch->servers[i]);
		resolve_free(watch->servers[i].resolve);
	}
	fetcher_free(watch->fetcher);
	loop_undefer(watch->setup.loop, &watch->task);
	free(watch->servers);
	OBJ_FREE(watch);
}

/* ---- the view ----------------------------------------------------------------------------------
 */

static const char *view_str(struct origin_view *view, const char *s)
{
	return arena_copy_str(&view->arena, span_str(s));
}

static int fact_fill(struct origin_view *view, struct origin_fact *fact,
		     const struct server *server, const struct endpoint *endpoint)
{
	const struct origin_probe *probe = endpoint->probe;

	*fact = (struct origin_fact){
		.id = endpoint->id,
		.server = view_str(view, server->conf->address),
		.addr = endpoint->addr,
		.weight = server->conf->weight,
		.state = probe ? origin_probe_health(probe).state : ORIGIN_UNKNOWN,
		.reason = view_str(view, probe ? origin_probe_reason(probe) : ""),
	};
	return fact->server && fact->reason ? 0 : err_new(-ENOMEM);
}

static size_t pool_endpoints(const struct origin_watch *watch, const struct pool_conf *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < watch->n_servers; i++) {
		if (watch->servers[i].pool == pool)
			n += watch->servers[i].n_endpoints;
	}
	return n;
}

static int pool_fill(const struct origin_watch *watch, const struct pool_conf *pool,
		     struct origin_view *view, struct origin_pool_fact *ret_pool)
{
	size_t n_max = pool_endpoints(watch, pool);

	ret_pool->name = view_str(view, pool->name);
	ret_pool->checked = pool->health_check.set;
	ret_pool->origins = arena_take(&view->arena, (n_max + 1) * sizeof(*ret_pool->origins));
	if (!ret_pool->name || !ret_pool->origins)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < watch->n_servers; i++) {
		const struct server *server = &watch->servers[i];
		if (server->pool != pool)
			continue;
		if (server->n_endpoints == 0) {
			ret_pool->n_servers_unresolved++;
			ret_pool->unresolved_weight += server->conf->weight;
		}
		for (size_t j = 0; j < server->n_endpoints; j++) {
			struct origin_fact *fact = &ret_pool->origins[ret_pool->n_origins++];
			int r = fact_fill(view, fact, server, &server->endpoints[j]);
			if (r < 0)
				return err_pass(r);
		}
	}
	return 0;
}

int origin_watch_view(const struct origin_watch *watch, struct origin_view **ret_view)
{
	struct origin_view *view = origin_view_new(watch->setup.n_pools);
	int r = view ? 0 : err_new(-ENOMEM);

	for (size_t i = 0; r == 0 && i < watch->setup.n_pools; i++)
		r = pool_fill(watch, &watch->setup.pools[i], view, &view->pools[i]);
	if (r < 0) {
		origin_view_unref(view);
		return err_pass(r);
	}
	*ret_view = view;
	return 0;
}

bool origin_watch_answered(const struct origin_watch *watch)
{
	for (size_t i = 0; i < watch->n_servers; i++) {
		if (!resolve_answered(watch->servers[i].resolve))
			return false;
	}
	return true;
}
