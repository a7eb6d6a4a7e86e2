/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_pipe: TLS over one non-blocking socket: the half of conn that knows OpenSSL. For conn.c
 * alone; outcomes are conn's. The loop's thread.
 */
#pragma once

#include <sys/uio.h>

#include "core/loop.h"
#include "core/net/tls.h"
#include "core/net/tls_resume.h"

struct tls_pipe {
	struct ssl_st *ssl; /* owned; NULL once finished for good */
	struct loop *loop;
	int fd;       /* borrowed */
	bool starved; /* OpenSSL asked for more than the socket had */
	int ended;    /* how reading ended: CONN_EOF, CONN_BROKEN; 0: not yet */
	bool ended_is_told;
	const char *reason; /* static text */
	mono_t drained_at;  /* the turn in which recv() gave less than asked */
	/* Sealed bytes that the socket did not take: owned, [left_at, left_len). */
	uint8_t *left;
	size_t left_at, left_len, left_cap;
	bool held; /* `left` is no backlog: it leaves with what is written or said next */
	uint32_t started_bytes; /* written since the start or the last pause, up to a limit */
	mono_t wrote_at;
	struct tls_resume *resume; /* a reference; NULL: none */
	char *covered; /* owned: the last host besides SNI's that conn_covers() found; NULL: none */
};

/* `pipe` is zeroed memory. Errors: -ENOMEM. */
int tls_pipe_init(struct tls_pipe *pipe, struct loop *loop, int fd, struct tls_context *tls,
		  const char *server_name);
void tls_pipe_fini(struct tls_pipe *pipe);
/* A client takes up what is kept there, and keeps there what the server gives it. A reference is
 * taken. Before the handshake. */
void tls_pipe_resume(struct tls_pipe *pipe, struct tls_resume *resume);

/* CONN_OK: done. CONN_BLOCKED: again when the socket is readable. CONN_BROKEN. */
int tls_pipe_handshake(struct tls_pipe *pipe);
int tls_pipe_read(struct tls_pipe *pipe, uint8_t *at, size_t len, size_t *ret_n);
/* What it takes may partly wait in `left`: as long as some does, nothing more is taken. `last`:
 * tls_pipe_finish() follows, and its close_notify leaves with the bytes. */
int tls_pipe_writev(struct tls_pipe *pipe, const struct iovec *iov, int n_iov, bool last,
		    size_t *ret_n);
/* Sends what is left. CONN_OK: nothing is; CONN_BLOCKED: again when writable. */
int tls_pipe_flush(struct tls_pipe *pipe);
/* Says close_notify; then flush. */
void tls_pipe_finish(struct tls_pipe *pipe);
/* Finishes and gives OpenSSL's memory back; only flush may follow. */
void tls_pipe_end(struct tls_pipe *pipe);

/* The socket has become readable. */
static inline void tls_pipe_woken(struct tls_pipe *pipe)
{
	pipe->starved = false;
	pipe->drained_at = MONO_NEVER;
}
/* Reading would give something (bytes, or how it ended) without a wake-up of the socket. */
bool tls_pipe_pending(const struct tls_pipe *pipe);
static inline bool tls_pipe_has_left(const struct tls_pipe *pipe)
{
	return pipe->left_at < pipe->left_len && !pipe->held;
}
