/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_client: one request to an origin that the test plays.
 */
#include "edge/http1/h1_client.h"

#include "tests/unit/edge/http1/wire.h"

struct fetch {
	struct wire wire;
	struct arena arena;
	struct requester *requester; /* NULL: over */
	struct requester_setup setup;
	bool wants_at_head, cancel_at_head, cancel_at_body, cancel_at_trailers;
	char trailers[256]; /* "name=value;" each */
	size_t takes_bytes; /* of each on_body(); 0: all */
	struct http_head *head;
	unsigned status, n_interims, n_done, n_failed, n_kept, n_writable;
	char body[4096];
	size_t n_body;
	struct splice_pool *pipes; /* NULL: none are used */
	struct splice_pipe *held;  /* of the last on_pipe, while it is not taken */
	bool holds;                /* a pipe is held until the test takes it */
	size_t n_piped;
	bool keeps_nothing; /* of what on_body brings; it is counted */
	bool head_end, body_end;
	enum close_reason reason;
	bool untouched;
};

static void give_up(struct fetch *fetch)
{
	struct requester *requester = TAKE(fetch->requester);

	requester->ops->cancel(requester);
	arena_fini(&fetch->arena); /* what lay in it is gone: asan would see a use */
}

static void on_interim(void *arg, const struct http_head *head)
{
	struct fetch *fetch = arg;

	assert_in_range(head->status, 100, 199);
	fetch->n_interims++;
}

static void on_head(void *arg, struct http_head *head, bool end)
{
	struct fetch *fetch = arg;

	assert_int_equal(fetch->status, 0);
	fetch->status = head->status;
	fetch->head = head;
	fetch->head_end = end;
	if (fetch->pipes)
		fetch->requester->ops->use_pipes(fetch->requester, fetch->pipes);
	if (fetch->cancel_at_head)
		give_up(fetch);
	else if (fetch->wants_at_head)
		fetch->requester->ops->want_body(fetch->requester);
}

static void on_body(void *arg, struct chain *body, bool end)
{
	struct fetch *fetch = arg;
	size_t n = fetch->takes_bytes ? fetch->takes_bytes : SIZE_MAX;

	assert_false(fetch->body_end);
	while (n && !chain_empty(body)) {
		struct span part = span_first(chain_front(body), n);
		assert_true(fetch->keeps_nothing ||
			    part.len <= sizeof(fetch->body) - fetch->n_body);
		if (!fetch->keeps_nothing)
			memcpy(fetch->body + fetch->n_body, part.at, part.len);
		fetch->n_body += part.len;
		n -= part.len;
		chain_drop(body, part.len);
	}
	fetch->body_end = end && chain_empty(body);
	if (fetch->cancel_at_body)
		give_up(fetch);
}

/* All bytes of a body that comes in pipes are the same. */
static void pipe_take(struct fetch *fetch)
{
	struct splice_pipe *pipe = TAKE(fetch->held);
	char got[4096];

	while (pipe->bytes) {
		ssize_t n = read(pipe->out, got, sizeof(got));
		assert_true(n > 0);
		assert_true(got[0] == 'x' && memcmp(got, got + 1, (size_t)n - 1) == 0);
		pipe->bytes -= (size_t)n;
		fetch->n_piped += (size_t)n;
	}
	splice_give(pipe);
}

static void on_pipe(void *arg, struct splice_pipe *pipe)
{
	struct fetch *fetch = arg;

	assert_true(pipe->bytes > 0);
	assert_false(fetch->held || fetch->body_end);
	fetch->held = pipe;
	if (fetch->holds)
		return;
	pipe_take(fetch);
	if (fetch->cancel_at_body)
		give_up(fetch);
	else
		fetch->requester->ops->want_body(fetch->requester);
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	struct fetch *fetch = arg;

	assert_false(fetch->body_end);
	for (size_t i = 0; i < trailers->n_fields; i++) {
		size_t n = strlen(fetch->trailers);
		snprintf(fetch->trailers + n, sizeof(fetch->trailers) - n, "%.*s=%.*s;",
			 SPAN_FMT(trailers->fields[i].name), SPAN_FMT(trailers->fields[i].value));
	}
	if (fetch->cancel_at_trailers)
		give_up(fetch);
}

static void on_writable(void *arg)
{
	((struct fetch *)arg)->n_writable++;
}

