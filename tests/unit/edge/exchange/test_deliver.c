/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/deliver: the way back to the client, and its back-pressure.
 */
#include "stage.h"

static void begin_and_reach_origin(struct stage *stage)
{
	stage_open(stage);
	stage_begin(stage);
	EDGE_LOOP_UNTIL(stage->loop, stage->origin.n_begun == 1);
}

static void body_stays_with_the_origin_while_the_client_is_slow(void **state)
{
	struct stage stage;
	struct chain body = { .n = 0 };

	(void)state;
	begin_and_reach_origin(&stage);
	stage_answer(&stage, 200, false);
	assert_int_equal(stage.origin.n_wants, 1);
	chain_push(&body, (struct slice){ (const uint8_t *)"abcdef", 6, NULL });
	stage.client.room = 2;
	stage_answer_body(&stage, &body, true);
	assert_int_equal(body.bytes, 4);
	assert_false(stage.client.ended);
	stage.events->on_writable(stage.exchange);
	assert_int_equal(stage.origin.n_wants, 2);
	stage.client.room = SIZE_MAX;
	stage_answer_body(&stage, &body, true);
	assert_true(stage.client.ended);
	assert_memory_equal(stage.client.body, "abcdef", 6);
	stage_done(&stage);
	stage_sent(&stage);
	assert_int_equal(metric_read("meridian_edge_response_body_bytes_total", NULL), 6);
	stage_close(&stage);
}

static void begin_piped(struct stage *stage, bool takes_pipes)
{
	stage_open(stage);
	assert_int_equal(splice_pool_new(1, &stage->env.pipes), 0);
	stage->client.takes_pipes = takes_pipes;
	stage_begin(stage);
	EDGE_LOOP_UNTIL(stage->loop, stage->origin.n_begun == 1);
	stage_answer(stage, 200, false);
}

static void close_piped(struct stage *stage)
{
	struct splice_pool *pipes = stage->env.pipes;

	stage_close(stage);
	assert_int_equal(splice_pool_n_out(pipes), 0);
	splice_pool_free(pipes);
}

static void pipes_are_for_clients_that_take_them(void **state)
{
	struct stage stage;
	struct chain none = { .n = 0 };

	(void)state;
	begin_piped(&stage, false);
	assert_null(stage.origin.pipes);
	stage_answer_body(&stage, &none, true);
	stage_done(&stage);
	stage_sent(&stage);
	close_piped(&stage);
}

static void pipe_goes_back_when_it_is_empty_and_more_is_wanted(void **state)
{
	struct stage stage;
	struct chain none = { .n = 0 };

	(void)state;
	begin_piped(&stage, true);
	assert_ptr_equal(stage.origin.pipes, stage.env.pipes);
	stage_answer_pipe(&stage, "abcdef"); /* at once */
	assert_int_equal(splice_pool_n_out(stage.env.pipes), 0);
	assert_int_equal(stage.origin.n_wants, 2);
	stage.client.room = 2;
	stage_answer_pipe(&stage, "abcdef");
	assert_int_equal(stage.client.pipe->bytes, 4);
	assert_int_equal(stage.origin.n_wants, 2);
	stage.client.room = SIZE_MAX;
	stage_send_pipe(&stage.client.responder, stage.client.pipe);
	stage.events->on_writable(stage.exchange);
	assert_int_equal(splice_pool_n_out(stage.env.pipes), 0);
	assert_int_equal(stage.origin.n_wants, 3);
	stage_answer_body(&stage, &none, true);
	assert_true(stage.client.ended);
	stage_done(&stage);
	stage_sent(&stage);
	assert_int_equal(metric_read("meridian_edge_response_body_bytes_total", NULL), 12);
	close_piped(&stage);
}

static void bytes_left_in_a_pipe_were_not_sent(void **state)
{
	struct stage stage;

	(void)state;
	begin_piped(&stage, true);
	stage.client.room = 2;
	stage_answer_pipe(&stage, "abcdef");
	stage.events->on_gone(TAKE(stage.exchange), REASON_CLIENT_GONE);
	assert_int_equal(metric_read("meridian_edge_response_body_bytes_total", NULL), 2);
	assert_int_equal(metric_read("meridian_edge_response_spliced_bytes_total", NULL), 2);
	close_piped(&stage);
}

static void own_answer_waits_for_a_slow_client_too(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.head.path = SPAN_LIT("/hello");
	stage.client.room = 2;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.n_heads == 1);
	assert_int_equal(stage.client.body_len, 2);
	stage.client.room = SIZE_MAX;
	stage.events->on_writable(stage.exchange);
	assert_true(stage.client.ended);
	assert_memory_equal(stage.client.body, "hello\n", 6);
	stage_sent(&stage);
	stage_close(&stage);
}

