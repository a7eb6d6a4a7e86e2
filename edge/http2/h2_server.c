/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_server: the server's role, and the responder. Exchanges begin when all of a read has been
 * handled: who opens streams and resets them in one breath costs us no exchange.
 */
#include "edge/http2/h2_server.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_encode.h"
#include "edge/report/edge_metrics.h"

enum {
	MAX_SPARE = 256,
	/* Order is ours to decide until the kernel has the bytes (RFC 9218 10). */
	MAX_UNSENT_BYTES = 128 * 1024,
	/* Beside the head: fields that the exchange adds, keys, small strings. */
	ARENA_EXTRA_BYTES = 48 * 1024,
};

#define H2_SERVER_KIND OBJ_KIND('h', '2', 's', 'v')

/* One request. */
struct h2_server_stream {
	struct h2_stream stream; /* first: the session knows this part alone */
	SLIST_ENTRY(h2_server_stream) spare;
	struct responder responder;
	struct arena arena;
	const struct request_events *events;
	void *exchange;          /* NULL: none yet, or no more */
	enum close_reason fault; /* REASON_DONE: none */
	bool begun;
	bool broken;       /* by the client: of its body nothing more is read */
	bool sent;         /* our side of the stream has left whole */
	bool continue_due; /* the client waits for a 100 */
};

/* One connection. */
struct h2_server {
	uint32_t kind;
	LIST_ENTRY(h2_server) link;
	struct h2_servers *servers; /* borrowed */
	struct h2_session *session; /* owned until on_closed */
	bool untold;                /* on_closed stays quiet: the owner ends it */
};

static const struct responder_ops responder_ops;

/* ---- small things ------------------------------------------------------------------------------
 */

static struct h2_server *server_of(const struct h2_session *session)
{
	return OBJ_CAST(struct h2_server, h2_session_owner(session), H2_SERVER_KIND);
}

static struct h2_server_stream *own(struct h2_stream *stream)
{
	return CONTAINER_OF(stream, struct h2_server_stream, stream);
}

static struct h2_servers *servers_of(const struct h2_server_stream *s)
{
	return server_of(s->stream.session)->servers;
}

static bool is_tunnel(const struct h2_server_stream *s)
{
	return s->stream.head.body == HTTP_BODY_TUNNEL;
}

/* How long a tunnel idles is the exchange's business. */
static int64_t body_timeout_ms(const struct h2_server_stream *s)
{
	if (is_tunnel(s))
		return 0;
	return servers_of(s)->shared.limits.body_timeout_ms;
}

static int block_send(struct h2_server_stream *s, const struct http_head *head, bool date, bool end)
{
	struct h2_servers *servers = servers_of(s);
	struct buf *block = &servers->shared.scratch;
	int64_t now_s = loop_wall_s(servers->maker->loop);

	buf_empty(block);
	h2_encode_response(block, head, date ? http_date_now(&servers->date, now_s) : SPAN_NONE);
	if (block->failed)
		return err_new(-ENOBUFS);
	return err_pass(h2_stream_send_block(&s->stream, buf_span(block), end));
}

/* Without an exchange there is no page, and no line in the log. */
static void answer_without_memory(struct h2_server_stream *s)
{
	struct metric_block *metrics = servers_of(s)->maker->metrics;
	const struct http_head head = { .status = (uint16_t)reason_status(REASON_MEMORY),
					.has_length = true };

	MUST(!s->exchange);
	edge_metrics_ended(metrics, REASON_MEMORY);
	metric_add(metrics, EDGE_METRIC_RESPONSES_5XX, 1);
	s->stream.head_sent = true;
	if (block_send(s, &head, true, true) < 0)
		h2_stream_close(&s->stream, H2_INTERNAL_ERROR);
}

/* Of its head counts what names it: no field may decide anything. */
static void refuse(struct h2_server_stream *s, enum close_reason reason)
{
	struct http_head *head = &s->stream.head;

	head->n_fields = 0;
	head->body = HTTP_BODY_NONE;
	head->has_length = false;
	head->upgrade = SPAN_NONE;
	s->fault = reason;
	h2_stream_due(&s->stream);
}

/* ---- the role ----------------------------------------------------------------------------------
 */

static struct h2_server_stream *spare_take(struct h2_servers *servers)
{
	struct h2_server_stream *s = SLIST_FIRST(&servers->spare);

	if (!s)
		return calloc(1, sizeof(*s));
	SLIST_REMOVE_HEAD(&servers->spare, spare);
	servers->n_spare--;
	return s;
}

static struct h2_stream *on_open(struct h2_session *session)
{
	struct h2_servers *servers = server_of(session)->servers;
	struct h2_server_stream *s = spare_take(servers);

	if (!s)
		return NULL;
	struct arena arena = s->arena; /* empty; perhaps with a chunk */
	*s = (struct h2_server_stream){ .responder = { &responder_ops },
					.arena = arena,
					.fault = REASON_DONE };
	s->arena.max_bytes = servers->shared.limits.head.max_bytes + ARENA_EXTRA_BYTES;
	h2_stream_init(&s->stream, session);
	http_head_init(&s->stream.head, &s->arena);
	return &s->stream;
}

