/* SPDX-License-Identifier: Apache-2.0
 *
 * splice: pipes of the kernel's through which bytes move from one plain conn to another past user
 * space: conn_splice_in(), then conn_splice_out().
 *
 * A pool belongs to one worker and is touched by that worker's thread alone. It never holds more
 * than so many pipes, which is a budget of its own: a full pipe pins up to SPLICE_PIPE_BYTES of
 * the kernel's memory, an empty one next to nothing. Who gets no pipe copies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <bsd/sys/queue.h>

enum {
	SPLICE_PIPE_BYTES = 1 << 20,
	/* What the kernel may give instead; with less nothing is gained. */
	SPLICE_LEAST_BYTES = 256 << 10,
};

struct splice_pool;

struct splice_pipe {
	SLIST_ENTRY(splice_pipe) spare;
	struct splice_pool *pool;
	int in, out;      /* owned: we write to `in`, and read from `out` */
	size_t bytes;     /* that it holds */
	size_t max_bytes; /* at most; with small packets it is full before */
};

/* Errors: -ENOMEM. */
int splice_pool_new(size_t max_pipes, struct splice_pool **ret_pool);
void splice_pool_free(struct splice_pool *pool); /* NULL is fine; no pipe may be out */
/* From now on; 0: none. Those that are out stay until they are given back. */
void splice_pool_set_max(struct splice_pool *pool, size_t max_pipes);
size_t splice_pool_n_out(const struct splice_pool *pool);

/* An empty pipe. NULL: none is left, or the kernel gives no (large) one. */
struct splice_pipe *splice_take(struct splice_pool *pool);
/* A pipe that still holds bytes is closed: they are lost. NULL is fine. */
void splice_give(struct splice_pipe *pipe);