static void response_that_breaks_off_is_aborted(void **state)
{
	struct stage stage;

	(void)state;
	begin_and_reach_origin(&stage);
	stage_answer(&stage, 200, false);
	stage_fail(&stage, REASON_ORIGIN_CLOSED, false);
	assert_int_equal(stage.client.n_aborts, 1);
	assert_int_equal(stage.client.abort_reason, REASON_ORIGIN_CLOSED);
	assert_int_equal(stage_ended("origin_closed"), 1);
	stage_close(&stage);
}

static void failure_before_the_head_gets_a_page(void **state)
{
	struct stage stage;

	(void)state;
	begin_and_reach_origin(&stage);
	stage_fail(&stage, REASON_ORIGIN_MALFORMED, false);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 502);
	assert_memory_equal(stage.client.body, "502 Bad Gateway: ", 17);
	stage_sent(&stage);
	stage_close(&stage);
}

static void head_request_gets_no_page(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.head.method = HTTP_METHOD_HEAD;
	stage.head.host = SPAN_LIT("other.example");
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 421);
	assert_int_equal(stage.client.body_len, 0);
	stage_sent(&stage);
	stage_close(&stage);
}

static void interim_responses_pass_but_for_100_and_old_clients(void **state)
{
	struct stage stage;
	struct http_head interim = { .status = 103, .version_major = 1, .version_minor = 1 };

	(void)state;
	begin_and_reach_origin(&stage);
	stage.origin.setup.events->on_interim(stage.origin.setup.fetch, &interim);
	assert_int_equal(stage.client.n_interim, 1);
	assert_int_equal(stage.client.interim_status, 103);
	interim.status = 100;
	stage.origin.setup.events->on_interim(stage.origin.setup.fetch, &interim);
	assert_int_equal(stage.client.n_interim, 1);
	stage.head.version_minor = 0;
	interim.status = 103;
	stage.origin.setup.events->on_interim(stage.origin.setup.fetch, &interim);
	assert_int_equal(stage.client.n_interim, 1);
	stage.events->on_gone(TAKE(stage.exchange), REASON_CLIENT_GONE);
	stage_close(&stage);
}

static void page_takes_the_place_of_an_origins_error_and_keeps_what_it_demands(void **state)
{
	uint32_t status[] = { 405 };
	const struct error_page_conf conf = { .status = status,
					      .n_status = 1,
					      .body = "$status $method\n",
					      .content_type = "text/plain",
					      .intercept = true };
	struct error_pages *pages[2] = { NULL, NULL };
	char text[ERROR_PAGE_TEXT];
	struct stage stage;
	size_t item;

	(void)state;
	begin_and_reach_origin(&stage);
	assert_int_equal(error_pages_new(&conf, 1, &pages[0], &item, text), 0);
	stage.world.error_pages = pages;
	stage.world.service_confs = &stage.service;
	struct requester_setup *setup = &stage.origin.setup;
	struct http_head head;
	assert_int_equal(http_head_init(&head, setup->arena), 0);
	head.status = 405;
	http_head_add_other(&head, SPAN_LIT("allow"), SPAN_LIT("PURGE"));
	http_head_add_other(&head, SPAN_LIT("X-Theirs"), SPAN_LIT("1"));
	setup->events->on_head(setup->fetch, &head, true);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 405);
	assert_memory_equal(stage.client.body, "405 GET\n", 8);
	assert_int_equal(stage.client.head->n_fields, 2); /* Content-Type, and theirs */
	assert_true(span_eq(stage.client.head->fields[1].value, SPAN_LIT("PURGE")));
	stage_done(&stage);
	stage_sent(&stage);
	error_pages_free(pages[0]);
	stage_close(&stage);
}

static void answer_of_the_origin_after_our_own_comes_too_late(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.world.total_timeout_ms = 30;
	stage_begin(&stage);
	EDGE_LOOP_UNTIL(stage.loop, stage.client.ended);
	assert_int_equal(stage.client.status, 504);
	if (stage.origin.open)
		stage_answer(&stage, 200, true);
	assert_int_equal(stage.client.n_heads, 1);
	stage_sent(&stage);
	assert_false(stage.origin.open);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_stays_with_the_origin_while_the_client_is_slow),
		cmocka_unit_test(pipes_are_for_clients_that_take_them),
		cmocka_unit_test(pipe_goes_back_when_it_is_empty_and_more_is_wanted),
		cmocka_unit_test(bytes_left_in_a_pipe_were_not_sent),
		cmocka_unit_test(own_answer_waits_for_a_slow_client_too),
		cmocka_unit_test(response_that_breaks_off_is_aborted),
		cmocka_unit_test(failure_before_the_head_gets_a_page),
		cmocka_unit_test(head_request_gets_no_page),
		cmocka_unit_test(interim_responses_pass_but_for_100_and_old_clients),
		cmocka_unit_test(
			page_takes_the_place_of_an_origins_error_and_keeps_what_it_demands),
		cmocka_unit_test(answer_of_the_origin_after_our_own_comes_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
