/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/origin: sets that change under their holders.
 */
#include "../edge_test.h"

#include "edge/origin/origin.h"
#include "edge/report/edge_metrics.h"

static struct origin_fact fact(uint64_t id)
{
	struct origin_fact fact = { .id = id, .server = "o.test:80", .weight = 1 };

	assert_true(addr_parse(SPAN_LIT("127.0.0.1:80"), &fact.addr));
	return fact;
}

struct stage {
	struct loop *loop;
	struct metric_block *metrics;
	struct origin_set *set;
};

static void stage_open(struct stage *stage)
{
	assert_int_equal(loop_new("test", &stage->loop), 0);
	assert_int_equal(edge_metrics_new(&stage->metrics), 0);
	const struct origin_setup setup = { .loop = stage->loop,
					    .metrics = stage->metrics,
					    .connect_timeout_ms = 1000,
					    .max_idle = 2,
					    .idle_timeout_ms = 1000 };
	assert_int_equal(origin_set_new(&setup, &stage->set), 0);
}

static void stage_close(struct stage *stage)
{
	origin_set_free(stage->set);
	metric_block_free(stage->metrics);
	loop_free(stage->loop);
	metrics_reset();
}

static void who_stays_is_the_same_object(void **state)
{
	struct stage stage;
	struct origin_fact facts[] = { fact(1), fact(2) };

	(void)state;
	stage_open(&stage);
	assert_int_equal(origin_set_update(stage.set, facts, 2), 0);
	const struct origin *second = origin_set_at(stage.set, 1);
	facts[0] = fact(2);
	facts[1] = fact(3);
	assert_int_equal(origin_set_update(stage.set, facts, 2), 0);
	assert_int_equal(origin_set_count(stage.set), 2);
	assert_ptr_equal(origin_set_at(stage.set, 0), second);
	assert_int_equal(origin_own_id(origin_set_at(stage.set, 1)), 3);
	assert_false(origin_is_tls(second));
	stage_close(&stage);
}

static void held_origin_outlives_its_set(void **state)
{
	struct stage stage;
	const struct origin_fact facts[] = { fact(1) };

	(void)state;
	stage_open(&stage);
	assert_int_equal(origin_set_update(stage.set, facts, 1), 0);
	struct origin *held = origin_ref(origin_set_at(stage.set, 0));
	origin_set_free(stage.set);
	stage.set = NULL;
	assert_int_equal(origin_own_id(held), 1);
	assert_int_equal(addr_port(origin_addr(held)), 80);
	origin_unref(held);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_stays_is_the_same_object),
		cmocka_unit_test(held_origin_outlives_its_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
