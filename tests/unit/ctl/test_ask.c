/* SPDX-License-Identifier: Apache-2.0
 *
 * ask: one answer from a server of one answer, over TCP and over a unix socket.
 */
#include "tests/unit/cluster/fixture.h"

#include <pthread.h>

#include "core/net/addr.h"
#include "ctl/ask.h"

struct server {
	int fd;
	struct addr addr;
	const char *response;
	char request[512];
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *server = arg;
	int fd = accept(server->fd, NULL, NULL);
	size_t len = 0;

	while (len < sizeof(server->request) - 1 && !strstr(server->request, "\r\n\r\n")) {
		ssize_t n = read(fd, server->request + len, sizeof(server->request) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	(void)!write(fd, server->response, strlen(server->response));
	close(fd);
	return NULL;
}

static void server_start(struct server *server, const char *addr, const char *response)
{
	*server = (struct server){ .response = response };
	assert_true(addr_parse(span_str(addr), &server->addr));
	server->fd = socket(server->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, &server->addr.any, server->addr.len), 0);
	assert_int_equal(listen(server->fd, 1), 0);
	socklen_t len = sizeof(server->addr.v6);
	if (server->addr.any.sa_family != AF_UNIX)
		assert_int_equal(getsockname(server->fd, &server->addr.any, &len), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_end(struct server *server)
{
	pthread_join(server->thread, NULL);
	close(server->fd);
}

static int ask_server(struct server *server, bool post, json_t **ret_json, char *reterr)
{
	char text[ADDR_TEXT_MAX];
	const struct ask ask = { .admin = addr_text(&server->addr, text),
				 .path = "/status",
				 .post = post };
	int r = ask_admin(&ask, ret_json, reterr);

	server_end(server);
	return r;
}

static void answer_comes_over_tcp(void **state)
{
	char reterr[ASK_ERROR_MAX];
	struct server server;
	json_t *json = NULL;

	(void)state;
	server_start(&server, "127.0.0.1:0",
		     "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
	assert_int_equal(ask_server(&server, false, &json, reterr), 0);
	assert_int_equal(json_integer_value(json_object_get(json, "a")), 1);
	assert_non_null(strstr(server.request, "GET /status HTTP/1.1"));
	json_decref(json);
}

static void answer_comes_over_a_unix_socket(void **state)
{
	char *folder = fixture_folder();
	char reterr[ASK_ERROR_MAX], addr[512];
	struct server server;
	json_t *json = NULL;

	(void)state;
	snprintf(addr, sizeof(addr), "unix:%s/s", folder);
	server_start(&server, addr, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(ask_server(&server, true, &json, reterr), 0);
	assert_null(json);
	assert_non_null(strstr(server.request, "POST /status HTTP/1.1"));
	fixture_folder_free(folder);
}

static void refusal_is_told_in_its_own_words(void **state)
{
	char reterr[ASK_ERROR_MAX];
	struct server server;
	json_t *json = NULL;

	(void)state;
	server_start(&server, "127.0.0.1:0",
		     "HTTP/1.1 403 No\r\nContent-Length: 22\r\n\r\n{\"error\":\"not by TCP\"}");
	assert_int_equal(ask_server(&server, true, &json, reterr), -EIO);
	assert_non_null(strstr(reterr, "not by TCP"));
	server_start(&server, "127.0.0.1:0", "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nxx");
	assert_int_equal(ask_server(&server, false, &json, reterr), -EIO);
	assert_non_null(strstr(reterr, "it answered 500"));
	server_start(&server, "127.0.0.1:0", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx");
	assert_int_equal(ask_server(&server, false, &json, reterr), -EIO);
	assert_non_null(strstr(reterr, "not JSON"));
}

static void nobody_there_is_said_with_the_address(void **state)
{
	const struct ask ask = { .admin = "127.0.0.1:1", .path = "/status" };
	char reterr[ASK_ERROR_MAX];
	json_t *json = NULL;

	(void)state;
	assert_int_equal(ask_admin(&ask, &json, reterr), -EIO);
	assert_non_null(strstr(reterr, "127.0.0.1:1: "));
}

static void queries_are_escaped(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	ask_add_escaped(&out, "a-1._~/ &\xff");
	assert_string_equal(buf_text(&out), "a-1._~%2F%20%26%FF");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_comes_over_tcp),
		cmocka_unit_test(answer_comes_over_a_unix_socket),
		cmocka_unit_test(refusal_is_told_in_its_own_words),
		cmocka_unit_test(nobody_there_is_said_with_the_address),
		cmocka_unit_test(queries_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
