/* SPDX-License-Identifier: Apache-2.0
 *
 * conn: the life of one connection: connect or accept, shake hands, move bytes, close.
 *
 * A plain conn is a thin coat over the socket: one system call for a read or a write, none for
 * asking for what was asked before. Bytes of a TLS conn go through a tls_pipe, which lies behind
 * the conn in the same piece of memory. Nothing is touched after a callback of the owner: it may
 * have closed the conn.
 */
#include "core/net/conn.h"

#include <openssl/ssl.h>

#include <fcntl.h>
#include <netinet/tcp.h>

#include "core/error.h"
#include "core/net/tls_pipe.h"
#include "core/net/tls_priv.h"
#include "core/obj.h"

#define CONN_KIND OBJ_KIND('c', 'o', 'n', 'n')

enum {
	/* For sealed bytes that still wait when the owner closes at once. */
	CLOSE_DELIVERY_MS = 5000,
	/* What a lingering conn drops a wake-up. */
	DROP_BYTES = 256 * 1024,
};

/* clang-format off */
#define CONN_STATES(X) \
	X(CONNECTING) /* TCP is being set up                                   */ \
	X(CONNECTED)  /* TCP stands; what follows is in the deferred task      */ \
	X(HANDSHAKE)  /* TLS                                                   */ \
	X(OPEN)       /* the owner reads and writes                            */ \
	X(FAILED)     /* before OPEN; the owner has been told                  */ \
	X(LINGERING)  /* the owner has gone                                    */
/* clang-format on */

enum conn_state {
#define X(NAME) STATE_##NAME,
	CONN_STATES(X)
#undef X
};

/* What goes before all else. */
struct preamble {
	size_t len;
	uint8_t bytes[CONN_PREAMBLE_BYTES];
};

struct conn {
	uint32_t kind;
	enum conn_state state;
	int fd; /* owned */
	bool want_read, want_write;
	bool write_failed; /* of a plain conn: what has come can still be read */
	bool finish_asked; /* FIN when all that is left has gone */
	bool established;
	struct loop *loop;
	struct tls_pipe *pipe; /* behind us in memory; NULL: plain */
	const struct conn_events *events;
	void *arg;
	const char *reason;        /* static text */
	struct addr *local;        /* owned; NULL: not asked yet */
	struct preamble *preamble; /* owned; NULL: none, or it was sent */
	LIST_ENTRY(conn) lingerers;
	struct loop_io io;
	struct loop_timer deadline;
	struct loop_task task; /* on_open of an accepted conn; pending bytes of TLS */
	struct addr from;
};

/* Conns whose owners have gone. A list a thread, as a thread has one loop. */
static _Thread_local LIST_HEAD(, conn) lingering = LIST_HEAD_INITIALIZER(lingering);

static void on_io_readable(void *arg);
static void on_io_writable(void *arg);
static void on_task(void *arg);
static void on_timer(void *arg);

static const char *reason_of(int e)
{
	switch (e) {
	case ECONNRESET:
	case EPIPE:
		return "reset";
	case ECONNREFUSED:
		return "refused";
	case ETIMEDOUT:
		return "timed out";
	default:
		return strerrordesc_np(e);
	}
}

/* ---- birth and death --------------------------------------------------------------------------
 */

static void conn_free(struct conn *conn)
{
	if (conn->state == STATE_LINGERING)
		LIST_REMOVE(conn, lingerers);
	loop_io_stop(&conn->io);
	loop_timer_stop(&conn->deadline);
	loop_undefer(conn->loop, &conn->task);
	if (conn->pipe)
		tls_pipe_fini(conn->pipe);
	close(conn->fd);
	free(conn->local);
	free(conn->preamble);
	OBJ_FREE(conn);
}

static bool preamble_keep(struct conn *conn, struct span text)
{
	struct preamble *preamble = malloc(sizeof(*preamble));

	MUST(text.len <= CONN_PREAMBLE_BYTES);
	if (!preamble)
		return false;
	preamble->len = text.len;
	memcpy(preamble->bytes, text.at, text.len);
	conn->preamble = preamble;
	return true;
}

