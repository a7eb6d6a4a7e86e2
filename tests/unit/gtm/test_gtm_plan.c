/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/gtm_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int read_plan(const char *zone, struct buf *errors, struct gtm_plan **ret_plan)
{
	char folder[] = "/tmp/test-plan-XXXXXX", conf[64], file[64];

	assert_non_null(mkdtemp(folder));
	snprintf(conf, sizeof(conf), "%s/gtm.yaml", folder);
	snprintf(file, sizeof(file), "%s/zone", folder);
	FILE *out = fopen(conf, "w");
	fputs("node: {name: gtm-1, region: eu}\n"
	      "dns:\n  listen: ['127.0.0.1:5353']\n  zones:\n"
	      "    - {name: example.test, file: zone, steer: [{name: www.example.test, service: "
	      "web}]}\n"
	      "regions: [{name: eu, static_addresses: [192.0.2.1]}]\n"
	      "fallback: {www.example.test: [192.0.2.9]}\n",
	      out);
	fclose(out);
	if (zone) {
		out = fopen(file, "w");
		fputs(zone, out);
		fclose(out);
	}
	buf_init(errors, 65536);
	int r = gtm_plan_read(conf, errors, ret_plan);
	unlink(file);
	unlink(conf);
	rmdir(folder);
	return r;
}

static void a_right_file_is_a_plan_and_a_world(void **state)
{
	(void)state;
	struct gtm_plan *plan;
	struct gtm_world *world;
	struct buf errors;

	assert_int_equal(
		read_plan("@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns.example.net.\n", &errors, &plan),
		GTM_PLAN_MADE);
	assert_int_equal(zone_set_n_zones(plan->zones), 1);
	assert_int_equal(plan->steer.n_names, 1);
	assert_int_equal(plan->steer.names[0].n_fallback, 1);
	assert_int_equal(plan->steer.names[0].ttl_s, 30);
	assert_int_equal(gtm_world_new(plan, NULL, &world), 0);
	gtm_plan_unref(plan);
	gtm_world_unref(world);
	buf_fini(&errors);
}

static void a_wrong_or_missing_zone_is_told(void **state)
{
	(void)state;
	struct gtm_plan *plan;
	struct buf errors;

	assert_int_equal(read_plan("@ 60 NS ns\nx A 1\n", &errors, &plan), GTM_PLAN_WRONG);
	assert_non_null(strstr(buf_text(&errors), "zone:2: "));
	buf_fini(&errors);
	assert_int_equal(read_plan(NULL, &errors, &plan), GTM_PLAN_WRONG);
	assert_non_null(strstr(buf_text(&errors), "cannot be read"));
	buf_fini(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_file_is_a_plan_and_a_world),
		cmocka_unit_test(a_wrong_or_missing_zone_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
