/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_client: the client's role, and the requester. The response's head is read into the arena of
 * the fetch, which may cancel at any time: a stream that is closed touches it no more.
 */
#include "edge/http2/h2_client.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_encode.h"

enum { MAX_SPARE = 256 };

#define H2_CLIENT_KIND OBJ_KIND('h', '2', 'c', 'l')

struct h2_client_stream {
	struct h2_stream stream; /* first: the session knows this part alone */
	SLIST_ENTRY(h2_client_stream) spare;
	TAILQ_ENTRY(h2_client_stream) early; /* of the client, while `waits` */
	struct requester requester;
	struct requester_setup setup;
	enum http_method method;
	const struct http_head *request; /* borrowed while `waits` */
	bool tunnel;                     /* an extended CONNECT was asked for */
	bool waits;    /* a tunnel, for the origin's SETTINGS: it has no number yet */
	bool asked;    /* the request has left us whole */
	bool answered; /* the response's head was told */
	bool live;     /* the fetch may be called */
};

struct h2_client {
	uint32_t kind;
	struct h2_clients *clients; /* borrowed */
	struct h2_session *session; /* owned until on_closed */
	TAILQ_HEAD(, h2_client_stream) early;
	void (*on_closed)(struct h2_client *client, void *arg);
	void *arg;
};

static const struct requester_ops requester_ops;

static struct h2_client *client_of(const struct h2_session *session)
{
	return OBJ_CAST(struct h2_client, h2_session_owner(session), H2_CLIENT_KIND);
}

static struct h2_client_stream *own(struct h2_stream *stream)
{
	return CONTAINER_OF(stream, struct h2_client_stream, stream);
}

static void fail(struct h2_client_stream *s, enum close_reason reason, bool untouched)
{
	if (!s->live)
		return;
	s->live = false;
	s->setup.events->on_failed(s->setup.fetch, reason, untouched);
}

/* The origin broke the rules of HTTP in what it said on this stream. */
static void fault(struct h2_client_stream *s)
{
	h2_stream_refuse(&s->stream, H2_PROTOCOL_ERROR);
	fail(s, REASON_ORIGIN_MALFORMED, false);
}

/* ---- the response ------------------------------------------------------------------------------
 */

static void response_done(struct h2_client_stream *s)
{
	/* RFC 9113 8.1: a whole response before the request's end; the rest is of no use. */
	h2_stream_close(&s->stream, H2_CANCEL);
	s->live = false;
	s->setup.events->on_done(s->setup.fetch);
}

static void body_deliver(struct h2_client_stream *s)
{
	const struct h2_taker taker = { s->setup.events->on_trailers, s->setup.events->on_body,
					s->setup.fetch, s->setup.limits.read_timeout_ms };

	if (!s->live || !s->answered)
		return;
	h2_stream_deliver(&s->stream, &taker);
	if (s->live && !s->stream.closed && s->stream.body_told && (!s->tunnel || s->asked))
		response_done(s);
}

/* What the neutral form says of the body (RFC 9110 6.4.1). */
static bool body_set(struct h2_client_stream *s)
{
	struct http_head *head = &s->stream.head;
	bool success = head->status >= 200 && head->status < 300;

	if (s->tunnel && success) {
		head->status = 101;
		head->reason = http_status_reason(101);
		head->body = HTTP_BODY_TUNNEL;
		head->has_length = false;
		return !s->stream.in_ended;
	}
	if (s->method == HTTP_METHOD_HEAD || !http_status_has_body(head->status)) {
		head->body = HTTP_BODY_NONE;
		return true;
	}
	if (s->stream.in_ended && head->has_length && head->body_length)
		return false;
	return true;
}

static void on_head(struct h2_stream *stream, enum h2_decoded outcome)
{
	struct h2_client_stream *s = own(stream);
	const struct response_events *events = s->setup.events;

	if (!s->live)
		return;
	if (outcome != H2_DECODED) {
		fault(s);
		return;
	}
	if (stream->head.status < 200) {
		h2_stream_wake(stream, mono_add_ms(loop_now(s->setup.loop),
						   s->setup.limits.first_byte_timeout_ms));
		events->on_interim(s->setup.fetch, &stream->head);
		return;
	}
	if (!body_set(s)) {
		fault(s);
		return;
	}
	bool end = stream->in_ended || stream->head.body == HTTP_BODY_NONE;
	s->answered = true;
	h2_stream_wake(stream, MONO_NEVER);
	events->on_head(s->setup.fetch, &stream->head, end);
	if (s->live && end)
		response_done(s);
}

static void on_data(struct h2_stream *stream)
{
	body_deliver(own(stream));
}

/* ---- the rest of the role ----------------------------------------------------------------------
 */