static void release(struct h2_stream *stream)
{
	struct h2_server_stream *s = own(stream);
	struct h2_servers *servers = servers_of(s);

	MUST(!s->exchange);
	stream->kind = 0;
	if (servers->n_spare == MAX_SPARE) {
		arena_fini(&s->arena);
		free(s);
		return;
	}
	arena_empty(&s->arena);
	SLIST_INSERT_HEAD(&servers->spare, s, spare);
	servers->n_spare++;
}

static void on_head(struct h2_stream *stream, enum h2_decoded outcome)
{
	struct h2_server_stream *s = own(stream);
	const struct http_field *priority;

	if (outcome == H2_DECODED_LARGE || outcome == H2_DECODED_EXPECTATION) {
		refuse(s, outcome == H2_DECODED_LARGE ? REASON_CLIENT_HEAD_LARGE
						      : REASON_EXPECTATION_UNKNOWN);
		return;
	}
	if (outcome != H2_DECODED) {
		edge_metrics_ended(servers_of(s)->maker->metrics, REASON_CLIENT_MALFORMED);
		h2_stream_refuse(stream, H2_PROTOCOL_ERROR);
		return;
	}
	priority = http_head_find(&stream->head, HTTP_NAME_PRIORITY);
	if (priority)
		h2_priority_read(priority->value, &stream->priority);
	s->continue_due = stream->head.expects_continue;
	h2_stream_due(stream);
}

static void exchange_finish(struct h2_server_stream *s)
{
	void *exchange = TAKE(s->exchange);

	if (exchange)
		s->events->on_sent(exchange);
	h2_stream_close(&s->stream, H2_NO_ERROR);
}

/* Hands on what has come of a wanted body. */
static void body_deliver(struct h2_server_stream *s)
{
	if (!s->exchange)
		return;
	const struct h2_taker taker = { s->events->on_trailers, s->events->on_body, s->exchange,
					body_timeout_ms(s) };
	h2_stream_deliver(&s->stream, &taker);
	if (s->sent && is_tunnel(s) && s->stream.body_told && !s->stream.closed)
		exchange_finish(s);
}

static void exchange_start(struct h2_server_stream *s)
{
	const struct exchange_maker *maker = servers_of(s)->maker;
	const struct request_events *events = NULL;

	s->begun = true;
	void *exchange = maker->begin(maker->arg, &s->responder, &s->stream.head, s->fault,
				      &s->arena, &events);
	if (!exchange) {
		answer_without_memory(s);
		return;
	}
	if (s->stream.closed)
		return; /* aborted at once */
	s->events = events;
	s->exchange = exchange;
}

static void on_due(struct h2_stream *stream)
{
	struct h2_server_stream *s = own(stream);

	if (s->begun)
		body_deliver(s);
	else
		exchange_start(s);
}

static void on_data(struct h2_stream *stream)
{
	body_deliver(own(stream));
}

static void on_room(struct h2_stream *stream)
{
	struct h2_server_stream *s = own(stream);

	if (s->exchange)
		s->events->on_writable(s->exchange);
}

static void on_sent(struct h2_stream *stream)
{
	struct h2_server_stream *s = own(stream);

	s->sent = true;
	if (is_tunnel(s) && s->exchange && !stream->body_told)
		return; /* the other direction goes on until the client ends it */
	exchange_finish(s);
}

static void on_reset(struct h2_stream *stream, enum close_reason reason, bool refused)
{
	struct h2_server_stream *s = own(stream);
	void *exchange = TAKE(s->exchange);

	(void)refused; /* a client's word for its own stream */
	if (exchange)
		s->events->on_gone(exchange, reason);
}

/* The body that is wanted does not come. */
static void on_wake(struct h2_stream *stream)
{
	struct h2_server_stream *s = own(stream);

	if (!s->exchange)
		return;
	stream->wants_body = false;
	s->broken = true;
	if (!stream->head_sent) {
		s->events->on_fault(s->exchange, REASON_CLIENT_BODY_TIMEOUT);
		return;
	}
	s->events->on_gone(TAKE(s->exchange), REASON_CLIENT_BODY_TIMEOUT);
	h2_stream_close(stream, H2_CANCEL);
}

static void on_change(struct h2_session *session)
{
	(void)session; /* nobody waits for a client's settings */
}

static void on_closed(struct h2_session *session)
{
	struct h2_server *server = server_of(session);
	struct h2_servers *servers = server->servers;
	bool untold = server->untold;

	LIST_REMOVE(server, link);
	servers->n--;
	OBJ_FREE(server);
	if (!untold && servers->on_closed)
		servers->on_closed(servers->on_closed_arg);
}

static const struct h2_role server_role = {
	.is_server = true,
	.malformed = REASON_CLIENT_MALFORMED,
	.gone = REASON_CLIENT_GONE,
	.abuse = REASON_CLIENT_ABUSE,
	.idle = REASON_CLIENT_IDLE,
	.write_timeout = REASON_CLIENT_WRITE_TIMEOUT,
	.open = on_open,
	.on_head = on_head,
	.on_data = on_data,
	.on_due = on_due,
	.on_room = on_room,
	.on_sent = on_sent,
	.on_reset = on_reset,
	.on_wake = on_wake,
	.release = release,
	.on_change = on_change,
	.on_closed = on_closed,
};