/* fd is moved, also on failure. NULL: out of memory. */
static struct conn *conn_new(struct loop *loop, int fd, const struct conn_target *target,
			     const struct conn_events *events, void *arg)
{
	size_t pipe_bytes = target->tls ? sizeof(struct tls_pipe) : 0;
	struct conn *conn = calloc(1, sizeof(*conn) + pipe_bytes);

	if (!conn) {
		close(fd);
		return NULL;
	}
	conn->kind = CONN_KIND;
	conn->fd = fd;
	conn->loop = loop;
	conn->events = events;
	conn->arg = arg;
	conn->from = target->addr;
	conn->task = (struct loop_task){ .fn = on_task, .arg = conn };
	loop_io_init(&conn->io, loop, fd, on_io_readable, on_io_writable, conn);
	loop_timer_init(&conn->deadline, loop, on_timer, conn);
	if (target->preamble.len && !preamble_keep(conn, target->preamble)) {
		conn_free(conn);
		return NULL;
	}
	if (!target->tls)
		return conn;
	conn->pipe = (struct tls_pipe *)(void *)(conn + 1);
	if (tls_pipe_init(conn->pipe, loop, fd, target->tls, target->server_name) < 0) {
		conn_free(conn);
		return NULL;
	}
	if (target->resume)
		tls_pipe_resume(conn->pipe, target->resume);
	return conn;
}

static bool has_left(const struct conn *conn)
{
	return conn->pipe && tls_pipe_has_left(conn->pipe);
}

/* Tells the loop what this state and the owner's wishes need. */
static int interest_update(struct conn *conn)
{
	bool read = false, write = has_left(conn);

	switch (conn->state) {
	case STATE_CONNECTING:
		write = true;
		break;
	case STATE_HANDSHAKE:
	case STATE_LINGERING:
		read = true;
		break;
	case STATE_OPEN:
		read = conn->want_read;
		write |= conn->want_write;
		break;
	case STATE_CONNECTED:
	case STATE_FAILED:
		write = false;
		break;
	}
	return loop_io_want(&conn->io, read, write);
}

/* Where a conn begins. False: no memory for the loop's event; conn is gone. */
static bool start(struct conn *conn, enum conn_state state)
{
	conn->state = state;
	if (state == STATE_CONNECTED)
		loop_defer(conn->loop, &conn->task);
	if (interest_update(conn) == 0)
		return true;
	conn_free(conn);
	return false;
}

/* NOLINTNEXTLINE(readability-function-size): one parameter more; each caller has the seven apart */
int conn_accept(struct loop *loop, int fd, const struct addr *from, struct tls_context *tls,
		const struct conn_events *events, void *arg, struct conn **ret_conn)
{
	const struct conn_target target = { .addr = *from, .tls = tls };
	struct conn *conn = conn_new(loop, fd, &target, events, arg);

	if (!conn || !start(conn, tls ? STATE_HANDSHAKE : STATE_CONNECTED))
		return err_new(-ENOMEM);
	*ret_conn = conn;
	return 0;
}

int conn_connect(struct loop *loop, const struct conn_target *target,
		 const struct conn_events *events, void *arg, struct conn **ret_conn)
{
	CLEANUP(fd_drop)
	int fd = socket(target->addr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0)
		return err_new(-errno);
	if (target->addr.any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bool at_once = connect(fd, &target->addr.any, target->addr.len) == 0;
	if (!at_once && errno != EINPROGRESS)
		return err_new(-errno);

	struct conn *conn = conn_new(loop, TAKE_FD(fd), target, events, arg);
	if (!conn || !start(conn, at_once ? STATE_CONNECTED : STATE_CONNECTING))
		return err_new(-ENOMEM);
	*ret_conn = conn;
	return 0;
}

static void linger(struct conn *conn, int64_t linger_ms)
{
	if (conn->pipe)
		tls_pipe_end(conn->pipe); /* its 14 KB need not linger */
	if (!has_left(conn))
		shutdown(conn->fd, SHUT_WR);
	conn->finish_asked = true;
	conn->state = STATE_LINGERING;
	LIST_INSERT_HEAD(&lingering, conn, lingerers);
	loop_undefer(conn->loop, &conn->task);
	loop_timer_set(&conn->deadline, mono_add_ms(loop_now(conn->loop), linger_ms));
	if (interest_update(conn) < 0)
		conn_free(conn);
}

void conn_close(struct conn *conn)
{
	if (!conn)
		return;
	MUST(conn->kind == CONN_KIND && conn->state != STATE_LINGERING);
	if (conn->pipe && conn->state == STATE_OPEN) {
		tls_pipe_finish(conn->pipe);
		if (!conn->pipe->reason && has_left(conn)) {
			linger(conn, CLOSE_DELIVERY_MS);
			return;
		}
	}
	conn_free(conn);
}

void conn_reset(struct conn *conn)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (!conn)
		return;
	MUST(conn->kind == CONN_KIND && conn->state != STATE_LINGERING);
	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	conn_free(conn);
}

