/* SPDX-License-Identifier: Apache-2.0
 *
 * line: what happens on one line. Its life is DIAL or AWAIT (a HELLO), GREET (waits for WELCOME),
 * OPEN, ENDED. A line that has ended is freed at the end of the turn, for its owner may be in the
 * middle of reading from it.
 */
#include "cluster/wire/tcp_priv.h"
#include "core/cursor.h"
#include "core/error.h"

enum {
	FRAME_PREFIX_BYTES = 4,
	FRAME_MAX_BYTES = SEAL_OVERHEAD_BYTES + TCP_MAX_PLAIN_BYTES,
	READ_BYTES = 16 * 1024,
	READS_A_TURN = 16,
	OUT_MAX_BYTES = 2 * (FRAME_PREFIX_BYTES + FRAME_MAX_BYTES),
	SMALL_BUF_BYTES = 64 * 1024, /* an idle line keeps no more */
	HANDSHAKE_MS = 3000,
	FRAME_MS = 10000, /* until a frame that has begun is whole, or moves on */
	ANSWERS_A_TURN = 4,
	REDIAL_FIRST_MS = 500,
	REDIAL_MOST_MS = 5000,
};

static void on_open(struct conn *conn, void *arg);
static void on_readable(struct conn *conn, void *arg);
static void on_writable(struct conn *conn, void *arg);
static void on_deadline(struct conn *conn, void *arg);
static void on_failed(struct conn *conn, void *arg);

const struct conn_events line_events = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_deadline = on_deadline,
	.on_failed = on_failed,
};

/* --- birth and death ------------------------------------------------------------------------ */

struct tcp_line *line_new(struct tcp *tcp, const struct addr *addr)
{
	struct tcp_line *line = OBJ_NEW(struct tcp_line, LINE_KIND);

	if (!line)
		return NULL;
	line->tcp = tcp;
	line->addr = *addr;
	line->said_at = line->heard_at = line->frame_at = loop_now(tcp->loop);
	buf_init(&line->in, FRAME_PREFIX_BYTES + FRAME_MAX_BYTES + READ_BYTES);
	buf_init(&line->out, OUT_MAX_BYTES);
	buf_init(&line->waiting, OUT_MAX_BYTES);
	TAILQ_INSERT_TAIL(&tcp->lines, line, entry);
	tcp->n_lines++;
	return line;
}

void line_free(struct tcp_line *line)
{
	buf_fini(&line->in);
	buf_fini(&line->out);
	buf_fini(&line->waiting);
	session_fini(&line->session);
	handshake_wipe(&line->handshake);
	OBJ_FREE(line);
}

void line_close(struct tcp_line *line)
{
	struct tcp *tcp = line->tcp;

	MUST(line->state != LINE_ENDED);
	line->state = LINE_ENDED;
	conn_close(TAKE(line->conn));
	TAILQ_REMOVE(&tcp->lines, line, entry);
	tcp->n_lines--;
	TAILQ_INSERT_TAIL(&tcp->ended, line, entry);
	loop_defer(tcp->loop, &tcp->reaper);
}

void line_end(struct tcp_line *line, enum tcp_loss why)
{
	struct tcp *tcp = line->tcp;

	line_close(line);
	for (size_t i = 0; i < tcp->n_kept && line->kept; i++) {
		struct kept *kept = &tcp->kept[i];

		if (!member_id_equal(&kept->what.id, &line->id))
			continue;
		kept->wait_ms = why == TCP_CLOSED || why == TCP_RESET
					? 0
					: MIN(MAX(2 * kept->wait_ms, (int64_t)REDIAL_FIRST_MS),
					      (int64_t)REDIAL_MOST_MS);
		kept->next_at = mono_add_ms(loop_now(tcp->loop), kept->wait_ms);
	}
	if (line->knows_id)
		tcp->out->lost(tcp->arg, &line->id, &line->addr, why);
}

static void line_reject(struct tcp_line *line, enum reject why)
{
	line->tcp->out->rejected(line->tcp->arg, &line->addr, why);
	line_end(line, TCP_REJECTED);
}

