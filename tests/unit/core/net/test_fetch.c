/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/fetch, against a server of a few lines on a thread of its own.
 */
#include "core/net/fetch.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/core/net/net_test.h"

enum { MAX_REQUEST = 4096 };

/* Answers each connection once, with `answer` (NULL: never). */
struct server {
	pthread_t thread;
	int fd;
	struct addr addr;
	const char *answer;
	char request[MAX_REQUEST];
	size_t request_len;
	atomic_bool stop;
	atomic_uint n_requests;
};

struct bench {
	struct test_folder folder;
	struct loop *loop;
	struct fetcher *fetcher;
	struct server server;
	unsigned n_told;
	int r;
	long status;
	char body[256], error[256];
	bool frees_when_told;
};

static void request_read(struct server *server, int fd)
{
	size_t len = 0;
	ssize_t n;

	while (len < MAX_REQUEST - 1 &&
	       (n = recv(fd, server->request + len, MAX_REQUEST - 1 - len, 0)) > 0) {
		len += (size_t)n;
		server->request[len] = 0;
		const char *end = strstr(server->request, "\r\n\r\n");
		/* The one test with a body ends it with an exclamation mark. */
		if (end &&
		    (!strstr(server->request, "Content-Length") || server->request[len - 1] == '!'))
			break;
	}
	server->request_len = len;
}

static void *serve(void *arg)
{
	struct server *server = arg;

	for (;;) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || atomic_load(&server->stop)) {
			if (fd >= 0)
				close(fd);
			return NULL;
		}
		request_read(server, fd);
		atomic_fetch_add(&server->n_requests, 1);
		if (server->answer) {
			send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
		} else {
			char byte;
			while (recv(fd, &byte, 1, 0) > 0)
				;
		}
		close(fd);
	}
}

static void server_start(struct server *server, const char *where, const char *answer)
{
	socklen_t len = sizeof(server->addr.un);

	server->answer = answer;
	assert_true(addr_parse(span_str(where), &server->addr));
	server->fd = socket(server->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, &server->addr.any, server->addr.len), 0);
	assert_int_equal(listen(server->fd, 8), 0);
	if (server->addr.any.sa_family == AF_INET)
		assert_int_equal(getsockname(server->fd, &server->addr.any, &len), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	if (server->fd < 0)
		return;
	atomic_store(&server->stop, true);
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	server->fd = -1;
}

static int bench_open(void **state)
{
	static struct bench bench;

	bench = (struct bench){ .server.fd = -1 };
	test_folder_make(&bench.folder);
	assert_int_equal(loop_new("test", &bench.loop), 0);
	assert_int_equal(fetcher_new(bench.loop, &bench.fetcher), 0);
	*state = &bench;
	return 0;
}

static int bench_close(void **state)
{
	static const char *const names[] = { "s", NULL };
	struct bench *bench = *state;

	fetcher_free(bench->fetcher);
	server_stop(&bench->server);
	loop_free(bench->loop);
	test_folder_remove(&bench->folder, names);
	return 0;
}

static void on_told(const struct fetch_response *response, void *arg)
{
	struct bench *bench = arg;

	bench->n_told++;
	bench->r = response->r;
	bench->status = response->status;
	snprintf(bench->body, sizeof(bench->body), "%.*s", SPAN_FMT(response->body));
	snprintf(bench->error, sizeof(bench->error), "%s", response->error ? response->error : "");
	if (bench->frees_when_told)
		fetcher_free(TAKE(bench->fetcher));
}

static void fetch_and_wait(struct bench *bench, const struct fetch_request *request)
{
	struct http_fetch *fetch = NULL;

	bench->n_told = 0;
	assert_int_equal(fetch_start(bench->fetcher, request, on_told, bench, &fetch), 0);
	assert_int_equal(bench->n_told, 0); /* never from inside */
	LOOP_UNTIL(bench->loop, bench->n_told);
	assert_int_equal(bench->n_told, 1);
}

static const char ok_answer[] =
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

static struct fetch_request request_to(const struct bench *bench)
{
	return (struct fetch_request){ .url = "http://name.test/path?x=1",
				       .connect_to = &bench->server.addr,
				       .timeout_ms = 5000,
				       .max_body_bytes = 100 };
}

