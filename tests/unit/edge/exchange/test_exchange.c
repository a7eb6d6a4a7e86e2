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

static void say(struct stage *stage, const char *text, bool end)
{
	struct chain body = { .n = 0 };

	chain_push(&body, (struct slice){ (const uint8_t *)text, (uint32_t)strlen(text), NULL });
	stage->events->on_body(stage->exchange, &body, end);
	assert_true(chain_empty(&body));
}

static void held_body_asks_an_origin_when_it_is_whole(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.routes[0].proxy.buffer_request_bytes = 10;
	stage.head.method = HTTP_METHOD_POST;
	stage.head.body = HTTP_BODY_STREAM;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_wants == 1);
	say(&stage, "abc", false);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(stage.loop, 1), 0);
	assert_int_equal(metric_read("meridian_edge_origin_connects_total", NULL), 0);
	say(&stage, "def", true);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.ended);
	assert_int_equal(stage.origin.body_len, 6);
	assert_int_equal(stage.origin.framing, HTTP_BODY_LENGTH);
	assert_int_equal(stage.origin.length, 6);
	stage_answer(&stage, 204, true);
	stage_done(&stage);
	stage_sent(&stage);
	stage_close(&stage);
}

static void held_body_that_is_too_large_gets_413(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.routes[0].proxy.buffer_request_bytes = 5;
	stage.head.body = HTTP_BODY_STREAM;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_wants == 1);
	say(&stage, "abcdef", false);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 413);
	stage_sent(&stage);
	assert_int_equal(stage.origin.n_begun, 0);
	stage_close(&stage);
}

static void head_with_a_fault_is_answered_and_counted(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage_begin_with(&stage, REASON_CLIENT_URI_LONG);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 414);
	stage_sent(&stage);
	assert_int_equal(stage.origin.n_begun, 0);
	assert_int_equal(stage_ended("client_uri_long"), 1);
	assert_int_equal(metric_read("meridian_edge_requests_total", NULL), 1);
	stage_close(&stage);
}

static void fault_in_a_body_is_answered_unless_an_answer_is_on_its_way(void **state)
{
	static const bool held[] = { true, false };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(held); i++) {
		struct stage stage;
		stage_open(&stage);
		stage.routes[0].proxy.buffer_request_bytes = held[i] ? 10 : 0;
		stage.head.method = HTTP_METHOD_POST;
		stage.head.body = HTTP_BODY_STREAM;
		stage_begin(&stage);
		EDGE_LOOP_UNTIL(stage.loop, stage.client.n_wants == 1);
		stage.events->on_fault(stage.exchange, REASON_CLIENT_BODY_TIMEOUT);
		stage.events->on_fault(stage.exchange, REASON_CLIENT_MALFORMED);
		EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
		assert_int_equal(stage.client.status, 408);
		stage_sent(&stage);
		assert_int_equal(stage_ended("client_body_timeout"), 1);
		stage_close(&stage);
	}
}

static void body_over_the_limit_of_its_route_gets_413(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.service.max_body_bytes = 100;
	stage.routes[0].max_body_bytes = 5;
	stage.head.body = HTTP_BODY_LENGTH;
	stage.head.has_length = true;
	stage.head.body_length = 6;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 413);
	assert_int_equal(stage.client.n_wants, 0);
	stage_sent(&stage);
	/* By chunks it is found out on the way. */
	stage.client.ended = false;
	stage.head.body = HTTP_BODY_STREAM;
	stage.head.has_length = false;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_wants == 1);
	say(&stage, "abcde", false);
	assert_int_equal(stage.origin.body_len, 5);
	say(&stage, "f", false);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 413);
	assert_int_equal(stage.origin.body_len, 5);
	assert_false(stage.origin.ended);
	stage_sent(&stage);
	assert_int_equal(stage_ended("client_body_large"), 2);
	stage_close(&stage);
}

