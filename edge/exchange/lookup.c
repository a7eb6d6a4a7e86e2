/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup: find what is stored; if it does not serve, join whoever fetches it, or begin to; wait;
 * look again. A round of it never blocks, and there are few.
 */
#include "edge/exchange/lookup.h"

#include <ctype.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/packed.h"
#include "edge/exchange/serve.h"
#include "edge/http/accept_encoding.h"
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
 * the client's that rewriting frameworks believe. Beginnings of names. */
static const char *const not_shared[] = {
	"x-original-",
	"x-rewrite-",
	"x-http-",
	"x-method-override",
	"x-host",
	"x-forwarded-scheme",
	"x-forwarded-server",
	"x-url-scheme",
	"x-request-uri",
	"x-script-name",
	"x-envoy-original-",
	"front-end-https",
};

/* CGI and its kin take '_' for '-'. */
static bool begins_as(struct span name, struct span beginning)
{
	if (name.len < beginning.len)
		return false;
	for (size_t i = 0; i < beginning.len; i++) {
		if ((name.at[i] == '_' ? '-' : tolower(name.at[i])) != beginning.at[i])
			return false;
	}
	return true;
}

static bool is_not_shared(const struct cache_key_conf *key, struct span name)
{
	uint8_t first = name.len ? name.at[0] | 0x20 : 0;

	if (first != 'x' && first != 'f')
		return false;
	for (size_t i = 0; i < key->n_headers; i++) {
		if (span_ieq(name, span_str(key->headers[i])))
			return false; /* here the key does hold it */
	}
	for (size_t i = 0; i < ARRAY_LEN(not_shared); i++) {
		if (begins_as(name, span_str(not_shared[i])))
			return true;
	}
	return false;
}

/* The key knows which codings are taken, and no more; nor does the origin. */
static int encodings_share(struct exchange *x, struct http_head *upstream)
{
	char text[ACCEPT_ENCODING_TEXT_BYTES];
	struct accept_encoding accept;

	if (!http_head_find(upstream, HTTP_NAME_ACCEPT_ENCODING))
		return 0;
	accept_encoding_read(upstream, &accept);
	struct span value = accept_encoding_text(&accept, HTTP_CODINGS_ALL, text);
	value = value.len ? arena_copy(x->arena, value) : SPAN_LIT("identity");
	return value.at ? err_pass(http_head_set(upstream, HTTP_NAME_ACCEPT_ENCODING, value))
			: err_new(-ENOBUFS);
}

static int request_share(struct exchange *x, struct http_head *upstream)
{
	static const enum http_name parts[] = {
		HTTP_NAME_RANGE,         HTTP_NAME_IF_RANGE,          HTTP_NAME_IF_MATCH,
		HTTP_NAME_IF_NONE_MATCH, HTTP_NAME_IF_MODIFIED_SINCE, HTTP_NAME_IF_UNMODIFIED_SINCE,
	};
	const struct cache_key_conf *key = &cache_rules_conf(x->lookup->rules)->key;
	uint16_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		http_head_remove(upstream, parts[i]);
	for (uint16_t i = 0; i < upstream->n_fields; i++) {
		if (!is_not_shared(key, upstream->fields[i].name))
			upstream->fields[n++] = upstream->fields[i];
	}
	upstream->n_fields = n;
	int r = encodings_share(x, upstream);
	return r < 0 ? err_pass(r)
		     : err_pass(cache_key_target(key, x->request, x->arena, &upstream->target));
}

/* What the origin gets for a response that is shared. The key has one way to write the host, and so
 * has this. */
static int shared_make(struct exchange *x, struct http_head *ret_upstream)
{
	struct http_head asked = *x->request;
	int r = exchange_upstream_make(x);

	if (r == 0)
		r = cache_key_authority(x->request, x->arena, &asked.authority);
	if (r < 0)
		return err_pass(r);
	if (span_eq(asked.authority, x->request->authority))
		r = http_head_copy(x->upstream, x->arena, ret_upstream);
	else
		r = forward_request(x->world->forward, &asked, &x->client, x->conn, x->arena,
				    ret_upstream);
	return r < 0 ? err_pass(r) : err_pass(request_share(x, ret_upstream));
}

/* The flight's reference moves. `leader`: we wait for it. */
static int fill_start(struct exchange *x, struct cache_flight *flight, bool leader)
{
	struct lookup *lookup = x->lookup;
	bool introduced = x->world->pools[x->route->pool].conf->proxy_protocol;
	struct http_head upstream;
	struct fill *fill;

	int r = shared_make(x, &upstream);
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

	bool no_store = lookup->no_store ||
			(lookup->say && cache_control_says(lookup->say, CACHE_NO_STORE));
	bool on_disk = !lookup->stored && !alone && cache_load_can(store, &lookup->key);

	if (only_if_cached(lookup) && !on_disk) { /* RFC 9111 5.2.1.7 */
		exchange_refuse(x, REASON_NOT_CACHED);
		return STEP_WAIT;
	}
	if (!may_share(x) || lookup->n_rounds > MAX_ROUNDS)
		return ask_alone(x, LOOKUP_PASS);
	if (pass && !alone && !on_disk)
		return ask_alone(x, LOOKUP_PASS);
	if (no_store || (!lookup->stored && !on_disk && min_uses > 1 &&
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

bool lookup_outlives(struct exchange *x)
{
	struct lookup *lookup = x->lookup;
	struct reuse_life life;

	if (!lookup->stored)
		return false;
	cache_object_life(lookup->stored, &life);
	if (!reuse_after_failure(&life, now_s(x), lookup->say))
		return false;
	lookup_leave(x); /* there is nothing to read in the flight */
	serve(x, lookup->stored, LOOKUP_STALE);
	return true;
}

/* The origin has failed; the one that led the flight has looked whether what is stored may serve
 * in general, we look for this request. */
static enum exchange_step flight_failed(struct exchange *x, enum close_reason reason)
{
	if (lookup_outlives(x))
		return STEP_WAIT;
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

int lookup_own_fields(struct exchange *x, const struct http_head *own)
{
	x->lookup->own = ARENA_NEW(x->arena, struct http_head);
	return x->lookup->own ? err_pass(http_head_copy(own, x->arena, x->lookup->own))
			      : err_new(-ENOBUFS);
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
