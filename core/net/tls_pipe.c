/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_pipe: OpenSSL between two buffers of ours.
 *
 * OpenSSL reads and writes through a BIO of our own. Writing never blocks there: records gather in
 * a buffer of the thread and one send() takes all that one call made (four records of a body; a
 * server's last flight with its ticket); what the socket refuses is copied into the pipe. Reading
 * remembers when recv() gave less than asked and saves the call that could only say EAGAIN.
 */
#include "core/net/tls_pipe.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include "core/error.h"
#include "core/net/conn.h"
#include "core/net/tls_priv.h"
#include "core/obj.h"

enum {
	RECORD_BYTES = 16384,
	/* Header, explicit nonce, padding, tag: what any cipher adds to a full record. */
	RECORD_SEALED_BYTES = RECORD_BYTES + 512,
	GATHERED_RECORDS = 4,
	/* A record is read when all of it has come. While the congestion window opens (10 segments,
	 * then twice as many with each round trip), a full one would take several round trips;
	 * these fit in three segments. After START_BYTES the window holds a full record. */
	START_RECORD_BYTES = 4096,
	START_BYTES = 64 * 1024,
	START_AGAIN_MS = 1000, /* the kernel, too, begins anew after a pause */
	/* Past the records of one call only alerts and handshakes are added. */
	MAX_LEFT_BYTES = 256 * 1024,
};

/* The thread's scratch: in use within one call alone, so that idle conns hold nothing. */
static _Thread_local struct {
	size_t sealed_len;
	uint8_t plain[RECORD_BYTES];
	uint8_t sealed[GATHERED_RECORDS * RECORD_SEALED_BYTES];
} scratch;

static int broken(struct tls_pipe *pipe, const char *reason)
{
	if (!pipe->reason)
		pipe->reason = reason;
	pipe->ended = CONN_BROKEN;
	return CONN_BROKEN;
}

/* Keeps bytes for later; false when out of memory or past the limit. */
static bool left_keep(struct tls_pipe *pipe, const uint8_t *at, size_t len)
{
	size_t held = pipe->left_len - pipe->left_at;

	MUST(len > 0);
	if (held + len > MAX_LEFT_BYTES)
		return false;
	if (pipe->left_at && held)
		memmove(pipe->left, pipe->left + pipe->left_at, held);
	pipe->left_at = 0;
	pipe->left_len = held;
	if (held + len > pipe->left_cap) {
		uint8_t *grown = realloc(pipe->left, held + len);
		if (!grown)
			return false;
		pipe->left = grown;
		pipe->left_cap = held + len;
	}
	MUST(pipe->left);
	memcpy(pipe->left + held, at, len);
	pipe->left_len += len;
	return true;
}

static void left_forget(struct tls_pipe *pipe)
{
	free(pipe->left);
	pipe->left = NULL;
	pipe->left_at = pipe->left_len = pipe->left_cap = 0;
}

/* CONN_OK, CONN_BLOCKED or CONN_BROKEN; *ret_n of it went. */
static int socket_send(struct tls_pipe *pipe, const uint8_t *at, size_t len, size_t *ret_n)
{
	*ret_n = 0;
	while (*ret_n < len) {
		ssize_t n = send(pipe->fd, at + *ret_n, len - *ret_n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return CONN_BLOCKED;
		if (n < 0)
			return broken(pipe, strerrordesc_np(errno));
		*ret_n += (size_t)n;
		if (*ret_n < len)
			return CONN_BLOCKED; /* the socket's buffer is full now */
	}
	return CONN_OK;
}

int tls_pipe_flush(struct tls_pipe *pipe)
{
	size_t n;

	if (!tls_pipe_has_left(pipe))
		return CONN_OK;
	int r = socket_send(pipe, pipe->left + pipe->left_at, pipe->left_len - pipe->left_at, &n);
	pipe->left_at += n;
	if (r != CONN_BLOCKED)
		left_forget(pipe);
	return r;
}

/* Sends what this call has gathered, behind what was left or held before. */
static int scratch_send(struct tls_pipe *pipe)
{
	size_t n = 0, len = scratch.sealed_len;

	scratch.sealed_len = 0;
	if (len == 0)
		return CONN_OK;
	pipe->held = false;
	int r = tls_pipe_flush(pipe);
	if (r == CONN_OK)
		r = socket_send(pipe, scratch.sealed, len, &n);
	if (r == CONN_BLOCKED && !left_keep(pipe, scratch.sealed + n, len - n))
		return broken(pipe, "no memory for what waits to be sent");
	return r;
}

/* What this call has gathered waits for the next one. */
static int scratch_hold(struct tls_pipe *pipe)
{
	size_t len = scratch.sealed_len;

	if (len == 0 || tls_pipe_has_left(pipe))
		return scratch_send(pipe);
	scratch.sealed_len = 0;
	if (!left_keep(pipe, scratch.sealed, len))
		return broken(pipe, "no memory for what waits to be sent");
	pipe->held = true;
	return CONN_OK;
}

/* What was held goes before what this call gathers. */
static void held_take(struct tls_pipe *pipe)
{
	if (!pipe->held)
		return;
	MUST(pipe->left && scratch.sealed_len == 0 && pipe->left_at == 0 &&
	     pipe->left_len <= sizeof(scratch.sealed));
	memcpy(scratch.sealed, pipe->left, pipe->left_len);
	scratch.sealed_len = pipe->left_len;
	pipe->held = false;
	left_forget(pipe);
}

/* ---- our BIO ----------------------------------------------------------------------------------
 */

static int pipe_bio_write(BIO *bio, const char *at, int len)
{
	struct tls_pipe *pipe = BIO_get_data(bio);
	size_t done = 0, whole = (size_t)len;

	BIO_clear_retry_flags(bio);
	while (done < whole) {
		size_t room = sizeof(scratch.sealed) - scratch.sealed_len;
		size_t n = MIN(room, whole - done);
		memcpy(scratch.sealed + scratch.sealed_len, at + done, n);
		scratch.sealed_len += n;
		done += n;
		if (scratch.sealed_len == sizeof(scratch.sealed) &&
		    scratch_send(pipe) == CONN_BROKEN)
			return -1;
	}
	return len;
}

static int pipe_bio_read(BIO *bio, char *at, int len)
{
	struct tls_pipe *pipe = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (pipe->drained_at.ns == loop_now(pipe->loop).ns) {
		BIO_set_retry_read(bio);
		return -1;
	}
	ssize_t n = recv(pipe->fd, at, (size_t)len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n < 0)
		pipe->reason = errno == ECONNRESET ? "reset" : strerrordesc_np(errno);
	else if (n == 0)
		pipe->reason = "ended without close_notify";
	else if (n < len)
		pipe->drained_at = loop_now(pipe->loop);
	return (int)n;
}

static long pipe_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *pipe_method;

static void pipe_method_make(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "tls_pipe");

	if (!method)
		return;
	BIO_meth_set_write(method, pipe_bio_write);
	BIO_meth_set_read(method, pipe_bio_read);
	BIO_meth_set_ctrl(method, pipe_bio_ctrl);
	pipe_method = method;
}

static BIO *pipe_bio_new(struct tls_pipe *pipe)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, pipe_method_make);
	BIO *bio = pipe_method ? BIO_new(pipe_method) : NULL;
	if (!bio)
		return NULL;
	BIO_set_data(bio, pipe);
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- what conn calls --------------------------------------------------------------------------
 */

