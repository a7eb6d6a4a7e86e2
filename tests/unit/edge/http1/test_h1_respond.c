/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_respond: what an exchange may ask of its responder.
 */
#include "edge/http1/h1_server_priv.h"

#include <signal.h>

#include "tests/unit/edge/http1/play.h"

#define GET  "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define HEAD "HEAD /1 HTTP/1.1\r\nHost: a.test\r\n\r\n"

static void begin_with(struct play *play, const char *head)
{
	unsigned n = play->n_begun + 1;

	wire_say(&play->wire, head);
	PLAY_BEGUN(play, n);
	assert_non_null(play->responder);
}

static void stream_goes_out_in_chunks(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	begin_with(play, GET);
	struct http_head head = play_head(play, 200, HTTP_BODY_STREAM, 0);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	wire_push(play->wire.slab, &body, "abc");
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, false), 0);
	WIRE_EXPECT(&play->wire, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	assert_int_equal(play->n_sent, 0);
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, true), 0);
	WIRE_EXPECT(&play->wire, "\r\n0\r\n\r\n");
	assert_int_equal(play->n_sent, 1);
}

static void stream_to_http_1_0_ends_with_the_connection(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	begin_with(play, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	struct http_head head = play_head(play, 200, HTTP_BODY_STREAM, 0);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	wire_push(play->wire.slab, &body, "abc");
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, true), 0);
	WIRE_EXPECT(&play->wire, "Connection: close\r\n\r\nabc");
	WIRE_EXPECT_END(&play->wire);
	assert_false(wire_has(&play->wire, "chunked"));
}

static void head_gets_no_body(void **state)
{
	struct play *play = *state;

	play->answer = "hello";
	wire_say(&play->wire, HEAD GET);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_sent == 2);
	WIRE_EXPECT(&play->wire, "Content-Length: 5\r\n\r\nHTTP/1.1 200");
	WIRE_EXPECT(&play->wire, "\r\n\r\nhello");
}

static void interim_responses_go_before_the_head(void **state)
{
	struct play *play = *state;

	begin_with(play, GET);
	struct http_head hints = play_head(play, 103, HTTP_BODY_NONE, 0);
	assert_int_equal(http_head_add_other(&hints, SPAN_LIT("Link"), SPAN_LIT("</a>")), 0);
	assert_int_equal(play->responder->ops->send_interim(play->responder, &hints), 0);
	WIRE_EXPECT(&play->wire, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	/* Nobody asked for a 100. */
	struct http_head go_on = play_head(play, 100, HTTP_BODY_NONE, 0);
	assert_int_equal(play->responder->ops->send_interim(play->responder, &go_on), 0);
	play_answer(play, "x");
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
	assert_false(wire_has(&play->wire, "100"));
}

static void interim_responses_are_not_for_http_1_0(void **state)
{
	struct play *play = *state;

	begin_with(play, "GET / HTTP/1.0\r\n\r\n");
	struct http_head hints = play_head(play, 103, HTTP_BODY_NONE, 0);
	assert_int_equal(play->responder->ops->send_interim(play->responder, &hints), 0);
	play_answer(play, "x");
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
	assert_false(wire_has(&play->wire, "103"));
}

static void aborted_response_can_be_told_from_a_whole_one(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	begin_with(play, GET);
	struct http_head head = play_head(play, 200, HTTP_BODY_STREAM, 0);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	wire_push(play->wire.slab, &body, "abc");
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, false), 0);
	play->responder->ops->abort(play->responder, REASON_ORIGIN_CLOSED);
	play->responder = NULL;
	WIRE_EXPECT_END(&play->wire);
	assert_true(wire_has(&play->wire, "3\r\nabc\r\n"));
	assert_false(wire_has(&play->wire, "\r\n0\r\n"));
	assert_int_equal(play->n_sent + play->n_gone, 0);
	assert_int_equal(play->n_closed, 1);
}

static void abort_may_come_from_inside_a_callback(void **state)
{
	struct play *play = *state;

	play->wants_at_once = play->abort_in_body = true;
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->wire.n_got, 0);
	assert_int_equal(play->n_begun, 1);
	assert_int_equal(play->n_gone, 0);
}

static void body_that_is_not_as_long_as_said_is_broken_off(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	begin_with(play, GET);
	struct http_head head = play_head(play, 200, HTTP_BODY_LENGTH, 5);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	wire_push(play->wire.slab, &body, "abc");
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, true), -EMSGSIZE);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_gone == 1);
	WIRE_EXPECT_END(&play->wire);
}

enum { PIPED_BYTES = 900000 }; /* more than the pair holds */

/* A 200 whose body of so many 'x' begins with a pipe of PIPED_BYTES of them. */
static struct splice_pipe *send_piped(struct play *play, uint64_t length,
				      struct splice_pool **ret_pool)
{
	char *text = malloc(PIPED_BYTES);

