/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/worker: threads that serve by mail, seen from a client.
 */
#include "control_stage.h"

enum { ANSWER_BYTES = 2048 };

static int client_connect(const struct addr *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = 10 };

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, &addr->any, addr->len) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static const char *ask(int fd, char *answer)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: any\r\n\r\n";
	size_t len = 0;

	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	answer[0] = '\0';
	while (!strstr(answer, "hello") && !strstr(answer, "again")) {
		ssize_t n = read(fd, answer + len, ANSWER_BYTES - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		answer[len] = '\0';
	}
	return answer;
}

static void every_worker_answers(void **state)
{
	struct control_stage stage;
	char answer[ANSWER_BYTES];

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	struct addr addr = control_stage_addr(&stage);
	for (int i = 0; i < 50; i++) { /* the kernel spreads them over both workers */
		int fd = client_connect(&addr);
		assert_true(fd >= 0);
		assert_non_null(strstr(ask(fd, answer), "HTTP/1.1 200 OK\r\n"));
		close(fd);
	}
	assert_int_equal(metric_read("meridian_edge_requests_total", NULL), 50);
	control_stage_close(&stage);
}

static void connection_outlives_a_reload_and_sees_the_new_plan(void **state)
{
	struct control_stage stage;
	char answer[ANSWER_BYTES] = "";

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	struct addr addr = control_stage_addr(&stage);
	int fd = client_connect(&addr);
	assert_non_null(strstr(ask(fd, answer), "hello"));
	control_stage_write(&stage,
			    "listeners: [{name: http, address: '127.0.0.1:0'}]\n"
			    "services: [{name: w, hosts: ['*'], routes: [{path: {prefix: /}, "
			    "respond: {body: again}}]}]\n");
	control_reload(stage.control);
	mono_t until = mono_add_ms(mono_read(), EDGE_TEST_PATIENCE_MS);
	while (!strstr(ask(fd, answer), "again") && mono_before(mono_read(), until))
		assert_true(answer[0]); /* the connection stands */
	assert_non_null(strstr(answer, "again"));
	close(fd);
	control_stage_close(&stage);
}

static void listener_that_goes_refuses_and_gives_its_socket_back(void **state)
{
	struct control_stage stage;
	char answer[ANSWER_BYTES];

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	struct addr addr = control_stage_addr(&stage);
	control_stage_write(&stage,
			    "listeners: [{name: other, address: '127.0.0.9:0'}]\n"
			    "services: [{name: w, hosts: ['*'], routes: [{path: {prefix: /}, "
			    "respond: {body: hello}}]}]\n");
	control_reload(stage.control);
	mono_t until = mono_add_ms(mono_read(), EDGE_TEST_PATIENCE_MS);
	int fd = 0;
	while ((fd = client_connect(&addr)) >= 0 && mono_before(mono_read(), until)) {
		close(fd);
		assert_int_equal(loop_turn(stage.loop, 1), 0);
	}
	assert_true(fd < 0);
	addr = control_stage_addr(&stage);
	fd = client_connect(&addr);
	assert_non_null(strstr(ask(fd, answer), "hello"));
	close(fd);
	control_stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_worker_answers),
		cmocka_unit_test(connection_outlives_a_reload_and_sees_the_new_plan),
		cmocka_unit_test(listener_that_goes_refuses_and_gives_its_socket_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
