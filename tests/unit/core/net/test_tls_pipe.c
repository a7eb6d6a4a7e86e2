/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/tls_pipe: the other end of a socketpair is OpenSSL as everybody uses it.
 */
#include "core/net/tls_pipe.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/net/conn.h"
#include "core/net/tls_priv.h"
#include "tests/unit/core/net/net_test.h"

static const char *const files[] = { "a.crt", "a.key", NULL };

struct bench {
	struct test_folder folder;
	struct loop *loop;
	struct tls_context *server, *client;
	struct tls_pipe pipe; /* the server */
	int fds[2];
	SSL *ssl; /* the client */
};

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
	assert_int_equal(tls_server_new(&server, &bench.server, error), 0);
	assert_int_equal(tls_client_new(&client, &bench.client, error), 0);
	assert_int_equal(loop_new("test", &bench.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, bench.fds), 0);
	assert_int_equal(tls_pipe_init(&bench.pipe, bench.loop, bench.fds[0], bench.server, NULL),
			 0);
	bench.ssl = tls_ssl_new(bench.client, "a.test");
	assert_non_null(bench.ssl);
	assert_int_equal(SSL_set_fd(bench.ssl, bench.fds[1]), 1);
	*state = &bench;
	return 0;
}

static int bench_close(void **state)
{
	struct bench *bench = *state;

	SSL_free(bench->ssl);
	tls_pipe_fini(&bench->pipe);
	close(bench->fds[0]);
	close(bench->fds[1]);
	loop_free(bench->loop);
	tls_unref(bench->server);
	tls_unref(bench->client);
	test_folder_remove(&bench->folder, files);
	return 0;
}

static void shake_hands(struct bench *bench)
{
	int pipe_done = CONN_BLOCKED, client_done = 0;

	for (int i = 0; i < 10 && (pipe_done != CONN_OK || client_done != 1); i++) {
		client_done = SSL_do_handshake(bench->ssl);
		tls_pipe_woken(&bench->pipe);
		if (pipe_done != CONN_OK)
			pipe_done = tls_pipe_handshake(&bench->pipe);
	}
	assert_int_equal(client_done, 1);
	assert_int_equal(pipe_done, CONN_OK);
	char byte;
	assert_int_equal(SSL_read(bench->ssl, &byte, 1), -1);
}

static void say(struct bench *bench, const char *text, bool last)
{
	union {
		const char *in;
		char *out; /* it is only read */
	} words = { .in = text };
	const struct iovec iov = { .iov_base = words.out, .iov_len = strlen(text) };
	size_t n;

	assert_int_equal(tls_pipe_writev(&bench->pipe, &iov, 1, last, &n), CONN_OK);
	assert_int_equal(n, strlen(text));
}

/* With the first bytes the client gets its ticket. */
static void greet(struct bench *bench)
{
	char byte;

	say(bench, "!", false);
	assert_int_equal(SSL_read(bench->ssl, &byte, 1), 1);
}

static int waiting_bytes(int fd)
{
	int n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static void ticket_waits_for_the_first_bytes(void **state)
{
	struct bench *bench = *state;

	shake_hands(bench);
	assert_int_equal(waiting_bytes(bench->fds[1]), 0);
	assert_false(tls_pipe_has_left(&bench->pipe));
	greet(bench);
	assert_true(SSL_SESSION_is_resumable(SSL_get_session(bench->ssl)));
}

/* The same ends over TCP, where acknowledgements are. */
static void over_tcp(struct bench *bench)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(door >= 0);
	assert_int_equal(bind(door, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(door, 1), 0);
	assert_int_equal(getsockname(door, (struct sockaddr *)&at, &len), 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&at, len), 0);
	int server = accept4(door, NULL, NULL, SOCK_NONBLOCK);
	assert_true(server >= 0);
	assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(dup2(client, bench->fds[1]), bench->fds[1]);
	assert_int_equal(dup2(server, bench->fds[0]), bench->fds[0]);
	close(client);
	close(server);
	close(door);
}

/* Or a client without TCP_NODELAY keeps its request back until the kernel's timer. */
static void held_ticket_does_not_hold_the_acknowledgement(void **state)
{
	struct bench *bench = *state;
	int at_once = 0;
	socklen_t len = sizeof(at_once);

	over_tcp(bench);
	shake_hands(bench);
	assert_int_equal(waiting_bytes(bench->fds[1]), 0);
	assert_int_equal(getsockopt(bench->fds[0], IPPROTO_TCP, TCP_QUICKACK, &at_once, &len), 0);
	assert_int_equal(at_once, 1);
}

static void last_bytes_leave_with_close_notify(void **state)
{
	struct bench *bench = *state;
	char text[8];

	shake_hands(bench);
	greet(bench);
	say(bench, "bye", true);
	assert_int_equal(waiting_bytes(bench->fds[1]), 0);
	tls_pipe_finish(&bench->pipe);
	assert_int_equal(SSL_read(bench->ssl, text, sizeof(text)), 3);
	assert_int_equal(SSL_read(bench->ssl, text, sizeof(text)), 0);
	assert_int_equal(SSL_get_shutdown(bench->ssl), SSL_RECEIVED_SHUTDOWN);
}

