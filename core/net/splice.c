/* SPDX-License-Identifier: Apache-2.0
 *
 * splice: the pool of pipes.
 *
 * A pipe of the usual 64 KiB gains nothing over copying, so its size is asked for, and what is
 * smaller than SPLICE_LEAST_BYTES is not used. The kernel refuses sizes beyond fs.pipe-max-size,
 * and all growth once a user without privileges has fs.pipe-user-pages-soft pages of pipes. Then
 * no more are tried until one is closed: asking costs system calls, and the answer would be the
 * same.
 */
#include "core/net/splice.h"

#include <fcntl.h>

#include "core/error.h"
#include "core/obj.h"

#define POOL_KIND OBJ_KIND('s', 'p', 'l', 'p')

struct splice_pool {
	uint32_t kind;
	size_t max_pipes, n_pipes, n_out;
	bool refused; /* by the kernel */
	SLIST_HEAD(, splice_pipe) spare;
};

int splice_pool_new(size_t max_pipes, struct splice_pool **ret_pool)
{
	struct splice_pool *pool = OBJ_NEW(struct splice_pool, POOL_KIND);

	if (!pool)
		return err_new(-ENOMEM);
	pool->max_pipes = max_pipes;
	*ret_pool = pool;
	return 0;
}

static void pipe_close(struct splice_pipe *pipe)
{
	pipe->pool->n_pipes--;
	pipe->pool->refused = false;
	close(pipe->in);
	close(pipe->out);
	free(pipe);
}

static void spare_close(struct splice_pool *pool)
{
	struct splice_pipe *pipe = SLIST_FIRST(&pool->spare);

	SLIST_REMOVE_HEAD(&pool->spare, spare);
	pipe_close(pipe);
}

void splice_pool_set_max(struct splice_pool *pool, size_t max_pipes)
{
	pool->max_pipes = max_pipes;
	pool->refused = false;
	while (pool->n_pipes > max_pipes && !SLIST_EMPTY(&pool->spare))
		spare_close(pool);
}

void splice_pool_free(struct splice_pool *pool)
{
	if (!pool)
		return;
	MUST(pool->kind == POOL_KIND && pool->n_out == 0);
	while (!SLIST_EMPTY(&pool->spare))
		spare_close(pool);
	OBJ_FREE(pool);
}

size_t splice_pool_n_out(const struct splice_pool *pool)
{
	return pool->n_out;
}

/* 0: the kernel gives less than is of use. */
static size_t pipe_grow(int fd)
{
	for (int bytes = SPLICE_PIPE_BYTES; bytes >= SPLICE_LEAST_BYTES; bytes /= 2) {
		int got = fcntl(fd, F_SETPIPE_SZ, bytes);
		if (got >= bytes)
			return (size_t)got;
	}
	return 0;
}

static struct splice_pipe *pipe_open(struct splice_pool *pool)
{
	struct splice_pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2];

	if (!pipe || pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) {
		free(pipe);
		return NULL;
	}
	*pipe = (struct splice_pipe){ .pool = pool, .in = fds[1], .out = fds[0] };
	pool->n_pipes++;
	pipe->max_bytes = pipe_grow(pipe->in);
	if (pipe->max_bytes)
		return pipe;
	pipe_close(pipe);
	return NULL;
}

struct splice_pipe *splice_take(struct splice_pool *pool)
{
	struct splice_pipe *pipe = SLIST_FIRST(&pool->spare);

	MUST(pool->kind == POOL_KIND);
	if (pipe) {
		SLIST_REMOVE_HEAD(&pool->spare, spare);
	} else if (pool->n_pipes < pool->max_pipes && !pool->refused) {
		pipe = pipe_open(pool);
		pool->refused = !pipe;
	}
	if (pipe)
		pool->n_out++;
	return pipe;
}

void splice_give(struct splice_pipe *pipe)
{
	if (!pipe)
		return;
	struct splice_pool *pool = pipe->pool;
	MUST(pool->kind == POOL_KIND && pool->n_out > 0);
	pool->n_out--;
	if (pipe->bytes || pool->n_pipes > pool->max_pipes)
		pipe_close(pipe);
	else
		SLIST_INSERT_HEAD(&pool->spare, pipe, spare);
}
