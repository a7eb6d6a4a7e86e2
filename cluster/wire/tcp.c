/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp: a line's life is DIAL or AWAIT (its HELLO), GREET (waits for WELCOME), OPEN, ENDED. A line
 * that has ended is freed at the end of the turn, for its owner may be in the middle of reading
 * from it.
 */
#include "cluster/wire/tcp.h"

#include "core/cursor.h"
#include "core/error.h"
#include "core/log.h"
#include "core/net/conn.h"
#include "core/obj.h"

#define TCP_KIND  OBJ_KIND('c', 't', 'c', 'p')
#define LINE_KIND OBJ_KIND('l', 'i', 'n', 'e')

enum {
	FRAME_PREFIX_BYTES = 4,
	FRAME_MAX_BYTES = SEAL_OVERHEAD_BYTES + TCP_MAX_PLAIN_BYTES,
	READ_BYTES = 16 * 1024,
	READS_A_TURN = 16,
	OUT_MAX_BYTES = 2 * (FRAME_PREFIX_BYTES + FRAME_MAX_BYTES),
	SMALL_BUF_BYTES = 64 * 1024, /* an idle line keeps no more */
	HANDSHAKE_MS = 3000,
	FRAME_MS = 10000, /* until a frame that has begun is whole, or moves on */
	QUIET_MS = 60000, /* then a kept line says that it is there */
	IDLE_MS = 180000,
	ACCEPTS_A_TURN = 16,
	ANSWERS_A_TURN = 4,
	REDIAL_FIRST_MS = 500,
	REDIAL_MOST_MS = 5000,
};

enum line_state { LINE_DIAL, LINE_AWAIT, LINE_GREET, LINE_OPEN, LINE_ENDED };

struct tcp_line {
	uint32_t kind;
	TAILQ_ENTRY(tcp_line) entry;
	struct tcp *tcp;
	enum line_state state;
	struct conn *conn; /* NULL once it has ended */
	struct addr addr;
	bool dialled;
	bool knows_id; /* `id`: as proven, or as we expect */
	bool kept;
	struct member_id id;
	struct handshake handshake; /* dialled: until OPEN */
	struct session session;
	struct buf in, out;
	struct buf waiting; /* frames' contents, with prefixes, until OPEN */
	mono_t said_at, heard_at, frame_at;
};

struct kept {
	struct tcp_keep what;
	mono_t next_at;
	int64_t wait_ms;
};

struct tcp {
	uint32_t kind;
	struct loop *loop;
	const struct handshake_self *self;
	const struct tcp_out *out;
	void *arg;
	struct loop_io listener;
	struct loop_task reaper;
	TAILQ_HEAD(line_list, tcp_line) lines, ended;
	size_t n_lines;
	struct kept kept[TCP_MAX_KEPT];
	size_t n_kept;
	mono_t answered_at; /* the turn in which n_answered were */
	unsigned n_answered;
};

static void on_open(struct conn *conn, void *arg);
static void on_readable(struct conn *conn, void *arg);
static void on_writable(struct conn *conn, void *arg);
static void on_deadline(struct conn *conn, void *arg);
static void on_failed(struct conn *conn, void *arg);
static void dial_kept(struct tcp *tcp);

static const struct conn_events line_events = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_deadline = on_deadline,
	.on_failed = on_failed,
};

const char *tcp_loss_name(enum tcp_loss loss)
{
	switch (loss) {
	case TCP_REFUSED:
		return "refused";
	case TCP_RESET:
		return "reset";
	case TCP_CLOSED:
		return "closed";
	case TCP_TIMED_OUT:
		return "timed_out";
	case TCP_REJECTED:
		return "rejected";
	}
	UNREACHABLE();
}

/* --- birth and death ------------------------------------------------------------------------ */

static struct tcp_line *line_new(struct tcp *tcp, const struct addr *addr)
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

static void line_free(struct tcp_line *line)
{
	buf_fini(&line->in);
	buf_fini(&line->out);
	buf_fini(&line->waiting);
	session_fini(&line->session);
	handshake_wipe(&line->handshake);
	OBJ_FREE(line);
}

