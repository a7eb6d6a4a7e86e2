/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_h2_session: the bytes of a client after its preface, served by h2_server over a pair of
 * sockets. Exchanges read their body and answer; some paths do not answer, some answer at once.
 */
#include <fcntl.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_server.h"
#include "edge/report/edge_metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_TURNS = 64 };

static struct loop *loop;
static struct slab *slab;
static struct metric_block *metrics;

struct visit {
	struct responder *responder;
	struct arena *arena;
};

static void visit_answer(struct visit *visit)
{
	static const uint8_t text[] = "an answer";
	struct http_head *head = ARENA_NEW(visit->arena, struct http_head);
	struct chain chain = { 0 };

	if (!head || http_head_init(head, visit->arena) < 0)
		return;
	head->status = 200;
	head->body = HTTP_BODY_STREAM;
	if (visit->responder->ops->send_head(visit->responder, head, false) < 0)
		return;
	chain_push(&chain, (struct slice){ text, sizeof(text) - 1, NULL });
	visit->responder->ops->send_body(visit->responder, &chain, true);
	chain_clear(&chain);
}

static void on_body(void *arg, struct chain *body, bool end)
{
	chain_drop(body, body->bytes > 3 ? body->bytes / 2 : body->bytes);
	if (end && chain_empty(body))
		visit_answer(arg);
	else if (!chain_empty(body))
		((struct visit *)arg)->responder->ops->want_body(((struct visit *)arg)->responder);
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	(void)arg;
	MUST(trailers->n_fields <= HTTP_MAX_FIELDS);
}

static void on_writable(void *arg)
{
	(void)arg;
}

static void on_gone(void *arg, enum close_reason reason)
{
	(void)reason;
	free(arg);
}

static const struct request_events events = { on_body, on_trailers, on_writable, on_gone, free };

static void *begin(void *arg, struct responder *responder, struct http_head *head,
		   struct arena *arena, const struct request_events **ret_events)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	(void)arg;
	if (!visit)
		return NULL;
	*visit = (struct visit){ responder, arena };
	*ret_events = &events;
	if (head->path.len % 3 == 0)
		visit_answer(visit);
	else if (head->path.len % 3 == 1)
		responder->ops->want_body(responder);
	return visit;
}

static void once(void)
{
	if (loop)
		return;
	MUST(loop_new("fuzz", &loop) == 0 && slab_new(256, &slab) == 0 &&
	     edge_metrics_new(&metrics) == 0);
}

static void on_nothing(struct conn *conn, void *arg)
{
	(void)conn, (void)arg;
}

static const struct conn_events nothing = { on_nothing, on_nothing, on_nothing, on_nothing,
					    on_nothing };

/* All that came back is read and dropped. */
static void drain(int fd)
{
	uint8_t sink[65536];

	while (read(fd, sink, sizeof(sink)) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h2_limits limits = h2_limits_usual;
	struct h2_servers servers;
	struct conn *conn;
	int fds[2];

	once();
	limits.max_streams = 16;
	const struct exchange_maker maker = { begin, NULL, slab, loop, metrics };
	h2_servers_init(&servers, &maker, &limits);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	const struct addr from = { .len = 0 };
	MUST(conn_accept(loop, fds[0], &from, NULL, &nothing, NULL, &conn) == 0);
	MUST(loop_turn(loop, 0) == 0);
	MUST(h2_server_begin(&servers, conn, H2_PREFACE) == 0);
	for (int i = 0; i < MAX_TURNS && (size || i < 4); i++) {
		/* In pieces of many sizes. */
		size_t n = MIN(size, (size_t)1 + (size_t)i * 37);
		ssize_t sent = n ? send(fds[1], data, n, MSG_NOSIGNAL) : 0;
		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
		} else if (n && errno != EAGAIN) {
			size = 0;
		}
		MUST(loop_turn(loop, 0) == 0);
		drain(fds[1]);
	}
	h2_servers_close(&servers, REASON_SHUTDOWN);
	h2_servers_fini(&servers);
	conn_end_lingering(loop);
	close(fds[1]);
	MUST(slab_n_out(slab) == 0);
	return 0;
}
