/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/admin: real sockets on both doors, one thread, driven turn by turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/admin.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/obj.h"

enum { MAX_CLIENTS = 65, MAX_REPLY = 4 << 20, PATIENCE_MS = 10000 };

#define TOKEN "0123456789abcdef"

static struct fixture {
	struct loop *loop;
	struct sock_registry *socks;
	struct admin *admin;
	struct addr unix_addr;
	char folder[64], socket[96], token_file[96];
	char last_body[64], last_query[64];
	unsigned n_changes;
	struct buf reply;
} fix;

static void on_drain(struct admin_request *request, void *arg)
{
	const char *name = admin_query(request, "name");

	assert_ptr_equal(arg, &fix);
	fix.n_changes += request->method != ADMIN_GET;
	snprintf(fix.last_body, sizeof(fix.last_body), "%.*s",
		 SPAN_FMT(span_first(request->body, 60)));
	snprintf(fix.last_query, sizeof(fix.last_query), "%s", name ? name : "(none)");
	buf_add_str(request->out, "drained");
}

static void on_teapot(struct admin_request *request, void *arg)
{
	(void)arg;
	admin_fail(request, 418, "a \"pot\"");
}

static void on_huge(struct admin_request *request, void *arg)
{
	(void)arg;
	request->out->failed = true;
}

static void on_wide(struct admin_request *request, void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++)
		buf_printf(request->out, "%099d\n", i);
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	struct admin_conf conf = { 0 };

	(void)state;
	memset(&fix, 0, sizeof(fix));
	snprintf(fix.folder, sizeof(fix.folder), "/tmp/meridian-admin-XXXXXX");
	assert_non_null(mkdtemp(fix.folder));
	snprintf(fix.socket, sizeof(fix.socket), "%s/s", fix.folder);
	snprintf(fix.token_file, sizeof(fix.token_file), "%s/token", fix.folder);
	file_write(fix.token_file, TOKEN "\n");
	fix.unix_addr.len = sizeof(fix.unix_addr.un);
	fix.unix_addr.un.sun_family = AF_UNIX;
	snprintf(fix.unix_addr.un.sun_path, sizeof(fix.unix_addr.un.sun_path), "%s", fix.socket);
	buf_init(&fix.reply, MAX_REPLY);
	assert_int_equal(loop_new("test", &fix.loop), 0);
	assert_int_equal(sock_registry_new(&fix.socks), 0);
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &conf.listen));
	conf.socket = fix.socket;
	conf.token_file = fix.token_file;
	assert_int_equal(admin_open(fix.loop, fix.socks, &conf, &fix.admin), 0);
	assert_int_equal(admin_page(fix.admin, "/drain", ADMIN_GET | ADMIN_POST | ADMIN_DELETE,
				    on_drain, &fix, "drain it"),
			 0);
	assert_int_equal(admin_page(fix.admin, "/teapot", ADMIN_GET, on_teapot, NULL, "fails"), 0);
	assert_int_equal(admin_page(fix.admin, "/huge", ADMIN_GET, on_huge, NULL, "fails"), 0);
	assert_int_equal(admin_page(fix.admin, "/wide", ADMIN_GET, on_wide, NULL, "long"), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	admin_close(fix.admin);
	sock_registry_free(fix.socks);
	loop_free(fix.loop);
	buf_fini(&fix.reply);
	unlink(fix.token_file);
	unlink(fix.socket);
	rmdir(fix.folder);
	return 0;
}

static int client_new(const struct addr *addr)
{
	int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, &addr->any, addr->len) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* Reads what is there. False when the other side has closed. */
