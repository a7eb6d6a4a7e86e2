/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_play: a scripted client of HTTP/2 over a socket pair, served by h2_server, with exchanges that
 * do what the path says. What comes back is read as words: "HEADERS 1 :status=200; DATA 1 5 END".
 */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#include "edge/http2/h2_encode.h"
#include "edge/http2/h2_server.h"
#include "edge/report/edge_metrics.h"
#include "tests/unit/edge/http1/wire.h"

enum { PLAY_STREAMS = 600, PLAY_LOG = 1 << 18 };

struct h2_visit {
	struct h2_play *play;
	struct responder *responder; /* NULL: it has ended */
	struct arena *arena;
	const struct http_head *head;
	char path[64], body[256], trailers[128];
	size_t n_body, left; /* of a long answer: bytes to come */
	bool ended, sent;
	enum close_reason reason; /* of its going; REASON_N: it has not gone */
};

struct h2_play {
	struct wire wire;
	struct metric_block *metrics;
	struct exchange_maker maker;
	struct h2_servers servers;
	struct h2_visit visits[PLAY_STREAMS];
	size_t n_visits;
	unsigned n_closed;
	nghttp2_hd_inflater *inflater;
	size_t looked; /* of what came: read into the log */
	char log[PLAY_LOG];
};

/* ---- what the exchanges do ---------------------------------------------------------------------
 */

static inline struct http_head visit_head(struct h2_visit *visit, unsigned status,
					  enum http_body body, uint64_t length)
{
	struct http_head head;

	assert_int_equal(http_head_init(&head, visit->arena), 0);
	head.status = (uint16_t)status;
	head.body = body;
	head.has_length = body == HTTP_BODY_LENGTH;
	head.body_length = length;
	return head;
}

static inline void visit_push(struct h2_visit *visit)
{
	static const uint8_t zeros[8192];

	while (visit->left) {
		struct chain chain = { 0 };
		size_t n = MIN(visit->left, sizeof(zeros));
		chain_push(&chain, (struct slice){ zeros, (uint32_t)n, NULL });
		visit->responder->ops->send_body(visit->responder, &chain, n == visit->left);
		visit->left -= n - chain.bytes;
		bool stayed = !chain_empty(&chain);
		chain_clear(&chain);
		if (stayed)
			return;
	}
}

static inline void visit_answer(struct h2_visit *visit, const char *text)
{
	struct http_head head = visit_head(visit, 200, HTTP_BODY_LENGTH, strlen(text));
	struct chain chain = { 0 };

	assert_int_equal(visit->responder->ops->send_head(visit->responder, &head, false), 0);
	chain_push(&chain, (struct slice){ (const uint8_t *)text, (uint32_t)strlen(text), NULL });
	assert_int_equal(visit->responder->ops->send_body(visit->responder, &chain, true), 0);
	assert_true(chain_empty(&chain));
}

/* A head of many bytes, and nothing else. */
static inline void visit_answer_at_length(struct h2_visit *visit)
{
	static const uint8_t value[4000];
	struct http_head head = visit_head(visit, 200, HTTP_BODY_NONE, 0);

	assert_int_equal(http_head_add_other(&head, SPAN_LIT("x"), span_of(value, sizeof(value))),
			 0);
	assert_int_equal(visit->responder->ops->send_head(visit->responder, &head, true), 0);
}

static void visit_on_body(void *arg, struct chain *body, bool end)
{
	struct h2_visit *visit = arg;

	while (!chain_empty(body)) {
		struct span part = chain_front(body);
		size_t room = sizeof(visit->body) - 1 - MIN(visit->n_body, sizeof(visit->body) - 1);
		memcpy(visit->body + MIN(visit->n_body, sizeof(visit->body) - 1), part.at,
		       MIN(part.len, room));
		visit->n_body += part.len;
		chain_drop(body, part.len);
	}
	visit->ended = end;
	if (end && strcmp(visit->path, "/echo") == 0)
		visit_answer(visit, visit->body);
}

static void visit_on_trailers(void *arg, const struct http_head *trailers)
{
	struct h2_visit *visit = arg;

	assert_false(visit->ended);
	for (size_t i = 0; i < trailers->n_fields; i++) {
		size_t n = strlen(visit->trailers);
		snprintf(visit->trailers + n, sizeof(visit->trailers) - n, "%.*s=%.*s;",
			 SPAN_FMT(trailers->fields[i].name), SPAN_FMT(trailers->fields[i].value));
	}
}

static void visit_on_writable(void *arg)
{
	struct h2_visit *visit = arg;

	assert_non_null(visit->responder);
	visit_push(visit);
}

static void visit_on_gone(void *arg, enum close_reason reason)
{
	struct h2_visit *visit = arg;

	assert_non_null(visit->responder);
	visit->reason = reason;
	visit->responder = NULL;
}

static void visit_on_sent(void *arg)
{
	struct h2_visit *visit = arg;

	assert_non_null(visit->responder);
	visit->sent = true;
	visit->responder = NULL;
}

