/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/sock: the registry.
 */

#include "core/net/sock.h"
#include <poll.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "core/net/sock_priv.h"
#include "tests/unit/core/net/net_test.h"

static int registry_make(void **state)
{
	struct sock_registry *registry = NULL;

	assert_int_equal(sock_registry_new(&registry), 0);
	*state = registry;
	return 0;
}

static int registry_drop(void **state)
{
	sock_registry_free(*state);
	return 0;
}

static struct sock_wish wish_of(const char *purpose, enum sock_type type, const char *addr,
				unsigned slot)
{
	struct sock_wish wish = { .purpose = purpose, .type = type, .slot = slot };

	assert_true(addr_parse(span_str(addr), &wish.addr));
	return wish;
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void slots_share_the_port_that_the_kernel_chose(void **state)
{
	struct sock_wish first = wish_of("http", SOCK_TYPE_STREAM, "127.0.0.1:0", 0);
	struct sock_wish second = wish_of("http", SOCK_TYPE_STREAM, "127.0.0.1:0", 1);
	struct addr a, b, c;
	int fd_a, fd_b, fd_c;

	assert_int_equal(sock_get(*state, &first, &fd_a, &a), 0);
	assert_int_equal(sock_get(*state, &second, &fd_b, &b), 0);
	assert_int_not_equal(addr_port(&a), 0);
	assert_true(addr_eq(&a, &b));
	assert_int_not_equal(fd_a, fd_b);
	assert_int_equal(sock_get(*state, &first, &fd_c, &c), 0); /* the same again */
	assert_int_equal(fd_a, fd_c);
	assert_int_equal(option_of(fd_a, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_equal(option_of(fd_a, SOL_SOCKET, SO_REUSEPORT), 1);
	assert_int_equal(option_of(fd_a, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_true(fcntl(fd_a, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd_a, F_GETFD) & FD_CLOEXEC);
}

static void purposes_and_types_are_kept_apart(void **state)
{
	struct sock_wish udp = wish_of("dns", SOCK_TYPE_DATAGRAM, "127.0.0.1:0", 0);
	struct sock_wish tcp = wish_of("dns", SOCK_TYPE_STREAM, "127.0.0.1:0", 0);
	struct sock_wish other = wish_of("gossip", SOCK_TYPE_DATAGRAM, "127.0.0.1:0", 0);
	struct addr addr;
	int fd_udp, fd_tcp, fd_other;

	udp.receive_bytes = 1 << 20;
	assert_int_equal(sock_get(*state, &udp, &fd_udp, &addr), 0);
	assert_int_equal(sock_get(*state, &tcp, &fd_tcp, &addr), 0);
	assert_int_equal(sock_get(*state, &other, &fd_other, &addr), 0);
	assert_int_equal(option_of(fd_udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	assert_int_equal(option_of(fd_tcp, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_not_equal(fd_udp, fd_other);
	assert_true(option_of(fd_udp, SOL_SOCKET, SO_RCVBUF) >
		    option_of(fd_other, SOL_SOCKET, SO_RCVBUF));
}

static void port_of_a_stranger_is_not_shared_even_if_it_would(void **state)
{
	struct sock_registry *stranger = NULL;
	struct sock_wish wish;
	struct addr addr;
	int fd;

	for (int type = SOCK_TYPE_STREAM; type <= SOCK_TYPE_DATAGRAM; type++) {
		assert_int_equal(sock_registry_new(&stranger), 0);
		wish = wish_of("http", (enum sock_type)type, "127.0.0.1:0", 0);
		assert_int_equal(sock_get(stranger, &wish, &fd, &addr), 0);
		wish.addr = addr;
		assert_int_equal(sock_get(*state, &wish, &fd, &addr), -EADDRINUSE);
		sock_error_log(&wish, -EADDRINUSE);
		sock_registry_free(stranger);
		assert_int_equal(sock_get(*state, &wish, &fd, &addr), 0);
	}
}

static void own_sockets_on_a_port_do_not_stand_in_the_way(void **state)
{
	struct sock_wish all = wish_of("http", SOCK_TYPE_STREAM, "0.0.0.0:0", 0);
	struct sock_wish v6 = wish_of("http", SOCK_TYPE_STREAM, "[::]:0", 0);
	struct sock_wish one = wish_of("http", SOCK_TYPE_STREAM, "127.0.0.1:0", 0);
	struct addr addr;
	int fd;

	assert_int_equal(sock_get(*state, &all, &fd, &addr), 0);
	addr_set_port(&one.addr, addr_port(&addr));
	addr_set_port(&v6.addr, addr_port(&addr));
	assert_int_equal(sock_get(*state, &one, &fd, &addr), 0);
	int r = sock_get(*state, &v6, &fd, &addr);
	assert_true(r == 0 || r == -EAFNOSUPPORT);
}

static void address_that_is_not_ours_is_an_error(void **state)
{
	struct sock_wish wish = wish_of("http", SOCK_TYPE_STREAM, "192.0.2.1:0", 0);
	struct addr addr;
	int fd;

	assert_int_equal(sock_get(*state, &wish, &fd, &addr), -EADDRNOTAVAIL);
	sock_error_log(&wish, -EADDRNOTAVAIL);
}

static void stale_socket_file_is_replaced_but_a_living_one_is_not(void **state)
{
	static const char *const names[] = { NULL };
	struct test_folder folder;
	struct sock_registry *stranger = NULL;
	char path[NET_TEST_PATH], text[NET_TEST_PATH + 8];
	struct addr addr;
	struct stat st;
	int fd;

	test_folder_make(&folder);
	snprintf(text, sizeof(text), "unix:%s", test_file(&folder, "s", path));
	struct sock_wish wish = wish_of("admin", SOCK_TYPE_STREAM, text, 0);
	int stale = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(stale, &wish.addr.any, wish.addr.len), 0);
	close(stale);
	assert_int_equal(sock_registry_new(&stranger), 0);
	assert_int_equal(sock_get(stranger, &wish, &fd, &addr), 0);
	assert_int_equal(sock_get(*state, &wish, &fd, &addr), -EADDRINUSE);
	sock_registry_free(stranger);
	assert_int_equal(stat(path, &st), -1); /* it took its file with it */
	assert_int_equal(sock_get(*state, &wish, &fd, &addr), 0);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* no socket: not ours to remove */
	close(fd);
	assert_int_equal(sock_registry_new(&stranger), 0);
	assert_int_equal(sock_get(stranger, &wish, &fd, &addr), -EADDRINUSE);
	sock_registry_free(stranger);
	unlink(path);
	test_folder_remove(&folder, names);
}

static void unclaimed_sockets_are_dropped(void **state)
{
	struct sock_registry *registry = *state;
	struct sock_wish wish = wish_of("http", SOCK_TYPE_STREAM, "127.0.0.1:0", 0);
	struct addr addr;
	int fd, kept;

	assert_int_equal(sock_get(registry, &wish, &fd, &addr), 0);
	wish.slot = 1;
	assert_int_equal(sock_get(registry, &wish, &kept, &addr), 0);
	TAILQ_FIRST(&registry->entries)->claimed = false; /* as if inherited */
	sock_drop_unclaimed(registry);
	assert_int_equal(registry->n_entries, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(fcntl(kept, F_GETFD) >= 0);
}

static void socket_that_is_given_up_frees_its_address(void **state)
{
	struct sock_registry *registry = *state;
	struct sock_wish wish = wish_of("http", SOCK_TYPE_STREAM, "127.0.0.1:0", 0);
	struct addr before, after;
	int fd;

	assert_int_equal(sock_get(registry, &wish, &fd, &before), 0);
	sock_give_up(registry, fd);
	assert_int_equal(registry->n_entries, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	wish.addr = before;
	assert_int_equal(sock_get(registry, &wish, &fd, &after), 0);
	assert_true(addr_eq(&before, &after));
}

static void socket_that_takes_no_more_keeps_who_has_come(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int early = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char byte;

	(void)state;
	assert_int_equal(bind(listening, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(listening, 8), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(connect(early, (struct sockaddr *)&sa, len), 0);
	sock_take_no_more(listening);
	assert_int_equal(connect(late, (struct sockaddr *)&sa, len), -1);
	assert_int_equal(errno, EINPROGRESS);
	int accepted = accept(listening, NULL, NULL);
	assert_true(accepted >= 0);
	assert_int_equal(write(accepted, "x", 1), 1);
	assert_int_equal(read(early, &byte, 1), 1); /* it lives */
	assert_int_equal(accept(listening, NULL, NULL), -1);
	struct pollfd knocking = { .fd = late, .events = POLLOUT };
	assert_int_equal(poll(&knocking, 1, 0), 0); /* neither let in nor sent away */
	close(accepted);
	close(early);
	close(late);
	close(listening);
}

int main(void)
{
#define REGISTRY_TEST(name) cmocka_unit_test_setup_teardown(name, registry_make, registry_drop)
	const struct CMUnitTest tests[] = {
		REGISTRY_TEST(slots_share_the_port_that_the_kernel_chose),
		REGISTRY_TEST(purposes_and_types_are_kept_apart),
		REGISTRY_TEST(port_of_a_stranger_is_not_shared_even_if_it_would),
		REGISTRY_TEST(own_sockets_on_a_port_do_not_stand_in_the_way),
		REGISTRY_TEST(address_that_is_not_ours_is_an_error),
		REGISTRY_TEST(stale_socket_file_is_replaced_but_a_living_one_is_not),
		REGISTRY_TEST(unclaimed_sockets_are_dropped),
		REGISTRY_TEST(socket_that_is_given_up_frees_its_address),
		cmocka_unit_test(socket_that_takes_no_more_keeps_who_has_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
