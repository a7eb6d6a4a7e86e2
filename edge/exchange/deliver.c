/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver: the way back to the client: an origin's response as it comes, or an answer of our own.
 *
 * Nothing is held here. What the responder has no room for stays with the requester, which stops
 * reading; when there is room the responder says so, and we ask the requester to go on. A pipe is
 * ours while the responder empties it, so that what it has not sent is known at the end.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/exchange/exchange_priv.h"
#include "edge/exchange/grpc.h"
#include "edge/exchange/serve.h"
#include "edge/exchange/tunnel.h"
#include "edge/report/edge_metrics.h"

/* ---- answers of our own ------------------------------------------------------------------------
 */

int exchange_head_finish(const struct exchange *x, struct http_head *head)
{
	static const struct span hsts = { (const uint8_t *)"Strict-Transport-Security", 25 };

	if (!x->service || !x->service->hsts.len || !conn_is_tls(x->conn))
		return 0;
	http_head_remove_other(head, hsts);
	return err_pass(http_head_add_other(head, hsts, x->service->hsts));
}

static int own_head_make(struct exchange *x, unsigned status, struct span content_type,
			 struct span body, struct http_head **ret_head)
{
	bool has_body = http_status_has_body(status);
	struct http_head *head = ARENA_NEW(x->arena, struct http_head);
	int r = head ? http_head_init(head, x->arena) : err_new(-ENOBUFS);

