/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_servers: what the connections of a listener share, and how they all end.
 */
#include "edge/http1/h1_server_priv.h"
#include "tests/unit/edge/http1/play.h"

#define GET "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n"

static void drain_lets_the_exchange_end_and_closes(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, GET);
	PLAY_BEGUN(play, 1);
	h1_servers_drain(&play->servers);
	wire_idle(&play->wire);
	assert_int_equal(play->n_closed, 0);
	play_answer(play, "last");
	WIRE_EXPECT(&play->wire, "\r\nConnection: close\r\n\r\nlast");
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(h1_servers_count(&play->servers), 0);
}

static void drain_closes_what_stays_idle(void **state)
{
	struct play *play = *state;

	play->answer = "x";
	play->servers.limits.drain_grace_ms = 20;
	wire_say(&play->wire, GET);
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
	h1_servers_drain(&play->servers);
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->n_closed, 1);
}

static void request_that_crosses_the_drain_is_answered(void **state)
{
	struct play *play = *state;

	play->answer = "x";
	wire_say(&play->wire, GET);
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
	wire_forget(&play->wire);
	h1_servers_drain(&play->servers);
	wire_say(&play->wire, GET);
	WIRE_EXPECT(&play->wire, "\r\nConnection: close\r\n\r\nx");
}

static void connection_that_has_asked_nothing_may_ask_once_in_a_drain(void **state)
{
	struct play *play = *state;

	play->answer = "x";
	play->servers.limits.drain_grace_ms = 0;
	h1_servers_drain(&play->servers);
	wire_idle(&play->wire);
	wire_say(&play->wire, GET);
	WIRE_EXPECT(&play->wire, "\r\nConnection: close\r\n\r\nx");
	WIRE_EXPECT_END(&play->wire);
}

static void close_tells_exchanges_and_not_the_owner(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, GET);
	PLAY_BEGUN(play, 1);
	h1_servers_close(&play->servers, REASON_SHUTDOWN);
	assert_int_equal(play->n_gone, 1);
	assert_int_equal(play->reason, REASON_SHUTDOWN);
	assert_int_equal(play->n_closed, 0);
	assert_int_equal(h1_servers_count(&play->servers), 0);
}

static void date_is_made_once_a_second(void **state)
{
	struct play *play = *state;
	struct span date = h1_servers_date(&play->servers);

	assert_int_equal(date.len, 29);
	play->servers.date.text[0] = '!'; /* it is not made again */
	if (loop_wall_s(play->wire.loop) == play->servers.date.at_s)
		assert_int_equal(h1_servers_date(&play->servers).at[0], '!');
	play->servers.date.at_s--;
	assert_int_not_equal(h1_servers_date(&play->servers).at[0], '!');
}

static void request_structs_come_back_for_the_next(void **state)
{
	struct play *play = *state;
	enum { N = 3 };

	play->answer = "x";
	for (int i = 0; i < N; i++) {
		wire_say(&play->wire, GET);
		WIRE_EXPECT(&play->wire, "\r\n\r\nx");
		assert_int_equal(play->servers.n_spare, 1);
		play_open(play);
	}
	assert_int_equal(play->n_sent, N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAY_TEST(drain_lets_the_exchange_end_and_closes),
		PLAY_TEST(drain_closes_what_stays_idle),
		PLAY_TEST(request_that_crosses_the_drain_is_answered),
		PLAY_TEST(connection_that_has_asked_nothing_may_ask_once_in_a_drain),
		PLAY_TEST(close_tells_exchanges_and_not_the_owner),
		PLAY_TEST(date_is_made_once_a_second),
		PLAY_TEST(request_structs_come_back_for_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
