/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_headers: header blocks, and when they may come.
 */
#include "h2_play.h"

static void block_goes_on_in_continuations(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	struct span block = h2_play_block(GET("/hello"));

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_HEADERS, H2_FLAG_END_STREAM, 1, span_first(block, 10));
	h2_play_frame(play, H2_CONTINUATION, 0, 1, SPAN_NONE);
	h2_play_frame(play, H2_CONTINUATION, H2_FLAG_END_HEADERS, 1, span_from(block, 10));
	h2_play_expect(play, "DATA 1 5 END");
	h2_play_free(play);
}

static void nothing_may_come_between(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_HEADERS, H2_FLAG_END_STREAM, 1, SPAN_NONE);
	h2_play_frame(play, H2_PING, 0, 0, SPAN_LIT("12345678"));
	h2_play_expect(play, "GOAWAY 0 1; "); /* RFC 9113 6.10 */
	h2_play_free(play);
}

/* CVE-2024-27316, CVE-2024-28182 */
static void endless_continuations_end_the_connection(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_HEADERS, H2_FLAG_END_STREAM, 1, h2_play_block(GET("/hello")));
	for (int i = 0; i < 20; i++)
		h2_play_frame(play, H2_CONTINUATION, 0, 1, SPAN_NONE);
	h2_play_expect(play, "GOAWAY 0 11; ");
	assert_int_equal(play->n_visits, 0);
	h2_play_free(play);
}

static void bomb_ends_the_connection(void **state)
{
	/* One field of 4000 bytes into the table, then its number, again and again. */
	static char lines[5000];
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	uint8_t block[6000];

	(void)state;
	snprintf(lines, sizeof(lines), "%sx %03900d\n", GET("/hello"), 1);
	struct span field = h2_play_block(lines);
	memcpy(block, field.at, field.len);
	block[field.len - 3900 - 6] = 0x40; /* with incremental indexing */
	memset(block + field.len, 0x80 | 62, 1000);
	h2_play_greet(play);
	h2_play_frame(play, H2_HEADERS, H2_FLAG_END_STREAM | H2_FLAG_END_HEADERS, 1,
		      span_of(block, field.len + 1000));
	h2_play_expect(play, "GOAWAY 0 11; ");
	assert_int_equal(play->n_visits, 0);
	h2_play_free(play);
}

static void trailers_without_an_end_reset_the_stream(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/read"), false);
	h2_play_headers(play, 1, "x y\n", false);
	h2_play_headers(play, 3, POST("/read"), false);
	h2_play_headers(play, 3, ":path /x\n", true); /* RFC 9113 8.1 */
	h2_play_expect(play, "RST 1 1; ");
	assert_non_null(strstr(play->log, "RST 3 1; "));
	h2_play_free(play);
}

static void stream_numbers_only_grow(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 5, GET("/hello"), true);
	h2_play_headers(play, 3, GET("/hello"), true);
	h2_play_expect(play, "GOAWAY 0 5; "); /* RFC 9113 5.1.1: 3 is closed by 5 */
	h2_play_free(play);
}

static void more_than_was_allowed_is_refused_and_nothing_is_lost(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.max_streams = 2;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hold"), true);
	h2_play_headers(play, 3, GET("/hold"), true);
	h2_play_headers(play, 5, GET("/hello"), true);
	h2_play_expect(play, "RST 5 7; "); /* REFUSED_STREAM: may be tried again */
	visit_answer(&play->visits[0], "x");
	h2_play_look(play);
	h2_play_headers(play, 7, GET("/hello"), true);
	h2_play_expect(play, "DATA 7 5 END");
	h2_play_free(play);
}

/* RFC 7540 5.3.1, which h2spec still asks for; also when its exchange is under way. */
static void stream_that_depends_on_itself_is_reset(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/read"), false);
	h2_play_look(play);
	h2_play_frame(play, H2_HEADERS, H2_FLAG_END_HEADERS | H2_FLAG_END_STREAM | H2_FLAG_PRIORITY,
		      1, SPAN_LIT("\0\0\0\1\0"));
	h2_play_expect(play, "RST 1 1; ");
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_MALFORMED);
	h2_play_free(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_goes_on_in_continuations),
		cmocka_unit_test(nothing_may_come_between),
		cmocka_unit_test(endless_continuations_end_the_connection),
		cmocka_unit_test(bomb_ends_the_connection),
		cmocka_unit_test(trailers_without_an_end_reset_the_stream),
		cmocka_unit_test(stream_numbers_only_grow),
		cmocka_unit_test(more_than_was_allowed_is_refused_and_nothing_is_lost),
		cmocka_unit_test(stream_that_depends_on_itself_is_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