	if (r < 0)
		return err_pass(r);
	head->status = (uint16_t)status;
	head->reason = http_status_reason(status);
	head->version_major = 1;
	head->version_minor = 1;
	head->has_length = has_body;
	head->body_length = body.len;
	head->body = has_body && x->request->method != HTTP_METHOD_HEAD ? HTTP_BODY_LENGTH
									: HTTP_BODY_NONE;
	if (has_body && content_type.len)
		r = http_head_add(head, HTTP_NAME_CONTENT_TYPE, content_type);
	if (r == 0 && status == 405) /* RFC 9110 15.5.6 */
		r = http_head_add_other(head, SPAN_LIT("Allow"),
					SPAN_LIT("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
	if (r == 0)
		r = exchange_head_finish(x, head);
	*ret_head = head;
	return err_pass(r);
}

/* NULL: there was no memory for it, which step_deliver() sees. */
static void own_head_take(struct exchange *x, const struct http_head *head, struct span body)
{
	MUST(!x->begun);
	lookup_leave(x); /* what it brings comes too late */
	x->own = true;
	x->response = head;
	x->own_body = head && head->body == HTTP_BODY_LENGTH ? body : SPAN_NONE;
	exchange_goto(x, EXCHANGE_DELIVER);
	loop_defer_soon(x->env->loop, &x->task);
}

void exchange_answer(struct exchange *x, unsigned status, struct span content_type,
		     struct span body)
{
	struct http_head *head = NULL;

	if (own_head_make(x, status, content_type, body, &head) < 0) {
		x->reason = REASON_MEMORY;
		head = NULL;
	}
	own_head_take(x, head, body);
}

static void grpc_answer(struct exchange *x, enum close_reason reason)
{
	struct http_head *head = NULL;
	int r = own_head_make(x, 200, SPAN_NONE, SPAN_NONE, &head);

	if (r == 0) {
		MUST(head);
		head->body = HTTP_BODY_NONE;
		head->has_length = false; /* no body, and not one that is empty */
		r = grpc_refuse(head, reason_status(reason), reason_help(reason));
	}
	x->reason = r < 0 ? REASON_MEMORY : reason;
	own_head_take(x, r < 0 ? NULL : head, SPAN_NONE);
}

/* ---- error pages -------------------------------------------------------------------------------
 */

static const struct error_page *page_find(const struct exchange *x, unsigned status)
{
	const struct exchange_world *world = x->world;
	const struct error_page *page = NULL;

	if (!world->error_pages)
		return NULL;
	if (x->service) {
		size_t i = (size_t)(x->service->conf - world->service_confs);
		page = error_pages_find(world->error_pages[i + 1], status);
	}
	return page ? page : error_pages_find(world->error_pages[0], status);
}

/* What a status demands beside its page (RFC 9110 11.6.1, 15.5.6, 10.2.3) is the origin's to say.
 */
static int demands_keep(struct http_head *head, const struct http_head *theirs)
{
	static const struct span names[] = {
		{ (const uint8_t *)"WWW-Authenticate", 16 },
		{ (const uint8_t *)"Proxy-Authenticate", 18 },
		{ (const uint8_t *)"Allow", 5 },
		{ (const uint8_t *)"Retry-After", 11 },
	};
	int r = 0;

	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		http_head_remove_other(head, names[n]);
		for (size_t i = 0; r == 0 && i < theirs->n_fields; i++) {
			if (span_ieq(theirs->fields[i].name, names[n]))
				r = http_head_add_found(head, theirs->fields[i]);
		}
	}
	return err_pass(r);
}

/* False: there is none, or no room for it. `theirs`: the origin's head whose place it takes; NULL:
 * none. */
static bool page_answer(struct exchange *x, const struct error_page *page,
			const struct http_head *theirs)
{
	struct http_head *head = NULL;
	struct facts facts;

	if (!page)
		return false;
	exchange_facts(x, &facts);
	facts.status = page->status;
	facts.escape = FACTS_ESCAPE_HTML;
	struct span body = var_expand(page->body, &facts, x->arena);
	if (!body.at)
		return false;
	int r = own_head_make(x, page->status, span_str(page->content_type), body, &head);
	if (r == 0 && theirs)
		r = demands_keep(head, theirs);
	if (r < 0)
		x->reason = REASON_MEMORY;
	own_head_take(x, r < 0 ? NULL : head, body);
	return true;
}

/* An origin's error whose page is ours; gRPC's library looks at no page. */
static bool page_intercept(struct exchange *x, const struct http_head *head)
{
	const struct error_page *page = head->status >= 400 ? page_find(x, head->status) : NULL;

	return page && page->intercept && !grpc_is(x->request) && page_answer(x, page, head);
}

void exchange_refuse(struct exchange *x, enum close_reason reason)
{
	unsigned status = reason_status(reason);

	if (grpc_is(x->request)) {
		grpc_answer(x, reason);
		return;
	}
	const char *page = arena_printf(x->arena, "%u %.*s: %s\n", status,
					SPAN_FMT(http_status_reason(status)), reason_help(reason));

	MUST(status != 0);
	x->reason = reason;
	if (page_answer(x, page_find(x, status), NULL))
		return;
	exchange_answer(x, status, SPAN_LIT("text/plain; charset=utf-8"),
			page ? span_str(page) : SPAN_NONE);
}

void exchange_fail(struct exchange *x, enum close_reason reason)
{
	if (x->state == EXCHANGE_FETCH || x->state == EXCHANGE_BUFFER ||
	    x->state == EXCHANGE_LOOKUP) {
		exchange_refuse(x, reason);
		return;
	}
	/* The conn, which the log asks, stands until the abort; the exchange does not. */
	struct responder *responder = x->responder;
	x->reason = reason;
	exchange_goto(x, EXCHANGE_FINISH);
	exchange_run(x);
	responder->ops->abort(responder, reason);
}

static void own_body_push(struct exchange *x)
{
	struct chain body = { 0 };
	size_t before = x->own_body.len;

	/* A span is static, or in the arena, which lives as long as the responder. */
	chain_push(&body, (struct slice){ x->own_body.at, (uint32_t)before, NULL });
	if (x->responder->ops->send_body(x->responder, &body, true) < 0) {
		chain_clear(&body);
		exchange_fail(x, REASON_MEMORY);
		return;
	}
	size_t sent = before - body.bytes;
	x->response_bytes += sent;
	x->own_body = span_from(x->own_body, sent);
	chain_clear(&body);
}

/* The machine gets here by itself only for an answer of our own, and for one that is stored. */
enum exchange_step step_deliver(struct exchange *x)
{
	if (!x->own && x->lookup && x->lookup->served)
		return serve_step(x);
	MUST(x->own && !x->begun);
	if (!x->response) {
		exchange_fail(x, REASON_MEMORY);
		return STEP_WAIT;
	}
	if (x->responder->ops->send_head(x->responder, x->response, x->own_body.len == 0) < 0) {
		exchange_fail(x, REASON_MEMORY);
		return STEP_WAIT;
	}
	x->begun = true;
	if (x->own_body.len)
		own_body_push(x);
	return STEP_WAIT;
}

void exchange_stir(struct exchange *x)
{
	if (x->state == EXCHANGE_TUNNEL)
		loop_timer_set(&x->total,
			       mono_add_ms(loop_now(x->env->loop), x->world->tunnel_idle_ms));
}

void exchange_pipe_drop(struct exchange *x)
{
	struct splice_pipe *pipe = TAKE(x->pipe);

	if (!pipe)
		return;
	x->response_bytes -= pipe->bytes;
	x->piped_bytes -= pipe->bytes;
	splice_give(pipe);
}

void exchange_pump(struct exchange *x)
{
	if (!x->begun)
		return;
	MUST(!x->pipe || !x->pipe->bytes);
	exchange_pipe_drop(x);
	if (!x->own && x->lookup && x->lookup->served)
		(void)serve_step(x);
	else if (!x->own)
		fetch_want_body(x->fetch);
	else if (x->own_body.len)
		own_body_push(x);
}

/* ---- what the fetch says -----------------------------------------------------------------------
 */

/* After our own answer was begun the origin's comes too late (a timeout, say). */
static bool is_late(const struct exchange *x)
{
	return x->own;
}

static void on_interim(void *arg, const struct http_head *head)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	/* RFC 9110 15.2: not to a client of HTTP/1.0. */
	bool understands = x->request->version_major > 1 || x->request->version_minor > 0;
	if (!is_late(x) && understands)
		x->responder->ops->send_interim(x->responder, head);
}

