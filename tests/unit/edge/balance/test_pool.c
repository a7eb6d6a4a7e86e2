/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/balance/pool: who may be chosen. Origins are only names here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/obj.h"
#include "edge/balance/pool.h"

/* A pool hands origins on and never looks into one. */
static struct origin *origin_of(uint64_t id)
{
	static char places[8];

	return (struct origin *)(void *)&places[id];
}

static struct pool_member member(uint64_t id, uint32_t weight, bool up)
{
	return (struct pool_member){
		.id = id, .weight = weight, .up = up, .origin = origin_of(id)
	};
}

static struct pool *pool_of(const struct pool_member *members, size_t n)
{
	struct pool *pool;

	assert_int_equal(pool_new(POOL_ROUND_ROBIN, &pool), 0);
	assert_int_equal(pool_set(pool, members, n), 0);
	return pool;
}

static void who_is_down_or_tried_is_passed_over(void **state)
{
	const struct pool_member members[] = { member(1, 1, true), member(2, 1, false),
					       member(3, 1, true) };
	struct pool *pool = pool_of(members, ARRAY_LEN(members));
	struct pool_tried tried = { 0 };
	struct origin *origin;

	(void)state;
	pool_tried_add(&tried, 1);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(pool_pick(pool, &tried, &origin), POOL_PICKED);
		assert_ptr_equal(origin, origin_of(3));
	}
	pool_tried_add(&tried, 3);
	assert_int_equal(pool_pick(pool, &tried, &origin), POOL_ALL_TRIED);
	pool_free(pool);
}

static void nobody_up_is_told_apart_from_everybody_tried(void **state)
{
	const struct pool_member members[] = { member(1, 1, false) };
	struct pool *pool = pool_of(members, 1);
	const struct pool_tried tried = { 0 };
	struct origin *origin;

	(void)state;
	assert_int_equal(pool_pick(pool, &tried, &origin), POOL_ALL_DOWN);
	pool_clear(pool);
	assert_int_equal(pool_pick(pool, &tried, &origin), POOL_ALL_DOWN);
	pool_free(pool);
}

static void turns_are_kept_when_members_change(void **state)
{
	const struct pool_member before[] = { member(1, 1, true), member(2, 1, true) };
	const struct pool_member after[] = { member(2, 1, true), member(1, 1, true) };
	struct pool *pool = pool_of(before, 2);
	const struct pool_tried tried = { 0 };
	struct origin *first, *second;

	(void)state;
	assert_int_equal(pool_pick(pool, &tried, &first), POOL_PICKED);
	assert_int_equal(pool_set(pool, after, 2), 0);
	assert_int_equal(pool_pick(pool, &tried, &second), POOL_PICKED);
	assert_ptr_not_equal(first, second);
	pool_free(pool);
}

static void more_tried_than_can_be_remembered_do_no_harm(void **state)
{
	struct pool_tried tried = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		pool_tried_add(&tried, i);
	assert_int_equal(tried.n, POOL_MAX_TRIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_down_or_tried_is_passed_over),
		cmocka_unit_test(nobody_up_is_told_apart_from_everybody_tried),
		cmocka_unit_test(turns_are_kept_when_members_change),
		cmocka_unit_test(more_tried_than_can_be_remembered_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
