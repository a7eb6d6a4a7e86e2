/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_write: windows, order, trailers.
 */
#include "h2_play.h"

static size_t data_bytes(const char *log, uint32_t id)
{
	char word[32];
	size_t sum = 0;

	snprintf(word, sizeof(word), "DATA %u ", id);
	for (const char *at = strstr(log, word); at; at = strstr(at + 1, word))
		sum += strtoul(at + strlen(word), NULL, 10);
	return sum;
}

static void windows_are_kept_and_opened(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	size_t sum;

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big"), true);
	sum = data_bytes(h2_play_look(play), 1);
	assert_int_equal(sum, H2_WINDOW_DEFAULT);
	h2_play_u32(play, H2_WINDOW_UPDATE, 1, 1000000); /* the connection's is shut still */
	assert_int_equal(data_bytes(h2_play_look(play), 1), 0);
	h2_play_u32(play, H2_WINDOW_UPDATE, 0, 1000000);
	for (int i = 0; i < 50 && !play->visits[0].sent; i++)
		sum += data_bytes(h2_play_look(play), 1);
	assert_int_equal(sum, 300000);
	assert_non_null(strstr(play->log, "END"));
	h2_play_free(play);
}

static void urgent_goes_before_what_came_first(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big"), true);
	h2_play_headers(play, 3, GET("/big") "priority u=0\n", true);
	h2_play_look(play); /* the connection's window is used up: by one of them */
	assert_int_equal(data_bytes(play->log, 3), H2_WINDOW_DEFAULT);
	assert_int_equal(data_bytes(play->log, 1), 0);
	h2_play_free(play);
}

static void first_is_served_whole_and_incremental_ones_take_turns(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big"), true);
	h2_play_headers(play, 3, GET("/big"), true);
	h2_play_look(play);
	assert_int_equal(data_bytes(play->log, 1), H2_WINDOW_DEFAULT); /* RFC 9218 10 */
	h2_play_free(play);

	play = h2_play_new(&h2_limits_usual);
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big") "priority i\n", true);
	h2_play_headers(play, 3, GET("/big") "priority i\n", true);
	h2_play_look(play);
	assert_true(data_bytes(play->log, 1) > 20000 && data_bytes(play->log, 3) > 20000);
	h2_play_free(play);
}

static void priority_may_change(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/big"), true);
	h2_play_headers(play, 3, GET("/big"), true);
	h2_play_look(play);
	h2_play_frame(play, H2_PRIORITY_UPDATE, 0, 0, SPAN_LIT("\0\0\0\3u=1"));
	h2_play_u32(play, H2_WINDOW_UPDATE, 3, 100000);
	h2_play_u32(play, H2_WINDOW_UPDATE, 1, 100000);
	h2_play_u32(play, H2_WINDOW_UPDATE, 0, 50000);
	h2_play_look(play);
	assert_int_equal(data_bytes(play->log, 3), 50000);
	h2_play_free(play);
}

static void trailers_end_the_stream(void **state)
{
	static const uint8_t body[] = "ok";
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	struct http_head trailers;
	struct chain chain = { 0 };

	(void)state;
	h2_play_greet(play);
	h2_play_headers(play, 1, GET("/hold"), true);
	h2_play_look(play);
	struct h2_visit *visit = &play->visits[0];
	struct http_head head = visit_head(visit, 200, HTTP_BODY_STREAM, 0);
	const struct responder_ops *ops = visit->responder->ops;
	assert_int_equal(ops->send_head(visit->responder, &head, false), 0);
	assert_int_equal(http_head_init(&trailers, visit->arena), 0);
	http_head_add_other(&trailers, SPAN_LIT("Grpc-Status"), SPAN_LIT("0"));
	ops->set_trailers(visit->responder, &trailers);
	chain_push(&chain, (struct slice){ body, 2, NULL });
	assert_int_equal(ops->send_body(visit->responder, &chain, true), 0);
	h2_play_expect(play, "DATA 1 2; HEADERS 1 grpc-status=0 END; ");
	assert_true(visit->sent);
	h2_play_free(play);
}

static void long_bodies_go_by_reference_and_slow_readers_wait(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	size_t sum = 0;

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_LIT("\0\4\x7f\xff\xff\xff"));
	h2_play_u32(play, H2_WINDOW_UPDATE, 0, 100000000);
	for (uint32_t i = 0; i < 20; i++)
		h2_play_headers(play, 1 + 2 * i, GET("/big"), true);
	for (int i = 0; i < 20; i++)
		wire_turn(&play->wire); /* nobody reads: what waits is bounded */
	assert_true(slab_n_out(play->wire.slab) < 200);
	for (int i = 0; i < 1000 && !play->visits[19].sent; i++) {
		h2_play_look(play);
		for (uint32_t id = 1; id < 40; id += 2)
			sum += data_bytes(play->log, id);
		h2_play_forget(play);
	}
	assert_int_equal(sum, 20 * 300000);
	h2_play_free(play);
}

