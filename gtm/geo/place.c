/* SPDX-License-Identifier: Apache-2.0
 *
 * place: see the header. The countries are in countries.def.
 */
#include "gtm/geo/place.h"

#include <math.h>
#include <stdlib.h>

#include "core/obj.h"

static const double earth_radius_km = 6371.0088; /* mean, IUGG */

struct country {
	char code[3];
	struct geo_place place;
};

static const struct country countries[] = {
#define COUNTRY(code, latitude, longitude) { code, { latitude, longitude, true } },
#include "gtm/geo/countries.def"
#undef COUNTRY
};

static int by_code(const void *key, const void *item)
{
	return memcmp(key, ((const struct country *)item)->code, 2);
}

struct geo_place place_of_country(struct span code)
{
	const struct country *found = NULL;

	if (code.len == 2)
		found = bsearch(code.at, countries, ARRAY_LEN(countries), sizeof(*countries),
				by_code);
	return found ? found->place : (struct geo_place){ 0 };
}

static double radians(double degrees)
{
	return degrees * M_PI / 180.0;
}

/* Haversine: right also for points that lie close together. */
double place_distance_km(struct geo_place a, struct geo_place b)
{
	MUST(a.known && b.known);
	double dlat = sin(radians(b.latitude - a.latitude) / 2);
	double dlon = sin(radians(b.longitude - a.longitude) / 2);
	double h = dlat * dlat + cos(radians(a.latitude)) * cos(radians(b.latitude)) * dlon * dlon;

	return 2 * earth_radius_km * asin(fmin(1.0, sqrt(h)));
}
