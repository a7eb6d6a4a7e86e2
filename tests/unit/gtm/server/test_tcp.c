/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/server/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/gtm/server/dns_stage.h"

struct scene {
	struct stage *stage;
	struct loop *loop;
	struct tcp_server *server;
	struct addr addr;
	int fd;
	uint8_t query[512]; /* its length before it */
	size_t len;
};

static int set_up(void **state)
{
	static struct scene scene;
	struct tcp_limits limits = { .max_conns = 2, .idle_timeout_ms = 1500 };

	scene.stage = stage_new();
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &scene.addr));
	scene.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(scene.fd, &scene.addr.any, scene.addr.len), 0);
	assert_int_equal(listen(scene.fd, 16), 0);
	assert_int_equal(getsockname(scene.fd, &scene.addr.any, &scene.addr.len), 0);
	assert_int_equal(loop_new("test", &scene.loop), 0);
	assert_int_equal(
		tcp_server_new(scene.loop, scene.fd, &scene.stage->serving, &limits, &scene.server),
		0);
	scene.len = stage_query(&(struct ask){ .name = "www.example.test", .type = 1 },
				scene.query + 2, 510) +
		    2;
	scene.query[0] = 0;
	scene.query[1] = (uint8_t)(scene.len - 2);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	tcp_server_free(s->server);
	loop_free(s->loop);
	close(s->fd);
	stage_free(s->stage);
	return 0;
}

static int dial(struct scene *s)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, &s->addr.any, s->addr.len), 0);
	return fd;
}

static void turns(struct scene *s, unsigned n)
{
	for (; n > 0; n--)
		loop_turn(s->loop, 5);
}

static void queries_byte_by_byte_are_answered_in_order(void **state)
{
	struct scene *s = *state; /* RFC 7766 6.2.1, 8 */
	int fd = dial(s);
	uint8_t got[512];

	for (uint8_t n = 0; n < 3; n++) {
		s->query[3] = n;
		for (size_t i = 0; i < s->len; i++) {
			assert_int_equal(send(fd, s->query + i, 1, 0), 1);
			loop_turn(s->loop, 1);
		}
	}
	turns(s, 3);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 3 * (s->len + 16));
	for (uint8_t n = 0; n < 3; n++)
		assert_int_equal(got[n * (s->len + 16) + 3], n);
	close(fd);
	turns(s, 3);
	assert_int_equal(tcp_server_n_conns(s->server), 0);
}

static void pipelined_queries_before_a_half_close_all_have_answers(void **state)
{
	struct scene *s = *state;
	int fd = dial(s);
	size_t total = 0;
	uint8_t got[65536];

	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(send(fd, s->query, s->len, 0), s->len);
	shutdown(fd, SHUT_WR);
	turns(s, 10);
	for (ssize_t n; (n = recv(fd, got, sizeof(got), MSG_DONTWAIT)) > 0;)
		total += (size_t)n;
	assert_int_equal(total, 200 * (s->len + 16));
	close(fd);
}

static void one_too_many_is_closed_and_the_idle_end(void **state)
{
	struct scene *s = *state; /* RFC 7766 6.2.3, 10 */
	int fds[3];
	uint8_t byte;

	for (size_t i = 0; i < 3; i++)
		fds[i] = dial(s);
	loop_turn(s->loop, 5);
	assert_int_equal(tcp_server_n_conns(s->server), 2);
	assert_int_equal(recv(fds[2], &byte, 1, 0), 0);
	for (unsigned i = 0; i < 4000 && tcp_server_n_conns(s->server); i++)
		loop_turn(s->loop, 5);
	assert_int_equal(tcp_server_n_conns(s->server), 0);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(queries_byte_by_byte_are_answered_in_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			pipelined_queries_before_a_half_close_all_have_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_too_many_is_closed_and_the_idle_end, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