/* Both heads have been said. */
static void tunnel_begin(struct exchange *x)
{
	metric_add(x->env->metrics, EDGE_METRIC_TUNNELS, 1);
	metric_move(x->env->metrics, EDGE_METRIC_TUNNELS_OPEN, 1);
	loop_timer_stop(&x->total);
	exchange_stir(x);
	x->responder->ops->want_body(x->responder);
}

static void on_head(void *arg, struct http_head *head, bool end)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);
	const struct responder_ops *ops = x->responder->ops;

	if (is_late(x))
		return;
	x->first_byte_us = mono_diff_us(loop_now(x->env->loop), x->began_at);
	int r = x->upgrade.len || head->body == HTTP_BODY_TUNNEL
			? tunnel_judge(x->request, x->upstream, head, fetch_arena(x->fetch))
			: TUNNEL_NONE;
	if (r < 0 || r == TUNNEL_BROKEN) {
		exchange_fail(x, r < 0 ? REASON_MEMORY : REASON_ORIGIN_MALFORMED);
		return;
	}
	if (page_intercept(x, head))
		return;
	if (x->route->cache)
		lookup_heard(x, head);
	x->response = head;
	exchange_goto(x, r == TUNNEL_OPEN ? EXCHANGE_TUNNEL : EXCHANGE_DELIVER);
	if (forward_response(x->world->forward, head, fetch_arena(x->fetch)) < 0 ||
	    exchange_head_finish(x, head) < 0 || serve_status_add(x, head) < 0 ||
	    ops->send_head(x->responder, head, end) < 0) {
		exchange_fail(x, REASON_MEMORY);
		return;
	}
	x->begun = true;
	if (x->state == EXCHANGE_TUNNEL)
		tunnel_begin(x);
	else if (x->env->pipes && ops->takes_pipes && ops->takes_pipes(x->responder))
		fetch_use_pipes(x->fetch, x->env->pipes);
	if (!end)
		fetch_want_body(x->fetch);
}

static void on_fetch_body(void *arg, struct chain *body, bool end)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);
	size_t before = body->bytes;

	if (is_late(x)) {
		chain_clear(body);
		return;
	}
	int r = x->responder->ops->send_body(x->responder, body, end);
	x->response_bytes += before - body->bytes;
	exchange_stir(x);
	if (r < 0)
		exchange_fail(x, REASON_MEMORY);
}

static void on_fetch_pipe(void *arg, struct splice_pipe *pipe)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	MUST(!x->pipe && !is_late(x));
	x->pipe = pipe;
	x->response_bytes += pipe->bytes;
	x->piped_bytes += pipe->bytes;
	if (x->responder->ops->send_pipe(x->responder, pipe) < 0)
		exchange_fail(x, REASON_MEMORY);
	else if (!pipe->bytes)
		exchange_pump(x);
}

static void on_fetch_trailers(void *arg, const struct http_head *trailers)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	if (!is_late(x))
		x->responder->ops->set_trailers(x->responder, trailers);
}

/* The request's body, which was read whole. */
static void buffer_give(struct exchange *x)
{
	bool last = false;

	if (x->trailers)
		fetch_set_trailers(x->fetch, x->trailers);
	while (!last) {
		struct chain *body = body_buffer_give(x->buffer, &last);
		if (fetch_send_body(x->fetch, body, last) < 0) {
			exchange_fail(x, REASON_MEMORY);
			return;
		}
		if (!chain_empty(body))
			return; /* until on_ready() */
	}
}

static void on_ready(void *arg)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	if (is_late(x))
		return;
	if (x->buffer)
		buffer_give(x);
	else
		x->responder->ops->want_body(x->responder);
}

static void on_fetch_failed(void *arg, enum close_reason reason)
{
	struct exchange *x = OBJ_CAST(struct exchange, arg, EXCHANGE_KIND);

	if (!is_late(x))
		exchange_fail(x, reason);
}

const struct fetch_events exchange_fetch_events = {
	.on_interim = on_interim,
	.on_head = on_head,
	.on_body = on_fetch_body,
	.on_pipe = on_fetch_pipe,
	.on_trailers = on_fetch_trailers,
	.on_ready = on_ready,
	.on_failed = on_fetch_failed,
};
