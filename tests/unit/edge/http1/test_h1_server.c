/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_server: a client's connection from its first byte to its end.
 */
#include "edge/http1/h1_server.h"

#include "edge/http1/h1_server_priv.h"
#include "tests/unit/edge/http1/play.h"

#include "tests/unit/edge/fsm.h"

#define GET "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n"

static void request_is_answered_and_the_connection_lives_on(void **state)
{
	struct play *play = *state;

	play->answer = "hello";
	for (unsigned i = 1; i <= 3; i++) {
		wire_forget(&play->wire);
		wire_say(&play->wire, GET);
		WIRE_EXPECT(&play->wire, "\r\n\r\nhello");
		assert_true(wire_has(&play->wire, "HTTP/1.1 200 OK\r\n"));
		assert_true(wire_has(&play->wire, "\r\nDate: "));
		assert_true(wire_has(&play->wire, "\r\nContent-Length: 5\r\n"));
		assert_false(wire_has(&play->wire, "Connection"));
		assert_int_equal(play->n_sent, i);
	}
	assert_string_equal(play->target, "/1");
	assert_int_equal(h1_servers_count(&play->servers), 1);
}

static void idle_connection_holds_no_block_and_no_request(void **state)
{
	struct play *play = *state;

	play->answer = "hello";
	wire_say(&play->wire, GET);
	WIRE_EXPECT(&play->wire, "hello");
	assert_int_equal(slab_n_out(play->wire.slab), 0);
	assert_int_equal(play->servers.n_spare, 1);
}

static void waiting_exchange_holds_no_block(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, GET);
	PLAY_BEGUN(play, 1);
	assert_int_equal(slab_n_out(play->wire.slab), 0);
}

static void head_may_come_byte_by_byte(void **state)
{
	struct play *play = *state;

	play->answer = "hello";
	for (const char *at = GET; *at; at++) {
		wire_send(&play->wire, span_of(at, 1));
		wire_turn(&play->wire);
	}
	WIRE_EXPECT(&play->wire, "hello");
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct play *play = *state;

	play->answer = "x";
	wire_say(&play->wire, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
			      "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
			      "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
			      "GET /4 HTTP/1.1\r\nHo");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_sent == 3);
	assert_string_equal(play->target, "/3");
	wire_say(&play->wire, "st: a\r\n\r\n");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_sent == 4);
	assert_string_equal(play->target, "/4");
}

static void next_request_waits_for_the_end_of_the_one_before(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, GET "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	PLAY_BEGUN(play, 1);
	wire_idle(&play->wire);
	assert_int_equal(play->n_begun, 1);
	play_answer(play, "one");
	PLAY_BEGUN(play, 2);
	assert_string_equal(play->target, "/2");
}

static void malformed_head_gets_400_and_a_close(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
			      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n");
	WIRE_EXPECT(&play->wire, "HTTP/1.1 400 Bad Request\r\n");
	WIRE_EXPECT_END(&play->wire);
	assert_true(wire_has(&play->wire, "\r\nConnection: close\r\n"));
	assert_int_equal(play->n_begun, 0);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_closed == 1);
	assert_int_equal(play_ended("client_malformed"), 1);
}

static void refused_heads_get_the_status_of_their_reason(void **state)
{
	static const struct {
		const char *head, *status;
	} cases[] = {
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505" },
		{ "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "405" },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br, chunked\r\n\r\n", "501" },
		{ "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", "417" },
		{ "\x16\x03\x01\x02", "400" },
	};
	struct play *play = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[40];
		wire_say(&play->wire, cases[i].head);
		snprintf(line, sizeof(line), "HTTP/1.1 %s ", cases[i].status);
		WIRE_EXPECT(&play->wire, line);
		WIRE_EXPECT_END(&play->wire);
		play_open(play);
	}
}

static void oversized_heads_get_414_and_431(void **state)
{
	struct play *play = *state;
	struct chain zeros = { 0 };

	wire_push_zeros(play->wire.slab, &zeros, BLOCK_BYTES);
	wire_say(&play->wire, "GET /");
	wire_send(&play->wire, chain_front(&zeros));
	WIRE_EXPECT(&play->wire, "HTTP/1.1 414 ");
	play_open(play);
	wire_say(&play->wire, "GET / HTTP/1.1\r\nA: ");
	wire_send(&play->wire, chain_front(&zeros));
	WIRE_EXPECT(&play->wire, "HTTP/1.1 431 ");
	chain_clear(&zeros);
}

