/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/server/udp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/gtm/server/dns_stage.h"

static void a_batch_is_answered_and_stopping_answers_what_is_queued(void **state)
{
	(void)state;
	struct stage *stage = stage_new();
	struct loop *loop;
	struct udp_server *server;
	struct addr addr;
	uint8_t packet[512], got[1232];

	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &addr));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int asker = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, &addr.any, addr.len), 0);
	assert_int_equal(getsockname(fd, &addr.any, &addr.len), 0);
	assert_int_equal(connect(asker, &addr.any, addr.len), 0);
	assert_int_equal(loop_new("test", &loop), 0);
	assert_int_equal(udp_server_new(loop, fd, &addr, &stage->serving, &server), 0);
	size_t len = stage_query(&(struct ask){ .name = "www.example.test", .type = 1 }, packet,
				 sizeof(packet));
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 80; i++)
			assert_int_equal(send(asker, packet, len, 0), len);
		assert_int_equal(send(asker, packet, 3, 0), 3); /* no query: silence */
		if (round == 0)
			loop_turn(loop, 1000);
		else
			udp_server_stop(server);
		for (unsigned i = 0; i < 80; i++)
			assert_int_equal(recv(asker, got, sizeof(got), 0), len + 16);
		assert_true(recv(asker, got, sizeof(got), 0) < 0);
	}
	udp_server_free(server);
	loop_free(loop);
	close(fd);
	close(asker);
	stage_free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_answered_and_stopping_answers_what_is_queued),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
