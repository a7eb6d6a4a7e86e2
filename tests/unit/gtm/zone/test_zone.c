/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/zone/zone.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/gtm/server/dns_stage.h"

static struct span wire(const char *text, uint8_t *name)
{
	return span_of(name, zone_name_from_text(text, name));
}

static void the_longest_apex_has_the_name(void **state)
{
	(void)state;
	static const char text[] = "@ 60 SOA ns h 9 1 1 1 1\n@ 60 NS ns.example.net.\n";
	uint8_t name[ZONE_MAX_NAME];
	struct zone_set *set;

	assert_int_equal(zone_set_new(&set), 0);
	assert_int_equal(zone_set_add(set, stage_zone("test", text, NULL, 0)), 0);
	assert_int_equal(zone_set_add(set, stage_zone("sub.test", text, NULL, 0)), 0);
	assert_int_equal(zone_set_add(set, stage_zone("sub.test", text, NULL, 0)), -EEXIST);
	assert_int_equal(zone_set_n_zones(set), 2);
	const struct zone *sub = zone_set_find(set, wire("x.sub.test", name));
	assert_int_equal(zone_name(sub).len, 10);
	assert_int_equal(zone_serial(sub), 9);
	assert_int_equal(zone_name(zone_set_find(set, wire("xsub.test", name))).len, 6);
	assert_null(zone_set_find(set, wire("example.net", name)));
	assert_ptr_equal(zone_set_of(zone_set_snapshot(set)), set);
	snapshot_unref(zone_set_snapshot(set));
}

static void names_are_found_denied_or_referred(void **state)
{
	(void)state; /* RFC 1034 4.3.2, RFC 4592 3.3.1 */
	static const struct {
		const char *name;
		int outcome;
	} rows[] = { { "example.test", ZONE_FOUND },
		     { "b.empty.example.test", ZONE_FOUND },
		     { "x.wild.example.test", ZONE_FOUND },
		     { "x.below.wild.example.test", ZONE_NXDOMAIN },
		     { "child.example.test", ZONE_REFERRAL },
		     { "x.child.example.test", ZONE_REFERRAL },
		     { "no.example.test", ZONE_NXDOMAIN } };
	struct stage *stage = stage_new();
	const struct zone *zone = zone_set_at(stage->zones, 0);
	const struct zone_node *node;
	uint8_t name[ZONE_MAX_NAME];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(zone_lookup(zone, wire(rows[i].name, name), &node),
				 rows[i].outcome);
	assert_int_equal(zone_exact(zone, wire("www.geo.example.test", name))->steer, 0);
	assert_null(zone_exact(zone, wire("x.wild.example.test", name)));
	stage_free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_apex_has_the_name),
		cmocka_unit_test(names_are_found_denied_or_referred),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
