/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/conn: two conns on one loop, over loopback.
 */
#include "core/net/conn.h"

#include <fcntl.h>

#include "tests/unit/core/net/net_test.h"

static const char *const files[] = { "a.crt", "a.key", NULL };

/* One end, and what it has seen. */
struct end {
	struct conn *conn;
	unsigned n_open, n_failed, n_deadline, n_readable, n_writable;
	uint8_t *in; /* what came, while reads_all */
	size_t n_in;
	size_t read_step; /* how much one wake-up reads; 0: nothing */
	int outcome;      /* of the last read that gave no bytes */
	char reason[128];
	bool closes_on_readable;
	bool pauses; /* after each read that gave something */
};

enum { MAX_IN = 32 * 1000 * 1000 };

struct bench {
	struct test_folder folder;
	struct loop *loop;
	struct tls_context *server_tls, *client_tls;
	struct loop_io listener;
	struct addr addr;
	bool is_tls;
	struct end server, client;
};

static void on_open(struct conn *conn, void *arg)
{
	struct end *end = arg;

	end->n_open++;
	conn_want(conn, true, false);
}

static void on_readable(struct conn *conn, void *arg)
{
	struct end *end = arg;
	size_t n;

	end->n_readable++;
	if (end->closes_on_readable) {
		end->conn = NULL;
		conn_close(conn);
		return;
	}
	int r = conn_read(conn, end->in + end->n_in, MIN(end->read_step, MAX_IN - end->n_in), &n);
	if (r == CONN_OK) {
		assert_true(n > 0);
		end->n_in += n;
		if (end->pauses)
			conn_want(conn, false, false);
		return;
	}
	assert_int_equal(n, 0);
	if (r == CONN_BLOCKED)
		return;
	end->outcome = r;
	snprintf(end->reason, sizeof(end->reason), "%s", conn_reason(conn));
	conn_want(conn, false, false);
}

static void on_writable(struct conn *conn, void *arg)
{
	struct end *end = arg;

	end->n_writable++;
	conn_want(conn, true, false);
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct end *end = arg;

	(void)conn;
	end->n_deadline++;
}

static void on_failed(struct conn *conn, void *arg)
{
	struct end *end = arg;

	end->n_failed++;
	snprintf(end->reason, sizeof(end->reason), "%s", conn_reason(conn));
	end->conn = NULL;
	conn_close(conn);
}

static const struct conn_events events = { on_open, on_readable, on_writable, on_deadline,
					   on_failed };

static void on_listener(void *arg)
{
	struct bench *bench = arg;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = accept4(bench->listener.fd, (struct sockaddr *)&sa, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	assert_true(fd >= 0);
	struct addr from = addr_from_sockaddr((struct sockaddr *)&sa, len);
	assert_int_equal(conn_accept(bench->loop, fd, &from,
				     bench->is_tls ? bench->server_tls : NULL, &events,
				     &bench->server, &bench->server.conn),
			 0);
	assert_int_equal(bench->server.n_open, 0); /* never from inside */
}

static void listen_open(struct bench *bench)
{
	socklen_t len = sizeof(bench->addr.v4);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &bench->addr));
	assert_int_equal(bind(fd, &bench->addr.any, bench->addr.len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, &bench->addr.any, &len), 0);
	loop_io_init(&bench->listener, bench->loop, fd, on_listener, NULL, bench);
	assert_int_equal(loop_io_want(&bench->listener, true, false), 0);
}

static int bench_open(void **state)
{
	static struct bench bench;
	char certificate[NET_TEST_PATH], key[NET_TEST_PATH], error[256] = "";

	bench = (struct bench){ .loop = NULL };
	test_folder_make(&bench.folder);
	cert_make(&bench.folder, "a", "a.test", "DNS:a.test");
	const struct tls_server_conf server = {
		.certificate_file = test_file(&bench.folder, "a.crt", certificate),
		.key_file = test_file(&bench.folder, "a.key", key),
		.min_version = TLS1_2_VERSION,
		.max_version = TLS1_3_VERSION,
	};
	const struct tls_client_conf client = { .ca_file = certificate };
	assert_int_equal(tls_server_new(&server, &bench.server_tls, error), 0);
	assert_int_equal(tls_client_new(&client, &bench.client_tls, error), 0);
	assert_int_equal(loop_new("test", &bench.loop), 0);
	bench.server.in = malloc(MAX_IN);
	bench.client.in = malloc(MAX_IN);
	bench.server.read_step = bench.client.read_step = MAX_IN;
	listen_open(&bench);
	*state = &bench;
	return 0;
}

