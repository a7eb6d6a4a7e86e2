/* SPDX-License-Identifier: Apache-2.0
 *
 * meridian-origin: a small origin for demos and drills: it answers every request with the region
 * and the server that it was told to be. It speaks HTTP with the edge's own server side.
 *
 *     meridian-origin --listen 127.0.0.1:9000 --region eu-west --server origin-1
 */
#include <getopt.h>
#include <stdio.h>

#include "core/log.h"
#include "core/net/sock.h"
#include "core/obj.h"
#include "core/process.h"
#include "edge/listen/listener.h"
#include "edge/report/edge_metrics.h"

enum { MAX_BLOCKS = 1024, MAX_CONNS = 10000, HANDSHAKE_MS = 5000 };

struct origin {
	const char *region, *server;
	struct addr listen;
	struct loop *loop;
	struct process *process;
	struct slab *slab;
	struct listener *listener;
};

/* One request. Its body, if any, is read and dropped; then the answer goes out. */
struct visit {
	struct responder *responder;
	struct origin *origin;
	struct arena *arena;
	struct span path;
	bool is_head, answered;
	uint64_t body_bytes;
	struct chain answer;
};

/* False: no memory, nothing was sent. */
static bool send_answer(struct visit *visit)
{
	struct block *block = slab_take(visit->origin->slab);
	struct http_head head;

	visit->answered = true;
	if (!block || http_head_init(&head, visit->arena) < 0) {
		if (block)
			block_unref(block);
		return false;
	}
	head.status = 200;
	head.version_major = head.version_minor = 1;
	int n = snprintf((char *)block->bytes, BLOCK_BYTES,
			 "region=%s server=%s path=%.*s body_bytes=%llu\n", visit->origin->region,
			 visit->origin->server, (int)MIN(visit->path.len, (size_t)1024),
			 (const char *)visit->path.at, (unsigned long long)visit->body_bytes);
	block->len = (uint32_t)n;
	head.body = visit->is_head ? HTTP_BODY_NONE : HTTP_BODY_LENGTH;
	head.body_length = block->len;
	head.has_length = true;
	head.reason = http_status_reason(head.status);
	http_head_add(&head, HTTP_NAME_CONTENT_TYPE, SPAN_LIT("text/plain"));
	chain_push_block(&visit->answer, block, 0, block->len);
	block_unref(block);
	visit->responder->ops->send_head(visit->responder, &head, visit->is_head);
	if (visit->is_head)
		chain_clear(&visit->answer);
	else
		visit->responder->ops->send_body(visit->responder, &visit->answer, true);
	return true;
}

static void visit_end(struct visit *visit)
{
	chain_clear(&visit->answer);
	free(visit);
}

static void on_body(void *arg, struct chain *body, bool end)
{
	struct visit *visit = arg;

	visit->body_bytes += body->bytes;
	chain_clear(body);
	if (!end) {
		visit->responder->ops->want_body(visit->responder);
		return;
	}
	if (!visit->answered && !send_answer(visit)) {
		visit->responder->ops->abort(visit->responder, REASON_MEMORY);
		visit_end(visit);
	}
}

static void on_writable(void *arg)
{
	struct visit *visit = arg;

	visit->responder->ops->send_body(visit->responder, &visit->answer, true);
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	(void)arg, (void)trailers; /* the page says nothing of them */
}

static void on_fault(void *arg, enum close_reason reason)
{
	struct visit *visit = arg;
	struct http_head head;

	visit->answered = true;
	if (http_head_init(&head, visit->arena) == 0) {
		head.status = (uint16_t)reason_status(reason);
		head.reason = http_status_reason(head.status);
		head.body = HTTP_BODY_LENGTH;
		head.has_length = true;
		if (visit->responder->ops->send_head(visit->responder, &head, true) == 0)
			return;
	}
	visit->responder->ops->abort(visit->responder, REASON_MEMORY);
	visit_end(visit);
}

static void on_gone(void *arg, enum close_reason reason)
{
	(void)reason;
	visit_end(arg);
}

static void on_sent(void *arg)
{
	visit_end(arg);
}

