/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static struct span text_of(const struct core *core, unsigned n, uint32_t key)
{
	const struct fact *fact = facts_find(&core_member(core, n)->facts, key);

	return fact ? fact->said.bytes : SPAN_NONE;
}

static void later_fact_wins_whoever_brings_it(void **state)
{
	(void)state;
	struct core core = core_in_group(2);

	core_hear_fact(&core, 2, core_fact(1, 1, 1, 2, "two"));
	core_hear_fact(&core, 1, core_fact(1, 1, 1, 1, "one"));
	assert_true(span_eq(text_of(&core, 1, 1), SPAN_LIT("two")));
	core_hear_fact(&core, 2, core_fact(1, 1, 2, 1, "new life"));
	assert_true(span_eq(text_of(&core, 1, 1), SPAN_LIT("new life")));
	core_free(&core);
}

static void new_life_ends_all_facts_of_the_old(void **state)
{
	(void)state;
	struct core core = core_in_group(2);

	core_hear_fact(&core, 1, core_fact(1, 1, 1, 1, "a"));
	core_hear_fact(&core, 1, core_fact(1, 2, 1, 1, "b"));
	core_hear_fact(&core, 1, core_fact(1, 1, 2, 1, "c"));
	assert_int_equal(text_of(&core, 1, 2).len, 0);
	core_hear_fact(&core, 2, core_fact(1, 2, 1, 9, "late"));
	assert_int_equal(text_of(&core, 1, 2).len, 0);
	core_free(&core);
}

static void forged_fact_changes_nothing(void **state)
{
	(void)state;
	struct core core = core_in_group(2);
	struct swim_fact fact = core_fact(1, 1, 1, 1, "true");

	fact.bytes = SPAN_LIT("fake");
	core_hear_fact(&core, 2, fact);
	assert_int_equal(core_member(&core, 1)->facts.n, 0);
	assert_int_equal(swim_counter(core.swim, SWIM_N_FACTS_FORGED), 1);
	core_hear_fact(&core, 2, core_fact(9, 1, 1, 1, "a stranger's"));
	assert_int_equal(swim_counter(core.swim, SWIM_N_FACTS_UNKNOWN), 1);
	core_free(&core);
}

static void a_member_has_so_many_facts_and_no_more(void **state)
{
	(void)state;
	struct core core = core_in_group(2);

	for (uint32_t key = 0; key < SWIM_MAX_FACTS + 3; key++)
		core_hear_fact(&core, 1, core_fact(1, key, 1, 1, "x"));
	assert_int_equal(core_member(&core, 1)->facts.n, SWIM_MAX_FACTS);
	assert_int_equal(swim_counter(core.swim, SWIM_N_FACTS_FULL), 3);
	core_free(&core);
}

static void fact_is_passed_on_byte_for_byte(void **state)
{
	(void)state;
	struct core core = core_in_group(3);
	struct swim_fact fact = core_fact(1, 1, 1, 1, "pass me on");

	core_hear_fact(&core, 1, fact);
	for (size_t i = 0; i < 50; i++) {
		const struct swim_send *sent = core_sent(&core, SWIM_GOSSIP, 0);

		if (sent && sent->message.n_facts) {
			assert_memory_equal(sent->message.facts[0].signature, fact.signature,
					    SWIM_SIGNATURE_BYTES);
			assert_true(span_eq(sent->message.facts[0].bytes, fact.bytes));
			core_free(&core);
			return;
		}
		core_run(&core, 100, SWIM_GOSSIP);
	}
	fail_msg("it was never sent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_fact_wins_whoever_brings_it),
		cmocka_unit_test(new_life_ends_all_facts_of_the_old),
		cmocka_unit_test(forged_fact_changes_nothing),
		cmocka_unit_test(a_member_has_so_many_facts_and_no_more),
		cmocka_unit_test(fact_is_passed_on_byte_for_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
