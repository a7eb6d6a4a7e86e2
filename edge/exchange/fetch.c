/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch: picks an origin, gets a connection, sends, and hands on what comes back. Tries again, at
 * another origin, for as long as no origin can have begun to act and no byte of a request body has
 * been taken: then a second try cannot do anything twice.
 *
 * A kept connection may have been closed by the other side a moment ago; that is no fault of the
 * origin, which gets a second chance on a new connection.
 */
#include "edge/exchange/fetch.h"

#include "core/error.h"
#include "core/log.h"
#include "core/net/proxy_protocol.h"
#include "core/obj.h"
#include "edge/report/edge_metrics.h"

#define FETCH_KIND OBJ_KIND('f', 'e', 't', 'c')

enum { ARENA_MAX_BYTES = 256 * 1024, MAX_STOCKED = 256 };

struct fetch {
	uint32_t kind;
	uint32_t n_refs; /* the subscriber's, and our own until we have ended */
	enum fetch_state state;
	enum close_reason reason; /* of the last try that failed */
	SLIST_ENTRY(fetch) stocked;
	LIST_ENTRY(fetch) link; /* while alone */
	struct exchange_env *env;
	struct exchange_world *world; /* a reference */
	struct exchange_pool *pool;
	const struct http_head *request;
	const struct fetch_events *events;
	void *subscriber; /* NULL: it has left */
	const struct addr *from, *to;
	struct origin *origin; /* a reference; asked last, or now */
	struct conn *conn;     /* CONNECT: owned; NULL: we wait for another's */
	struct origin_wait wait;
	struct requester *requester; /* HEAD, BODY: until it has failed or is done */
	struct loop_task task;
	struct pool_tried tried;
	uint32_t n_tries;
	bool on_kept;    /* this try is on a kept connection */
	bool again;      /* the next try is for the same origin, on a new connection */
	bool leads;      /* others wait for the connection that we make */
	bool body_begun; /* of the request's body something was taken */
	bool tunnel, body_ended, response_ended;
	bool alone; /* the subscriber has left, and we end by ourselves */
	struct arena arena;
};

/* ---- states ------------------------------------------------------------------------------------
 */

#define TO(NAME) (1u << FETCH_##NAME)
/* clang-format off */
const unsigned fetch_may_follow[FETCH_N_STATES] = {
	[FETCH_IDLE]    = TO(CONNECT) | TO(HEAD) | TO(ENDED),
	[FETCH_CONNECT] = TO(IDLE) | TO(HEAD) | TO(ENDED),
	[FETCH_HEAD]    = TO(IDLE) | TO(BODY) | TO(ENDED),
	[FETCH_BODY]    = TO(ENDED),
	[FETCH_ENDED]   = 0,
};
/* clang-format on */
#undef TO

const char *fetch_state_name(enum fetch_state state)
{
	static const char *const names[] = {
#define X(NAME) #NAME,
		FETCH_STATES(X)
#undef X
	};

	MUST((size_t)state < ARRAY_LEN(names));
	return names[state];
}

static void fetch_goto(struct fetch *fetch, enum fetch_state next)
{
	MUST(fetch_may_follow[fetch->state] & (1u << next));
	fetch->state = next;
}

/* ---- birth and death ---------------------------------------------------------------------------
 */

static void on_task(void *arg);

static void fetch_unref(struct fetch *fetch)
{
	struct exchange_env *env = fetch->env;

	MUST(fetch->n_refs > 0);
	if (--fetch->n_refs > 0)
		return;
	MUST(fetch->state == FETCH_ENDED && !fetch->requester && !fetch->conn);
	origin_unref(fetch->origin);
	exchange_world_unref(fetch->world);
	fetch->kind = 0;
	if (env->n_stocked_fetches >= MAX_STOCKED) {
		arena_fini(&fetch->arena);
		free(fetch);
		return;
	}
	arena_empty(&fetch->arena);
	SLIST_INSERT_HEAD(&env->fetches, fetch, stocked);
	env->n_stocked_fetches++;
}

static struct fetch *fetch_new(struct exchange_env *env)
{
	struct fetch *fetch = SLIST_FIRST(&env->fetches);