static void response_is_told_with_status_and_body(void **state)
{
	struct bench *bench = *state;
	static const char *const headers[] = { "X-One: 1", "Host: other.test", NULL };

	server_start(&bench->server, "127.0.0.1:0", ok_answer);
	struct fetch_request request = request_to(bench);
	request.headers = headers;
	fetch_and_wait(bench, &request);
	assert_string_equal(bench->error, "");
	assert_int_equal(bench->r, 0);
	assert_int_equal(bench->status, 200);
	assert_string_equal(bench->body, "hello");
	assert_true(strncmp(bench->server.request, "GET /path?x=1 HTTP/1.1\r\n", 24) == 0);
	assert_non_null(strstr(bench->server.request, "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(bench->server.request, "\r\nHost: other.test\r\n"));
}

static void connection_may_begin_with_a_proxy_header(void **state)
{
	struct bench *bench = *state;
	static const char begins[] = "PROXY TCP4 127.0.0.1 127.0.0.1 ";

	server_start(&bench->server, "127.0.0.1:0", ok_answer);
	struct fetch_request request = request_to(bench);
	request.proxy_header = true;
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->status, 200);
	assert_memory_equal(bench->server.request, begins, sizeof(begins) - 1);
	assert_non_null(strstr(bench->server.request, "\r\nGET /path?x=1 HTTP/1.1\r\n"));
}

static void body_goes_out_with_the_method_that_was_asked(void **state)
{
	struct bench *bench = *state;

	server_start(&bench->server, "127.0.0.1:0", ok_answer);
	struct fetch_request request = request_to(bench);
	request.method = "PUT";
	request.body = SPAN_LIT("some\0body!");
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->r, 0);
	assert_true(strncmp(bench->server.request, "PUT /path", 9) == 0);
	assert_null(strstr(bench->server.request, "Expect"));
	assert_memory_equal(bench->server.request + bench->server.request_len - 10, "some\0body!",
			    10);
}

static void unix_socket_serves_as_well(void **state)
{
	struct bench *bench = *state;
	char path[NET_TEST_PATH], where[NET_TEST_PATH + 8];

	snprintf(where, sizeof(where), "unix:%s", test_file(&bench->folder, "s", path));
	server_start(&bench->server, where, ok_answer);
	struct fetch_request request = request_to(bench);
	request.connect_to = NULL;
	request.unix_socket = path;
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->r, 0);
	assert_string_equal(bench->body, "hello");
}

static void what_goes_wrong_is_told_as_what_it_is(void **state)
{
	struct bench *bench = *state;

	server_start(&bench->server, "127.0.0.1:0", "nonsense\r\n\r\n");
	struct fetch_request request = request_to(bench);
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->r, -EPROTO);
	server_stop(&bench->server);
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->r, -ECONNREFUSED);
	assert_string_not_equal(bench->error, "");
	request.url = "file:///etc/passwd";
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->r, -EPROTO);
}

static void silent_server_is_a_timeout(void **state)
{
	struct bench *bench = *state;

	server_start(&bench->server, "127.0.0.1:0", NULL);
	struct fetch_request request = request_to(bench);
	request.timeout_ms = 50;
	request.fresh_connection = true;
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->r, -ETIMEDOUT);
}

static void body_past_the_limit_is_refused(void **state)
{
	struct bench *bench = *state;

	server_start(&bench->server, "127.0.0.1:0", ok_answer);
	struct fetch_request request = request_to(bench);
	request.max_body_bytes = 4;
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->r, -EMSGSIZE);
	assert_string_equal(bench->body, "");
}

static void redirect_is_told_and_not_followed(void **state)
{
	struct bench *bench = *state;

	server_start(&bench->server, "127.0.0.1:0",
		     "HTTP/1.1 302 Found\r\nLocation: http://name.test/b\r\nContent-Length: 0\r\n"
		     "Connection: close\r\n\r\n");
	struct fetch_request request = request_to(bench);
	fetch_and_wait(bench, &request);
	assert_int_equal(bench->status, 302);
	assert_int_equal(atomic_load(&bench->server.n_requests), 1);
}

static void cancelled_fetch_is_not_told(void **state)
{
	struct bench *bench = *state;
	struct http_fetch *fetch = NULL;

	server_start(&bench->server, "127.0.0.1:0", ok_answer);
	struct fetch_request request = request_to(bench);
	assert_int_equal(fetch_start(bench->fetcher, &request, on_told, bench, &fetch), 0);
	assert_int_equal(loop_turn(bench->loop, 10), 0);
	assert_int_equal(bench->n_told, 0);
	fetch_cancel(fetch);
	fetch_and_wait(bench, &request);
}

static void fetcher_may_be_freed_when_it_tells(void **state)
{
	struct bench *bench = *state;
	struct http_fetch *other = NULL;

	server_start(&bench->server, "127.0.0.1:0", ok_answer);
	struct fetch_request request = request_to(bench);
	bench->frees_when_told = true;
	assert_int_equal(fetch_start(bench->fetcher, &request, on_told, bench, &other), 0);
	assert_int_equal(fetch_start(bench->fetcher, &request, on_told, bench, &other), 0);
	LOOP_UNTIL(bench->loop, bench->n_told);
	assert_int_equal(loop_turn(bench->loop, 10), 0);
	assert_int_equal(bench->n_told, 1);
	assert_null(bench->fetcher);
}

int main(void)
{
#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		BENCH_TEST(response_is_told_with_status_and_body),
		BENCH_TEST(connection_may_begin_with_a_proxy_header),
		BENCH_TEST(body_goes_out_with_the_method_that_was_asked),
		BENCH_TEST(unix_socket_serves_as_well),
		BENCH_TEST(what_goes_wrong_is_told_as_what_it_is),
		BENCH_TEST(silent_server_is_a_timeout),
		BENCH_TEST(body_past_the_limit_is_refused),
		BENCH_TEST(redirect_is_told_and_not_followed),
		BENCH_TEST(cancelled_fetch_is_not_told),
		BENCH_TEST(fetcher_may_be_freed_when_it_tells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
