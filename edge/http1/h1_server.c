/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_server: the life of one client connection.
 *
 *     IDLE -> HEAD -> EXCHANGE -> (DRAIN ->) IDLE or HEAD again, or CLOSING
 *
 * Reading happens when the socket wakes us, everything else at the end of the turn, in
 * h1_server_run(): bodies are handed on, output leaves in one write, and what follows from that
 * (the end of the exchange, the next request) is done there, where no caller of ours is on the
 * stack. Functions that can end the server say whether it still lives.
 */
#include "edge/http1/h1_server.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http1/h1_server_priv.h"
#include "edge/http1/h1_trailers.h"
#include "edge/http1/h1_write.h"
#include "edge/report/edge_metrics.h"

enum {
	/* Reads of one wake-up, so that one fast client does not starve the others. */
	MAX_READS = 4,
	/* Rounds of write and on_writable in one turn, likewise. */
	MAX_WRITES = 4,
	/* What is left of a request's body after its response is read if it is not more than this;
	 * else closing is cheaper than reading. */
	MAX_DROP_BYTES = 64 * 1024,
	/* A deadline that is only there to be moved nearer: moving it costs less than setting it.
	 */
	FAR_MS = 3600 * 1000,
	/* Until a try to get a block that was not to be had. */
	SCARCE_MS = 20,
	/* Who takes less than this in limits.pressure_ms holds what others need. */
	PRESSED_BYTES = 4096,
	/* A head and an empty line before it must fit in a block together. */
	MAX_HEAD_BYTES = BLOCK_BYTES - 8,
};

