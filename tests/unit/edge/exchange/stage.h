/* SPDX-License-Identifier: Apache-2.0
 *
 * stage: an exchange with a client and an origin that are played by the test. Connections to
 * origins are real, what is said on them is not: the test calls what h1_server and h1_client would.
 */
#pragma once

#include "../edge_test.h"

#include "edge/exchange/exchange.h"
#include "edge/exchange/fetch.h"
#include "edge/report/edge_metrics.h"

enum { STAGE_ORIGINS = 2, STAGE_BODY_BYTES = 4096, STAGE_MORE = 2, STAGE_CACHE_BYTES = 16 << 20 };

/* What the client got. */
struct stage_client {
	struct responder responder;
	unsigned n_interim, n_heads, n_wants, n_aborts;
	unsigned status, interim_status;
	bool ended;
	enum close_reason abort_reason;
	unsigned n_trailers;          /* fields of them */
	unsigned n_trailers_set;      /* times that they were told */
	const struct http_head *head; /* while the exchange lives */
	char body[STAGE_BODY_BYTES];  /* its beginning */
	size_t body_len;
	uint64_t body_sum; /* stage_sum() of all of it */
	size_t room;       /* of the responder, in bytes */
	void **exchange;   /* where its exchange stands: NULL once it has ended */
	bool takes_pipes;
	struct splice_pipe *pipe; /* lent to us; NULL: none */
};

/* What the origin got, in the last try. */
struct stage_origin {
	struct requester requester;
	struct requester_setup setup;
	unsigned n_begun, n_cancelled, n_wants;
	bool open;                 /* the requester lives */
	struct splice_pool *pipes; /* that we may use */
	bool ended;
	char via[64], upgrade[64];
	enum http_body framing;
	uint64_t length;
	unsigned n_trailers;
	size_t body_len;
	struct http_head asked; /* in the stage's arena; with a cache alone */
	struct chain left;      /* response body that was not taken */
};

struct stage {
	struct loop *loop;
	struct slab *slab;
	struct metric_block *metrics;
	int fds[STAGE_ORIGINS];
	struct origin_fact facts[STAGE_ORIGINS];
	struct pool_conf pool_conf;
	struct exchange_pool pool;
	struct route_conf routes[2];
	const char *hosts[1];
	struct service_conf service;
	struct service_map *services;
	struct forward_conf forward;
	struct exchange_world world;
	struct exchange_env env;
	struct arena arena;
	struct http_head head;
	int client_peer;
	struct conn *client_conn;
	struct stage_client client;
	struct stage_origin origin;
	struct stage_origin more[STAGE_MORE]; /* asked while `origin` is busy */
	struct cache *cache;                  /* NULL: nothing is stored */
	struct mailbox mailbox;               /* open with a cache alone */
	const struct request_events *events;
	void *exchange; /* NULL once it has ended */
};

static struct stage *stage_now; /* begin_requester has no argument of its own */

/* ---- the client's side ---- */

static int stage_send_interim(struct responder *responder, const struct http_head *head)
{
	struct stage_client *client = CONTAINER_OF(responder, struct stage_client, responder);

	client->n_interim++;
	client->interim_status = head->status;
	return 0;
}

static int stage_send_head(struct responder *responder, const struct http_head *head, bool end)
{
	struct stage_client *client = CONTAINER_OF(responder, struct stage_client, responder);

	client->n_heads++;
	client->status = head->status;
	client->head = head;
	client->ended = end;
	return 0;
}

/* Told by what was sent, and in which order. */
static inline uint64_t stage_sum(uint64_t sum, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + ((const uint8_t *)bytes)[i];
	return sum;
}

static int stage_send_body(struct responder *responder, struct chain *body, bool end)
{
	struct stage_client *client = CONTAINER_OF(responder, struct stage_client, responder);

	while (client->room && !chain_empty(body)) {
		struct span front = span_first(chain_front(body), client->room);
		size_t kept = MIN(client->body_len, STAGE_BODY_BYTES);
		memcpy(client->body + kept, front.at, MIN(front.len, STAGE_BODY_BYTES - kept));
		client->body_sum = stage_sum(client->body_sum, front.at, front.len);
		client->body_len += front.len;
		client->room -= front.len;
		chain_drop(body, front.len);
	}
	client->ended = end && chain_empty(body);
	return 0;
}

static bool stage_takes_pipes(struct responder *responder)
{
	return CONTAINER_OF(responder, struct stage_client, responder)->takes_pipes;
}