/* --- writing -------------------------------------------------------------------------------- */

static void shrink(struct buf *buf)
{
	size_t max_bytes = buf->max_bytes;

	if (buf->len > 0 || buf->cap <= SMALL_BUF_BYTES)
		return;
	buf_fini(buf);
	buf_init(buf, max_bytes);
}

static void line_flush(struct tcp_line *line)
{
	while (line->out.len > 0) {
		struct iovec iov = { .iov_base = line->out.at, .iov_len = line->out.len };
		size_t n = 0;
		int r = conn_writev(line->conn, &iov, 1, &n);

		if (r == CONN_BLOCKED)
			break;
		if (r != CONN_OK) {
			line_end(line, strcmp(conn_reason(line->conn), "reset") == 0
					       ? TCP_RESET
					       : TCP_TIMED_OUT);
			return;
		}
		buf_drop_front(&line->out, n);
	}
	shrink(&line->out);
	conn_want(line->conn, true, line->out.len > 0);
}

static void add_frame(struct buf *buf, struct span frame)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_byte(buf, (uint8_t)(frame.len >> shift));
	buf_add(buf, frame);
}

/* Bytes stay in `out` until line_flush(). */
static int add_sealed(struct tcp_line *line, struct span plain)
{
	size_t len = SEAL_OVERHEAD_BYTES + plain.len;
	size_t before = line->out.len;
	uint8_t prefix[FRAME_PREFIX_BYTES] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16),
					       (uint8_t)(len >> 8), (uint8_t)len };

	MUST(line->state == LINE_OPEN && plain.len <= TCP_MAX_PLAIN_BYTES);
	uint8_t *at = buf_room(&line->out, sizeof(prefix) + len);
	if (!at) {
		line->out.failed = false;
		return err_new(-EBUSY);
	}
	memcpy(at, prefix, sizeof(prefix));
	int r = session_seal(&line->session, plain, at + sizeof(prefix));
	if (r < 0)
		return err_pass(r);
	buf_grew(&line->out, sizeof(prefix) + len);
	MUST(line->out.len == before + sizeof(prefix) + len);
	line->said_at = loop_now(line->tcp->loop);
	return 0;
}

int line_say(struct tcp_line *line, struct span plain)
{
	int r = 0;

	if (line->state == LINE_OPEN) {
		r = add_sealed(line, plain);
	} else {
		add_frame(&line->waiting, plain);
		if (line->waiting.failed)
			r = err_new(-EBUSY);
		line->waiting.failed = false;
	}
	if (r == 0 && line->state == LINE_OPEN)
		line_flush(line);
	return r < 0 ? err_pass(r) : 0;
}

/* What waited goes out under the new session. */
static void line_opened(struct tcp_line *line, const struct proven_member *other)
{
	struct cursor cursor = cursor_over(buf_span(&line->waiting));
	struct tcp *tcp = line->tcp;

	line->state = LINE_OPEN;
	line->id = other->certificate.id;
	line->knows_id = true;
	tcp->out->met(tcp->arg, other, &line->addr);
	while (cursor.rest.len > 0) {
		struct span plain = cursor_bytes(&cursor, cursor_u32(&cursor));

		if (add_sealed(line, plain) < 0)
			break;
	}
	buf_empty(&line->waiting);
	shrink(&line->waiting);
}

/* --- reading -------------------------------------------------------------------------------- */

static void say_hint(struct tcp_line *line, const struct seal_header *hello, enum seal_hint why)
{
	const struct handshake_self *self = line->tcp->self;
	struct seal_header header = { .kind = SEAL_HINT, .key_id = (uint8_t)why };
	uint8_t packet[SEAL_HEADER_BYTES];

	memcpy(header.group_tag, self->keyring->group_tag, KEYRING_TAG_BYTES);
	memcpy(header.session, hello->session, SEAL_SESSION_BYTES);
	header.sender = self->identity->certificate.id;
	seal_write_header(&header, packet);
	add_frame(&line->out, span_of(packet, sizeof(packet)));
	line_flush(line);
}

