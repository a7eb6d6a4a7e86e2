/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_client: one request to an origin and its response.
 *
 * Request and response are two streams that run side by side: `out` and its end, and the state of
 * the response. They meet at the end, where the connection is kept only if both ended cleanly and
 * nothing stands behind the response. The fetch may cancel from inside any callback, and with that
 * give up the memory that we lie in; so after each callback the first question is to a flag on our
 * own stack.
 */
#include "edge/http1/h1_client.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http1/h1_in.h"
#include "edge/http1/h1_parse.h"
#include "edge/http1/h1_trailers.h"
#include "edge/http1/h1_write.h"

enum {
	MAX_READS = 4,
	MAX_WRITES = 4,
	MAX_INTERIMS = 16,
	FAR_MS = 3600 * 1000,
	SCARCE_MS = 20, /* until a try to get a block that was not to be had */
	MAX_HEAD_BYTES = BLOCK_BYTES - 8,
	/* Pipes are for bodies of which so much is still to come: measured, in
	 * docs/decisions/0010-splice.md. */
	PIPE_LEAST_BYTES = 512 * 1024,
};

/* clang-format off */
#define H1_CLIENT_STATES(X) \
	X(HEAD)    /* of the response, and the interim ones before it        */ \
	X(BODY)    /* of the response                                        */ \
	X(TAIL)    /* the response has ended, the request is being written   */
/* clang-format on */

enum h1_client_state {
#define X(NAME) STATE_##NAME,
	H1_CLIENT_STATES(X)
#undef X
};

struct h1_client {
	uint32_t kind;
	enum h1_client_state state;
	struct requester requester;
	struct requester_setup setup;
	struct conn *conn; /* owned */
	struct loop_task task;
	bool *gone; /* on the stack of who calls back: set when we are no more */
	enum http_method method;
	struct span upgrade; /* asked for; empty: nothing */
	struct http_head head;
	struct h1_scan scan;
	struct h1_in in;
	struct h1_out out;
	struct splice_pool *pipes; /* borrowed; NULL: all goes by blocks */
	struct splice_pipe *pipe;  /* owned: filled, and not yet given; NULL: none */
	bool bulk;                 /* the last read brought a block full, or more */
	bool piped;                /* of this body some came in a pipe */
	uint8_t n_interims;
	bool got_bytes; /* of an answer */
	bool keep;      /* the origin lets the connection serve on */
	bool eof;       /* the origin has finished sending */
	bool wants_body;
	bool starved; /* send_body() left some */
	bool scarce;  /* blocks are: reading, or the fetch's body, waits a moment */
	bool head_sent;
	bool deaf;     /* the origin takes nothing more; its answer may be on its way */
	bool asked;    /* the request has left us whole */
	bool tunnel;   /* what follows the heads, both ways, is no HTTP */
	bool finished; /* TUNNEL: the origin was told that no more comes */
	mono_t send_at, read_at;
};
#define H1_CLIENT_KIND OBJ_KIND('h', '1', 'c', 'l')

/* ---- small things -----------------------------------------------------------------------------
 */

static mono_t in_ms(const struct h1_client *client, int64_t ms)
{
	return mono_add_ms(loop_now(client->setup.loop), ms);
}

static void run_later(struct h1_client *client)
{
	loop_defer_soon(client->setup.loop, &client->task);
}