static void on_failed(void *arg, enum close_reason reason, bool untouched)
{
	struct fetch *fetch = arg;

	fetch->requester = NULL;
	fetch->n_failed++;
	fetch->reason = reason;
	fetch->untouched = untouched;
	arena_fini(&fetch->arena);
}

static void on_done(void *arg)
{
	struct fetch *fetch = arg;

	assert_non_null(fetch->requester);
	fetch->requester = NULL;
	fetch->n_done++;
}

static const struct response_events events = {
	.on_interim = on_interim,
	.on_head = on_head,
	.on_body = on_body,
	.on_pipe = on_pipe,
	.on_trailers = on_trailers,
	.on_writable = on_writable,
	.on_failed = on_failed,
	.on_done = on_done,
};

static void keep(struct conn *conn, void *arg)
{
	struct fetch *fetch = arg;

	assert_null(fetch->wire.conn);
	fetch->n_kept++;
	fetch->wire.conn = conn;
	conn_set_events(conn, &wire_events, &fetch->wire);
}

static void begin(struct fetch *fetch, bool kept)
{
	fetch->setup = (struct requester_setup){
		.loop = fetch->wire.loop,
		.slab = fetch->wire.slab,
		.conn = TAKE(fetch->wire.conn),
		.kept = kept,
		.arena = &fetch->arena,
		.limits = { 10000, 10000, 10000, 16384 },
		.events = &events,
		.fetch = fetch,
		.keep = keep,
		.keep_arg = fetch,
	};
	assert_int_equal(h1_client_begin(&fetch->setup, &fetch->requester), 0);
}

static int setup(void **state)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	assert_non_null(fetch);
	wire_init(&fetch->wire);
	arena_init(&fetch->arena, 65536);
	wire_connect(&fetch->wire);
	fetch->wants_at_head = true;
	*state = fetch;
	return 0;
}

static int teardown(void **state)
{
	struct fetch *fetch = *state;

	if (fetch->requester)
		give_up(fetch);
	conn_close(fetch->wire.conn);
	arena_fini(&fetch->arena);
	wire_fini(&fetch->wire);
	splice_give(fetch->held);
	splice_pool_free(fetch->pipes);
	free(fetch);
	return 0;
}

static void ask(struct fetch *fetch, enum http_method method, enum http_body body, uint64_t length)
{
	struct http_head head;

	assert_int_equal(http_head_init(&head, &fetch->arena), 0);
	head.method = method;
	head.target = SPAN_LIT("/x");
	head.authority = SPAN_LIT("o.test");
	head.body = body;
	head.body_length = length;
	assert_int_equal(
		fetch->requester->ops->send_head(fetch->requester, &head, body == HTTP_BODY_NONE),
		0);
}

static void ask_get(struct fetch *fetch)
{
	wire_forget(&fetch->wire);
	ask(fetch, HTTP_METHOD_GET, HTTP_BODY_NONE, 0);
	WIRE_EXPECT(&fetch->wire, "GET /x HTTP/1.1\r\nHost: o.test\r\n\r\n");
}

static void response_of_a_length_keeps_the_connection(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, false);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_body == 3);
	wire_say(&fetch->wire, "lo");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_int_equal(fetch->status, 200);
	assert_true(fetch->body_end);
	assert_memory_equal(fetch->body, "hello", 5);
	assert_int_equal(fetch->n_kept, 1);
	/* And it serves again. */
	fetch->status = 0;
	fetch->body_end = false;
	begin(fetch, true);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 204 No\r\n\r\n");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 2);
	assert_true(fetch->head_end);
	assert_int_equal(fetch->n_kept, 2);
}

