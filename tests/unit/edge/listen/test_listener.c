/* SPDX-License-Identifier: Apache-2.0
 *
 * test_listener: accepting, plain and with TLS, and the end of it.
 */
#include "edge/listen/listener.h"

#include "edge/report/edge_metrics.h"
#include "tests/unit/core/net/net_test.h"

struct world {
	struct loop *loop;
	struct slab *slab;
	struct metric_block *metrics;
	struct exchange_maker maker;
	struct listener *listener;
	struct listener_conf conf;
	struct addr addr;
	int listen_fd;
	unsigned n_begun, n_gone, n_empty;
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX]; /* of the last exchange's conn */
	bool hold;                                   /* exchanges do not answer */
};

static void on_writable(void *arg)
{
	(void)arg;
}

static void on_body(void *arg, struct chain *body, bool end)
{
	(void)arg, (void)body, (void)end;
}

static void on_gone(void *arg, enum close_reason reason)
{
	(void)reason;
	((struct world *)arg)->n_gone++;
}

static const struct request_events request_events = {
	.on_body = on_body,
	.on_writable = on_writable,
	.on_gone = on_gone,
	.on_sent = on_writable,
};

/* Says 204 to everybody. */
static void *begin(void *arg, struct responder *responder, struct http_head *head,
		   enum close_reason fault, struct arena *arena,
		   const struct request_events **ret_events)
{
	struct world *world = arg;
	struct http_head answer;

	(void)head;
	world->n_begun += fault == REASON_DONE;
	addr_text(conn_from(responder->ops->conn(responder)), world->from);
	addr_text(conn_local(responder->ops->conn(responder)), world->to);
	*ret_events = &request_events;
	assert_int_equal(http_head_init(&answer, arena), 0);
	answer.status = (uint16_t)(fault == REASON_DONE ? 204 : reason_status(fault));
	if (!world->hold)
		assert_int_equal(responder->ops->send_head(responder, &answer, true), 0);
	return world;
}

static void on_empty(void *arg)
{
	((struct world *)arg)->n_empty++;
}

static void open_listener(struct world *world)
{
	const struct listener_setup setup = {
		.name = "test",
		.fds = &world->listen_fd,
		.n_fds = 1,
		.maker = &world->maker,
		.on_empty = on_empty,
		.on_empty_arg = world,
	};

	assert_int_equal(listener_open(&setup, &world->conf, &world->listener), 0);
}

static int listen_on_loopback(struct addr *ret_addr)
{
	struct addr addr = { 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && addr_parse(SPAN_LIT("127.0.0.1:0"), &addr));
	assert_int_equal(bind(fd, &addr.any, addr.len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, &addr.any, &addr.len), 0);
	*ret_addr = addr;
	return fd;
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(loop_new("test", &world->loop), 0);
	assert_int_equal(slab_new(64, &world->slab), 0);
	assert_int_equal(edge_metrics_new(&world->metrics), 0);
	world->maker = (struct exchange_maker){ .begin = begin,
						.arg = world,
						.slab = world->slab,
						.loop = world->loop,
						.metrics = world->metrics };
	world->conf = (struct listener_conf){ .http1 = h1_server_limits_usual,
					      .handshake_timeout_ms = 5000,
					      .max_conns = 10 };
	world->conf.http1.linger_ms = 20;
	world->listen_fd = listen_on_loopback(&world->addr);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	listener_close(world->listener);
	assert_int_equal(metric_read("meridian_edge_connections_open", NULL), 0);
	conn_end_lingering(world->loop);
	close(world->listen_fd);
	slab_free(world->slab);
	loop_free(world->loop);
	metric_block_free(world->metrics);
	metrics_reset();
	free(world);
	return 0;
}

static int dial(const struct world *world)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &world->addr.any, world->addr.len), 0);
	return fd;
}

static void say(int fd)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

	assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
}

/* Whether this has come. It is only looked at: asked again, the answer is the same. */
static bool has(int fd, const char *words)
{
	char text[1001];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_PEEK);

	text[n > 0 ? n : 0] = 0;
	return strstr(text, words) != NULL;
}

