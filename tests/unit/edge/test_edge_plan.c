/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/edge_plan: a file is made ready for use, or said to be wrong.
 */
#include "edge_test.h"

#include "edge/edge_plan.h"

static const char head[] =
	"node: {name: n, region: r}\n"
	"pools: [{name: app, origins: [{address: '127.0.0.1:81'}]}]\n"
	"services: [{name: web, hosts: [a.example], routes: [{path: {prefix: /}, "
	"proxy: {pool: app}}]}]\n";

static int read_plan(const char *tail, struct buf *errors, struct edge_plan **ret_plan)
{
	char path[64], text[4096];

	snprintf(text, sizeof(text), "%s%s", head, tail);
	edge_test_file(path, text);
	buf_init(errors, 65536);
	int r = edge_plan_read(path, NULL, errors, ret_plan);
	unlink(path);
	return r;
}

static void right_file_becomes_a_plan(void **state)
{
	struct edge_plan *plan;
	struct buf errors;

	(void)state;
	assert_int_equal(read_plan("listeners: [{name: http, address: '127.0.0.1:80'}]\n"
				   "access_log: {}\n",
				   &errors, &plan),
			 EDGE_PLAN_MADE);
	const struct service *service = service_find(plan->services, SPAN_LIT("a.example"));
	assert_non_null(service);
	assert_non_null(route_find(&service->routes, SPAN_LIT("/x")));
	assert_non_null(plan->log_format.template);
	assert_null(plan->pool_tls[0]);
	assert_null(plan->certs->sets[0]);
	edge_plan_unref(plan);
	edge_plan_unref(NULL);
	buf_fini(&errors);
}

static void what_is_wrong_with_other_files_is_told_too(void **state)
{
	struct edge_plan *plan;
	struct buf errors;

	(void)state;
	assert_int_equal(
		read_plan("listeners:\n"
			  "  - name: https\n"
			  "    address: '127.0.0.1:443'\n"
			  "    tls: {certificates: [{certificate: /nonexistent.crt, key: k}]}\n"
			  "access_log: {template: $nope}\n"
			  "nonsense: 1\n",
			  &errors, &plan),
		EDGE_PLAN_WRONG);
	const char *text = buf_text(&errors);
	assert_non_null(strstr(text, ":7:"));
	assert_non_null(strstr(text, "nonexistent.crt"));
	assert_non_null(strstr(text, ":8:"));
	assert_non_null(strstr(text, "nope"));
	assert_non_null(strstr(text, ":9:"));
	buf_fini(&errors);
}

static void missing_file_is_wrong(void **state)
{
	struct edge_plan *plan;
	struct buf errors;

	(void)state;
	buf_init(&errors, 65536);
	assert_int_equal(edge_plan_read("/nonexistent.yaml", NULL, &errors, &plan),
			 EDGE_PLAN_WRONG);
	assert_non_null(strstr(buf_text(&errors), "/nonexistent.yaml"));
	buf_fini(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_file_becomes_a_plan),
		cmocka_unit_test(what_is_wrong_with_other_files_is_told_too),
		cmocka_unit_test(missing_file_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