static void responses_end_as_their_framing_says(void **state)
{
	static const struct {
		const char *response, *body;
		bool hang_up, kept;
		enum http_method method;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
		  "abc", false, true, HTTP_METHOD_GET },
		{ "HTTP/1.1 200 OK\r\n\r\nabc", "abc", true, false, HTTP_METHOD_GET },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, true,
		  HTTP_METHOD_GET },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "", false, true,
		  HTTP_METHOD_HEAD },
		{ "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n", "", false, true, HTTP_METHOD_GET },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", "a", false,
		  false, HTTP_METHOD_GET },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "a", false, false,
		  HTTP_METHOD_GET },
		/* What nobody asked for stands behind it. */
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "a", false, false,
		  HTTP_METHOD_GET },
		{ "HTTP/1.1 204 N\r\n\r\nx", "", false, false, HTTP_METHOD_GET },
	};
	struct fetch *fetch = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned kept = fetch->n_kept;
		begin(fetch, false);
		ask(fetch, cases[i].method, HTTP_BODY_NONE, 0);
		WIRE_EXPECT(&fetch->wire, "\r\n\r\n");
		wire_say(&fetch->wire, cases[i].response);
		if (cases[i].hang_up)
			wire_hang_up(&fetch->wire);
		EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == i + 1);
		assert_int_equal(fetch->n_kept - kept, cases[i].kept);
		assert_true(span_eq(span_of(fetch->body, fetch->n_body), span_str(cases[i].body)));
		conn_close(TAKE(fetch->wire.conn));
		arena_empty(&fetch->arena);
		fetch->status = 0;
		fetch->n_body = 0;
		fetch->body_end = false;
		wire_connect(&fetch->wire);
	}
}

static void broken_responses_fail(void **state)
{
	static const struct {
		const char *response;
		enum close_reason reason;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", REASON_ORIGIN_CLOSED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
		  REASON_ORIGIN_CLOSED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\n",
		  REASON_ORIGIN_MALFORMED },
		{ "HTTP/1.1 200 OK\r\nContent-Le", REASON_ORIGIN_CLOSED },
		{ "", REASON_ORIGIN_CLOSED },
		{ "garbage\r\n\r\n", REASON_ORIGIN_MALFORMED },
		{ "\r\nHTTP/1.1 200 OK\r\n\r\n", REASON_ORIGIN_MALFORMED },
		{ "HTTP/1.1 101 Switching\r\n\r\n", REASON_ORIGIN_MALFORMED },
		{ "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", REASON_ORIGIN_MALFORMED },
	};
	struct fetch *fetch = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(fetch, false);
		ask_get(fetch);
		wire_say(&fetch->wire, cases[i].response);
		wire_hang_up(&fetch->wire);
		EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == i + 1);
		assert_int_equal(fetch->reason, cases[i].reason);
		assert_false(fetch->untouched);
		fetch->status = 0;
		fetch->n_body = 0;
		wire_connect(&fetch->wire);
	}
	assert_int_equal(fetch->n_done + fetch->n_kept, 0);
}

/* ---- pipes ---- */

enum { PIPED_BYTES = 3 << 20 };

/* The head, then n times 'x'. on_body counts no more than a body of this size needs. */
static void say_large(struct fetch *fetch, const char *head, size_t n)
{
	char *text = malloc(n);

	assert_non_null(text);
	memset(text, 'x', n);
	fetch->keeps_nothing = true;
	wire_say(&fetch->wire, head);
	wire_send(&fetch->wire, span_of(text, n));
	free(text);
}

static void begin_piped(struct fetch *fetch, size_t max_pipes)
{
	assert_int_equal(splice_pool_new(max_pipes, &fetch->pipes), 0);
	begin(fetch, false);
	ask_get(fetch);
}

static void large_body_comes_in_pipes_and_the_connection_is_kept(void **state)
{
	struct fetch *fetch = *state;

	begin_piped(fetch, 1);
	say_large(fetch, "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n", PIPED_BYTES);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_true(fetch->body_end);
	assert_int_equal(fetch->n_body + fetch->n_piped, PIPED_BYTES);
	assert_true(fetch->n_piped > PIPED_BYTES / 2);
	assert_int_equal(fetch->n_kept, 1);
	assert_int_equal(splice_pool_n_out(fetch->pipes), 0);
}

static void body_until_close_comes_in_pipes_too(void **state)
{
	struct fetch *fetch = *state;

	begin_piped(fetch, 1);
	say_large(fetch, "HTTP/1.1 200 OK\r\n\r\n", PIPED_BYTES);
	wire_hang_up(&fetch->wire);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_true(fetch->body_end && fetch->n_piped > 0);
	assert_int_equal(fetch->n_body + fetch->n_piped, PIPED_BYTES);
	assert_int_equal(fetch->n_kept, 0);
}