/* Whether we have closed; what came before is dropped. */
static bool ended(int fd)
{
	char text[1000];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

#define EXPECT(world, fd, words) LOOP_UNTIL((world)->loop, has((fd), (words)))
#define EXPECT_END(world, fd)                                                                      \
	do {                                                                                       \
		bool ended_ = false;                                                               \
		LOOP_UNTIL((world)->loop, ended_ || (ended_ = ended(fd)));                         \
	} while (0)

static void plain_client_is_served(void **state)
{
	struct world *world = *state;

	open_listener(world);
	int fd = dial(world);
	say(fd);
	EXPECT(world, fd, "HTTP/1.1 204 ");
	assert_int_equal(listener_n_conns(world->listener), 1);
	assert_int_equal(metric_read("meridian_edge_connections_total", NULL), 1);
	close(fd);
	LOOP_UNTIL(world->loop, listener_n_conns(world->listener) == 0);
}

static void more_than_the_limit_are_closed_at_once(void **state)
{
	struct world *world = *state;

	world->conf.max_conns = 1;
	open_listener(world);
	int first = dial(world), second = dial(world);
	LOOP_UNTIL(world->loop, metric_read("meridian_edge_connections_refused_total", NULL) == 1);
	EXPECT_END(world, second);
	say(first);
	EXPECT(world, first, "204");
	close(first);
	close(second);
}

static void paused_listener_leaves_them_in_the_kernel(void **state)
{
	struct world *world = *state;

	open_listener(world);
	listener_pause(world->listener);
	int fd = dial(world);
	say(fd);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(world->loop, 1), 0);
	assert_int_equal(listener_n_conns(world->listener), 0);
	assert_int_equal(listener_resume(world->listener), 0);
	EXPECT(world, fd, "204");
	close(fd);
}

static void drain_serves_whom_the_kernel_has_accepted(void **state)
{
	struct world *world = *state;

	open_listener(world);
	int fd = dial(world);
	listener_drain(world->listener);
	assert_int_equal(listener_n_conns(world->listener), 1);
	say(fd);
	EXPECT(world, fd, "Connection: close");
	EXPECT_END(world, fd);
	LOOP_UNTIL(world->loop, world->n_empty == 1);
	close(fd);
	/* Who comes now waits for another process. */
	fd = dial(world);
	assert_int_equal(loop_turn(world->loop, 1), 0);
	assert_int_equal(listener_n_conns(world->listener), 0);
	close(fd);
}

static void drain_of_an_empty_listener_ends_at_once(void **state)
{
	struct world *world = *state;

	open_listener(world);
	listener_drain(world->listener);
	assert_int_equal(world->n_empty, 0); /* never from inside the call */
	LOOP_UNTIL(world->loop, world->n_empty == 1);
}

static void close_ends_exchanges(void **state)
{
	struct world *world = *state;

	world->hold = true;
	open_listener(world);
	int fd = dial(world);
	say(fd);
	LOOP_UNTIL(world->loop, world->n_begun == 1);
	listener_close(TAKE(world->listener));
	assert_int_equal(world->n_gone, 1);
	EXPECT_END(world, fd);
	close(fd);
}

/* ---- the PROXY header ---- */

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_TCP4      V2_SIGNATURE "\x21\x11\0\x0c\xcb\0\x71\5\xc6\x33\x64\1\x12\x67\1\xbb"
#define REQUEST      "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static void trust(struct world *world, struct prefix *proxies, const char *prefix)
{
	assert_true(prefix_parse(span_str(prefix), proxies));
	world->conf.proxies = proxies;
	world->conf.n_proxies = 1;
	open_listener(world);
}

static void send_bytes(int fd, const char *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

static void header_says_who_the_client_is_and_where_it_came(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *from, *to; /* NULL: the socket's own */
	} rows[] = {
#define ROW(bytes, from, to) { bytes, sizeof(bytes) - 1, from, to }
		ROW("PROXY TCP4 203.0.113.5 198.51.100.1 4711 443\r\n" REQUEST, "203.0.113.5:4711",
		    "198.51.100.1:443"),
		ROW("PROXY TCP6 2001:db8::5 2001:db8::1 4711 443\r\n" REQUEST, "[2001:db8::5]:4711",
		    "[2001:db8::1]:443"),
		ROW("PROXY UNKNOWN\r\n" REQUEST, NULL, NULL),
		ROW(V2_TCP4 REQUEST, "203.0.113.5:4711", "198.51.100.1:443"),
		ROW(V2_SIGNATURE "\x20\0\0\0" REQUEST, NULL, NULL),
#undef ROW
	};
	struct world *world = *state;
	struct prefix proxies;
	char own[ADDR_TEXT_MAX];

	trust(world, &proxies, "127.0.0.0/8");
	addr_text(&world->addr, own);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = dial(world);
		send_bytes(fd, rows[i].bytes, rows[i].len);
		EXPECT(world, fd, "HTTP/1.1 204 ");
		if (rows[i].from)
			assert_string_equal(world->from, rows[i].from);
		else
			assert_memory_equal(world->from, "127.0.0.1:", 10);
		assert_string_equal(world->to, rows[i].to ? rows[i].to : own);
		close(fd);
	}
}

