/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void the_gone_are_forgotten_in_the_end(void **state)
{
	(void)state;
	struct core core = core_in_group(2);
	struct swim_claim left = core_left(1, 1);

	left.age_s = swim_conf_region.tombstone_s - 200;
	core_hear(&core, 1, left);
	core_hear(&core, 2, core_left(2, 1));
	core_run(&core, 300000, 0);
	assert_null(core_member(&core, 1));
	assert_int_equal(core_state(&core, 2), MEMBER_LEFT);
	core_free(&core);
}

static void fading_tombstones_are_not_told(void **state)
{
	(void)state;
	struct core core = core_in_group(2);
	struct swim_claim left = core_left(1, 1);

	left.age_s = swim_conf_region.tombstone_s - 200;
	core_hear(&core, 1, left);
	assert_true(core_run(&core, 30000, SWIM_SYNC_OPEN));
	assert_true(core_sent(&core, SWIM_SYNC_OPEN, 0)->message.hashes[1] == 0);
	core_free(&core);
}

static void every_member_is_probed_in_a_round(void **state)
{
	(void)state;
	struct core core = core_in_group(6);
	unsigned n_probed[8] = { 0 };

	for (size_t i = 0; i < 12; i++) {
		assert_true(core_run(&core, 2000, SWIM_PING));
		const struct swim_send *ping = core_sent(&core, SWIM_PING, 0);

		n_probed[ping->message.target.bytes[0]]++;
		core_receive(&core, ping->message.target.bytes[0],
			     (struct swim_message){ .kind = SWIM_ACK, .seq = ping->message.seq });
	}
	for (unsigned i = 1; i <= 6; i++)
		assert_in_range(n_probed[i], 1, 3);
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gone_are_forgotten_in_the_end),
		cmocka_unit_test(fading_tombstones_are_not_told),
		cmocka_unit_test(every_member_is_probed_in_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
