/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_session: the life of a connection: its first bytes, its turns, its deadlines, its end.
 */
#include "edge/http2/h2_session.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http2/h2_session_priv.h"
#include "edge/report/edge_metrics.h"

enum {
	/* Reads of one wake-up, so that one fast client does not starve the others. */
	MAX_READS = 4,
	/* Rounds of pump, write and on_room in one turn, likewise. */
	MAX_WRITES = 4,
	/* While so much waits for the conn nothing is read: who does not listen is not heard. */
	MAX_BACKLOG_BYTES = 128 * 1024,
	SCRATCH_MAX_BYTES = 64 * 1024,
	CONNECTION_WINDOW_BYTES = 1024 * 1024,
	/* What the other side may be thought to take before it says: RFC 9113 6.5.2 recommends no
	 * less. */
	UNTOLD_STREAMS = 100,
	/* Without a block nothing is read, for so long. */
	SCARCE_MS = 50,
};

const struct h2_limits h2_limits_usual = {
	.max_streams = 100,
	.window_bytes = 128 * 1024,
	.head = { .max_bytes = BLOCK_BYTES, .max_fields = HTTP_MAX_FIELDS },
	.head_timeout_ms = 10 * MS_PER_S,
	.body_timeout_ms = 30 * MS_PER_S,
	.idle_timeout_ms = 75 * MS_PER_S,
	.write_timeout_ms = 30 * MS_PER_S,
	.pressure_ms = 2 * MS_PER_S,
	.linger_ms = 2 * MS_PER_S,
	.drain_grace_ms = MS_PER_S,
	.resets = { .burst = 200, .per_s = 20 },
	.controls = { .burst = 2000, .per_s = 500 },
};

const unsigned h2_session_may_follow[] = {
	[H2_SESSION_PREFACE] = 1 << H2_SESSION_SETTINGS | 1 << H2_SESSION_CLOSING,
	[H2_SESSION_SETTINGS] = 1 << H2_SESSION_OPEN | 1 << H2_SESSION_CLOSING,
	[H2_SESSION_OPEN] = 1 << H2_SESSION_CLOSING,
	[H2_SESSION_CLOSING] = 0,
};

const char *const h2_session_state_names[] = {
#define X(NAME) [H2_SESSION_##NAME] = #NAME,
	H2_SESSION_STATES(X)
#undef X
};

void h2_session_state_set(struct h2_session *session, enum h2_session_state next)
{
	MUST(h2_session_may_follow[session->state] & 1u << next);
	session->state = next;
}

/* ---- small things ------------------------------------------------------------------------------
 */

void *h2_session_owner(const struct h2_session *session)
{
	return session->owner;
}

struct conn *h2_session_conn(const struct h2_session *session)
{
	return session->conn;
}

struct h2_shared *h2_session_shared(const struct h2_session *session)
{
	return session->shared;
}

size_t h2_session_n_streams(const struct h2_session *session)
{
	return session->n_streams - session->n_closed;
}

bool h2_session_is_draining(const struct h2_session *session)
{
	return session->draining || session->goaway_got || session->state == H2_SESSION_CLOSING;
}

mono_t h2_in_ms(const struct h2_session *session, int64_t ms)
{
	return mono_add_ms(loop_now(session->shared->loop), ms);
}

void h2_session_wait(struct h2_session *session, mono_t until)
{
	h2_session_wake(session,
			mono_min(until, h2_in_ms(session, session->shared->limits.pressure_ms)));
}

void h2_session_run_later(struct h2_session *session)
{
	loop_defer(session->shared->loop, &session->task);
}

void h2_session_wake(struct h2_session *session, mono_t at)
{
	if (!mono_before(at, session->wake_at))
		return;
	session->wake_at = at;
	conn_set_deadline(session->conn, at);
}