static void body_comes_when_it_is_wanted(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
	PLAY_BEGUN(play, 1);
	wire_idle(&play->wire);
	assert_int_equal(play->n_body, 0);
	play->responder->ops->want_body(play->responder);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_body == 5);
	wire_say(&play->wire, "56789");
	EDGE_LOOP_UNTIL(play->wire.loop, play->body_ended);
	assert_memory_equal(play->body, "0123456789", 10);
}

static void chunked_body_is_decoded_and_its_end_is_told(void **state)
{
	struct play *play = *state;

	play->wants_at_once = true;
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	wire_say(&play->wire, "3\r\nabc\r\n");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_body == 3);
	wire_say(&play->wire, "2\r\nde\r\n0\r\nA: b\r\n\r\n" GET);
	EDGE_LOOP_UNTIL(play->wire.loop, play->body_ended);
	assert_memory_equal(play->body, "abcde", 5);
	play_answer(play, "x");
	PLAY_BEGUN(play, 2);
	assert_string_equal(play->target, "/1");
}

static void trailers_are_told_before_the_end_of_the_body(void **state)
{
	struct play *play = *state;

	play->wants_at_once = true;
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "3\r\nabc\r\n0\r\nA: b\r\nHo");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_body == 3);
	wire_idle(&play->wire);
	assert_string_equal(play->trailers, "");
	wire_say(&play->wire, "st: evil\r\nC: d\r\n\r\n");
	EDGE_LOOP_UNTIL(play->wire.loop, play->body_ended);
	assert_string_equal(play->trailers, "A=b;C=d;");
}

static void dropped_body_drops_its_trailers(void **state)
{
	struct play *play = *state;

	play->answer = "early";
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "3\r\nabc\r\n0\r\nA: b\r\n\r\n" GET);
	PLAY_BEGUN(play, 2);
	assert_string_equal(play->target, "/1");
	assert_string_equal(play->trailers, "");
}

struct takeover {
	struct conn *conn;
	char first[64];
	unsigned n;
	bool refuse;
};

static bool takeover_on_http2(void *arg, struct conn *conn, struct span first)
{
	struct takeover *takeover = arg;

	takeover->n++;
	snprintf(takeover->first, sizeof(takeover->first), "%.*s", SPAN_FMT(first));
	if (takeover->refuse)
		return false;
	takeover->conn = conn;
	return true;
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static void preface_of_http_2_is_handed_over_with_what_follows(void **state)
{
	struct play *play = *state;
	struct takeover takeover = { 0 };

	play->servers.on_http2 = takeover_on_http2;
	play->servers.on_http2_arg = &takeover;
	for (const char *at = PREFACE; at[1]; at++) {
		wire_send(&play->wire, span_of(at, 1));
		wire_turn(&play->wire);
	}
	assert_int_equal(takeover.n, 0);
	wire_say(&play->wire, "\nfollows");
	EDGE_LOOP_UNTIL(play->wire.loop, takeover.n == 1);
	assert_string_equal(takeover.first, PREFACE "follows");
	assert_int_equal(h1_servers_count(&play->servers), 0);
	assert_int_equal(play->n_closed, 0);
	conn_close(takeover.conn);
	/* Who cannot take it leaves it to us. */
	takeover.refuse = true;
	play_open(play);
	wire_say(&play->wire, PREFACE);
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->n_closed, 1);
}

static void preface_is_for_the_begin_of_a_connection(void **state)
{
	struct play *play = *state;
	struct takeover takeover = { 0 };

	play->servers.on_http2 = takeover_on_http2;
	play->servers.on_http2_arg = &takeover;
	play->answer = "x";
	wire_say(&play->wire, "P");
	wire_idle(&play->wire);
	wire_say(&play->wire, "OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" PREFACE);
	WIRE_EXPECT(&play->wire, "HTTP/1.1 200 ");
	WIRE_EXPECT(&play->wire, "HTTP/1.1 505 ");
	assert_int_equal(takeover.n, 0);
}

