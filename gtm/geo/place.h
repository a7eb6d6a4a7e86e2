/* SPDX-License-Identifier: Apache-2.0
 *
 * place: points on the earth: countries, and the great circle between two points. Any thread.
 */
#pragma once

#include "core/span.h"

struct geo_place {
	double latitude, longitude; /* degrees */
	bool known;
};

/* Where the people of a country are, by its ISO 3166-1 code in capitals. */
struct geo_place place_of_country(struct span code);
/* Along the surface; both must be known. */
double place_distance_km(struct geo_place a, struct geo_place b);