static void small_and_chunked_bodies_and_those_without_a_pipe_come_in_blocks(void **state)
{
	static const struct {
		const char *head;
		size_t n, max_pipes;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 100000, 1 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n", PIPED_BYTES, 0 },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n300000\r\n", PIPED_BYTES,
		  1 },
	};
	struct fetch *fetch = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin_piped(fetch, cases[i].max_pipes);
		say_large(fetch, cases[i].head, cases[i].n);
		EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_body == cases[i].n);
		assert_int_equal(fetch->n_piped, 0);
		if (fetch->requester)
			give_up(fetch);
		conn_close(TAKE(fetch->wire.conn));
		arena_fini(&fetch->arena);
		arena_init(&fetch->arena, 65536);
		splice_pool_free(TAKE(fetch->pipes));
		fetch->status = 0;
		fetch->n_body = 0;
		fetch->body_end = false;
		wire_connect(&fetch->wire);
	}
}

static void body_in_pipes_that_breaks_off_fails(void **state)
{
	struct fetch *fetch = *state;

	begin_piped(fetch, 1);
	say_large(fetch, "HTTP/1.1 200 OK\r\nContent-Length: 3145729\r\n\r\n", PIPED_BYTES);
	wire_hang_up(&fetch->wire);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 1);
	assert_int_equal(fetch->reason, REASON_ORIGIN_CLOSED);
	assert_true(fetch->n_piped > 0 && !fetch->body_end);
	assert_int_equal(fetch->n_body + fetch->n_piped, PIPED_BYTES);
}

static void pipe_that_is_not_taken_stops_the_reading(void **state)
{
	struct fetch *fetch = *state;

	fetch->holds = true;
	begin_piped(fetch, 2);
	say_large(fetch, "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n", 100000);
	say_large(fetch, "", 100000);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->held);
	say_large(fetch, "", 100000);
	wire_idle(&fetch->wire); /* on_pipe would find that one is held */
	assert_int_equal(splice_pool_n_out(fetch->pipes), 1);
	fetch->holds = false;
	pipe_take(fetch);
	fetch->requester->ops->want_body(fetch->requester);
	say_large(fetch, "", PIPED_BYTES - 300000);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_int_equal(fetch->n_body + fetch->n_piped, PIPED_BYTES);
}

static void fetch_may_cancel_when_a_pipe_comes(void **state)
{
	struct fetch *fetch = *state;

	fetch->cancel_at_body = false;
	fetch->holds = true;
	begin_piped(fetch, 1);
	say_large(fetch, "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n", 200000);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->held);
	fetch->cancel_at_body = true;
	fetch->holds = false;
	pipe_take(fetch);
	fetch->requester->ops->want_body(fetch->requester);
	say_large(fetch, "", 200000);
	EDGE_LOOP_UNTIL(fetch->wire.loop, !fetch->requester);
	assert_int_equal(splice_pool_n_out(fetch->pipes), 0);
}

static void kept_connection_that_was_closed_is_untouched(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, true);
	ask_get(fetch);
	wire_hang_up(&fetch->wire);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 1);
	assert_true(fetch->untouched);
	assert_int_equal(fetch->reason, REASON_ORIGIN_CLOSED);
}

static void kept_connection_that_had_begun_to_answer_is_not(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, true);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 2");
	wire_hang_up(&fetch->wire);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 1);
	assert_false(fetch->untouched);
}

static void answer_before_the_request_is_refused_untouched(void **state)
{
	struct fetch *fetch = *state;

	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	begin(fetch, true);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 1);
	assert_int_equal(fetch->reason, REASON_ORIGIN_MALFORMED);
	assert_true(fetch->untouched);
}

static void interim_responses_are_handed_on(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, false);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"
			       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_int_equal(fetch->n_interims, 2);
	assert_int_equal(fetch->status, 200);
}

static void endless_interim_responses_fail(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, false);
	ask_get(fetch);
	for (int i = 0; i < 20; i++)
		wire_say(&fetch->wire, "HTTP/1.1 102 Processing\r\n\r\n");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 1);
	assert_int_equal(fetch->reason, REASON_ORIGIN_MALFORMED);
}