static int bench_close(void **state)
{
	struct bench *bench = *state;

	conn_close(bench->server.conn);
	conn_close(bench->client.conn);
	conn_end_lingering(bench->loop);
	loop_io_stop(&bench->listener);
	close(bench->listener.fd);
	loop_free(bench->loop);
	tls_unref(bench->server_tls);
	tls_unref(bench->client_tls);
	free(bench->server.in);
	free(bench->client.in);
	test_folder_remove(&bench->folder, files);
	return 0;
}

static void client_connect(struct bench *bench, const char *name)
{
	const struct conn_target target = { .addr = bench->addr,
					    .tls = bench->is_tls ? bench->client_tls : NULL,
					    .server_name = name };

	assert_int_equal(
		conn_connect(bench->loop, &target, &events, &bench->client, &bench->client.conn),
		0);
	assert_int_equal(bench->client.n_open, 0);
}

static void both_open(struct bench *bench, bool is_tls)
{
	bench->is_tls = is_tls;
	client_connect(bench, "a.test");
	LOOP_UNTIL(bench->loop, bench->server.n_open && bench->client.n_open);
}

static void say(struct conn *conn, const char *text)
{
	char copy[64];
	size_t n;

	snprintf(copy, sizeof(copy), "%s", text);
	struct iovec iov = { .iov_base = copy, .iov_len = strlen(copy) };
	assert_int_equal(conn_writev(conn, &iov, 1, &n), CONN_OK);
	assert_int_equal(n, iov.iov_len);
}

static void exchange_words(struct bench *bench, bool is_tls)
{
	both_open(bench, is_tls);
	say(bench->client.conn, "ping");
	LOOP_UNTIL(bench->loop, bench->server.n_in == 4);
	assert_memory_equal(bench->server.in, "ping", 4);
	say(bench->server.conn, "pong");
	LOOP_UNTIL(bench->loop, bench->client.n_in == 4);
	assert_memory_equal(bench->client.in, "pong", 4);
	assert_int_equal(bench->server.n_open, 1);
	assert_int_equal(bench->client.n_open, 1);
}

static void plain_conns_move_bytes_both_ways(void **state)
{
	struct bench *bench = *state;
	uint32_t rtt_us = 0;

	exchange_words(bench, false);
	assert_false(conn_is_tls(bench->server.conn));
	assert_string_equal(conn_tls_version(bench->server.conn), "");
	assert_int_equal(conn_alpn(bench->server.conn).len, 0);
	assert_true(addr_eq(conn_from(bench->client.conn), &bench->addr));
	assert_true(addr_eq(conn_local(bench->server.conn), &bench->addr));
	assert_true(addr_eq(conn_local(bench->client.conn), conn_from(bench->server.conn)));
	assert_int_equal(conn_rtt_us(bench->server.conn, &rtt_us), 0);
}

static void tls_conns_move_bytes_both_ways(void **state)
{
	struct bench *bench = *state;

	exchange_words(bench, true);
	assert_true(conn_is_tls(bench->server.conn));
	assert_string_equal(conn_tls_version(bench->server.conn), "TLSv1.3");
	assert_true(span_eq(conn_server_name(bench->server.conn), SPAN_LIT("a.test")));
	assert_string_equal(conn_tls_cipher(bench->client.conn), "TLS_AES_128_GCM_SHA256");
}

static void refused_connection_fails_with_a_reason(void **state)
{
	struct bench *bench = *state;

	loop_io_stop(&bench->listener);
	close(bench->listener.fd);
	bench->listener.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	client_connect(bench, NULL);
	LOOP_UNTIL(bench->loop, bench->client.n_failed);
	assert_string_equal(bench->client.reason, "refused");
	assert_int_equal(bench->client.n_open, 0);
}

