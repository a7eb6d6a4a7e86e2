/* SPDX-License-Identifier: Apache-2.0
 *
 * serve: the head is composed in the exchange's arena out of the packed one, whose text it borrows;
 * the body goes out by reference.
 */
#include "edge/exchange/serve.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/packed.h"

bool serve_begin(struct exchange *x, struct cache_object *object)
{
	struct lookup *lookup = x->lookup;

	if (lookup->flight) {
		lookup->reads = cache_flight_read(lookup->flight, &lookup->reader, 0, UINT64_MAX);
		lookup->served = lookup->reads;
		return lookup->reads;
	}
	lookup->served = true;
	cache_reader_init(&lookup->reader, object, 0, UINT64_MAX);
	return true;
}

/* ---- the head ----------------------------------------------------------------------------------
 */

enum { MAX_DIGITS = 20 };

/* Errors: an empty one is for want of room. */
static struct span number_text(struct arena *arena, uint64_t number)
{
	uint8_t digits[MAX_DIGITS];
	size_t n = 0;

	do {
		digits[MAX_DIGITS - ++n] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number);
	return arena_copy(arena, span_of(digits + MAX_DIGITS - n, n));
}

int serve_status_add(struct exchange *x, struct http_head *head)
{
	const struct lookup *lookup = x->lookup;
	/* clang-format off */
	static const struct span texts[] = {
		[LOOKUP_NONE]        = SPAN_NONE,
		[LOOKUP_HIT]         = { (const uint8_t *)"meridian; hit", 13 },
		[LOOKUP_STALE]       = { (const uint8_t *)"meridian; hit; detail=stale", 27 },
		[LOOKUP_REVALIDATED] = { (const uint8_t *)"meridian; fwd=stale; fwd-status=304", 35 },
		[LOOKUP_MISS]        = { (const uint8_t *)"meridian; fwd=miss; stored", 26 },
		[LOOKUP_COLLAPSED]   = { (const uint8_t *)"meridian; fwd=miss; collapsed", 29 },
		[LOOKUP_PASS]        = { (const uint8_t *)"meridian; fwd=miss", 18 },
		[LOOKUP_BYPASS]      = { (const uint8_t *)"meridian; fwd=bypass", 20 },
	};
	/* clang-format on */

	if (!lookup || !cache_rules_conf(lookup->rules)->status_field ||
	    lookup->outcome == LOOKUP_NONE)
		return 0;
	return err_pass(http_head_add(head, HTTP_NAME_CACHE_STATUS, texts[lookup->outcome]));
}

static int age_add(struct exchange *x, const struct cache_object *object, struct http_head *head)
{
	struct reuse_life life;
	int64_t now_s = loop_wall_s(x->env->loop);

	cache_object_life(object, &life);
	int64_t age_s = reuse_age_s(&life, now_s);
	if (x->lookup->outcome == LOOKUP_MISS && age_s == 0)
		return 0; /* it has come this moment, from its origin */
	struct span text = number_text(x->arena, (uint64_t)age_s);
	return text.at ? err_pass(http_head_add(head, HTTP_NAME_AGE, text)) : err_new(-ENOBUFS);
}

/* HTTP/1.1 has trailers behind chunks alone: who takes them does without a length. */
static void trailers_room(const struct http_head *request, struct http_head *head)
{
	if (request->version_major > 1 || !request->takes_trailers || head->status == 206 ||
	    head->body != HTTP_BODY_LENGTH)
		return;
	head->body = HTTP_BODY_STREAM;
	head->has_length = false;
}

static int head_compose(struct exchange *x, struct http_head **ret_head)
{
	const struct cache_object *object = x->lookup->reader.object;
	struct http_head *head = ARENA_NEW(x->arena, struct http_head);
	int r = head ? http_head_init(head, x->arena) : err_new(-ENOBUFS);

	if (r == 0)
		r = packed_read(cache_object_head(object), head);
	if (r < 0)
		return err_pass(r);
	head->status = object->status;
	head->version_major = 1;
	head->version_minor = 1;
	/* The state first: whole, then its length stands. */
	bool whole = cache_object_body(object) == CACHE_BODY_WHOLE;
	head->has_length = (object->has_length || whole) && http_status_has_body(object->status);
	head->body_length = head->has_length ? object->length : 0;
	if (x->request->method == HTTP_METHOD_HEAD || !http_status_has_body(object->status))
		head->body = HTTP_BODY_NONE;
	else
		head->body = head->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_STREAM;
	const struct http_head *own = x->lookup->own;
	for (uint16_t i = 0; own && r == 0 && i < own->n_fields; i++)
		r = http_head_add_found(head, own->fields[i]);
	if (r == 0)
		r = age_add(x, object, head);
	if (r == 0)
		r = serve_status_add(x, head);
	if (r == 0)
		r = serve_code(x, head);
	if (r == 0)
		r = serve_select(x, head);
	if (whole && object->trailers)
		trailers_room(x->request, head);
	*ret_head = head;
	return err_pass(r);
}