/* Room as for chains; what has come is thrown away. */
static int stage_send_pipe(struct responder *responder, struct splice_pipe *pipe)
{
	struct stage_client *client = CONTAINER_OF(responder, struct stage_client, responder);
	char got[STAGE_BODY_BYTES];
	ssize_t n = read(pipe->out, got, MIN(sizeof(got), client->room));

	pipe->bytes -= (size_t)MAX(n, 0);
	client->pipe = pipe->bytes ? pipe : NULL;
	return 0;
}

static void stage_set_trailers(struct responder *responder, const struct http_head *trailers)
{
	struct stage_client *client = CONTAINER_OF(responder, struct stage_client, responder);

	client->n_trailers = trailers->n_fields;
	client->n_trailers_set++;
}

static void stage_client_want_body(struct responder *responder)
{
	CONTAINER_OF(responder, struct stage_client, responder)->n_wants++;
}

static void stage_abort(struct responder *responder, enum close_reason reason)
{
	struct stage_client *client = CONTAINER_OF(responder, struct stage_client, responder);

	client->n_aborts++;
	client->abort_reason = reason;
	*client->exchange = NULL;
}

static struct conn *stage_client_conn(struct responder *responder)
{
	(void)responder;
	return stage_now->client_conn;
}

static const struct responder_ops stage_responder_ops = {
	.send_interim = stage_send_interim,
	.send_head = stage_send_head,
	.send_body = stage_send_body,
	.takes_pipes = stage_takes_pipes,
	.send_pipe = stage_send_pipe,
	.set_trailers = stage_set_trailers,
	.want_body = stage_client_want_body,
	.abort = stage_abort,
	.conn = stage_client_conn,
};

/* ---- the origin's side ---- */

static int stage_request_head(struct requester *requester, const struct http_head *head, bool end)
{
	struct stage_origin *origin = CONTAINER_OF(requester, struct stage_origin, requester);
	const struct http_field *via = http_head_find(head, HTTP_NAME_VIA);

	origin->ended = end;
	origin->framing = head->body;
	origin->length = head->body_length;
	snprintf(origin->upgrade, sizeof(origin->upgrade), "%.*s", SPAN_FMT(head->upgrade));
	if (stage_now->cache)
		assert_int_equal(http_head_copy(head, &stage_now->arena, &origin->asked), 0);
	if (via)
		snprintf(origin->via, sizeof(origin->via), "%.*s", SPAN_FMT(via->value));
	return 0;
}

static int stage_request_body(struct requester *requester, struct chain *body, bool end)
{
	struct stage_origin *origin = CONTAINER_OF(requester, struct stage_origin, requester);

	origin->body_len += body->bytes;
	chain_clear(body);
	origin->ended = end;
	return 0;
}

static void stage_request_trailers(struct requester *requester, const struct http_head *trailers)
{
	CONTAINER_OF(requester, struct stage_origin, requester)->n_trailers = trailers->n_fields;
}

static void stage_origin_want_body(struct requester *requester)
{
	CONTAINER_OF(requester, struct stage_origin, requester)->n_wants++;
}

static void stage_use_pipes(struct requester *requester, struct splice_pool *pool)
{
	CONTAINER_OF(requester, struct stage_origin, requester)->pipes = pool;
}

static void stage_cancel(struct requester *requester)
{
	struct stage_origin *origin = CONTAINER_OF(requester, struct stage_origin, requester);

	assert_true(origin->open);
	origin->open = false;
	origin->n_cancelled++;
	chain_clear(&origin->left);
	conn_close(origin->setup.conn);
}

static const struct requester_ops stage_requester_ops = {
	.send_head = stage_request_head,
	.send_body = stage_request_body,
	.set_trailers = stage_request_trailers,
	.want_body = stage_origin_want_body,
	.use_pipes = stage_use_pipes,
	.cancel = stage_cancel,
};

static int stage_begin_requester(const struct requester_setup *setup,
				 struct requester **ret_requester)
{
	struct stage_origin *origin = &stage_now->origin;

	for (size_t i = 0; stage_now->cache && i < STAGE_MORE && origin->open; i++)
		origin = &stage_now->more[i];
	assert_false(origin->open);
	origin->open = true;
	origin->n_begun++;
	origin->setup = *setup;
	origin->requester.ops = &stage_requester_ops;
	*ret_requester = &origin->requester;
	return 0;
}

/* The origin's head comes. */
static inline struct http_head *stage_answer(struct stage *stage, unsigned status, bool end)
{
	struct requester_setup *setup = &stage->origin.setup;
	struct http_head *head = ARENA_NEW(setup->arena, struct http_head);

	assert_non_null(head);
	assert_int_equal(http_head_init(head, setup->arena), 0);
	head->status = (uint16_t)status;
	head->version_major = 1;
	head->version_minor = 1;
	setup->events->on_head(setup->fetch, head, end);
	return head;
}

