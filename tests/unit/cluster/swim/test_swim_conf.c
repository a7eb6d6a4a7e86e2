/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void shipped_numbers_can_be_lived_by(void **state)
{
	(void)state;
	assert_null(swim_conf_wrong(&swim_conf_region));
	assert_null(swim_conf_wrong(&swim_conf_wan));
}

static void wrong_number_is_named(void **state)
{
	(void)state;
	struct swim_conf conf = swim_conf_region;

	conf.probe_timeout_max_ms = conf.probe_period_ms;
	assert_string_equal(swim_conf_wrong(&conf), "probe_timeout_max_ms");
	conf = swim_conf_region;
	conf.gossip_fanout = 0;
	assert_string_equal(swim_conf_wrong(&conf), "gossip_fanout");
}

static void numbers_grow_slowly_with_the_group(void **state)
{
	(void)state;
	assert_int_equal(swim_suspicion_min_ms(&swim_conf_region, 8), 1200);
	assert_int_equal(swim_suspicion_min_ms(&swim_conf_region, 1000), 2250);
	assert_int_equal(swim_suspicion_min_ms(&swim_conf_wan, 8), 2000);
	assert_int_equal(swim_suspicion_min_ms(&swim_conf_wan, 1000), 3600);
	assert_int_equal(swim_sync_period_ms(&swim_conf_region, 32), 10000);
	assert_int_equal(swim_sync_period_ms(&swim_conf_region, 33), 20000);
	assert_int_equal(swim_sync_period_ms(&swim_conf_region, 1024), 60000);
	assert_int_equal(swim_spread_times(&swim_conf_region, 9), 6);
	assert_int_equal(swim_spread_times(&swim_conf_region, 999), 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_numbers_can_be_lived_by),
		cmocka_unit_test(wrong_number_is_named),
		cmocka_unit_test(numbers_grow_slowly_with_the_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