static bool client_read(int fd)
{
	uint8_t *room = buf_room(&fix.reply, 65536);

	assert_non_null(room);
	ssize_t n = read(fd, room, 65536);
	if (n > 0)
		buf_grew(&fix.reply, (size_t)n);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Sends all and reads until the end, turning the loop meanwhile. */
static const char *client_talk(int fd, struct span text)
{
	mono_t patience = mono_add_ms(mono_read(), PATIENCE_MS);
	bool open = true;

	buf_empty(&fix.reply);
	while (open && mono_before(mono_read(), patience)) {
		ssize_t n = text.len ? send(fd, text.at, text.len, MSG_NOSIGNAL) : 0;
		if (n > 0)
			text = span_from(text, (size_t)n);
		assert_true(loop_turn(fix.loop, 1) >= 0);
		open = client_read(fd);
	}
	assert_false(open);
	return buf_text(&fix.reply);
}

static const char *ask(const struct addr *addr, struct span text)
{
	CLEANUP(fd_drop) int fd = client_new(addr);

	return client_talk(fd, text);
}

static const char *ask_port(const char *text)
{
	return ask(admin_addr(fix.admin), span_str(text));
}

static const char *ask_unix(const char *text)
{
	return ask(&fix.unix_addr, span_str(text));
}

static void expect_status(const char *reply, int status)
{
	char start[32];

	snprintf(start, sizeof(start), "HTTP/1.1 %d ", status);
	if (strncmp(reply, start, strlen(start)) != 0)
		fail_msg("expected %d, got: %.100s", status, reply);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
#define POST(path, fields)                                                                         \
	"POST " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" fields                \
	"Content-Length: 5\r\n\r\nhello"

static void expect_healthy(void)
{
	const char *reply = ask_port(GET("/healthz"));

	expect_status(reply, 200);
	assert_non_null(strstr(reply, "\r\n\r\nok\n"));
}

static void index_lists_pages_with_their_help(void **state)
{
	const char *reply = ask_port(GET("/"));

	(void)state;
	expect_status(reply, 200);
	assert_non_null(strstr(reply, "Content-Type: text/plain; charset=utf-8\r\n"));
	assert_non_null(strstr(reply, "\nGET    /drain                   drain it\n"
				      "POST   /drain                   drain it\n"
				      "DELETE /drain                   drain it\n"));
}

static void metrics_are_served_for_prometheus(void **state)
{
	static const struct metric_def defs[] = { { "meridian_admin_test_total", METRIC_COUNTER,
						    "Tests." } };
	struct metric_block *block;

	(void)state;
	assert_int_equal(metric_block_new(defs, 1, NULL, &block), 0);
	metric_add(block, 0, 7);
	const char *reply = ask_port(GET("/metrics"));
	expect_status(reply, 200);
	assert_non_null(
		strstr(reply, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(reply, "\nmeridian_admin_test_total 7\n"));
	metric_block_free(block);
	metrics_reset();
}

static void health_turns_bad_and_good_again(void **state)
{
	(void)state;
	expect_healthy();
	admin_set_unhealthy(fix.admin, "draining");
	const char *reply = ask_port(GET("/healthz"));
	expect_status(reply, 503);
	assert_non_null(strstr(reply, "\r\n\r\ndraining\n"));
	admin_set_unhealthy(fix.admin, NULL);
	expect_healthy();
}

static void change_over_the_port_is_refused(void **state)
{
	static const char *const texts[] = {
		POST("/drain", ""),
		POST("/drain", "Authorization: Bearer 0123456789abcdeX\r\n"),
		POST("/drain", "Authorization: Bearer 0123456789abcde\r\n"),
		POST("/drain", "Authorization: Bearer \r\n"),
		POST("/drain", "Authorization: Basic " TOKEN "\r\n"),
		POST("/drain?token=" TOKEN, ""),
		"DELETE /drain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		expect_status(ask_port(texts[i]), 403);
	assert_int_equal(fix.n_changes, 0);
	expect_status(ask_port(GET("/drain")), 200);
}

static void change_with_the_token_is_allowed(void **state)
{
	(void)state;
	expect_status(ask_port(POST("/drain", "Authorization: Bearer " TOKEN "\r\n")), 200);
	expect_status(ask_port(POST("/drain", "authorization: bearer  " TOKEN " \r\n")), 200);
	assert_int_equal(fix.n_changes, 2);
}

static void change_over_the_unix_socket_is_allowed(void **state)
{
	(void)state;
	const char *reply = ask_unix(POST("/drain?name=eu%2Dwest&x=1", ""));
	expect_status(reply, 200);
	assert_non_null(strstr(reply, "\r\n\r\ndrained"));
	assert_string_equal(fix.last_body, "hello");
	assert_string_equal(fix.last_query, "eu-west");
	expect_status(ask_unix(GET("/drain")), 200);
	assert_string_equal(fix.last_query, "(none)");
	assert_int_equal(fix.n_changes, 1);
}

static void foreign_host_is_refused_on_the_port(void **state)
{
	static const char *const good[] = { "127.0.0.1",  "127.0.0.1:9100", "[::1]",
					    "[::1]:9100", "localhost",      "LocalHost:9100" };
	static const char *const bad[] = { "evil.example",   "evil.example:9100", "localhost.evil",
					   "127.0.0.1.evil", "unix:/x",           "" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
		bool is_good = i < ARRAY_LEN(good);
		snprintf(text, sizeof(text),
			 "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
			 is_good ? good[i] : bad[i - ARRAY_LEN(good)]);
		expect_status(ask_port(text), is_good ? 200 : 403);
	}
	expect_status(ask_unix("GET /healthz HTTP/1.1\r\nHost: meridian\r\n"
			       "Connection: close\r\n\r\n"),
		      200);
}

static void unknown_page_and_wrong_method_are_said(void **state)
{
	(void)state;
	const char *reply = ask_port(GET("/nowhere"));
	expect_status(reply, 404);
	assert_non_null(strstr(reply, "{\"error\":\"no such page: / lists them\"}\n"));
	expect_status(ask_port(GET("/healthz/")), 404);
	expect_status(ask_unix(POST("/healthz", "")), 405);
	expect_status(
		ask_port("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
		501);
	expect_status(ask_port(GET("/drain?%zz=1&=&")), 400);
}

static void head_is_a_get_without_the_body(void **state)
{
	(void)state;
	const char *reply =
		ask_port("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	expect_status(reply, 200);
	assert_non_null(strstr(reply, "Content-Length: 3\r\n"));
	assert_true(span_ends(span_str(reply), SPAN_LIT("\r\n\r\n")));
}

static void failures_are_json(void **state)
{
	(void)state;
	const char *reply = ask_port(GET("/teapot"));
	expect_status(reply, 418);
	assert_non_null(strstr(reply, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(reply, "\r\n\r\n{\"error\":\"a \\\"pot\\\"\"}\n"));
	expect_status(ask_port(GET("/huge")), 500);
}

static void long_answer_arrives_whole(void **state)
{
	(void)state;
	const char *reply = ask_port(GET("/wide"));
	expect_status(reply, 200);
	assert_non_null(strstr(reply, "Content-Length: 2000000\r\n"));
	assert_true(span_ends(span_str(reply), SPAN_LIT("019999\n")));
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	const char *reply =
		ask_port("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
			 "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n" GET("/drain"));
	const char *first = strstr(reply, "HTTP/1.1 200 ");
	const char *second = first ? strstr(first, "HTTP/1.1 404 ") : NULL;
	const char *third = second ? strstr(second, "HTTP/1.1 200 ") : NULL;
	assert_non_null(third);
}

static void head_over_8_kib_is_refused(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_add_str(&text, "GET /drain HTTP/1.1\r\nHost: localhost\r\nX: ");
	for (int i = 0; i < 9000; i++)
		buf_add_byte(&text, 'x');
	buf_add_str(&text, "\r\nConnection: close\r\n\r\n");
	const char *reply = ask(admin_addr(fix.admin), buf_span(&text));
	assert_null(strstr(reply, "HTTP/1.1 200"));
	assert_string_equal(fix.last_query, ""); /* the page was not reached */
	buf_fini(&text);
	expect_healthy();
}

static void body_over_1_mib_is_refused(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 4 << 20);
	buf_add_str(&text, "POST /drain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			   "Content-Length: 1048577\r\n\r\n");
	for (size_t i = 0; i <= 1 << 20; i++)
		buf_add_byte(&text, 'x');
	const char *reply = ask(&fix.unix_addr, buf_span(&text));
	assert_null(strstr(reply, "HTTP/1.1 200"));

	buf_empty(&text);
	buf_add_str(&text, "POST /drain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			   "Transfer-Encoding: chunked\r\n\r\n");
	for (size_t i = 0; i < 20; i++)
		buf_printf(&text, "10000\r\n%065536d\r\n", 0);
	buf_add_str(&text, "0\r\n\r\n");
	reply = ask(&fix.unix_addr, buf_span(&text));
	assert_null(strstr(reply, "HTTP/1.1 200"));
	assert_int_equal(fix.n_changes, 0);
	buf_fini(&text);
	expect_healthy();
}

/* Loopback delivers at once: accept, read, answer and close are a turn each. */
static void settle(void)
{
	for (int i = 0; i < 5; i++)
		assert_true(loop_turn(fix.loop, 1) >= 0);
}

static bool is_open(int fd)
{
	uint8_t byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK);

	return n < 0 && errno == EAGAIN;
}

static void connection_65_is_refused_and_the_others_live(void **state)
{
	int fds[MAX_CLIENTS];

	(void)state;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		fds[i] = client_new(i % 2 ? admin_addr(fix.admin) : &fix.unix_addr);
		settle();
	}
	for (int i = 0; i < MAX_CLIENTS - 1; i++)
		assert_true(is_open(fds[i]));
	assert_false(is_open(fds[MAX_CLIENTS - 1]));
	expect_status(client_talk(fds[3], SPAN_LIT(GET("/healthz"))), 200);
	settle();
	expect_healthy(); /* that one's place is free */
	for (int i = 0; i < MAX_CLIENTS; i++)
		close(fds[i]);
	settle();
	expect_healthy();
}

static void malformed_bytes_do_no_harm(void **state)
{
	static const struct span texts[] = {
		{ (const uint8_t *)"\0\0\0\0\r\n\r\n", 8 },
		{ (const uint8_t *)"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11 },
		{ (const uint8_t *)"GET\r\n\r\n", 7 },
		{ (const uint8_t *)"GET  HTTP/1.1\r\n\r\n", 17 },
		{ (const uint8_t *)"GET / HTTP/9.9\r\n\r\n", 18 },
		{ (const uint8_t *)"GET http://[::1 HTTP/1.1\r\n\r\n", 28 },
		{ (const uint8_t *)"GET / HTTP/1.1\r\n: x\r\n\r\n", 23 },
		{ (const uint8_t *)"GET / HTTP/1.1\r\nno colon\r\n\r\n", 28 },
		{ (const uint8_t *)"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 39 },
		{ (const uint8_t *)"POST / HTTP/1.1\r\nContent-Length: 5x\r\n\r\n", 39 },
		{ (const uint8_t
			   *)"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
		  53 },
		{ (const uint8_t *)"POST /drain HTTP/1.1\r\nContent-Length: 99\r\n\r\nshort", 50 },
		{ (const uint8_t *)"\r\n\r\n\r\n", 6 },
		{ (const uint8_t *)"* * *\r\n\r\n", 9 },
		{ (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		for (int is_unix = 0; is_unix < 2; is_unix++) {
			int fd = client_new(is_unix ? &fix.unix_addr : admin_addr(fix.admin));
			settle();
			if (send(fd, texts[i].at, texts[i].len, MSG_NOSIGNAL) < 0)
				assert_int_equal(errno, EPIPE);
			settle();
			close(fd);
			settle();
		}
		expect_healthy();
	}
	assert_int_equal(fix.n_changes, 0);
}

static void closing_takes_open_connections_along(void **state)
{
	struct addr addr = *admin_addr(fix.admin);
	CLEANUP(fd_drop) int idle = client_new(&addr);
	CLEANUP(fd_drop) int half = client_new(&fix.unix_addr);

	(void)state;
	settle();
	assert_int_equal(send(half, "POST /dr", 8, MSG_NOSIGNAL), 8);
	settle();
	admin_close(TAKE(fix.admin));
	settle();
	assert_false(is_open(idle));
	assert_false(is_open(half));

	/* The sockets are the registry's and still there: whoever is next opens them again. */
	struct admin_conf conf = { .socket = fix.socket };
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &conf.listen)); /* as it was asked for */
	assert_int_equal(admin_open(fix.loop, fix.socks, &conf, &fix.admin), 0);
	assert_true(addr_eq(admin_addr(fix.admin), &addr));
	expect_healthy();
	expect_status(ask_port(POST("/drain", "Authorization: Bearer " TOKEN "\r\n")), 403);
}

/* A stranger who gets as far as the socket: by root's mistake with the modes, say. */
static void other_users_are_refused_on_the_unix_socket(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can be somebody else */
	assert_int_equal(chmod(fix.folder, 0711), 0);
	assert_int_equal(chmod(fix.socket, 0777), 0);
	assert_int_equal(seteuid(65534), 0);
	CLEANUP(fd_drop) int fd = client_new(&fix.unix_addr);
	assert_int_equal(seteuid(0), 0);
	expect_status(client_talk(fd, SPAN_LIT(GET("/healthz"))), 403);
	expect_status(ask_unix(GET("/healthz")), 200);
}

static void bad_token_file_opens_nothing(void **state)
{
	struct admin_conf conf = { .listen = *admin_addr(fix.admin), .token_file = fix.token_file };
	struct admin *other = NULL;

	(void)state;
	file_write(fix.token_file, "short\n");
	assert_int_equal(admin_open(fix.loop, fix.socks, &conf, &other), -EINVAL);
	conf.token_file = "/nowhere/token";
	assert_int_equal(admin_open(fix.loop, fix.socks, &conf, &other), -ENOENT);
	assert_null(other);
}

static void taken_port_and_long_path_are_errors(void **state)
{
	struct sock_registry *socks;
	char path[200];
	struct admin_conf conf = { .listen = *admin_addr(fix.admin) };
	struct admin *other = NULL;

	(void)state;
	assert_int_equal(sock_registry_new(&socks), 0);
	/* Ours has SO_REUSEPORT; a stranger's has not. */
	CLEANUP(fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct addr taken;
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &taken));
	assert_int_equal(bind(fd, &taken.any, taken.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, &taken.any, &taken.len), 0);
	conf.listen = taken;
	assert_int_equal(admin_open(fix.loop, socks, &conf, &other), -EADDRINUSE);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	conf = (struct admin_conf){ .socket = path };
	assert_int_equal(admin_open(fix.loop, socks, &conf, &other), -ENAMETOOLONG);
	assert_null(other);
	sock_registry_free(socks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(index_lists_pages_with_their_help),
		TEST(metrics_are_served_for_prometheus),
		TEST(health_turns_bad_and_good_again),
		TEST(change_over_the_port_is_refused),
		TEST(change_with_the_token_is_allowed),
		TEST(change_over_the_unix_socket_is_allowed),
		TEST(foreign_host_is_refused_on_the_port),
		TEST(unknown_page_and_wrong_method_are_said),
		TEST(head_is_a_get_without_the_body),
		TEST(failures_are_json),
		TEST(long_answer_arrives_whole),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(head_over_8_kib_is_refused),
		TEST(body_over_1_mib_is_refused),
		TEST(connection_65_is_refused_and_the_others_live),
		TEST(malformed_bytes_do_no_harm),
		TEST(closing_takes_open_connections_along),
		TEST(other_users_are_refused_on_the_unix_socket),
		TEST(bad_token_file_opens_nothing),
		TEST(taken_port_and_long_path_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