static void small_pieces_travel_in_one_record(void **state)
{
	struct bench *bench = *state;
	char piece[] = "0123456789";
	struct iovec iov[50];
	uint8_t in[600];
	size_t n;

	shake_hands(bench);
	greet(bench);
	for (size_t i = 0; i < ARRAY_LEN(iov); i++)
		iov[i] = (struct iovec){ .iov_base = piece, .iov_len = 10 };
	assert_int_equal(tls_pipe_writev(&bench->pipe, iov, ARRAY_LEN(iov), false, &n), CONN_OK);
	assert_int_equal(n, 500);
	assert_in_range(waiting_bytes(bench->fds[1]), 500, 530);
	assert_int_equal(SSL_read(bench->ssl, in, sizeof(in)), 500);
	assert_memory_equal(in, "01234567890123456789", 20);
}

/* Writes so many zeroes and takes them off the wire; the length of the longest record. */
static size_t longest_record(struct bench *bench, size_t len)
{
	static uint8_t bytes[65536], wire[2 * sizeof(bytes)];
	struct iovec iov = { bytes, len };
	size_t n, longest = 0;

	assert_int_equal(tls_pipe_writev(&bench->pipe, &iov, 1, false, &n), CONN_OK);
	assert_int_equal(n, len);
	assert_int_equal(tls_pipe_flush(&bench->pipe), CONN_OK);
	ssize_t got = read(bench->fds[1], wire, sizeof(wire));
	assert_true(got > (ssize_t)len && got < (ssize_t)sizeof(wire));
	for (size_t at = 0; at < (size_t)got;) {
		size_t record = (size_t)wire[at + 3] << 8 | wire[at + 4];
		longest = MAX(longest, record);
		at += 5 + record;
	}
	return longest;
}

static void records_are_small_at_first_and_after_a_pause(void **state)
{
	enum { OVERHEAD = 64 };
	struct bench *bench = *state;

	shake_hands(bench);
	greet(bench);
	for (int i = 0; i < 4; i++)
		assert_in_range(longest_record(bench, 16384), 4096, 4096 + OVERHEAD);
	assert_in_range(longest_record(bench, 65536), 16384, 16384 + OVERHEAD);
	bench->pipe.wrote_at = mono_add_ms(bench->pipe.wrote_at, -1000);
	assert_in_range(longest_record(bench, 16384), 4096, 4096 + OVERHEAD);
}

/* As much as the pipe takes; returns how much. Bytes count up, so that an order that is wrong
 * shows. */
static size_t pour(struct bench *bench, uint8_t *bytes, size_t len, size_t from)
{
	size_t done = from, n;
	int r = CONN_OK;

	while (done < len && r == CONN_OK) {
		/* Pieces of uneven length, with empty ones between. */
		struct iovec iov[4] = { { bytes + done, MIN(100, len - done) }, { NULL, 0 } };
		size_t second = done + iov[0].iov_len, third = MIN(len, second + 20000);
		iov[2] = (struct iovec){ bytes + second, third - second };
		iov[3] = (struct iovec){ bytes + third, MIN(len - third, 50000) };
		r = tls_pipe_writev(&bench->pipe, iov, 4, false, &n);
		assert_true(r == CONN_BLOCKED ? n == 0 : n > 0);
		done += n;
	}
	return done - from;
}

static void long_body_arrives_whole_through_a_full_socket(void **state)
{
	enum { LEN = 1000 * 1000 };
	struct bench *bench = *state;
	uint8_t *bytes = malloc(LEN), *got = malloc(LEN);
	size_t sent = 0, received = 0;
	bool blocked = false;

	shake_hands(bench);
	assert_non_null(bytes);
	assert_non_null(got);
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	for (int i = 0; i < 1000 && received < LEN; i++) {
		sent += pour(bench, bytes, LEN, sent);
		blocked |= tls_pipe_has_left(&bench->pipe);
		int n = SSL_read(bench->ssl, got + received, (int)(LEN - received));
		received += n > 0 ? (size_t)n : 0;
		assert_int_not_equal(tls_pipe_flush(&bench->pipe), CONN_BROKEN);
	}
	assert_true(blocked);
	assert_int_equal(received, LEN);
	assert_memory_equal(bytes, got, LEN);
	free(bytes);
	free(got);
}

static void what_is_decrypted_but_unread_is_pending(void **state)
{
	struct bench *bench = *state;
	uint8_t in[8];
	size_t n;

	shake_hands(bench);
	assert_int_equal(SSL_write(bench->ssl, "0123456789", 10), 10);
	tls_pipe_woken(&bench->pipe);
	assert_int_equal(tls_pipe_read(&bench->pipe, in, 4, &n), CONN_OK);
	assert_int_equal(n, 4);
	assert_true(tls_pipe_pending(&bench->pipe));
	assert_int_equal(tls_pipe_read(&bench->pipe, in, 8, &n), CONN_OK);
	assert_int_equal(n, 6);
	assert_false(tls_pipe_pending(&bench->pipe));
	assert_int_equal(tls_pipe_read(&bench->pipe, in, 8, &n), CONN_BLOCKED);
	assert_int_equal(n, 0);
}