/* Runs a callback. False: it has cancelled us. */
#define CALL_BACK(client, event, ...)                                                              \
	({                                                                                         \
		bool gone_ = false;                                                                \
		bool *outer_ = (client)->gone;                                                     \
		(client)->gone = &gone_;                                                           \
		(client)->setup.events->event((client)->setup.fetch, ##__VA_ARGS__);               \
		if (!gone_)                                                                        \
			(client)->gone = outer_;                                                   \
		else if (outer_)                                                                   \
			*outer_ = true;                                                            \
		!gone_;                                                                            \
	})

static void deadline_set(struct h1_client *client)
{
	mono_t at = in_ms(client, FAR_MS);

	if (!h1_out_empty(&client->out))
		at = mono_min(at, client->send_at);
	if ((client->state == STATE_HEAD && (client->asked || client->deaf)) ||
	    (client->state == STATE_BODY && client->wants_body && !client->tunnel))
		at = mono_min(at, client->read_at);
	if (client->scarce)
		at = mono_min(at, in_ms(client, SCARCE_MS));
	conn_set_deadline(client->conn, at);
}

static void interest_update(struct h1_client *client)
{
	bool read = client->state == STATE_HEAD ||
		    (client->state == STATE_BODY && client->wants_body && !client->eof);

	conn_want(client->conn, read, !h1_out_empty(&client->out));
}

/* Gives back all but the conn and the memory that we lie in. */
static void client_fini(struct h1_client *client)
{
	loop_undefer(client->setup.loop, &client->task);
	h1_in_fini(&client->in);
	h1_out_fini(&client->out);
	splice_give(client->pipe);
	client->kind = 0;
	if (client->gone)
		*client->gone = true;
}

static void fail(struct h1_client *client, enum close_reason reason)
{
	const struct response_events *events = client->setup.events;
	void *fetch = client->setup.fetch;
	/* A kept connection that the origin closed before it can have seen the request. */
	bool stale = client->setup.kept && !client->got_bytes && reason == REASON_ORIGIN_CLOSED;
	bool untouched = stale || client->out.outlet.n_written == 0;

	conn_close(client->conn);
	client_fini(client);
	events->on_failed(fetch, reason, untouched);
}

/* Both sides have ended, or the response alone and the rest of the request is of no use. */
static void finish(struct h1_client *client)
{
	const struct response_events *events = client->setup.events;
	void *fetch = client->setup.fetch;

	if (client->keep && client->asked && !client->tunnel && !client->in.block)
		client->setup.keep(client->conn, client->setup.keep_arg);
	else
		conn_close(client->conn);
	client_fini(client);
	events->on_done(fetch);
}

/* ---- the response -----------------------------------------------------------------------------
 */

/* The response has ended and the fetch knows. False: the client is no more. */
static bool response_end(struct h1_client *client)
{
	client->state = STATE_TAIL;
	client->wants_body = false;
	if (client->tunnel && !client->finished)
		return true; /* the other direction goes on */
	if (client->out.ended && client->head_sent && !client->asked && !client->deaf)
		return true; /* its last bytes are on their way */
	finish(client);
	return false;
}

/* Before the end of the body. False: the client is no more. */
static bool trailers_tell(struct h1_client *client)
{
	const struct http_head *trailers;
	int r = h1_trailers_take(&client->in, client->setup.arena, &trailers);

	if (r != H1_PARSED) {
		fail(client, r < 0 ? REASON_MEMORY : REASON_ORIGIN_MALFORMED);
		return false;
	}
	return !trailers || CALL_BACK(client, on_trailers, trailers);
}

static bool pipe_deliver(struct h1_client *client)
{
	client->wants_body = false;
	client->read_at = in_ms(client, client->setup.limits.read_timeout_ms);
	return CALL_BACK(client, on_pipe, TAKE(client->pipe));
}

/* Hands on what has come of the body. False: the client is no more. */
static bool body_deliver(struct h1_client *client)
{
	if (client->pipe && !pipe_deliver(client))
		return false;
	while (client->state == STATE_BODY && client->wants_body) {
		int r = h1_in_decode(&client->in);
		if (r < 0 || r == H1_BODY_MALFORMED) {
			fail(client, r < 0 ? REASON_MEMORY : REASON_ORIGIN_MALFORMED);
			return false;
		}
		bool end = r == H1_BODY_END ||
			   (client->eof && h1_body_ends_at_close(&client->in.decoder) &&
			    h1_in_left(&client->in).len == 0);
		if (chain_empty(&client->in.body) && !end)
			return true;
		if (client->in.trailers && end && !trailers_tell(client))
			return false;
		client->wants_body = false;
		if (!CALL_BACK(client, on_body, &client->in.body, end))
			return false;
		client->read_at = in_ms(client, client->setup.limits.read_timeout_ms);
		if (!chain_empty(&client->in.body))
			return true; /* until want_body() */
		if (end)
			return response_end(client);
		client->wants_body = true;
	}
	return true;
}

/* 1xx: handed on, then another head is due. False: the client is no more. */
static bool interim_take(struct h1_client *client)
{
	if (client->n_interims++ == MAX_INTERIMS) {
		fail(client, REASON_ORIGIN_MALFORMED);
		return false;
	}
	client->scan = (struct h1_scan){ 0 };
	client->read_at = in_ms(client, client->setup.limits.first_byte_timeout_ms);
	return CALL_BACK(client, on_interim, &client->head);
}

static bool head_give(struct h1_client *client, const struct h1_parsed *parsed)
{
	bool end = client->head.body == HTTP_BODY_NONE;

	client->keep = parsed->keep_alive;
	client->state = STATE_BODY;
	h1_body_init(&client->in.decoder, client->head.body, client->head.body_length);
	if (!CALL_BACK(client, on_head, &client->head, end))
		return false;
	return !end || response_end(client);
}

/* RFC 9110 15.2.2: to what was asked for, or it is nonsense. False: the client is no more. */
static bool tunnel_take(struct h1_client *client, const struct h1_parsed *parsed)
{
	if (!client->asked || !client->upgrade.len ||
	    !span_ieq(client->upgrade, client->head.upgrade)) {
		fail(client, REASON_ORIGIN_MALFORMED);
		return false;
	}
	client->tunnel = true;
	client->head.body = HTTP_BODY_TUNNEL;
	client->out.framing = HTTP_BODY_TUNNEL;
	client->out.ended = false;
	return head_give(client, parsed);
}

/* A head of so many bytes has come. False: the client is no more. */
static bool head_parse(struct h1_client *client, size_t len, const struct h1_limits *limits)
{
	struct span bytes = span_first(h1_in_left(&client->in), len);
	struct h1_parsed parsed = { .keep_alive = false };

	bytes = arena_copy(client->setup.arena, bytes);
	h1_in_use(&client->in, len);
	int r = bytes.at ? h1_parse_response(bytes, client->method, limits, client->setup.arena,
					     &client->head, &parsed)
			 : err_new(-ENOBUFS);
	if (r != H1_PARSED) {
		/* It is the interim responses that have filled the arena, if there were some. */
		bool ours = r < 0 && client->n_interims == 0;
		fail(client, ours ? REASON_MEMORY : REASON_ORIGIN_MALFORMED);
		return false;
	}
	if (client->head.status == 101)
		return tunnel_take(client, &parsed);
	return client->head.status < 200 ? interim_take(client) : head_give(client, &parsed);
}

/* Looks for heads in what has come. False: the client is no more. */
static bool head_take(struct h1_client *client)
{
	size_t max = MIN(client->setup.limits.max_head_bytes, (size_t)MAX_HEAD_BYTES);
	const struct h1_limits limits = { max, max, HTTP_MAX_FIELDS };
	size_t len;

	while (client->state == STATE_HEAD) {
		int r = h1_find_end(&client->scan, h1_in_left(&client->in), &limits, &len);
		if (r == H1_NEED_MORE)
			return true;
		if (r != H1_PARSED || client->scan.start) { /* no empty line before it */
			fail(client, REASON_ORIGIN_MALFORMED);
			return false;
		}
		if (!head_parse(client, len, &limits))
			return false;
	}
	return true;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* How much of what comes next may go by in a pipe; 0: nothing. */
static size_t pipe_max(const struct h1_client *client)
{
	if (!client->pipes || !client->bulk || client->state != STATE_BODY || client->in.block ||
	    !chain_empty(&client->in.body))
		return 0;
	uint64_t unseen = h1_body_unseen(&client->in.decoder);
	return client->piped || unseen >= PIPE_LEAST_BYTES ? MIN(unseen, SPLICE_PIPE_BYTES) : 0;
}

/* As h1_in_read(), but what has come may be in client->pipe. */
static int input_read(struct h1_client *client, bool *ret_more)
{
	size_t max = pipe_max(client), n;
	int r;

	client->pipe = max ? splice_take(client->pipes) : NULL;
	if (!client->pipe) {
		r = h1_in_read(&client->in, client->conn, client->state == STATE_HEAD, ret_more);
		client->bulk = *ret_more;
		return r;
	}
	*ret_more = false;
	r = conn_splice_in(client->conn, client->pipe, max, &n);
	if (r != CONN_OK) {
		splice_give(TAKE(client->pipe));
		return r;
	}
	h1_body_pass(&client->in.decoder, n);
	client->piped = true;
	client->bulk = n >= BLOCK_BYTES;
	return CONN_OK;
}

/* ---- the conn calls, and the end of the turn --------------------------------------------------
 */

static void on_input_end(struct h1_client *client, int r)
{
	if (r == CONN_EOF && client->state == STATE_BODY &&
	    h1_body_ends_at_close(&client->in.decoder)) {
		client->eof = true;
		if (body_deliver(client))
			interest_update(client);
		return;
	}
	if (r < 0) { /* no block to read into */
		client->scarce = true;
		conn_want(client->conn, false, !h1_out_empty(&client->out));
		deadline_set(client);
		return;
	}
	fail(client, REASON_ORIGIN_CLOSED);
}

static void on_readable(struct conn *conn, void *arg)
{
	struct h1_client *client = OBJ_CAST(struct h1_client, arg, H1_CLIENT_KIND);
	bool more = true, filled = false;

	MUST(client->conn == conn);
	for (int i = 0; i < MAX_READS && more; i++) {
		if (client->state != STATE_HEAD && !client->wants_body)
			break;
		int r = input_read(client, &more);
		if (r == CONN_BLOCKED)
			break;
		if (r != CONN_OK) {
			on_input_end(client, r);
			return;
		}
		if (client->out.outlet.n_written == 0) { /* an answer to nothing */
			fail(client, REASON_ORIGIN_MALFORMED);
			return;
		}
		client->got_bytes = true;
		filled |= client->pipe != NULL;
		if (!head_take(client) || !body_deliver(client))
			return;
	}
	/* A pipe is mostly empty by the end of the turn, and then reading is wanted again: the
	 * kernel need not be told twice. */
	if (!filled)
		interest_update(client);
	deadline_set(client);
}

/* An origin that refuses early (413) may close before it has read all: its answer came before the
 * reset that our writing met, and is still there to be read. False: the client is no more. */
static bool writing_over(struct h1_client *client)
{
	if (client->out.outlet.n_written == 0 || client->tunnel) {
		fail(client, REASON_ORIGIN_CLOSED);
		return false;
	}
	client->deaf = true;
	client->read_at = in_ms(client, client->setup.limits.first_byte_timeout_ms);
	outlet_clear(&client->out.outlet);
	if (client->state != STATE_TAIL)
		return true;
	finish(client);
	return false;
}

/* Writes, and lets the fetch fill up what became free. False: the client is no more. */
static bool output_flush(struct h1_client *client)
{
	int r = CONN_OK;

	for (int i = 0; i < MAX_WRITES && r == CONN_OK; i++) {
		bool empty = h1_out_empty(&client->out);
		if (empty && !client->starved)
			break;
		uint64_t before = client->out.outlet.n_written;
		if (!empty)
			r = h1_out_flush(&client->out, client->conn, false);
		if (empty || before != client->out.outlet.n_written ||
		    client->send_at.ns == MONO_NEVER.ns)
			client->send_at = in_ms(client, client->setup.limits.send_timeout_ms);
		if (r == CONN_BROKEN)
			return writing_over(client);
		if (client->starved && h1_out_has_room(&client->out)) {
			client->starved = false;
			if (!CALL_BACK(client, on_writable))
				return false;
		}
	}
	/* It has room and was given nothing: there was no block. */
	client->scarce |= client->starved && h1_out_empty(&client->out);
	return true;
}

/* False: the client is no more. */
static bool tunnel_flushed(struct h1_client *client)
{
	if (!client->out.ended || !h1_out_empty(&client->out))
		return true;
	if (!client->finished)
		conn_finish(client->conn);
	client->finished = true;
	if (client->state != STATE_TAIL)
		return true;
	finish(client);
	return false;
}

/* The request has left us: from now on the origin owes an answer. False: the client is no more. */
static bool after_flush(struct h1_client *client)
{
	if (client->out.outlet.failed) {
		fail(client, REASON_MEMORY);
		return false;
	}
	if (client->tunnel)
		return tunnel_flushed(client);
	if (client->asked || client->deaf || !client->head_sent || !client->out.ended ||
	    !h1_out_empty(&client->out))
		return true;
	client->asked = true;
	if (client->state == STATE_HEAD)
		client->read_at = in_ms(client, client->setup.limits.first_byte_timeout_ms);
	if (client->state != STATE_TAIL)
		return true;
	finish(client);
	return false;
}

static void run(void *arg)
{
	struct h1_client *client = OBJ_CAST(struct h1_client, arg, H1_CLIENT_KIND);

	if (!output_flush(client) || !after_flush(client) || !body_deliver(client))
		return;
	interest_update(client);
	deadline_set(client);
}

static void on_writable(struct conn *conn, void *arg)
{
	(void)conn;
	run(arg);
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct h1_client *client = OBJ_CAST(struct h1_client, arg, H1_CLIENT_KIND);
	mono_t now = loop_now(client->setup.loop);

	MUST(client->conn == conn);
	if (client->scarce) {
		client->scarce = false;
		run_later(client);
		return;
	}
	if (!h1_out_empty(&client->out) && !mono_before(now, client->send_at))
		fail(client, REASON_ORIGIN_SEND_TIMEOUT);
	else if (client->state == STATE_HEAD && (client->asked || client->deaf) &&
		 !mono_before(now, client->read_at))
		fail(client, REASON_ORIGIN_FIRST_BYTE);
	else if (client->state == STATE_BODY && client->wants_body && !client->tunnel &&
		 !mono_before(now, client->read_at))
		fail(client, REASON_ORIGIN_READ_TIMEOUT);
	else
		deadline_set(client);
}

static const struct conn_events client_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_deadline = on_deadline,
};

/* ---- the requester ----------------------------------------------------------------------------
 */

static struct h1_client *client_of(struct requester *requester)
{
	struct h1_client *client = CONTAINER_OF(requester, struct h1_client, requester);

	MUST(client->kind == H1_CLIENT_KIND);
	return client;
}

static int send_head(struct requester *requester, const struct http_head *head, bool end)
{
	struct h1_client *client = client_of(requester);

	MUST(!client->head_sent);
	client->head_sent = true;
	client->method = head->method;
	if (head->upgrade.len)
		client->upgrade = arena_copy(client->setup.arena, head->upgrade);
	h1_write_request(&client->out, head, end);
	run_later(client);
	return h1_out_check(&client->out);
}

static int send_body(struct requester *requester, struct chain *body, bool end)
{
	struct h1_client *client = client_of(requester);

	MUST(client->head_sent);
	if (client->deaf ||
	    (client->state == STATE_TAIL && !client->tunnel)) { /* nobody there wants it any more */
		chain_clear(body);
		return 0;
	}
	int r = h1_out_body(&client->out, body, end);
	client->starved = !chain_empty(body);
	run_later(client);
	return r < 0 ? err_pass(r) : 0;
}

static void set_trailers(struct requester *requester, const struct http_head *trailers)
{
	client_of(requester)->out.trailers = trailers;
}

static void want_body(struct requester *requester)
{
	struct h1_client *client = client_of(requester);

	if (client->wants_body || client->state == STATE_TAIL)
		return;
	client->wants_body = true;
	client->read_at = client->state == STATE_BODY
				  ? in_ms(client, client->setup.limits.read_timeout_ms)
				  : client->read_at;
	run_later(client);
}

static void use_pipes(struct requester *requester, struct splice_pool *pool)
{
	struct h1_client *client = client_of(requester);

	if (!conn_is_tls(client->conn) && !client->tunnel)
		client->pipes = pool;
}

static void cancel(struct requester *requester)
{
	struct h1_client *client = client_of(requester);

	conn_close(client->conn);
	client_fini(client);
}

static const struct requester_ops client_ops = {
	.send_head = send_head,
	.send_body = send_body,
	.set_trailers = set_trailers,
	.want_body = want_body,
	.use_pipes = use_pipes,
	.cancel = cancel,
};

int h1_client_begin(const struct requester_setup *setup, struct requester **ret_requester)
{
	struct h1_client *client = arena_take(setup->arena, sizeof(*client));

	if (!client) {
		conn_close(setup->conn);
		return err_new(-ENOBUFS);
	}
	*client = (struct h1_client){
		.kind = H1_CLIENT_KIND,
		.state = STATE_HEAD,
		.requester = { &client_ops },
		.setup = *setup,
		.conn = setup->conn,
		.task = { .fn = run, .arg = client },
		.send_at = MONO_NEVER,
		.read_at = MONO_NEVER,
	};
	h1_in_init(&client->in, setup->slab);
	h1_out_init(&client->out, setup->slab);
	conn_set_events(client->conn, &client_events, client);
	interest_update(client);
	deadline_set(client);
	*ret_requester = &client->requester;
	return 0;
}
