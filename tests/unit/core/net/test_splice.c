/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/splice: the pool, and bytes that pass from one TCP conn to another through its
 * pipes.
 */
#include "core/net/splice.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "core/net/conn.h"
#include "tests/unit/core/net/net_test.h"

enum { BODY_BYTES = 12 << 20 };

static struct splice_pool *pool_of(size_t max)
{
	struct splice_pool *pool;

	assert_int_equal(splice_pool_new(max, &pool), 0);
	return pool;
}

static void pool_gives_so_many_and_takes_them_back(void **state)
{
	struct splice_pool *pool = pool_of(2);

	(void)state;
	struct splice_pipe *a = splice_take(pool), *b = splice_take(pool);
	assert_true(a && b && a != b);
	assert_in_range(a->max_bytes, SPLICE_LEAST_BYTES, SPLICE_PIPE_BYTES);
	assert_null(splice_take(pool));
	splice_give(a);
	assert_int_equal(splice_pool_n_out(pool), 1);
	assert_ptr_equal(splice_take(pool), a);
	splice_give(a);
	splice_give(b);
	splice_give(NULL);
	splice_pool_free(pool);
	splice_pool_free(NULL);
}

static void pipe_that_holds_bytes_is_closed(void **state)
{
	struct splice_pool *pool = pool_of(1);
	struct splice_pipe *pipe = splice_take(pool);
	char byte;

	(void)state;
	assert_int_equal(write(pipe->in, "x", 1), 1);
	pipe->bytes = 1;
	splice_give(pipe);
	pipe = splice_take(pool);
	assert_non_null(pipe);
	assert_int_equal(pipe->bytes, 0);
	assert_int_equal(read(pipe->out, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	splice_give(pipe);
	splice_pool_free(pool);
}

static void lower_limit_holds_for_pipes_that_come_back(void **state)
{
	struct splice_pool *pool = pool_of(2);
	struct splice_pipe *a = splice_take(pool), *b = splice_take(pool);

	(void)state;
	splice_give(a);
	splice_pool_set_max(pool, 0);
	assert_null(splice_take(pool));
	splice_give(b);
	assert_null(splice_take(pool));
	splice_pool_set_max(pool, 1);
	a = splice_take(pool);
	assert_non_null(a);
	splice_give(a);
	splice_pool_free(pool);
}

static void refusal_of_the_kernel_is_not_tried_again_at_once(void **state)
{
	struct splice_pool *pool = pool_of(2);
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(splice_take(pool));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_null(splice_take(pool));
	splice_pool_set_max(pool, 2); /* another configuration */
	struct splice_pipe *pipe = splice_take(pool);
	assert_non_null(pipe);
	splice_give(pipe);
	splice_pool_free(pool);
}

/* ---- through a pipe ---- */

/* Bytes from `source` to `sink`, past a relay of two conns. */
struct relay {
	struct loop *loop;
	struct splice_pool *pool;
	struct splice_pipe *pipe;
	struct conn *in, *out;
	int source, sink;
	unsigned n_open;
	uint8_t *body;
	size_t n_sent, n_got;
};

static void on_open(struct conn *conn, void *arg)
{
	(void)conn;
	((struct relay *)arg)->n_open++;
}

static void on_other(struct conn *conn, void *arg)
{
	(void)conn, (void)arg;
}

static const struct conn_events events = { on_open, on_other, on_other, on_other, on_other };

/* A pair of TCP; the first end becomes a conn. */
static int relay_connect(struct relay *relay, struct conn **ret_conn)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	struct addr from;
	int small = 64 * 1024; /* so that bytes stay in the pipe */
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	close(listener);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_true(addr_parse(SPAN_LIT("192.0.2.1:1"), &from));
	assert_int_equal(conn_accept(relay->loop, accepted, &from, NULL, &events, relay, ret_conn),
			 0);
	return fd;
}

static int relay_open(void **state)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	assert_non_null(relay);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_new("test", &relay->loop), 0);
	relay->pool = pool_of(1);
	relay->pipe = splice_take(relay->pool);
	assert_non_null(relay->pipe);
	relay->source = relay_connect(relay, &relay->in);
	relay->sink = relay_connect(relay, &relay->out);
	LOOP_UNTIL(relay->loop, relay->n_open == 2);
	relay->body = malloc(BODY_BYTES);
	assert_non_null(relay->body);
	for (size_t i = 0; i < BODY_BYTES; i++)
		relay->body[i] = (uint8_t)(i * 2654435761u >> 13);
	*state = relay;
	return 0;
}