static void on_room(struct h2_stream *stream)
{
	struct h2_client_stream *s = own(stream);

	if (s->live)
		s->setup.events->on_writable(s->setup.fetch);
}

static void on_sent(struct h2_stream *stream)
{
	struct h2_client_stream *s = own(stream);

	s->asked = true;
	if (s->tunnel && s->live && s->stream.body_told)
		response_done(s);
	else if (!s->answered)
		h2_stream_wake(stream, mono_add_ms(loop_now(s->setup.loop),
						   s->setup.limits.first_byte_timeout_ms));
}

static void on_reset(struct h2_stream *stream, enum close_reason reason, bool refused)
{
	fail(own(stream), reason, refused);
}

static void on_wake(struct h2_stream *stream)
{
	struct h2_client_stream *s = own(stream);

	h2_stream_close(stream, H2_CANCEL);
	fail(s, s->answered ? REASON_ORIGIN_READ_TIMEOUT : REASON_ORIGIN_FIRST_BYTE, false);
}

static void spare_put(struct h2_clients *clients, struct h2_client_stream *s)
{
	MUST(!s->live && !s->waits);
	s->stream.kind = 0;
	if (clients->n_spare == MAX_SPARE) {
		free(s);
		return;
	}
	SLIST_INSERT_HEAD(&clients->spare, s, spare);
	clients->n_spare++;
}

static void release(struct h2_stream *stream)
{
	spare_put(client_of(stream->session)->clients, own(stream));
}

/* The request takes its number and goes out. Errors: -ENOTSUP (no tunnels there), -ENOBUFS,
 * -ENOMEM. */
static int request_put(struct h2_client_stream *s, const struct http_head *head, bool end)
{
	struct h2_client *client = client_of(s->stream.session);
	struct buf *block = &client->clients->shared.scratch;

	if (s->tunnel && !h2_session_knows_connect(client->session))
		return err_new(-ENOTSUP);
	buf_empty(block);
	h2_encode_request(block, head);
	if (block->failed)
		return err_new(-ENOBUFS);
	int r = h2_session_open(client->session, &s->stream);
	if (r < 0)
		return err_pass(r);
	s->stream.head_sent = true;
	r = h2_stream_send_block(&s->stream, buf_span(block), end);
	if (r < 0)
		s->stream.in_ended = s->stream.out_ended = true; /* it was never heard of */
	return err_pass(r);
}

/* Nothing more is due. Without a number it is no stream of the session and goes at once. */
static void drop(struct h2_client_stream *s)
{
	s->live = false;
	if (s->stream.id)
		h2_stream_close(&s->stream, H2_CANCEL);
	else
		spare_put(client_of(s->stream.session)->clients, s);
}

static void early_remove(struct h2_client *client, struct h2_client_stream *s)
{
	TAILQ_REMOVE(&client->early, s, early);
	s->waits = false;
}

static void early_fail(struct h2_client_stream *s, enum close_reason reason, bool untouched)
{
	const struct requester_setup setup = s->setup;

	drop(s);
	setup.events->on_failed(setup.fetch, reason, untouched);
}

static void early_go(struct h2_client *client, struct h2_client_stream *s)
{
	early_remove(client, s);
	if (!h2_session_has_room(client->session)) {
		early_fail(s, REASON_ORIGIN_CLOSED, true);
		return;
	}
	int r = request_put(s, s->request, false);
	if (r < 0)
		early_fail(s, r == -ENOTSUP ? REASON_UPGRADE_REFUSED : REASON_MEMORY, false);
}

static void on_change(struct h2_session *session)
{
	struct h2_client *client = client_of(session);
	struct h2_client_stream *s;

	while ((s = TAILQ_FIRST(&client->early)))
		early_go(client, s);
}

static void on_closed(struct h2_session *session)
{
	struct h2_client *client = client_of(session);
	struct h2_client_stream *s;

	client->on_closed(client, client->arg);
	while ((s = TAILQ_FIRST(&client->early))) {
		early_remove(client, s);
		early_fail(s, REASON_ORIGIN_CLOSED, true);
	}
	OBJ_FREE(client);
}

static const struct h2_role client_role = {
	.is_server = false,
	.malformed = REASON_ORIGIN_MALFORMED,
	.gone = REASON_ORIGIN_CLOSED,
	.abuse = REASON_ORIGIN_MALFORMED,
	.idle = REASON_DONE,
	.write_timeout = REASON_ORIGIN_SEND_TIMEOUT,
	.on_head = on_head,
	.on_data = on_data,
	.on_due = on_data,
	.on_room = on_room,
	.on_sent = on_sent,
	.on_reset = on_reset,
	.on_wake = on_wake,
	.release = release,
	.on_change = on_change,
	.on_closed = on_closed,
};

