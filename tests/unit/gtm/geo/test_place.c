/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/geo/place.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct geo_place dublin = { 53.35, -6.26, true };
static const struct geo_place virginia = { 38.95, -77.45, true };
static const struct geo_place singapore = { 1.35, 103.82, true };

static void assert_near(double value, double expected, double within)
{
	assert_true(value > expected - within && value < expected + within);
}

static void distances_are_those_of_the_globe(void **state)
{
	(void)state;
	assert_near(place_distance_km(dublin, virginia), 5450, 60);
	assert_near(place_distance_km(dublin, singapore), 11200, 120);
	assert_near(place_distance_km(singapore, singapore), 0, 0.001);
	struct geo_place fiji = { -18.1, 178.4, true }, samoa = { -13.8, -171.8, true };
	assert_near(place_distance_km(fiji, samoa), 1150, 60); /* across the date line */
}

static void countries_are_found_by_their_code(void **state)
{
	(void)state;
	assert_true(place_of_country(SPAN_LIT("IE")).known);
	assert_near(place_distance_km(place_of_country(SPAN_LIT("IE")), dublin), 0, 300);
	assert_near(place_distance_km(place_of_country(SPAN_LIT("SG")), singapore), 0, 60);
	assert_true(place_of_country(SPAN_LIT("AD")).known);
	assert_true(place_of_country(SPAN_LIT("ZW")).known);
	assert_false(place_of_country(SPAN_LIT("zz")).known);
	assert_false(place_of_country(SPAN_LIT("IRL")).known);
	assert_false(place_of_country(SPAN_NONE).known);
}

static void countries_lie_nearest_to_the_region_that_people_expect(void **state)
{
	(void)state;
	static const struct {
		const char *code;
		int nearest;
	} rows[] = { { "IE", 0 }, { "DE", 0 }, { "NG", 0 }, { "EG", 0 }, { "US", 1 }, { "CA", 1 },
		     { "BR", 1 }, { "MX", 1 }, { "JP", 2 }, { "IN", 2 }, { "AU", 2 }, { "ID", 2 } };
	const struct geo_place *regions[] = { &dublin, &virginia, &singapore };
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct geo_place place = place_of_country(span_str(rows[i].code));
		int best = 0;
		for (int r = 1; r < 3; r++) {
			if (place_distance_km(place, *regions[r]) <
			    place_distance_km(place, *regions[best]))
				best = r;
		}
		if (best != rows[i].nearest)
			fail_msg("%s goes to region %d", rows[i].code, best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances_are_those_of_the_globe),
		cmocka_unit_test(countries_are_found_by_their_code),
		cmocka_unit_test(countries_lie_nearest_to_the_region_that_people_expect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
