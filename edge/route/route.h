/* SPDX-License-Identifier: Apache-2.0
 *
 * route: what a service does with a path. The longest prefix that fits wins, whatever the order in
 * the file. A table is built once and then only read: any thread.
 */
#pragma once

#include "core/table.h"
#include "edge/cache/rules.h"

struct route_proxy_conf {
	bool set;
	const char *pool;
	const char **upgrade; /* protocols that may be asked for; not set: "websocket" */
	size_t n_upgrade;
	bool upgrade_set;
	uint64_t buffer_request_bytes; /* 0: a request's body is streamed */
};

struct route_respond_conf {
	bool set;
	uint32_t status;
	const char *body; /* NULL: none */
	const char *content_type;
};

struct route_conf {
	struct route_path_conf {
		const char *prefix;
	} path;
	/* Exactly one of these is set. */
	struct route_proxy_conf proxy;
	struct route_respond_conf respond;
	struct cache_rules_conf cache; /* with `proxy` */
	uint64_t max_body_bytes;       /* of a request; 0: as the service says */
};

enum route_action { ROUTE_PROXY, ROUTE_RESPOND };

struct route {
	UT_hash_handle hh;
	const struct route_conf *conf; /* borrowed */
	struct span prefix;
	enum route_action action;
	uint32_t pool;             /* ROUTE_PROXY: its place among the pools */
	struct cache_rules *cache; /* owned; NULL: nothing is stored */
};

struct route_table {
	struct route *routes;    /* owned, n_routes of them */
	struct route *by_prefix; /* the table's head */
	size_t *lengths;         /* owned: of all prefixes, each once, longest first */
	size_t n_routes, n_lengths;
};

/* What routes name: the pools' names, in the order of the configuration, and the caches. */
struct route_pools {
	const char *const *names;
	size_t n;
	struct cache *const *caches;
	size_t n_caches;
};

/* The configuration is borrowed and was checked: prefixes differ, pools are there. Errors: -ENOMEM,
 * -EINVAL (it was not). */
int route_table_init(struct route_table *table, const struct route_conf *confs, size_t n_confs,
		     const struct route_pools *pools);
void route_table_fini(struct route_table *table); /* a zeroed one is fine */
/* NULL: no prefix fits. */
const struct route *route_find(const struct route_table *table, struct span path);