static void certificate_of_another_name_fails_both_ends(void **state)
{
	struct bench *bench = *state;

	bench->is_tls = true;
	client_connect(bench, "b.test");
	LOOP_UNTIL(bench->loop, bench->client.n_failed && bench->server.n_failed);
	assert_string_equal(bench->client.reason, "hostname mismatch");
	assert_int_equal(bench->server.n_open, 0);
}

/* Writes all of it, waiting for the loop when blocked. */
static void pour(struct bench *bench, struct end *end, const uint8_t *bytes, size_t len)
{
	size_t done = 0, n;

	while (done < len) {
		union {
			const uint8_t *in;
			void *out;
		} at = { .in = bytes + done };
		struct iovec iov[2] = { { at.out, MIN(1000, len - done) } };
		at.in += iov[0].iov_len;
		iov[1] = (struct iovec){ at.out, len - done - iov[0].iov_len };
		int r = conn_writev(end->conn, iov, 2, &n);
		done += n;
		if (r == CONN_OK)
			continue;
		assert_int_equal(r, CONN_BLOCKED);
		unsigned before = end->n_writable;
		conn_want(end->conn, true, true);
		LOOP_UNTIL(bench->loop, end->n_writable > before);
	}
}

static void pour_and_compare(struct bench *bench, bool is_tls)
{
	enum { LEN = 1500 * 1000 };
	uint8_t *bytes = malloc(LEN);

	assert_non_null(bytes);
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(i * 13 + i / 509);
	both_open(bench, is_tls);
	pour(bench, &bench->server, bytes, LEN);
	LOOP_UNTIL(bench->loop, bench->client.n_in == LEN);
	assert_memory_equal(bench->client.in, bytes, LEN);
	free(bytes);
}

static void long_body_arrives_whole_plain(void **state)
{
	pour_and_compare(*state, false);
}

static void long_body_arrives_whole_over_tls(void **state)
{
	pour_and_compare(*state, true);
}

static void reader_of_small_steps_is_woken_for_what_tls_holds(void **state)
{
	struct bench *bench = *state;

	both_open(bench, true);
	bench->client.read_step = 3;
	say(bench->server.conn, "0123456789");
	LOOP_UNTIL(bench->loop, bench->client.n_in == 10);
	assert_memory_equal(bench->client.in, "0123456789", 10);
	assert_in_range(bench->client.n_readable, 4, 6); /* a ticket wakes, too */
}

static void reader_that_pauses_is_woken_when_it_wants_again(void **state)
{
	struct bench *bench = *state;

	both_open(bench, true);
	bench->client.read_step = 4;
	bench->client.pauses = true;
	say(bench->server.conn, "01234567");
	LOOP_UNTIL(bench->loop, bench->client.n_in == 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(bench->loop, 1), 0);
	assert_int_equal(bench->client.n_in, 4);
	conn_want(bench->client.conn, true, false);
	LOOP_UNTIL(bench->loop, bench->client.n_in == 8);
}

static void finish_is_seen_as_eof(struct bench *bench, bool is_tls)
{
	both_open(bench, is_tls);
	say(bench->client.conn, "last");
	conn_finish(bench->client.conn);
	LOOP_UNTIL(bench->loop, bench->server.outcome);
	assert_int_equal(bench->server.outcome, CONN_EOF);
	assert_int_equal(bench->server.n_in, 4);
	say(bench->server.conn, "answer"); /* the other direction goes on */
	LOOP_UNTIL(bench->loop, bench->client.n_in == 6);
}

static void finished_plain_conn_still_reads(void **state)
{
	finish_is_seen_as_eof(*state, false);
}

static void finished_tls_conn_still_reads(void **state)
{
	finish_is_seen_as_eof(*state, true);
}

static void vectors_are_filled_in_order(void **state)
{
	struct bench *bench = *state;
	char a[4], b[100];
	struct iovec iov[2] = { { a, sizeof(a) }, { b, sizeof(b) } };
	size_t n = 0;

	for (int is_tls = 0; is_tls < 2; is_tls++) {
		bench->server.n_open = bench->client.n_open = bench->client.n_readable = 0;
		both_open(bench, is_tls);
		bench->client.read_step = 0;
		conn_want(bench->client.conn, false, false);
		say(bench->server.conn, "0123456789");
		int r = CONN_BLOCKED;
		LOOP_UNTIL(bench->loop,
			   r != CONN_BLOCKED || (r = conn_readv(bench->client.conn, iov, 2, &n)) !=
							CONN_BLOCKED);
		assert_int_equal(r, CONN_OK);
		assert_int_equal(n, 10);
		assert_memory_equal(a, "0123", 4);
		assert_memory_equal(b, "456789", 6);
		conn_close(TAKE(bench->client.conn));
		conn_close(TAKE(bench->server.conn));
	}
}

