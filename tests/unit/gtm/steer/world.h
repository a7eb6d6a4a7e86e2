/* SPDX-License-Identifier: Apache-2.0
 *
 * world: three regions and a view of edges in them, for the tests of steering.
 */
#pragma once

#include "gtm/geo/geo.h"
#include "gtm/steer/steer.h"

enum { WORLD_MAX_MEMBERS = 32 };

struct world {
	struct prefix allowed[3];
	struct steer_region_conf regions[3];
	struct steer_name_conf name;
	struct steer_conf conf;
	struct geo_ranking *geo;
	struct view *view;
	struct steer_table *table;
};

struct world *world_new(void);
void world_free(struct world *w);
/* Adds n live edges of a region, each with one address and the service "web". */
void world_edges(struct world *w, const char *region, size_t n, enum health_state health);
/* (Re)builds the table from what the view says now. */
void world_build(struct world *w);

struct addr world_ip(const char *text);
struct client_net world_client(const char *ip);
/* The name of the region that this client gets. */
const char *world_choose(struct world *w, const char *ip);
/* The member that client number i, in eu-west, gets. */
const struct view_member *world_edge_for(struct world *w, unsigned i);
bool world_is_image_of(const struct rr_image *image, const struct view_member *member);
/* How many different edges 256 clients of eu-west get. */
size_t world_distinct(struct world *w);