static void slow_taker_stops_the_reading(void **state)
{
	struct play *play = *state;
	struct chain zeros = { 0 };
	size_t sent = 0;
	ssize_t n = 1;

	play->takes_bytes = 1000;
	wire_push_zeros(play->wire.slab, &zeros, BLOCK_BYTES);
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
	PLAY_BEGUN(play, 1);
	play->responder->ops->want_body(play->responder);
	for (int idle = 0; idle < 20;) {
		struct span part = chain_front(&zeros);
		n = send(play->wire.fd, part.at, part.len, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		wire_turn(&play->wire);
	}
	assert_int_equal(play->n_body_all, 1000);
	assert_true(sent < 10000000);
	assert_true(slab_n_out(play->wire.slab) < 4);
	/* Asked again and again, all of it arrives. */
	play->takes_bytes = 0;
	while (play->n_body_all < 10000000) {
		struct span part = span_first(chain_front(&zeros), 10000000 - sent);
		play->responder->ops->want_body(play->responder);
		n = part.len ? send(play->wire.fd, part.at, part.len, MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		wire_turn(&play->wire);
	}
	assert_true(play->body_ended);
	chain_clear(&zeros);
}

static void continue_is_said_when_the_body_is_first_wanted(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			      "Content-Length: 2\r\n\r\n");
	PLAY_BEGUN(play, 1);
	wire_idle(&play->wire);
	assert_int_equal(play->wire.n_got, 0);
	play->responder->ops->want_body(play->responder);
	WIRE_EXPECT(&play->wire, "HTTP/1.1 100 Continue\r\n\r\n");
	wire_say(&play->wire, "ab");
	EDGE_LOOP_UNTIL(play->wire.loop, play->body_ended);
	play_answer(play, "x");
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
	assert_false(wire_has(&play->wire, "Connection: close"));
}

static void answer_instead_of_continue_closes(void **state)
{
	struct play *play = *state;

	play->answer = "no";
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			      "Content-Length: 2\r\n\r\n");
	WIRE_EXPECT(&play->wire, "\r\nConnection: close\r\n\r\nno");
	WIRE_EXPECT_END(&play->wire);
	assert_false(wire_has(&play->wire, "100 Continue"));
}

static void small_rest_of_a_body_is_read_after_an_early_answer(void **state)
{
	struct play *play = *state;

	play->answer = "early";
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
	WIRE_EXPECT(&play->wire, "early");
	assert_int_equal(play->n_sent, 1);
	wire_say(&play->wire, "56789" GET);
	PLAY_BEGUN(play, 2);
	assert_string_equal(play->target, "/1");
}

static void large_rest_of_a_body_is_not_read(void **state)
{
	struct play *play = *state;

	play->answer = "early";
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n01234");
	WIRE_EXPECT(&play->wire, "early");
	WIRE_EXPECT_END(&play->wire);
}

static void endless_rest_of_a_body_ends_in_a_close(void **state)
{
	struct play *play = *state;
	struct chain zeros = { 0 };

	play->answer = "early";
	wire_push_zeros(play->wire.slab, &zeros, BLOCK_BYTES);
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	WIRE_EXPECT(&play->wire, "early");
	for (int i = 0; i < 6 && !play->n_closed; i++) {
		wire_say(&play->wire, "4000\r\n");
		wire_send(&play->wire, chain_front(&zeros));
		wire_say(&play->wire, "\r\n");
		wire_idle(&play->wire);
	}
	assert_int_equal(play->n_closed, 1);
	chain_clear(&zeros);
}

static void malformed_body_tells_the_exchange_and_gets_400(void **state)
{
	struct play *play = *state;

	play->wants_at_once = true;
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "zz\r\n");
	WIRE_EXPECT(&play->wire, "HTTP/1.1 400 ");
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->n_faults, 1);
	assert_int_equal(play->reason, REASON_CLIENT_MALFORMED);
}

static void body_that_breaks_off_tells_the_exchange(void **state)
{
	struct play *play = *state;

	play->wants_at_once = true;
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	PLAY_BEGUN(play, 1);
	wire_hang_up(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_gone == 1);
	assert_int_equal(play->reason, REASON_CLIENT_GONE);
	assert_int_equal(play->n_closed, 1);
}

static void half_closed_client_still_gets_its_answer(void **state)
{
	struct play *play = *state;

	wire_say(&play->wire, GET);
	shutdown(play->wire.fd, SHUT_WR);
	PLAY_BEGUN(play, 1);
	wire_idle(&play->wire);
	assert_int_equal(play->n_gone, 0);
	play_answer(play, "late");
	WIRE_EXPECT(&play->wire, "late");
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->n_sent, 1);
}