	if (fetch) {
		SLIST_REMOVE_HEAD(&env->fetches, stocked);
		env->n_stocked_fetches--;
		return fetch;
	}
	fetch = calloc(1, sizeof(*fetch));
	if (fetch)
		arena_init(&fetch->arena, ARENA_MAX_BYTES);
	return fetch;
}

/* The last that we do. Our own reference goes: the fetch may be freed here. */
static void fetch_end(struct fetch *fetch)
{
	fetch_goto(fetch, FETCH_ENDED);
	if (fetch->alone)
		LIST_REMOVE(fetch, link);
	loop_undefer(fetch->env->loop, &fetch->task);
	fetch_unref(fetch);
}

/* ---- one try -----------------------------------------------------------------------------------
 */

static const struct response_events response_events;
static void fetch_try(struct fetch *fetch);

static bool has_body(const struct fetch *fetch)
{
	return fetch->request->body != HTTP_BODY_NONE;
}

static void requester_cancel(struct fetch *fetch)
{
	struct requester *requester = TAKE(fetch->requester);

	if (requester)
		requester->ops->cancel(requester);
}

void fetch_stock_free(struct exchange_env *env)
{
	struct fetch *fetch;

	while ((fetch = LIST_FIRST(&env->alone))) {
		requester_cancel(fetch);
		fetch_end(fetch);
	}
	while ((fetch = SLIST_FIRST(&env->fetches))) {
		SLIST_REMOVE_HEAD(&env->fetches, stocked);
		arena_fini(&fetch->arena);
		free(fetch);
	}
	env->n_stocked_fetches = 0;
}

/* No try is left, or none would help: the subscriber hears it at the end of the turn. */
static void fail_later(struct fetch *fetch, enum close_reason reason)
{
	if (fetch->state != FETCH_IDLE)
		fetch_goto(fetch, FETCH_IDLE);
	fetch->reason = reason;
	loop_defer_soon(fetch->env->loop, &fetch->task);
}

static struct requester_setup requester_setup(struct fetch *fetch, struct conn *conn, bool kept)
{
	return (struct requester_setup){
		.loop = fetch->env->loop,
		.slab = fetch->env->slab,
		.conn = conn,
		.kept = kept,
		.arena = &fetch->arena,
		.limits = *origin_limits(fetch->origin),
		.events = &response_events,
		.fetch = fetch,
		.keep = origin_keep,
		.keep_arg = fetch->origin,
	};
}

/* The requester has begun, or r says why not. */
static void request_begun(struct fetch *fetch, int r, bool kept)
{
	if (r < 0) {
		fail_later(fetch, REASON_MEMORY);
		return;
	}
	fetch_goto(fetch, FETCH_HEAD);
	fetch->on_kept = kept;
	r = fetch->requester->ops->send_head(fetch->requester, fetch->request, !has_body(fetch));
	if (r < 0) {
		requester_cancel(fetch);
		/* An origin of HTTP/2 that has not said that it takes RFC 8441. */
		fail_later(fetch, r == -ENOTSUP ? REASON_UPGRADE_REFUSED : REASON_MEMORY);
	} else if (has_body(fetch)) {
		loop_defer_soon(fetch->env->loop, &fetch->task); /* on_ready */
	}
}

/* The conn is moved. */
static void request_send(struct fetch *fetch, struct conn *conn, bool kept)
{
	const struct requester_setup setup = requester_setup(fetch, conn, kept);

	request_begun(fetch, fetch->env->begin_requester(&setup, &fetch->requester), kept);
}

static void request_send_http2(struct fetch *fetch, struct h2_client *client, bool kept)
{
	const struct requester_setup setup = requester_setup(fetch, NULL, kept);

	request_begun(fetch, h2_client_begin(client, &setup, &fetch->requester), kept);
}

/* Is another try allowed, and of use? `untouched`: no origin can have begun to act. */
static bool may_try_again(const struct fetch *fetch, bool untouched)
{
	return untouched && !fetch->body_begun && fetch->n_tries <= fetch->pool->conf->retries;
}

static void try_failed(struct fetch *fetch, enum close_reason reason, bool untouched)
{
	fetch_goto(fetch, FETCH_IDLE);
	fetch->reason = reason;
	if (!may_try_again(fetch, untouched)) {
		fail_later(fetch, reason);
		return;
	}
	metric_add(fetch->env->metrics, EDGE_METRIC_ORIGIN_RETRIES, 1);
	fetch->again = fetch->on_kept;
	if (fetch->on_kept)
		fetch->n_tries--; /* its second chance is not one of the retries */
	else
		pool_tried_add(&fetch->tried, origin_own_id(fetch->origin));
	fetch_try(fetch);
}

