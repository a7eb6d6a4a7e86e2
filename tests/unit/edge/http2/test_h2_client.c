/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_client: requests to our own server, over a pair of sockets.
 */
#include "h2_play.h"

#include "edge/http2/h2_client.h"

struct asking {
	struct h2_play *play;
	struct h2_clients clients;
	struct h2_client *client;
	struct requester *requester; /* NULL: it has ended */
	struct arena arena;
	struct http_head head, tunnel; /* of the last requests */
	char body[128], trailers[64];
	size_t n_body;
	unsigned status, n_interim, n_closed;
	bool ended, done, untouched;
	enum close_reason reason; /* of its failing; REASON_N: it has not failed */
};

static void on_interim(void *arg, const struct http_head *head)
{
	(void)head;
	((struct asking *)arg)->n_interim++;
}

static void on_head(void *arg, struct http_head *head, bool end)
{
	struct asking *asking = arg;

	asking->status = head->status;
	asking->ended = end;
	if (!end)
		asking->requester->ops->want_body(asking->requester);
}

static void on_body(void *arg, struct chain *body, bool end)
{
	struct asking *asking = arg;

	while (!chain_empty(body)) {
		struct span part = chain_front(body);
		size_t room =
			sizeof(asking->body) - 1 - MIN(asking->n_body, sizeof(asking->body) - 1);
		memcpy(asking->body + MIN(asking->n_body, sizeof(asking->body) - 1), part.at,
		       MIN(part.len, room));
		asking->n_body += part.len;
		chain_drop(body, part.len);
	}
	asking->ended = end;
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	struct asking *asking = arg;

	snprintf(asking->trailers, sizeof(asking->trailers), "%.*s",
		 SPAN_FMT(trailers->fields[0].value));
}

static void on_writable(void *arg)
{
	(void)arg;
}

static void on_failed(void *arg, enum close_reason reason, bool untouched)
{
	struct asking *asking = arg;

	asking->reason = reason;
	asking->untouched = untouched;
	asking->requester = NULL;
}

static void on_done(void *arg)
{
	struct asking *asking = arg;

	asking->done = true;
	asking->requester = NULL;
}

static const struct response_events events = {
	.on_interim = on_interim,
	.on_head = on_head,
	.on_body = on_body,
	.on_trailers = on_trailers,
	.on_writable = on_writable,
	.on_failed = on_failed,
	.on_done = on_done,
};

static void on_closed(struct h2_client *client, void *arg)
{
	struct asking *asking = arg;

	assert_ptr_equal(asking->client, client);
	asking->client = NULL;
	asking->n_closed++;
}

static void on_wire(struct conn *conn, void *arg)
{
	(void)conn, (void)arg;
}

/* A server that plays, and a client that asks it. */
static struct asking *asking_new(const struct h2_limits *limits)
{
	static const struct conn_events wire = { on_wire, on_wire, on_wire, on_wire, on_wire };
	struct asking *asking = calloc(1, sizeof(*asking));
	struct conn *conn;

	assert_non_null(asking);
	asking->play = h2_play_new(limits);
	asking->reason = REASON_N;
	arena_init(&asking->arena, 65536);
	h2_clients_init(&asking->clients, asking->play->wire.loop, asking->play->wire.slab,
			asking->play->metrics, &h2_limits_usual);
	struct addr from;
	assert_true(addr_parse(SPAN_LIT("192.0.2.1:1"), &from));
	assert_int_equal(conn_accept(asking->play->wire.loop, asking->play->wire.fd, &from, NULL,
				     &wire, NULL, &conn),
			 0);
	asking->play->wire.fd = -1; /* moved */
	wire_turn(&asking->play->wire);
	assert_int_equal(h2_client_new(&asking->clients, conn, on_closed, asking, &asking->client),
			 0);
	return asking;
}

static void asking_free(struct asking *asking)
{
	if (asking->client)
		h2_client_close(asking->client);
	h2_clients_fini(&asking->clients);
	arena_fini(&asking->arena);
	h2_play_free(asking->play);
	free(asking);
}

static void turn(struct asking *asking)
{
	for (int i = 0; i < 10; i++)
		wire_turn(&asking->play->wire);
}

static void begin(struct asking *asking, struct http_head *head, const char *path)
{
	const struct requester_setup setup = {
		.loop = asking->play->wire.loop,
		.slab = asking->play->wire.slab,
		.arena = &asking->arena,
		.limits = { .send_timeout_ms = 1000,
			    .first_byte_timeout_ms = 60,
			    .read_timeout_ms = 60 },
		.events = &events,
		.fetch = asking,
	};

	assert_true(h2_client_has_room(asking->client));
	assert_int_equal(h2_client_begin(asking->client, &setup, &asking->requester), 0);
	assert_int_equal(http_head_init(head, &asking->arena), 0);
	head->method = HTTP_METHOD_GET;
	head->scheme = SPAN_LIT("http");
	head->authority = SPAN_LIT("a.test");
	head->target = span_str(path);
	head->body = HTTP_BODY_NONE;
}

static void ask(struct asking *asking, const char *path, const char *body)
{
	begin(asking, &asking->head, path);
	const struct requester_ops *ops = asking->requester->ops;
	if (body) {
		asking->head.method = HTTP_METHOD_POST;
		asking->head.body = HTTP_BODY_STREAM;
	}
	assert_int_equal(ops->send_head(asking->requester, &asking->head, !body), 0);
	if (!body)
		return;
	struct chain chain = { 0 };
	chain_push(&chain, (struct slice){ (const uint8_t *)body, (uint32_t)strlen(body), NULL });
	assert_int_equal(ops->send_body(asking->requester, &chain, true), 0);
}

