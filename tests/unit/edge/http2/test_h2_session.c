/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_session: the life of a connection.
 */
#include "edge/http2/h2_session_priv.h"
#include "h2_play.h"
#include "tests/unit/edge/fsm.h"

static void settings_and_window_come_first(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_expect(play, "SETTINGS 0; WINDOW 0 983041; "); /* 1 MiB less what there is */
	h2_play_free(play);
}

static void who_says_nothing_is_closed(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.head_timeout_ms = 20;
	limits.linger_ms = 20;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	EDGE_LOOP_UNTIL(play->wire.loop, h2_play_is_over(play));
	h2_play_free(play);
}

static void idle_connection_is_told_and_closed(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.idle_timeout_ms = 30;
	limits.linger_ms = 20;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hello"), true);
	EDGE_LOOP_UNTIL(play->wire.loop, h2_play_is_over(play));
	h2_play_expect(play, "GOAWAY 0 0; ");
	h2_play_free(play);
}

static void held_exchange_keeps_it_from_being_idle(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.idle_timeout_ms = 20;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hold"), true);
	mono_t until = mono_add_ms(mono_read(), 100);
	while (mono_before(mono_read(), until))
		wire_turn(&play->wire);
	assert_false(h2_play_is_over(play));
	visit_answer(&play->visits[0], "late");
	h2_play_expect(play, "DATA 1 4 END");
	h2_play_free(play);
}

static void drain_says_goaway_twice_and_ends_with_the_last_stream(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.drain_grace_ms = 400;
	limits.linger_ms = 20;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hold"), true);
	h2_play_look(play);
	h2_servers_drain(&play->servers);
	h2_play_expect(play, "GOAWAY 0 0; ");
	/* It has not heard yet: RFC 9113 6.8. */
	h2_play_headers(play, 3, GET("/hello"), true);
	h2_play_expect(play, "DATA 3 5 END");
	mono_t until = mono_add_ms(mono_read(), EDGE_TEST_PATIENCE_MS);
	bool told = false;
	while (!told && mono_before(mono_read(), until))
		told = strstr(h2_play_look(play), "GOAWAY 0 0; ") != NULL;
	assert_true(told);
	h2_play_headers(play, 5, GET("/hello"), true);
	h2_play_look(play);
	assert_int_equal(play->n_visits, 2);
	visit_answer(&play->visits[0], "last");
	h2_play_expect(play, "DATA 1 4 END");
	EDGE_LOOP_UNTIL(play->wire.loop, h2_play_is_over(play));
	h2_play_free(play);
}

static void lost_connection_ends_all_exchanges(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big"), true);
	h2_play_headers(play, 3, GET("/hold"), true);
	h2_play_look(play);
	wire_hang_up(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, !play->visits[0].responder);
	h2_servers_close(&play->servers, REASON_SHUTDOWN);
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_GONE);
	h2_play_free(play);
}

static void who_does_not_read_is_not_heard_for_ever(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.write_timeout_ms = 40;
	limits.linger_ms = 20;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big"), true); /* more than the window, which stays shut */
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_visits && !play->visits[0].responder);
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_WRITE_TIMEOUT);
	h2_play_expect(play, "RST 1 8; ");
	h2_play_free(play);
}

static void preface_in_hand_is_used(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	uint8_t first[H2_HEADER_BYTES + 24];
	const struct h2_header settings = { .type = H2_SETTINGS };

	(void)state;
	h2_play_look(play);
	wire_connect(&play->wire);
	play->looked = 0;
	const struct span preface = H2_PREFACE;
	memcpy(first, preface.at, preface.len);
	h2_header_put(first + 24, &settings);
	assert_int_equal(
		h2_server_begin(&play->servers, play->wire.conn, span_of(first, sizeof(first))), 0);
	h2_play_headers(play, 1, GET("/hello"), true);
	h2_play_expect(play, "DATA 1 5 END");
	h2_play_free(play);
}

static void what_comes_after_the_second_goaway_is_passed_over(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.drain_grace_ms = 300;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hold"), true);
	h2_play_look(play);
	h2_servers_drain(&play->servers);
	h2_play_expect(play, "GOAWAY 0 0; ");
	for (int i = 0; i < 1000 && !strstr(h2_play_look(play), "GOAWAY 0 0; "); i++)
		;
	assert_non_null(strstr(play->log, "GOAWAY 0 0; "));
	/* It began before the client had heard: RFC 9113 6.8. */
	h2_play_headers(play, 3, POST("/read"), false);
	h2_play_data(play, 3, "body", false);
	h2_play_u32(play, H2_WINDOW_UPDATE, 3, 100);
	h2_play_headers(play, 3, "x y\n", true);
	h2_play_look(play);
	assert_null(strstr(play->log, "GOAWAY"));
	visit_answer(&play->visits[0], "last");
	h2_play_expect(play, "DATA 1 4 END");
	assert_int_equal(play->n_visits, 1);
	h2_play_free(play);
}

