/* SPDX-License-Identifier: Apache-2.0
 *
 * steer: which region, and there which edge, a client is sent to.
 *
 * A steer table is an immutable snapshot: it is built on the control thread from the configuration,
 * the geography and the cluster's view, whenever one of them changed, and handed to each worker. It
 * has the answers ready as wire images, so a choice is: one longest-prefix match for the ranking of
 * regions, a walk over it to the first that is up, a hash of the prefix for the edge inside.
 */
#pragma once

#include "cluster/view.h"
#include "core/json.h"
#include "core/snapshot.h"
#include "gtm/geo/client_net.h"
#include "gtm/zone/image.h"

enum { STEER_MAX_ANSWERS = 8, STEER_MAX_REGIONS = 64 };

/* What the configuration says (gtm_conf.c binds it). */
struct steer_region_conf {
	const char *name;
	double latitude, longitude;
	bool has_location;
	const struct prefix *addresses; /* what an edge of that region may claim */
	size_t n_addresses;
	/* Of edges that are not in the cluster: always held to be up. */
	const struct addr *static_addresses;
	size_t n_static_addresses;
};
struct steer_name_conf {
	const char *name;    /* "api.example.com" */
	const char *service; /* as edges call it */
	uint32_t ttl_s;
	unsigned n_answers;
	const struct addr *fallback; /* before anything is known */
	size_t n_fallback;
};
struct steer_conf { /* borrowed for as long as tables made from it live */
	const struct steer_region_conf *regions; /* in the configured order */
	size_t n_regions;
	const struct steer_name_conf *names; /* index = what steer_choose() is given */
	size_t n_names;
};

struct geo_ranking; /* gtm/geo/geo.h */
struct steer_table;

/* `geo` may be NULL: the configured order for all. `view` may be NULL: nothing known yet.
 * References are taken. Control thread. Errors: -ENOMEM. */
int steer_table_new(const struct steer_conf *conf, struct geo_ranking *geo, struct view *view,
		    struct steer_table **ret_table);
struct snapshot *steer_table_snapshot(struct steer_table *table);

enum steer_outcome {
	STEER_CHOSEN = 0,  /* images, may be none: NODATA for this type */
	STEER_NOTHING = 1, /* nothing known and no fallback: SERVFAIL with an EDE */
};
struct steer_answer {
	const struct rr_image *images[STEER_MAX_ANSWERS]; /* borrowed from the table */
	size_t n_images;
	uint32_t ttl_s;
	uint8_t scope_bits; /* ECS scope, in the family's own counting (RFC 7871 7.2.1) */
	int region;         /* index in the configuration; -1: fallback */
};
/* `type`: 1 A or 28 AAAA. Any worker; no lock, no allocation. */
int steer_choose(const struct steer_table *table, size_t name, uint16_t type,
		 const struct client_net *client, struct steer_answer *ret_answer);

/* Logs what changed from one table to the next: a region that went down or came up for a name, an
 * address that was claimed and is not allowed, fail open. `old` may be NULL. */
void steer_table_log_changes(const struct steer_table *old_table,
			     const struct steer_table *new_table);

/* The same choice, told step by step with its numbers, for `meridianctl explain`. Owned by the
 * caller. */
json_t *steer_explain(const struct steer_table *table, size_t name,
		      const struct client_net *client);
/* Regions and services as this GTM sees them, for /status. */
json_t *steer_to_json(const struct steer_table *table);
