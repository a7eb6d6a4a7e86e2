/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void seeds(struct core *core, const struct addr *addrs, size_t n)
{
	core_step(core, &(struct swim_event){ .kind = SWIM_SEEDS, .seeds = addrs, .n_seeds = n });
}

static struct core with_one_dead(void)
{
	struct core core = core_in_group(4);

	core_hear(&core, 2, core_refused(2, 1, 1));
	core_hear(&core, 3, core_refused(3, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_DEAD);
	core_hear(&core, 2, core_left(2, 1));
	core_hear(&core, 3, core_left(3, 1));
	core_hear(&core, 4, core_left(4, 1)); /* nobody else is probed */
	return core;
}

static void seeds_are_asked_at_once_and_again_while_alone(void **state)
{
	(void)state;
	struct core core = core_new();
	struct addr addrs[] = { core_addr(1), core_addr(CORE_SELF) };

	seeds(&core, addrs, 2);
	const struct swim_send *open = core_sent(&core, SWIM_SYNC_OPEN, 0);
	assert_false(open->to_known);
	assert_true(addr_eq(&open->addr, &addrs[0]));
	assert_int_equal(core.did.n_sends, 1); /* not ourselves */
	assert_true(core_run(&core, 1300, SWIM_SYNC_OPEN));
	assert_true(core_run(&core, 1300, SWIM_SYNC_OPEN));
	core_free(&core);
}

static void seed_that_lives_among_us_is_left_alone(void **state)
{
	(void)state;
	struct core core = core_in_group(1);
	struct addr addr = core_addr(1);

	seeds(&core, &addr, 1);
	assert_null(core_sent(&core, SWIM_SYNC_OPEN, 0));
	core_free(&core);
}

static void the_dead_are_called_for_ever(void **state)
{
	(void)state;
	struct core core = with_one_dead();

	for (size_t i = 0; i < 50; i++) {
		mono_t before = core.now;

		assert_true(core_run(&core, 61000, SWIM_PING));
		assert_true(mono_diff_ms(core.now, before) >= 1000);
		const struct swim_send *ping = core_sent(&core, SWIM_PING, 1);
		assert_non_null(core_claim_in(ping, SWIM_DEAD, 1));
		assert_non_null(core_claim_in(ping, SWIM_ALIVE, CORE_SELF));
	}
	core_free(&core);
}

static void who_comes_back_is_compared_with_at_once(void **state)
{
	(void)state;
	struct core core = with_one_dead();

	core_run(&core, 2000, 0);
	core_hear(&core, 1, core_alive(1, 2));
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	assert_non_null(core_sent(&core, SWIM_SYNC_OPEN, 1));
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeds_are_asked_at_once_and_again_while_alone),
		cmocka_unit_test(seed_that_lives_among_us_is_left_alone),
		cmocka_unit_test(the_dead_are_called_for_ever),
		cmocka_unit_test(who_comes_back_is_compared_with_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
