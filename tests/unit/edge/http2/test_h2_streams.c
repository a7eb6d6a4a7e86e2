/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_streams: windows, resets, and what comes for streams that are no more.
 */
#include "h2_play.h"

static void taken_bytes_are_credited(void **state)
{
	static char text[16001];
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/read"), false);
	for (int i = 0; i < 5; i++)
		h2_play_data(play, 1, text, false);
	h2_play_expect(play, "WINDOW 1 "); /* half of 128 KiB was taken */
	assert_int_equal(play->visits[0].n_body, 80000);
	h2_play_free(play);
}

static void nobody_takes_more_than_the_window(void **state)
{
	static char text[16001];
	struct h2_limits limits = h2_limits_usual;
	limits.window_bytes = 65535;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/hold"), false); /* takes nothing */
	h2_play_look(play);
	for (int i = 0; i < 5; i++)
		h2_play_data(play, 1, text, false);
	h2_play_expect(play, "RST 1 3; "); /* FLOW_CONTROL_ERROR */
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_MALFORMED);
	h2_play_free(play);
}

static void crumbs_that_wait_hold_few_blocks(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/hold"), false);
	for (int i = 0; i < 300; i++) {
		h2_play_data(play, 1, "x", false);
		wire_turn(&play->wire);
	}
	assert_true(slab_n_out(play->wire.slab) < 10);
	play->visits[0].responder->ops->want_body(play->visits[0].responder);
	h2_play_look(play);
	assert_int_equal(play->visits[0].n_body, 300);
	h2_play_free(play);
}

/* CVE-2023-44487 */
static void resets_over_budget_end_the_connection(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.resets = (struct h2_budget_conf){ .burst = 20, .per_s = 1 };
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	for (uint32_t id = 1; id < 60; id += 2) {
		h2_play_headers(play, id, GET("/hold"), true);
		h2_play_u32(play, H2_RST_STREAM, id, H2_CANCEL);
	}
	h2_play_expect(play, "GOAWAY 0 11; ");
	h2_play_free(play);
}

/* CVE-2025-8671: the resets that we are made to send count as well. */
static void resets_that_we_are_made_to_send_count(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.resets = (struct h2_budget_conf){ .burst = 20, .per_s = 1 };
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	for (uint32_t id = 1; id < 60; id += 2) {
		h2_play_headers(play, id, GET("/hold"), true);
		h2_play_u32(play, H2_WINDOW_UPDATE, id, 0);
	}
	h2_play_expect(play, "RST 1 1; ");
	assert_non_null(strstr(play->log, "GOAWAY 0 11; "));
	h2_play_free(play);
}

static void frames_for_a_stream_that_we_reset_are_passed_over(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/read") "content-length 1\n", false);
	h2_play_data(play, 1, "xx", false);
	h2_play_data(play, 1, "xx", false); /* on its way when our reset came */
	h2_play_u32(play, H2_WINDOW_UPDATE, 1, 5);
	h2_play_headers(play, 1, "x y\n", true);
	h2_play_headers(play, 3, GET("/hello"), true);
	h2_play_expect(play, "DATA 3 5 END");
	h2_play_free(play);
}

static void data_after_the_end_is_an_error(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hold"), true);
	h2_play_data(play, 1, "x", false);
	h2_play_expect(play, "RST 1 5; "); /* RFC 9113 5.1: half-closed (remote) */
	h2_play_free(play);
}

static void smaller_window_of_theirs_counts_for_streams_under_way(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_LIT("\0\4\0\0\0\0")); /* nothing */
	h2_play_headers(play, 1, GET("/hello"), true);
	h2_play_expect(play, "HEADERS 1 :status=200");
	assert_null(strstr(play->log, "DATA"));
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_LIT("\0\4\0\0\0\2")); /* two bytes */
	h2_play_expect(play, "DATA 1 2; ");
	h2_play_u32(play, H2_WINDOW_UPDATE, 1, 100);
	h2_play_expect(play, "DATA 1 3 END");
	h2_play_free(play);
}

static void many_that_we_reset_are_remembered(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.max_streams = 256;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	for (uint32_t id = 1; id < 400; id += 2)
		h2_play_headers(play, id, POST("/hello"), false); /* answered early */
	h2_play_expect(play, "RST 399 0; ");
	for (uint32_t id = 1; id < 400; id += 2)
		h2_play_data(play, id, "on its way", true);
	h2_play_headers(play, 401, GET("/hello"), true);
	h2_play_expect(play, "DATA 401 5 END");
	h2_play_free(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_bytes_are_credited),
		cmocka_unit_test(nobody_takes_more_than_the_window),
		cmocka_unit_test(crumbs_that_wait_hold_few_blocks),
		cmocka_unit_test(resets_over_budget_end_the_connection),
		cmocka_unit_test(resets_that_we_are_made_to_send_count),
		cmocka_unit_test(frames_for_a_stream_that_we_reset_are_passed_over),
		cmocka_unit_test(data_after_the_end_is_an_error),
		cmocka_unit_test(smaller_window_of_theirs_counts_for_streams_under_way),
		cmocka_unit_test(many_that_we_reset_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