static bool spend(struct h2_session *session, struct h2_budget *budget,
		  const struct h2_budget_conf *conf)
{
	if (session->state == H2_SESSION_CLOSING)
		return false;
	if (h2_budget_spend(budget, conf, loop_now(session->shared->loop)))
		return true;
	h2_session_fail(session, H2_ENHANCE_YOUR_CALM, session->role->abuse);
	return false;
}

bool h2_session_spend(struct h2_session *session)
{
	return spend(session, &session->controls, &session->shared->limits.controls);
}

bool h2_session_spend_reset(struct h2_session *session)
{
	return spend(session, &session->resets, &session->shared->limits.resets);
}

/* ---- the end -----------------------------------------------------------------------------------
 */

void h2_session_fail(struct h2_session *session, enum h2_error error, enum close_reason reason)
{
	if (session->state == H2_SESSION_CLOSING)
		return;
	/* RFC 9113 6.8: never a higher number than before. */
	h2_put_goaway(&session->out, MIN(session->last_peer_id, session->goaway_id), error);
	h2_session_state_set(session, H2_SESSION_CLOSING);
	session->reason = reason;
	session->head_at = session->idle_at = session->drain_at = session->window_at = MONO_NEVER;
	if (session->role->is_server)
		edge_metrics_ended(session->shared->metrics, reason);
	session->write_at = h2_in_ms(session, session->shared->limits.linger_ms);
	h2_session_wake(session, session->write_at);
	h2_streams_reset_all(session, reason, 0, false);
	h2_session_run_later(session);
}

static void session_free(struct h2_session *session)
{
	loop_undefer(session->shared->loop, &session->task);
	h2_streams_reap(session);
	MUST(session->n_streams == 0);
	if (session->block)
		block_unref(session->block);
	free(session->parked);
	outlet_fini(&session->out);
	h2_decoder_fini(&session->decoder);
	free(session->slots);
	session->role->on_closed(session);
	OBJ_FREE(session);
}

void h2_session_end(struct h2_session *session, enum close_reason reason)
{
	MUST(session->kind == H2_SESSION_KIND);
	if (session->state != H2_SESSION_CLOSING)
		h2_session_state_set(session, H2_SESSION_CLOSING);
	if (session->reason == REASON_DONE)
		session->reason = reason;
	h2_streams_reset_all(session, reason, 0, false);
	conn_close(session->conn);
	session_free(session);
}

static void end_lingering(struct h2_session *session)
{
	if (session->eof)
		conn_close(session->conn);
	else
		conn_close_lingering(session->conn, session->shared->limits.linger_ms);
	session_free(session);
}

/* ---- the end of a turn -------------------------------------------------------------------------
 */

static bool reads_now(const struct h2_session *session)
{
	return session->state != H2_SESSION_CLOSING && !session->eof &&
	       session->read_at.ns == MONO_NEVER.ns &&
	       outlet_bytes(&session->out) < MAX_BACKLOG_BYTES;
}

static void rooms_tell(struct h2_session *session)
{
	for (size_t i = 0; i < session->n_streams; i++) {
		struct h2_stream *stream = session->slots[i].stream;
		if (!stream->starved || stream->closed || !chain_empty(&stream->out))
			continue;
		stream->starved = false;
		session->role->on_room(stream);
	}
}

/* Writes what there is, and lets the role fill up what became free. False: the session has ended.
 */
static bool output_flush(struct h2_session *session)
{
	int r = CONN_OK;

	for (int i = 0; r == CONN_OK; i++) {
		if (i == MAX_WRITES) { /* it takes all that we have: the next turn goes on */
			h2_session_run_later(session);
			break;
		}
		h2_pump(session);
		if (session->out.failed) {
			h2_session_end(session, REASON_MEMORY);
			return false;
		}
		if (outlet_empty(&session->out))
			break;
		uint64_t before = session->out.n_written;
		r = outlet_flush(&session->out, session->conn);
		if (r == CONN_BROKEN) {
			h2_session_end(session, session->role->gone);
			return false;
		}
		if (before != session->out.n_written || session->write_at.ns == MONO_NEVER.ns)
			session->write_at =
				h2_in_ms(session, session->shared->limits.write_timeout_ms);
		h2_tell_sent(session);
		rooms_tell(session);
	}
	return true;
}

