/* SPDX-License-Identifier: Apache-2.0
 *
 * http_stub: a server in the test's own loop that reads a request and gives one answer, then
 * closes.
 */
#pragma once

#include "../edge_test.h"

struct http_stub {
	struct loop *loop;
	struct loop_io io, client_io;
	int fd, client_fd;
	struct addr addr;
	const char *answer; /* NULL: closes at once */
	unsigned n_requests;
	char last[2048];
};

static inline void http_stub_end_client(struct http_stub *stub)
{
	if (stub->client_fd < 0)
		return;
	loop_io_stop(&stub->client_io);
	close(stub->client_fd);
	stub->client_fd = -1;
}

static void http_stub_on_request(void *arg)
{
	struct http_stub *stub = arg;
	ssize_t n = read(stub->client_fd, stub->last, sizeof(stub->last) - 1);

	stub->last[MAX(n, 0)] = '\0';
	if (n > 0)
		assert_int_equal(write(stub->client_fd, stub->answer, strlen(stub->answer)),
				 strlen(stub->answer));
	stub->n_requests++;
	http_stub_end_client(stub);
}

static void http_stub_on_client(void *arg)
{
	struct http_stub *stub = arg;

	http_stub_end_client(stub);
	stub->client_fd = accept(stub->fd, NULL, NULL);
	assert_true(stub->client_fd >= 0);
	loop_io_init(&stub->client_io, stub->loop, stub->client_fd, http_stub_on_request, NULL,
		     stub);
	if (stub->answer)
		assert_int_equal(loop_io_want(&stub->client_io, true, false), 0);
	else
		http_stub_end_client(stub);
}

static inline void http_stub_open(struct http_stub *stub, struct loop *loop, const char *answer)
{
	*stub = (struct http_stub){ .loop = loop, .answer = answer, .client_fd = -1 };
	stub->fd = edge_test_listen(&stub->addr);
	loop_io_init(&stub->io, loop, stub->fd, http_stub_on_client, NULL, stub);
	assert_int_equal(loop_io_want(&stub->io, true, false), 0);
}

static inline void http_stub_close(struct http_stub *stub)
{
	http_stub_end_client(stub);
	loop_io_stop(&stub->io);
	close(stub->fd);
}
