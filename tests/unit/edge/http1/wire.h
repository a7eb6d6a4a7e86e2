/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: what the tests of http1 share: a loop, a slab, and a conn whose other end is a plain
 * descriptor in the test's hand.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>

#include "core/chain.h"
#include "core/net/conn.h"
#include "tests/unit/edge/edge_test.h"

enum { WIRE_TEXT_MAX = 1 << 20 };

struct wire {
	struct loop *loop;
	struct slab *slab;
	struct conn *conn; /* ours */
	int fd;            /* theirs; -1: closed */
	bool opened;
	char *got; /* what has come from us; NUL-terminated */
	size_t n_got;
	bool ended;     /* we have closed */
	int pipe_bytes; /* what the pair holds unread; 0: as usual */
};

static void wire_on_open(struct conn *conn, void *arg)
{
	(void)conn;
	((struct wire *)arg)->opened = true;
}

static void wire_on_other(struct conn *conn, void *arg)
{
	(void)conn, (void)arg;
}

static const struct conn_events wire_events = {
	.on_open = wire_on_open,
	.on_readable = wire_on_other,
	.on_writable = wire_on_other,
	.on_deadline = wire_on_other,
	.on_failed = wire_on_other,
};

static inline void wire_init(struct wire *wire)
{
	*wire = (struct wire){ .fd = -1 };
	wire->got = calloc(1, WIRE_TEXT_MAX + 1);
	assert_non_null(wire->got);
	assert_int_equal(loop_new("test", &wire->loop), 0);
	assert_int_equal(slab_new(1024, &wire->slab), 0);
}

/* A fresh pair. */
static inline void wire_connect(struct wire *wire)
{
	struct addr from;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	if (wire->pipe_bytes)
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &wire->pipe_bytes, sizeof(int));
	assert_true(addr_parse(SPAN_LIT("192.0.2.1:1"), &from));
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = fds[1];
	wire->opened = wire->ended = false;
	wire->n_got = 0;
	wire->got[0] = 0;
	assert_int_equal(
		conn_accept(wire->loop, fds[0], &from, NULL, &wire_events, wire, &wire->conn), 0);
	EDGE_LOOP_UNTIL(wire->loop, wire->opened);
}

static inline void wire_hang_up(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}

/* The conn has been closed or moved. */
static inline void wire_fini(struct wire *wire)
{
	wire_hang_up(wire);
	conn_end_lingering(wire->loop);
	assert_int_equal(slab_n_out(wire->slab), 0);
	slab_free(wire->slab);
	loop_free(wire->loop);
	free(wire->got);
}

static inline void wire_turn(struct wire *wire)
{
	assert_int_equal(loop_turn(wire->loop, 1), 0);
}

static inline void wire_send(struct wire *wire, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = send(wire->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
		if (n < 0) {
			assert_true(errno == EAGAIN);
			wire_turn(wire);
			continue;
		}
		bytes = span_from(bytes, (size_t)n);
	}
}

static inline void wire_say(struct wire *wire, const char *text)
{
	wire_send(wire, span_str(text));
}

/* Reads what we have sent so far. */
static inline void wire_look(struct wire *wire)
{
	ssize_t n = 1;

	while (n > 0 && wire->n_got < WIRE_TEXT_MAX) {
		n = recv(wire->fd, wire->got + wire->n_got, WIRE_TEXT_MAX - wire->n_got, 0);
		if (n > 0)
			wire->n_got += (size_t)n;
	}
	wire->ended |= n == 0 || (n < 0 && errno == ECONNRESET);
	wire->got[wire->n_got] = 0;
}

static inline bool wire_has(struct wire *wire, const char *text)
{
	wire_look(wire);
	return memmem(wire->got, wire->n_got, text, strlen(text)) != NULL;
}

/* Turns until this has come. */
#define WIRE_EXPECT(wire, text)                                                                    \
	do {                                                                                       \
		mono_t until_ = mono_add_ms(mono_read(), EDGE_TEST_PATIENCE_MS);                   \
		while (!wire_has((wire), (text)) && mono_before(mono_read(), until_))              \
			wire_turn(wire);                                                           \
		if (!wire_has((wire), (text)))                                                     \
			fail_msg("no \"%s\" in \"%s\"", (text), (wire)->got);                      \
	} while (0)

#define WIRE_EXPECT_END(wire)                                                                      \
	do {                                                                                       \
		mono_t until_ = mono_add_ms(mono_read(), EDGE_TEST_PATIENCE_MS);                   \
		while (!(wire)->ended && mono_before(mono_read(), until_)) {                       \
			wire_turn(wire);                                                           \
			wire_look(wire);                                                           \
		}                                                                                  \
		assert_true((wire)->ended);                                                        \
	} while (0)

static inline void wire_forget(struct wire *wire)
{
	wire->n_got = 0;
	wire->got[0] = 0;
}

/* Some turns, for what must not happen. */
static inline void wire_idle(struct wire *wire)
{
	for (int i = 0; i < 10; i++)
		wire_turn(wire);
	wire_look(wire);
}

static inline void wire_push(struct slab *slab, struct chain *chain, const char *text)
{
	struct block *block = slab_take(slab);

	assert_non_null(block);
	block->len = (uint32_t)strlen(text);
	assert_true(block->len <= BLOCK_BYTES);
	memcpy(block->bytes, text, block->len);
	chain_push_block(chain, block, 0, block->len);
	block_unref(block);
}

/* A pool of one pipe, which holds these bytes. */
static inline struct splice_pipe *wire_pipe(struct splice_pool **ret_pool, struct span bytes)
{
	assert_int_equal(splice_pool_new(1, ret_pool), 0);
	struct splice_pipe *pipe = splice_take(*ret_pool);
	assert_non_null(pipe);
	assert_int_equal(write(pipe->in, bytes.at, bytes.len), bytes.len);
	pipe->bytes = bytes.len;
	return pipe;
}

/* n bytes in whole blocks. */
static inline void wire_push_zeros(struct slab *slab, struct chain *chain, size_t n)
{
	while (n) {
		struct block *block = slab_take(slab);
		assert_non_null(block);
		block->len = (uint32_t)MIN(n, (size_t)BLOCK_BYTES);
		memset(block->bytes, '0', block->len);
		chain_push_block(chain, block, 0, block->len);
		n -= block->len;
		block_unref(block);
	}
}
