/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange: the states, what the client's side tells us, and the end. The way back to the client is
 * in deliver.c.
 */
#include "edge/exchange/exchange.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/exchange/exchange_priv.h"
#include "edge/exchange/lookup.h"
#include "edge/exchange/tunnel.h"
#include "edge/report/edge_metrics.h"

enum { MAX_STOCKED = 256 };

/* ---- states ------------------------------------------------------------------------------------
 */

#define TO(NAME) (1u << EXCHANGE_##NAME)
/* clang-format off */
const unsigned exchange_may_follow[EXCHANGE_N_STATES] = {
	[EXCHANGE_ROUTE]   = TO(LOOKUP) | TO(BUFFER) | TO(FETCH) | TO(DELIVER),
	[EXCHANGE_LOOKUP]  = TO(FETCH) | TO(DELIVER) | TO(FINISH),
	[EXCHANGE_BUFFER]  = TO(FETCH) | TO(DELIVER) | TO(FINISH),
	[EXCHANGE_FETCH]   = TO(DELIVER) | TO(TUNNEL) | TO(FINISH),
	[EXCHANGE_DELIVER] = TO(FINISH),
	[EXCHANGE_TUNNEL]  = TO(FINISH),
	[EXCHANGE_FINISH]  = 0,
};
/* clang-format on */
#undef TO

const char *exchange_state_name(enum exchange_state state)
{
	static const char *const names[] = {
#define X(NAME, step) #NAME,
		EXCHANGE_STATES(X)
#undef X
	};

	MUST((size_t)state < ARRAY_LEN(names));
	return names[state];
}

void exchange_goto(struct exchange *x, enum exchange_state next)
{
	MUST(exchange_may_follow[x->state] & (1u << next));
	x->state = next;
}

/* ---- ROUTE -------------------------------------------------------------------------------------
 */

/* RFC 9110 7.6.2: who is the last answers OPTIONS itself; TRACE we do not reflect. */
static enum exchange_step hops_ended(struct exchange *x)
{
	if (x->request->method == HTTP_METHOD_TRACE)
		exchange_refuse(x, REASON_METHOD_REFUSED);
	else
		exchange_answer(x, 204, SPAN_NONE, SPAN_NONE);
	return STEP_WAIT;
}

/* The body is to be read whole first. */
static enum exchange_step buffer_begin(struct exchange *x, uint64_t max_bytes)
{
	if (x->request->has_length && x->request->body_length > max_bytes) {
		exchange_refuse(x, REASON_CLIENT_BODY_LARGE);
		return STEP_WAIT;
	}
	x->buffer = ARENA_NEW(x->arena, struct body_buffer);
	if (!x->buffer) {
		exchange_refuse(x, REASON_MEMORY);
		return STEP_WAIT;
	}
	body_buffer_init(x->buffer, x->env->slab, max_bytes);
	exchange_goto(x, EXCHANGE_BUFFER);
	loop_defer_soon(x->env->loop,
			&x->task); /* the responder is not called from exchange_begin() */
	return STEP_WAIT;
}

static enum exchange_step proxy_begin(struct exchange *x)
{
	const struct route_proxy_conf *proxy = &x->route->conf->proxy;

	if (x->request->upgrade.len) {
		x->upgrade = tunnel_choose(proxy, x->request);
		/* In HTTP/1.1 it is an offer, in HTTP/2 the request itself. */
		if (!x->upgrade.len && x->request->version_major > 1) {
			exchange_refuse(x, REASON_UPGRADE_REFUSED);
			return STEP_WAIT;
		}
	}
	if (x->route->cache && lookup_applies(x->request)) {
		exchange_goto(x, EXCHANGE_LOOKUP);
		return STEP_AGAIN;
	}
	if (proxy->buffer_request_bytes && x->request->body != HTTP_BODY_NONE)
		return buffer_begin(x, proxy->buffer_request_bytes);
	exchange_goto(x, EXCHANGE_FETCH);
	return STEP_AGAIN;
}

static enum exchange_step route_act(struct exchange *x)
{
	const struct route_respond_conf *respond = &x->route->conf->respond;

	switch (x->route->action) {
	case ROUTE_RESPOND:
		exchange_answer(x, respond->status, span_str(respond->content_type),
				span_str(respond->body));
		return STEP_WAIT;
	case ROUTE_PROXY:
		return proxy_begin(x);
	}
	UNREACHABLE();
}