static void trailers_go_both_ways(void **state)
{
	struct http_head trailers;
	struct stage stage;
	struct chain body = { .n = 0 };

	(void)state;
	stage_open(&stage);
	stage.head.body = HTTP_BODY_STREAM;
	assert_int_equal(http_head_init(&trailers, &stage.arena), 0);
	assert_int_equal(http_head_add_other(&trailers, SPAN_LIT("a"), SPAN_LIT("b")), 0);
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_wants == 1);
	stage.events->on_trailers(stage.exchange, &trailers);
	assert_int_equal(stage.origin.n_trailers, 1);
	say(&stage, "x", true);
	stage_answer(&stage, 200, false);
	stage.origin.setup.events->on_trailers(stage.origin.setup.fetch, &trailers);
	assert_int_equal(stage.client.n_trailers, 1);
	stage_answer_body(&stage, &body, true);
	stage_done(&stage);
	stage_sent(&stage);
	stage_close(&stage);
}

/* The origin agrees to another protocol. */
static void open_tunnel(struct stage *stage)
{
	stage_open(stage);
	stage->routes[0].proxy.upgrade_set = true;
	stage->routes[0].proxy.n_upgrade = 1;
	static const char *names[] = { "chat" };
	stage->routes[0].proxy.upgrade = names;
	stage->head.upgrade = SPAN_LIT("chat");
	stage_begin(stage);
	EDGE_LOOP_UNTIL(stage->loop, stage->origin.n_begun == 1);
	assert_string_equal(stage->origin.upgrade, "chat");
}

static void tunnel_carries_bytes_both_ways(void **state)
{
	struct stage stage;
	struct chain body = { .n = 0 };

	(void)state;
	open_tunnel(&stage);
	stage_answer_tunnel(&stage);
	assert_int_equal(stage.client.status, 101);
	assert_int_equal(stage.client.n_wants, 1);
	assert_int_equal(stage.origin.n_wants, 1);
	assert_int_equal(metric_read("meridian_edge_tunnels_open", NULL), 1);
	say(&stage, "abc", false);
	assert_int_equal(stage.origin.body_len, 3);
	chain_push(&body, (struct slice){ (const uint8_t *)"de", 2, NULL });
	stage_answer_body(&stage, &body, false);
	assert_memory_equal(stage.client.body, "de", 2);
	say(&stage, "", true);
	assert_true(stage.origin.ended);
	stage_answer_body(&stage, &body, true);
	stage_done(&stage);
	stage_sent(&stage);
	assert_int_equal(metric_read("meridian_edge_tunnels_open", NULL), 0);
	assert_int_equal(metric_read("meridian_edge_request_body_bytes_total", NULL), 3);
	stage_close(&stage);
}

static void tunnel_that_idles_is_aborted(void **state)
{
	struct stage stage;

	(void)state;
	open_tunnel(&stage);
	stage.world.tunnel_idle_ms = 1;
	stage_answer_tunnel(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_aborts == 1);
	assert_int_equal(stage.client.abort_reason, REASON_TUNNEL_IDLE);
	assert_int_equal(metric_read("meridian_edge_tunnels_open", NULL), 0);
	stage_close(&stage);
}

static void extended_connect_that_may_not_pass_is_refused(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.head.version_major = 2;
	stage.head.upgrade = SPAN_LIT("chat");
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 501);
	stage_sent(&stage);
	stage_close(&stage);
}

static void refusal_to_grpc_is_trailers_alone(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.head.host = SPAN_LIT("other.example");
	assert_int_equal(
		http_head_add(&stage.head, HTTP_NAME_CONTENT_TYPE, SPAN_LIT("application/grpc")),
		0);
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 200);
	assert_int_equal(stage.client.body_len, 0);
	assert_false(stage.client.head->has_length);
	stage_sent(&stage);
	assert_int_equal(stage_ended("no_service"), 1);
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
		cmocka_unit_test(held_body_asks_an_origin_when_it_is_whole),
		cmocka_unit_test(held_body_that_is_too_large_gets_413),
		cmocka_unit_test(head_with_a_fault_is_answered_and_counted),
		cmocka_unit_test(fault_in_a_body_is_answered_unless_an_answer_is_on_its_way),
		cmocka_unit_test(body_over_the_limit_of_its_route_gets_413),
		cmocka_unit_test(trailers_go_both_ways),
		cmocka_unit_test(tunnel_carries_bytes_both_ways),
		cmocka_unit_test(tunnel_that_idles_is_aborted),
		cmocka_unit_test(extended_connect_that_may_not_pass_is_refused),
		cmocka_unit_test(refusal_to_grpc_is_trailers_alone),
		cmocka_unit_test(exchange_that_takes_too_long_gets_504),
		cmocka_unit_test(ended_exchanges_serve_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
