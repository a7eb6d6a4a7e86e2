/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_server: streams are exchanges.
 */
#include "h2_play.h"

static void request_is_answered(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hello"), true);
	h2_play_expect(play, "HEADERS 1 :status=200 content-length=5 date=");
	assert_non_null(strstr(play->log, "SETTINGS 0 ACK; "));
	assert_non_null(strstr(play->log, "DATA 1 5 END; "));
	assert_true(play->visits[0].sent);
	assert_int_equal(play->visits[0].head->version_major, 2);
	h2_play_free(play);
}

static void many_are_answered_at_once(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	for (uint32_t i = 0; i < 100; i++)
		h2_play_headers(play, 1 + 2 * i, GET("/hello"), true);
	h2_play_expect(play, "DATA 199 5 END");
	assert_int_equal(play->n_visits, 100);
	h2_play_free(play);
}

static void body_and_trailers_reach_the_exchange(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/echo"), false);
	h2_play_data(play, 1, "one ", false);
	h2_play_look(play);
	assert_int_equal(play->visits[0].n_body, 4);
	h2_play_data(play, 1, "two", false);
	h2_play_headers(play, 1, "x-sum 7\nhost no\ncontent-length 9\n", true);
	h2_play_expect(play, "DATA 1 7 END");
	assert_string_equal(play->visits[0].body, "one two");
	assert_string_equal(play->visits[0].trailers, "x-sum=7;"); /* RFC 9110 6.5.1 */
	h2_play_free(play);
}

static void malformed_request_resets_its_stream_alone(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hello") "Upper x\n", true);
	h2_play_headers(play, 3, GET("/hello"), true);
	h2_play_expect(play, "RST 1 1; ");
	assert_non_null(strstr(play->log, "DATA 3 5 END"));
	assert_int_equal(play->n_visits, 1); /* nothing of it has reached an exchange */
	h2_play_free(play);
}

static void refusals_that_can_be_told_are(void **state)
{
	static char large[20000];
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	size_t n = (size_t)snprintf(large, sizeof(large), "%s", GET("/hello"));

	(void)state;
	while (n < 17500)
		n += (size_t)snprintf(large + n, sizeof(large) - n, "x-long %0400d\n", 1);
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hello") "expect miracles\n", true);
	h2_play_headers(play, 3, GET("/memory"), true);
	h2_play_expect(play, "HEADERS 1 :status=417");
	assert_non_null(strstr(play->log, "HEADERS 3 :status=500"));
	struct span block = h2_play_block(large);
	h2_play_frame(play, H2_HEADERS, H2_FLAG_END_STREAM, 5, span_first(block, 16000));
	h2_play_frame(play, H2_CONTINUATION, H2_FLAG_END_HEADERS, 5, span_from(block, 16000));
	h2_play_expect(play, "HEADERS 5 :status=431");
	h2_play_free(play);
}

static void answer_before_the_body_ends_the_stream_without_error(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/hello"), false);
	h2_play_expect(play, "DATA 1 5 END; RST 1 0; "); /* RFC 9113 8.1 */
	h2_play_data(play, 1, "late", true);             /* it did not know */
	h2_play_headers(play, 3, GET("/hello"), true);
	h2_play_expect(play, "DATA 3 5 END");
	h2_play_free(play);
}

static void client_that_waits_for_100_gets_it(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/echo") "expect 100-continue\n", false);
	h2_play_expect(play, "HEADERS 1 :status=100; ");
	h2_play_data(play, 1, "x", true);
	h2_play_expect(play, "DATA 1 1 END");
	h2_play_free(play);
}

static void reset_in_the_same_breath_costs_no_exchange(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_look(play);
	for (uint32_t id = 1; id < 100; id += 2) {
		h2_play_headers(play, id, GET("/hold"), true);
		h2_play_u32(play, H2_RST_STREAM, id, H2_CANCEL);
	}
	h2_play_look(play);
	assert_int_equal(play->n_visits, 0);
	h2_play_free(play);
}

static void reset_later_ends_the_exchange(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hold"), true);
	h2_play_look(play);
	assert_non_null(play->visits[0].responder);
	h2_play_u32(play, H2_RST_STREAM, 1, H2_CANCEL);
	h2_play_look(play);
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_GONE);
	h2_play_free(play);
}

static void body_that_does_not_come_is_answered_408(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.body_timeout_ms = 30;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/echo"), false);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_visits && !play->visits[0].responder);
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_BODY_TIMEOUT);
	h2_play_expect(play, "HEADERS 1 :status=408");
	h2_play_free(play);
}

static void abort_is_seen_as_a_broken_end(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big"), true);
	h2_play_expect(play, "HEADERS 1 :status=200");
	struct responder *responder = TAKE(play->visits[0].responder);
	responder->ops->abort(responder, REASON_ORIGIN_CLOSED);
	h2_play_expect(play, "RST 1 2; ");
	assert_null(strstr(play->log, "END"));
	h2_play_free(play);
}

static void tunnel_may_be_silent_longer_than_a_body(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.body_timeout_ms = 20;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1,
			":method CONNECT\n:protocol websocket\n:scheme http\n"
			":authority a.test\n:path /hold\n",
			false);
	h2_play_look(play);
	struct h2_visit *visit = &play->visits[0];
	struct http_head head = visit_head(visit, 101, HTTP_BODY_TUNNEL, 0);
	const struct responder_ops *ops = visit->responder->ops;
	assert_int_equal(ops->send_head(visit->responder, &head, false), 0);
	ops->want_body(visit->responder);
	mono_t until = mono_add_ms(mono_read(), 100);
	while (mono_before(mono_read(), until))
		wire_turn(&play->wire);
	h2_play_data(play, 1, "late", false);
	h2_play_expect(play, "HEADERS 1 :status=200 ");
	while (mono_before(mono_read(), mono_add_ms(until, 100)))
		wire_turn(&play->wire);
	assert_non_null(visit->responder);
	assert_string_equal(visit->body, "late");
	h2_play_free(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_answered),
		cmocka_unit_test(many_are_answered_at_once),
		cmocka_unit_test(body_and_trailers_reach_the_exchange),
		cmocka_unit_test(malformed_request_resets_its_stream_alone),
		cmocka_unit_test(refusals_that_can_be_told_are),
		cmocka_unit_test(answer_before_the_body_ends_the_stream_without_error),
		cmocka_unit_test(client_that_waits_for_100_gets_it),
		cmocka_unit_test(reset_in_the_same_breath_costs_no_exchange),
		cmocka_unit_test(reset_later_ends_the_exchange),
		cmocka_unit_test(body_that_does_not_come_is_answered_408),
		cmocka_unit_test(abort_is_seen_as_a_broken_end),
		cmocka_unit_test(tunnel_may_be_silent_longer_than_a_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