/* Each round of each turn: three incremental bodies of sixteen get on, and none has an end. */
static void client_that_takes_all_is_given_all(void **state)
{
	enum { N = 16 };
	struct h2_play *play = h2_play_new(&h2_limits_usual);
	size_t sum = 0;

	(void)state;
	h2_play_look(play);
	play->wire.pipe_bytes = 1 << 20; /* the kernel takes all that one turn gives it */
	wire_connect(&play->wire);
	play->looked = 0;
	assert_int_equal(h2_server_begin(&play->servers, play->wire.conn, SPAN_NONE), 0);
	h2_play_greet(play);
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_LIT("\0\4\x7f\xff\xff\xff"));
	h2_play_u32(play, H2_WINDOW_UPDATE, 0, 100000000);
	for (uint32_t i = 0; i < N; i++)
		h2_play_headers(play, 1 + 2 * i, GET("/big") "priority i\n", true);
	for (int i = 0; i < 300 && sum < N * (size_t)300000; i++) {
		h2_play_look(play);
		for (uint32_t id = 0; id < N; id++)
			sum += data_bytes(play->log, 1 + 2 * id);
		h2_play_forget(play);
	}
	assert_int_equal(sum, N * 300000);
	h2_play_free(play);
}

static size_t n_sent(const struct h2_play *play)
{
	size_t n = 0;

	for (size_t i = 0; i < play->n_visits; i++)
		n += play->visits[i].sent;
	return n;
}

static void many_long_heads_wait_for_a_slow_reader(void **state)
{
	enum { N = 250 };
	struct h2_limits limits = h2_limits_usual;
	limits.max_streams = H2_MAX_STREAMS;
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	for (uint32_t i = 0; i < N; i++)
		h2_play_headers(play, 1 + 2 * i, GET("/head"), true);
	for (int i = 0; i < 20; i++)
		wire_turn(&play->wire);
	assert_true(n_sent(play) < N); /* nobody reads */
	for (int i = 0; i < 100 && n_sent(play) < N; i++) {
		h2_play_look(play);
		h2_play_forget(play);
	}
	assert_int_equal(n_sent(play), N);
	h2_play_free(play);
}

static void endless_body_does_not_starve_its_equals(void **state)
{
	struct h2_play *play = h2_play_new(&h2_limits_usual);

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_LIT("\0\4\x7f\xff\xff\xff"));
	h2_play_u32(play, H2_WINDOW_UPDATE, 0, 400000);
	h2_play_headers(play, 1, GET("/endless"), true);
	h2_play_headers(play, 3, GET("/hello"), true);
	for (int i = 0; i < 100 && !(play->n_visits == 2 && play->visits[1].sent); i++)
		h2_play_look(play);
	assert_true(play->visits[1].sent && !play->visits[0].sent);
	h2_play_free(play);
}

/* CVE-2019-9511, 9517: a client that has itself served byte by byte. */
static void windows_opened_by_crumbs_cost(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.controls = (struct h2_budget_conf){ .burst = 50, .per_s = 1 };
	struct h2_play *play = h2_play_new(&limits);

	(void)state;
	h2_play_greet(play);
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_LIT("\0\4\0\0\0\0"));
	h2_play_headers(play, 1, GET("/big"), true);
	for (int i = 0; i < 100 && (i == 0 || play->visits[0].responder); i++) {
		h2_play_u32(play, H2_WINDOW_UPDATE, 1, 1);
		wire_turn(&play->wire);
		wire_turn(&play->wire);
	}
	h2_play_expect(play, "GOAWAY 0 11; ");
	assert_int_equal(play->visits[0].reason, REASON_CLIENT_ABUSE);
	h2_play_free(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_are_kept_and_opened),
		cmocka_unit_test(urgent_goes_before_what_came_first),
		cmocka_unit_test(first_is_served_whole_and_incremental_ones_take_turns),
		cmocka_unit_test(priority_may_change),
		cmocka_unit_test(trailers_end_the_stream),
		cmocka_unit_test(long_bodies_go_by_reference_and_slow_readers_wait),
		cmocka_unit_test(client_that_takes_all_is_given_all),
		cmocka_unit_test(many_long_heads_wait_for_a_slow_reader),
		cmocka_unit_test(endless_body_does_not_starve_its_equals),
		cmocka_unit_test(windows_opened_by_crumbs_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