static void request_body_is_framed(void **state)
{
	struct fetch *fetch = *state;
	struct chain body = { 0 };

	begin(fetch, false);
	ask(fetch, HTTP_METHOD_POST, HTTP_BODY_STREAM, 0);
	WIRE_EXPECT(&fetch->wire, "Transfer-Encoding: chunked\r\n\r\n");
	wire_push(fetch->wire.slab, &body, "abc");
	assert_int_equal(fetch->requester->ops->send_body(fetch->requester, &body, true), 0);
	WIRE_EXPECT(&fetch->wire, "\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_int_equal(fetch->n_kept, 1);
}

static void slow_origin_stops_the_giver(void **state)
{
	struct fetch *fetch = *state;
	struct chain body = { 0 };
	size_t left = 4000000;

	begin(fetch, false);
	ask(fetch, HTTP_METHOD_POST, HTTP_BODY_LENGTH, left);
	for (int i = 0; i < 50; i++) {
		bool fresh = chain_empty(&body);
		if (fresh)
			wire_push_zeros(fetch->wire.slab, &body, 200000);
		if (fresh || fetch->n_writable)
			assert_int_equal(
				fetch->requester->ops->send_body(fetch->requester, &body, false),
				0);
		fetch->n_writable = 0;
		wire_turn(&fetch->wire);
	}
	assert_false(chain_empty(&body));
	wire_look(&fetch->wire);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_writable);
	chain_clear(&body);
}

static void early_response_ends_a_request_that_is_not_whole(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, false);
	ask(fetch, HTTP_METHOD_POST, HTTP_BODY_LENGTH, 1000);
	WIRE_EXPECT(&fetch->wire, "\r\n\r\n");
	wire_say(&fetch->wire, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_int_equal(fetch->status, 413);
	assert_int_equal(fetch->n_kept, 0);
}

static void body_waits_until_it_is_wanted(void **state)
{
	struct fetch *fetch = *state;

	fetch->wants_at_head = false;
	begin(fetch, false);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->status == 200);
	wire_idle(&fetch->wire);
	assert_int_equal(fetch->n_body, 0);
	fetch->takes_bytes = 2;
	for (size_t i = 1; i < 3; i++) {
		fetch->requester->ops->want_body(fetch->requester);
		EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_body == 2 * i);
		wire_idle(&fetch->wire);
		assert_int_equal(fetch->n_body, 2 * i);
		assert_int_equal(fetch->n_done, 0);
	}
	fetch->requester->ops->want_body(fetch->requester);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_true(fetch->body_end);
}

static void end_by_close_is_not_forgotten_while_nobody_takes(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, false);
	ask_get(fetch);
	fetch->takes_bytes = 2;
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\n\r\nhello");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_body == 2);
	wire_hang_up(&fetch->wire);
	wire_idle(&fetch->wire);
	fetch->takes_bytes = 0;
	fetch->requester->ops->want_body(fetch->requester);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_int_equal(fetch->n_body, 5);
	assert_true(fetch->body_end);
}

static void cancel_from_inside_callbacks_touches_nothing_afterwards(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, false);
	ask_get(fetch);
	fetch->cancel_at_head = true;
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	EDGE_LOOP_UNTIL(fetch->wire.loop, !fetch->requester);
	wire_idle(&fetch->wire);

	wire_connect(&fetch->wire);
	fetch->cancel_at_head = false;
	fetch->cancel_at_body = true;
	fetch->status = 0;
	begin(fetch, false);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	EDGE_LOOP_UNTIL(fetch->wire.loop, !fetch->requester);
	wire_idle(&fetch->wire);
	assert_int_equal(fetch->n_done + fetch->n_failed + fetch->n_kept, 0);
}

static void deadlines_have_their_reasons(void **state)
{
	struct fetch *fetch = *state;
	struct requester_setup *limits = &fetch->setup;

	begin(fetch, false);
	give_up(fetch);

	wire_connect(&fetch->wire);
	limits->limits.first_byte_timeout_ms = 20;
	limits->limits.read_timeout_ms = 20;
	limits->limits.send_timeout_ms = 20;
	limits->conn = TAKE(fetch->wire.conn);
	assert_int_equal(h1_client_begin(limits, &fetch->requester), 0);
	ask_get(fetch);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 1);
	assert_int_equal(fetch->reason, REASON_ORIGIN_FIRST_BYTE);
	assert_false(fetch->untouched);

	wire_connect(&fetch->wire);
	limits->conn = TAKE(fetch->wire.conn);
	assert_int_equal(h1_client_begin(limits, &fetch->requester), 0);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 2);
	assert_int_equal(fetch->reason, REASON_ORIGIN_READ_TIMEOUT);

	wire_connect(&fetch->wire);
	fetch->status = 0;
	limits->conn = TAKE(fetch->wire.conn);
	struct chain body = { 0 };
	assert_int_equal(h1_client_begin(limits, &fetch->requester), 0);
	ask(fetch, HTTP_METHOD_POST, HTTP_BODY_STREAM, 0);
	for (int i = 0; i < 1000 && fetch->requester; i++) {
		if (chain_empty(&body))
			wire_push_zeros(fetch->wire.slab, &body, 4 * (size_t)BLOCK_BYTES);
		assert_int_equal(fetch->requester->ops->send_body(fetch->requester, &body, false),
				 0);
		wire_turn(&fetch->wire);
	}
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 3);
	assert_int_equal(fetch->reason, REASON_ORIGIN_SEND_TIMEOUT);
	chain_clear(&body);
}

