/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/gtm/steer/world.h"

static char *explain(struct world *w, const char *ip)
{
	struct client_net net = world_client(ip);
	CLEANUP(json_drop) json_t *json = steer_explain(w->table, 0, &net);

	assert_non_null(json);
	return json_dumps(json, JSON_COMPACT);
}

static void an_explanation_names_country_distances_health_and_edge(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_edges(w, "us-east", 1, HEALTH_DOWN);
	world_build(w);
	CLEANUP(free_drop) char *text = explain(w, "193.1.0.1");
	assert_non_null(strstr(text, "IE"));
	assert_non_null(strstr(text, "eu-west "));
	assert_non_null(strstr(text, " km"));
	assert_non_null(strstr(text, "us-east is down: its edges say it does not work"));
	assert_non_null(strstr(text, "\"region\":\"eu-west\""));
	assert_non_null(strstr(text, "203.0.113.1"));
	world_free(w);
}

static void without_knowledge_it_says_so(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_build(w);
	CLEANUP(free_drop) char *text = explain(w, "193.1.0.1");
	assert_non_null(strstr(text, "SERVFAIL"));
	assert_non_null(strstr(text, "\"region\":null"));
	world_free(w);
}

static void the_table_is_told_as_json(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 2, HEALTH_UP);
	world_build(w);
	CLEANUP(json_drop) json_t *json = steer_to_json(w->table);
	json_t *row = json_array_get(json, 0);
	assert_string_equal(json_string_value(json_object_get(row, "name")),
			    "www.meridian.example");
	json_t *region = json_array_get(json_object_get(row, "regions"), 0);
	assert_true(json_is_true(json_object_get(region, "up")));
	assert_int_equal(json_integer_value(json_object_get(region, "working_edges")), 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_explanation_names_country_distances_health_and_edge),
		cmocka_unit_test(without_knowledge_it_says_so),
		cmocka_unit_test(the_table_is_told_as_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