static const struct span http2_preface = { (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
					   24 };

/* ---- small things -----------------------------------------------------------------------------
 */

static struct loop *loop_of(const struct h1_server *server)
{
	return server->servers->maker->loop;
}

static mono_t in_ms(const struct h1_server *server, int64_t ms)
{
	return mono_add_ms(loop_now(loop_of(server)), ms);
}

const unsigned h1_server_may_follow[] = {
	[H1_SERVER_IDLE] = 1 << H1_SERVER_HEAD,
	[H1_SERVER_HEAD] = 1 << H1_SERVER_IDLE | 1 << H1_SERVER_EXCHANGE | 1 << H1_SERVER_CLOSING,
	[H1_SERVER_EXCHANGE] = 1 << H1_SERVER_HEAD | 1 << H1_SERVER_DRAIN | 1 << H1_SERVER_CLOSING,
	[H1_SERVER_DRAIN] = 1 << H1_SERVER_HEAD,
	[H1_SERVER_CLOSING] = 0,
};

const char *const h1_server_state_names[] = {
#define X(NAME) [H1_SERVER_##NAME] = #NAME,
	H1_SERVER_STATES(X)
#undef X
};

static void state_set(struct h1_server *server, enum h1_server_state next)
{
	MUST(h1_server_may_follow[server->state] & 1u << next);
	server->state = (uint8_t)next;
}

static void deadline_set(struct h1_server *server)
{
	const struct h1_server_limits *limits = &server->servers->limits;
	struct h1_request *request = server->request;
	mono_t at = in_ms(server, FAR_MS);

	switch ((enum h1_server_state)server->state) {
	case H1_SERVER_IDLE:
		at = in_ms(server,
			   server->used ? limits->idle_timeout_ms : limits->head_timeout_ms);
		if (server->used && server->servers->draining)
			at = in_ms(server, MIN(limits->drain_grace_ms, limits->idle_timeout_ms));
		break;
	case H1_SERVER_HEAD:
		at = request->read_at;
		break;
	case H1_SERVER_EXCHANGE:
		if (request->wants_body && !request->tunnel) /* how long it idles is no news */
			at = mono_min(at, request->read_at);
		if (!h1_out_empty(&request->out))
			at = mono_min(at, mono_min(request->write_at, request->look_at));
		break;
	case H1_SERVER_DRAIN:
		at = request->read_at;
		break;
	case H1_SERVER_CLOSING:
		at = request->write_at;
		break;
	}
	if (server->scarce)
		at = mono_min(at, in_ms(server, SCARCE_MS));
	conn_set_deadline(server->conn, at);
}

/* Whether bytes that come now are of use. */
static bool reads_now(const struct h1_server *server)
{
	const struct h1_request *request = server->request;

	switch ((enum h1_server_state)server->state) {
	case H1_SERVER_IDLE:
	case H1_SERVER_HEAD:
	case H1_SERVER_DRAIN:
		return !server->eof;
	case H1_SERVER_EXCHANGE:
		/* Behind the body: the next request, or news that the client has gone. */
		if (request->broken ||
		    (!request->wants_body && !h1_body_ended(&request->in.decoder)))
			return false;
		return !server->eof && h1_in_has_room(&request->in);
	case H1_SERVER_CLOSING:
		return false;
	}
	UNREACHABLE();
}

/* Reading that is not wanted for a moment is left on until bytes come: mostly it is wanted again
 * before, and the kernel need not be told twice. */
static void interest_update(struct h1_server *server, bool read)
{
	bool blocked = server->request && !h1_out_empty(&server->request->out);

	server->reading = read;
	conn_want(server->conn, read, blocked);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* The conn has been closed. */
static void server_free(struct h1_server *server, bool told)
{
	struct h1_servers *servers = server->servers;

	if (server->request)
		h1_request_free(server->request);
	LIST_REMOVE(server, link);
	servers->n--;
	OBJ_FREE(server);
	if (told && servers->on_closed)
		servers->on_closed(servers->on_closed_arg);
}

/* Where the end of the connection would end the body, a client must see that this one is broken
 * (RFC 9112 8). */
static void conn_drop(const struct h1_server *server)
{
	const struct h1_request *request = server->request;
	bool looks_whole = request && request->head_sent &&
			   request->out.framing == HTTP_BODY_UNTIL_CLOSE &&
			   !(request->out.ended && h1_out_empty(&request->out));

	if (looks_whole)
		conn_reset(server->conn);
	else
		conn_close(server->conn);
}

void h1_server_end(struct h1_server *server, enum close_reason reason, bool told)
{
	struct h1_request *request = server->request;
	void *exchange = request ? TAKE(request->exchange) : NULL;

	if (exchange)
		request->events->on_gone(exchange, reason);
	else if (reason != REASON_DONE)
		edge_metrics_ended(server->servers->maker->metrics, reason);
	conn_drop(server);
	server_free(server, told);
}

static void close_lingering(struct h1_server *server)
{
	if (server->eof)
		conn_close(server->conn);
	else
		conn_close_lingering(server->conn, server->servers->limits.linger_ms);
	server_free(server, true);
}

/* Without an exchange there is no page, and no line in the log. */
static void answer_without_memory(struct h1_server *server)
{
	struct h1_request *request = server->request;
	struct metric_block *metrics = server->servers->maker->metrics;

	MUST(!request->exchange && !request->head_sent);
	state_set(server, H1_SERVER_CLOSING);
	edge_metrics_ended(metrics, REASON_MEMORY);
	metric_add(metrics, EDGE_METRIC_RESPONSES_5XX, 1);
	h1_write_refusal(&request->out, reason_status(REASON_MEMORY),
			 request->head.method == HTTP_METHOD_HEAD,
			 h1_servers_date(server->servers));
	h1_server_run_later(request);
}

/* The client broke off or broke the rules while its exchange was under way. If nothing of the
 * response has been said, it gets the reason's status. False: the server has ended. */
static bool exchange_break(struct h1_server *server, enum close_reason reason)
{
	struct h1_request *request = server->request;

	MUST(request->exchange);
	request->wants_body = false;
	request->broken = true;
	request->keep = false;
	if (reason_status(reason) && !request->head_sent) {
		request->events->on_fault(request->exchange, reason);
		return true;
	}
	request->events->on_gone(TAKE(request->exchange), reason);
	conn_drop(server);
	server_free(server, true);
	return false;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void idle_enter(struct h1_server *server)
{
	h1_request_free(TAKE(server->request));
	state_set(server, H1_SERVER_IDLE);
	interest_update(server, true);
	deadline_set(server);
}

/* From here on an exchange has the head, or what is known of one that has a fault. */
static void exchange_begin(struct h1_server *server, enum close_reason fault)
{
	const struct exchange_maker *maker = server->servers->maker;
	struct h1_request *request = server->request;
	const struct request_events *events = NULL;

	state_set(server, H1_SERVER_EXCHANGE);
	server->used = true;
	request->continue_due = request->head.expects_continue;
	h1_body_init(&request->in.decoder, request->head.body, request->head.body_length);
	void *exchange = maker->begin(maker->arg, &request->responder, &request->head, fault,
				      &request->arena, &events);
	if (!exchange) {
		answer_without_memory(server);
		return;
	}
	if (server->state != H1_SERVER_EXCHANGE)
		return; /* aborted at once */
	MUST(events);
	request->events = events;
	request->exchange = exchange;
	deadline_set(server);
}

/* What follows a head that is not understood is not read. Of the head counts what was read of its
 * first line: no field may decide anything. */
static void refuse(struct h1_server *server, enum close_reason reason)
{
	struct h1_request *request = server->request;
	const struct http_head seen = request->head;

	request->broken = true;
	request->keep = false;
	if (http_head_init(&request->head, &request->arena) < 0) {
		answer_without_memory(server);
		return;
	}
	request->head.method = seen.method;
	request->head.method_text = seen.method_text;
	request->head.target = seen.target;
	request->head.version_major = 1;
	request->head.version_minor = seen.version_minor;
	request->head.body = HTTP_BODY_NONE;
	exchange_begin(server, reason);
}

/* A head of so many bytes has come. They are copied, so that a connection that waits long for its
 * response holds no block. */
static void head_parse(struct h1_server *server, size_t len, const struct h1_limits *limits)
{
	struct h1_request *request = server->request;
	struct span scheme = conn_is_tls(server->conn) ? SPAN_LIT("https") : SPAN_LIT("http");
	struct span bytes = span_first(h1_in_left(&request->in), len);
	struct h1_parsed parsed;

	bytes = arena_copy(&request->arena, span_from(bytes, request->scan.start));
	h1_in_use(&request->in, len);
	int r = bytes.at ? h1_parse_request(bytes, scheme, limits, &request->arena, &request->head,
					    &parsed)
			 : err_new(-ENOBUFS);
	if (r < 0) {
		answer_without_memory(server);
	} else if (r != H1_PARSED) {
		refuse(server, h1_outcome_reason((enum h1_outcome)r));
	} else {
		request->keep = parsed.keep_alive;
		request->is_final = !parsed.keep_alive;
		exchange_begin(server, REASON_DONE);
	}
}

static void head_wait(struct h1_server *server)
{
	struct h1_request *request = server->request;

	if (request->read_at.ns == MONO_NEVER.ns)
		request->read_at = in_ms(server, server->servers->limits.head_timeout_ms);
	interest_update(server, true);
	deadline_set(server);
}

/* Whether a connection that has just begun speaks, as far as it has said, HTTP/2. */
static bool may_be_http2(const struct h1_server *server, struct span left)
{
	return server->servers->on_http2 && !server->used && !conn_is_tls(server->conn) &&
	       left.len && span_starts(http2_preface, span_first(left, http2_preface.len));
}

/* False: the server has ended, its conn given away. */
static bool http2_give(struct h1_server *server)
{
	struct h1_servers *servers = server->servers;
	struct span left = h1_in_left(&server->request->in);

	if (!servers->on_http2(servers->on_http2_arg, server->conn, left)) {
		h1_server_end(server, REASON_MEMORY, true);
		return false;
	}
	server_free(server, false);
	return false;
}

/* Looks for a head in what has come. False: the server has ended. */
static bool head_take(struct h1_server *server)
{
	const struct h1_server_limits *limits = &server->servers->limits;
	const struct h1_limits parse_limits = { limits->max_line_bytes,
						MIN(limits->max_head_bytes, (size_t)MAX_HEAD_BYTES),
						limits->max_fields };
	struct h1_request *request = server->request;
	struct span left = h1_in_left(&request->in);
	size_t len;

	if (may_be_http2(server, left)) {
		if (left.len >= http2_preface.len)
			return http2_give(server);
		if (!server->eof) {
			head_wait(server);
			return true;
		}
	}
	int r = h1_find_end(&request->scan, left, &parse_limits, &len);
	if (r == H1_PARSED) {
		head_parse(server, len, &parse_limits);
	} else if (r != H1_NEED_MORE) {
		refuse(server, h1_outcome_reason((enum h1_outcome)r));
	} else if (server->eof) {
		h1_server_end(server, left.len ? REASON_CLIENT_GONE : REASON_DONE, true);
		return false;
	} else if (left.len == 0) {
		idle_enter(server);
	} else {
		head_wait(server);
	}
	return true;
}

/* The connection serves on, with the bytes that came already. False: the server has ended. */
static bool next_request(struct h1_server *server)
{
	struct h1_in in = server->request->in; /* moved */

	MUST(chain_empty(&in.body) && !server->request->exchange);
	h1_in_init(&server->request->in, server->servers->maker->slab);
	h1_request_free(server->request);
	server->request = h1_request_new(server); /* mostly the same one, made fresh */
	if (!server->request) {
		h1_in_fini(&in);
		h1_server_end(server, REASON_MEMORY, true);
		return false;
	}
	server->request->in = in;
	server->request->behind = true;
	state_set(server, H1_SERVER_HEAD);
	return head_take(server);
}

/* ---- bodies -----------------------------------------------------------------------------------
 */

/* Before the end of the body. Not H1_PARSED: why the exchange must end. */
static enum close_reason trailers_tell(struct h1_request *request)
{
	const struct http_head *trailers;
	int r = h1_trailers_take(&request->in, &request->arena, &trailers);

	if (r != H1_PARSED)
		return r < 0 ? REASON_MEMORY : REASON_CLIENT_MALFORMED;
	if (trailers)
		request->events->on_trailers(request->exchange, trailers);
	return REASON_DONE;
}

/* Not REASON_DONE: why the exchange must end. */
static enum close_reason body_decode(struct h1_server *server, bool *ret_end)
{
	struct h1_request *request = server->request;
	int r = h1_in_decode(&request->in);

	*ret_end = r == H1_BODY_END ||
		   (request->tunnel && server->eof && h1_in_left(&request->in).len == 0);
	if (r < 0)
		return REASON_MEMORY;
	if (r == H1_BODY_MALFORMED)
		return REASON_CLIENT_MALFORMED;
	if (*ret_end && request->in.trailers)
		return trailers_tell(request);
	bool must_come = !*ret_end && chain_empty(&request->in.body);
	return must_come && server->eof ? REASON_CLIENT_GONE : REASON_DONE;
}

/* Hands on what has come of a wanted body. False: the server has ended. */
static bool body_deliver(struct h1_server *server)
{
	struct h1_request *request = server->request;
	bool end;

	while (server->state == H1_SERVER_EXCHANGE && request->wants_body) {
		enum close_reason broken = body_decode(server, &end);
		if (!request->exchange)
			return true; /* it has broken off */
		if (broken != REASON_DONE)
			return exchange_break(server, broken);
		if (chain_empty(&request->in.body) && !end)
			return true;         /* more must come */
		request->wants_body = false; /* the exchange may say so again */
		request->events->on_body(request->exchange, &request->in.body, end);
		request->read_at = in_ms(server, server->servers->limits.body_timeout_ms);
		if (!chain_empty(&request->in.body))
			return true; /* until want_body() */
		request->body_told = end;
		request->wants_body = !end && request->exchange;
		if (end && request->tunnel)
			h1_server_run_later(request); /* perhaps it was the last */
	}
	return true;
}

/* Drops what comes of a body whose response has been sent. False: the server has ended. */
static bool body_drop(struct h1_server *server)
{
	struct h1_request *request = server->request;
	int r = H1_BODY_MORE;

	do {
		size_t before = h1_in_left(&request->in).len;
		r = h1_in_decode(&request->in);
		request->dropped_bytes += (uint32_t)(before - h1_in_left(&request->in).len);
		h1_in_drop_body(&request->in);
	} while (r == H1_BODY_MORE && h1_in_left(&request->in).len);
	if (r == H1_BODY_END)
		return next_request(server);
	if (r != H1_BODY_MORE || server->eof || request->dropped_bytes > MAX_DROP_BYTES) {
		close_lingering(server);
		return false;
	}
	return true;
}

/* The response is sent. False: the server has ended. */
static bool exchange_finish(struct h1_server *server)
{
	struct h1_request *request = server->request;
	void *exchange = TAKE(request->exchange);

	request->wants_body = false;
	request->events->on_sent(exchange);
	h1_in_drop_body(&request->in);
	bool over = h1_body_ended(&request->in.decoder);
	bool droppable = h1_body_left(&request->in.decoder) <= MAX_DROP_BYTES && !server->eof;
	if (request->is_final && over && h1_in_left(&request->in).len == 0) {
		h1_server_end(server, REASON_DONE, true); /* nothing comes that could be lost */
		return false;
	}
	if (!request->keep || (!over && !droppable)) {
		close_lingering(server);
		return false;
	}
	if (over)
		return next_request(server);
	state_set(server, H1_SERVER_DRAIN);
	request->read_at = in_ms(server, server->servers->limits.linger_ms);
	return body_drop(server);
}

/* ---- output ------------------------------------------------------------------------------------
 */

/* All of the response has left. False: the server has ended. */
static bool response_left(struct h1_server *server)
{
	struct h1_request *request = server->request;

	if (!request->tunnel)
		return exchange_finish(server);
	if (!request->finished)
		conn_finish(server->conn);
	request->finished = true;
	/* The other direction goes on until the client ends it. */
	return !request->body_told || exchange_finish(server);
}

/* What follows when all that could be written is. False: the server has ended. */
static bool after_flush(struct h1_server *server)
{
	struct h1_request *request = server->request;
	bool empty = h1_out_empty(&request->out);

	if (request->exchange && request->out.outlet.failed)
		return exchange_break(server, REASON_MEMORY);
	if (request->exchange && empty && request->out.ended && request->head_sent)
		return response_left(server);
	if (server->state == H1_SERVER_CLOSING && empty) {
		if (server->cut)
			h1_server_end(server, REASON_DONE, true);
		else
			close_lingering(server);
		return false;
	}
	return true;
}

/* Once the message under way has left, the conn is closed. */
static bool is_last(const struct h1_server *server)
{
	const struct h1_request *request = server->request;

	if (server->state == H1_SERVER_CLOSING)
		return !server->cut;
	return request->exchange && request->head_sent && !request->keep &&
	       request->out.framing != HTTP_BODY_TUNNEL;
}

/* How much the client takes until then decides, if blocks are scarce. */
static void look_later(struct h1_server *server)
{
	struct h1_request *request = server->request;

	request->looked_bytes = request->out.outlet.n_written;
	request->look_at = in_ms(server, server->servers->limits.pressure_ms);
}

/* Blocks ran short, and this client hardly takes what lies in some. */
static bool is_in_the_way(const struct h1_server *server)
{
	const struct h1_request *request = server->request;

	return slab_ran_short(server->servers->maker->slab) &&
	       !outlet_empty(&request->out.outlet) &&
	       request->out.outlet.n_written - request->looked_bytes < PRESSED_BYTES;
}

/* Writes, and lets the exchange fill up what became free. False: the server has ended. */
static bool output_flush(struct h1_server *server)
{
	struct h1_request *request = server->request;
	int r = CONN_OK;

	for (int i = 0; i < MAX_WRITES && r == CONN_OK; i++) {
		bool empty = h1_out_empty(&request->out);
		if (empty && !request->starved)
			break;
		uint64_t before = request->out.outlet.n_written;
		if (!empty)
			r = h1_out_flush(&request->out, server->conn, is_last(server));
		if (empty || before != request->out.outlet.n_written ||
		    request->write_at.ns == MONO_NEVER.ns)
			request->write_at = in_ms(server, server->servers->limits.write_timeout_ms);
		if (r == CONN_BROKEN) {
			h1_server_end(server, request->exchange ? REASON_CLIENT_GONE : REASON_DONE,
				      true);
			return false;
		}
		if (request->starved && request->exchange && h1_out_has_room(&request->out)) {
			request->starved = false;
			request->events->on_writable(request->exchange);
		}
	}
	if (h1_out_empty(&request->out))
		request->look_at = MONO_NEVER;
	else if (request->look_at.ns == MONO_NEVER.ns)
		look_later(server);
	/* It has room and was given nothing: there was no block. */
	server->scarce |= request->exchange && request->starved && h1_out_empty(&request->out);
	return after_flush(server);
}

/* The client waits, so it is soon; but who asks for much in a row shares with the others. */
void h1_server_run_later(struct h1_request *request)
{
	if (request->behind)
		loop_defer(loop_of(request->server), &request->task);
	else
		loop_defer_soon(loop_of(request->server), &request->task);
}

void h1_server_run(void *arg)
{
	struct h1_request *request = OBJ_CAST(struct h1_request, arg, H1_REQUEST_KIND);
	struct h1_server *server = request->server;

	MUST(server && server->kind == H1_SERVER_KIND);
	if (!body_deliver(server) || !output_flush(server))
		return;
	interest_update(server, reads_now(server) || (server->reading && !server->eof));
	if (server->state == H1_SERVER_HEAD)
		h1_in_park(&server->request->in);
	if (server->state == H1_SERVER_CLOSING || server->state == H1_SERVER_EXCHANGE ||
	    server->state == H1_SERVER_DRAIN)
		deadline_set(server);
}

/* ---- the conn calls ---------------------------------------------------------------------------
 */

/* There is no block to read into: who waits for one does so under the deadline that he has. */
static void read_later(struct h1_server *server)
{
	struct h1_request *request = server->request;

	if (server->state == H1_SERVER_HEAD && request->read_at.ns == MONO_NEVER.ns)
		request->read_at = in_ms(server, server->servers->limits.head_timeout_ms);
	server->scarce = true;
	interest_update(server, false);
	deadline_set(server);
}

/* Reading has ended, or failed. */
static void on_input_end(struct h1_server *server, int r)
{
	struct h1_request *request = server->request;
	bool partial = server->state == H1_SERVER_HEAD && h1_in_left(&request->in).len;

	if (r == CONN_BLOCKED) {
		if (server->state == H1_SERVER_HEAD && !partial)
			idle_enter(server);
		return;
	}
	if (r < 0) {
		read_later(server);
		return;
	}
	server->eof = true;
	interest_update(server, false);
	if (r == CONN_EOF && request->exchange) {
		/* It may have said all and wait for the response (RFC 9112 9.6): what has come
		 * before the end counts first. */
		body_deliver(server);
		return;
	}
	if (request->exchange)
		exchange_break(server, REASON_CLIENT_GONE);
	else
		h1_server_end(server, partial ? REASON_CLIENT_GONE : REASON_DONE, true);
}

/* New bytes have come. False: the server has ended. */
static bool on_input(struct h1_server *server)
{
	switch ((enum h1_server_state)server->state) {
	case H1_SERVER_HEAD:
		return head_take(server);
	case H1_SERVER_EXCHANGE:
		return body_deliver(server);
	case H1_SERVER_DRAIN:
		return body_drop(server);
	case H1_SERVER_IDLE:
	case H1_SERVER_CLOSING:
		break;
	}
	UNREACHABLE();
}

static bool request_start(struct h1_server *server)
{
	server->request = h1_request_new(server);
	if (!server->request) {
		h1_server_end(server, REASON_MEMORY, true);
		return false;
	}
	state_set(server, H1_SERVER_HEAD);
	return true;
}

static void on_readable(struct conn *conn, void *arg)
{
	struct h1_server *server = OBJ_CAST(struct h1_server, arg, H1_SERVER_KIND);
	bool more = true;

	MUST(server->conn == conn);
	if (server->state == H1_SERVER_IDLE && !request_start(server))
		return;
	if (server->request)
		server->request->behind = false;
	for (int i = 0; i < MAX_READS && more && server->request; i++) {
		if (!reads_now(server)) {
			interest_update(server, false);
			return;
		}
		bool head = server->state == H1_SERVER_HEAD;
		int r = h1_in_read(&server->request->in, conn, head, &more);
		if (r != CONN_OK) {
			on_input_end(server, r);
			return;
		}
		if (!on_input(server))
			return;
	}
	if (server->state == H1_SERVER_HEAD)
		h1_in_park(&server->request->in);
	deadline_set(server);
}

static void on_writable(struct conn *conn, void *arg)
{
	struct h1_server *server = OBJ_CAST(struct h1_server, arg, H1_SERVER_KIND);

	MUST(server->conn == conn);
	if (server->request)
		h1_server_run(server->request);
}

static void on_look(struct h1_server *server)
{
	if (is_in_the_way(server)) {
		exchange_break(server, REASON_CLIENT_WRITE_TIMEOUT);
		return;
	}
	look_later(server);
	deadline_set(server);
}

static void on_exchange_deadline(struct h1_server *server)
{
	struct h1_request *request = server->request;
	mono_t now = loop_now(loop_of(server));

	if (request->wants_body && !request->tunnel && !mono_before(now, request->read_at))
		exchange_break(server, REASON_CLIENT_BODY_TIMEOUT);
	else if (!h1_out_empty(&request->out) && !mono_before(now, request->write_at))
		exchange_break(server, REASON_CLIENT_WRITE_TIMEOUT);
	else if (!h1_out_empty(&request->out) && !mono_before(now, request->look_at))
		on_look(server);
	else
		deadline_set(server);
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct h1_server *server = OBJ_CAST(struct h1_server, arg, H1_SERVER_KIND);

	MUST(server->conn == conn);
	if (server->scarce) {
		server->scarce = false;
		deadline_set(server);
		interest_update(server, reads_now(server));
		if (server->request)
			h1_server_run_later(server->request);
		return;
	}
	switch ((enum h1_server_state)server->state) {
	case H1_SERVER_IDLE:
		h1_server_end(server,
			      server->used ? REASON_CLIENT_IDLE : REASON_CLIENT_HEAD_TIMEOUT, true);
		return;
	case H1_SERVER_HEAD:
		refuse(server, REASON_CLIENT_HEAD_TIMEOUT);
		return;
	case H1_SERVER_EXCHANGE:
		on_exchange_deadline(server);
		return;
	case H1_SERVER_DRAIN:
		close_lingering(server);
		return;
	case H1_SERVER_CLOSING:
		h1_server_end(server, REASON_DONE, true);
		return;
	}
	UNREACHABLE();
}

static const struct conn_events server_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_deadline = on_deadline,
};

/* ---- from outside -----------------------------------------------------------------------------
 */

int h1_server_begin(struct h1_servers *servers, struct conn *conn)
{
	struct h1_server *server = OBJ_NEW(struct h1_server, H1_SERVER_KIND);

	if (!server) {
		conn_close(conn);
		return err_new(-ENOMEM);
	}
	server->servers = servers;
	server->conn = conn;
	LIST_INSERT_HEAD(&servers->list, server, link);
	servers->n++;
	conn_set_events(conn, &server_events, server);
	interest_update(server, true);
	deadline_set(server);
	return 0;
}

void h1_server_stop_idle(struct h1_server *server)
{
	if (server->state == H1_SERVER_IDLE)
		deadline_set(server);
}