static void client_that_does_not_read_blocks_and_then_times_out(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	play->servers.limits.write_timeout_ms = 50;
	wire_say(&play->wire, GET);
	PLAY_BEGUN(play, 1);
	struct http_head head = play_head(play, 200, HTTP_BODY_STREAM, 0);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	for (int i = 0; i < 1000 && play->responder; i++) {
		if (chain_empty(&body))
			wire_push_zeros(play->wire.slab, &body, 4 * (size_t)BLOCK_BYTES);
		assert_int_equal(play->responder->ops->send_body(play->responder, &body, false), 0);
		wire_turn(&play->wire);
	}
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_gone == 1);
	assert_int_equal(play->reason, REASON_CLIENT_WRITE_TIMEOUT);
	chain_clear(&body);
}

/* A response that the client does not read, and `n` blocks that others hold. */
static void stall(struct play *play, struct block **blocks, size_t n)
{
	struct chain body = { 0 };

	play->servers.limits.pressure_ms = 30;
	wire_say(&play->wire, GET);
	PLAY_BEGUN(play, 1);
	struct http_head head = play_head(play, 200, HTTP_BODY_STREAM, 0);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	for (int i = 0; i < 1000; i++) {
		if (chain_empty(&body))
			wire_push_zeros(play->wire.slab, &body, 4 * (size_t)BLOCK_BYTES);
		assert_int_equal(play->responder->ops->send_body(play->responder, &body, false), 0);
		wire_turn(&play->wire);
	}
	chain_clear(&body);
	for (size_t i = 0; i < n; i++)
		blocks[i] = slab_take(play->wire.slab);
}

static void client_that_is_in_the_way_while_blocks_are_short_is_let_go(void **state)
{
	struct play *play = *state;
	struct block *blocks[900];

	stall(play, blocks, ARRAY_LEN(blocks));
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_gone == 1);
	assert_int_equal(play->reason, REASON_CLIENT_WRITE_TIMEOUT);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		block_unref(blocks[i]);
}

static void client_that_reads_slowly_has_time_while_there_are_blocks(void **state)
{
	struct play *play = *state;

	stall(play, NULL, 0);
	for (int i = 0; i < 5; i++)
		loop_turn(play->wire.loop, 60);
	assert_int_equal(play->n_gone, 0);
	wire_hang_up(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_gone == 1);
}

static void giver_is_called_when_there_is_room_again(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	wire_say(&play->wire, GET);
	PLAY_BEGUN(play, 1);
	struct http_head head = play_head(play, 200, HTTP_BODY_STREAM, 0);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	wire_push_zeros(play->wire.slab, &body, 14 * (size_t)BLOCK_BYTES);
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, true), 0);
	assert_false(chain_empty(&body));
	while (!chain_empty(&body)) {
		unsigned before = play->n_writable;
		while (play->n_writable == before) {
			wire_turn(&play->wire);
			wire_look(&play->wire);
		}
		assert_int_equal(play->responder->ops->send_body(play->responder, &body, true), 0);
	}
	WIRE_EXPECT(&play->wire, "\r\n0\r\n\r\n");
	assert_int_equal(play->n_sent, 1);
}

static void deadlines_have_their_reasons(void **state)
{
	struct play *play = *state;

	play->servers.limits.head_timeout_ms = 30;
	play->servers.limits.body_timeout_ms = 30;
	play->servers.limits.idle_timeout_ms = 30;
	/* Nothing was ever said: the usual deadline of the one that is open already is far. */
	play_open(play);
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->wire.n_got, 0);
	assert_int_equal(play_ended("client_head_timeout"), 1);

	play_open(play);
	wire_say(&play->wire, "GET / HT");
	WIRE_EXPECT(&play->wire, "HTTP/1.1 408 ");
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play_ended("client_head_timeout"), 2);

	play_open(play);
	play->wants_at_once = true;
	wire_say(&play->wire, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	WIRE_EXPECT(&play->wire, "HTTP/1.1 408 ");
	assert_int_equal(play->reason, REASON_CLIENT_BODY_TIMEOUT);

	play_open(play);
	play->answer = "x";
	wire_say(&play->wire, GET);
	WIRE_EXPECT_END(&play->wire);
	assert_true(wire_has(&play->wire, "200 OK"));
	assert_int_equal(play_ended("client_idle"), 1);
}

