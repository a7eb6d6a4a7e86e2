/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/probe: what is asked, what passes, and when it is asked again.
 */
#include "http_stub.h"

#include "core/net/proxy_protocol.h"
#include "edge/origin/probe.h"

static void statuses_pass_as_configured(void **state)
{
	uint32_t expect[] = { 204, 503 };
	const struct http_check_conf any = { .path = "/" };
	const struct http_check_conf these = { .path = "/", .expect = expect, .n_expect = 2 };

	(void)state;
	assert_true(origin_probe_status_ok(&any, 200));
	assert_true(origin_probe_status_ok(&any, 399));
	assert_false(origin_probe_status_ok(&any, 400));
	assert_false(origin_probe_status_ok(&any, 199));
	assert_true(origin_probe_status_ok(&these, 503));
	assert_false(origin_probe_status_ok(&these, 200));
}

static void delay_is_the_interval_give_or_take_a_tenth(void **state)
{
	struct rng rng;
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	rng_seed(&rng, 1);
	for (int i = 0; i < 10000; i++) {
		int64_t ms = origin_probe_delay_ms(&rng, 2000);
		least = MIN(least, ms);
		most = MAX(most, ms);
	}
	assert_int_equal(least, 1800);
	assert_int_equal(most, 2200);
	assert_int_equal(origin_probe_delay_ms(&rng, 5), 5);
}

struct stage {
	struct loop *loop;
	struct fetcher *fetcher;
	struct rng rng;
	struct http_stub stub;
	struct pool_conf pool;
	struct origin_probe *probe;
	unsigned n_changes;
};

static void on_change(void *arg)
{
	((struct stage *)arg)->n_changes++;
}

static void stage_open(struct stage *stage, const char *answer)
{
	*stage = (struct stage){ .pool = { .name = "app",
					   .health_check = {
						   .set = true,
						   .http = { .path = "/h", .host = "check.test" },
						   .interval_ms = 20,
						   .timeout_ms = 5000,
						   .rise = 2,
						   .fall = 2 } } };
	assert_int_equal(loop_new("test", &stage->loop), 0);
	assert_int_equal(fetcher_new(stage->loop, &stage->fetcher), 0);
	rng_seed(&stage->rng, 1);
	http_stub_open(&stage->stub, stage->loop, answer);
	const struct origin_probe_setup setup = { .loop = stage->loop,
						  .fetcher = stage->fetcher,
						  .rng = &stage->rng,
						  .pool = &stage->pool,
						  .server = "origin.test:80",
						  .addr = stage->stub.addr,
						  .on_change = on_change,
						  .arg = stage };
	assert_int_equal(origin_probe_start(&setup, &stage->probe), 0);
}

static void stage_close(struct stage *stage)
{
	origin_probe_stop(stage->probe);
	http_stub_close(&stage->stub);
	fetcher_free(stage->fetcher);
	loop_free(stage->loop);
}

static void origin_goes_down_and_comes_back(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	EDGE_LOOP_UNTIL(stage.loop, stage.n_changes == 1);
	assert_int_equal(origin_probe_health(stage.probe).state, ORIGIN_UP);
	assert_non_null(strstr(stage.stub.last, "GET /h HTTP/1.1\r\n"));
	assert_non_null(strstr(stage.stub.last, "Host: check.test\r\n"));
	stage.stub.answer = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
	EDGE_LOOP_UNTIL(stage.loop, stage.n_changes == 2);
	assert_int_equal(origin_probe_health(stage.probe).state, ORIGIN_DOWN);
	assert_string_equal(origin_probe_reason(stage.probe), "status 500");
	stage.stub.answer = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n";
	EDGE_LOOP_UNTIL(stage.loop, stage.n_changes == 3);
	assert_int_equal(origin_probe_health(stage.probe).state, ORIGIN_UP);
	assert_string_equal(origin_probe_reason(stage.probe), "");
	stage_close(&stage);
}

static void origin_that_closes_is_down_with_a_reason(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, NULL);
	EDGE_LOOP_UNTIL(stage.loop, stage.n_changes == 1);
	assert_int_equal(origin_probe_health(stage.probe).state, ORIGIN_DOWN);
	assert_true(origin_probe_reason(stage.probe)[0]);
	stage_close(&stage);
}

static void pool_whose_origins_want_a_proxy_header_is_asked_with_one(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	stage.pool.proxy_protocol = PROXY_V2;
	EDGE_LOOP_UNTIL(stage.loop, stage.stub.n_requests > 0);
	assert_non_null(strstr(stage.stub.last, "PROXY TCP4 127.0.0.1 "));
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_pass_as_configured),
		cmocka_unit_test(delay_is_the_interval_give_or_take_a_tenth),
		cmocka_unit_test(origin_goes_down_and_comes_back),
		cmocka_unit_test(pool_whose_origins_want_a_proxy_header_is_asked_with_one),
		cmocka_unit_test(origin_that_closes_is_down_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
