/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/state/state.h"
#include "core/obj.h"

static struct swim_fact said(uint32_t key, uint64_t generation, uint64_t version, const char *text)
{
	return (struct swim_fact){
		.key = key, .generation = generation, .version = version, .bytes = span_str(text)
	};
}

static int put(struct facts *facts, struct swim_fact fact)
{
	struct fact *taken;

	return facts_put(facts, &fact, &taken);
}

static void order_is_generation_then_version(void **state)
{
	(void)state;
	struct swim_fact a = said(1, 1, 9, "a"), b = said(1, 2, 1, "b");

	assert_true(fact_compare(&a, &b) < 0);
	assert_true(fact_compare(&b, &a) > 0);
	assert_int_equal(fact_compare(&a, &a), 0);
	struct swim_fact c = a;
	c.signature[0] = 1;
	assert_int_equal(fact_compare(&a, &c), 0);
	assert_false(fact_same(&a, &c));
}

static void later_replaces_and_earlier_is_refused(void **state)
{
	(void)state;
	struct facts facts = { 0 };

	assert_int_equal(put(&facts, said(1, 1, 2, "two")), FACTS_NEW);
	assert_int_equal(put(&facts, said(1, 1, 1, "one")), FACTS_OLD);
	assert_int_equal(put(&facts, said(1, 1, 2, "two")), FACTS_OLD);
	struct fact *before = facts_find(&facts, 1);
	assert_int_equal(put(&facts, said(1, 1, 3, "three")), FACTS_NEW);
	assert_ptr_equal(facts_find(&facts, 1), before);
	assert_true(span_eq(before->said.bytes, SPAN_LIT("three")));
	assert_int_equal(facts.n_bytes, 5);
	facts_fini(&facts);
}

static void new_generation_empties_the_old_and_its_queue(void **state)
{
	(void)state;
	struct facts facts = { 0 };
	struct spread spread;

	spread_init(&spread);
	put(&facts, said(1, 1, 1, "a"));
	put(&facts, said(2, 1, 1, "b"));
	spread_add(&spread, &facts_find(&facts, 2)->item);
	assert_int_equal(put(&facts, said(1, 2, 1, "c")), FACTS_NEW);
	assert_int_equal(facts.n, 1);
	assert_int_equal(spread.n, 0);
	assert_int_equal(put(&facts, said(2, 1, 9, "late")), FACTS_OLD);
	facts_fini(&facts);
}

static void keys_stay_sorted_and_bounded(void **state)
{
	(void)state;
	struct facts facts = { 0 };

	for (uint32_t key = SWIM_MAX_FACTS; key-- > 0;)
		assert_int_equal(put(&facts, said(key, 1, 1, "x")), FACTS_NEW);
	assert_int_equal(put(&facts, said(1000, 1, 1, "x")), FACTS_FULL);
	assert_int_equal(put(&facts, said(5, 1, 2, "y")), FACTS_NEW);
	for (size_t i = 0; i < facts.n; i++)
		assert_int_equal(facts.all[i]->said.key, i);
	assert_null(facts_find(&facts, 1000));
	facts_fini(&facts);
}

static void empty_fact_is_a_fact(void **state)
{
	(void)state;
	struct facts facts = { 0 };

	assert_int_equal(put(&facts, said(1, 1, 1, "")), FACTS_NEW);
	assert_non_null(facts_find(&facts, 1));
	assert_int_equal(facts.n_bytes, 0);
	facts_fini(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_generation_then_version),
		cmocka_unit_test(later_replaces_and_earlier_is_refused),
		cmocka_unit_test(new_generation_empties_the_old_and_its_queue),
		cmocka_unit_test(keys_stay_sorted_and_bounded),
		cmocka_unit_test(empty_fact_is_a_fact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