static void waiting_for_the_exchange_has_no_deadline(void **state)
{
	struct play *play = *state;

	play->servers.limits.head_timeout_ms = 1;
	play->servers.limits.body_timeout_ms = 1;
	play->servers.limits.idle_timeout_ms = 1;
	play->servers.limits.write_timeout_ms = 1;
	wire_say(&play->wire, GET);
	PLAY_BEGUN(play, 1);
	wire_idle(&play->wire);
	wire_idle(&play->wire);
	play->servers.limits.idle_timeout_ms = 10000;
	play_answer(play, "x");
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
}

static void nothing_more_comes_after_the_client_has_gone(void **state)
{
	struct play *play = *state;

	wire_hang_up(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_closed == 1);
	play_open(play);
	wire_say(&play->wire, "GET / HT");
	wire_idle(&play->wire);
	wire_hang_up(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_closed == 2);
	assert_int_equal(play_ended("client_gone"), 1);
}

static void exchange_without_memory_is_a_500(void **state)
{
	struct play *play = *state;

	play->out_of_memory = true;
	wire_say(&play->wire, GET);
	WIRE_EXPECT(&play->wire, "HTTP/1.1 500 ");
	WIRE_EXPECT_END(&play->wire);
}

static void answer_101(struct play *play)
{
	struct http_head head = play_head(play, 101, HTTP_BODY_TUNNEL, 0);

	head.upgrade = SPAN_LIT("chat");
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
}

#define UPGRADE "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"

static void tunnel_begins_with_what_came_behind_the_head(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	wire_say(&play->wire, UPGRADE "GET /no HTTP/1.1\r\n\r\n");
	PLAY_BEGUN(play, 1);
	wire_idle(&play->wire);
	answer_101(play);
	play->responder->ops->want_body(play->responder);
	WIRE_EXPECT(&play->wire, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n"
				 "Connection: Upgrade\r\n\r\n");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_body == 20);
	wire_say(&play->wire, "more");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_body == 24);
	wire_push(play->wire.slab, &body, "back");
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, false), 0);
	WIRE_EXPECT(&play->wire, "\r\n\r\nback");
	assert_int_equal(play->n_begun, 1);
	/* Our end first: a FIN, and the other direction goes on. */
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, true), 0);
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->n_sent, 0);
	wire_say(&play->wire, "!");
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_body == 25);
	shutdown(play->wire.fd, SHUT_WR);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_sent == 1);
	assert_true(play->body_ended);
	assert_int_equal(play->n_closed, 1);
}

static void tunnel_lives_on_after_the_client_has_ended_its_side(void **state)
{
	struct play *play = *state;
	struct chain body = { 0 };

	wire_say(&play->wire, UPGRADE);
	PLAY_BEGUN(play, 1);
	answer_101(play);
	play->responder->ops->want_body(play->responder);
	WIRE_EXPECT(&play->wire, "\r\n\r\n");
	wire_say(&play->wire, "bye");
	shutdown(play->wire.fd, SHUT_WR);
	EDGE_LOOP_UNTIL(play->wire.loop, play->body_ended);
	assert_int_equal(play->n_sent, 0);
	wire_push(play->wire.slab, &body, "last");
	assert_int_equal(play->responder->ops->send_body(play->responder, &body, true), 0);
	WIRE_EXPECT(&play->wire, "last");
	WIRE_EXPECT_END(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_sent == 1);
}

static void half_closed_client_gets_all_its_answers(void **state)
{
	struct play *play = *state;

	play->answer = "x";
	wire_say(&play->wire, GET GET GET GET); /* its end is seen before the last is taken */
	shutdown(play->wire.fd, SHUT_WR);
	WIRE_EXPECT_END(&play->wire);
	assert_int_equal(play->n_sent, 4);
	assert_true(wire_has(&play->wire, "Connection: close\r\n\r\nx"));
}

static void head_that_is_not_whole_holds_no_block(void **state)
{
	struct play *play = *state;

	play->answer = "x";
	wire_say(&play->wire, "GET /1 HT");
	wire_idle(&play->wire);
	assert_int_equal(slab_n_out(play->wire.slab), 0);
	wire_say(&play->wire, "TP/1.1\r\nHost: ");
	wire_idle(&play->wire);
	assert_int_equal(slab_n_out(play->wire.slab), 0);
	wire_say(&play->wire, "a\r\n\r\n");
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
	wire_say(&play->wire, "GET /2");
	wire_idle(&play->wire);
	wire_hang_up(&play->wire);
	EDGE_LOOP_UNTIL(play->wire.loop, play->n_closed == 1);
}