static void full_arena_closes_the_conn(void **state)
{
	struct fetch *fetch = *state;
	struct requester *requester = NULL;
	struct arena small;

	arena_init(&small, 10);
	struct requester_setup setup = { .loop = fetch->wire.loop,
					 .slab = fetch->wire.slab,
					 .conn = TAKE(fetch->wire.conn),
					 .arena = &small,
					 .events = &events,
					 .fetch = fetch };
	assert_int_equal(h1_client_begin(&setup, &requester), -ENOBUFS);
	WIRE_EXPECT_END(&fetch->wire);
}

#define FETCH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void trailers_come_before_the_end_and_go_behind_a_chunked_body(void **state)
{
	struct fetch *fetch = *state;
	struct http_head trailers;
	struct chain body = { 0 };

	begin(fetch, false);
	ask(fetch, HTTP_METHOD_POST, HTTP_BODY_STREAM, 0);
	assert_int_equal(http_head_init(&trailers, &fetch->arena), 0);
	assert_int_equal(http_head_add_other(&trailers, SPAN_LIT("sum"), SPAN_LIT("1")), 0);
	fetch->requester->ops->set_trailers(fetch->requester, &trailers);
	wire_push(fetch->wire.slab, &body, "abc");
	assert_int_equal(fetch->requester->ops->send_body(fetch->requester, &body, true), 0);
	WIRE_EXPECT(&fetch->wire, "\r\n\r\n3\r\nabc\r\n0\r\nsum: 1\r\n\r\n");
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			       "1\r\na\r\n0\r\ngrpc-status: 0\r\nContent-Length: 1\r\n\r\n");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
	assert_true(fetch->body_end);
	assert_string_equal(fetch->trailers, "grpc-status=0;");
	assert_int_equal(fetch->n_kept, 1);
}

static void ask_upgrade(struct fetch *fetch)
{
	struct http_head head;

	assert_int_equal(http_head_init(&head, &fetch->arena), 0);
	head.method = HTTP_METHOD_GET;
	head.target = SPAN_LIT("/x");
	head.authority = SPAN_LIT("o.test");
	head.upgrade = SPAN_LIT("chat");
	assert_int_equal(fetch->requester->ops->send_head(fetch->requester, &head, true), 0);
	WIRE_EXPECT(&fetch->wire, "Upgrade: chat\r\nConnection: Upgrade\r\n\r\n");
}

#define AGREED "HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: Chat\r\n\r\n"

static void tunnel_carries_bytes_until_both_sides_have_ended(void **state)
{
	struct fetch *fetch = *state;
	struct chain body = { 0 };

	begin(fetch, false);
	ask_upgrade(fetch);
	wire_say(&fetch->wire, AGREED "first");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_body == 5);
	assert_int_equal(fetch->status, 101);
	assert_int_equal(fetch->head->body, HTTP_BODY_TUNNEL);
	wire_push(fetch->wire.slab, &body, "there");
	assert_int_equal(fetch->requester->ops->send_body(fetch->requester, &body, false), 0);
	WIRE_EXPECT(&fetch->wire, "there");
	shutdown(fetch->wire.fd, SHUT_WR);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->body_end);
	assert_int_equal(fetch->n_done, 0);
	wire_push(fetch->wire.slab, &body, "last");
	assert_int_equal(fetch->requester->ops->send_body(fetch->requester, &body, true), 0);
	WIRE_EXPECT(&fetch->wire, "last");
	WIRE_EXPECT_END(&fetch->wire);
	assert_int_equal(fetch->n_done, 1);
	assert_int_equal(fetch->n_kept, 0);
}