static void reset_breaks_a_conn_with_a_reason(void **state)
{
	struct bench *bench = *state;
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	bench->is_tls = false;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, &bench->addr.any, bench->addr.len), 0);
	LOOP_UNTIL(bench->loop, bench->server.n_open);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	LOOP_UNTIL(bench->loop, bench->server.outcome);
	assert_int_equal(bench->server.outcome, CONN_BROKEN);
	assert_string_equal(bench->server.reason, "reset");
	struct iovec iov = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	size_t n;
	assert_int_equal(conn_writev(bench->server.conn, &iov, 1, &n), CONN_BROKEN);
}

static void reset_of_ours_is_no_good_end_for_the_other_side(void **state)
{
	struct bench *bench = *state;

	both_open(bench, false);
	conn_reset(TAKE(bench->server.conn));
	LOOP_UNTIL(bench->loop, bench->client.outcome == CONN_BROKEN);
	assert_string_equal(bench->client.reason, "reset");
	conn_reset(NULL);
}

static void what_came_before_a_failed_write_can_still_be_read(void **state)
{
	struct bench *bench = *state;
	struct iovec iov = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	uint8_t bytes[16];
	int r = CONN_OK;
	size_t n;

	both_open(bench, false);
	conn_want(bench->client.conn, false, false);
	say(bench->server.conn, "answer");
	say(bench->client.conn, "never read"); /* so that the close is a reset */
	conn_want(bench->server.conn, false, false);
	assert_int_equal(loop_turn(bench->loop, 1), 0);
	conn_close(TAKE(bench->server.conn));
	LOOP_UNTIL(bench->loop, r == CONN_BROKEN || (r = conn_writev(bench->client.conn, &iov, 1,
								     &n)) == CONN_BROKEN);
	assert_int_equal(conn_read(bench->client.conn, bytes, sizeof(bytes), &n), CONN_OK);
	assert_memory_equal(bytes, "answer", 6);
	assert_int_not_equal(conn_read(bench->client.conn, bytes, sizeof(bytes), &n), CONN_OK);
}

static void owner_may_close_from_inside_a_callback(void **state)
{
	struct bench *bench = *state;

	for (int is_tls = 0; is_tls < 2; is_tls++) {
		bench->server.n_open = bench->client.n_open = 0;
		bench->client.outcome = 0;
		both_open(bench, is_tls);
		bench->server.closes_on_readable = true;
		say(bench->client.conn, "x");
		/* What was not read makes it a reset, or an end. */
		LOOP_UNTIL(bench->loop, !bench->server.conn && bench->client.outcome);
		conn_close(TAKE(bench->client.conn));
	}
}

static void deadline_comes_once_and_can_be_pushed_out(void **state)
{
	struct bench *bench = *state;

	both_open(bench, false);
	conn_set_deadline(bench->client.conn, mono_add_ms(loop_now(bench->loop), 20));
	conn_set_deadline(bench->server.conn, mono_add_ms(loop_now(bench->loop), 20));
	conn_set_deadline(bench->server.conn, MONO_NEVER);
	LOOP_UNTIL(bench->loop, bench->client.n_deadline);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(bench->loop, 1), 0);
	assert_int_equal(bench->client.n_deadline, 1);
	assert_int_equal(bench->server.n_deadline, 0);
}

/* The answer must arrive although the client's request is not read to its end. */
static void linger_over(struct bench *bench, bool is_tls)
{
	static uint8_t junk[200 * 1000];

	both_open(bench, is_tls);
	bench->server.read_step = 0;
	conn_want(bench->server.conn, false, false);
	pour(bench, &bench->client, junk, sizeof(junk));
	say(bench->server.conn, "413");
	conn_close_lingering(TAKE(bench->server.conn), 5000);
	LOOP_UNTIL(bench->loop, bench->client.outcome);
	assert_int_equal(bench->client.n_in, 3);
	assert_int_equal(bench->client.outcome, CONN_EOF);
	conn_close(TAKE(bench->client.conn));
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(bench->loop, 1), 0);
}

