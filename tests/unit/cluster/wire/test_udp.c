/* SPDX-License-Identifier: Apache-2.0
 *
 * udp: datagrams come in whole, too long ones are told by their length, and a flood is read in
 * turns.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/seal.h"
#include "cluster/wire/udp.h"

struct end {
	struct loop *loop;
	struct udp *udp;
	int fd;
	struct addr addr;
	size_t n, last_len, n_of_turn;
	struct addr last_from;
};

static void on_received(void *arg, const struct addr *from, struct span packet)
{
	struct end *end = arg;

	end->n++;
	end->n_of_turn++;
	end->last_len = packet.len;
	end->last_from = *from;
}

static const struct udp_out out = { .received = on_received };

static void end_make(struct end *end, struct loop *loop)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(any);

	*end = (struct end){ .loop = loop };
	end->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(end->fd, (struct sockaddr *)&any, len), 0);
	assert_int_equal(getsockname(end->fd, (struct sockaddr *)&any, &len), 0);
	end->addr = addr_from_sockaddr((struct sockaddr *)&any, len);
	assert_int_equal(udp_new(loop, end->fd, &out, end, &end->udp), 0);
}

static void end_drop(struct end *end)
{
	udp_free(end->udp);
	close(end->fd);
}

static void turn_until(struct end *end, size_t n)
{
	for (int i = 0; i < 1000 && end->n < n; i++) {
		end->n_of_turn = 0;
		loop_turn(end->loop, 5);
		assert_true(end->n_of_turn <= 64);
	}
	assert_int_equal(end->n, n);
}

static void datagrams_arrive_with_their_sender(void **state)
{
	static uint8_t big[SEAL_MAX_DATAGRAM_BYTES + 100];
	struct loop *loop;
	struct end a, b;

	(void)state;
	assert_int_equal(loop_new("test", &loop), 0);
	end_make(&a, loop);
	end_make(&b, loop);
	assert_int_equal(udp_send(a.udp, &b.addr, span_of(big, SEAL_MAX_DATAGRAM_BYTES)), 0);
	turn_until(&b, 1);
	assert_int_equal(b.last_len, SEAL_MAX_DATAGRAM_BYTES);
	assert_true(addr_eq(&b.last_from, &a.addr));
	assert_int_equal(sendto(a.fd, big, sizeof(big), 0, &b.addr.any, b.addr.len), sizeof(big));
	turn_until(&b, 2);
	assert_true(b.last_len > SEAL_MAX_DATAGRAM_BYTES);
	for (int i = 0; i < 100; i++)
		assert_int_equal(udp_send(a.udp, &b.addr, SPAN_LIT("x")), 0);
	turn_until(&b, 102);
	end_drop(&a);
	end_drop(&b);
	loop_free(loop);
}

static void unreachable_is_an_error_and_no_end(void **state)
{
	struct loop *loop;
	struct end a, b;

	(void)state;
	assert_int_equal(loop_new("test", &loop), 0);
	end_make(&a, loop);
	end_make(&b, loop);
	struct addr nobody = a.addr;
	addr_set_port(&nobody, 1);
	(void)udp_send(b.udp, &nobody, SPAN_LIT("x"));
	loop_turn(loop, 5);
	assert_int_equal(udp_send(a.udp, &b.addr, SPAN_LIT("x")), 0);
	turn_until(&b, 1);
	end_drop(&a);
	end_drop(&b);
	udp_free(NULL);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_arrive_with_their_sender),
		cmocka_unit_test(unreachable_is_an_error_and_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
