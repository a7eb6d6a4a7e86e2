/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void those_next_in_the_ring_are_watched(void **state)
{
	(void)state;
	struct core core = core_in_group(2);

	core_hear(&core, 110, core_alive(110, 1));
	core_hear(&core, 120, core_alive(120, 1));
	assert_true(core.did.keep_changed);
	assert_int_equal(core.did.n_keep, 3);
	assert_int_equal(core.did.keep[0].id.bytes[0], 110);
	assert_int_equal(core.did.keep[1].id.bytes[0], 120);
	assert_int_equal(core.did.keep[2].id.bytes[0], 1); /* round the end */
	core_hear(&core, 90, core_alive(90, 1));
	assert_false(core.did.keep_changed);
	core_hear(&core, 105, core_alive(105, 1));
	assert_true(core.did.keep_changed);
	assert_int_equal(core.did.keep[0].id.bytes[0], 105);
	core_free(&core);
}

static void who_leaves_is_watched_no_more(void **state)
{
	(void)state;
	struct core core = core_in_group(2);

	core_hear(&core, 1, core_left(1, 1));
	assert_true(core.did.keep_changed);
	assert_int_equal(core.did.n_keep, 1);
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_next_in_the_ring_are_watched),
		cmocka_unit_test(who_leaves_is_watched_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