static void lingering_plain_close_saves_the_last_answer(void **state)
{
	linger_over(*state, false);
}

static void lingering_tls_close_saves_the_last_answer(void **state)
{
	linger_over(*state, true);
}

static void lingering_ends_when_its_time_is_over(void **state)
{
	struct bench *bench = *state;

	both_open(bench, false);
	conn_close_lingering(TAKE(bench->server.conn), 20);
	/* The client keeps its side open: the loop's last timer is the lingerer's. */
	LOOP_UNTIL(bench->loop, bench->client.outcome == CONN_EOF);
	mono_t until = mono_add_ms(mono_read(), 50);
	while (mono_before(mono_read(), until))
		assert_int_equal(loop_turn(bench->loop, 5), 0);
	/* Answered by a reset: nobody is there. */
	struct iovec iov = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	int r = CONN_OK;
	size_t n;
	LOOP_UNTIL(bench->loop, r == CONN_BROKEN || (r = conn_writev(bench->client.conn, &iov, 1,
								     &n)) == CONN_BROKEN);
}

static void closing_at_once_still_delivers_what_was_taken(void **state)
{
	enum { LEN = 3 * 1000 * 1000 };
	struct bench *bench = *state;
	uint8_t *bytes = calloc(1, LEN);
	size_t done = 0, n;
	int r = CONN_OK;

	both_open(bench, true);
	assert_non_null(bytes);
	conn_want(bench->client.conn, false, false);
	while (r == CONN_OK) {
		struct iovec iov = { bytes, LEN };
		r = conn_writev(bench->server.conn, &iov, 1, &n);
		done += n;
	}
	assert_int_equal(r, CONN_BLOCKED);
	conn_close(TAKE(bench->server.conn));
	conn_want(bench->client.conn, true, false);
	LOOP_UNTIL(bench->loop, bench->client.outcome);
	assert_int_equal(bench->client.outcome, CONN_EOF);
	assert_int_equal(bench->client.n_in, done);
	free(bytes);
}

static void conn_changes_its_owner(void **state)
{
	struct bench *bench = *state;
	struct end other = { .in = bench->client.in, .read_step = 100 };

	both_open(bench, false);
	conn_set_events(bench->client.conn, &events, &other);
	say(bench->server.conn, "hello");
	LOOP_UNTIL(bench->loop, other.n_in == 5);
	assert_int_equal(bench->client.n_in, 0);
}

int main(void)
{
#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		BENCH_TEST(plain_conns_move_bytes_both_ways),
		BENCH_TEST(tls_conns_move_bytes_both_ways),
		BENCH_TEST(refused_connection_fails_with_a_reason),
		BENCH_TEST(certificate_of_another_name_fails_both_ends),
		BENCH_TEST(long_body_arrives_whole_plain),
		BENCH_TEST(long_body_arrives_whole_over_tls),
		BENCH_TEST(reader_of_small_steps_is_woken_for_what_tls_holds),
		BENCH_TEST(reader_that_pauses_is_woken_when_it_wants_again),
		BENCH_TEST(finished_plain_conn_still_reads),
		BENCH_TEST(finished_tls_conn_still_reads),
		BENCH_TEST(vectors_are_filled_in_order),
		BENCH_TEST(reset_breaks_a_conn_with_a_reason),
		BENCH_TEST(reset_of_ours_is_no_good_end_for_the_other_side),
		BENCH_TEST(what_came_before_a_failed_write_can_still_be_read),
		BENCH_TEST(owner_may_close_from_inside_a_callback),
		BENCH_TEST(deadline_comes_once_and_can_be_pushed_out),
		BENCH_TEST(lingering_plain_close_saves_the_last_answer),
		BENCH_TEST(lingering_tls_close_saves_the_last_answer),
		BENCH_TEST(lingering_ends_when_its_time_is_over),
		BENCH_TEST(closing_at_once_still_delivers_what_was_taken),
		BENCH_TEST(conn_changes_its_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
