/* SPDX-License-Identifier: Apache-2.0
 *
 * geo: from a client's prefix to regions ranked by great-circle distance.
 *
 * The MMDB (country or city, the lookup path is configuration) is walked once when it is loaded, and
 * folded, with the regions' locations, into one prefix tree whose leaves are small shared rankings: a
 * query costs one match and never opens the database.
 */
#pragma once

#include "core/snapshot.h"
#include "gtm/geo/client_net.h"

struct geo_conf {
	const char *database; /* NULL: no geography */
	/* Where a record keeps its facts; NULL-terminated paths as libmaxminddb takes them. Defaults try
	 * location/latitude + location/longitude, then country/iso_code, then country_code. */
	const char *const *country_path;
};
struct geo_place {
	double latitude, longitude;
	bool known;
};

struct geo_ranking;
/* `places[i]` is where region i is. Blocks: control thread or pool. Errors are logged once, with the file:
 * -ENOENT, -EINVAL (no MMDB, or it has neither country nor location), -ENOMEM. */
int geo_ranking_new(const struct geo_conf *conf, const struct geo_place *places, size_t n_places,
		    struct geo_ranking **ret_ranking);
struct geo_ranking *geo_ranking_ref(struct geo_ranking *ranking);
void geo_ranking_unref(struct geo_ranking *ranking); /* NULL is fine */

struct geo_match {
	const uint8_t *order; /* region indexes, nearest first; n_places of them */
	const uint16_t *km;   /* distance for each place of `order`; UINT16_MAX unknown; NULL: nothing known of it */
	uint8_t scope_bits;   /* of the key (128): shortest prefix around the client with no deeper leaf inside */
};
/* One longest-prefix match. Any thread. */
struct geo_match geo_rank(const struct geo_ranking *ranking, const struct client_net *client);