/* ---- connecting --------------------------------------------------------------------------------
 */

/* The conn is moved. */
static void http2_begin(struct fetch *fetch, struct conn *conn)
{
	struct h2_client *client;

	if (origin_http2_add(fetch->origin, conn, &client) < 0)
		fail_later(fetch, REASON_MEMORY);
	else
		request_send_http2(fetch, client, false);
}

/* Those that waited for us go on, or fail as we did. */
static void lead_end(struct fetch *fetch, enum close_reason reason)
{
	if (!fetch->leads)
		return;
	fetch->leads = false;
	origin_http2_made(fetch->origin, reason);
}

static void connect_failed(struct fetch *fetch, enum close_reason reason)
{
	metric_add(fetch->env->metrics, EDGE_METRIC_ORIGIN_CONNECT_FAILURES, 1);
	LOG_WARN("origin.connect", kv_str("pool", fetch->pool->conf->name),
		 kv_addr("origin", origin_addr(fetch->origin)),
		 kv_str("reason", reason_word(reason)), kv_str("detail", conn_reason(fetch->conn)));
	conn_close(TAKE(fetch->conn));
	lead_end(fetch, reason);
	try_failed(fetch, reason, true);
}

static void on_conn_open(struct conn *conn, void *arg)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	MUST(fetch->conn == conn && fetch->state == FETCH_CONNECT);
	switch ((enum origin_speaks)origin_speaks(fetch->origin, conn)) {
	case ORIGIN_SPEAKS_HTTP1:
		fetch->conn = NULL;
		request_send(fetch, conn, false);
		break;
	case ORIGIN_SPEAKS_HTTP2:
		fetch->conn = NULL;
		http2_begin(fetch, conn);
		break;
	case ORIGIN_SPEAKS_ELSE:
		connect_failed(fetch, REASON_ORIGIN_TLS);
		return;
	}
	lead_end(fetch, REASON_DONE);
}

static void on_conn_failed(struct conn *conn, void *arg)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);
	bool in_tls = conn_is_established(conn);

	MUST(fetch->conn == conn);
	connect_failed(fetch, in_tls ? REASON_ORIGIN_TLS : REASON_ORIGIN_CONNECT);
}

static void on_conn_deadline(struct conn *conn, void *arg)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	MUST(fetch->conn == conn);
	connect_failed(fetch, REASON_ORIGIN_CONNECT_TIMEOUT);
}

static void on_conn_ready(struct conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
	UNREACHABLE(); /* nothing is wanted before it is open */
}

static const struct conn_events connect_events = {
	.on_open = on_conn_open,
	.on_readable = on_conn_ready,
	.on_writable = on_conn_ready,
	.on_deadline = on_conn_deadline,
	.on_failed = on_conn_failed,
};

/* ---- choosing ----------------------------------------------------------------------------------
 */

/* The origin for the next try, held. False when none is left: the reason is set. */
static bool origin_choose(struct fetch *fetch)
{
	struct origin *picked = NULL;

	if (fetch->again)
		return true;
	switch ((enum pool_outcome)pool_pick(fetch->pool->pool, &fetch->tried, &picked)) {
	case POOL_PICKED:
		origin_ref(picked);
		origin_unref(fetch->origin);
		fetch->origin = picked;
		return true;
	case POOL_ALL_DOWN:
		fetch->reason = REASON_NO_ORIGIN;
		return false;
	case POOL_ALL_TRIED:
		return false; /* the last failure's reason stays */
	}
	UNREACHABLE();
}

/* The connection that we waited for stands, or could not be made. */
static void on_waited(void *arg, enum close_reason reason)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);
	struct h2_client *client = origin_http2(fetch->origin);

	MUST(fetch->state == FETCH_CONNECT && !fetch->conn);
	if (client) {
		request_send_http2(fetch, client, true);
	} else if (reason != REASON_DONE) {
		try_failed(fetch, reason, true);
	} else { /* no room for us, or who made it has left: another round */
		fetch_goto(fetch, FETCH_IDLE);
		fetch->n_tries--;
		fetch_try(fetch);
	}
}

