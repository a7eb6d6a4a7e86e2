/* SPDX-License-Identifier: Apache-2.0
 *
 * conn: a duplex of bytes, TCP or TLS over TCP, on one worker's loop. It hides which.
 *
 * Non-blocking throughout. The owner reads until CONN_BLOCKED or a short read, writes at once, and
 * asks to be told only when blocked. All callbacks run on the loop's thread, never from inside a
 * call of the owner's; from inside a callback the owner may close the conn. One deadline a conn:
 * the nearest of the owner's worries.
 */
#pragma once

#include <sys/uio.h>

#include "core/loop.h"
#include "core/net/addr.h"
#include "core/net/splice.h"
#include "core/net/tls.h"
#include "core/net/tls_peer.h"
#include "core/net/tls_resume.h"

struct conn;

enum conn_outcome {
	CONN_OK = 0,
	CONN_BLOCKED = 1, /* nothing moved: ask with conn_want() */
	CONN_EOF = 2,     /* reading: the other side has finished (FIN, or close_notify) */
	CONN_BROKEN = 3,  /* reset, TLS failure, truncated TLS: conn_reason() says what; close it */
};

struct conn_events {
	/* TCP stands and TLS's handshake is done. Called once, also for accepted conns (at once for
	 * plain ones, but never inside conn_accept). */
	void (*on_open)(struct conn *conn, void *arg);
	void (*on_readable)(struct conn *conn, void *arg);
	void (*on_writable)(struct conn *conn, void *arg);
	void (*on_deadline)(struct conn *conn, void *arg);
	/* Connecting or the handshake failed, before on_open. The owner closes the conn. */
	void (*on_failed)(struct conn *conn, void *arg);
};

/* fd is moved, also on failure. `tls` is NULL for plain; a reference is taken. `events` is borrowed
 * for the conn's life. Errors: -ENOMEM. */
int conn_accept(struct loop *loop, int fd, const struct addr *from, struct tls_context *tls,
		const struct conn_events *events, void *arg, struct conn **ret_conn);

enum { CONN_PREAMBLE_BYTES = 107 };

struct conn_target {
	struct addr addr;
	struct tls_context *tls;   /* NULL: plain */
	const char *server_name;   /* SNI and the name to verify; NULL with plain */
	struct tls_resume *resume; /* NULL: none; a reference is taken */
	struct span preamble;      /* sent before all else, before TLS, too; copied; at most
				    * CONN_PREAMBLE_BYTES. Empty: none */
};
/* Errors: -ENOMEM, and those of connect() that come at once (-ENETUNREACH…). */
int conn_connect(struct loop *loop, const struct conn_target *target,
		 const struct conn_events *events, void *arg, struct conn **ret_conn);
/* Closes at once (TLS: close_notify is tried) and frees; what conn_writev() took is still delivered
 * as far as the other side reads within a few seconds. NULL is fine. */
void conn_close(struct conn *conn);
/* Closes with a reset (TLS: without close_notify), for when the other side must not take our end
 * for a good one. What it has not read may be lost. NULL is fine. */
void conn_reset(struct conn *conn);
/* Closes so that the kernel sends what it holds, then reads and drops what still comes, for at most
 * linger_ms, so that the last response is not lost to a reset (RFC 9112 9.6), nor the alert that
 * says why a handshake failed. Moved. */
void conn_close_lingering(struct conn *conn, int64_t linger_ms);
/* Does any linger on this thread? */
bool conn_any_lingers(void);
/* Ends all that still lingers on this thread's loop: before loop_free(). */
void conn_end_lingering(struct loop *loop);
/* Changes owner: a kept origin connection goes to its next user. */
void conn_set_events(struct conn *conn, const struct conn_events *events, void *arg);

/* All three: CONN_OK with at least one byte, or another outcome with none. */
int conn_read(struct conn *conn, uint8_t *at, size_t len, size_t *ret_n);
int conn_readv(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n);
/* After CONN_BROKEN on a plain conn what had come before can still be read. */
int conn_writev(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n);
/* The same for the last bytes of all: conn_finish() or a close follows in this turn, and leaves
 * with them. */
int conn_writev_last(struct conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n);
/* Plain conns alone: what has come goes into the pipe as far as that has room, but at most `max`
 * bytes; what is in the pipe leaves. The pipe's `bytes` follow. Outcomes as above; CONN_BLOCKED
 * also says that the pipe is full, or empty. */
int conn_splice_in(struct conn *conn, struct splice_pipe *pipe, size_t max, size_t *ret_n);
int conn_splice_out(struct conn *conn, struct splice_pipe *pipe, size_t *ret_n);
/* How much of what conn_writev() took may wait in the kernel, unsent: what is urgent later is
 * behind no more than that. */
void conn_limit_unsent(struct conn *conn, unsigned bytes);
/* After all is written: FIN, and close_notify before it. Reading goes on. */
void conn_finish(struct conn *conn);
/* What is of interest from now on; on_readable also runs for bytes that TLS has decrypted. */
void conn_want(struct conn *conn, bool read, bool write);
/* MONO_NEVER: none. Cheap to push out. */
void conn_set_deadline(struct conn *conn, mono_t at);

const struct addr *conn_from(const struct conn *conn); /* the other side */
const struct addr *conn_local(struct conn *conn);      /* ours, asked of the kernel once */
/* Another address of ours, that a proxy in front has told. Errors: -ENOMEM. */
int conn_set_local(struct conn *conn, const struct addr *local);
bool conn_is_tls(const struct conn *conn);
struct span conn_alpn(const struct conn *conn);        /* empty: none agreed */
struct span conn_server_name(const struct conn *conn); /* SNI as asked; empty: none */
const char *conn_tls_version(const struct conn *conn); /* "TLSv1.3"; "" for plain */
const char *conn_tls_cipher(const struct conn *conn);
bool conn_tls_resumed(const struct conn *conn); /* by a session, without a full handshake */
/* False: the other side has shown no certificate. What it has shown was verified. */
bool conn_peer(const struct conn *conn, struct arena *arena, struct tls_peer *ret_peer);
/* May a request for this host come on this connection (RFC 9110 7.4)? Not when the client asked for
 * a name by SNI, and the certificate that it got for it does not hold the host. Plain: always. */
bool conn_covers(struct conn *conn, struct span host);
const char *conn_reason(const struct conn *conn); /* of CONN_BROKEN and on_failed: "reset", … */
/* In on_failed: TCP had come to stand, so it is the handshake that failed. */
bool conn_is_established(const struct conn *conn);
int conn_rtt_us(const struct conn *conn, uint32_t *ret_rtt_us); /* the kernel's TCP_INFO */
