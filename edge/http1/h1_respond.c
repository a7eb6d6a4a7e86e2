/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_respond: the responder of HTTP/1.1. It composes and remembers; what follows from it (writing,
 * reading, calling back) is done by h1_server_run() at the end of the turn.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/http1/h1_server_priv.h"
#include "edge/http1/h1_write.h"

static struct h1_request *request_of(struct responder *responder)
{
	struct h1_request *request = CONTAINER_OF(responder, struct h1_request, responder);

	MUST(request->kind == H1_REQUEST_KIND && request->server);
	return request;
}

static int send_interim(struct responder *responder, const struct http_head *head)
{
	struct h1_request *request = request_of(responder);

	MUST(!request->head_sent);
	/* HTTP/1.0 knows no 1xx (RFC 9110 15.2); of 100 the client shall get one, if it asked. */
	if (request->head.version_minor == 0 || (head->status == 100 && !request->continue_due))
		return 0;
	if (head->status == 100)
		request->continue_due = false;
	else if (!h1_out_has_room(&request->out))
		return 0; /* a client that takes nothing can do without hints */
	h1_write_interim(&request->out, head);
	h1_server_run_later(request);
	return h1_out_check(&request->out);
}

/* The request had no body; from here on all that comes is one. */
static void tunnel_begin(struct h1_request *request, const struct http_head *head)
{
	request->tunnel = true;
	request->keep = false;
	request->body_told = false;
	request->head.body = HTTP_BODY_TUNNEL;
	h1_body_init(&request->in.decoder, HTTP_BODY_TUNNEL, 0);
	h1_write_tunnel(&request->out, head);
}

static int send_head(struct responder *responder, const struct http_head *head, bool end)
{
	struct h1_request *request = request_of(responder);
	struct h1_server *server = request->server;

	MUST(!request->head_sent);
	request->head_sent = true;
	/* A client that still waits for its 100 may send the body, or not (RFC 9110 10.1.1): what
	 * comes next could be either. */
	bool is_last = server->eof && h1_in_left(&request->in).len == 0;
	if (request->continue_due || server->servers->draining || is_last)
		request->keep = false;
	const struct h1_answer answer = {
		.method = request->head.method,
		.version_minor = request->head.version_minor,
		.keep = request->keep,
		.date = h1_servers_date(server->servers),
	};
	if (head->body == HTTP_BODY_TUNNEL)
		tunnel_begin(request, head);
	else
		request->keep = h1_write_response(&request->out, head, end, &answer);
	h1_server_run_later(request);
	return h1_out_check(&request->out);
}

static int send_body(struct responder *responder, struct chain *body, bool end)
{
	struct h1_request *request = request_of(responder);

	MUST(request->head_sent);
	int r = h1_out_body(&request->out, body, end);
	request->starved = !chain_empty(body);
	h1_server_run_later(request);
	return r < 0 ? err_pass(r) : 0;
}

static bool takes_pipes(struct responder *responder)
{
	const struct h1_request *request = request_of(responder);

	MUST(request->head_sent);
	return !conn_is_tls(request->server->conn) && request->out.framing != HTTP_BODY_NONE &&
	       !request->tunnel;
}

/* What can leave does so at once. Mostly that is all: the pipe is free for others, and no side need
 * ask the kernel to be woken. If the client is gone, the end of the turn finds out. */
static int send_pipe(struct responder *responder, struct splice_pipe *pipe)
{
	struct h1_request *request = request_of(responder);
	struct h1_servers *servers = request->server->servers;
	bool was_empty = h1_out_empty(&request->out);
	uint64_t before = request->out.outlet.n_written;
	int r = h1_out_pipe(&request->out, pipe);

	if (r == 0)
		h1_out_flush(&request->out, request->server->conn, false);
	if (was_empty || before != request->out.outlet.n_written)
		request->write_at = mono_add_ms(loop_now(servers->maker->loop),
						servers->limits.write_timeout_ms);
	request->starved = request->out.pipe != NULL;
	h1_server_run_later(request);
	return err_pass(r);
}

static void set_trailers(struct responder *responder, const struct http_head *trailers)
{
	request_of(responder)->out.trailers = trailers;
}

static void want_body(struct responder *responder)
{
	struct h1_request *request = request_of(responder);
	struct h1_servers *servers = request->server->servers;

	if (request->body_told || request->wants_body || request->broken ||
	    request->head.body == HTTP_BODY_NONE)
		return;
	request->wants_body = true;
	request->read_at =
		mono_add_ms(loop_now(servers->maker->loop), servers->limits.body_timeout_ms);
	if (request->continue_due && !request->head_sent && h1_in_left(&request->in).len == 0)
		h1_out_text(&request->out, SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
	request->continue_due &= request->head_sent;
	h1_server_run_later(request);
}

static void respond_abort(struct responder *responder, enum close_reason reason)
{
	struct h1_request *request = request_of(responder);

	(void)reason; /* the exchange has it in its log line */
	request->exchange = NULL;
	request->wants_body = false;
	request->out.pipe = NULL;
	request->server->state = H1_SERVER_CLOSING;
	request->server->cut = true;
	h1_server_run_later(request);
}

static struct conn *respond_conn(struct responder *responder)
{
	return request_of(responder)->server->conn;
}

const struct responder_ops h1_responder_ops = {
	.send_interim = send_interim,
	.send_head = send_head,
	.send_body = send_body,
	.takes_pipes = takes_pipes,
	.send_pipe = send_pipe,
	.set_trailers = set_trailers,
	.want_body = want_body,
	.abort = respond_abort,
	.conn = respond_conn,
};