static void connection_waits_while_there_are_no_blocks(void **state)
{
	struct play *play = *state;
	struct block *blocks[1024];
	size_t n = 0;

	play->answer = "x";
	while (n < 1024 && (blocks[n] = slab_take(play->wire.slab)))
		n++;
	wire_say(&play->wire, GET);
	for (int i = 0; i < 50; i++)
		wire_turn(&play->wire);
	assert_int_equal(play->n_begun + play->n_closed, 0);
	while (n)
		block_unref(blocks[--n]);
	WIRE_EXPECT(&play->wire, "\r\n\r\nx");
}

static void http_1_0_is_closed_unless_it_asks_to_live_on(void **state)
{
	struct play *play = *state;

	play->answer = "x";
	wire_say(&play->wire, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	WIRE_EXPECT(&play->wire, "\r\nConnection: keep-alive\r\n\r\nx");
	wire_say(&play->wire, "GET / HTTP/1.0\r\n\r\n");
	WIRE_EXPECT(&play->wire, "\r\nConnection: close\r\n\r\nx");
	WIRE_EXPECT_END(&play->wire);
}

static void states_follow_as_drawn(void **state)
{
	const struct fsm fsm = { "docs/fsm/h1_server.dot", h1_server_state_names,
				 h1_server_may_follow, H1_SERVER_CLOSING + 1 };

	(void)state;
	fsm_compare(&fsm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAY_TEST(request_is_answered_and_the_connection_lives_on),
		PLAY_TEST(idle_connection_holds_no_block_and_no_request),
		PLAY_TEST(waiting_exchange_holds_no_block),
		PLAY_TEST(head_may_come_byte_by_byte),
		PLAY_TEST(pipelined_requests_are_answered_in_order),
		PLAY_TEST(next_request_waits_for_the_end_of_the_one_before),
		PLAY_TEST(malformed_head_gets_400_and_a_close),
		PLAY_TEST(refused_heads_get_the_status_of_their_reason),
		PLAY_TEST(oversized_heads_get_414_and_431),
		PLAY_TEST(body_comes_when_it_is_wanted),
		PLAY_TEST(chunked_body_is_decoded_and_its_end_is_told),
		PLAY_TEST(trailers_are_told_before_the_end_of_the_body),
		PLAY_TEST(dropped_body_drops_its_trailers),
		PLAY_TEST(preface_of_http_2_is_handed_over_with_what_follows),
		PLAY_TEST(preface_is_for_the_begin_of_a_connection),
		PLAY_TEST(slow_taker_stops_the_reading),
		PLAY_TEST(continue_is_said_when_the_body_is_first_wanted),
		PLAY_TEST(answer_instead_of_continue_closes),
		PLAY_TEST(small_rest_of_a_body_is_read_after_an_early_answer),
		PLAY_TEST(large_rest_of_a_body_is_not_read),
		PLAY_TEST(endless_rest_of_a_body_ends_in_a_close),
		PLAY_TEST(malformed_body_tells_the_exchange_and_gets_400),
		PLAY_TEST(body_that_breaks_off_tells_the_exchange),
		PLAY_TEST(half_closed_client_still_gets_its_answer),
		PLAY_TEST(client_that_does_not_read_blocks_and_then_times_out),
		PLAY_TEST(client_that_is_in_the_way_while_blocks_are_short_is_let_go),
		PLAY_TEST(client_that_reads_slowly_has_time_while_there_are_blocks),
		PLAY_TEST(giver_is_called_when_there_is_room_again),
		PLAY_TEST(deadlines_have_their_reasons),
		PLAY_TEST(waiting_for_the_exchange_has_no_deadline),
		PLAY_TEST(nothing_more_comes_after_the_client_has_gone),
		PLAY_TEST(exchange_without_memory_is_a_500),
		PLAY_TEST(tunnel_begins_with_what_came_behind_the_head),
		PLAY_TEST(tunnel_lives_on_after_the_client_has_ended_its_side),
		PLAY_TEST(half_closed_client_gets_all_its_answers),
		PLAY_TEST(head_that_is_not_whole_holds_no_block),
		PLAY_TEST(connection_waits_while_there_are_no_blocks),
		PLAY_TEST(http_1_0_is_closed_unless_it_asks_to_live_on),
		cmocka_unit_test(states_follow_as_drawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