void conn_close_lingering(struct conn *conn, int64_t linger_ms)
{
	MUST(conn->kind == CONN_KIND && conn->state != STATE_LINGERING);
	/* The other side is to read why the handshake failed: an alert has left. */
	bool is_refused = conn->state == STATE_FAILED && conn->pipe;
	if (is_refused || (conn->state == STATE_OPEN && !conn_reason(conn)[0]))
		linger(conn, linger_ms);
	else
		conn_close(conn);
}

bool conn_any_lingers(void)
{
	return !LIST_EMPTY(&lingering);
}

void conn_end_lingering(struct loop *loop)
{
	struct conn *conn, *next;

	LIST_FOREACH_SAFE (conn, &lingering, lingerers, next)
		if (conn->loop == loop)
			conn_free(conn);
}

/* What comes now is of no interest. MSG_TRUNC: the kernel drops it without a copy. */
static void linger_drop(struct conn *conn)
{
	ssize_t n = recv(conn->fd, NULL, DROP_BYTES, MSG_TRUNC);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (n == 0 && has_left(conn)) {
		/* It has finished but may still read: only writing is of interest now. */
		if (loop_io_want(&conn->io, false, true) == 0)
			return;
	}
	conn_free(conn);
}

/* ---- the way to OPEN --------------------------------------------------------------------------
 */

static void fail(struct conn *conn, const char *reason)
{
	conn->reason = reason;
	conn->state = STATE_FAILED;
	interest_update(conn);
	conn->events->on_failed(conn, conn->arg);
}

/* What the loop watches for stays until the owner has said what it wants: mostly the same. */
static void open_now(struct conn *conn)
{
	conn->state = STATE_OPEN;
	if (has_left(conn) && interest_update(conn) < 0)
		fail(conn, "out of memory");
	else
		conn->events->on_open(conn, conn->arg);
}

static void shake_hands(struct conn *conn)
{
	MUST(conn->pipe);
	switch ((enum conn_outcome)tls_pipe_handshake(conn->pipe)) {
	case CONN_OK:
		open_now(conn);
		return;
	case CONN_BLOCKED:
		if (interest_update(conn) < 0)
			fail(conn, "out of memory");
		return;
	case CONN_EOF:
	case CONN_BROKEN:
		fail(conn, conn->pipe->reason);
		return;
	}
	UNREACHABLE();
}

/* Nothing was sent before, so the kernel has room for it. */
static bool preamble_send(struct conn *conn)
{
	struct preamble *preamble = TAKE(conn->preamble);
	bool sent = !preamble || send(conn->fd, preamble->bytes, preamble->len, MSG_NOSIGNAL) ==
					 (ssize_t)preamble->len;

	free(preamble);
	return sent;
}

static void tcp_stands(struct conn *conn)
{
	conn->established = true;
	if (!preamble_send(conn)) {
		fail(conn, "could not send the PROXY header");
		return;
	}
	if (!conn->pipe) {
		open_now(conn);
		return;
	}
	conn->state = STATE_HANDSHAKE;
	shake_hands(conn);
}

static void connect_done(struct conn *conn)
{
	int e = 0;
	socklen_t len = sizeof(e);

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
		e = errno;
	if (e)
		fail(conn, reason_of(e));
	else
		tcp_stands(conn);
}

/* ---- the loop calls ---------------------------------------------------------------------------
 */

/* It woke us for what its owner does not want: left over from how it was opened. */
static void unwanted(struct conn *conn)
{
	if (interest_update(conn) < 0)
		conn->reason = "out of memory";
}

static void on_io_readable(void *arg)
{
	struct conn *conn = OBJ_CAST(struct conn, arg, CONN_KIND);

	if (conn->pipe)
		tls_pipe_woken(conn->pipe);
	switch (conn->state) {
	case STATE_HANDSHAKE:
		shake_hands(conn);
		return;
	case STATE_OPEN:
		if (conn->want_read)
			conn->events->on_readable(conn, conn->arg);
		else
			unwanted(conn);
		return;
	case STATE_LINGERING:
		linger_drop(conn);
		return;
	case STATE_CONNECTING:
	case STATE_CONNECTED:
	case STATE_FAILED:
		return;
	}
	UNREACHABLE();
}

