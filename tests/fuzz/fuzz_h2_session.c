/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_h2_session: a client after its preface, served by h2_server over a pair of sockets. The
 * first byte says how the rest is used: as the bytes of the wire, or as frames in short form (type,
 * flags, stream, length, payload) that are given their header here; and whether the server is
 * drained on the way, the client reads nothing, or blocks are few. Exchanges do what the length of
 * the path says. What comes back must be frames of an order that RFC 9113 5.1 allows.
 */
#include <fcntl.h>
#include <nghttp2/nghttp2.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_server.h"
#include "edge/report/edge_metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MAX_TURNS = 96,
	SLAB_BLOCKS = 256,
	LONG_BYTES = 200000,
	IN_BYTES = 1 << 17,
	OUT_BYTES = 1 << 20,
	MAX_SEEN = 4096,
	HOW_FRAMES = 0x01,
	HOW_DRAIN = 0x02,
	HOW_DEAF = 0x04,
	HOW_SCARCE = 0x08,
	HOW_SLOW = 0x10,
};

static struct loop *loop;
static struct slab *slab;
static struct metric_block *metrics;

/* ---- exchanges ---------------------------------------------------------------------------------
 */

struct visit {
	struct responder *responder;
	struct arena *arena;
	size_t left;
	bool trailers;
};

static struct http_head *head_new(struct visit *visit, unsigned status, enum http_body body)
{
	struct http_head *head = ARENA_NEW(visit->arena, struct http_head);

	if (!head || http_head_init(head, visit->arena) < 0)
		return NULL;
	head->status = (uint16_t)status;
	head->body = body;
	return head;
}

static void visit_push(struct visit *visit)
{
	static const uint8_t bytes[4096];

	while (visit->left) {
		struct chain chain = { 0 };
		size_t n = MIN(visit->left, sizeof(bytes));
		chain_push(&chain, (struct slice){ bytes, (uint32_t)n, NULL });
		if (n == visit->left && visit->trailers) {
			struct http_head *trailers = head_new(visit, 0, HTTP_BODY_NONE);
			if (trailers &&
			    http_head_add_other(trailers, SPAN_LIT("X-Sum"), SPAN_LIT("1")) == 0)
				visit->responder->ops->set_trailers(visit->responder, trailers);
			visit->trailers = false;
		}
		visit->responder->ops->send_body(visit->responder, &chain, n == visit->left);
		visit->left -= n - chain.bytes;
		bool stayed = !chain_empty(&chain);
		chain_clear(&chain);
		if (stayed)
			return;
	}
}

static void visit_answer(struct visit *visit, size_t n)
{
	struct http_head *head = head_new(visit, 200, n ? HTTP_BODY_STREAM : HTTP_BODY_NONE);

	if (!head || visit->responder->ops->send_head(visit->responder, head, n == 0) < 0)
		return;
	visit->left = n;
	visit_push(visit);
}

static void visit_hint(struct visit *visit)
{
	struct http_head *head = head_new(visit, 103, HTTP_BODY_NONE);

	if (head)
		visit->responder->ops->send_interim(visit->responder, head);
}

static void visit_tunnel(struct visit *visit)
{
	struct http_head *head = head_new(visit, 101, HTTP_BODY_TUNNEL);

	if (head && visit->responder->ops->send_head(visit->responder, head, false) == 0)
		visit->responder->ops->want_body(visit->responder);
	visit->left = 0;
}

/* Takes half, as who has little room. */
static void on_body(void *arg, struct chain *body, bool end)
{
	struct visit *visit = arg;

	chain_drop(body, body->bytes > 3 ? body->bytes / 2 : body->bytes);
	if (end && chain_empty(body) && visit->left == SIZE_MAX) {
		visit_answer(visit, 9);
	} else if (!chain_empty(body)) {
		visit->responder->ops->want_body(visit->responder);
	}
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	(void)arg;
	MUST(trailers->n_fields <= HTTP_MAX_FIELDS);
}

static void on_writable(void *arg)
{
	visit_push(arg);
}

static void on_gone(void *arg, enum close_reason reason)
{
	(void)reason;
	free(arg);
}

static void on_fault(void *arg, enum close_reason reason)
{
	(void)reason;
	visit_answer(arg, 0);
}