static void header_may_come_byte_by_byte(void **state)
{
	static const char bytes[] = V2_TCP4;
	struct world *world = *state;
	struct prefix proxies;

	trust(world, &proxies, "127.0.0.1/32");
	int fd = dial(world);
	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		send_bytes(fd, bytes + i, 1);
		assert_int_equal(loop_turn(world->loop, 1), 0);
	}
	say(fd);
	EXPECT(world, fd, "HTTP/1.1 204 ");
	assert_string_equal(world->from, "203.0.113.5:4711");
	close(fd);
}

static void who_is_not_trusted_sends_no_header(void **state)
{
	struct world *world = *state;
	struct prefix proxies;

	trust(world, &proxies, "10.0.0.0/8");
	int fd = dial(world);
	say(fd);
	EXPECT(world, fd, "HTTP/1.1 204 ");
	assert_memory_equal(world->from, "127.0.0.1:", 10);
	close(fd);
	fd = dial(world);
	send_bytes(fd, V2_TCP4 REQUEST, sizeof(V2_TCP4 REQUEST) - 1);
	EXPECT(world, fd, "HTTP/1.1 400 ");
	assert_int_equal(world->n_begun, 1);
	close(fd);
}

static void proxy_without_a_header_is_closed(void **state)
{
	struct world *world = *state;
	struct prefix proxies;

	world->conf.http1.head_timeout_ms = 20;
	trust(world, &proxies, "127.0.0.0/8");
	int wrong = dial(world), silent = dial(world), gone = dial(world);
	say(wrong);
	send_bytes(silent, "PROXY TCP4", 10);
	send_bytes(gone, "PROXY", 5);
	shutdown(gone, SHUT_WR);
	EXPECT_END(world, wrong);
	EXPECT_END(world, silent);
	EXPECT_END(world, gone);
	assert_int_equal(world->n_begun, 0);
	assert_int_equal(listener_n_conns(world->listener), 0);
	assert_int_equal(metric_read("meridian_edge_ended_client_proxy_total", NULL), 3);
	close(wrong);
	close(silent);
	close(gone);
}

static void close_ends_who_has_not_said_its_header(void **state)
{
	struct world *world = *state;
	struct prefix proxies;

	trust(world, &proxies, "127.0.0.0/8");
	int fd = dial(world);
	LOOP_UNTIL(world->loop, listener_n_conns(world->listener) == 1);
	listener_close(TAKE(world->listener));
	EXPECT_END(world, fd);
	close(fd);
}

/* ---- TLS ---- */

struct client {
	bool opened, failed;
};

static void client_on_open(struct conn *conn, void *arg)
{
	(void)conn;
	((struct client *)arg)->opened = true;
}

static void client_on_failed(struct conn *conn, void *arg)
{
	(void)conn;
	((struct client *)arg)->failed = true;
}

static void client_on_event(struct conn *conn, void *arg)
{
	(void)conn, (void)arg;
}

static const struct conn_events client_events = {
	.on_open = client_on_open,
	.on_readable = client_on_event,
	.on_writable = client_on_event,
	.on_deadline = client_on_event,
	.on_failed = client_on_failed,
};

static struct cert_set *certs_make(const struct test_folder *folder, bool strict)
{
	const struct cert_set_conf conf = { .strict_sni = strict };
	char certificate[NET_TEST_PATH], key[NET_TEST_PATH], why[CERT_ERROR_TEXT];
	struct cert_set *set;

	assert_int_equal(cert_set_new(&conf, &set), 0);
	for (int i = 0; i < 2; i++) {
		test_file(folder, i ? "b.crt" : "a.crt", certificate);
		test_file(folder, i ? "b.key" : "a.key", key);
		assert_int_equal(cert_set_add(set, certificate, key, why), 0);
	}
	return set;
}

