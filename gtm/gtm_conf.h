/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_conf: the configuration file of meridian-gtm, bound to structs.
 */
#pragma once

#include "cluster/cluster_conf.h"
#include "core/common_conf.h"
#include "gtm/steer/steer.h"

struct gtm_steer_conf {
	const char *name, *service;
	int policy;
	int64_t ttl_ms;
	uint32_t answers;
};

struct gtm_zone_conf {
	const char *name, *file;
	struct gtm_steer_conf *steer;
	size_t n_steer;
};

struct gtm_dns_conf {
	struct addr *listen;
	size_t n_listen;
	uint32_t workers;
	int64_t tcp_idle_timeout_ms;
	uint32_t tcp_connections;
	struct gtm_zone_conf *zones;
	size_t n_zones;
};

struct gtm_region_conf {
	const char *name;
	struct node_location location;
	struct prefix *addresses;
	size_t n_addresses;
	struct addr *static_addresses;
	size_t n_static_addresses;
};

struct gtm_fallback_conf {
	const char *name;
	struct addr *addresses;
	size_t n_addresses;
};

struct gtm_geography_conf {
	const char *database;
	const char **country_path;
	size_t n_country_path;
};

struct gtm_conf {
	struct node_conf node;
	struct gtm_cluster_part {
		bool set;
		struct cluster_conf conf;
	} cluster;
	struct admin_section admin;
	struct log_section log;
	struct process_section process;
	struct gtm_dns_conf dns;
	struct gtm_region_conf *regions;
	size_t n_regions;
	struct gtm_fallback_conf *fallback;
	size_t n_fallback;
	struct gtm_geography_conf geography;
};

extern const struct conf_section gtm_section;
/* What tables cannot say; adds to conf's errors. */
void gtm_conf_check(struct conf *conf, const struct gtm_conf *gtm);