/* A connection that is there, if we may have one. True: the request is on its way. */
static bool take_open(struct fetch *fetch)
{
	struct h2_client *client = origin_http2(fetch->origin);
	struct conn *kept = client ? NULL : origin_take_kept(fetch->origin);

	if (client)
		request_send_http2(fetch, client, true);
	else if (kept)
		request_send(fetch, kept, true);
	return client || kept;
}

static int connect_begin(struct fetch *fetch)
{
	enum proxy_version version = (enum proxy_version)fetch->pool->conf->proxy_protocol;
	uint8_t header[PROXY_WRITE_BYTES];
	size_t len = version ? proxy_write(version, fetch->from, fetch->to, header) : 0;

	return err_pass(origin_connect(fetch->origin, span_of(header, len), &connect_events, fetch,
				       &fetch->conn));
}

/* Begins a new one, or waits for the one that another fetch makes. Errors: as conn_connect(). */
static int take_new(struct fetch *fetch, bool again)
{
	if (!again && origin_http2_is_coming(fetch->origin, &fetch->leads)) {
		fetch->wait = (struct origin_wait){ .fn = on_waited, .arg = fetch };
		origin_http2_wait(fetch->origin, &fetch->wait);
		fetch_goto(fetch, FETCH_CONNECT);
		return 0;
	}
	int r = connect_begin(fetch);
	if (r < 0) {
		fetch->reason = r == -ENOMEM ? REASON_MEMORY : REASON_ORIGIN_CONNECT;
		lead_end(fetch, fetch->reason);
		return err_pass(r);
	}
	fetch_goto(fetch, FETCH_CONNECT);
	return 0;
}

static void fetch_try(struct fetch *fetch)
{
	MUST(fetch->state == FETCH_IDLE);
	while (origin_choose(fetch)) {
		bool again = fetch->again;
		fetch->n_tries++;
		fetch->again = false;
		fetch->on_kept = false;
		if ((!again && take_open(fetch)) || take_new(fetch, again) == 0)
			return;
		pool_tried_add(&fetch->tried, origin_own_id(fetch->origin));
		if (!may_try_again(fetch, true))
			break;
	}
	fail_later(fetch, fetch->reason);
}

static void on_task(void *arg)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);
	const struct fetch_events *events = fetch->events;
	void *subscriber = fetch->subscriber;

	MUST(subscriber); /* without one we would have ended */
	if (fetch->state == FETCH_IDLE) {
		enum close_reason reason = fetch->reason;
		fetch_end(fetch); /* the subscriber's reference keeps it */
		events->on_failed(subscriber, reason);
	} else if (fetch_takes_body(fetch)) {
		events->on_ready(subscriber);
	}
}

/* ---- the response ------------------------------------------------------------------------------
 */

static void on_interim(void *arg, const struct http_head *head)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	if (head->status != 100)
		fetch->events->on_interim(fetch->subscriber, head);
}

static void on_head(void *arg, struct http_head *head, bool end)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	fetch_goto(fetch, FETCH_BODY);
	fetch->tunnel = head->body == HTTP_BODY_TUNNEL;
	fetch->events->on_head(fetch->subscriber, head, end);
}

static void on_body(void *arg, struct chain *body, bool end)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	MUST(fetch->state == FETCH_BODY && !fetch->alone);
	fetch->response_ended = end;
	fetch->events->on_body(fetch->subscriber, body, end);
}

static void on_pipe(void *arg, struct splice_pipe *pipe)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	MUST(fetch->state == FETCH_BODY);
	fetch->events->on_pipe(fetch->subscriber, pipe);
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	MUST(fetch->state == FETCH_BODY);
	fetch->events->on_trailers(fetch->subscriber, trailers);
}

static void on_writable(void *arg)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	if (fetch->subscriber)
		fetch->events->on_ready(fetch->subscriber);
}

static void on_failed(void *arg, enum close_reason reason, bool untouched)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);
	const struct fetch_events *events = fetch->events;
	void *subscriber = fetch->subscriber;

	fetch->requester = NULL;
	if (fetch->state == FETCH_HEAD) {
		try_failed(fetch, reason, untouched);
		return;
	}
	fetch_end(fetch);
	if (subscriber)
		events->on_failed(subscriber, reason);
}

