/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/origin_conn: connections that are kept between requests.
 */
#include "../edge_test.h"

#include "edge/origin/origin.h"
#include "edge/report/edge_metrics.h"

enum { MAX_CONNS = 4, MAX_IDLE = 2 };

struct stage {
	struct loop *loop;
	struct metric_block *metrics;
	struct origin_set *set;
	struct origin *origin;
	int fd;
	unsigned n_open, n_failed;
};

static void on_open(struct conn *conn, void *arg)
{
	(void)conn;
	((struct stage *)arg)->n_open++;
}

static void on_failed(struct conn *conn, void *arg)
{
	(void)conn;
	((struct stage *)arg)->n_failed++;
}

static const struct conn_events events = { .on_open = on_open, .on_failed = on_failed };

static void stage_open(struct stage *stage, int64_t idle_timeout_ms)
{
	struct origin_fact fact = { .id = 1, .server = "o.test:80", .weight = 1 };

	*stage = (struct stage){ .fd = edge_test_listen(&fact.addr) };
	assert_int_equal(loop_new("test", &stage->loop), 0);
	assert_int_equal(edge_metrics_new(&stage->metrics), 0);
	const struct origin_setup setup = { .loop = stage->loop,
					    .metrics = stage->metrics,
					    .connect_timeout_ms = 5000,
					    .max_idle = MAX_IDLE,
					    .idle_timeout_ms = idle_timeout_ms };
	assert_int_equal(origin_set_new(&setup, &stage->set), 0);
	assert_int_equal(origin_set_update(stage->set, &fact, 1), 0);
	stage->origin = origin_set_at(stage->set, 0);
}

static void stage_close(struct stage *stage)
{
	origin_set_free(stage->set);
	metric_block_free(stage->metrics);
	loop_free(stage->loop);
	metrics_reset();
	close(stage->fd);
}

static struct conn *connect_one(struct stage *stage, int *ret_peer)
{
	struct conn *conn;
	unsigned before = stage->n_open;

	assert_int_equal(origin_connect(stage->origin, SPAN_NONE, &events, stage, &conn), 0);
	EDGE_LOOP_UNTIL(stage->loop, stage->n_open == before + 1);
	*ret_peer = accept(stage->fd, NULL, NULL);
	assert_true(*ret_peer >= 0);
	return conn;
}

static int64_t n_kept(void)
{
	return metric_read("meridian_edge_origin_connections_kept", NULL);
}

static void hottest_is_taken_first_and_the_surplus_is_closed(void **state)
{
	struct stage stage;
	struct conn *conns[3];
	int peers[3];
	char byte;

	(void)state;
	stage_open(&stage, 60000);
	for (size_t i = 0; i < 3; i++)
		conns[i] = connect_one(&stage, &peers[i]);
	for (size_t i = 0; i < 3; i++)
		origin_keep(conns[i], stage.origin);
	assert_int_equal(n_kept(), MAX_IDLE);
	assert_int_equal(read(peers[2], &byte, 1), 0); /* one too many */
	assert_ptr_equal(origin_take_kept(stage.origin), conns[1]);
	assert_ptr_equal(origin_take_kept(stage.origin), conns[0]);
	assert_null(origin_take_kept(stage.origin));
	conn_close(conns[0]);
	conn_close(conns[1]);
	for (size_t i = 0; i < 3; i++)
		close(peers[i]);
	stage_close(&stage);
}

static void kept_one_that_the_origin_closes_is_dropped(void **state)
{
	struct stage stage;
	int peer;

	(void)state;
	stage_open(&stage, 60000);
	origin_keep(connect_one(&stage, &peer), stage.origin);
	close(peer);
	EDGE_LOOP_UNTIL(stage.loop, n_kept() == 0);
	assert_null(origin_take_kept(stage.origin));
	stage_close(&stage);
}

static void kept_one_that_speaks_unasked_is_dropped(void **state)
{
	struct stage stage;
	int peer;

	(void)state;
	stage_open(&stage, 60000);
	origin_keep(connect_one(&stage, &peer), stage.origin);
	assert_int_equal(write(peer, "HTTP/1.1 200 OK\r\n\r\n", 19), 19);
	EDGE_LOOP_UNTIL(stage.loop, n_kept() == 0);
	close(peer);
	stage_close(&stage);
}

static void idle_one_is_dropped_in_time(void **state)
{
	struct stage stage;
	int peer;

	(void)state;
	stage_open(&stage, 1);
	origin_keep(connect_one(&stage, &peer), stage.origin);
	EDGE_LOOP_UNTIL(stage.loop, n_kept() == 0);
	close(peer);
	stage_close(&stage);
}

static void nothing_is_kept_for_an_origin_that_has_gone(void **state)
{
	struct stage stage;
	int peer;
	char byte;

	(void)state;
	stage_open(&stage, 60000);
	struct conn *conn = connect_one(&stage, &peer);
	struct origin *held = origin_ref(stage.origin);
	assert_int_equal(origin_set_update(stage.set, NULL, 0), 0);
	origin_keep(conn, held);
	assert_int_equal(read(peer, &byte, 1), 0);
	origin_unref(held);
	close(peer);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hottest_is_taken_first_and_the_surplus_is_closed),
		cmocka_unit_test(kept_one_that_the_origin_closes_is_dropped),
		cmocka_unit_test(kept_one_that_speaks_unasked_is_dropped),
		cmocka_unit_test(idle_one_is_dropped_in_time),
		cmocka_unit_test(nothing_is_kept_for_an_origin_that_has_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