static inline void stage_answer_tunnel(struct stage *stage)
{
	struct requester_setup *setup = &stage->origin.setup;
	struct http_head *head = ARENA_NEW(setup->arena, struct http_head);

	assert_non_null(head);
	assert_int_equal(http_head_init(head, setup->arena), 0);
	head->status = 101;
	head->version_major = 1;
	head->version_minor = 1;
	head->body = HTTP_BODY_TUNNEL;
	setup->events->on_head(setup->fetch, head, false);
}

static inline void stage_answer_body(struct stage *stage, struct chain *body, bool end)
{
	stage->origin.setup.events->on_body(stage->origin.setup.fetch, body, end);
}

/* Body comes in a pipe. */
static inline void stage_answer_pipe(struct stage *stage, const char *text)
{
	struct splice_pipe *pipe = splice_take(stage->origin.pipes);

	assert_non_null(pipe);
	pipe->bytes = strlen(text);
	assert_int_equal(write(pipe->in, text, pipe->bytes), pipe->bytes);
	stage->origin.setup.events->on_pipe(stage->origin.setup.fetch, pipe);
}

/* The response is whole; the connection is kept. */
static inline void stage_done(struct stage *stage)
{
	struct stage_origin *origin = &stage->origin;

	origin->open = false;
	origin->setup.keep(origin->setup.conn, origin->setup.keep_arg);
	origin->setup.events->on_done(origin->setup.fetch);
}

static inline void stage_fail(struct stage *stage, enum close_reason reason, bool untouched)
{
	struct stage_origin *origin = &stage->origin;

	origin->open = false;
	conn_close(origin->setup.conn);
	origin->setup.events->on_failed(origin->setup.fetch, reason, untouched);
}

/* ---- the stage ---- */

static void stage_conn_open(struct conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
}
static const struct conn_events stage_conn_events = { .on_open = stage_conn_open };

static void stage_world_free(struct exchange_world *world)
{
	(void)world; /* the stage's own */
}

/* A pool of origins[] facts; which of them are up. */
static inline void stage_origins(struct stage *stage, const bool *up)
{
	struct pool_member members[STAGE_ORIGINS];

	assert_int_equal(origin_set_update(stage->pool.origins, stage->facts, STAGE_ORIGINS), 0);
	for (size_t i = 0; i < STAGE_ORIGINS; i++)
		members[i] = (struct pool_member){ stage->facts[i].id, 1, up[i],
						   origin_set_at(stage->pool.origins, i) };
	assert_int_equal(pool_set(stage->pool.pool, members, STAGE_ORIGINS), 0);
}

static inline void stage_open_client(struct stage *stage)
{
	int fds[2];
	struct addr from;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	stage->client_peer = fds[1];
	assert_true(addr_parse(SPAN_LIT("203.0.113.7:4711"), &from));
	assert_int_equal(conn_accept(stage->loop, fds[0], &from, NULL, &stage_conn_events, NULL,
				     &stage->client_conn),
			 0);
	stage->client.responder.ops = &stage_responder_ops;
	stage->client.room = SIZE_MAX;
	stage->client.exchange = &stage->exchange;
}

static inline void stage_open_pool(struct stage *stage)
{
	static const bool both[] = { true, true };

	for (size_t i = 0; i < STAGE_ORIGINS; i++) {
		stage->facts[i] =
			(struct origin_fact){ .id = i + 1, .server = "o.test:80", .weight = 1 };
		stage->fds[i] = edge_test_listen(&stage->facts[i].addr);
	}
	stage->pool_conf = (struct pool_conf){ .name = "app", .retries = 2 };
	const struct origin_setup setup = { .loop = stage->loop,
					    .metrics = stage->metrics,
					    .connect_timeout_ms = 5000,
					    .max_idle = 4,
					    .idle_timeout_ms = 60000 };
	stage->pool.conf = &stage->pool_conf;
	assert_int_equal(pool_new(POOL_ROUND_ROBIN, &stage->pool.pool), 0);
	assert_int_equal(origin_set_new(&setup, &stage->pool.origins), 0);
	stage_origins(stage, both);
}