/* Sends what is left of sealed bytes. False when conn is gone or nothing more is to be done. */
static bool push_out(struct conn *conn)
{
	int r = conn->pipe ? tls_pipe_flush(conn->pipe) : CONN_OK;

	if (r == CONN_BLOCKED)
		return false;
	if (conn->state == STATE_LINGERING && r == CONN_BROKEN) {
		conn_free(conn);
		return false;
	}
	if (r == CONN_OK && conn->finish_asked)
		shutdown(conn->fd, SHUT_WR);
	if (interest_update(conn) == 0)
		return true;
	if (conn->state == STATE_LINGERING)
		conn_free(conn);
	return false;
}

static void on_io_writable(void *arg)
{
	struct conn *conn = OBJ_CAST(struct conn, arg, CONN_KIND);

	if (conn->state == STATE_CONNECTING) {
		connect_done(conn);
		return;
	}
	if (has_left(conn) && !push_out(conn))
		return;
	if (conn->state != STATE_OPEN)
		return;
	/* A break is found by whoever tries next: wake the one who waits. */
	if (conn->want_write)
		conn->events->on_writable(conn, conn->arg);
	else if (conn->want_read && conn_reason(conn)[0])
		conn->events->on_readable(conn, conn->arg);
	else
		unwanted(conn);
}

static void on_task(void *arg)
{
	struct conn *conn = OBJ_CAST(struct conn, arg, CONN_KIND);

	if (conn->state == STATE_CONNECTED)
		tcp_stands(conn);
	else if (conn->state == STATE_OPEN && conn->want_read && tls_pipe_pending(conn->pipe))
		conn->events->on_readable(conn, conn->arg);
}