/* ---- the requester -----------------------------------------------------------------------------
 */

static struct h2_client_stream *of(struct requester *requester)
{
	struct h2_client_stream *s = CONTAINER_OF(requester, struct h2_client_stream, requester);

	MUST(s->live && !s->stream.closed);
	return s;
}

static int send_head(struct requester *requester, const struct http_head *head, bool end)
{
	struct h2_client_stream *s = of(requester);
	struct h2_client *client = client_of(s->stream.session);

	MUST(!s->stream.head_sent && !s->waits);
	s->method = head->method;
	s->tunnel = head->upgrade.len != 0;
	if (!s->tunnel || h2_session_is_greeted(client->session))
		return err_pass(request_put(s, head, end && !s->tunnel));
	/* Its SETTINGS say whether it takes tunnels; until then nothing may ask (RFC 8441 3). */
	s->request = head;
	s->waits = true;
	TAILQ_INSERT_TAIL(&client->early, s, early);
	return 0;
}

static int send_body(struct requester *requester, struct chain *body, bool end)
{
	h2_stream_send_body(&of(requester)->stream, body, end);
	return 0;
}

static void set_trailers(struct requester *requester, const struct http_head *trailers)
{
	of(requester)->stream.out_trailers = trailers;
}

static void want_body(struct requester *requester)
{
	struct h2_client_stream *s = of(requester);

	h2_stream_want_body(&s->stream, s->setup.limits.read_timeout_ms);
}

static void cancel(struct requester *requester)
{
	struct h2_client_stream *s = of(requester);

	if (s->waits)
		early_remove(client_of(s->stream.session), s);
	drop(s);
}

static const struct requester_ops requester_ops = {
	.send_head = send_head,
	.send_body = send_body,
	.set_trailers = set_trailers,
	.want_body = want_body,
	.cancel = cancel,
};

/* ---- from outside ------------------------------------------------------------------------------
 */

void h2_clients_init(struct h2_clients *clients, struct loop *loop, struct slab *slab,
		     struct metric_block *metrics, const struct h2_limits *limits)
{
	*clients = (struct h2_clients){ .n_spare = 0 };
	h2_shared_init(&clients->shared, loop, slab, metrics, limits);
	SLIST_INIT(&clients->spare);
}

void h2_clients_fini(struct h2_clients *clients)
{
	struct h2_client_stream *s;

	while ((s = SLIST_FIRST(&clients->spare))) {
		SLIST_REMOVE_HEAD(&clients->spare, spare);
		free(s);
	}
	clients->n_spare = 0;
	h2_shared_fini(&clients->shared);
}

int h2_client_new(struct h2_clients *clients, struct conn *conn,
		  void (*on_client_closed)(struct h2_client *client, void *arg), void *arg,
		  struct h2_client **ret_client)
{
	struct h2_client *client = OBJ_NEW(struct h2_client, H2_CLIENT_KIND);

	if (!client) {
		conn_close(conn);
		return err_new(-ENOMEM);
	}
	client->clients = clients;
	TAILQ_INIT(&client->early);
	client->on_closed = on_client_closed;
	client->arg = arg;
	int r = h2_session_new(&client_role, &clients->shared, client, conn, &client->session);
	if (r < 0) {
		OBJ_FREE(client);
		return err_pass(r);
	}
	h2_session_start(client->session, SPAN_NONE);
	*ret_client = client;
	return 0;
}

bool h2_client_has_room(const struct h2_client *client)
{
	return h2_session_has_room(client->session);
}

static struct h2_client_stream *spare_take(struct h2_clients *clients)
{
	struct h2_client_stream *s = SLIST_FIRST(&clients->spare);

	if (!s)
		return malloc(sizeof(*s));
	SLIST_REMOVE_HEAD(&clients->spare, spare);
	clients->n_spare--;
	return s;
}

int h2_client_begin(struct h2_client *client, const struct requester_setup *setup,
		    struct requester **ret_requester)
{
	struct h2_client_stream *s = spare_take(client->clients);

	MUST(client->kind == H2_CLIENT_KIND);
	if (!s)
		return err_new(-ENOMEM);
	*s = (struct h2_client_stream){ .requester = { &requester_ops }, .setup = *setup };
	h2_stream_init(&s->stream, client->session);
	int r = http_head_init(&s->stream.head, setup->arena);
	if (r < 0) {
		free(s);
		return err_pass(r);
	}
	s->live = true;
	*ret_requester = &s->requester;
	return 0;
}

void h2_client_drain(struct h2_client *client)
{
	h2_session_drain(client->session);
}

void h2_client_close(struct h2_client *client)
{
	h2_session_end(client->session, REASON_SHUTDOWN);
}
