/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/worker_world: pools made of a plan, and origins that change in them.
 */
#include "edge_test.h"

#include "edge/report/edge_metrics.h"
#include "edge/worker_world.h"

struct stage {
	struct loop *loop;
	struct exchange_env env;
	struct edge_plan *plan;
	struct origin_view *view;
	struct origin_fact facts[2];
	struct exchange_world *world;
};

static void stage_open(struct stage *stage)
{
	char path[64];
	struct buf errors;

	*stage = (struct stage){ .loop = NULL };
	edge_test_file(path,
		       "node: {name: n, region: r}\n"
		       "listeners: [{name: http, address: '127.0.0.1:0'}]\n"
		       "pools: [{name: app, origins: [{address: '127.0.0.1:1'}]}]\n"
		       "services: [{name: w, hosts: ['*'], routes: [{path: {prefix: /}, proxy: "
		       "{pool: app}}]}]\n");
	buf_init(&errors, 65536);
	assert_int_equal(edge_plan_read(path, NULL, &errors, &stage->plan), EDGE_PLAN_MADE);
	buf_fini(&errors);
	unlink(path);
	assert_int_equal(loop_new("test", &stage->loop), 0);
	assert_int_equal(edge_metrics_new(&stage->env.metrics), 0);
	stage->env.loop = stage->loop;
	for (size_t i = 0; i < 2; i++) {
		stage->facts[i] = (struct origin_fact){
			.id = i + 1, .server = "o.test:80", .weight = 1, .reason = ""
		};
		assert_true(addr_parse(SPAN_LIT("127.0.0.1:1"), &stage->facts[i].addr));
	}
	stage->view = origin_view_new(1);
	assert_non_null(stage->view);
	stage->view->pools[0] =
		(struct origin_pool_fact){ .name = "app", .origins = stage->facts, .n_origins = 2 };
	assert_int_equal(worker_world_new(&stage->env, stage->plan, &stage->world), 0);
}

static void stage_close(struct stage *stage)
{
	exchange_world_unref(stage->world);
	origin_view_unref(stage->view);
	edge_plan_unref(stage->plan);
	metric_block_free(stage->env.metrics);
	metrics_reset();
	loop_free(stage->loop);
}

static uint64_t pick(const struct stage *stage)
{
	const struct pool_tried none = { 0 };
	struct origin *origin;
	int r = pool_pick(stage->world->pools[0].pool, &none, &origin);

	return r == POOL_PICKED ? origin_own_id(origin) : 0;
}

static void pools_follow_the_view(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	assert_int_equal(pick(&stage), 0);
	assert_int_equal(worker_world_set_origins(stage.world, stage.view), 0);
	uint64_t first = pick(&stage), second = pick(&stage);
	assert_int_equal(first + second, 3);
	stage.facts[0].state = ORIGIN_DOWN;
	assert_int_equal(worker_world_set_origins(stage.world, stage.view), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pick(&stage), 2);
	stage.view->pools[0].n_origins = 0;
	assert_int_equal(worker_world_set_origins(stage.world, stage.view), 0);
	assert_int_equal(pick(&stage), 0);
	stage_close(&stage);
}

static void world_holds_its_plan(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	struct edge_plan *plan = stage.plan;
	stage.plan = NULL;
	edge_plan_unref(plan); /* a reload: only the world has it now */
	assert_string_equal(stage.world->pools[0].conf->name, "app");
	assert_non_null(service_find(stage.world->services, SPAN_LIT("x")));
	assert_null(stage.world->log_format);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_follow_the_view),
		cmocka_unit_test(world_holds_its_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