/* ---- the body ----------------------------------------------------------------------------------
 */

/* RFC 9110 6.5.1: who has not said so may not expect any. */
static bool takes_trailers(const struct http_head *request)
{
	return request->version_major > 1 || request->takes_trailers;
}

/* Once; and not behind a part, for they are the whole's. */
static int trailers_give(struct exchange *x)
{
	struct lookup *lookup = x->lookup;
	const struct cache_object *object = lookup->reader.object;
	struct http_head *trailers;

	if (lookup->trailed || lookup->reader.end != UINT64_MAX || !takes_trailers(x->request))
		return 0;
	lookup->trailed = true;
	const struct cache_trailers *kept = (object->body_of ? object->body_of : object)->trailers;
	if (!kept)
		return 0;
	trailers = ARENA_NEW(x->arena, struct http_head);
	int r = trailers ? http_head_init(trailers, x->arena) : err_new(-ENOBUFS);
	if (r == 0)
		r = packed_read(span_of(kept->bytes, kept->len), trailers);
	if (r == 0)
		x->responder->ops->set_trailers(x->responder, trailers);
	return err_pass(r);
}

/* What was read goes to the responder. False: it has no room for more, or the exchange has ended.
 */
static bool body_push(struct exchange *x, bool end)
{
	struct chain *body = &x->lookup->body;
	size_t before = body->bytes;

	if (end && trailers_give(x) < 0) {
		exchange_fail(x, REASON_MEMORY);
		return false;
	}
	int r = x->responder->ops->send_body(x->responder, body, end);
	if (r < 0) {
		exchange_fail(x, REASON_MEMORY);
		return false;
	}
	x->response_bytes += before - body->bytes;
	return chain_empty(body);
}

/* More is to come. False: it is there by now. */
static bool body_wait(struct exchange *x, uint64_t seen)
{
	int r = lookup_wait(x, FLIGHT_HEAD, seen);

	if (r < 0)
		exchange_fail(x, REASON_MEMORY); /* it may be freed by now */
	return r != LOOKUP_CHANGED;
}

static enum exchange_step body_pump(struct exchange *x)
{
	struct lookup *lookup = x->lookup;

	for (;;) {
		uint64_t seen = cache_body_filled(lookup->reader.object);
		switch (cache_reader_take(&lookup->reader, &lookup->body)) {
		case CACHE_READ_FULL:
			if (!body_push(x, false))
				return STEP_WAIT;
			break;
		case CACHE_READ_WAIT:
			if (!chain_empty(&lookup->body) && !body_push(x, false))
				return STEP_WAIT;
			if (body_wait(x, seen))
				return STEP_WAIT;
			break;
		case CACHE_READ_END:
			if (lookup->parts && chain_full(&lookup->body) && !body_push(x, false))
				return STEP_WAIT;
			if (serve_next_part(x))
				break;
			body_push(x, true);
			return STEP_WAIT;
		case CACHE_READ_BROKEN:
			exchange_fail(x, REASON_ORIGIN_CLOSED);
			return STEP_WAIT;
		}
	}
}

enum exchange_step serve_step(struct exchange *x)
{
	struct http_head *head = NULL;

	if (x->begun)
		return body_pump(x);
	if (head_compose(x, &head) < 0 || exchange_head_finish(x, head) < 0) {
		exchange_fail(x, REASON_MEMORY);
		return STEP_WAIT;
	}
	MUST(head);
	x->response = head;
	bool end = head->body == HTTP_BODY_NONE ||
		   (head->body == HTTP_BODY_LENGTH && head->body_length == 0);
	if (x->responder->ops->send_head(x->responder, head, end) < 0) {
		exchange_fail(x, REASON_MEMORY);
		return STEP_WAIT;
	}
	x->begun = true;
	return end ? STEP_WAIT : body_pump(x);
}