static void on_timer(void *arg)
{
	struct conn *conn = OBJ_CAST(struct conn, arg, CONN_KIND);

	if (conn->state == STATE_LINGERING)
		conn_free(conn);
	else
		conn->events->on_deadline(conn, conn->arg);
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

static int broken(struct conn *conn, int e)
{
	conn->reason = reason_of(e);
	return CONN_BROKEN;
}

static int read_outcome(struct conn *conn, ssize_t n, size_t *ret_n)
{
	if (n > 0) {
		*ret_n = (size_t)n;
		return CONN_OK;
	}
	if (n == 0)
		return CONN_EOF;
	if (errno == EAGAIN || errno == EINTR)
		return CONN_BLOCKED;
	return broken(conn, errno);
}

/* OpenSSL may hold bytes for which the socket will not wake us. */
static void pending_defer(struct conn *conn)
{
	if (conn->want_read && tls_pipe_pending(conn->pipe))
		loop_defer(conn->loop, &conn->task);
}

static int read_tls(struct conn *conn, uint8_t *at, size_t len, size_t *ret_n)
{
	int r = tls_pipe_read(conn->pipe, at, len, ret_n);

	pending_defer(conn);
	return r;
}

int conn_read(struct conn *conn, uint8_t *at, size_t len, size_t *ret_n)
{
	MUST(conn->kind == CONN_KIND && conn->state == STATE_OPEN);
	*ret_n = 0;
	if (conn->reason && !conn->write_failed)
		return CONN_BROKEN;
	if (conn->pipe)
		return read_tls(conn, at, len, ret_n);
	return read_outcome(conn, recv(conn->fd, at, len, 0), ret_n);
}

static int readv_tls(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n)
{
	size_t n = 0, got;

	for (int i = 0; i < n_iov; i++) {
		int r = tls_pipe_read(conn->pipe, iov[i].iov_base, iov[i].iov_len, &got);
		if (r != CONN_OK && n == 0)
			return r;
		if (r == CONN_EOF || r == CONN_BROKEN)
			conn->pipe->ended_is_told = false; /* this call tells of bytes */
		n += got;
		if (got < iov[i].iov_len)
			break;
	}
	pending_defer(conn);
	*ret_n = n;
	return CONN_OK;
}

int conn_readv(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n)
{
	MUST(conn->kind == CONN_KIND && conn->state == STATE_OPEN && n_iov > 0);
	*ret_n = 0;
	if (conn->reason && !conn->write_failed)
		return CONN_BROKEN;
	if (conn->pipe)
		return readv_tls(conn, iov, n_iov, ret_n);
	return read_outcome(conn, readv(conn->fd, iov, n_iov), ret_n);
}

static int writev_tls(struct conn *conn, const struct iovec *iov, int n_iov, bool last,
		      size_t *ret_n)
{
	int r = tls_pipe_writev(conn->pipe, iov, n_iov, last, ret_n);

	if (has_left(conn) && interest_update(conn) < 0) {
		conn->reason = "out of memory";
		*ret_n = 0;
		return CONN_BROKEN;
	}
	return r;
}

static int write_outcome(struct conn *conn, ssize_t n, size_t *ret_n)
{
	if (n > 0) {
		*ret_n = (size_t)n;
		return CONN_OK;
	}
	if (n == 0 || errno == EAGAIN || errno == EINTR)
		return CONN_BLOCKED;
	conn->write_failed = true;
	return broken(conn, errno);
}

static int writev_plain(struct conn *conn, const struct iovec *iov, int n_iov, bool last,
			size_t *ret_n)
{
	union {
		const struct iovec *in;
		struct iovec *out; /* sendmsg() only reads it */
	} pieces = { .in = iov };
	struct msghdr message = { .msg_iov = pieces.out, .msg_iovlen = (size_t)n_iov };
	int flags = MSG_NOSIGNAL | (last ? MSG_MORE : 0);
	/* One piece is sent without a header that the kernel has to copy and check. */
	ssize_t n = n_iov == 1 ? send(conn->fd, iov->iov_base, iov->iov_len, flags)
			       : sendmsg(conn->fd, &message, flags);

	return write_outcome(conn, n, ret_n);
}

static int write_pieces(struct conn *conn, const struct iovec *iov, int n_iov, bool last,
			size_t *ret_n)
{
	MUST(conn->kind == CONN_KIND && conn->state == STATE_OPEN && n_iov > 0);
	*ret_n = 0;
	if (conn->reason)
		return CONN_BROKEN;
	return conn->pipe ? writev_tls(conn, iov, n_iov, last, ret_n)
			  : writev_plain(conn, iov, n_iov, last, ret_n);
}

int conn_writev(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n)
{
	return write_pieces(conn, iov, n_iov, false, ret_n);
}

int conn_writev_last(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n)
{
	return write_pieces(conn, iov, n_iov, true, ret_n);
}

int conn_splice_in(struct conn *conn, struct splice_pipe *pipe, size_t max, size_t *ret_n)
{
	MUST(conn->kind == CONN_KIND && conn->state == STATE_OPEN && !conn->pipe && max);
	*ret_n = 0;
	if (conn->reason && !conn->write_failed)
		return CONN_BROKEN;
	ssize_t n = splice(conn->fd, NULL, pipe->in, NULL, MIN(max, pipe->max_bytes),
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	int r = read_outcome(conn, n, ret_n);
	pipe->bytes += *ret_n;
	return r;
}

/* The process ignores SIGPIPE, which splice() knows no flag against. */
int conn_splice_out(struct conn *conn, struct splice_pipe *pipe, size_t *ret_n)
{
	MUST(conn->kind == CONN_KIND && conn->state == STATE_OPEN && !conn->pipe);
	*ret_n = 0;
	if (conn->reason)
		return CONN_BROKEN;
	if (!pipe->bytes)
		return CONN_BLOCKED;
	ssize_t n = splice(pipe->out, NULL, conn->fd, NULL, pipe->bytes,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	int r = write_outcome(conn, n, ret_n);
	MUST(*ret_n <= pipe->bytes);
	pipe->bytes -= *ret_n;
	return r;
}

void conn_limit_unsent(struct conn *conn, unsigned bytes)
{
	/* Unix sockets have no such limit. */
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

void conn_finish(struct conn *conn)
{
	MUST(conn->kind == CONN_KIND && conn->state == STATE_OPEN);
	if (conn->finish_asked)
		return;
	conn->finish_asked = true;
	if (conn->pipe)
		tls_pipe_finish(conn->pipe);
	if (!has_left(conn) || interest_update(conn) < 0)
		shutdown(conn->fd, SHUT_WR);
}

/* ---- wishes and questions ---------------------------------------------------------------------
 */

void conn_set_events(struct conn *conn, const struct conn_events *events, void *arg)
{
	MUST(conn->kind == CONN_KIND && conn->state != STATE_LINGERING);
	conn->events = events;
	conn->arg = arg;
}

void conn_want(struct conn *conn, bool read, bool write)
{
	MUST(conn->kind == CONN_KIND && conn->state != STATE_LINGERING);
	conn->want_read = read;
	conn->want_write = write;
	if (conn->state != STATE_OPEN)
		return;
	/* Without memory for the loop's event nobody would wake us: found by the deadline, or by
	 * the next read or write. */
	if (interest_update(conn) < 0)
		conn->reason = "out of memory";
	if (conn->pipe)
		pending_defer(conn);
}

void conn_set_deadline(struct conn *conn, mono_t at)
{
	MUST(conn->kind == CONN_KIND && conn->state != STATE_LINGERING);
	loop_timer_set(&conn->deadline, at);
}

const struct addr *conn_from(const struct conn *conn)
{
	return &conn->from;
}

int conn_set_local(struct conn *conn, const struct addr *local)
{
	if (!conn->local)
		conn->local = malloc(sizeof(*conn->local));
	if (!conn->local)
		return err_new(-ENOMEM);
	*conn->local = *local;
	return 0;
}

const struct addr *conn_local(struct conn *conn)
{
	static const struct addr none;
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} sa;
	socklen_t len = sizeof(sa);

	if (conn->local)
		return conn->local;
	if (getsockname(conn->fd, &sa.any, &len) != 0)
		return &none;
	conn->local = malloc(sizeof(*conn->local));
	if (!conn->local)
		return &none;
	*conn->local = addr_from_sockaddr(&sa.any, len);
	return conn->local;
}

bool conn_is_tls(const struct conn *conn)
{
	return conn->pipe != NULL;
}

struct span conn_alpn(const struct conn *conn)
{
	const uint8_t *at = NULL;
	unsigned len = 0;

	if (conn->pipe)
		SSL_get0_alpn_selected(conn->pipe->ssl, &at, &len);
	return span_of(at, len);
}

struct span conn_server_name(const struct conn *conn)
{
	const char *name = NULL;

	if (conn->pipe)
		name = SSL_get_servername(conn->pipe->ssl, TLSEXT_NAMETYPE_host_name);
	return span_str(name);
}

const char *conn_tls_version(const struct conn *conn)
{
	return conn->pipe ? SSL_get_version(conn->pipe->ssl) : "";
}

const char *conn_tls_cipher(const struct conn *conn)
{
	return conn->pipe ? SSL_get_cipher_name(conn->pipe->ssl) : "";
}

bool conn_tls_resumed(const struct conn *conn)
{
	return conn->pipe && conn->pipe->ssl && SSL_session_reused(conn->pipe->ssl);
}

bool conn_is_established(const struct conn *conn)
{
	return conn->established;
}

bool conn_peer(const struct conn *conn, struct arena *arena, struct tls_peer *ret_peer)
{
	*ret_peer = (struct tls_peer){ .subject = SPAN_NONE };
	return conn->pipe && conn->pipe->ssl && tls_peer_read(conn->pipe->ssl, arena, ret_peer);
}

bool conn_covers(struct conn *conn, struct span host)
{
	struct tls_pipe *pipe = conn->pipe;

	if (!pipe || !pipe->ssl || tls_ssl_asked(pipe->ssl, host))
		return true;
	if (pipe->covered && span_eq(span_str(pipe->covered), host))
		return true;
	if (!tls_ssl_covers(pipe->ssl, host))
		return false;
	/* Whoever coalesces goes on to do so; without memory it is looked up again. */
	free(pipe->covered);
	pipe->covered = strndup((const char *)host.at, host.len);
	return true;
}

const char *conn_reason(const struct conn *conn)
{
	if (conn->reason)
		return conn->reason;
	return conn->pipe && conn->pipe->ended == CONN_BROKEN ? conn->pipe->reason : "";
}

int conn_rtt_us(const struct conn *conn, uint32_t *ret_rtt_us)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return err_new(-errno);
	if (len < offsetof(struct tcp_info, tcpi_rtt) + sizeof(info.tcpi_rtt))
		return err_new(-EIO);
	*ret_rtt_us = info.tcpi_rtt;
	return 0;
}