int tls_pipe_init(struct tls_pipe *pipe, struct loop *loop, int fd, struct tls_context *tls,
		  const char *server_name)
{
	pipe->loop = loop;
	pipe->fd = fd;
	pipe->drained_at = MONO_NEVER;
	SSL *ssl = tls_ssl_new(tls, server_name);
	BIO *bio = ssl ? pipe_bio_new(pipe) : NULL;
	if (!bio) {
		SSL_free(ssl);
		return err_new(-ENOMEM);
	}
	SSL_set_bio(ssl, bio, bio);
	pipe->ssl = ssl;
	return 0;
}

void tls_pipe_fini(struct tls_pipe *pipe)
{
	SSL_free(pipe->ssl);
	pipe->ssl = NULL;
	tls_resume_unref(pipe->resume);
	pipe->resume = NULL;
	free(pipe->covered);
	pipe->covered = NULL;
	left_forget(pipe);
}

void tls_pipe_resume(struct tls_pipe *pipe, struct tls_resume *resume)
{
	MUST(!pipe->resume);
	pipe->resume = tls_resume_ref(resume);
	tls_resume_use(resume, pipe->ssl);
}

/* SSL_get_error() looks at the thread's queue: what others left there would be taken for ours. */
static void errors_forget(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

/* Gives the outcome of an operation that did not succeed. */
static int outcome_of(struct tls_pipe *pipe, int result)
{
	switch (SSL_get_error(pipe->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		pipe->starved = true;
		return CONN_BLOCKED;
	case SSL_ERROR_ZERO_RETURN:
		pipe->ended = CONN_EOF;
		return CONN_EOF;
	default: /* SSL_ERROR_SSL, SSL_ERROR_SYSCALL: OpenSSL's list is open */
		if (pipe->reason)
			ERR_clear_error(); /* the socket's reason says more than "unexpected eof" */
		return broken(pipe, tls_failure_text(pipe->ssl));
	}
}

/* The client's last flight is acknowledged now, and not with the first response. A client without
 * TCP_NODELAY would keep its request back until then (40 ms and more). */
static void acknowledge(const struct tls_pipe *pipe)
{
	int on = 1;

	setsockopt(pipe->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on)); /* else: it waits */
}

int tls_pipe_handshake(struct tls_pipe *pipe)
{
	if (pipe->ended == CONN_BROKEN)
		return CONN_BROKEN;
	errors_forget();
	int result = SSL_do_handshake(pipe->ssl);
	int r = result == 1 ? CONN_OK : outcome_of(pipe, result);
	/* A server of TLS 1.3 ends its handshake with tickets, for which nobody waits. */
	bool tickets = r == CONN_OK && SSL_is_server(pipe->ssl) &&
		       SSL_version(pipe->ssl) == TLS1_3_VERSION;
	if ((tickets ? scratch_hold(pipe) : scratch_send(pipe)) == CONN_BROKEN)
		return CONN_BROKEN;
	if (tickets && !SSL_has_pending(pipe->ssl))
		acknowledge(pipe);
	return r == CONN_EOF ? broken(pipe, "closed during the handshake") : r;
}

int tls_pipe_read(struct tls_pipe *pipe, uint8_t *at, size_t len, size_t *ret_n)
{
	size_t n = 0, got;

	*ret_n = 0;
	if (pipe->ended) {
		pipe->ended_is_told = true;
		return pipe->ended;
	}
	errors_forget();
	while (n < len) {
		int result = SSL_read_ex(pipe->ssl, at + n, len - n, &got);
		if (result != 1) {
			int r = outcome_of(pipe, result);
			if (n == 0) {
				pipe->ended_is_told = pipe->ended != 0;
				scratch_send(pipe);
				return r;
			}
			break;
		}
		n += got;
	}
	scratch_send(pipe); /* an alert, if any */
	*ret_n = n;
	return CONN_OK;
}

/* A place in an array of pieces. */
struct pieces {
	const struct iovec *iov;
	int n_iov;
	size_t at; /* in the first */
};

static void pieces_drop(struct pieces *pieces, size_t n)
{
	pieces->at += n;
	while (pieces->n_iov && pieces->at >= pieces->iov->iov_len) {
		pieces->at -= pieces->iov->iov_len;
		pieces->iov++;
		pieces->n_iov--;
	}
}

/* The next record's worth of bytes: in place where one piece has it all, else put together. */
static struct span pieces_next(const struct pieces *from, size_t max_bytes)
{
	struct pieces pieces = *from;
	const struct iovec *first = pieces.iov;
	size_t n = 0, first_left = first->iov_len - pieces.at;

	if (first_left >= max_bytes || pieces.n_iov == 1)
		return span_of((const uint8_t *)first->iov_base + pieces.at,
			       MIN(first_left, max_bytes));
	while (pieces.n_iov && n < max_bytes) {
		size_t part = MIN(pieces.iov->iov_len - pieces.at, max_bytes - n);
		memcpy(scratch.plain + n, (const uint8_t *)pieces.iov->iov_base + pieces.at, part);
		n += part;
		pieces_drop(&pieces, part);
	}
	return span_of(scratch.plain, n);
}

/* How large the next record may be. */
static size_t record_size(const struct tls_pipe *pipe)
{
	return pipe->started_bytes < START_BYTES ? START_RECORD_BYTES : RECORD_BYTES;
}

static void start_again_after_a_pause(struct tls_pipe *pipe)
{
	mono_t now = loop_now(pipe->loop);

	if (mono_diff_ms(now, pipe->wrote_at) >= START_AGAIN_MS)
		pipe->started_bytes = 0;
	pipe->wrote_at = now;
}

/* No resumed write is ever outstanding: our BIO takes everything. */
int tls_pipe_writev(struct tls_pipe *pipe, const struct iovec *iov, int n_iov, bool last,
		    size_t *ret_n)
{
	struct pieces pieces = { iov, n_iov, 0 };
	size_t n = 0, got;

	*ret_n = 0;
	if (pipe->ended == CONN_BROKEN)
		return CONN_BROKEN;
	int r = tls_pipe_flush(pipe);
	if (r != CONN_OK)
		return r;
	held_take(pipe);
	errors_forget();
	start_again_after_a_pause(pipe);
	pieces_drop(&pieces, 0);
	while (n < (size_t)GATHERED_RECORDS * RECORD_BYTES && pieces.n_iov) {
		struct span record = pieces_next(&pieces, record_size(pipe));
		int result = SSL_write_ex(pipe->ssl, record.at, record.len, &got);
		if (result != 1) {
			r = outcome_of(pipe, result);
			break;
		}
		n += got;
		pipe->started_bytes += (uint32_t)MIN(got, START_BYTES - pipe->started_bytes);
		pieces_drop(&pieces, got);
	}
	bool held = last && pieces.n_iov == 0;
	if ((held ? scratch_hold(pipe) : scratch_send(pipe)) == CONN_BROKEN || r == CONN_BROKEN)
		return CONN_BROKEN;
	*ret_n = n;
	return n ? CONN_OK : CONN_BLOCKED;
}

void tls_pipe_finish(struct tls_pipe *pipe)
{
	if (!pipe->ssl || pipe->ended == CONN_BROKEN || !SSL_is_init_finished(pipe->ssl))
		return;
	held_take(pipe);
	errors_forget();
	if (SSL_shutdown(pipe->ssl) < 0)
		errors_forget();
	scratch_send(pipe);
}

void tls_pipe_end(struct tls_pipe *pipe)
{
	tls_pipe_finish(pipe);
	SSL_free(pipe->ssl);
	pipe->ssl = NULL;
}

bool tls_pipe_pending(const struct tls_pipe *pipe)
{
	if (pipe->ended)
		return !pipe->ended_is_told;
	return pipe->ssl && !pipe->starved && SSL_has_pending(pipe->ssl);
}