static const struct request_events events = { on_body,  on_trailers, on_writable,
					      on_fault, on_gone,     free };

/* Nothing that HTTP/1.1 would read otherwise. */
static void head_check(const struct http_head *head)
{
	MUST(head->method_text.len && head->target.len && head->host.len);
	for (size_t i = 0; i < head->target.len; i++)
		MUST(head->target.at[i] > ' ' && head->target.at[i] != 0x7f);
	for (size_t i = 0; i < head->n_fields; i++) {
		struct span value = head->fields[i].value;
		MUST(head->fields[i].name.len && head->fields[i].name.at[0] != ':');
		for (size_t k = 0; k < value.len; k++)
			MUST(value.at[k] >= ' ' || value.at[k] == '\t');
	}
}

static void *begin(void *arg, struct responder *responder, struct http_head *head,
		   enum close_reason fault, struct arena *arena,
		   const struct request_events **ret_events)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	(void)arg;
	if (fault == REASON_DONE)
		head_check(head);
	if (!visit)
		return NULL;
	*visit = (struct visit){ .responder = responder, .arena = arena };
	*ret_events = &events;
	if (fault != REASON_DONE) {
		visit_answer(visit, 0);
		return visit;
	}
	if (head->upgrade.len) {
		visit_tunnel(visit);
		return visit;
	}
	switch (head->path.len % 8) {
	case 1: /* "/": the body, then an answer */
		visit->left = SIZE_MAX;
		responder->ops->want_body(responder);
		break;
	case 2:
		visit_answer(visit, 9);
		break;
	case 3:
		visit->trailers = true;
		visit_answer(visit, 5000);
		break;
	case 4:
		visit_answer(visit, LONG_BYTES);
		break;
	case 5:
		visit_hint(visit);
		visit_answer(visit, 0);
		break;
	case 6:
		visit_answer(visit, LONG_BYTES);
		responder->ops->abort(responder, REASON_ORIGIN_CLOSED);
		free(visit);
		return &metrics; /* it has ended already, and is not called any more */
	default:                 /* no answer ever */
		break;
	}
	return visit;
}

/* ---- what comes back ---------------------------------------------------------------------------
 */

struct seen {
	uint8_t *bytes;
	size_t n, looked;
	nghttp2_hd_inflater *inflater;
	bool headed[MAX_SEEN], ended[MAX_SEEN];
	uint32_t goaway;
};

static void block_check(struct seen *seen, struct span block)
{
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n =
			nghttp2_hd_inflate_hd2(seen->inflater, &nv, &flags, block.at, block.len, 1);
		MUST(n >= 0);
		block = span_from(block, (size_t)n);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	MUST(nghttp2_hd_inflate_end_headers(seen->inflater) == 0);
}

static void frame_check(struct seen *seen, const struct h2_header *header, struct span payload)
{
	uint32_t id = header->stream_id;
	bool ends = header->flags & H2_FLAG_END_STREAM;

	MUST(h2_header_check(header) == H2_NO_ERROR);
	if (header->type == H2_GOAWAY) {
		MUST((h2_u32(payload.at) & H2_STREAM_MAX) <= seen->goaway);
		seen->goaway = h2_u32(payload.at) & H2_STREAM_MAX;
	}
	if (header->type == H2_HEADERS) {
		MUST(header->flags & H2_FLAG_END_HEADERS);
		block_check(seen, payload);
	}
	if (id >= MAX_SEEN || (header->type != H2_HEADERS && header->type != H2_DATA))
		return;
	MUST(!seen->ended[id] && (header->type == H2_HEADERS || seen->headed[id]));
	seen->headed[id] = true;
	seen->ended[id] = ends;
}

static void look(struct seen *seen, int fd)
{
	ssize_t n;

	while ((n = read(fd, seen->bytes + seen->n, OUT_BYTES - seen->n)) > 0)
		seen->n += (size_t)n;
	for (;;) {
		struct span left = span_of(seen->bytes + seen->looked, seen->n - seen->looked);
		if (left.len < H2_HEADER_BYTES)
			break;
		struct h2_header header = h2_header_read(left);
		if (left.len < H2_HEADER_BYTES + header.length)
			break;
		frame_check(seen, &header,
			    span_first(span_from(left, H2_HEADER_BYTES), header.length));
		seen->looked += H2_HEADER_BYTES + header.length;
	}
	memmove(seen->bytes, seen->bytes + seen->looked, seen->n - seen->looked);
	seen->n -= seen->looked;
	seen->looked = 0;
}