static void half_a_record_is_not_pending(void **state)
{
	struct bench *bench = *state;
	uint8_t record[100], in[8];
	size_t n;
	int between[2];

	shake_hands(bench);
	/* The client writes to where we can cut. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, between), 0);
	assert_int_equal(SSL_set_wfd(bench->ssl, between[0]), 1);
	assert_int_equal(SSL_write(bench->ssl, "0123456789", 10), 10);
	ssize_t len = read(between[1], record, sizeof(record));
	assert_true(len > 10);
	assert_int_equal(write(bench->fds[1], record, 10), 10);
	tls_pipe_woken(&bench->pipe);
	assert_int_equal(tls_pipe_read(&bench->pipe, in, 8, &n), CONN_BLOCKED);
	assert_false(tls_pipe_pending(&bench->pipe));
	assert_int_equal(write(bench->fds[1], record + 10, (size_t)len - 10), len - 10);
	tls_pipe_woken(&bench->pipe);
	assert_int_equal(tls_pipe_read(&bench->pipe, in, 8, &n), CONN_OK);
	assert_int_equal(n, 8);
	close(between[0]);
	close(between[1]);
}

static void close_notify_after_bytes_is_told_at_the_next_read(void **state)
{
	struct bench *bench = *state;
	uint8_t in[64];
	size_t n;

	shake_hands(bench);
	assert_int_equal(SSL_write(bench->ssl, "bye", 3), 3);
	SSL_shutdown(bench->ssl);
	tls_pipe_woken(&bench->pipe);
	assert_int_equal(tls_pipe_read(&bench->pipe, in, sizeof(in), &n), CONN_OK);
	assert_int_equal(n, 3);
	assert_true(tls_pipe_pending(&bench->pipe));
	assert_int_equal(tls_pipe_read(&bench->pipe, in, sizeof(in), &n), CONN_EOF);
	assert_false(tls_pipe_pending(&bench->pipe));
	struct iovec iov = { .iov_base = (char[]){ "still" }, .iov_len = 5 };
	assert_int_equal(tls_pipe_writev(&bench->pipe, &iov, 1, false, &n), CONN_OK);
}

static void end_without_close_notify_is_a_truncation(void **state)
{
	struct bench *bench = *state;
	uint8_t in[64];
	size_t n;

	shake_hands(bench);
	shutdown(bench->fds[1], SHUT_WR);
	tls_pipe_woken(&bench->pipe);
	assert_int_equal(tls_pipe_read(&bench->pipe, in, sizeof(in), &n), CONN_BROKEN);
	assert_string_equal(bench->pipe.reason, "ended without close_notify");
}

static void garbage_breaks_the_handshake_with_a_reason(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(write(bench->fds[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_int_equal(tls_pipe_handshake(&bench->pipe), CONN_BROKEN);
	assert_string_equal(bench->pipe.reason, "http request");
}

static void ended_pipe_still_delivers_what_is_left(void **state)
{
	enum { LEN = 1000 * 1000 };
	struct bench *bench = *state;
	uint8_t *bytes = calloc(1, LEN);
	size_t received = 0;
	int n = 1;

	shake_hands(bench);
	assert_non_null(bytes);
	size_t sent = pour(bench, bytes, LEN, 0);
	assert_true(tls_pipe_has_left(&bench->pipe));
	tls_pipe_end(&bench->pipe);
	for (int i = 0; i < 1000 && n > 0; i++) {
		n = SSL_read(bench->ssl, bytes, LEN);
		received += n > 0 ? (size_t)n : 0;
		assert_int_not_equal(tls_pipe_flush(&bench->pipe), CONN_BROKEN);
	}
	assert_int_equal(received, sent);
	assert_int_equal(SSL_get_error(bench->ssl, n), SSL_ERROR_ZERO_RETURN);
	free(bytes);
}

int main(void)
{
#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		BENCH_TEST(ticket_waits_for_the_first_bytes),
		BENCH_TEST(held_ticket_does_not_hold_the_acknowledgement),
		BENCH_TEST(last_bytes_leave_with_close_notify),
		BENCH_TEST(small_pieces_travel_in_one_record),
		BENCH_TEST(records_are_small_at_first_and_after_a_pause),
		BENCH_TEST(long_body_arrives_whole_through_a_full_socket),
		BENCH_TEST(what_is_decrypted_but_unread_is_pending),
		BENCH_TEST(half_a_record_is_not_pending),
		BENCH_TEST(close_notify_after_bytes_is_told_at_the_next_read),
		BENCH_TEST(end_without_close_notify_is_a_truncation),
		BENCH_TEST(garbage_breaks_the_handshake_with_a_reason),
		BENCH_TEST(ended_pipe_still_delivers_what_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
