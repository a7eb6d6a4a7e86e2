/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/sock_holder: this process holds a port and must be found.
 */
#include "core/net/sock_priv.h"
#include "tests/unit/core/net/net_test.h"

static int bound(int type, const char *text, struct addr *ret_addr)
{
	socklen_t len = sizeof(ret_addr->v6);
	int fd;

	assert_true(addr_parse(span_str(text), ret_addr));
	fd = socket(ret_addr->any.sa_family, type | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, &ret_addr->any, ret_addr->len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, &ret_addr->any, &len), 0);
	return fd;
}

static void holder_of_a_port_is_found(void **state)
{
	static const int types[] = {
		[SOCK_TYPE_STREAM] = SOCK_STREAM, [SOCK_TYPE_DATAGRAM] = SOCK_DGRAM
	};
	struct sock_holder holder;
	struct addr addr;

	(void)state;
	for (int type = SOCK_TYPE_STREAM; type <= SOCK_TYPE_DATAGRAM; type++) {
		int fd = bound(types[type], "127.0.0.1:0", &addr);
		holder.pid = 0;
		assert_true(sock_holder_find(&addr, (enum sock_type)type, &holder));
		assert_int_equal(holder.pid, getpid());
		assert_true(strncmp(holder.name, "unit.core.net", 13) == 0);
		close(fd);
		assert_false(sock_holder_find(&addr, (enum sock_type)type, &holder));
	}
}

static void holder_of_a_unix_socket_is_found(void **state)
{
	static const char *const names[] = { "s", NULL };
	struct test_folder folder;
	struct sock_holder holder = { .pid = 0 };
	char path[NET_TEST_PATH], text[NET_TEST_PATH + 8];
	struct addr addr;

	(void)state;
	test_folder_make(&folder);
	snprintf(text, sizeof(text), "unix:%s", test_file(&folder, "s", path));
	assert_true(addr_parse(span_str(text), &addr));
	assert_false(sock_holder_find(&addr, SOCK_TYPE_STREAM, &holder));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, &addr.any, addr.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_true(sock_holder_find(&addr, SOCK_TYPE_STREAM, &holder));
	assert_int_equal(holder.pid, getpid());
	close(fd);
	test_folder_remove(&folder, names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holder_of_a_port_is_found),
		cmocka_unit_test(holder_of_a_unix_socket_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
