/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/control_plan: what a reload does, and what a bad one does not.
 */
#include "control_stage.h"

static int64_t n_failed(void)
{
	return metric_read("meridian_config_reloads_failed_total", NULL);
}

static void good_file_is_taken(void **state)
{
	struct control_stage stage;

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	control_stage_write(
		&stage, "listeners: [{name: http, address: '127.0.0.1:0'}]\n"
			"pools: [{name: two, origins: [{address: '127.0.0.1:3'}]}]\n"
			"services: [{name: new, hosts: ['*'], routes: [{path: {prefix: /}, proxy: "
			"{pool: two}}]}]\n");
	control_reload(stage.control);
	assert_int_equal(metric_read("meridian_config_reloads_total", NULL), 1);
	assert_int_equal(n_failed(), 0);
	assert_string_equal(control_plan(stage.control)->edge->services[0].name, "new");
	EDGE_LOOP_UNTIL(stage.loop, control_origins(stage.control)->pools[0].n_origins == 1);
	assert_string_equal(control_origins(stage.control)->pools[0].name, "two");
	control_stage_close(&stage);
}

static void bad_file_changes_nothing_and_is_counted(void **state)
{
	struct control_stage stage;

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	const struct edge_plan *before = control_plan(stage.control);
	control_stage_write(&stage, "nonsense: 1\n");
	control_reload(stage.control);
	assert_int_equal(n_failed(), 1);
	assert_ptr_equal(control_plan(stage.control), before);
	unlink(stage.path);
	control_reload(stage.control);
	assert_int_equal(n_failed(), 2);
	control_stage_close(&stage);
}

static void new_listener_that_cannot_be_had_changes_nothing(void **state)
{
	struct control_stage stage;

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	const struct edge_plan *before = control_plan(stage.control);
	control_stage_write(&stage,
			    "listeners: [{name: http, address: '192.0.2.1:80'}]\n"
			    "services: [{name: w, hosts: ['*'], routes: [{path: {prefix: /}, "
			    "respond: {}}]}]\n");
	control_reload(stage.control);
	assert_int_equal(n_failed(), 1);
	assert_ptr_equal(control_plan(stage.control), before);
	control_stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_file_is_taken),
		cmocka_unit_test(bad_file_changes_nothing_and_is_counted),
		cmocka_unit_test(new_listener_that_cannot_be_had_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
