/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/control: the life of the process, from the first socket to the last.
 */
#include "control_stage.h"

#include <signal.h>

#include "fsm.h"

static void drawing_and_code_agree(void **state)
{
	const char *names[CONTROL_N_PHASES];

	(void)state;
	for (size_t i = 0; i < CONTROL_N_PHASES; i++)
		names[i] = control_phase_name((enum control_phase)i);
	const struct fsm fsm = { "docs/fsm/control.dot", names, control_may_follow,
				 CONTROL_N_PHASES };
	fsm_compare(&fsm);
}

static void edge_serves_says_so_and_drains_at_sigterm(void **state)
{
	struct control_stage stage;
	char text[16] = "";

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	assert_int_equal(read(stage.ready_fd, text, sizeof(text) - 1), 6);
	assert_string_equal(text, "ready\n");
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(control_run(stage.control), PROCESS_EXIT_OK);
	assert_true(control_is_draining(stage.control));
	assert_int_equal(stage.control->n_drained, 2);
	control_stage_close(&stage);
}

static void second_sigterm_ends_at_once(void **state)
{
	struct control_stage stage;

	(void)state;
	control_stage_open(&stage,
			   "listeners: [{name: http, address: '127.0.0.1:0'}]\n"
			   "services: [{name: w, hosts: ['*'], routes: [{path: {prefix: /}, "
			   "respond: {}}]}]\n"
			   "timeouts: {drain_notice: 1h}\n");
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	EDGE_LOOP_UNTIL(stage.loop, stage.control->phase == CONTROL_NOTICE);
	assert_int_equal(kill(getpid(), SIGINT), 0);
	assert_int_equal(control_run(stage.control), PROCESS_EXIT_OK);
	control_stage_close(&stage);
}

static void busy_port_is_told_by_the_exit_status(void **state)
{
	struct edge_plan *plan;
	struct control *control;
	struct loop *loop;
	struct buf errors;
	struct addr addr;
	char path[64], text[512], where[ADDR_TEXT_MAX];
	enum process_exit status;
	int fd = edge_test_listen(&addr);

	(void)state;
	snprintf(
		text, sizeof(text),
		"node: {name: n, region: r}\nlisteners: [{name: http, address: '%s'}]\n"
		"services: [{name: w, hosts: ['*'], routes: [{path: {prefix: /}, respond: {}}]}]\n",
		addr_text(&addr, where));
	edge_test_file(path, text);
	buf_init(&errors, 65536);
	assert_int_equal(edge_plan_read(path, NULL, &errors, &plan), EDGE_PLAN_MADE);
	buf_fini(&errors);
	assert_int_equal(loop_new("control", &loop), 0);
	const struct control_setup setup = {
		.loop = loop, .path = path, .plan = plan, .ready_fd = -1
	};
	assert_true(control_new(&setup, &control, &status) < 0);
	assert_int_equal(status, PROCESS_EXIT_BUSY);
	edge_plan_unref(plan);
	loop_free(loop);
	metrics_reset();
	unlink(path);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawing_and_code_agree),
		cmocka_unit_test(edge_serves_says_so_and_drains_at_sigterm),
		cmocka_unit_test(second_sigterm_ends_at_once),
		cmocka_unit_test(busy_port_is_told_by_the_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