/* ---- the responder -----------------------------------------------------------------------------
 */

static struct h2_server_stream *of(struct responder *responder)
{
	struct h2_server_stream *s = CONTAINER_OF(responder, struct h2_server_stream, responder);

	MUST(!s->stream.closed);
	return s;
}

static int send_interim(struct responder *responder, const struct http_head *head)
{
	struct h2_server_stream *s = of(responder);

	MUST(!s->stream.head_sent);
	if (head->status == 100 && !s->continue_due)
		return 0;
	if (head->status == 100)
		s->continue_due = false;
	return err_pass(block_send(s, head, false, false));
}

static int send_head(struct responder *responder, const struct http_head *head, bool end)
{
	struct h2_server_stream *s = of(responder);

	MUST(!s->stream.head_sent);
	s->stream.head_sent = true;
	if (head->body == HTTP_BODY_TUNNEL)
		s->stream.head.body = HTTP_BODY_TUNNEL; /* what the client sends is wanted now */
	return err_pass(block_send(s, head, true, end));
}

static int send_body(struct responder *responder, struct chain *body, bool end)
{
	h2_stream_send_body(&of(responder)->stream, body, end);
	return 0;
}

static void set_trailers(struct responder *responder, const struct http_head *trailers)
{
	of(responder)->stream.out_trailers = trailers;
}

static void want_body(struct responder *responder)
{
	static const struct http_head proceed = { .status = 100 };
	struct h2_server_stream *s = of(responder);

	if (s->stream.head.body == HTTP_BODY_NONE || s->broken)
		return;
	if (s->continue_due && !s->stream.head_sent && chain_empty(&s->stream.in))
		block_send(s, &proceed, false, false); /* without memory the turn's end finds it */
	s->continue_due = false;
	h2_stream_want_body(&s->stream, body_timeout_ms(s));
}

static void respond_abort(struct responder *responder, enum close_reason reason)
{
	struct h2_server_stream *s = of(responder);

	(void)reason; /* the exchange has it in its log line */
	s->exchange = NULL;
	h2_stream_close(&s->stream, H2_INTERNAL_ERROR);
}

static struct conn *respond_conn(struct responder *responder)
{
	return h2_session_conn(of(responder)->stream.session);
}

static const struct responder_ops responder_ops = {
	.send_interim = send_interim,
	.send_head = send_head,
	.send_body = send_body,
	.set_trailers = set_trailers,
	.want_body = want_body,
	.abort = respond_abort,
	.conn = respond_conn,
};

/* ---- from outside ------------------------------------------------------------------------------
 */

void h2_servers_init(struct h2_servers *servers, const struct exchange_maker *maker,
		     const struct h2_limits *limits)
{
	*servers = (struct h2_servers){ .maker = maker };
	h2_shared_init(&servers->shared, maker->loop, maker->slab, maker->metrics, limits);
	LIST_INIT(&servers->list);
	SLIST_INIT(&servers->spare);
}

void h2_servers_fini(struct h2_servers *servers)
{
	struct h2_server_stream *s;

	MUST(servers->n == 0 && LIST_EMPTY(&servers->list));
	while ((s = SLIST_FIRST(&servers->spare))) {
		SLIST_REMOVE_HEAD(&servers->spare, spare);
		arena_fini(&s->arena);
		free(s);
	}
	servers->n_spare = 0;
	h2_shared_fini(&servers->shared);
}

void h2_servers_set_limits(struct h2_servers *servers, const struct h2_limits *limits)
{
	servers->shared.limits = *limits;
}

int h2_server_begin(struct h2_servers *servers, struct conn *conn, struct span first)
{
	struct h2_server *server = OBJ_NEW(struct h2_server, H2_SERVER_KIND);

	if (!server) {
		conn_close(conn);
		return err_new(-ENOMEM);
	}
	server->servers = servers;
	int r = h2_session_new(&server_role, &servers->shared, server, conn, &server->session);
	if (r < 0) {
		OBJ_FREE(server);
		return err_pass(r);
	}
	LIST_INSERT_HEAD(&servers->list, server, link);
	servers->n++;
	conn_limit_unsent(conn, MAX_UNSENT_BYTES);
	h2_session_start(server->session, first);
	if (servers->draining)
		h2_session_drain(server->session);
	return 0;
}

void h2_servers_drain(struct h2_servers *servers)
{
	struct h2_server *server;

	if (servers->draining)
		return;
	servers->draining = true;
	LIST_FOREACH (server, &servers->list, link)
		h2_session_drain(server->session);
}

void h2_servers_close(struct h2_servers *servers, enum close_reason reason)
{
	struct h2_server *server, *next;

	LIST_FOREACH_SAFE (server, &servers->list, link, next) {
		server->untold = true;
		h2_session_end(server->session, reason);
	}
	MUST(servers->n == 0);
}
