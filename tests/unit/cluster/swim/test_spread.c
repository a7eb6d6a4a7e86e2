/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

#include "cluster/swim/spread.h"

struct visit {
	size_t max;
	struct spread_item *seen[16];
	size_t n;
};

static enum spread_verdict take(void *arg, struct spread_item *item)
{
	struct visit *visit = arg;

	if (visit->n == visit->max)
		return SPREAD_FULL;
	visit->seen[visit->n++] = item;
	return SPREAD_SENT;
}

static enum spread_verdict pass_over(void *arg, struct spread_item *item)
{
	(void)item;
	++*(size_t *)arg;
	return SPREAD_SKIPPED;
}

static void newest_and_least_told_comes_first(void **state)
{
	(void)state;
	struct spread spread;
	struct spread_item items[3] = { 0 };
	struct visit first = { .max = 1 }, second = { .max = 3 };

	spread_init(&spread);
	for (size_t i = 0; i < 3; i++)
		spread_add(&spread, &items[i]);
	spread_visit(&spread, 4, 100, take, &first);
	assert_ptr_equal(first.seen[0], &items[2]);
	spread_visit(&spread, 4, 100, take, &second);
	assert_ptr_equal(second.seen[0], &items[1]);
	assert_ptr_equal(second.seen[1], &items[0]);
	assert_ptr_equal(second.seen[2], &items[2]);
}

static void told_often_enough_it_leaves(void **state)
{
	(void)state;
	struct spread spread;
	struct spread_item item = { 0 };
	struct visit visit = { .max = 16 };

	spread_init(&spread);
	spread_add(&spread, &item);
	for (size_t i = 0; i < 5; i++)
		spread_visit(&spread, 3, 100, take, &visit);
	assert_int_equal(visit.n, 3);
	assert_int_equal(spread.n, 0);
	assert_null(item.in);
}

static void new_again_begins_anew(void **state)
{
	(void)state;
	struct spread spread;
	struct spread_item item = { 0 };
	struct visit visit = { .max = 16 };

	spread_init(&spread);
	spread_add(&spread, &item);
	spread_visit(&spread, 3, 100, take, &visit);
	spread_add(&spread, &item);
	assert_int_equal(spread.n, 1);
	assert_int_equal(item.n_sent, 0);
	spread_remove(&item);
	spread_remove(&item);
	assert_int_equal(spread.n, 0);
}

static void a_visit_looks_at_so_many_and_no_more(void **state)
{
	(void)state;
	struct spread spread;
	struct spread_item items[8] = { 0 };
	size_t n_looked = 0;

	spread_init(&spread);
	for (size_t i = 0; i < 8; i++)
		spread_add(&spread, &items[i]);
	spread_visit(&spread, 3, 5, pass_over, &n_looked);
	assert_int_equal(n_looked, 5);
	assert_int_equal(spread.n, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_and_least_told_comes_first),
		cmocka_unit_test(told_often_enough_it_leaves),
		cmocka_unit_test(new_again_begins_anew),
		cmocka_unit_test(a_visit_looks_at_so_many_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