static int relay_close(void **state)
{
	struct relay *relay = *state;

	splice_give(relay->pipe);
	splice_pool_free(relay->pool);
	conn_close(relay->in);
	conn_close(relay->out);
	close(relay->source);
	close(relay->sink);
	loop_free(relay->loop);
	free(relay->body);
	free(relay);
	return 0;
}

static void source_say(struct relay *relay)
{
	ssize_t n = 1;

	while (n > 0 && relay->n_sent < BODY_BYTES) {
		n = send(relay->source, relay->body + relay->n_sent, BODY_BYTES - relay->n_sent, 0);
		relay->n_sent += n > 0 ? (size_t)n : 0;
	}
	if (relay->n_sent == BODY_BYTES)
		shutdown(relay->source, SHUT_WR);
}

/* Takes at most max bytes. */
static void sink_take(struct relay *relay, size_t max)
{
	static uint8_t got[64 * 1024];
	ssize_t n = recv(relay->sink, got, MIN(max, sizeof(got)), 0);

	if (n <= 0)
		return;
	assert_memory_equal(got, relay->body + relay->n_got, (size_t)n);
	relay->n_got += (size_t)n;
}

static void body_passes_whole_to_a_slow_reader(void **state)
{
	struct relay *relay = *state;
	struct splice_pipe *pipe = relay->pipe;
	bool was_blocked = false;
	size_t n, n_in = 0, n_out = 0;
	int in = CONN_OK;

	conn_limit_unsent(relay->out, 64 * 1024);
	while (relay->n_got < BODY_BYTES) {
		source_say(relay);
		if (in != CONN_EOF)
			in = conn_splice_in(relay->in, pipe, SIZE_MAX, &n);
		assert_int_not_equal(in, CONN_BROKEN);
		n_in += in == CONN_OK ? n : 0;
		int out = conn_splice_out(relay->out, pipe, &n);
		assert_true(out == CONN_OK || (out == CONN_BLOCKED && n == 0));
		n_out += n;
		was_blocked |= out == CONN_BLOCKED && pipe->bytes > 0;
		assert_int_equal(pipe->bytes, n_in - n_out);
		sink_take(relay, 40000);
	}
	assert_int_equal(n_out, BODY_BYTES);
	assert_int_equal(pipe->bytes, 0);
	assert_true(was_blocked);
	while (in == CONN_OK || in == CONN_BLOCKED)
		in = conn_splice_in(relay->in, pipe, SIZE_MAX, &n);
	assert_int_equal(in, CONN_EOF);
	assert_int_equal(n, 0);
}

static void no_more_than_asked_for_comes_in(void **state)
{
	struct relay *relay = *state;
	uint8_t rest[8];
	size_t n = 0;

	assert_int_equal(send(relay->source, "abcdef", 6, 0), 6);
	while (conn_splice_in(relay->in, relay->pipe, 4, &n) == CONN_BLOCKED)
		assert_int_equal(loop_turn(relay->loop, 1), 0);
	assert_int_equal(n, 4);
	assert_int_equal(conn_read(relay->in, rest, sizeof(rest), &n), CONN_OK);
	assert_int_equal(n, 2);
	assert_memory_equal(rest, "ef", 2);
	assert_int_equal(conn_splice_out(relay->out, relay->pipe, &n), CONN_OK);
	assert_int_equal(n, 4);
	assert_int_equal(conn_splice_out(relay->out, relay->pipe, &n), CONN_BLOCKED); /* empty */
}

static void reset_reader_is_told_once_and_for_all(void **state)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct relay *relay = *state;
	int r = CONN_OK;
	size_t n = 0;

	setsockopt(relay->sink, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(relay->sink);
	relay->sink = -1;
	while (r == CONN_OK || r == CONN_BLOCKED) {
		source_say(relay);
		conn_splice_in(relay->in, relay->pipe, SIZE_MAX, &n);
		r = conn_splice_out(relay->out, relay->pipe, &n);
	}
	assert_int_equal(r, CONN_BROKEN);
	assert_string_equal(conn_reason(relay->out), "reset");
	assert_int_equal(conn_splice_out(relay->out, relay->pipe, &n), CONN_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_gives_so_many_and_takes_them_back),
		cmocka_unit_test(pipe_that_holds_bytes_is_closed),
		cmocka_unit_test(lower_limit_holds_for_pipes_that_come_back),
		cmocka_unit_test(refusal_of_the_kernel_is_not_tried_again_at_once),
		cmocka_unit_test_setup_teardown(body_passes_whole_to_a_slow_reader, relay_open,
						relay_close),
		cmocka_unit_test_setup_teardown(no_more_than_asked_for_comes_in, relay_open,
						relay_close),
		cmocka_unit_test_setup_teardown(reset_reader_is_told_once_and_for_all, relay_open,
						relay_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