static void on_done(void *arg)
{
	struct fetch *fetch = OBJ_CAST(struct fetch, arg, FETCH_KIND);

	fetch->requester = NULL;
	fetch_end(fetch);
}

static const struct response_events response_events = {
	.on_interim = on_interim,
	.on_head = on_head,
	.on_body = on_body,
	.on_pipe = on_pipe,
	.on_trailers = on_trailers,
	.on_writable = on_writable,
	.on_failed = on_failed,
	.on_done = on_done,
};

/* ---- the door ----------------------------------------------------------------------------------
 */

int fetch_begin(const struct fetch_setup *setup, struct fetch **ret_fetch)
{
	struct fetch *fetch = fetch_new(setup->env);

	if (!fetch)
		return err_new(-ENOMEM);
	MUST(setup->pool < setup->world->n_pools && setup->subscriber);
	*fetch = (struct fetch){
		.kind = FETCH_KIND,
		.n_refs = 2,
		.state = FETCH_IDLE,
		.env = setup->env,
		.world = exchange_world_ref(setup->world),
		.pool = &setup->world->pools[setup->pool],
		.request = setup->request,
		.from = setup->from,
		.to = setup->to,
		.events = setup->events,
		.subscriber = setup->subscriber,
		.task = { .fn = on_task, .arg = fetch },
		.arena = fetch->arena,
	};
	*ret_fetch = fetch;
	fetch_try(fetch);
	return 0;
}

/* Nothing is left to say or to hear, but to send. Of a request whose response is whole the rest is
 * of no use; a tunnel's last bytes are somebody's. */
static bool ends_alone(const struct fetch *fetch)
{
	return fetch->tunnel && fetch->state == FETCH_BODY && fetch->body_ended &&
	       fetch->response_ended;
}

void fetch_leave(struct fetch *fetch)
{
	if (!fetch)
		return;
	MUST(fetch->kind == FETCH_KIND && fetch->subscriber);
	fetch->subscriber = NULL;
	if (ends_alone(fetch)) {
		fetch->alone = true;
		LIST_INSERT_HEAD(&fetch->env->alone, fetch, link);
	} else if (fetch->state != FETCH_ENDED) {
		requester_cancel(fetch);
		conn_close(TAKE(fetch->conn));
		origin_http2_unwait(&fetch->wait);
		lead_end(fetch, REASON_DONE);
		fetch_end(fetch);
	}
	fetch_unref(fetch);
}

void fetch_hand_over(struct fetch *fetch, const struct http_head *request,
		     const struct fetch_events *events, void *subscriber)
{
	MUST(fetch->kind == FETCH_KIND && fetch->subscriber && fetch->state >= FETCH_BODY);
	fetch->request = request;
	fetch->events = events;
	fetch->subscriber = subscriber;
}

bool fetch_takes_body(const struct fetch *fetch)
{
	return fetch->requester && (fetch->state == FETCH_HEAD || fetch->state == FETCH_BODY);
}

int fetch_send_body(struct fetch *fetch, struct chain *body, bool end)
{
	MUST(fetch->kind == FETCH_KIND && fetch_takes_body(fetch));
	fetch->body_begun = true;
	fetch->body_ended |= end;
	return err_pass(fetch->requester->ops->send_body(fetch->requester, body, end));
}

void fetch_set_trailers(struct fetch *fetch, const struct http_head *trailers)
{
	MUST(fetch->kind == FETCH_KIND && fetch_takes_body(fetch));
	fetch->requester->ops->set_trailers(fetch->requester, trailers);
}

void fetch_want_body(struct fetch *fetch)
{
	MUST(fetch->kind == FETCH_KIND);
	if (fetch->requester && fetch->state == FETCH_BODY)
		fetch->requester->ops->want_body(fetch->requester);
}

void fetch_use_pipes(struct fetch *fetch, struct splice_pool *pool)
{
	MUST(fetch->kind == FETCH_KIND);
	if (fetch->requester && fetch->requester->ops->use_pipes)
		fetch->requester->ops->use_pipes(fetch->requester, pool);
}

struct arena *fetch_arena(struct fetch *fetch)
{
	return &fetch->arena;
}

const struct origin *fetch_origin(const struct fetch *fetch)
{
	return fetch->origin;
}

uint32_t fetch_n_tries(const struct fetch *fetch)
{
	return fetch->n_tries;
}