static void refuse(struct tcp_line *line, const struct seal_header *header, int outcome)
{
	enum reject why = reject_of_handshake(outcome);
	int hint = reject_hint(why);

	if (hint != 0 && header->kind == SEAL_HELLO)
		say_hint(line, header, (enum seal_hint)hint);
	if (line->state != LINE_ENDED)
		line_reject(line, why);
}

static void on_hello(struct tcp_line *line, const struct seal_header *header, struct span packet)
{
	uint8_t welcome[HANDSHAKE_BYTES];
	struct proven_member other;
	int r = handshake_answer(line->tcp->self, packet, loop_wall_s(line->tcp->loop), welcome,
				 &line->session, &other);

	if (r != HANDSHAKE_OK) {
		refuse(line, header, r);
		return;
	}
	add_frame(&line->out, span_of(welcome, sizeof(welcome)));
	/* What comes next must open under the new keys, so a recorded HELLO leads nowhere. */
	line_opened(line, &other);
	line_flush(line);
}

static void on_welcome(struct tcp_line *line, const struct seal_header *header, struct span packet)
{
	struct proven_member other;
	int r = handshake_finish(line->tcp->self, &line->handshake, packet,
				 loop_wall_s(line->tcp->loop), &line->session, &other);

	if (r != HANDSHAKE_OK) {
		refuse(line, header, r);
		return;
	}
	handshake_wipe(&line->handshake);
	if (line->knows_id && !member_id_equal(&line->id, &other.certificate.id)) {
		line_end(line, TCP_REJECTED); /* another lives there now */
		return;
	}
	line_opened(line, &other);
	line_flush(line);
}

static void on_hint(struct tcp_line *line, const struct seal_header *header)
{
	struct tcp *tcp = line->tcp;

	if (memcmp(header->session, line->handshake.session, SEAL_SESSION_BYTES) != 0 ||
	    header->key_id < SEAL_HINT_GROUP || header->key_id > SEAL_HINT_CERTIFICATE) {
		line_reject(line, REJECT_UNASKED);
		return;
	}
	tcp->out->refused(tcp->arg, &line->addr, (enum seal_hint)header->key_id);
	line_end(line, TCP_REJECTED);
}

static void on_data(struct tcp_line *line, const struct seal_header *header, struct span packet)
{
	struct tcp *tcp = line->tcp;
	size_t len = packet.len - SEAL_OVERHEAD_BYTES;

	if (!member_id_equal(&header->sender, &line->id) ||
	    memcmp(header->session, line->session.id, SEAL_SESSION_BYTES) != 0) {
		line_reject(line, REJECT_NO_SESSION);
		return;
	}
	uint8_t *plain = malloc(MAX(len, (size_t)1));
	if (!plain) {
		line_end(line, TCP_TIMED_OUT);
		return;
	}
	int r = session_open(&line->session, header, packet, plain);
	if (r != SEAL_OK)
		line_reject(line, reject_of_seal(r));
	else if (len > 0) /* empty: only to say that it is there */
		tcp->out->deliver(tcp->arg, &line->id, &line->addr, span_of(plain, len));
	free(plain);
}

static void on_frame(struct tcp_line *line, struct span packet)
{
	struct seal_header header;
	int r = seal_read_header(packet, &header);

	line->heard_at = loop_now(line->tcp->loop);
	if (r != SEAL_OK)
		line_reject(line, reject_of_seal(r));
	else if (line->state == LINE_AWAIT && header.kind == SEAL_HELLO)
		on_hello(line, &header, packet);
	else if (line->state == LINE_GREET && header.kind == SEAL_WELCOME)
		on_welcome(line, &header, packet);
	else if (line->state == LINE_GREET && header.kind == SEAL_HINT)
		on_hint(line, &header);
	else if (line->state == LINE_OPEN && header.kind == SEAL_DATA)
		on_data(line, &header, packet);
	else
		line_reject(line, REJECT_MALFORMED);
}

