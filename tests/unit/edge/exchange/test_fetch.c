/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/fetch: when it tries again, and where.
 */
#include "stage.h"

#include "../fsm.h"

static void drawing_and_code_agree(void **state)
{
	const char *names[FETCH_N_STATES];

	(void)state;
	for (size_t i = 0; i < FETCH_N_STATES; i++)
		names[i] = fetch_state_name((enum fetch_state)i);
	const struct fsm fsm = { "docs/fsm/fetch.dot", names, fetch_may_follow, FETCH_N_STATES };
	fsm_compare(&fsm);
}

static int64_t n_retries(void)
{
	return metric_read("meridian_edge_origin_retries_total", NULL);
}

/* The whole of a request, with a response without a body. */
static void serve_one(struct stage *stage)
{
	unsigned before = stage->origin.n_begun;

	stage_begin(stage);
	EDGE_LOOP_UNTIL(stage->loop, stage->origin.n_begun == before + 1);
	stage_answer(stage, 200, true);
	stage_done(stage);
	stage_sent(stage);
}

static void refused_connection_is_tried_at_another_origin(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	close(stage.fds[0]);
	stage.fds[0] = -1;
	for (int i = 0; i < 4; i++)
		serve_one(&stage);
	assert_int_equal(stage_ended("done"), 4);
	assert_true(n_retries() >= 1);
	stage_close(&stage);
}

static void nobody_left_gives_the_last_failure(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	for (size_t i = 0; i < STAGE_ORIGINS; i++) {
		close(stage.fds[i]);
		stage.fds[i] = -1;
	}
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 502);
	stage_sent(&stage);
	assert_int_equal(stage_ended("origin_connect"), 1);
	assert_int_equal(metric_read("meridian_edge_origin_connect_failures_total", NULL), 2);
	stage_close(&stage);
}

static void nobody_up_gives_503(void **state)
{
	static const bool none[] = { false, false };
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage_origins(&stage, none);
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 503);
	stage_sent(&stage);
	assert_int_equal(stage_ended("no_origin"), 1);
	stage_close(&stage);
}

static void kept_connection_that_was_closed_gets_a_second_chance_at_the_same_origin(void **state)
{
	static const bool first[] = { true, false };
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage_origins(&stage, first);
	stage.pool_conf.retries = 1;
	serve_one(&stage);
	stage_begin(&stage);
	assert_int_equal(stage.origin.n_begun, 2); /* at once: it was kept */
	assert_true(stage.origin.setup.kept);
	stage_fail(&stage, REASON_ORIGIN_CLOSED, true);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_begun == 3);
	assert_false(stage.origin.setup.kept);
	stage_answer(&stage, 200, true);
	stage_done(&stage);
	stage_sent(&stage);
	assert_int_equal(n_retries(), 1);
	stage_close(&stage);
}

static void request_that_may_have_been_acted_on_is_not_repeated(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_begun == 1);
	stage_fail(&stage, REASON_ORIGIN_CLOSED, false);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 502);
	assert_int_equal(stage.origin.n_begun, 1);
	stage_sent(&stage);
	stage_close(&stage);
}

static void request_whose_body_was_begun_is_not_repeated(void **state)
{
	struct stage stage;
	struct chain body = { .n = 0 };

	(void)state;
	stage_open(&stage);
	stage.head.body = HTTP_BODY_STREAM;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_wants == 1);
	chain_push(&body, (struct slice){ (const uint8_t *)"x", 1, NULL });
	stage.events->on_body(stage.exchange, &body, false);
	stage_fail(&stage, REASON_ORIGIN_CLOSED, true);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 502);
	assert_int_equal(n_retries(), 0);
	stage_sent(&stage);
	stage_close(&stage);
}

static void retries_have_a_limit(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.pool_conf.retries = 0;
	close(stage.fds[0]);
	close(stage.fds[1]);
	stage.fds[0] = stage.fds[1] = -1;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(n_retries(), 0);
	assert_int_equal(metric_read("meridian_edge_origin_connects_total", NULL), 1);
	stage_sent(&stage);
	stage_close(&stage);
}

static void origin_that_is_dropped_meanwhile_still_ends_its_response(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_begun == 1);
	pool_clear(stage.pool.pool);
	assert_int_equal(origin_set_update(stage.pool.origins, NULL, 0), 0);
	stage_answer(&stage, 200, true);
	stage_done(&stage); /* its connection is closed, not kept */
	stage_sent(&stage);
	assert_int_equal(metric_read("meridian_edge_origin_connections_kept", NULL), 0);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawing_and_code_agree),
		cmocka_unit_test(refused_connection_is_tried_at_another_origin),
		cmocka_unit_test(nobody_left_gives_the_last_failure),
		cmocka_unit_test(nobody_up_gives_503),
		cmocka_unit_test(
			kept_connection_that_was_closed_gets_a_second_chance_at_the_same_origin),
		cmocka_unit_test(request_that_may_have_been_acted_on_is_not_repeated),
		cmocka_unit_test(request_whose_body_was_begun_is_not_repeated),
		cmocka_unit_test(retries_have_a_limit),
		cmocka_unit_test(origin_that_is_dropped_meanwhile_still_ends_its_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
