/* SPDX-License-Identifier: Apache-2.0
 *
 * service: one hash of all hosts as they are written in the configuration. A name is asked for
 * itself, then for each of its parents with a "*" before it: `*.b.example`, `*.example`; then "*".
 */
#include "edge/route/service.h"

#include <ctype.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/obj.h"

#define SERVICE_MAP_KIND OBJ_KIND('s', 'v', 'c', 'm')

enum { MAX_HOST_BYTES = 256, HOSTS_MAX_BYTES = 64 << 20 };

struct host {
	UT_hash_handle hh;
	struct span name; /* for a wildcard what follows its star: ".example.com" */
	const struct service *service;
};

struct service_map {
	uint32_t kind;
	size_t n_services;
	struct service *services; /* owned */
	struct arena arena;       /* of the hosts */
	struct host *exact, *wildcards;
	const struct service *rest; /* "*" */
};

/* In lower case; .at is NULL without memory. */
static struct span host_copy(struct service_map *map, struct span name)
{
	uint8_t *copy = arena_take_bytes(&map->arena, name.len);

	for (size_t i = 0; copy && i < name.len; i++)
		copy[i] = (uint8_t)tolower(name.at[i]);
	return span_of(copy, copy ? name.len : 0);
}

static int table_add(struct host **table, struct host *host)
{
	return TABLE_ADD(*table, host->name, host) ? 0 : err_new(-ENOMEM);
}

static int host_add(struct service_map *map, struct span name, const struct service *service)
{
	bool is_wildcard = span_starts(name, SPAN_LIT("*."));
	struct host *host = ARENA_NEW(&map->arena, struct host);

	if (span_eq(name, SPAN_LIT("*"))) {
		map->rest = service;
		return 0;
	}
	if (!host)
		return err_new(-ENOMEM);
	host->service = service;
	host->name = host_copy(map, span_from(name, is_wildcard));
	if (!host->name.at)
		return err_new(-ENOMEM);
	return err_pass(is_wildcard ? table_add(&map->wildcards, host)
				    : table_add(&map->exact, host));
}

static int hsts_make(struct service_map *map, struct service *service)
{
	const struct hsts_conf *hsts = &service->conf->hsts;

	if (!hsts->set)
		return 0;
	service->hsts = span_str(arena_printf(&map->arena, "max-age=%lld%s%s",
					      (long long)(hsts->max_age_ms / MS_PER_S),
					      hsts->include_subdomains ? "; includeSubDomains" : "",
					      hsts->preload ? "; preload" : ""));
	return service->hsts.at ? 0 : err_new(-ENOMEM);
}

static int service_init(struct service_map *map, struct service *service,
			const struct route_pools *pools)
{
	const struct service_conf *conf = service->conf;

	for (size_t i = 0; i < conf->n_hosts; i++) {
		int r = host_add(map, span_str(conf->hosts[i]), service);
		if (r < 0)
			return err_pass(r);
	}
	int r = hsts_make(map, service);
	if (r < 0)
		return err_pass(r);
	return err_pass(route_table_init(&service->routes, conf->routes, conf->n_routes, pools));
}

int service_map_new(const struct service_conf *confs, size_t n_confs,
		    const struct route_pools *pools, struct service_map **ret_map)
{
	struct service_map *map = OBJ_NEW(struct service_map, SERVICE_MAP_KIND);
	int r = 0;

	if (!map)
		return err_new(-ENOMEM);
	arena_init(&map->arena, HOSTS_MAX_BYTES);
	map->services = calloc(n_confs + 1, sizeof(*map->services));
	if (!map->services)
		r = err_new(-ENOMEM);
	for (size_t i = 0; r == 0 && i < n_confs; i++) {
		map->services[i].conf = &confs[i];
		map->n_services = i + 1;
		r = service_init(map, &map->services[i], pools);
	}
	if (r < 0) {
		service_map_free(map);
		return err_pass(r);
	}
	*ret_map = map;
	return 0;
}

void service_map_free(struct service_map *map)
{
	struct host *host, *next;

	if (!map)
		return;
	TABLE_FOREACH (map->exact, host, next)
		TABLE_DELETE(map->exact, host);
	TABLE_FOREACH (map->wildcards, host, next)
		TABLE_DELETE(map->wildcards, host);
	for (size_t i = 0; i < map->n_services; i++)
		route_table_fini(&map->services[i].routes);
	free(map->services);
	arena_fini(&map->arena);
	OBJ_FREE(map);
}

const struct service *service_find(const struct service_map *map, struct span host)
{
	struct host *found;

	MUST(map->kind == SERVICE_MAP_KIND);
	if (host.len > MAX_HOST_BYTES)
		return map->rest;
	TABLE_FIND(map->exact, host, found);
	if (found)
		return found->service;
	if (!map->wildcards)
		return map->rest;
	for (size_t at = span_find(host, '.'); at < host.len;
	     at += 1 + span_find(span_from(host, at + 1), '.')) {
		TABLE_FIND(map->wildcards, span_from(host, at), found);
		/* ".example.com" has no name before its dot, and is none. */
		if (found && at > 0)
			return found->service;
	}
	return map->rest;
}