static void tls_client_gets_the_certificate_of_its_name(void **state)
{
	static const char *const files[] = { "a.crt", "a.key", "b.crt", "b.key", NULL };
	struct world *world = *state;
	struct test_folder folder;
	char path[NET_TEST_PATH], why[CERT_ERROR_TEXT];
	struct tls_context *tls;
	struct client client = { 0 };
	struct conn *conn;
	size_t n;

	test_folder_make(&folder);
	cert_make(&folder, "a", "a.test", "DNS:a.test");
	cert_make(&folder, "b", "b.test", "DNS:b.test");
	world->conf.certs = certs_make(&folder, true);
	open_listener(world);
	cert_set_unref(world->conf.certs); /* the listener's from now on */

	/* Trusts b alone, and asks for it by name. */
	const struct tls_client_conf conf = { .ca_file = test_file(&folder, "b.crt", path) };
	assert_int_equal(tls_client_new(&conf, &tls, why), 0);
	struct conn_target target = { .addr = world->addr, .tls = tls, .server_name = "b.test" };
	assert_int_equal(conn_connect(world->loop, &target, &client_events, &client, &conn), 0);
	LOOP_UNTIL(world->loop, client.opened);
	struct iovec iov = { .iov_base = "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n", .iov_len = 34 };
	iov.iov_len = strlen(iov.iov_base);
	assert_int_equal(conn_writev(conn, &iov, 1, &n), CONN_OK);
	conn_want(conn, true, false);
	uint8_t got[500];
	int r = CONN_BLOCKED;
	LOOP_UNTIL(world->loop,
		   r == CONN_OK || (r = conn_read(conn, got, sizeof(got), &n)) == CONN_OK);
	assert_memory_equal(got, "HTTP/1.1 204 ", 13);
	assert_int_equal(metric_read("meridian_edge_tls_handshakes_total", NULL), 1);
	conn_close(conn);

	/* A name that nobody has is refused in a strict set. */
	target.server_name = "c.test";
	assert_int_equal(conn_connect(world->loop, &target, &client_events, &client, &conn), 0);
	LOOP_UNTIL(world->loop, client.failed);
	LOOP_UNTIL(world->loop, listener_n_conns(world->listener) == 0);
	assert_int_equal(metric_read("meridian_edge_tls_handshake_failures_total", NULL), 1);
	conn_close(conn);
	tls_unref(tls);
	test_folder_remove(&folder, files);
}

static void handshake_that_does_not_come_is_given_up(void **state)
{
	static const char *const files[] = { "a.crt", "a.key", "b.crt", "b.key", NULL };
	struct world *world = *state;
	struct test_folder folder;

	test_folder_make(&folder);
	cert_make(&folder, "a", "a.test", "DNS:a.test");
	cert_make(&folder, "b", "b.test", "DNS:b.test");
	world->conf.certs = certs_make(&folder, false);
	world->conf.handshake_timeout_ms = 20;
	open_listener(world);
	cert_set_unref(world->conf.certs);
	int fd = dial(world);
	EXPECT_END(world, fd);
	assert_int_equal(listener_n_conns(world->listener), 0);
	/* Plain from now on: the set is freed. */
	world->conf.certs = NULL;
	listener_update(world->listener, &world->conf);
	close(fd);
	fd = dial(world);
	say(fd);
	EXPECT(world, fd, "204");
	close(fd);
	test_folder_remove(&folder, files);
}

#define LISTENER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(plain_client_is_served),
		LISTENER_TEST(more_than_the_limit_are_closed_at_once),
		LISTENER_TEST(paused_listener_leaves_them_in_the_kernel),
		LISTENER_TEST(drain_serves_whom_the_kernel_has_accepted),
		LISTENER_TEST(drain_of_an_empty_listener_ends_at_once),
		LISTENER_TEST(close_ends_exchanges),
		LISTENER_TEST(header_says_who_the_client_is_and_where_it_came),
		LISTENER_TEST(header_may_come_byte_by_byte),
		LISTENER_TEST(who_is_not_trusted_sends_no_header),
		LISTENER_TEST(proxy_without_a_header_is_closed),
		LISTENER_TEST(close_ends_who_has_not_said_its_header),
		LISTENER_TEST(tls_client_gets_the_certificate_of_its_name),
		LISTENER_TEST(handshake_that_does_not_come_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