/* It is still good to look at until the end of the turn. */
static void line_close(struct tcp_line *line)
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

static void line_end(struct tcp_line *line, enum tcp_loss why)
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

static void on_reaper(void *arg)
{
	struct tcp *tcp = OBJ_CAST(struct tcp, arg, TCP_KIND);
	struct tcp_line *line;

	while ((line = TAILQ_FIRST(&tcp->ended))) {
		TAILQ_REMOVE(&tcp->ended, line, entry);
		line_free(line);
	}
	/* What is to be kept and has just ended is dialled again at once: that dial tells why. */
	dial_kept(tcp);
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

static int line_say(struct tcp_line *line, struct span plain)
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

static void set_deadline(struct tcp_line *line)
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
		set_deadline(line);
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
	set_deadline(line);
	line_flush(line);
}

/* --- accepting and dialling ----------------------------------------------------------------- */

static size_t n_strangers(const struct tcp *tcp)
{
	const struct tcp_line *line;
	size_t n = 0;

	TAILQ_FOREACH (line, &tcp->lines, entry)
		n += line->state == LINE_AWAIT;
	return n;
}

static void accepted(struct tcp *tcp, int fd, const struct addr *from)
{
	if (tcp->n_lines >= TCP_MAX_LINES || n_strangers(tcp) >= TCP_MAX_STRANGERS) {
		tcp->out->rejected(tcp->arg, from, REJECT_BUSY);
		close(fd);
		return;
	}
	struct tcp_line *line = line_new(tcp, from);
	if (!line) {
		close(fd);
		return;
	}
	line->state = LINE_AWAIT;
	if (conn_accept(tcp->loop, fd, from, NULL, &line_events, line, &line->conn) < 0)
		line_close(line);
	else
		set_deadline(line);
}

static void on_listener(void *arg)
{
	struct tcp *tcp = OBJ_CAST(struct tcp, arg, TCP_KIND);

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(tcp->listener.fd, (struct sockaddr *)&from, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
				LOG_WARN("cluster.accept_failed", kv_err(-errno));
			return;
		}
		struct addr addr = addr_from_sockaddr((struct sockaddr *)&from, len);
		accepted(tcp, fd, &addr);
	}
}

static int dial(struct tcp *tcp, const struct member_id *to, const struct addr *addr,
		struct tcp_line **ret_line)
{
	struct conn_target target = { .addr = *addr };

	if (tcp->n_lines >= TCP_MAX_LINES)
		return err_new(-EBUSY);
	struct tcp_line *line = line_new(tcp, addr);
	if (!line)
		return err_new(-ENOMEM);
	line->dialled = true;
	if (to) {
		line->id = *to;
		line->knows_id = true;
	}
	int r = conn_connect(tcp->loop, &target, &line_events, line, &line->conn);
	if (r < 0) {
		line_close(line);
		return err_pass(r);
	}
	set_deadline(line);
	*ret_line = line;
	return 0;
}

/* A line that stands, else one that is on its way, with this member. */
static struct tcp_line *line_with(struct tcp *tcp, const struct member_id *id)
{
	struct tcp_line *line, *best = NULL;

	TAILQ_FOREACH (line, &tcp->lines, entry) {
		if (line->knows_id && member_id_equal(&line->id, id) &&
		    (!best || line->state == LINE_OPEN))
			best = line;
	}
	return best;
}

static struct tcp_line *line_to(struct tcp *tcp, const struct addr *addr)
{
	struct tcp_line *line;

	TAILQ_FOREACH (line, &tcp->lines, entry) {
		if (line->dialled && addr_eq(&line->addr, addr))
			return line;
	}
	return NULL;
}

int tcp_send(struct tcp *tcp, const struct member_id *to, const struct addr *addr,
	     struct span plain)
{
	struct tcp_line *line = to ? line_with(tcp, to) : line_to(tcp, addr);
	int r = 0;