/* What waits for the other side has until its deadline: bytes that the conn has not taken, and
 * streams that the window of the connection holds up. */
static void stalls_note(struct h2_session *session)
{
	bool shut = session->n_ready && session->send_window <= 0;

	if (outlet_empty(&session->out))
		session->write_at = MONO_NEVER;
	else
		h2_session_wait(session, session->write_at);
	if (!shut)
		session->window_at = MONO_NEVER;
	else if (session->window_at.ns == MONO_NEVER.ns)
		session->window_at = h2_in_ms(session, session->shared->limits.write_timeout_ms);
	if (shut)
		h2_session_wait(session, session->window_at);
}

/* Nothing more will come of it, but for the streams that are open. */
static bool is_over(const struct h2_session *session)
{
	if (session->state == H2_SESSION_CLOSING || session->eof)
		return true;
	if (session->role->is_server)
		return session->goaway_sent && session->goaway_id != H2_STREAM_MAX;
	return session->goaway_got || session->draining;
}

/* False: the session has ended. */
static bool after_flush(struct h2_session *session)
{
	bool empty = outlet_empty(&session->out);

	h2_streams_reap(session);
	if (session->n_streams == 0 && session->idle_at.ns == MONO_NEVER.ns) {
		session->idle_at = h2_in_ms(session, session->shared->limits.idle_timeout_ms);
		h2_session_wake(session, session->idle_at);
	} else if (session->n_streams) {
		session->idle_at = MONO_NEVER;
	}
	if (empty && session->n_streams == 0 && is_over(session)) {
		end_lingering(session);
		return false;
	}
	stalls_note(session);
	return true;
}

static void interest_update(struct h2_session *session)
{
	conn_want(session->conn, reads_now(session), !outlet_empty(&session->out));
}

static void run(void *arg)
{
	struct h2_session *session = OBJ_CAST(struct h2_session, arg, H2_SESSION_KIND);

	h2_streams_run_due(session);
	if (output_flush(session) && after_flush(session))
		interest_update(session);
}

/* ---- the conn calls ----------------------------------------------------------------------------
 */

/* Room behind what is left; a partial frame moves to a fresh block. False: there is none now. */
static bool room_make(struct h2_session *session)
{
	struct block *old = session->block, *fresh;

	if (old && old->len < BLOCK_BYTES && session->from < old->len)
		return true;
	if (old && session->from == old->len && old->owner.n_refs == 1) {
		old->len = 0; /* nobody else sees it */
		session->from = 0;
		return true;
	}
	/* What comes in waits, so that what is to go out can. */
	fresh = !old && slab_is_scarce(session->shared->slab) ? NULL
							      : slab_take(session->shared->slab);
	if (!fresh)
		return false;
	if (old) {
		fresh->len = old->len - session->from;
		memcpy(fresh->bytes, old->bytes + session->from, fresh->len);
		block_unref(old);
	}
	session->block = fresh;
	session->from = 0;
	return true;
}

/* An idle connection holds no block: what has come of a frame is short, and waits elsewhere. */
static void block_give_back(struct h2_session *session)
{
	struct block *block = session->block;
	uint32_t left;

	if (!block)
		return;
	left = session->state == H2_SESSION_CLOSING ? 0 : block->len - session->from;
	if (left) {
		session->parked = malloc(left);
		if (!session->parked)
			return; /* then it stays where it is */
		memcpy(session->parked, block->bytes + session->from, left);
		session->n_parked = left;
	}
	block_unref(block);
	session->block = NULL;
	session->from = 0;
}

static void unpark(struct h2_session *session)
{
	MUST(!session->parked || session->block->len == 0);
	if (session->parked)
		memcpy(session->block->bytes, session->parked, session->n_parked);
	session->block->len += session->n_parked;
	free(session->parked);
	session->parked = NULL;
	session->n_parked = 0;
}

