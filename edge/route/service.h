/* SPDX-License-Identifier: Apache-2.0
 *
 * service: which service a host belongs to. An exact name wins over a wildcard, a longer wildcard
 * over a shorter, and "*" takes what is left. `*.example.com` fits every name below example.com, at
 * any depth, and not example.com itself. A map is built once and then only read: any thread.
 */
#pragma once

#include "edge/route/error_page.h"
#include "edge/route/route.h"

struct hsts_conf {
	bool set;
	int64_t max_age_ms;
	bool include_subdomains, preload;
};

struct service_conf {
	const char *name; /* by which GTM steers */
	const char **hosts;
	size_t n_hosts;
	struct route_conf *routes;
	size_t n_routes;
	uint64_t max_body_bytes; /* of a request; 0: no limit */
	bool trace;              /* TRACE is handed on */
	struct hsts_conf hsts;   /* RFC 6797 */
	struct error_page_conf *error_pages;
	size_t n_error_pages;
	uint32_t degraded_below_pct; /* of the capacity of its origins */
};

struct service {
	const struct service_conf *conf; /* borrowed */
	struct span hsts;                /* the field's value; empty: none */
	struct route_table routes;
};

struct service_map;

/* The configuration is borrowed and was checked. Errors: -ENOMEM, -EINVAL. */
int service_map_new(const struct service_conf *confs, size_t n_confs,
		    const struct route_pools *pools, struct service_map **ret_map);
void service_map_free(struct service_map *map); /* NULL is fine */
/* `host` in lower case, without port or trailing dot; may be empty. NULL: nobody serves it. */
const struct service *service_find(const struct service_map *map, struct span host);
