/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/origin_http2: who makes a connection, and who waits for it.
 */
#include "../edge_test.h"

#include "edge/origin/origin.h"
#include "edge/report/edge_metrics.h"

struct stage {
	struct loop *loop;
	struct slab *slab;
	struct metric_block *metrics;
	struct origin_set *set;
	struct origin *origin;
	int fd, peer;
	bool opened;
};

struct waiter {
	struct origin_wait wait;
	unsigned n_told;
	enum close_reason reason;
	struct origin *again; /* waits once more when told */
};

static void on_wire(struct conn *conn, void *arg)
{
	(void)conn;
	((struct stage *)arg)->opened = true;
}

static const struct conn_events events = { .on_open = on_wire, .on_failed = on_wire };

static void stage_open(struct stage *stage, enum pool_protocol protocol)
{
	struct origin_fact fact = { .id = 1, .server = "o.test:80", .weight = 1 };

	*stage = (struct stage){ .fd = edge_test_listen(&fact.addr), .peer = -1 };
	assert_int_equal(loop_new("test", &stage->loop), 0);
	assert_int_equal(slab_new(64, &stage->slab), 0);
	assert_int_equal(edge_metrics_new(&stage->metrics), 0);
	const struct origin_setup setup = { .loop = stage->loop,
					    .slab = stage->slab,
					    .metrics = stage->metrics,
					    .protocol = protocol,
					    .limits = { 5000, 5000, 5000, 16384 },
					    .connect_timeout_ms = 5000,
					    .idle_timeout_ms = 5000 };
	assert_int_equal(origin_set_new(&setup, &stage->set), 0);
	assert_int_equal(origin_set_update(stage->set, &fact, 1), 0);
	stage->origin = origin_set_at(stage->set, 0);
}

static void stage_close(struct stage *stage)
{
	origin_set_free(stage->set);
	conn_end_lingering(stage->loop);
	metric_block_free(stage->metrics);
	slab_free(stage->slab);
	loop_free(stage->loop);
	metrics_reset();
	close(stage->fd);
	if (stage->peer >= 0)
		close(stage->peer);
}

static struct conn *connect_one(struct stage *stage)
{
	struct conn *conn;

	assert_int_equal(origin_connect(stage->origin, SPAN_NONE, &events, stage, &conn), 0);
	EDGE_LOOP_UNTIL(stage->loop, stage->opened);
	stage->peer = accept(stage->fd, NULL, NULL);
	return conn;
}

static void on_told(void *arg, enum close_reason reason)
{
	struct waiter *waiter = arg;
	bool lead;

	waiter->n_told++;
	waiter->reason = reason;
	if (!waiter->again)
		return;
	assert_false(origin_http2_is_coming(waiter->again, &lead)); /* now it is ours to make */
	assert_true(lead);
	waiter->again = NULL;
}

static void first_makes_it_and_the_others_wait(void **state)
{
	struct waiter a = { .wait = { .fn = on_told, .arg = &a } };
	struct waiter b = { .wait = { .fn = on_told, .arg = &b } };
	struct waiter c = { .wait = { .fn = on_told, .arg = &c } };
	struct h2_client *client;
	struct stage stage;
	bool lead = false;

	(void)state;
	stage_open(&stage, POOL_HTTP2);
	assert_null(origin_http2(stage.origin));
	assert_false(origin_http2_is_coming(stage.origin, &lead));
	assert_true(lead);
	assert_true(origin_http2_is_coming(stage.origin, &lead));
	assert_false(lead);
	origin_http2_wait(stage.origin, &a.wait);
	origin_http2_wait(stage.origin, &b.wait);
	origin_http2_wait(stage.origin, &c.wait);
	origin_http2_unwait(&b.wait);
	origin_http2_unwait(&b.wait); /* twice is fine */
	struct conn *conn = connect_one(&stage);
	assert_int_equal(origin_speaks(stage.origin, conn), ORIGIN_SPEAKS_HTTP2);
	assert_int_equal(origin_http2_add(stage.origin, conn, &client), 0);
	origin_http2_made(stage.origin, REASON_DONE);
	assert_int_equal(a.n_told + b.n_told + c.n_told, 2);
	assert_int_equal(a.reason, REASON_DONE);
	assert_ptr_equal(origin_http2(stage.origin), client);
	stage_close(&stage);
}

static void failure_is_told_and_the_next_may_lead(void **state)
{
	struct waiter a = { .wait = { .fn = on_told, .arg = &a } };
	struct stage stage;
	bool lead;

	(void)state;
	stage_open(&stage, POOL_HTTP2);
	a.again = stage.origin;
	assert_false(origin_http2_is_coming(stage.origin, &lead));
	assert_true(origin_http2_is_coming(stage.origin, &lead));
	origin_http2_wait(stage.origin, &a.wait);
	origin_http2_made(stage.origin, REASON_ORIGIN_CONNECT);
	assert_int_equal(a.n_told, 1);
	assert_int_equal(a.reason, REASON_ORIGIN_CONNECT);
	origin_http2_made(stage.origin, REASON_ORIGIN_CONNECT); /* of the one that a leads */
	stage_close(&stage);
}

static void nobody_waits_for_http1(void **state)
{
	struct stage stage;
	bool lead = true;

	(void)state;
	stage_open(&stage, POOL_HTTP1);
	assert_false(origin_http2_is_coming(stage.origin, &lead));
	assert_false(lead);
	struct conn *conn = connect_one(&stage);
	assert_int_equal(origin_speaks(stage.origin, conn), ORIGIN_SPEAKS_HTTP1);
	conn_close(conn);
	stage_close(&stage);
}

static void connection_that_ends_is_forgotten(void **state)
{
	struct h2_client *client;
	struct stage stage;

	(void)state;
	stage_open(&stage, POOL_HTTP2);
	assert_int_equal(origin_http2_add(stage.origin, connect_one(&stage), &client), 0);
	assert_non_null(origin_http2(stage.origin));
	close(stage.peer);
	stage.peer = -1;
	EDGE_LOOP_UNTIL(stage.loop, !origin_http2(stage.origin));
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_makes_it_and_the_others_wait),
		cmocka_unit_test(failure_is_told_and_the_next_may_lead),
		cmocka_unit_test(nobody_waits_for_http1),
		cmocka_unit_test(connection_that_ends_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
