/* SPDX-License-Identifier: Apache-2.0
 *
 * http_stub: a server in the test's own loop that reads a request and gives one answer, then
 * closes.
 */
#pragma once

#include "../edge_test.h"

struct http_stub {
	struct loop *loop;
	struct loop_io io;
	int fd;
	struct addr addr;
	const char *answer; /* NULL: closes at once */
	unsigned n_requests;
	char last[2048];
};

static void http_stub_on_readable(void *arg)
{
	struct http_stub *stub = arg;
	int fd = accept(stub->fd, NULL, NULL);

	assert_true(fd >= 0);
	if (stub->answer) {
		ssize_t n = read(fd, stub->last, sizeof(stub->last) - 1);
		stub->last[MAX(n, 0)] = '\0';
		assert_int_equal(write(fd, stub->answer, strlen(stub->answer)),
				 strlen(stub->answer));
	}
	stub->n_requests++;
	close(fd);
}

static inline void http_stub_open(struct http_stub *stub, struct loop *loop, const char *answer)
{
	*stub = (struct http_stub){ .loop = loop, .answer = answer };
	stub->fd = edge_test_listen(&stub->addr);
	loop_io_init(&stub->io, loop, stub->fd, http_stub_on_readable, NULL, stub);
	assert_int_equal(loop_io_want(&stub->io, true, false), 0);
}

static inline void http_stub_close(struct http_stub *stub)
{
	loop_io_stop(&stub->io);
	close(stub->fd);
}
