/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/origin_watch: pools that are resolved and checked.
 */
#include "http_stub.h"

#include "edge/origin/origin_watch.h"

struct stage {
	struct loop *loop;
	struct http_stub stub;
	char server[ADDR_TEXT_MAX];
	struct origin_conf origins[2];
	struct pool_conf pools[2];
	struct origin_watch *watch;
	struct origin_view *view;
	unsigned n_changes;
};

static void on_change(void *arg)
{
	struct stage *stage = arg;

	stage->n_changes++;
	origin_view_unref(stage->view);
	assert_int_equal(origin_watch_view(stage->watch, &stage->view), 0);
}

static void watch_open(struct stage *stage, const struct origin_view *before)
{
	const struct origin_watch_setup setup = { .loop = stage->loop,
						  .pools = stage->pools,
						  .n_pools = 2,
						  .max_ttl_ms = 1000,
						  .before = before,
						  .on_change = on_change,
						  .arg = stage };

	assert_int_equal(origin_watch_new(&setup, &stage->watch), 0);
}

static void stage_open(struct stage *stage)
{
	*stage = (struct stage){ .view = NULL };
	assert_int_equal(loop_new("test", &stage->loop), 0);
	http_stub_open(&stage->stub, stage->loop, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	addr_text(&stage->stub.addr, stage->server);
	stage->origins[0] = (struct origin_conf){ stage->server, 3 };
	stage->origins[1] = (struct origin_conf){ "127.0.0.1:1", 1 }; /* nobody listens there */
	stage->pools[0] = (struct pool_conf){ .name = "checked",
					      .origins = stage->origins,
					      .n_origins = 2,
					      .health_check = { .set = true,
								.http = { .path = "/" },
								.interval_ms = 20,
								.timeout_ms = 5000,
								.rise = 1,
								.fall = 1 } };
	stage->pools[1] = (struct pool_conf){ .name = "unchecked",
					      .origins = stage->origins,
					      .n_origins = 1 };
	watch_open(stage, NULL);
}

static void stage_close(struct stage *stage)
{
	origin_watch_free(stage->watch);
	origin_view_unref(stage->view);
	http_stub_close(&stage->stub);
	loop_free(stage->loop);
}

static bool settled(const struct stage *stage)
{
	const struct origin_view *view = stage->view;

	return view && view->pools[0].n_origins == 2 &&
	       view->pools[0].origins[0].state == ORIGIN_UP &&
	       view->pools[0].origins[1].state == ORIGIN_DOWN;
}

static void view_says_who_is_up(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	assert_false(origin_watch_answered(stage.watch));
	EDGE_LOOP_UNTIL(stage.loop, settled(&stage));
	assert_true(origin_watch_answered(stage.watch));
	assert_string_equal(stage.view->pools[0].name, "checked");
	assert_true(addr_eq(&stage.view->pools[0].origins[0].addr, &stage.stub.addr));
	assert_int_equal(stage.view->pools[0].origins[0].weight, 3);
	assert_true(stage.view->pools[0].origins[1].reason[0]);
	assert_int_equal(stage.view->pools[1].origins[0].state, ORIGIN_UNKNOWN);
	assert_true(origin_usable(&stage.view->pools[1].origins[0]));
	stage_close(&stage);
}

static void reload_forgets_neither_addresses_nor_health(void **state)
{
	struct stage stage;
	struct origin_view *before, *after;

	(void)state;
	stage_open(&stage);
	EDGE_LOOP_UNTIL(stage.loop, settled(&stage));
	before = stage.view;
	stage.view = NULL;
	origin_watch_free(stage.watch);
	watch_open(&stage, before);
	assert_int_equal(origin_watch_view(stage.watch, &after), 0);
	assert_int_equal(after->pools[0].n_origins, 2);
	assert_int_equal(after->pools[0].origins[0].state, ORIGIN_UP);
	assert_int_equal(after->pools[0].origins[1].state, ORIGIN_DOWN);
	assert_int_equal(after->pools[0].origins[0].id, before->pools[0].origins[0].id);
	origin_view_unref(after);
	origin_view_unref(before);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(view_says_who_is_up),
		cmocka_unit_test(reload_forgets_neither_addresses_nor_health),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
