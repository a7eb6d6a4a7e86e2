/* SPDX-License-Identifier: Apache-2.0
 *
 * geo: from a client's prefix to regions ranked by great-circle distance.
 *
 * The MMDB (country or city; where its records keep their facts is configuration) is walked once
 * when it is loaded, and folded, with the regions' locations, into one prefix tree whose leaves are
 * small shared rankings: a query costs one match and never opens the database.
 */
#pragma once

#include "gtm/geo/client_net.h"
#include "gtm/geo/place.h"

enum { GEO_MAX_PATH = 8, GEO_MAX_REGIONS = 64 };

struct geo_conf {
	const char *database;
	/* Where a record keeps its country's code: NULL-terminated, as libmaxminddb takes it. NULL:
	 * country/ iso_code, then country_code. A record's location/latitude and /longitude go
	 * first. */
	const char *const *country_path;
};

struct geo_ranking; /* immutable, refcounted; any thread */

/* `places[i]` is where region i is; regions without a place are ranked last, in their order. Blocks
 * for about a tenth of a second: control thread or pool. Errors are logged here, once, with the
 * file: -ENOENT, -EINVAL (no MMDB), -ENOMEM. */
int geo_ranking_new(const struct geo_conf *conf, const struct geo_place *places, size_t n_places,
		    struct geo_ranking **ret_ranking);
struct geo_ranking *geo_ranking_ref(struct geo_ranking *ranking);
void geo_ranking_unref(struct geo_ranking *ranking); /* NULL is fine */
size_t geo_ranking_n_regions(const struct geo_ranking *ranking);

struct geo_match {
	const uint8_t
		*order; /* region indexes, nearest first; NULL: nothing is known of this client */
	uint8_t scope_bits; /* shortest prefix around the client inside which the order is one, in
			     * the family's own counting */
};
/* One longest-prefix match; no allocation, no lock. */
struct geo_match geo_rank(const struct geo_ranking *ranking, const struct client_net *client);

/* For people: what the database says of this client, and how far each region is. Opens the
 * database. */
struct geo_origin {
	char country[3]; /* "" when the record has none */
	struct geo_place place;
	double km[GEO_MAX_REGIONS]; /* < 0: unknown */
};
void geo_locate(const struct geo_ranking *ranking, const struct client_net *client,
		struct geo_origin *ret_origin);
