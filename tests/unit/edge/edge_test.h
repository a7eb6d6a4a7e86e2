/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_test: what the edge's unit tests share: a loop that turns until something is true, a
 * listening socket whose port the kernel chose, and a file that goes away.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/loop.h"
#include "core/net/addr.h"
#include "core/obj.h"

enum { EDGE_TEST_PATIENCE_MS = 10000 };

/* Turns the loop until cond holds; the test fails when it does not in time. */
#define EDGE_LOOP_UNTIL(loop, cond)                                                                \
	do {                                                                                       \
		mono_t until_ = mono_add_ms(mono_read(), EDGE_TEST_PATIENCE_MS);                   \
		while (!(cond) && mono_before(mono_read(), until_))                                \
			assert_int_equal(loop_turn((loop), 100), 0);                               \
		assert_true(cond);                                                                 \
	} while (0)

/* On 127.0.0.1; the descriptor is the caller's. */
static inline int edge_test_listen(struct addr *ret_addr)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*ret_addr = addr_from_sockaddr((struct sockaddr *)&sa, len);
	return fd;
}

/* A new file with this text; `path` has room for 64. */
static inline void edge_test_file(char *path, const char *text)
{
	snprintf(path, 64, "/tmp/meridian-edge-test-XXXXXX");
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}
