/* SPDX-License-Identifier: Apache-2.0
 *
 * play: a client's connection served by h1_server, with an exchange that does what the test says.
 */
#pragma once

#include "edge/http1/h1_server.h"
#include "edge/report/edge_metrics.h"
#include "tests/unit/edge/http1/wire.h"

struct play {
	struct wire wire;
	struct metric_block *metrics;
	struct exchange_maker maker;
	struct h1_servers servers;
	/* What the exchange shall do. */
	bool out_of_memory; /* begin() says NULL */
	bool wants_at_once; /* want_body() in begin() */
	size_t takes_bytes; /* of each on_body(); 0: all */
	const char *answer; /* the body of a 200 that is sent in begin(); NULL: nothing */
	bool abort_in_body;
	/* What it has seen. */
	struct responder *responder; /* of the exchange under way; NULL: none */
	struct arena *arena;
	struct http_head *head;
	char target[64], body[4096];
	size_t n_body, n_body_all;
	char trailers[256]; /* "name=value;" each */
	bool body_ended;
	unsigned n_begun, n_faults, n_sent, n_gone, n_writable, n_closed;
	enum close_reason reason;
};

static inline struct http_head play_head(struct play *play, unsigned status, enum http_body body,
					 uint64_t length)
{
	struct http_head head;

	assert_int_equal(http_head_init(&head, play->arena), 0);
	head.status = (uint16_t)status;
	head.body = body;
	head.body_length = length;
	head.has_length = body == HTTP_BODY_LENGTH;
	return head;
}

static inline void play_answer(struct play *play, const char *text)
{
	struct http_head head = play_head(play, 200, HTTP_BODY_LENGTH, strlen(text));
	struct chain chain = { 0 };

	assert_int_equal(play->responder->ops->send_head(play->responder, &head, false), 0);
	wire_push(play->wire.slab, &chain, text);
	assert_int_equal(play->responder->ops->send_body(play->responder, &chain, true), 0);
	assert_true(chain_empty(&chain));
}

static void play_on_body(void *arg, struct chain *body, bool end)
{
	struct play *play = arg;
	size_t n = play->takes_bytes ? play->takes_bytes : SIZE_MAX;

	assert_non_null(play->responder);
	assert_false(play->body_ended);
	while (n && !chain_empty(body)) {
		struct span part = span_first(chain_front(body), n);
		size_t room = sizeof(play->body) - play->n_body;
		memcpy(play->body + play->n_body, part.at, MIN(part.len, room));
		play->n_body += MIN(part.len, room);
		play->n_body_all += part.len;
		n -= part.len;
		chain_drop(body, part.len);
	}
	play->body_ended = end && chain_empty(body);
	if (play->abort_in_body) {
		play->responder->ops->abort(play->responder, REASON_ORIGIN_CLOSED);
		play->responder = NULL;
	}
}

static void play_on_trailers(void *arg, const struct http_head *trailers)
{
	struct play *play = arg;

	assert_false(play->body_ended);
	for (size_t i = 0; i < trailers->n_fields; i++) {
		size_t n = strlen(play->trailers);
		snprintf(play->trailers + n, sizeof(play->trailers) - n, "%.*s=%.*s;",
			 SPAN_FMT(trailers->fields[i].name), SPAN_FMT(trailers->fields[i].value));
	}
}

static void play_on_writable(void *arg)
{
	struct play *play = arg;

	assert_non_null(play->responder);
	play->n_writable++;
}

static void play_on_gone(void *arg, enum close_reason reason)
{
	struct play *play = arg;

	assert_non_null(play->responder);
	play->n_gone++;
	play->reason = reason;
	play->responder = NULL;
}

static void play_on_sent(void *arg)
{
	struct play *play = arg;

	assert_non_null(play->responder);
	play->n_sent++;
	play->responder = NULL;
}

/* The status, and nothing else. */
static void play_on_fault(void *arg, enum close_reason reason)
{
	struct play *play = arg;
	struct http_head head = play_head(play, reason_status(reason), HTTP_BODY_LENGTH, 0);

	assert_non_null(play->responder);
	play->n_faults++;
	play->reason = reason;
	edge_metrics_ended(play->metrics, reason);
	assert_int_equal(play->responder->ops->send_head(play->responder, &head, true), 0);
}

static const struct request_events play_events = {
	.on_fault = play_on_fault,
	.on_body = play_on_body,
	.on_trailers = play_on_trailers,
	.on_writable = play_on_writable,
	.on_gone = play_on_gone,
	.on_sent = play_on_sent,
};

static void *play_begin(void *arg, struct responder *responder, struct http_head *head,
			enum close_reason fault, struct arena *arena,
			const struct request_events **ret_events)
{
	struct play *play = arg;

	assert_null(play->responder); /* one at a time */
	if (fault != REASON_DONE) {
		play->responder = responder;
		play->arena = arena;
		*ret_events = &play_events;
		play_on_fault(play, fault);
		return play;
	}
	play->n_begun++;
	if (play->out_of_memory)
		return NULL;
	play->responder = responder;
	play->arena = arena;
	play->head = head;
	snprintf(play->target, sizeof(play->target), "%.*s", SPAN_FMT(head->target));
	play->n_body = play->n_body_all = 0;
	play->body_ended = false;
	*ret_events = &play_events;
	if (play->wants_at_once)
		responder->ops->want_body(responder);
	if (play->answer)
		play_answer(play, play->answer);
	return play;
}

static void play_on_closed(void *arg)
{
	((struct play *)arg)->n_closed++;
}

static inline void play_open(struct play *play)
{
	wire_connect(&play->wire);
	assert_int_equal(h1_server_begin(&play->servers, play->wire.conn), 0);
	play->wire.conn = NULL; /* the server's */
}

static struct play *play_new(void)
{
	struct play *play = calloc(1, sizeof(*play));

	assert_non_null(play);
	wire_init(&play->wire);
	assert_int_equal(edge_metrics_new(&play->metrics), 0);
	play->maker = (struct exchange_maker){ .begin = play_begin,
					       .arg = play,
					       .slab = play->wire.slab,
					       .loop = play->wire.loop,
					       .metrics = play->metrics };
	h1_servers_init(&play->servers, &play->maker, &h1_server_limits_usual);
	play->servers.limits.linger_ms = 20;
	play->servers.on_closed = play_on_closed;
	play->servers.on_closed_arg = play;
	return play;
}

static int play_setup(void **state)
{
	struct play *play = play_new();

	play_open(play);
	*state = play;
	return 0;
}

static int play_teardown(void **state)
{
	struct play *play = *state;

	h1_servers_close(&play->servers, REASON_SHUTDOWN);
	assert_null(play->responder);
	h1_servers_fini(&play->servers);
	wire_fini(&play->wire);
	metric_block_free(play->metrics);
	metrics_reset();
	free(play);
	return 0;
}

#define PLAY_TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

/* Turns until an exchange is under way. */
#define PLAY_BEGUN(play, n) EDGE_LOOP_UNTIL((play)->wire.loop, (play)->n_begun >= (n))

static inline int64_t play_ended(const char *reason)
{
	char name[96];

	snprintf(name, sizeof(name), "meridian_edge_ended_%s_total", reason);
	return metric_read(name, NULL);
}