	assert_non_null(text);
	memset(text, 'x', PIPED_BYTES);
	assert_int_equal(splice_pool_new(1, ret_pool), 0);
	struct splice_pipe *pipe = splice_take(*ret_pool);
	assert_non_null(pipe);
	assert_int_equal(write(pipe->in, text, PIPED_BYTES), PIPED_BYTES);
	pipe->bytes = PIPED_BYTES;
	free(text);
	struct http_head head = play_head(play, 200, HTTP_BODY_LENGTH, length);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	assert_true(play->responder->ops->takes_pipes(play->responder));
	assert_int_equal(play->responder->ops->send_pipe(play->responder, pipe), 0);
	return pipe;
}

static void pipe_is_emptied_as_the_client_reads_and_the_next_request_follows(void **state)
{
	struct play *play = *state;
	struct splice_pool *pool;
	struct chain none = { 0 };

	begin_with(play, GET GET);
	struct splice_pipe *pipe = send_piped(play, PIPED_BYTES, &pool);
	wire_turn(&play->wire);
	assert_true(pipe->bytes > 0); /* the pair does not hold so much */
	assert_int_equal(play->n_writable, 0);
	while (!play->n_writable) {
		wire_look(&play->wire);
		wire_turn(&play->wire);
	}
	assert_int_equal(pipe->bytes, 0);
	assert_int_equal(play->responder->ops->send_body(play->responder, &none, true), 0);
	PLAY_BEGUN(play, 2);
	assert_int_equal(play->n_sent, 1);
	play_answer(play, "second");
	WIRE_EXPECT(&play->wire, "\r\n\r\nsecond");
	const char *body = strstr(play->wire.got, "\r\n\r\n") + 4;
	assert_int_equal(strspn(body, "x"), PIPED_BYTES);
	splice_give(pipe);
	splice_pool_free(pool);
}

static void abort_gives_the_pipe_back_as_it_is(void **state)
{
	struct play *play = *state;
	struct splice_pool *pool;

	begin_with(play, GET);
	struct splice_pipe *pipe = send_piped(play, PIPED_BYTES + 1, &pool);
	size_t left = pipe->bytes;
	splice_give(pipe); /* as an exchange that ends does before */
	play->responder->ops->abort(play->responder, REASON_ORIGIN_CLOSED);
	play->responder = NULL;
	WIRE_EXPECT_END(&play->wire);
	assert_in_range(left, 1, PIPED_BYTES - 1);
	assert_true(play->wire.n_got < PIPED_BYTES);
	splice_pool_free(pool);
}

static void client_that_takes_nothing_of_a_pipe_times_out(void **state)
{
	struct play *play = *state;
	struct splice_pool *pool;

	play->servers.limits.write_timeout_ms = 20;
	begin_with(play, GET);
	struct splice_pipe *pipe = send_piped(play, PIPED_BYTES, &pool);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_gone == 1);
	assert_int_equal(play->reason, REASON_CLIENT_WRITE_TIMEOUT);
	assert_true(pipe->bytes > 0);
	splice_give(pipe);
	splice_pool_free(pool);
}

static void client_that_goes_away_ends_a_pipe(void **state)
{
	struct play *play = *state;
	struct splice_pool *pool;

	begin_with(play, GET);
	struct splice_pipe *pipe = send_piped(play, PIPED_BYTES, &pool);
	wire_hang_up(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_gone == 1);
	assert_int_equal(play->reason, REASON_CLIENT_GONE);
	splice_give(pipe);
	splice_pool_free(pool);
}

static void head_takes_no_pipe(void **state)
{
	struct play *play = *state;

	begin_with(play, HEAD);
	struct http_head head = play_head(play, 200, HTTP_BODY_LENGTH, 200000);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	assert_false(play->responder->ops->takes_pipes(play->responder));
}

static void conn_is_lent(void **state)
{
	struct play *play = *state;

	begin_with(play, GET);
	struct conn *conn = play->responder->ops->conn(play->responder);
	assert_false(conn_is_tls(conn));
	assert_int_equal(addr_port(conn_from(conn)), 1);
	assert_true(span_eq(play->head->scheme, SPAN_LIT("http")));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as the process does */
	const struct CMUnitTest tests[] = {
		PLAY_TEST(stream_goes_out_in_chunks),
		PLAY_TEST(stream_to_http_1_0_ends_with_the_connection),
		PLAY_TEST(head_gets_no_body),
		PLAY_TEST(interim_responses_go_before_the_head),
		PLAY_TEST(interim_responses_are_not_for_http_1_0),
		PLAY_TEST(aborted_response_can_be_told_from_a_whole_one),
		PLAY_TEST(abort_may_come_from_inside_a_callback),
		PLAY_TEST(body_that_is_not_as_long_as_said_is_broken_off),
		PLAY_TEST(pipe_is_emptied_as_the_client_reads_and_the_next_request_follows),
		PLAY_TEST(abort_gives_the_pipe_back_as_it_is),
		PLAY_TEST(client_that_takes_nothing_of_a_pipe_times_out),
		PLAY_TEST(client_that_goes_away_ends_a_pipe),
		PLAY_TEST(head_takes_no_pipe),
		PLAY_TEST(conn_is_lent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