static void connection_that_comes_during_a_drain_is_drained(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.drain_grace_ms = 10;
	limits.linger_ms = 10;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_servers_drain(&play->servers);
	EDGE_LOOP_UNTIL(play->wire.loop, h2_play_is_over(play));
	wire_connect(&play->wire); /* its handshake took so long */
	play->looked = 0;
	assert_int_equal(h2_server_begin(&play->servers, play->wire.conn, SPAN_NONE), 0);
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hello"), true);
	h2_play_expect(play, "GOAWAY 0 0; ");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_closed == 2);
	assert_true(play->visits[0].sent);
	h2_play_free(play);
}

enum { MANY_BLOCKS = 900 };
static struct block *held[MANY_BLOCKS];

static void blocks_take(struct h2_play *play)
{
	for (size_t i = 0; i < MANY_BLOCKS; i++)
		assert_non_null(held[i] = slab_take(play->wire.slab));
	assert_true(slab_is_scarce(play->wire.slab));
}

static void blocks_give(void)
{
	for (size_t i = 0; i < MANY_BLOCKS; i++)
		block_unref(held[i]);
}

static void reading_waits_while_blocks_are_scarce(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_look(play);
	blocks_take(play);
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hello"), true);
	h2_play_look(play);
	assert_int_equal(play->n_visits, 0);
	blocks_give();
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_visits == 1 && play->visits[0].sent);
	h2_play_free(play);
}

static void end_for_abuse_is_counted(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.controls = (struct h2_budget_conf){ .burst = 10, .per_s = 1 };
	struct h2_play *play = h2_play_new(&limits);
	int64_t before = metric_read("meridian_edge_ended_client_abuse_total", NULL);

	(void)state;
	h2_play_greet(play);
	for (int i = 0; i < 20; i++)
		h2_play_frame(play, H2_PING, 0, 0, SPAN_LIT("12345678"));
	h2_play_expect(play, "GOAWAY 0 11; ");
	assert_int_equal(metric_read("meridian_edge_ended_client_abuse_total", NULL), before + 1);
	h2_play_free(play);
}

static void states_follow_as_drawn(void **state)
{
	const struct fsm fsm = { "docs/fsm/h2_session.dot", h2_session_state_names,
				 h2_session_may_follow, H2_SESSION_CLOSING + 1 };

	(void)state;
	fsm_compare(&fsm);
}

static void who_takes_nothing_is_let_go_sooner_while_blocks_are_scarce(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.pressure_ms = 30;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_LIT("\0\4\0\0\0\0"));
	h2_play_headers(play, 1, GET("/big"), true);
	h2_play_look(play);
	mono_t until = mono_add_ms(mono_read(), 100);
	while (mono_before(mono_read(), until))
		wire_turn(&play->wire);
	assert_non_null(play->visits[0].responder); /* there is room: it may take its time */
	blocks_take(play);
	EDGE_LOOP_UNTIL(play->wire.loop, !play->visits[0].responder);
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_WRITE_TIMEOUT);
	blocks_give();
	h2_play_expect(play, "RST 1 8; ");
	h2_play_free(play);
}

static void beginning_of_a_frame_holds_no_block(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	uint8_t bytes[H2_HEADER_BYTES + 8] = { 0, 0, 8, H2_PING };

	(void)state;
	h2_play_greet(play);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		h2_play_look(play);
		assert_int_equal(slab_n_out(play->wire.slab), 0);
		wire_send(&play->wire, span_of(bytes + i, 1));
	}
	h2_play_expect(play, "PING 0 ACK; ");
	h2_play_free(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_follow_as_drawn),
		cmocka_unit_test(settings_and_window_come_first),
		cmocka_unit_test(who_says_nothing_is_closed),
		cmocka_unit_test(idle_connection_is_told_and_closed),
		cmocka_unit_test(held_exchange_keeps_it_from_being_idle),
		cmocka_unit_test(drain_says_goaway_twice_and_ends_with_the_last_stream),
		cmocka_unit_test(lost_connection_ends_all_exchanges),
		cmocka_unit_test(who_does_not_read_is_not_heard_for_ever),
		cmocka_unit_test(preface_in_hand_is_used),
		cmocka_unit_test(what_comes_after_the_second_goaway_is_passed_over),
		cmocka_unit_test(connection_that_comes_during_a_drain_is_drained),
		cmocka_unit_test(reading_waits_while_blocks_are_scarce),
		cmocka_unit_test(end_for_abuse_is_counted),
		cmocka_unit_test(who_takes_nothing_is_let_go_sooner_while_blocks_are_scarce),
		cmocka_unit_test(beginning_of_a_frame_holds_no_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
