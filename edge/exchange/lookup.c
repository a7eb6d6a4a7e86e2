/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup: find what is stored; if it does not serve, join whoever fetches it, or begin to; wait;
 * look again. A round of it never blocks, and there are few.
 */
#include "edge/exchange/lookup.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/exchange/serve.h"
#include "edge/report/edge_metrics.h"

/* Whoever has looked so many times in vain asks an origin for himself. */
enum { MAX_ROUNDS = 8 };

bool lookup_applies(const struct http_head *request)
{
	return (request->method == HTTP_METHOD_GET || request->method == HTTP_METHOD_HEAD) &&
	       request->body == HTTP_BODY_NONE && !request->upgrade.len;
}

const char *lookup_outcome_name(enum lookup_outcome outcome)
{
	static const char *const names[] = {
#define X(ID, word) word,
		LOOKUP_OUTCOMES(X)
#undef X
	};

	MUST((size_t)outcome < ARRAY_LEN(names));
	return names[outcome];
}

static int64_t now_s(const struct exchange *x)
{
	return loop_wall_s(x->env->loop);
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

static void on_wake(void *arg)
{
	exchange_run(OBJ_CAST(struct exchange, arg, EXCHANGE_KIND));
}

int lookup_wait(struct exchange *x, enum flight_state state, uint64_t filled)
{
	struct lookup *lookup = x->lookup;

	if (!lookup->wake)
		lookup->wake = wake_new(x->env->mailbox, on_wake, x);
	if (!lookup->wake)
		return err_new(-ENOMEM);
	if (lookup->wake->pending)
		return LOOKUP_WAITS;
	lookup->wake->pending = true;
	if (cache_flight_wait(lookup->flight, &lookup->wake->waiter, state, filled))
		return LOOKUP_WAITS;
	lookup->wake->pending = false;
	return LOOKUP_CHANGED;
}

/* ---- leaving -----------------------------------------------------------------------------------
 */

void lookup_leave(struct exchange *x)
{
	struct lookup *lookup = x->lookup;

	if (!lookup || !lookup->flight)
		return;
	if (lookup->wake)
		wake_drop(lookup->wake, cache_flight_unwait(lookup->flight, &lookup->wake->waiter));
	lookup->wake = NULL;
	if (lookup->reads)
		cache_flight_unread(lookup->flight);
	lookup->reads = false;
	fill_leave(TAKE(lookup->fill));
	cache_flight_unref(TAKE(lookup->flight));
	lookup->leads = false;
}

void lookup_fini(struct exchange *x)
{
	struct lookup *lookup = x->lookup;

	if (!lookup)
		return;
	lookup_leave(x);
	cache_reader_fini(&lookup->reader);
	chain_clear(&lookup->body);
	cache_object_unref(TAKE(lookup->stored));
}

/* ---- asking an origin --------------------------------------------------------------------------
 */

/* For this client alone. */
static enum exchange_step ask_alone(struct exchange *x, enum lookup_outcome outcome)
{
	lookup_leave(x);
	x->lookup->outcome = outcome;
	exchange_goto(x, EXCHANGE_FETCH);
	return STEP_AGAIN;
}

/* What a shared response must not depend on, for no key holds it: a part, a condition, a claim of
 * the client's that rewriting frameworks believe. */
static const struct span not_shared[] = {
	{ (const uint8_t *)"X-Original-URL", 14 },
	{ (const uint8_t *)"X-Rewrite-URL", 13 },
	{ (const uint8_t *)"X-Original-Host", 15 },
	{ (const uint8_t *)"X-Host", 6 },
	{ (const uint8_t *)"X-Forwarded-Scheme", 18 },
	{ (const uint8_t *)"X-Forwarded-Server", 18 },
	{ (const uint8_t *)"X-HTTP-Method", 13 },
	{ (const uint8_t *)"X-HTTP-Method-Override", 22 },
	{ (const uint8_t *)"X-Method-Override", 17 },
};

static int request_share(struct exchange *x, struct http_head *upstream)
{
	static const enum http_name parts[] = {
		HTTP_NAME_RANGE,         HTTP_NAME_IF_RANGE,          HTTP_NAME_IF_MATCH,
		HTTP_NAME_IF_NONE_MATCH, HTTP_NAME_IF_MODIFIED_SINCE, HTTP_NAME_IF_UNMODIFIED_SINCE,
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		http_head_remove(upstream, parts[i]);
	for (size_t i = 0; i < ARRAY_LEN(not_shared); i++)
		http_head_remove_other(upstream, not_shared[i]);
	return err_pass(cache_key_target(&cache_rules_conf(x->lookup->rules)->key, x->request,
					 x->arena, &upstream->target));
}

/* The flight's reference moves. `leader`: we wait for it. */
static int fill_start(struct exchange *x, struct cache_flight *flight, bool leader)
{
	struct lookup *lookup = x->lookup;
	bool introduced = x->world->pools[x->route->pool].conf->proxy_protocol;
	struct http_head upstream;
	struct fill *fill;

	int r = exchange_upstream_make(x);
	if (r == 0)
		r = http_head_copy(x->upstream, x->arena, &upstream);
	if (r == 0)
		r = request_share(x, &upstream);
	if (r < 0) {
		cache_flight_fail(flight, REASON_CLIENT_HEAD_LARGE);
		cache_flight_unref(flight);
		return err_pass(r);
	}
	const struct fill_setup setup = {
		.env = x->env,
		.world = x->world,
		.pool = x->route->pool,
		.rules = lookup->rules,
		.flight = flight,
		.key = &lookup->key,
		.stored = lookup->stored,
		.asked = x->request,
		.request = &upstream,
		.from = x->client.addr,
		.to = introduced ? conn_local(x->conn) : NULL,
		.leader = leader ? x : NULL,
	};
	r = fill_begin(&setup, &fill);
	if (r == 0 && leader)
		lookup->fill = fill;
	return err_pass(r);
}

/* ---- the first look ----------------------------------------------------------------------------
 */

static int lookup_make(struct exchange *x)
{
	struct lookup *lookup = ARENA_NEW(x->arena, struct lookup);
	const struct cache_rules *rules = x->route->cache;
	struct facts facts;

	if (!lookup)
		return err_new(-ENOBUFS);
	x->lookup = lookup;
	lookup->rules = rules;
	if (cache_rules_conf(rules)->requests) {
		reuse_read_request(x->request, &lookup->control);
		lookup->say = &lookup->control;
	}
	if (cache_rules_conf(rules)->n_bypass || cache_rules_conf(rules)->n_no_store) {
		exchange_facts(x, &facts);
		lookup->bypass = cache_rules_bypass(rules, &facts, x->arena);
		lookup->no_store = cache_rules_no_store(rules, &facts, x->arena);
	}
	return err_pass(
		cache_key_make(&cache_rules_conf(rules)->key, x->request, x->arena, &lookup->key));
}

static enum exchange_step serve(struct exchange *x, struct cache_object *object,
				enum lookup_outcome outcome)
{
	if (!serve_begin(x, object)) /* its beginning has gone */
		return ask_alone(x, LOOKUP_PASS);
	x->lookup->outcome = outcome;
	exchange_goto(x, EXCHANGE_DELIVER);
	loop_defer_soon(x->env->loop, &x->task); /* the responder is not called from inside begin */
	return STEP_WAIT;
}

/* Stale, and good enough for now: one of those who find it so, and whose response may be stored,
 * asks the origin. */
static enum exchange_step serve_stale(struct exchange *x, struct cache_object *object)
{
	struct lookup *lookup = x->lookup;
	struct cache *store = cache_rules_store(lookup->rules);
	struct cache_flight *flight = NULL;

	if (lookup->no_store)
		return serve(x, object, LOOKUP_STALE);
	int r = cache_join(store, &lookup->key, object, &flight);
	if (r == CACHE_JOIN_FOLLOW)
		cache_flight_unref(flight);
	else if (r == CACHE_JOIN_LEAD)
		(void)fill_start(x, flight, false); /* the next one tries again */
	return serve(x, object, LOOKUP_STALE);
}

static bool only_if_cached(const struct lookup *lookup)
{
	return lookup->say && cache_control_says(lookup->say, CACHE_ONLY_IF_CACHED);
}

/* HEAD is answered from a GET's response, but does not ask for one. */
static bool may_share(const struct exchange *x)
{
	return x->request->method == HTTP_METHOD_GET;
}

/* From our own disk: then the flight is nobody's here. */
static bool load_start(struct exchange *x)
{
	struct lookup *lookup = x->lookup;
	const struct cache_load_setup setup = {
		.flight = lookup->flight,
		.key = lookup->key,
		.loop = x->env->loop,
		.mailbox = x->env->mailbox,
		.loads = &x->env->loads,
	};

	cache_flight_ref(lookup->flight); /* the load's own */
	if (cache_load_begin(&setup))
		return true;
	cache_flight_unref(lookup->flight);
	return false;
}

/* Nothing that serves is stored: join, or begin. */
static enum exchange_step ask(struct exchange *x, bool pass)
{
	struct lookup *lookup = x->lookup;
	struct cache *store = cache_rules_store(lookup->rules);
	uint32_t min_uses = cache_rules_conf(lookup->rules)->min_uses;
	bool alone =
		lookup->bypass || (lookup->say && cache_control_says(lookup->say, CACHE_NO_CACHE));

	bool on_disk = !lookup->stored && !alone && cache_load_can(store, &lookup->key);

	if (only_if_cached(lookup) && !on_disk) { /* RFC 9111 5.2.1.7 */
		exchange_refuse(x, REASON_NOT_CACHED);
		return STEP_WAIT;
	}
	if (!may_share(x) || lookup->n_rounds > MAX_ROUNDS)
		return ask_alone(x, LOOKUP_PASS);
	if (pass && !alone && !on_disk)
		return ask_alone(x, LOOKUP_PASS);
	if (lookup->no_store || (!lookup->stored && !on_disk && min_uses > 1 &&
				 cache_count_use(store, &lookup->key) < min_uses))
		return ask_alone(x, LOOKUP_BYPASS);
	int r = alone ? cache_lead(store, &lookup->key, &lookup->flight)
		      : cache_join(store, &lookup->key, lookup->stored, &lookup->flight);
	if (r == CACHE_JOIN_CHANGED)
		return STEP_AGAIN;
	if (r < 0)
		return ask_alone(x, LOOKUP_PASS);
	lookup->outcome =
		alone ? LOOKUP_BYPASS : (r == CACHE_JOIN_LEAD ? LOOKUP_MISS : LOOKUP_COLLAPSED);
	if (r == CACHE_JOIN_LEAD && on_disk && load_start(x)) {
		lookup->outcome = LOOKUP_HIT;
	} else if (r == CACHE_JOIN_LEAD) {
		struct cache_flight *flight = lookup->flight;
		lookup->leads = true;
		cache_flight_ref(flight); /* the fill's own */
		r = fill_start(x, flight, true);
		if (r < 0) {
			lookup_leave(x);
			exchange_refuse(x,
					r == -ENOBUFS ? REASON_CLIENT_HEAD_LARGE : REASON_MEMORY);
			return STEP_WAIT;
		}
	}
	return lookup_watch(x);
}

static enum exchange_step look(struct exchange *x)
{
	struct lookup *lookup = x->lookup;
	struct cache_found found;
	struct reuse_life life;

	lookup->n_rounds++;
	cache_object_unref(TAKE(lookup->stored));
	if (cache_find(cache_rules_store(lookup->rules), &lookup->key, x->request, x->arena,
		       now_s(x), &found) < 0) {
		exchange_refuse(x, REASON_CLIENT_HEAD_LARGE);
		return STEP_WAIT;
	}
	lookup->stored = found.object;
	if (!found.object || lookup->bypass)
		return ask(x, found.pass);
	cache_object_life(found.object, &life);
	switch (reuse_judge(&life, now_s(x), lookup->say)) {
	case REUSE_FRESH:
		return serve(x, found.object, LOOKUP_HIT);
	case REUSE_STALE:
		return serve_stale(x, found.object);
	case REUSE_ASK:
		return ask(x, found.pass);
	}
	UNREACHABLE();
}

/* ---- what the flight brings --------------------------------------------------------------------
 */

/* Is it the variant that we asked for? What the URL's responses vary by may have become known with
 * it. */
static bool is_ours(struct exchange *x, const struct cache_object *object)
{
	struct lookup *lookup = x->lookup;

	if (lookup->leads)
		return true;
	if (cache_narrow(cache_rules_store(lookup->rules), &lookup->key, x->request, x->arena) < 0)
		return false;
	return span_eq(lookup->key.text, cache_item_key(&object->item));
}

/* The origin has failed; the one that led the flight has looked whether what is stored may serve
 * in general, we look for this request. */
static enum exchange_step flight_failed(struct exchange *x, enum close_reason reason)
{
	struct lookup *lookup = x->lookup;
	struct reuse_life life;

	if (lookup->stored) {
		cache_object_life(lookup->stored, &life);
		if (reuse_after_failure(&life, now_s(x), lookup->say)) {
			lookup_leave(x); /* it has nothing to read */
			return serve(x, lookup->stored, LOOKUP_STALE);
		}
	}
	exchange_fail(x, reason);
	return STEP_WAIT;
}

static enum exchange_step flight_brought(struct exchange *x, struct cache_object *object)
{
	struct lookup *lookup = x->lookup;

	if (!is_ours(x, object)) {
		lookup_leave(x);
		return STEP_AGAIN;
	}
	if (lookup->stored && object == lookup->stored)
		return serve(x, object, LOOKUP_STALE);
	if (lookup->stored && object->body_of)
		return serve(x, object, LOOKUP_REVALIDATED);
	return serve(x, object, lookup->outcome);
}

enum exchange_step lookup_watch(struct exchange *x)
{
	struct cache_object *object;
	enum close_reason reason;
	enum exchange_step step;
	int r;

	switch (cache_flight_look(x->lookup->flight, &object, &reason)) {
	case FLIGHT_ASKED:
		r = lookup_wait(x, FLIGHT_ASKED, 0);
		if (r == LOOKUP_WAITS)
			return STEP_WAIT;
		if (r == LOOKUP_CHANGED)
			return STEP_AGAIN;
		return ask_alone(x, LOOKUP_PASS);
	case FLIGHT_PASSED:
		return ask_alone(x, LOOKUP_PASS);
	case FLIGHT_FAILED:
		return flight_failed(x, reason);
	case FLIGHT_AGAIN:
		lookup_leave(x);
		return STEP_AGAIN;
	case FLIGHT_HEAD:
		step = flight_brought(x, object);
		cache_object_unref(object);
		return step;
	}
	UNREACHABLE();
}

enum exchange_step step_lookup(struct exchange *x)
{
	if (!x->lookup && lookup_make(x) < 0) {
		exchange_refuse(x, REASON_CLIENT_HEAD_LARGE);
		return STEP_WAIT;
	}
	MUST(x->lookup);
	return x->lookup->flight ? lookup_watch(x) : look(x);
}

/* ---- what its fill says ------------------------------------------------------------------------
 */

void lookup_asked(struct exchange *x, const struct fetch *fetch)
{
	const struct origin *origin = fetch_origin(fetch);

	x->first_byte_us = mono_diff_us(loop_now(x->env->loop), x->began_at);
	x->lookup->n_tries = fetch_n_tries(fetch);
	if (origin)
		x->lookup->origin = *origin_addr(origin);
}

void lookup_hand_over(struct exchange *x, struct fetch *fetch, struct http_head *head, bool end)
{
	MUST(x->state == EXCHANGE_LOOKUP && !x->fetch);
	lookup_leave(x);
	x->lookup->outcome = LOOKUP_PASS;
	x->fetch = fetch;
	exchange_goto(x, EXCHANGE_FETCH);
	fetch_hand_over(fetch, x->upstream, &exchange_fetch_events, x);
	loop_undefer(x->env->loop, &x->task);
	exchange_fetch_events.on_head(x, head, end);
}

void lookup_fill_ended(struct exchange *x)
{
	x->lookup->fill = NULL;
}

/* ---- what makes it untrue ----------------------------------------------------------------------
 */

static void url_invalidate(struct exchange *x, const struct http_head *request)
{
	const struct cache_rules *rules = x->route->cache;
	struct cache_key key;

	if (cache_key_make(&cache_rules_conf(rules)->key, request, x->arena, &key) == 0)
		cache_invalidate(cache_rules_store(rules), &key);
}

/* A URL of the same server that the response names (RFC 9111 4.4). */
static void named_invalidate(struct exchange *x, struct span url)
{
	struct http_head request = *x->request;
	size_t colon = span_find(url, ':');
	struct span rest = span_from(url, colon + 1);

	if (span_eq(span_first(url, colon), request.scheme) && span_starts(rest, SPAN_LIT("//"))) {
		rest = span_from(rest, 2);
		size_t slash = span_find(rest, '/');
		if (!span_ieq(span_first(rest, slash), request.authority))
			return;
		url = span_from(rest, slash);
	}
	if (!span_starts(url, SPAN_LIT("/")) || span_starts(url, SPAN_LIT("//")))
		return;
	request.target = span_first(url, span_find(url, '#'));
	request.path = span_first(request.target, span_find(request.target, '?'));
	request.query = span_from(request.target, request.path.len + 1);
	url_invalidate(x, &request);
}

void lookup_invalidate(struct exchange *x, const struct http_head *response)
{
	const struct http_field *location = http_head_find(response, HTTP_NAME_LOCATION);
	const struct http_field *content = http_head_find(response, HTTP_NAME_CONTENT_LOCATION);

	if (http_method_is_safe(x->request->method) || response->status >= 400)
		return;
	url_invalidate(x, x->request);
	if (location)
		named_invalidate(x, location->value);
	if (content)
		named_invalidate(x, content->value);
}