/* False: the request was refused or answered. */
static bool hops_left(struct exchange *x)
{
	switch ((enum forward_hops)forward_hops(x->request)) {
	case FORWARD_HOPS_LEFT:
		return true;
	case FORWARD_HOPS_NONE:
		hops_ended(x);
		return false;
	case FORWARD_HOPS_WRONG:
		exchange_refuse(x, REASON_CLIENT_MALFORMED);
		return false;
	}
	UNREACHABLE();
}

/* What is known of the size of the request's body is within the limit. */
static bool body_fits(struct exchange *x)
{
	uint64_t of_route = x->route->conf->max_body_bytes;

	x->max_body_bytes = of_route ? of_route : x->service->conf->max_body_bytes;
	return !x->max_body_bytes || !x->request->has_length ||
	       x->request->body_length <= x->max_body_bytes;
}

static enum exchange_step step_route(struct exchange *x)
{
	struct span path = x->request->path;

	if (x->reason != REASON_DONE) { /* of its head we know what could be read */
		x->client.addr = conn_from(x->conn);
		exchange_refuse(x, x->reason);
		return STEP_WAIT;
	}
	if (client_find(&x->world->forward->client, x->request, conn_from(x->conn), &x->env->rng,
			x->arena, &x->client) < 0) {
		exchange_refuse(x, REASON_CLIENT_HEAD_LARGE);
		return STEP_WAIT;
	}
	if (x->request->method == HTTP_METHOD_CONNECT) {
		exchange_refuse(x, REASON_METHOD_REFUSED);
		return STEP_WAIT;
	}
	if (!conn_covers(x->conn, x->request->host)) {
		exchange_refuse(x, REASON_MISDIRECTED);
		return STEP_WAIT;
	}
	x->service = service_find(x->world->services, x->request->host);
	if (!x->service) {
		exchange_refuse(x, REASON_NO_SERVICE);
		return STEP_WAIT;
	}
	/* "OPTIONS *" asks about the whole server. */
	if (!span_starts(path, SPAN_LIT("/")))
		path = SPAN_LIT("/");
	x->route = route_find(&x->service->routes, path);
	if (!x->route) {
		exchange_refuse(x, REASON_NO_ROUTE);
		return STEP_WAIT;
	}
	if (x->request->method == HTTP_METHOD_TRACE && !x->service->conf->trace) {
		exchange_refuse(x, REASON_METHOD_REFUSED);
		return STEP_WAIT;
	}
	if (!body_fits(x)) {
		exchange_refuse(x, REASON_CLIENT_BODY_LARGE);
		return STEP_WAIT;
	}
	return hops_left(x) ? route_act(x) : STEP_WAIT;
}

/* ---- BUFFER ------------------------------------------------------------------------------------
 */

static enum exchange_step step_buffer(struct exchange *x)
{
	x->responder->ops->want_body(x->responder);
	return STEP_WAIT;
}

static void buffer_take(struct exchange *x, struct chain *body, bool end)
{
	int r = body_buffer_take(x->buffer, body);

	if (r != BODY_BUFFER_OK) {
		chain_clear(body);
		exchange_fail(x, r < 0 ? REASON_MEMORY : REASON_CLIENT_BODY_LARGE);
	} else if (end) {
		exchange_goto(x, EXCHANGE_FETCH);
		exchange_run(x);
	}
}

/* The whole of it is here: an origin need not decode chunks. */
static void buffer_frame(const struct exchange *x, struct http_head *upstream)
{
	if (x->trailers)
		return;
	upstream->body_length = x->buffer->n_bytes;
	upstream->body = x->buffer->n_bytes ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	upstream->has_length = true;
}

/* ---- FETCH -------------------------------------------------------------------------------------
 */

int exchange_upstream_make(struct exchange *x)
{
	x->upstream = ARENA_NEW(x->arena, struct http_head);
	if (!x->upstream)
		return err_new(-ENOBUFS);
	int r = forward_request(x->world->forward, x->request, &x->client, x->conn, x->arena,
				x->upstream);
	if (r == 0 && x->buffer)
		buffer_frame(x, x->upstream);
	if (r == 0 && x->upgrade.len)
		r = tunnel_ask(x->upstream, x->upgrade, x->arena);
	return err_pass(r);
}

static enum exchange_step step_fetch(struct exchange *x)
{
	int r = x->upstream ? 0 : exchange_upstream_make(x);

	if (r < 0) {
		exchange_refuse(x, REASON_CLIENT_HEAD_LARGE);
		return STEP_WAIT;
	}
	bool introduced = x->world->pools[x->route->pool].conf->proxy_protocol;
	const struct fetch_setup setup = {
		.env = x->env,
		.world = x->world,
		.pool = x->route->pool,
		.request = x->upstream,
		.events = &exchange_fetch_events,
		.subscriber = x,
		.from = x->client.addr,
		.to = introduced ? conn_local(x->conn) : NULL,
	};
	r = fetch_begin(&setup, &x->fetch);
	if (r < 0)
		exchange_refuse(x, REASON_MEMORY);
	return STEP_WAIT;
}