/* The status, and nothing else. */
static void visit_on_fault(void *arg, enum close_reason reason)
{
	struct h2_visit *visit = arg;
	struct http_head head = visit_head(visit, reason_status(reason), HTTP_BODY_LENGTH, 0);

	visit->reason = reason;
	edge_metrics_ended(visit->play->metrics, reason);
	assert_int_equal(visit->responder->ops->send_head(visit->responder, &head, true), 0);
}

static const struct request_events visit_events = { visit_on_body,     visit_on_trailers,
						    visit_on_writable, visit_on_fault,
						    visit_on_gone,     visit_on_sent };

static inline void visit_act(struct h2_visit *visit)
{
	const char *path = visit->path;

	if (strcmp(path, "/hello") == 0)
		visit_answer(visit, "hello");
	if (strcmp(path, "/echo") == 0 || strcmp(path, "/read") == 0)
		visit->responder->ops->want_body(visit->responder);
	if (strcmp(path, "/head") == 0)
		visit_answer_at_length(visit);
	if (strncmp(path, "/big", 4) == 0 || strcmp(path, "/endless") == 0) {
		visit->left = path[1] == 'b' ? 300000 : SIZE_MAX;
		struct http_head head = visit_head(visit, 200, HTTP_BODY_STREAM, 0);
		visit->responder->ops->send_head(visit->responder, &head, false);
		visit_push(visit);
	}
}

static void *visit_begin(void *arg, struct responder *responder, struct http_head *head,
			 enum close_reason fault, struct arena *arena,
			 const struct request_events **ret_events)
{
	struct h2_play *play = arg;
	struct h2_visit *visit = &play->visits[play->n_visits++];

	assert_true(play->n_visits <= PLAY_STREAMS);
	*visit = (struct h2_visit){ .play = play,
				    .responder = responder,
				    .arena = arena,
				    .head = head,
				    .reason = REASON_N };
	snprintf(visit->path, sizeof(visit->path), "%.*s", SPAN_FMT(head->target));
	if (strcmp(visit->path, "/memory") == 0) {
		visit->responder = NULL;
		return NULL;
	}
	*ret_events = &visit_events;
	if (fault != REASON_DONE) {
		visit_on_fault(visit, fault);
		return visit;
	}
	visit_act(visit);
	return visit;
}

/* ---- the client's side -------------------------------------------------------------------------
 */

static void play_on_closed(void *arg)
{
	((struct h2_play *)arg)->n_closed++;
}

static inline struct h2_play *h2_play_new(const struct h2_limits *limits)
{
	struct h2_play *play = calloc(1, sizeof(*play));

	assert_non_null(play);
	wire_init(&play->wire);
	assert_int_equal(edge_metrics_new(&play->metrics), 0);
	play->maker = (struct exchange_maker){ visit_begin, play, play->wire.slab, play->wire.loop,
					       play->metrics };
	h2_servers_init(&play->servers, &play->maker, limits);
	play->servers.on_closed = play_on_closed;
	play->servers.on_closed_arg = play;
	assert_int_equal(nghttp2_hd_inflate_new(&play->inflater), 0);
	wire_connect(&play->wire);
	assert_int_equal(h2_server_begin(&play->servers, play->wire.conn, SPAN_NONE), 0);
	return play;
}

static inline void h2_play_free(struct h2_play *play)
{
	h2_servers_close(&play->servers, REASON_SHUTDOWN);
	for (size_t i = 0; i < play->n_visits; i++)
		assert_null(play->visits[i].responder); /* each was told of its end */
	h2_servers_fini(&play->servers);
	wire_fini(&play->wire);
	metric_block_free(play->metrics);
	nghttp2_hd_inflate_del(play->inflater);
	free(play);
}

static inline void h2_play_frame(struct h2_play *play, unsigned type, unsigned flags, uint32_t id,
				 struct span payload)
{
	const struct h2_header header = { (uint32_t)payload.len, (uint8_t)type, (uint8_t)flags,
					  id };
	uint8_t bytes[H2_HEADER_BYTES];

	h2_header_put(bytes, &header);
	wire_send(&play->wire, span_of(bytes, sizeof(bytes)));
	wire_send(&play->wire, payload);
}

/* "name value" lines as a header block, each field as it stands. */
static inline struct span h2_play_block(const char *lines)
{
	static uint8_t block[65536];
	size_t n = 0;

	while (*lines) {
		size_t name = strcspn(lines, " "), value = strcspn(lines + name + 1, "\n");
		assert_true(name < 127);
		block[n++] = 0;
		block[n++] = (uint8_t)name;
		memcpy(block + n, lines, name);
		n += name;
		if (value < 127) {
			block[n++] = (uint8_t)value;
		} else {
			size_t rest = value - 127;
			for (block[n++] = 127; rest >= 128; rest >>= 7)
				block[n++] = (uint8_t)(rest | 128);
			block[n++] = (uint8_t)rest;
		}
		memcpy(block + n, lines + name + 1, value);
		n += value;
		lines += name + 1 + value + 1;
	}
	return span_of(block, n);
}