	MUST(tcp->kind == TCP_KIND);
	if (plain.len > TCP_MAX_PLAIN_BYTES)
		return err_new(-EMSGSIZE);
	if (!line)
		r = dial(tcp, to, addr, &line);
	if (r < 0 || !line)
		return err_pass(r);
	return line_say(line, plain);
}

void tcp_keep(struct tcp *tcp, const struct tcp_keep *keep, size_t n)
{
	struct kept old[TCP_MAX_KEPT];
	size_t n_old = tcp->n_kept;

	MUST(n <= TCP_MAX_KEPT);
	memcpy(old, tcp->kept, sizeof(old));
	for (size_t i = 0; i < n; i++) {
		tcp->kept[i] = (struct kept){ .what = keep[i], .next_at = loop_now(tcp->loop) };
		for (size_t k = 0; k < n_old; k++) {
			if (!member_id_equal(&old[k].what.id, &keep[i].id))
				continue;
			tcp->kept[i].next_at = old[k].next_at;
			tcp->kept[i].wait_ms = old[k].wait_ms;
		}
	}
	tcp->n_kept = n;
	struct tcp_line *line;
	TAILQ_FOREACH (line, &tcp->lines, entry)
		line->kept = false;
}

static void keep_one(struct tcp *tcp, struct kept *kept)
{
	struct tcp_line *line = line_with(tcp, &kept->what.id);

	if (!line && mono_before(loop_now(tcp->loop), kept->next_at))
		return;
	if (!line && dial(tcp, &kept->what.id, &kept->what.addr, &line) < 0) {
		kept->next_at = mono_add_ms(loop_now(tcp->loop), REDIAL_MOST_MS);
		return;
	}
	line->kept = true;
	if (line->state == LINE_OPEN)
		kept->wait_ms = 0;
}

static void dial_kept(struct tcp *tcp)
{
	for (size_t i = 0; i < tcp->n_kept; i++)
		keep_one(tcp, &tcp->kept[i]);
}

static void tend(struct tcp_line *line)
{
	mono_t now = loop_now(line->tcp->loop);

	if (line->state != LINE_OPEN)
		return; /* the conn's deadline watches it */
	if (mono_diff_ms(now, line->heard_at) > IDLE_MS &&
	    mono_diff_ms(now, line->said_at) > IDLE_MS)
		line_close(line);
	else if (line->kept && mono_diff_ms(now, line->said_at) > QUIET_MS)
		(void)line_say(line, SPAN_NONE);
}

void tcp_tick(struct tcp *tcp)
{
	struct tcp_line *line, *next;

	MUST(tcp->kind == TCP_KIND);
	dial_kept(tcp);
	TAILQ_FOREACH_SAFE (line, &tcp->lines, entry, next)
		tend(line);
}

int tcp_new(struct loop *loop, const struct handshake_self *self, int listen_fd,
	    const struct tcp_out *out, void *arg, struct tcp **ret_tcp)
{
	struct tcp *tcp = OBJ_NEW(struct tcp, TCP_KIND);

	if (!tcp)
		return err_new(-ENOMEM);
	tcp->loop = loop;
	tcp->self = self;
	tcp->out = out;
	tcp->arg = arg;
	TAILQ_INIT(&tcp->lines);
	TAILQ_INIT(&tcp->ended);
	tcp->reaper = (struct loop_task){ .fn = on_reaper, .arg = tcp };
	loop_io_init(&tcp->listener, loop, listen_fd, on_listener, NULL, tcp);
	int r = loop_io_want(&tcp->listener, true, false);
	if (r < 0) {
		tcp_free(tcp);
		return err_pass(r);
	}
	*ret_tcp = tcp;
	return 0;
}

void tcp_free(struct tcp *tcp)
{
	struct tcp_line *line;

	if (!tcp)
		return;
	tcp->n_kept = 0;
	loop_io_stop(&tcp->listener);
	while ((line = TAILQ_FIRST(&tcp->lines)))
		line_close(line);
	loop_undefer(tcp->loop, &tcp->reaper);
	on_reaper(tcp);
	OBJ_FREE(tcp);
}