/* ---- what is sent ------------------------------------------------------------------------------
 */

/* Frames in short form: type, flags, stream, length, payload. */
static size_t frames_expand(struct span in, uint8_t *out)
{
	size_t n = 0;

	while (in.len >= 4 && n + H2_HEADER_BYTES + 255 < IN_BYTES) {
		struct span payload = span_first(span_from(in, 4), in.at[3]);
		const struct h2_header header = { (uint32_t)payload.len, in.at[0], in.at[1],
						  in.at[2] };
		h2_header_put(out + n, &header);
		if (payload.len)
			memcpy(out + n + H2_HEADER_BYTES, payload.at, payload.len);
		n += H2_HEADER_BYTES + payload.len;
		in = span_from(in, 4 + payload.len);
	}
	return n;
}

static void once(void)
{
	if (loop)
		return;
	MUST(loop_new("fuzz", &loop) == 0 && slab_new(SLAB_BLOCKS, &slab) == 0 &&
	     edge_metrics_new(&metrics) == 0);
}

static void on_nothing(struct conn *conn, void *arg)
{
	(void)conn, (void)arg;
}

static const struct conn_events nothing = { on_nothing, on_nothing, on_nothing, on_nothing,
					    on_nothing };

static void play(struct h2_servers *servers, struct span in, uint8_t how, int fd)
{
	struct seen seen = { .goaway = H2_STREAM_MAX, .bytes = malloc(OUT_BYTES) };

	MUST(seen.bytes && nghttp2_hd_inflate_new(&seen.inflater) == 0);
	for (int i = 0; i < MAX_TURNS && (in.len || i < 4); i++) {
		/* In pieces of many sizes. */
		size_t n = MIN(in.len, how & HOW_SLOW ? (size_t)1 + (size_t)i * 7 : (size_t)16384);
		ssize_t sent = n ? send(fd, in.at, n, MSG_NOSIGNAL) : 0;
		if (sent > 0)
			in = span_from(in, (size_t)sent);
		else if (n && errno != EAGAIN)
			in.len = 0;
		if (i == 8 && (how & HOW_DRAIN))
			h2_servers_drain(servers);
		MUST(loop_turn(loop, 0) == 0);
		if (!(how & HOW_DEAF))
			look(&seen, fd);
	}
	nghttp2_hd_inflate_del(seen.inflater);
	free(seen.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t expanded[IN_BYTES];
	struct block *taken[SLAB_BLOCKS];
	struct h2_limits limits = h2_limits_usual;
	struct h2_servers servers;
	size_t n_taken = 0;
	struct conn *conn;
	int fds[2];

	if (size == 0)
		return 0;
	once();
	uint8_t how = data[0];
	struct span in = span_of(data + 1, size - 1);
	if (how & HOW_FRAMES)
		in = span_of(expanded, frames_expand(in, expanded));
	limits.max_streams = 16;
	limits.drain_grace_ms = 0;
	const struct exchange_maker maker = { begin, NULL, slab, loop, metrics };
	h2_servers_init(&servers, &maker, &limits);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	const struct addr from = { .len = 0 };
	MUST(conn_accept(loop, fds[0], &from, NULL, &nothing, NULL, &conn) == 0);
	MUST(loop_turn(loop, 0) == 0);
	while ((how & HOW_SCARCE) && slab_n_out(slab) < SLAB_BLOCKS - 4)
		MUST(taken[n_taken++] = slab_take(slab));
	MUST(h2_server_begin(&servers, conn, H2_PREFACE) == 0);
	play(&servers, in, how, fds[1]);
	h2_servers_close(&servers, REASON_SHUTDOWN);
	h2_servers_fini(&servers);
	conn_end_lingering(loop);
	close(fds[1]);
	while (n_taken)
		block_unref(taken[--n_taken]);
	MUST(slab_n_out(slab) == 0);
	return 0;
}