#define GET(path)  ":method GET\n:scheme http\n:authority a.test\n:path " path "\n"
#define POST(path) ":method POST\n:scheme http\n:authority a.test\n:path " path "\n"

static inline void h2_play_headers(struct h2_play *play, uint32_t id, const char *lines, bool end)
{
	h2_play_frame(play, H2_HEADERS, H2_FLAG_END_HEADERS | (end ? H2_FLAG_END_STREAM : 0), id,
		      h2_play_block(lines));
}

static inline void h2_play_data(struct h2_play *play, uint32_t id, const char *text, bool end)
{
	h2_play_frame(play, H2_DATA, end ? H2_FLAG_END_STREAM : 0, id, span_str(text));
}

static inline void h2_play_u32(struct h2_play *play, unsigned type, uint32_t id, uint32_t value)
{
	uint8_t bytes[4];

	h2_u32_put(bytes, value);
	h2_play_frame(play, type, 0, id, span_of(bytes, sizeof(bytes)));
}

/* The preface, and settings that change nothing. */
static inline void h2_play_greet(struct h2_play *play)
{
	wire_send(&play->wire, H2_PREFACE);
	h2_play_frame(play, H2_SETTINGS, 0, 0, SPAN_NONE);
}

/* ---- what came back, in words ------------------------------------------------------------------
 */

static inline void log_add(struct h2_play *play, const char *word)
{
	size_t n = strlen(play->log);

	assert_true(n + strlen(word) < PLAY_LOG);
	memcpy(play->log + n, word, strlen(word) + 1);
}

static inline void log_headers(struct h2_play *play, struct span block)
{
	char word[512];

	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n =
			nghttp2_hd_inflate_hd2(play->inflater, &nv, &flags, block.at, block.len, 1);
		assert_true(n >= 0);
		block = span_from(block, (size_t)n);
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			snprintf(word, sizeof(word), " %.*s=%.*s", (int)nv.namelen, nv.name,
				 (int)MIN(nv.valuelen, (size_t)100), nv.value);
			log_add(play, word);
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(play->inflater);
}

static inline void log_frame(struct h2_play *play, const struct h2_header *h, struct span payload)
{
	static const char *const names[] = {
		"DATA", "HEADERS", "PRIORITY", "RST",    "SETTINGS",
		"PUSH", "PING",    "GOAWAY",   "WINDOW", "CONTINUATION"
	};
	char word[64];

	snprintf(word, sizeof(word), "%s %u", names[h->type], h->stream_id);
	log_add(play, word);
	if (h->type == H2_HEADERS)
		log_headers(play, payload);
	if (h->type == H2_DATA) {
		snprintf(word, sizeof(word), " %u", h->length);
		log_add(play, word);
	}
	if (h->type == H2_RST_STREAM || h->type == H2_WINDOW_UPDATE || h->type == H2_GOAWAY) {
		snprintf(word, sizeof(word), " %u",
			 h2_u32(payload.at + (h->type == H2_GOAWAY ? 4 : 0)));
		log_add(play, word);
	}
	if ((h->type == H2_SETTINGS || h->type == H2_PING) && (h->flags & H2_FLAG_ACK))
		log_add(play, " ACK");
	if ((h->type == H2_HEADERS || h->type == H2_DATA) && (h->flags & H2_FLAG_END_STREAM))
		log_add(play, " END");
	log_add(play, "; ");
}

/* Turns the loop a few times and reads what came. */
static inline const char *h2_play_look(struct h2_play *play)
{
	play->log[0] = '\0';
	for (int i = 0; i < 8; i++) {
		wire_turn(&play->wire);
		wire_look(&play->wire);
	}
	for (;;) {
		struct span left =
			span_of(play->wire.got + play->looked, play->wire.n_got - play->looked);
		if (left.len < H2_HEADER_BYTES)
			break;
		struct h2_header header = h2_header_read(left);
		if (left.len < H2_HEADER_BYTES + header.length)
			break;
		log_frame(play, &header,
			  span_first(span_from(left, H2_HEADER_BYTES), header.length));
		play->looked += H2_HEADER_BYTES + header.length;
	}
	return play->log;
}

/* What was read needs no room any more. */
static inline void h2_play_forget(struct h2_play *play)
{
	play->wire.n_got -= play->looked;
	memmove(play->wire.got, play->wire.got + play->looked, play->wire.n_got + 1);
	play->looked = 0;
}

static inline void h2_play_expect(struct h2_play *play, const char *words)
{
	if (!strstr(h2_play_look(play), words))
		fail_msg("no \"%s\" in \"%s\"", words, play->log);
}

static inline bool h2_play_is_over(const struct h2_play *play)
{
	return play->n_closed == 1;
}