/* ---- TUNNEL ------------------------------------------------------------------------------------
 */

static enum exchange_step step_tunnel(struct exchange *x)
{
	(void)x;
	UNREACHABLE(); /* the pumps run it */
}

/* ---- FINISH ------------------------------------------------------------------------------------
 */

static void count(const struct exchange *x, int64_t duration_us)
{
	struct metric_block *metrics = x->env->metrics;
	unsigned status = x->begun ? x->response->status : 0;

	if (status >= 200 && status < 600)
		metric_add(metrics, (size_t)EDGE_METRIC_RESPONSES_2XX + status / 100 - 2, 1);
	metric_move(metrics, EDGE_METRIC_REQUESTS_OPEN, -1);
	metric_add(metrics, EDGE_METRIC_REQUEST_BODY_BYTES, x->request_bytes);
	metric_add(metrics, EDGE_METRIC_RESPONSE_BODY_BYTES, x->response_bytes);
	metric_add(metrics, EDGE_METRIC_SPLICED_BYTES, x->piped_bytes);
	if (status == 101) /* how long it stood says nothing of how fast we are */
		metric_move(metrics, EDGE_METRIC_TUNNELS_OPEN, -1);
	else
		metric_observe_us(metrics, EDGE_METRIC_REQUEST_TIME, (uint64_t)duration_us);
	edge_metrics_ended(metrics, x->reason);
	if (x->lookup)
		metric_add(metrics, (size_t)EDGE_METRIC_CACHE_NONE + x->lookup->outcome, 1);
}

void exchange_facts(const struct exchange *x, struct facts *ret_facts)
{
	const struct lookup *lookup = x->lookup;
	bool asked = lookup && lookup->origin.len;
	bool proxied = (x->fetch || asked) && x->route;
	const struct origin *origin = x->fetch ? fetch_origin(x->fetch) : NULL;

	*ret_facts = (struct facts){
		.request = x->request,
		.response = x->begun ? x->response : NULL,
		.conn = x->conn,
		.client = x->client.addr ? x->client.addr : conn_from(x->conn),
		.request_id = x->client.id,
		.node = x->env->node,
		.region = x->env->region,
		.service = x->service ? x->service->conf->name : NULL,
		.pool = proxied ? x->world->pools[x->route->pool].conf->name : NULL,
		.origin = origin  ? origin_addr(origin)
			  : asked ? &lookup->origin
				  : NULL,
		.cache = lookup ? lookup_outcome_name(lookup->outcome) : NULL,
		.status = x->begun ? x->response->status : 0,
		.request_body_bytes = x->request_bytes,
		.response_body_bytes = x->response_bytes,
		.wall_s = loop_wall_s(x->env->loop),
		.first_byte_us = x->first_byte_us,
		.n_tries = x->fetch ? fetch_n_tries(x->fetch)
			   : lookup ? lookup->n_tries
				    : 0,
		.reason = x->reason,
	};
}

static void write_log(const struct exchange *x, int64_t duration_us)
{
	struct facts facts;

	exchange_facts(x, &facts);
	facts.duration_us = duration_us;
	access_log_add(x->env->log, x->world->log_format, &facts);
}

static void exchange_free(struct exchange *x)
{
	struct exchange_env *env = x->env;

	x->kind = 0;
	if (env->n_stocked_exchanges >= MAX_STOCKED) {
		free(x);
		return;
	}
	SLIST_INSERT_HEAD(&env->exchanges, x, stocked);
	env->n_stocked_exchanges++;
}

static enum exchange_step step_finish(struct exchange *x)
{
	int64_t duration_us = mono_diff_us(loop_now(x->env->loop), x->began_at);

	loop_undefer(x->env->loop, &x->task);
	loop_timer_stop(&x->total);
	exchange_pipe_drop(x);
	count(x, duration_us);
	if (x->env->log && x->world->log_format)
		write_log(x, duration_us);
	fetch_leave(x->fetch); /* after the log: the response's head is the fetch's */
	lookup_fini(x);
	if (x->buffer)
		body_buffer_fini(x->buffer);
	exchange_world_unref(x->world);
	exchange_free(x);
	return STEP_WAIT;
}

/* ---- the driver --------------------------------------------------------------------------------
 */

