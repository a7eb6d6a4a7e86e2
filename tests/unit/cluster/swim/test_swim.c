/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void same_seed_and_steps_give_the_same_actions(void **state)
{
	(void)state;
	struct core a = core_in_group(20), b = core_in_group(20);

	for (size_t i = 0; i < 200; i++) {
		core_run(&a, 50, 0);
		core_run(&b, 50, 0);
		assert_int_equal(a.did.next_at.ns, b.did.next_at.ns);
		assert_int_equal(a.did.n_sends, b.did.n_sends);
		for (size_t s = 0; s < a.did.n_sends; s++)
			assert_memory_equal(&a.did.sends[s].to, &b.did.sends[s].to,
					    sizeof(struct member_id));
	}
	core_free(&a);
	core_free(&b);
}

static void who_has_slept_accuses_nobody(void **state)
{
	(void)state;
	struct core core = core_in_group(6);

	assert_true(core_run(&core, 1000, SWIM_PING));
	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1));
	core.now = mono_add_ms(core.now, 60000);
	core_step(&core, &(struct swim_event){ .kind = SWIM_TICK });
	assert_int_equal(core_state(&core, 1), MEMBER_SUSPECT);
	assert_int_equal(swim_n_live(core.swim), 7);
	assert_int_equal(swim_counter(core.swim, SWIM_N_SUSPICIONS), 0);
	assert_true(swim_awareness(core.swim) > 0);
	core_free(&core);
}

static void our_own_voice_is_not_heard(void **state)
{
	(void)state;
	struct core core = core_in_group(2);

	core_hear(&core, CORE_SELF, core_alive(9, 1));
	assert_null(core_member(&core, 9));
	core_free(&core);
}

static void newcomers_are_reported_once(void **state)
{
	(void)state;
	struct core core = core_in_group(1);
	size_t n;

	assert_int_equal(core.did.n_changes, 1);
	assert_true(core.did.changes[0].is_new);
	core_hear(&core, 1, core_alive(1, 1));
	assert_int_equal(core.did.n_changes, 0);
	assert_false(core.did.view_changed);
	swim_members(core.swim, &n);
	assert_int_equal(n, 2);
	core_free(&core);
}

static void counters_have_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < SWIM_N_COUNTERS; i++) {
		assert_non_null(swim_counter_word((enum swim_counter)i));
		assert_non_null(swim_counter_help((enum swim_counter)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_and_steps_give_the_same_actions),
		cmocka_unit_test(who_has_slept_accuses_nobody),
		cmocka_unit_test(our_own_voice_is_not_heard),
		cmocka_unit_test(newcomers_are_reported_once),
		cmocka_unit_test(counters_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