static const struct request_events visit_events = {
	.on_body = on_body,
	.on_trailers = on_trailers,
	.on_writable = on_writable,
	.on_fault = on_fault,
	.on_gone = on_gone,
	.on_sent = on_sent,
};

static void *visit_begin(void *arg, struct responder *responder, struct http_head *head,
			 enum close_reason fault, struct arena *arena,
			 const struct request_events **ret_events)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (!visit)
		return NULL;
	visit->responder = responder;
	visit->origin = arg;
	visit->arena = arena;
	visit->path = head->path;
	visit->is_head = head->method == HTTP_METHOD_HEAD;
	*ret_events = &visit_events;
	if (fault != REASON_DONE)
		on_fault(visit, fault);
	else if (head->body != HTTP_BODY_NONE) {
		responder->ops->want_body(responder);
	} else if (!send_answer(visit)) {
		free(visit);
		return NULL; /* the server side answers 500 */
	}
	return visit;
}

static void on_empty(void *arg)
{
	struct origin *origin = arg;

	loop_stop(origin->loop);
}

static void on_stop(void *arg, bool at_once)
{
	struct origin *origin = arg;

	if (at_once)
		loop_stop(origin->loop);
	else
		listener_drain(origin->listener);
}

static void on_nothing(void *arg)
{
	(void)arg;
}

static int serve(struct origin *origin, struct sock_registry *socks, struct metric_block *metrics)
{
	const struct process_handlers handlers = { on_stop, on_nothing, on_nothing, origin };
	const struct sock_wish wish = { .purpose = "http",
					.type = SOCK_TYPE_STREAM,
					.addr = origin->listen };
	const struct exchange_maker maker = { visit_begin, origin, origin->slab, origin->loop,
					      metrics };
	const struct listener_conf conf = { .http1 = h1_server_limits_usual,
					    .http2 = h2_limits_usual,
					    .handshake_timeout_ms = HANDSHAKE_MS,
					    .max_conns = MAX_CONNS };
	struct addr got;
	int fd;

	int r = sock_get(socks, &wish, &fd, &got);
	if (r < 0) {
		sock_error_log(&wish, r);
		return r;
	}
	const struct listener_setup setup = { "origin", &fd, 1, &maker, on_empty, origin };
	r = process_new(origin->loop, &handlers, &origin->process);
	if (r == 0)
		r = listener_open(&setup, &conf, &origin->listener);
	if (r == 0)
		r = loop_run(origin->loop);
	listener_close(origin->listener);
	process_free(origin->process);
	conn_end_lingering(origin->loop);
	return r;
}

static bool options_read(int argc, char **argv, struct origin *origin)
{
	static const struct option known[] = { { "listen", required_argument, NULL, 'l' },
					       { "region", required_argument, NULL, 'r' },
					       { "server", required_argument, NULL, 's' },
					       { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'l' && !addr_parse(span_str(optarg), &origin->listen))
			return false;
		if (c == 'r')
			origin->region = optarg;
		if (c == 's')
			origin->server = optarg;
		if (c == '?')
			return false;
	}
	return optind == argc && origin->listen.len && origin->region && origin->server;
}

int main(int argc, char **argv)
{
	struct origin origin = { 0 };
	struct sock_registry *socks = NULL;
	struct metric_block *metrics = NULL;

	if (!options_read(argc, argv, &origin)) {
		fputs("usage: meridian-origin --listen ADDRESS:PORT --region NAME --server NAME\n",
		      stderr);
		return PROCESS_EXIT_USAGE;
	}
	int r = loop_new("origin", &origin.loop);
	if (r == 0)
		r = slab_new(MAX_BLOCKS, &origin.slab);
	if (r == 0)
		r = sock_registry_new(&socks);
	if (r == 0)
		r = edge_metrics_new(&metrics);
	if (r == 0)
		r = serve(&origin, socks, metrics);
	sock_registry_free(socks);
	metric_block_free(metrics);
	slab_free(origin.slab);
	loop_free(origin.loop);
	metrics_reset();
	return r < 0 ? PROCESS_EXIT_FAILED : PROCESS_EXIT_OK;
}