void exchange_run(struct exchange *x)
{
	typedef enum exchange_step (*step_fn)(struct exchange * x);
	static const step_fn steps[] = {
#define X(NAME, step) step_##step,
		EXCHANGE_STATES(X)
#undef X
	};

	while (steps[x->state](x) == STEP_AGAIN)
		;
}

static void on_task(void *arg)
{
	exchange_run(OBJ_CAST(struct exchange, arg, EXCHANGE_KIND));
}

static void on_total_timeout(void *arg)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	exchange_fail(x, x->state == EXCHANGE_TUNNEL ? REASON_TUNNEL_IDLE : REASON_TOTAL_TIMEOUT);
}

/* ---- what the client's side says ---------------------------------------------------------------
 */

static void on_body(void *arg, struct chain *body, bool end)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);
	size_t before = body->bytes;
	int r = 0;

	if (x->max_body_bytes && x->state != EXCHANGE_TUNNEL && !x->own &&
	    before > x->max_body_bytes - MIN(x->max_body_bytes, x->request_bytes)) {
		chain_clear(body);
		exchange_fail(x, REASON_CLIENT_BODY_LARGE);
		return;
	}
	if (x->state == EXCHANGE_BUFFER) {
		x->request_bytes += before;
		buffer_take(x, body, end);
		return;
	}
	if (!x->own && x->fetch && fetch_takes_body(x->fetch))
		r = fetch_send_body(x->fetch, body, end);
	else
		chain_clear(body); /* the answer did not wait for it */
	x->request_bytes += before - body->bytes;
	exchange_stir(x);
	if (r < 0)
		exchange_fail(x, REASON_MEMORY);
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	if (x->state == EXCHANGE_BUFFER)
		x->trailers = trailers;
	else if (!x->own && x->fetch && fetch_takes_body(x->fetch))
		fetch_set_trailers(x->fetch, trailers);
}

static void on_writable(void *arg)
{
	exchange_pump(OBJ_CAST(struct exchange, arg, EXCHANGE_KIND));
}

/* An answer of our own may be on its way already: then it says enough. */
static void on_fault(void *arg, enum close_reason reason)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	MUST(!x->begun);
	if (!x->own)
		exchange_fail(x, reason);
}

static void on_gone(void *arg, enum close_reason reason)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	x->reason = reason;
	exchange_goto(x, EXCHANGE_FINISH);
	exchange_run(x);
}

static void on_sent(void *arg)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	exchange_goto(x, EXCHANGE_FINISH);
	exchange_run(x);
}

static const struct request_events request_events = {
	.on_body = on_body,
	.on_trailers = on_trailers,
	.on_writable = on_writable,
	.on_fault = on_fault,
	.on_gone = on_gone,
	.on_sent = on_sent,
};

/* ---- birth -------------------------------------------------------------------------------------
 */

static struct exchange *exchange_new(struct exchange_env *env)
{
	struct exchange *x = SLIST_FIRST(&env->exchanges);

	if (!x)
		return malloc(sizeof(*x));
	SLIST_REMOVE_HEAD(&env->exchanges, stocked);
	env->n_stocked_exchanges--;
	return x;
}

void *exchange_begin(void *arg, struct responder *responder, struct http_head *head,
		     enum close_reason fault, struct arena *arena,
		     const struct request_events **ret_events)
{
	struct exchange_env *env = arg;
	struct exchange *x = exchange_new(env);

	if (!x)
		return NULL;
	*x = (struct exchange){
		.kind = EXCHANGE_KIND,
		.state = EXCHANGE_ROUTE,
		.reason = fault,
		.env = env,
		.world = exchange_world_ref(env->world),
		.responder = responder,
		.request = head,
		.arena = arena,
		.conn = responder->ops->conn(responder),
		.task = { .fn = on_task, .arg = x },
		.began_at = loop_now(env->loop),
		.first_byte_us = -1,
	};
	loop_timer_init(&x->total, env->loop, on_total_timeout, x);
	if (x->world->total_timeout_ms)
		loop_timer_set(&x->total, mono_add_ms(x->began_at, x->world->total_timeout_ms));
	metric_add(env->metrics, EDGE_METRIC_REQUESTS, 1);
	metric_move(env->metrics, EDGE_METRIC_REQUESTS_OPEN, 1);
	*ret_events = &request_events;
	exchange_run(x);
	return x;
}

void exchange_env_fini(struct exchange_env *env)
{
	struct exchange *x;

	while ((x = SLIST_FIRST(&env->exchanges))) {
		SLIST_REMOVE_HEAD(&env->exchanges, stocked);
		free(x);
	}
	env->n_stocked_exchanges = 0;
	cache_loads_stop(&env->loads);
	fill_stop_all(env);
	fetch_stock_free(env);
}