/* All frames that are whole. */
static void take_frames(struct tcp_line *line)
{
	while (line->state != LINE_ENDED) {
		struct cursor cursor = cursor_over(buf_span(&line->in));
		size_t len = cursor_u32(&cursor);
		size_t max = line->state == LINE_OPEN ? (size_t)FRAME_MAX_BYTES
						      : (size_t)HANDSHAKE_BYTES;

		if (cursor.failed)
			break;
		if (len > max || len < SEAL_HEADER_BYTES) {
			line_reject(line, REJECT_MALFORMED);
			break;
		}
		struct span packet = cursor_bytes(&cursor, len);
		if (cursor.failed)
			break;
		on_frame(line, packet);
		line->frame_at = loop_now(line->tcp->loop);
		buf_drop_front(&line->in, FRAME_PREFIX_BYTES + len);
	}
	shrink(&line->in);
}

void line_watch(struct tcp_line *line)
{
	int64_t ms = line->state != LINE_OPEN ? HANDSHAKE_MS : FRAME_MS;
	bool waits = line->state != LINE_OPEN || line->in.len > 0;

	conn_set_deadline(line->conn, waits ? mono_add_ms(line->frame_at, ms) : MONO_NEVER);
}

static enum tcp_loss loss_of(const struct conn *conn)
{
	const char *reason = conn_reason(conn);

	if (strcmp(reason, "refused") == 0)
		return TCP_REFUSED;
	return strcmp(reason, "reset") == 0 ? TCP_RESET : TCP_TIMED_OUT;
}

/* A stranger's HELLO costs some operations on curves: a few a turn, the rest in the next. */
static bool may_answer(struct tcp *tcp)
{
	mono_t now = loop_now(tcp->loop);

	if (tcp->answered_at.ns != now.ns)
		tcp->n_answered = 0;
	tcp->answered_at = now;
	return tcp->n_answered++ < ANSWERS_A_TURN;
}

static void on_readable(struct conn *conn, void *arg)
{
	struct tcp_line *line = OBJ_CAST(struct tcp_line, arg, LINE_KIND);

	if (line->state == LINE_AWAIT && !may_answer(line->tcp))
		return;
	for (int i = 0; i < READS_A_TURN && line->state != LINE_ENDED; i++) {
		uint8_t *at = buf_room(&line->in, READ_BYTES);
		size_t n = 0;

		if (!at) {
			line_end(line, TCP_TIMED_OUT);
			return;
		}
		int r = conn_read(conn, at, READ_BYTES, &n);
		if (r == CONN_BLOCKED)
			break;
		if (r != CONN_OK) {
			line_end(line, r == CONN_EOF ? TCP_CLOSED : loss_of(conn));
			return;
		}
		if (line->in.len == 0)
			line->frame_at = loop_now(line->tcp->loop);
		buf_grew(&line->in, n);
		take_frames(line);
	}
	if (line->state != LINE_ENDED)
		line_watch(line);
}

static void on_writable(struct conn *conn, void *arg)
{
	struct tcp_line *line = OBJ_CAST(struct tcp_line, arg, LINE_KIND);

	MUST(conn == line->conn);
	line_flush(line);
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct tcp_line *line = OBJ_CAST(struct tcp_line, arg, LINE_KIND);

	MUST(conn == line->conn);
	line_end(line, TCP_TIMED_OUT);
}

static void on_failed(struct conn *conn, void *arg)
{
	struct tcp_line *line = OBJ_CAST(struct tcp_line, arg, LINE_KIND);

	line_end(line, loss_of(conn));
}

static void on_open(struct conn *conn, void *arg)
{
	struct tcp_line *line = OBJ_CAST(struct tcp_line, arg, LINE_KIND);

	MUST(conn == line->conn);
	line->frame_at = loop_now(line->tcp->loop);
	if (line->dialled) {
		MUST(line->state == LINE_DIAL);
		if (handshake_begin(line->tcp->self, &line->handshake) < 0) {
			line_end(line, TCP_TIMED_OUT);
			return;
		}
		line->state = LINE_GREET;
		add_frame(&line->out, span_of(line->handshake.hello, HANDSHAKE_BYTES));
	}
	line_watch(line);
	line_flush(line);
}
