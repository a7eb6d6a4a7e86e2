/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_stage: a stage whose route stores what it proxies, and guests: requests that come to it,
 * one after the other or several at once.
 */
#pragma once

#include "stage.h"

struct guest {
	struct stage *stage;
	struct stage_client client;
	struct arena arena;
	struct http_head head;
	void *exchange; /* NULL once it has ended */
	const struct request_events *events;
};

/* As the configuration has them where it says nothing; but for stale_if_error. */
static const struct cache_rules_conf usual_rules = {
	.set = true,
	.store = "memory",
	.key = { .scheme = true, .host = true },
	.requests = true,
	.min_uses = 1,
	.max_object_bytes = 8 << 20,
	.pass_ms = 10000,
	.heuristic_pct = 10,
	.heuristic_max_ms = 86400000,
	.status_field = true,
};

/* What is on its way within the process comes. */
static inline void stage_settle(struct stage *stage)
{
	for (int i = 0; i < 4; i++)
		assert_int_equal(loop_turn(stage->loop, 0), 0);
}

/* ---- a guest -----------------------------------------------------------------------------------
 */

static inline void guest_init(struct guest *guest, struct stage *stage, const char *target)
{
	*guest = (struct guest){ .stage = stage };
	guest->client.responder.ops = &stage_responder_ops;
	guest->client.room = SIZE_MAX;
	guest->client.exchange = &guest->exchange;
	arena_init(&guest->arena, 65536);
	assert_int_equal(http_head_copy(&stage->head, &guest->arena, &guest->head), 0);
	guest->head.target = guest->head.path = span_str(target);
	guest->head.takes_trailers = true;
}

static inline void guest_says(struct guest *guest, const char *name, const char *value)
{
	const struct http_field field = { span_str(name), span_str(value),
					  (uint16_t)http_name_lookup(span_str(name)) };

	assert_int_equal(http_head_add_found(&guest->head, field), 0);
}

static inline void guest_method(struct guest *guest, enum http_method method)
{
	guest->head.method = method;
	guest->head.method_text = http_method_text(method);
}

static inline void guest_begin(struct guest *guest)
{
	guest->exchange = exchange_begin(&guest->stage->env, &guest->client.responder, &guest->head,
					 REASON_DONE, &guest->arena, &guest->events);
	assert_non_null(guest->exchange);
}

static inline void guest_comes(struct guest *guest, struct stage *stage, const char *target)
{
	guest_init(guest, stage, target);
	guest_begin(guest);
}

/* The client has gone. */
static inline void guest_leaves(struct guest *guest)
{
	guest->events->on_gone(TAKE(guest->exchange), REASON_CLIENT_GONE);
	arena_fini(&guest->arena);
}

/* The client reads so many bytes more. */
static inline void guest_reads(struct guest *guest, size_t n)
{
	guest->client.room = n;
	guest->events->on_writable(guest->exchange);
}

/* Its response has left us, or was broken off. */
static inline void guest_ends(struct guest *guest)
{
	if (guest->exchange)
		guest->events->on_sent(TAKE(guest->exchange));
	arena_fini(&guest->arena);
}

/* It has got the whole of a response. */
static inline void guest_got(struct guest *guest, unsigned status, const char *body)
{
	EDGE_LOOP_UNTIL(guest->stage->loop, guest->client.ended || guest->client.n_aborts);
	assert_int_equal(guest->client.n_aborts, 0);
	assert_int_equal(guest->client.n_heads, 1);
	assert_int_equal(guest->client.status, status);
	assert_int_equal(guest->client.body_len, strlen(body));
	assert_memory_equal(guest->client.body, body, strlen(body));
}

static inline struct span head_field(const struct http_head *head, const char *name)
{
	for (uint16_t i = 0; i < head->n_fields; i++) {
		if (span_ieq(head->fields[i].name, span_str(name)))
			return head->fields[i].value;
	}
	return SPAN_NONE;
}

/* While its exchange lives. NULL: the field must not be there. */
static inline void guest_got_field(struct guest *guest, const char *name, const char *value)
{
	struct span found = head_field(guest->client.head, name);

	if (!value)
		assert_null(found.at);
	else
		assert_true(span_eq(found, span_str(value)));
}

static inline void guest_got_status(struct guest *guest, const char *value)
{
	guest_got_field(guest, "Cache-Status", value);
}

/* ---- an origin ---------------------------------------------------------------------------------
 */

/* The one that was asked in this place is asked for the n-th time. */
static inline void origin_is_asked(struct stage *stage, const struct stage_origin *origin,
				   unsigned n)
{
	EDGE_LOOP_UNTIL(stage->loop, origin->n_begun == n);
	assert_true(origin->open);
}