static void ask_for_tunnel(struct asking *asking)
{
	begin(asking, &asking->tunnel, "/tunnel");
	asking->tunnel.upgrade = SPAN_LIT("websocket");
	assert_int_equal(
		asking->requester->ops->send_head(asking->requester, &asking->tunnel, true), 0);
}

static void answer_comes_and_the_connection_serves_on(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	for (int i = 0; i < 3; i++) {
		asking->done = false;
		asking->n_body = 0;
		ask(asking, "/hello", NULL);
		turn(asking);
		assert_int_equal(asking->status, 200);
		assert_true(asking->done);
		assert_int_equal(asking->n_body, 5);
	}
	assert_memory_equal(asking->body, "hello", 5);
	asking_free(asking);
}

static void body_goes_up(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask(asking, "/echo", "what goes up");
	turn(asking);
	assert_true(asking->done);
	assert_string_equal(asking->body, "what goes up");
	asking_free(asking);
}

static void refused_stream_is_untouched(void **state)
{
	struct h2_limits limits = h2_limits_usual;
	limits.max_streams = 1;
	struct asking *asking = asking_new(&limits);

	(void)state;
	ask(asking, "/hold", NULL); /* before the settings came */
	struct requester *first = asking->requester;
	ask(asking, "/hello", NULL);
	turn(asking);
	assert_int_equal(asking->reason, REASON_ORIGIN_CLOSED);
	assert_true(asking->untouched);
	assert_false(h2_client_has_room(asking->client)); /* now they are known */
	first->ops->cancel(first);
	turn(asking);
	assert_true(h2_client_has_room(asking->client));
	asking_free(asking);
}

static void silence_is_a_timeout(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask(asking, "/hold", NULL);
	EDGE_LOOP_UNTIL(asking->play->wire.loop, asking->reason != REASON_N);
	assert_int_equal(asking->reason, REASON_ORIGIN_FIRST_BYTE);
	assert_false(asking->untouched);
	turn(asking);
	assert_int_equal(asking->play->visits[0].reason, REASON_CLIENT_GONE); /* it was told */
	asking_free(asking);
}

static void cancel_is_heard_at_the_other_end(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask(asking, "/hold", NULL);
	turn(asking);
	struct requester *requester = TAKE(asking->requester);
	requester->ops->cancel(requester);
	turn(asking);
	assert_int_equal(asking->play->visits[0].reason, REASON_CLIENT_GONE);
	assert_int_equal(asking->reason, REASON_N);
	asking_free(asking);
}

static void broken_answer_is_a_failure_and_never_an_end(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask(asking, "/big", NULL);
	wire_turn(&asking->play->wire);
	wire_turn(&asking->play->wire);
	struct h2_visit *visit = &asking->play->visits[0];
	assert_non_null(visit->responder);
	struct responder *responder = TAKE(visit->responder);
	responder->ops->abort(responder, REASON_ORIGIN_CLOSED);
	turn(asking);
	assert_int_equal(asking->reason, REASON_ORIGIN_CLOSED);
	assert_false(asking->done || asking->ended || asking->untouched);
	asking_free(asking);
}

static void goaway_closes_it_to_new_requests(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	turn(asking);
	assert_true(h2_client_has_room(asking->client));
	h2_servers_drain(&asking->play->servers);
	turn(asking);
	assert_true(!asking->client || !h2_client_has_room(asking->client));
	asking_free(asking);
}

static void drained_client_ends_with_its_last_request(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask(asking, "/hold", NULL);
	turn(asking);
	h2_client_drain(asking->client);
	assert_false(h2_client_has_room(asking->client));
	visit_answer(&asking->play->visits[0], "last");
	turn(asking);
	assert_true(asking->done);
	assert_int_equal(asking->n_closed, 1);
	asking_free(asking);
}

static void tunnel_waits_for_the_first_settings(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask_for_tunnel(asking);
	struct requester *tunnel = asking->requester;
	ask(asking, "/hello", NULL); /* nobody waits for it */
	turn(asking);
	assert_string_equal(asking->play->visits[0].path, "/hello");
	assert_string_equal(asking->play->visits[1].path, "/tunnel");
	tunnel->ops->cancel(tunnel);
	turn(asking);
	assert_int_equal(asking->play->visits[1].reason, REASON_CLIENT_GONE);
	asking_free(asking);
}

static void tunnel_that_waits_can_leave(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask_for_tunnel(asking);
	asking->requester->ops->cancel(asking->requester);
	turn(asking);
	assert_int_equal(asking->play->n_visits, 0);
	assert_int_equal(asking->reason, REASON_N);
	asking_free(asking);
}

static void tunnel_that_waited_in_vain_is_untouched(void **state)
{
	struct asking *asking = asking_new(&h2_limits_usual);

	(void)state;
	ask_for_tunnel(asking);
	h2_client_close(asking->client);
	assert_int_equal(asking->n_closed, 1);
	assert_int_equal(asking->reason, REASON_ORIGIN_CLOSED);
	assert_true(asking->untouched);
	asking_free(asking);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_comes_and_the_connection_serves_on),
		cmocka_unit_test(body_goes_up),
		cmocka_unit_test(refused_stream_is_untouched),
		cmocka_unit_test(silence_is_a_timeout),
		cmocka_unit_test(cancel_is_heard_at_the_other_end),
		cmocka_unit_test(broken_answer_is_a_failure_and_never_an_end),
		cmocka_unit_test(goaway_closes_it_to_new_requests),
		cmocka_unit_test(drained_client_ends_with_its_last_request),
		cmocka_unit_test(tunnel_waits_for_the_first_settings),
		cmocka_unit_test(tunnel_that_waits_can_leave),
		cmocka_unit_test(tunnel_that_waited_in_vain_is_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