/* As conn_read(). */
static int input_read(struct h2_session *session, bool *ret_more)
{
	size_t n, room;

	if (!room_make(session))
		return err_new(-ENOMEM);
	unpark(session);
	room = BLOCK_BYTES - session->block->len;
	int r = conn_read(session->conn, session->block->bytes + session->block->len, room, &n);
	if (r != CONN_OK)
		return r;
	session->block->len += (uint32_t)n;
	*ret_more = n == room;
	return CONN_OK;
}

/* Reading has ended, or failed. False: the session has ended. */
static bool on_input_end(struct h2_session *session, int r)
{
	bool idle = h2_session_n_streams(session) == 0 && outlet_empty(&session->out);

	if (r == CONN_BLOCKED)
		return true;
	if (r < 0) { /* under the deadlines that there are */
		session->read_at = h2_in_ms(session, SCARCE_MS);
		h2_session_wake(session, session->read_at);
		return true;
	}
	session->eof = true; /* HTTP/2 knows no half-closed connection */
	h2_session_end(session, idle ? REASON_DONE : session->role->gone);
	return false;
}

static void on_readable(struct conn *conn, void *arg)
{
	struct h2_session *session = OBJ_CAST(struct h2_session, arg, H2_SESSION_KIND);
	bool more = true;

	MUST(session->conn == conn);
	for (int i = 0; i < MAX_READS && more && reads_now(session); i++) {
		int r = input_read(session, &more);
		if (r != CONN_OK) {
			if (!on_input_end(session, r))
				return;
			break;
		}
		h2_read_frames(session);
	}
	block_give_back(session);
	h2_streams_run_due(session);
	if (session->n_closed || !reads_now(session))
		h2_session_run_later(session);
}

static void on_writable(struct conn *conn, void *arg)
{
	(void)conn;
	run(arg);
}

/* ---- deadlines ---------------------------------------------------------------------------------
 */

static bool is_due(const struct h2_session *session, mono_t at)
{
	return !mono_before(loop_now(session->shared->loop), at);
}

/* The same of a wait for the other side, which is shorter when what it holds up is needed. */
static bool is_over_due(const struct h2_session *session, mono_t at, bool pressed)
{
	const struct h2_limits *limits = &session->shared->limits;
	int64_t less_ms = pressed ? limits->write_timeout_ms - limits->pressure_ms : 0;

	return at.ns != MONO_NEVER.ns && is_due(session, mono_add_ms(at, -less_ms));
}

static void stream_wake(struct h2_session *session, struct h2_stream *stream, bool pressed)
{
	if (is_over_due(session, stream->stall_at, pressed)) {
		h2_stream_refuse(stream, H2_CANCEL);
		session->role->on_reset(stream, session->role->write_timeout, false);
	} else if (is_due(session, stream->wake_at)) {
		stream->wake_at = MONO_NEVER;
		session->role->on_wake(stream);
	}
}

/* All that wait too long go, not just so many as make blocks plentiful for a moment. */
static void streams_wake(struct h2_session *session, bool pressed)
{
	for (size_t i = 0; i < session->n_streams; i++) {
		if (!session->slots[i].stream->closed)
			stream_wake(session, session->slots[i].stream, pressed);
	}
}

static void wake_again(struct h2_session *session)
{
	mono_t at = mono_min(mono_min(session->head_at, session->idle_at),
			     mono_min(session->drain_at, session->read_at));
	mono_t wait = mono_min(session->write_at, session->window_at);

	for (size_t i = 0; i < session->n_streams; i++) {
		const struct h2_stream *stream = session->slots[i].stream;
		if (stream->closed)
			continue;
		at = mono_min(at, stream->wake_at);
		wait = mono_min(wait, stream->stall_at);
	}
	session->wake_at = MONO_NEVER;
	conn_set_deadline(session->conn, MONO_NEVER);
	h2_session_wake(session, at);
	if (wait.ns != MONO_NEVER.ns)
		h2_session_wait(session, wait);
}

