/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/exchange: where a request goes, and how it ends.
 */
#include "stage.h"

#include "../fsm.h"

static void drawing_and_code_agree(void **state)
{
	const char *names[EXCHANGE_N_STATES];

	(void)state;
	for (size_t i = 0; i < EXCHANGE_N_STATES; i++)
		names[i] = exchange_state_name((enum exchange_state)i);
	const struct fsm fsm = { "docs/fsm/exchange.dot", names, exchange_may_follow,
				 EXCHANGE_N_STATES };
	fsm_compare(&fsm);
}

static void request_that_nobody_serves_is_refused(void **state)
{
	static const struct {
		const char *host, *path, *reason;
		enum http_method method;
		unsigned status;
	} rows[] = {
		{ "other.example", "/app", "no_service", HTTP_METHOD_GET, 421 },
		{ "", "/app", "no_service", HTTP_METHOD_GET, 421 },
		{ "www.example", "/nowhere", "no_route", HTTP_METHOD_GET, 404 },
		{ "www.example", "/app", "method_refused", HTTP_METHOD_CONNECT, 405 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage stage;
		stage_open(&stage);
		stage.head.host = span_str(rows[i].host);
		stage.head.path = stage.head.target = span_str(rows[i].path);
		stage.head.method = rows[i].method;
		stage_begin(&stage);
		assert_int_equal(stage.client.n_heads, 0); /* not from inside begin() */
		EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
		assert_int_equal(stage.client.status, rows[i].status);
		assert_true(stage.client.body_len > 0);
		stage_sent(&stage);
		assert_int_equal(stage_ended(rows[i].reason), 1);
		stage_close(&stage);
	}
}

static void route_answers_by_itself(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.head.path = SPAN_LIT("/hello");
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 200);
	assert_memory_equal(stage.client.body, "hello\n", 6);
	assert_int_equal(stage.client.body_len, 6);
	stage_sent(&stage);
	assert_int_equal(stage_ended("done"), 1);
	stage_close(&stage);
}

static void last_of_the_hops_answers_options(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.head.method = HTTP_METHOD_OPTIONS;
	assert_int_equal(http_head_add(&stage.head, HTTP_NAME_MAX_FORWARDS, SPAN_LIT("0")), 0);
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 204);
	assert_int_equal(stage.origin.n_begun, 0);
	stage_sent(&stage);
	stage_close(&stage);
}

static void request_goes_to_an_origin_and_back(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_begun == 1);
	assert_true(stage.origin.ended);
	assert_string_equal(stage.origin.via, "1.1 edge");
	stage_answer(&stage, 204, true);
	assert_int_equal(stage.client.status, 204);
	stage_done(&stage);
	stage_sent(&stage);
	assert_int_equal(stage_ended("done"), 1);
	assert_int_equal(metric_read("meridian_edge_responses_2xx_total", NULL), 1);
	assert_int_equal(metric_read("meridian_edge_requests_open", NULL), 0);
	assert_int_equal(metric_read("meridian_edge_origin_connections_kept", NULL), 1);
	stage_close(&stage);
}

static void client_that_goes_takes_its_fetch_along(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage_begin(&stage);
	stage.events->on_gone(TAKE(stage.exchange), REASON_CLIENT_GONE); /* while connecting */
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_begun == 1);
	stage.events->on_gone(TAKE(stage.exchange), REASON_CLIENT_GONE); /* waiting for the head */
	assert_int_equal(stage.origin.n_cancelled, 1);
	assert_int_equal(stage_ended("client_gone"), 2);
	stage_close(&stage);
}

static void request_body_is_counted_and_handed_on(void **state)
{
	struct stage stage;
	struct chain body = { .n = 0 };

	(void)state;
	stage_open(&stage);
	stage.head.method = HTTP_METHOD_POST;
	stage.head.body = HTTP_BODY_STREAM;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_wants == 1);
	assert_false(stage.origin.ended);
	chain_push(&body, (struct slice){ (const uint8_t *)"abcdef", 6, NULL });
	stage.events->on_body(stage.exchange, &body, true);
	assert_int_equal(stage.origin.body_len, 6);
	assert_true(stage.origin.ended);
	stage_answer(&stage, 200, true);
	stage_done(&stage);
	stage_sent(&stage);
	assert_int_equal(metric_read("meridian_edge_request_body_bytes_total", NULL), 6);
	stage_close(&stage);
}

static void body_that_comes_after_our_own_answer_is_dropped(void **state)
{
	struct stage stage;
	struct chain body = { .n = 0 };

	(void)state;
	stage_open(&stage);
	stage.head.host = SPAN_LIT("other.example");
	stage.head.body = HTTP_BODY_STREAM;
	stage_begin(&stage);
	chain_push(&body, (struct slice){ (const uint8_t *)"abcdef", 6, NULL });
	stage.events->on_body(stage.exchange, &body, false);
	assert_true(chain_empty(&body));
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	stage_sent(&stage);
	stage_close(&stage);
}

static void exchange_that_takes_too_long_gets_504(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.world.total_timeout_ms = 1;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 504);
	stage_sent(&stage);
	assert_int_equal(stage_ended("total_timeout"), 1);
	stage_close(&stage);
}

static void ended_exchanges_serve_again(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.head.path = SPAN_LIT("/hello");
	stage_begin(&stage);
	const void *first = stage.exchange;
	stage.events->on_gone(TAKE(stage.exchange), REASON_CLIENT_GONE);
	assert_int_equal(stage.env.n_stocked_exchanges, 1);
	stage_begin(&stage);
	assert_ptr_equal(stage.exchange, first);
	stage.events->on_gone(TAKE(stage.exchange), REASON_CLIENT_GONE);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawing_and_code_agree),
		cmocka_unit_test(request_that_nobody_serves_is_refused),
		cmocka_unit_test(route_answers_by_itself),
		cmocka_unit_test(last_of_the_hops_answers_options),
		cmocka_unit_test(request_goes_to_an_origin_and_back),
		cmocka_unit_test(client_that_goes_takes_its_fetch_along),
		cmocka_unit_test(request_body_is_counted_and_handed_on),
		cmocka_unit_test(body_that_comes_after_our_own_answer_is_dropped),
		cmocka_unit_test(exchange_that_takes_too_long_gets_504),
		cmocka_unit_test(ended_exchanges_serve_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
