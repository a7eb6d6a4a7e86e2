/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_servers: what the connections of a listener share: limits, the Date of this second, and the
 * structs that only those need which have a request. These come back warm, with the first chunk of
 * their arena: in steady state a request allocates nothing.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/http1/h1_server_priv.h"

enum {
	MAX_SPARE = 64,
	/* Beside the head: fields that the exchange adds, keys, small strings. */
	ARENA_EXTRA_BYTES = 48 * 1024,
};

const struct h1_server_limits h1_server_limits_usual = {
	.max_line_bytes = 8192,
	.max_head_bytes = BLOCK_BYTES,
	.max_fields = HTTP_MAX_FIELDS,
	.head_timeout_ms = 10 * MS_PER_S,
	.body_timeout_ms = 30 * MS_PER_S,
	.idle_timeout_ms = 75 * MS_PER_S,
	.write_timeout_ms = 30 * MS_PER_S,
	.pressure_ms = 2 * MS_PER_S,
	.linger_ms = 2 * MS_PER_S,
	.drain_grace_ms = MS_PER_S,
};

void h1_servers_init(struct h1_servers *servers, const struct exchange_maker *maker,
		     const struct h1_server_limits *limits)
{
	*servers = (struct h1_servers){ .maker = maker, .limits = *limits };
	LIST_INIT(&servers->list);
	SLIST_INIT(&servers->spare);
}

static void request_destroy(struct h1_request *request)
{
	arena_fini(&request->arena);
	OBJ_FREE(request);
}

void h1_servers_fini(struct h1_servers *servers)
{
	struct h1_request *request;

	MUST(servers->n == 0 && LIST_EMPTY(&servers->list));
	while ((request = SLIST_FIRST(&servers->spare))) {
		SLIST_REMOVE_HEAD(&servers->spare, spare);
		request_destroy(request);
	}
	servers->n_spare = 0;
}

static struct h1_request *spare_take(struct h1_servers *servers)
{
	struct h1_request *request = SLIST_FIRST(&servers->spare);

	if (!request)
		return OBJ_NEW(struct h1_request, H1_REQUEST_KIND);
	SLIST_REMOVE_HEAD(&servers->spare, spare);
	servers->n_spare--;
	return request;
}

struct h1_request *h1_request_new(struct h1_server *server)
{
	struct h1_servers *servers = server->servers;
	struct h1_request *request = spare_take(servers);

	if (!request)
		return NULL;
	MUST(request->kind == H1_REQUEST_KIND);
	struct arena arena = request->arena; /* empty; perhaps with a chunk */
	*request = (struct h1_request){
		.kind = H1_REQUEST_KIND,
		.server = server,
		.responder = { &h1_responder_ops },
		.task = { .fn = h1_server_run, .arg = request },
		.arena = arena,
		.read_at = MONO_NEVER,
		.write_at = MONO_NEVER,
		.look_at = MONO_NEVER,
	};
	request->arena.max_bytes = servers->limits.max_head_bytes + ARENA_EXTRA_BYTES;
	h1_in_init(&request->in, servers->maker->slab);
	h1_out_init(&request->out, servers->maker->slab);
	return request;
}

void h1_request_free(struct h1_request *request)
{
	struct h1_servers *servers = request->server->servers;

	MUST(!request->exchange);
	loop_undefer(servers->maker->loop, &request->task);
	h1_in_fini(&request->in);
	h1_out_fini(&request->out);
	arena_empty(&request->arena);
	request->server = NULL;
	if (servers->n_spare == MAX_SPARE) {
		request_destroy(request);
		return;
	}
	SLIST_INSERT_HEAD(&servers->spare, request, spare);
	servers->n_spare++;
}

struct span h1_servers_date(struct h1_servers *servers)
{
	return http_date_now(&servers->date, loop_wall_s(servers->maker->loop));
}

void h1_servers_drain(struct h1_servers *servers)
{
	struct h1_server *server, *next;

	if (servers->draining)
		return;
	servers->draining = true;
	LIST_FOREACH_SAFE (server, &servers->list, link, next)
		h1_server_stop_idle(server);
}

void h1_servers_close(struct h1_servers *servers, enum close_reason reason)
{
	struct h1_server *server, *next;

	LIST_FOREACH_SAFE (server, &servers->list, link, next)
		h1_server_end(server, reason, false);
	MUST(servers->n == 0);
}