/* "Name: value" in lines; with a Content-Length the body has one. */
static inline void origin_heads(struct stage_origin *origin, unsigned status, const char *fields)
{
	struct requester_setup *setup = &origin->setup;
	struct http_head *head = ARENA_NEW(setup->arena, struct http_head);
	struct span rest = span_str(fields), line;

	assert_non_null(head);
	assert_int_equal(http_head_init(head, setup->arena), 0);
	head->status = (uint16_t)status;
	head->version_major = head->version_minor = 1;
	head->body = http_status_has_body(status) ? HTTP_BODY_STREAM : HTTP_BODY_NONE;
	while (span_cut(&rest, '\n', &line)) {
		size_t colon = span_find(line, ':');
		struct span name = span_first(line, colon);
		struct http_field field = { name, span_trim(span_from(line, colon + 1)),
					    (uint16_t)http_name_lookup(name) };
		if (span_ieq(name, SPAN_LIT("Content-Length"))) {
			assert_true(span_to_u64(field.value, UINT64_MAX, &head->body_length));
			head->has_length = true;
			head->body = head->body_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
		} else if (line.len) {
			assert_int_equal(http_head_add_found(head, field), 0);
		}
	}
	setup->events->on_head(setup->fetch, head, head->body == HTTP_BODY_NONE);
}

/* What has come and was not taken is offered again. True: all was taken. */
static inline bool origin_offers(struct stage_origin *origin, bool end)
{
	origin->setup.events->on_body(origin->setup.fetch, &origin->left, end);
	return chain_empty(&origin->left);
}

/* More of the body comes, in static memory. True: all was taken. */
static inline bool origin_sends(struct stage_origin *origin, const void *bytes, size_t len,
				bool end)
{
	assert_true(chain_empty(&origin->left));
	if (len)
		chain_push(&origin->left, (struct slice){ bytes, (uint32_t)len, NULL });
	return origin_offers(origin, end);
}

/* The response has ended; the connection is kept. */
static inline void origin_ends(struct stage_origin *origin)
{
	origin->open = false;
	origin->setup.keep(origin->setup.conn, origin->setup.keep_arg);
	origin->setup.events->on_done(origin->setup.fetch);
}

static inline void origin_breaks(struct stage_origin *origin, enum close_reason reason)
{
	origin->open = false;
	conn_close(origin->setup.conn);
	origin->setup.events->on_failed(origin->setup.fetch, reason, false);
}

/* The whole of a response with a body, in one go. */
static inline void origin_gives(struct stage_origin *origin, unsigned status, const char *fields,
				const char *body)
{
	origin_heads(origin, status, fields);
	if (*body && origin->open) /* the fetch may have been left by now */
		assert_true(origin_sends(origin, body, strlen(body), true));
	if (origin->open)
		origin_ends(origin);
}

static inline bool origin_was_told(const struct stage_origin *origin, const char *name,
				   const char *value)
{
	struct span found = head_field(&origin->asked, name);

	return value ? span_eq(found, span_str(value)) : !found.at;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

/* A guest who asks for it gets an origin's response, with this head and body, which is stored as
 * far as it may be. */
static inline void stage_stores(struct stage *stage, const char *target, const char *fields,
				const char *body)
{
	unsigned n = stage->origin.n_begun + 1;
	struct guest guest;

	guest_comes(&guest, stage, target);
	origin_is_asked(stage, &stage->origin, n);
	origin_gives(&stage->origin, 200, fields, body);
	guest_got(&guest, 200, body);
	guest_ends(&guest);
	stage_settle(stage);
}

/* All that an origin was asked. */
static inline unsigned stage_n_asked(const struct stage *stage)
{
	unsigned n = stage->origin.n_begun;

	for (size_t i = 0; i < STAGE_MORE; i++)
		n += stage->more[i].n_begun;
	return n;
}

/* A guest gets what is stored, and no origin hears of it. */
static inline void stage_has(struct stage *stage, const char *target, const char *body)
{
	unsigned n = stage_n_asked(stage);
	struct guest guest;

	guest_comes(&guest, stage, target);
	guest_got(&guest, 200, body);
	guest_got_status(&guest, "meridian; hit");
	guest_ends(&guest);
	assert_int_equal(stage_n_asked(stage), n);
}

/* Nothing is on its way any more. */
static inline void stage_end(struct stage *stage)
{
	stage_settle(stage);
	for (size_t i = 0; i < STAGE_MORE; i++)
		assert_false(stage->more[i].open);
	stage_close(stage);
}
