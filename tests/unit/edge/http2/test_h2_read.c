/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_read: frames in, in order and out of it.
 */
#include "h2_play.h"

static void input_may_be_cut_at_any_byte(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	uint8_t all[512];
	size_t n = 24;

	(void)state;
	memcpy(all, H2_PREFACE.at, n);
	const struct {
		struct h2_header header;
		struct span payload;
	} frames[] = {
		{ { .type = H2_SETTINGS }, SPAN_NONE },
		{ { .type = H2_HEADERS,
		    .flags = H2_FLAG_PADDED | H2_FLAG_END_HEADERS,
		    .stream_id = 1 },
		  SPAN_NONE },
		{ { .type = H2_DATA, .flags = H2_FLAG_PADDED | H2_FLAG_END_STREAM, .stream_id = 1 },
		  SPAN_LIT("\3body\0\0\0") },
	};
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		struct h2_header header = frames[i].header;
		struct span payload = frames[i].payload;
		uint8_t padded[300];
		if (header.type == H2_HEADERS) {
			struct span block = h2_play_block(POST("/echo"));
			padded[0] = 2;
			memcpy(padded + 1, block.at, block.len);
			memset(padded + 1 + block.len, 0, 2);
			payload = span_of(padded, block.len + 3);
		}
		header.length = (uint32_t)payload.len;
		h2_header_put(all + n, &header);
		n += H2_HEADER_BYTES;
		if (payload.len)
			memcpy(all + n, payload.at, payload.len);
		n += payload.len;
	}
	for (size_t i = 0; i < n; i++) {
		wire_send(&play->wire, span_of(all + i, 1));
		wire_turn(&play->wire);
	}
	h2_play_expect(play, "DATA 1 4 END");
	assert_string_equal(play->visits[0].body, "body");
	h2_play_free(play);
}

/* What ends the connection, and with which word. */
static void connection_errors_by_clause(void **state)
{
	static const struct {
		struct h2_header header;
		const char *payload;
		size_t len;
		const char *goaway;
	} rows[] = {
		{ { .type = H2_DATA, .stream_id = 1 }, "x", 1, "GOAWAY 0 1; " }, /* 5.1 idle */
		{ { .type = H2_RST_STREAM, .stream_id = 1 }, "\0\0\0\0", 4, "GOAWAY 0 1; " },
		{ { .type = H2_WINDOW_UPDATE, .stream_id = 1 }, "\0\0\0\1", 4, "GOAWAY 0 1; " },
		{ { .type = H2_WINDOW_UPDATE }, "\0\0\0\0", 4, "GOAWAY 0 1; " },         /* 6.9 */
		{ { .type = H2_WINDOW_UPDATE }, "\x7f\xff\xff\xff", 4, "GOAWAY 0 3; " }, /* 6.9.1 */
		{ { .type = H2_PUSH_PROMISE, .stream_id = 1 }, "\0\0\0\2", 4, "GOAWAY 0 1; " },
		{ { .type = H2_CONTINUATION, .stream_id = 1 }, "", 0, "GOAWAY 0 1; " }, /* 6.10 */
		{ { .type = H2_HEADERS, .stream_id = 2 }, "", 0, "GOAWAY 0 1; " },      /* 5.1.1 */
		{ { .type = H2_PING }, "1234567", 7, "GOAWAY 0 6; " },
		{ { .type = H2_SETTINGS }, "\0\2\0\0\0\2", 6, "GOAWAY 0 1; " }, /* 6.5.2 */
		{ { .type = H2_SETTINGS }, "\0\4\x80\0\0\0", 6, "GOAWAY 0 3; " },
		{ { .type = H2_SETTINGS }, "\0\5\0\0\0\1", 6, "GOAWAY 0 1; " },
		{ { .type = H2_DATA, .flags = H2_FLAG_PADDED, .stream_id = 1 },
		  "\1",
		  1,
		  "GOAWAY 0 1; " },
		{ { .type = H2_PRIORITY_UPDATE },
		  "\0\0\0\0u=1",
		  7,
		  "GOAWAY 0 1; " }, /* RFC 9218 7.1 */
	};
	struct h2_limits limits = h2_limits_usual;

	(void)state;
	limits.linger_ms = 10;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct h2_play *play = h2_play_new(&limits);
		h2_play_greet(play);
		h2_play_frame(play, rows[i].header.type, rows[i].header.flags,
			      rows[i].header.stream_id, span_of(rows[i].payload, rows[i].len));
		if (!strstr(h2_play_look(play), rows[i].goaway))
			fail_msg("row %zu: %s", i, play->log);
		EDGE_LOOP_UNTIL(play->wire.loop, h2_play_is_over(play));
		h2_play_free(play);
	}
}