static void tunnel_that_we_end_first_is_read_on(void **state)
{
	struct fetch *fetch = *state;
	struct chain body = { 0 };

	begin(fetch, false);
	ask_upgrade(fetch);
	wire_say(&fetch->wire, AGREED);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->status == 101);
	assert_int_equal(fetch->requester->ops->send_body(fetch->requester, &body, true), 0);
	WIRE_EXPECT_END(&fetch->wire);
	wire_say(&fetch->wire, "still");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_body == 5);
	wire_hang_up(&fetch->wire);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done == 1);
}

static void another_protocol_than_was_asked_for_is_malformed(void **state)
{
	struct fetch *fetch = *state;

	begin(fetch, false);
	ask_upgrade(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_failed == 1);
	assert_int_equal(fetch->reason, REASON_ORIGIN_MALFORMED);
}

static void answer_is_read_though_the_request_cannot_be_written(void **state)
{
	struct fetch *fetch = *state;
	struct chain body = { 0 };

	begin(fetch, false);
	ask(fetch, HTTP_METHOD_POST, HTTP_BODY_LENGTH, 1000000);
	WIRE_EXPECT(&fetch->wire, "Content-Length: 1000000\r\n\r\n");
	wire_say(&fetch->wire, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
	wire_hang_up(&fetch->wire);
	/* The write is what is tried first. */
	wire_push_zeros(fetch->wire.slab, &body, BLOCK_BYTES);
	assert_int_equal(fetch->requester->ops->send_body(fetch->requester, &body, false), 0);
	EDGE_LOOP_UNTIL(fetch->wire.loop, fetch->n_done + fetch->n_failed);
	assert_int_equal(fetch->n_done, 1);
	assert_int_equal(fetch->status, 413);
	assert_memory_equal(fetch->body, "no", 2);
	assert_int_equal(fetch->n_kept, 0);
	chain_clear(&body);
}

static void fetch_may_cancel_at_the_trailers(void **state)
{
	struct fetch *fetch = *state;

	fetch->cancel_at_trailers = true;
	begin(fetch, false);
	ask_get(fetch);
	wire_say(&fetch->wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			       "0\r\na: b\r\n\r\n");
	EDGE_LOOP_UNTIL(fetch->wire.loop, !fetch->requester);
	assert_int_equal(fetch->n_done + fetch->n_failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FETCH_TEST(response_of_a_length_keeps_the_connection),
		FETCH_TEST(trailers_come_before_the_end_and_go_behind_a_chunked_body),
		FETCH_TEST(fetch_may_cancel_at_the_trailers),
		FETCH_TEST(tunnel_carries_bytes_until_both_sides_have_ended),
		FETCH_TEST(tunnel_that_we_end_first_is_read_on),
		FETCH_TEST(another_protocol_than_was_asked_for_is_malformed),
		FETCH_TEST(answer_is_read_though_the_request_cannot_be_written),
		FETCH_TEST(responses_end_as_their_framing_says),
		FETCH_TEST(broken_responses_fail),
		FETCH_TEST(large_body_comes_in_pipes_and_the_connection_is_kept),
		FETCH_TEST(body_until_close_comes_in_pipes_too),
		FETCH_TEST(small_and_chunked_bodies_and_those_without_a_pipe_come_in_blocks),
		FETCH_TEST(body_in_pipes_that_breaks_off_fails),
		FETCH_TEST(pipe_that_is_not_taken_stops_the_reading),
		FETCH_TEST(fetch_may_cancel_when_a_pipe_comes),
		FETCH_TEST(kept_connection_that_was_closed_is_untouched),
		FETCH_TEST(kept_connection_that_had_begun_to_answer_is_not),
		FETCH_TEST(answer_before_the_request_is_refused_untouched),
		FETCH_TEST(interim_responses_are_handed_on),
		FETCH_TEST(endless_interim_responses_fail),
		FETCH_TEST(request_body_is_framed),
		FETCH_TEST(slow_origin_stops_the_giver),
		FETCH_TEST(early_response_ends_a_request_that_is_not_whole),
		FETCH_TEST(body_waits_until_it_is_wanted),
		FETCH_TEST(end_by_close_is_not_forgotten_while_nobody_takes),
		FETCH_TEST(cancel_from_inside_callbacks_touches_nothing_afterwards),
		FETCH_TEST(deadlines_have_their_reasons),
		FETCH_TEST(full_arena_closes_the_conn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