static void drain_finish(struct h2_session *session)
{
	session->drain_at = MONO_NEVER;
	session->goaway_id = session->last_peer_id;
	h2_put_goaway(&session->out, session->goaway_id, H2_NO_ERROR);
	h2_session_run_later(session);
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct h2_session *session = OBJ_CAST(struct h2_session, arg, H2_SESSION_KIND);
	bool pressed = slab_ran_short(session->shared->slab);

	MUST(session->conn == conn);
	if (session->state == H2_SESSION_CLOSING && is_due(session, session->write_at)) {
		h2_session_end(session, session->reason);
		return;
	}
	if (is_due(session, session->read_at)) {
		session->read_at = MONO_NEVER;
		h2_session_run_later(session);
	}
	if (is_due(session, session->drain_at))
		drain_finish(session);
	if (is_due(session, session->head_at))
		h2_session_fail(session, H2_NO_ERROR, REASON_CLIENT_HEAD_TIMEOUT);
	else if (session->n_streams == 0 && is_due(session, session->idle_at))
		h2_session_fail(session, H2_NO_ERROR, session->role->idle);
	else if (is_over_due(session, session->write_at, pressed) ||
		 is_over_due(session, session->window_at, pressed))
		h2_session_fail(session, H2_NO_ERROR, session->role->write_timeout);
	else
		streams_wake(session, pressed);
	wake_again(session);
}

static const struct conn_events session_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_deadline = on_deadline,
};

/* ---- birth -------------------------------------------------------------------------------------
 */

void h2_shared_init(struct h2_shared *shared, struct loop *loop, struct slab *slab,
		    struct metric_block *metrics, const struct h2_limits *limits)
{
	MUST(limits->max_streams <= H2_MAX_STREAMS);
	*shared = (struct h2_shared){
		.loop = loop, .slab = slab, .metrics = metrics, .limits = *limits
	};
	buf_init(&shared->scratch, SCRATCH_MAX_BYTES);
}

void h2_shared_fini(struct h2_shared *shared)
{
	buf_fini(&shared->scratch);
}

/* RFC 9113 3.4: what we say first. */
static void greet(struct h2_session *session)
{
	const struct h2_limits *limits = &session->shared->limits;
	const uint32_t server[][2] = {
		{ H2_SETTING_MAX_CONCURRENT_STREAMS, limits->max_streams },
		{ H2_SETTING_INITIAL_WINDOW_SIZE, limits->window_bytes },
		{ H2_SETTING_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head.max_bytes },
		{ H2_SETTING_ENABLE_CONNECT_PROTOCOL, 1 },
		{ H2_SETTING_NO_RFC7540_PRIORITIES, 1 },
	};
	const uint32_t client[][2] = {
		{ H2_SETTING_ENABLE_PUSH, 0 },
		{ H2_SETTING_INITIAL_WINDOW_SIZE, limits->window_bytes },
		{ H2_SETTING_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head.max_bytes },
	};

	if (session->role->is_server) {
		h2_put_settings(&session->out, server, ARRAY_LEN(server));
	} else {
		outlet_text(&session->out, H2_PREFACE);
		h2_put_settings(&session->out, client, ARRAY_LEN(client));
	}
	h2_put_window_update(&session->out, 0, CONNECTION_WINDOW_BYTES - H2_WINDOW_DEFAULT);
	session->receive_window = CONNECTION_WINDOW_BYTES;
}

static bool first_take(struct h2_session *session, struct span first)
{
	MUST(first.len <= BLOCK_BYTES);
	if (first.len == 0)
		return true;
	session->block = slab_take(session->shared->slab);
	if (!session->block)
		return false;
	memcpy(session->block->bytes, first.at, first.len);
	session->block->len = (uint32_t)first.len;
	return true;
}