static inline void stage_open_world(struct stage *stage, const struct cache_rules_conf *rules)
{
	static const char *const pools[] = { "app" };
	const struct route_pools names = { pools, 1, &stage->cache, stage->cache ? 1 : 0 };

	stage->routes[0] =
		(struct route_conf){ .path = { "/app" }, .proxy = { .set = true, .pool = "app" } };
	stage->routes[1] = (struct route_conf){ .path = { "/hello" },
						.respond = { true, 200, "hello\n", "text/plain" } };
	if (rules)
		stage->routes[0].cache = *rules;
	stage->hosts[0] = "www.example";
	stage->service = (struct service_conf){ .name = "web",
						.hosts = stage->hosts,
						.n_hosts = 1,
						.routes = stage->routes,
						.n_routes = 2 };
	assert_int_equal(service_map_new(&stage->service, 1, &names, &stage->services), 0);
	stage->forward = (struct forward_conf){ .via = "edge" };
	stage->world = (struct exchange_world){ .n_refs = 1,
						.free = stage_world_free,
						.services = stage->services,
						.forward = &stage->forward,
						.pools = &stage->pool,
						.n_pools = 1,
						.tunnel_idle_ms = 60000 };
	stage->env = (struct exchange_env){ .loop = stage->loop,
					    .slab = stage->slab,
					    .metrics = stage->metrics,
					    .begin_requester = stage_begin_requester,
					    .node = "n",
					    .region = "r",
					    .mailbox = rules ? &stage->mailbox : NULL,
					    .world = &stage->world };
	if (rules)
		rng_seed_os(&stage->env.rng);
}

static inline void stage_open_cache(struct stage *stage, const struct cache_rules_conf *rules)
{
	const struct cache_conf conf = { .name = rules->store, .memory_bytes = STAGE_CACHE_BYTES };

	assert_int_equal(cache_new(&conf, loop_wall_s(stage->loop), &stage->cache), 0);
	assert_int_equal(mailbox_open(&stage->mailbox, stage->loop), 0);
}

/* `rules`: of the route that proxies; borrowed; NULL: it stores nothing. */
static inline void stage_open_with(struct stage *stage, const struct cache_rules_conf *rules)
{
	*stage = (struct stage){ .exchange = NULL };
	stage_now = stage;
	assert_int_equal(loop_new("test", &stage->loop), 0);
	assert_int_equal(slab_new(64, &stage->slab), 0);
	assert_int_equal(edge_metrics_new(&stage->metrics), 0);
	arena_init(&stage->arena, 65536);
	stage_open_client(stage);
	stage_open_pool(stage);
	if (rules)
		stage_open_cache(stage, rules);
	stage_open_world(stage, rules);
	assert_int_equal(http_head_init(&stage->head, &stage->arena), 0);
	stage->head.method = HTTP_METHOD_GET;
	stage->head.method_text = SPAN_LIT("GET");
	stage->head.scheme = SPAN_LIT("http");
	stage->head.authority = stage->head.host = SPAN_LIT("www.example");
	stage->head.target = stage->head.path = SPAN_LIT("/app");
	stage->head.version_major = 1;
	stage->head.version_minor = 1;
}

static inline void stage_open(struct stage *stage)
{
	stage_open_with(stage, NULL);
}

static inline void stage_begin_with(struct stage *stage, enum close_reason fault)
{
	stage->exchange = exchange_begin(&stage->env, &stage->client.responder, &stage->head, fault,
					 &stage->arena, &stage->events);
	assert_non_null(stage->exchange);
}

static inline void stage_begin(struct stage *stage)
{
	stage_begin_with(stage, REASON_DONE);
}

/* The responder has sent all. */
static inline void stage_sent(struct stage *stage)
{
	stage->events->on_sent(TAKE(stage->exchange));
}

static inline int64_t stage_ended(const char *reason)
{
	char name[96];

	snprintf(name, sizeof(name), "meridian_edge_ended_%s_total", reason);
	return metric_read(name, NULL);
}

static inline void stage_close(struct stage *stage)
{
	assert_null(stage->exchange);
	assert_false(stage->origin.open);
	assert_int_equal(stage->world.n_refs, 1);
	exchange_env_fini(&stage->env);
	origin_set_free(stage->pool.origins);
	pool_free(stage->pool.pool);
	service_map_free(stage->services);
	if (stage->cache)
		mailbox_close(&stage->mailbox);
	cache_unref(stage->cache);
	conn_close(stage->client_conn);
	close(stage->client_peer);
	for (size_t i = 0; i < STAGE_ORIGINS; i++)
		close(stage->fds[i]);
	arena_fini(&stage->arena);
	metric_block_free(stage->metrics);
	metrics_reset();
	assert_int_equal(slab_n_out(stage->slab), 0);
	slab_free(stage->slab);
	loop_free(stage->loop);
}