static void first_frame_must_be_settings(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	wire_send(&play->wire, H2_PREFACE);
	h2_play_headers(play, 1, GET("/hello"), true);
	h2_play_expect(play, "GOAWAY 0 1; ");
	h2_play_free(play);
}

static void another_preface_is_refused(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	wire_say(&play->wire, "GET / HTTP/1.1\r\n\r\n");
	h2_play_expect(play, "GOAWAY 0 1; ");
	h2_play_free(play);
}

static void unknown_frames_are_passed_over(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, 0xbb, 0xff, 77, SPAN_LIT("whatever"));
	h2_play_frame(play, H2_PING, 0, 0, SPAN_LIT("12345678"));
	h2_play_expect(play, "PING 0 ACK; ");
	h2_play_free(play);
}

/* CVE-2019-9512, 9515, 9518: cheap for them, dear for us. */
static void floods_end_the_connection(void **state)
{
	static const struct {
		struct h2_header header;
		const char *payload;
		size_t len;
	} rows[] = {
		{ { .type = H2_PING }, "12345678", 8 },
		{ { .type = H2_SETTINGS }, "", 0 },
		{ { .type = H2_PRIORITY, .stream_id = 1 }, "\0\0\0\0\1", 5 },
		{ { .type = H2_DATA, .stream_id = 1 }, "", 0 },
		{ { .type = H2_WINDOW_UPDATE }, "\0\0\0\1", 4 },
		{ { .type = 0x77 }, "x", 1 },
	};
	struct h2_limits limits = h2_limits_usual;

	(void)state;
	limits.controls = (struct h2_budget_conf){ .burst = 50, .per_s = 1 };
	limits.linger_ms = 10;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct h2_play *play = h2_play_new(&limits);
		h2_play_greet(play);
		h2_play_headers(play, 1, POST("/read"), false);
		h2_play_look(play);
		for (int k = 0; k < 60; k++)
			h2_play_frame(play, rows[i].header.type, 0, rows[i].header.stream_id,
				      span_of(rows[i].payload, rows[i].len));
		if (!strstr(h2_play_look(play), "GOAWAY 0 11; "))
			fail_msg("row %zu: %s", i, play->log);
		EDGE_LOOP_UNTIL(play->wire.loop, h2_play_is_over(play));
		assert_int_equal(play->visits[0].reason, REASON_CLIENT_ABUSE);
		h2_play_free(play);
	}
}

static void body_must_be_as_long_as_was_said(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, POST("/read") "content-length 3\n", false);
	h2_play_data(play, 1, "four", true);
	h2_play_headers(play, 3, POST("/read") "content-length 5\n", false);
	h2_play_data(play, 3, "four", true);
	h2_play_headers(play, 5, POST("/echo") "content-length 4\n", false);
	h2_play_data(play, 5, "four", true);
	h2_play_expect(play, "RST 1 1; ");
	assert_non_null(strstr(play->log, "RST 3 1; "));
	assert_non_null(strstr(play->log, "DATA 5 4 END"));
	h2_play_free(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_may_be_cut_at_any_byte),
		cmocka_unit_test(connection_errors_by_clause),
		cmocka_unit_test(first_frame_must_be_settings),
		cmocka_unit_test(another_preface_is_refused),
		cmocka_unit_test(unknown_frames_are_passed_over),
		cmocka_unit_test(floods_end_the_connection),
		cmocka_unit_test(body_must_be_as_long_as_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