static void session_init(struct h2_session *session, const struct h2_role *role,
			 struct h2_shared *shared)
{
	session->role = role;
	session->shared = shared;
	session->state = role->is_server ? H2_SESSION_PREFACE : H2_SESSION_SETTINGS;
	session->task = (struct loop_task){ .fn = run, .arg = session };
	outlet_init(&session->out, shared->slab);
	session->send_window = H2_WINDOW_DEFAULT;
	session->peer_window = H2_WINDOW_DEFAULT;
	session->peer_max_streams = role->is_server ? 0 : UNTOLD_STREAMS;
	session->next_id = role->is_server ? 2 : 1;
	session->goaway_id = H2_STREAM_MAX;
	session->idle_at = session->write_at = session->window_at = MONO_NEVER;
	session->drain_at = session->wake_at = session->read_at = MONO_NEVER;
	session->head_at = h2_in_ms(session, shared->limits.head_timeout_ms);
	for (size_t i = 0; i < H2_URGENCIES; i++)
		TAILQ_INIT(&session->ready[i]);
	TAILQ_INIT(&session->held);
	TAILQ_INIT(&session->sent);
	TAILQ_INIT(&session->due);
}

int h2_session_new(const struct h2_role *role, struct h2_shared *shared, void *owner,
		   struct conn *conn, struct h2_session **ret_session)
{
	struct h2_session *session = OBJ_NEW(struct h2_session, H2_SESSION_KIND);
	int r = session ? h2_decoder_init(&session->decoder, &shared->limits.head)
			: err_new(-ENOMEM);

	if (r < 0) {
		free(session);
		conn_close(conn);
		return err_pass(r);
	}
	session_init(session, role, shared);
	session->owner = owner;
	session->conn = conn;
	conn_set_events(conn, &session_events, session);
	conn_set_deadline(conn, MONO_NEVER);
	*ret_session = session;
	return 0;
}

void h2_session_start(struct h2_session *session, struct span first)
{
	h2_session_wake(session, session->head_at);
	greet(session);
	h2_session_run_later(session);
	if (!first_take(session, first)) {
		session->out.failed = true; /* the turn's end finds it */
		return;
	}
	h2_read_frames(session);
	block_give_back(session);
	conn_want(session->conn, true, false);
}

void h2_session_drain(struct h2_session *session)
{
	const struct h2_limits *limits = &session->shared->limits;

	MUST(session->kind == H2_SESSION_KIND);
	if (session->draining || session->state == H2_SESSION_CLOSING)
		return;
	session->draining = true;
	h2_session_run_later(session);
	if (!session->role->is_server)
		return; /* it opens no more: nobody need be told */
	session->goaway_sent = true;
	/* RFC 9113 6.8: first that no more are wanted, then, when that has been heard, which were
	 * the last that we took. */
	h2_put_goaway(&session->out, H2_STREAM_MAX, H2_NO_ERROR);
	session->drain_at = h2_in_ms(session, limits->drain_grace_ms);
	h2_session_wake(session, session->drain_at);
}

bool h2_session_has_room(const struct h2_session *session)
{
	return !h2_session_is_draining(session) && session->next_id < H2_STREAM_MAX &&
	       h2_session_n_streams(session) <
		       MIN(session->peer_max_streams, (uint32_t)H2_MAX_STREAMS);
}

bool h2_session_is_greeted(const struct h2_session *session)
{
	return session->greeted;
}

bool h2_session_knows_connect(const struct h2_session *session)
{
	return session->peer_knows_connect;
}

int h2_session_open(struct h2_session *session, struct h2_stream *stream)
{
	MUST(h2_session_has_room(session) && stream->session == session);
	stream->id = session->next_id;
	int r = h2_streams_add(session, stream);
	if (r < 0)
		return err_pass(r);
	session->next_id += 2;
	session->idle_at = MONO_NEVER;
	return 0;
}
