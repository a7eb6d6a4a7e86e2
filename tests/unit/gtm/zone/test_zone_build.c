/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gtm/zone/zone.h"

#define APEX SPAN_LIT("\4test\0")
#define WWW  SPAN_LIT("\3www\4test\0")

static const uint8_t soa[22] = {
	0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 60
};

static struct zone_builder *begin(void)
{
	struct zone_builder *builder;

	assert_int_equal(zone_builder_new(APEX, &builder), 0);
	assert_int_equal(zone_builder_add(builder, APEX, 6, 300, span_of(soa, 22)), 0);
	assert_int_equal(zone_builder_add(builder, APEX, 2, 300, WWW), 0);
	return builder;
}

static void equal_records_are_one_with_the_least_ttl(void **state)
{
	(void)state; /* RFC 2181 5, 5.2; RFC 2308 5 */
	struct zone_builder *builder = begin();
	struct zone *zone;
	const char *why;

	zone_builder_add(builder, WWW, 1, 90, SPAN_LIT("\1\2\3\4"));
	zone_builder_add(builder, WWW, 1, 30, SPAN_LIT("\1\2\3\4"));
	zone_builder_add(builder, WWW, 1, 60, SPAN_LIT("\1\2\3\5"));
	assert_int_equal(zone_builder_finish(builder, &zone, &why), 0);
	const struct rr_image *set = zone_node_set(zone_exact(zone, WWW), 1);
	assert_int_equal(set->n_records, 2);
	assert_int_equal(set->ttl_s, 30);
	assert_int_equal(zone_serial(zone), 5);
	assert_int_equal(zone_denial_soa(zone)->ttl_s, 60);
	zone_free(zone);
}

static void many_names_are_all_found(void **state)
{
	(void)state;
	struct zone_builder *builder = begin();
	uint8_t name[] = "\3"
			 "000\4test";
	struct zone *zone;
	const char *why;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 4000; i++) {
			name[1] = (uint8_t)(i >> 8);
			name[2] = (uint8_t)i;
			if (round == 0)
				zone_builder_add(builder, span_of(name, 10), 1, 1,
						 SPAN_LIT("abcd"));
			else
				assert_non_null(zone_exact(zone, span_of(name, 10)));
		}
		if (round == 0)
			assert_int_equal(zone_builder_finish(builder, &zone, &why), 0);
	}
	assert_int_equal(zone_n_nodes(zone), 4001);
	zone_free(zone);
}

static void what_may_not_stand_together_is_refused(void **state)
{
	(void)state; /* RFC 1034 3.6.2, RFC 2181 10.1 */
	for (unsigned i = 0; i < 3; i++) {
		struct zone_builder *builder = begin();
		struct zone *zone = NULL;
		const char *why = NULL;
		if (i < 2)
			zone_builder_add(builder, WWW, 5, 1, APEX);
		if (i == 0)
			zone_builder_add(builder, WWW, 5, 1, WWW);
		else
			zone_builder_add(builder, WWW, 1, 1, SPAN_LIT("abcd"));
		if (i == 2)
			zone_builder_steer(builder, WWW, 0);
		assert_int_equal(zone_builder_finish(builder, &zone, &why), -EINVAL);
		assert_non_null(why);
	}
}

static void a_zone_needs_soa_and_ns_and_its_own_names(void **state)
{
	(void)state; /* RFC 1035 5.2 */
	struct zone_builder *builder;
	struct zone *zone = NULL;
	const char *why;

	assert_int_equal(zone_builder_new(APEX, &builder), 0);
	assert_int_equal(zone_builder_add(builder, SPAN_LIT("\3net\0"), 1, 1, APEX), -ERANGE);
	assert_int_equal(zone_builder_finish(builder, &zone, &why), -EINVAL);
	assert_int_equal(zone_builder_new(APEX, &builder), 0);
	assert_int_equal(zone_builder_add(builder, APEX, 6, 1, span_of(soa, 22)), 0);
	assert_int_equal(zone_builder_finish(builder, &zone, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_records_are_one_with_the_least_ttl),
		cmocka_unit_test(many_names_are_all_found),
		cmocka_unit_test(what_may_not_stand_together_is_refused),
		cmocka_unit_test(a_zone_needs_soa_and_ns_and_its_own_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
