/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_budget.
 */
#include "../edge_test.h"

#include "edge/http2/h2_budget.h"

static const struct h2_budget_conf conf = { .burst = 10, .per_s = 5 };

static void burst_is_allowed_and_no_more(void **state)
{
	struct h2_budget budget = { 0 };
	mono_t now = { 1000 * NS_PER_MS };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(h2_budget_spend(&budget, &conf, now));
	assert_false(h2_budget_spend(&budget, &conf, now));
}

static void time_and_work_make_it_good(void **state)
{
	struct h2_budget budget = { 0 };
	mono_t now = { 1000 * NS_PER_MS };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(h2_budget_spend(&budget, &conf, now));
	now = mono_add_ms(now, 400); /* two at five a second */
	assert_true(h2_budget_spend(&budget, &conf, now));
	assert_true(h2_budget_spend(&budget, &conf, now));
	h2_budget_earn(&budget, &conf, 3);
	for (int i = 0; i < 3; i++)
		assert_true(h2_budget_spend(&budget, &conf, now));
	assert_false(h2_budget_spend(&budget, &conf, now));
}

static void nothing_is_saved_up(void **state)
{
	struct h2_budget budget = { 0 };
	mono_t now = { 1000 * NS_PER_MS };

	(void)state;
	h2_budget_earn(&budget, &conf, 1000);
	now = mono_add_ms(now, 3600 * 1000);
	for (int i = 0; i < 10; i++)
		assert_true(h2_budget_spend(&budget, &conf, now));
	assert_false(h2_budget_spend(&budget, &conf, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_is_allowed_and_no_more),
		cmocka_unit_test(time_and_work_make_it_good),
		cmocka_unit_test(nothing_is_saved_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
