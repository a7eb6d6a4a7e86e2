/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void later_claim_holds(void **state)
{
	(void)state;
	struct core core = core_in_group(4);

	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_SUSPECT);
	core_hear(&core, 2, core_alive(1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_SUSPECT);
	core_hear(&core, 2, core_alive(1, 2));
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	core_hear(&core, 1, core_left(1, 2));
	assert_int_equal(core_state(&core, 1), MEMBER_LEFT);
	core_hear(&core, 1, core_alive(1, 3));
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	core_free(&core);
}

static void forged_claim_changes_nothing(void **state)
{
	(void)state;
	struct core core = core_in_group(4);
	struct swim_claim claims[] = {
		core_alive(1, 9),
		core_alive(9, 1),
		core_accuse(SWIM_SUSPECT, 2, 1, 1),
		core_accuse(SWIM_DEAD, 2, 1, 1),
		core_left(1, 1),
	};

	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		claims[i].signature[0] ^= 1;
		core_hear(&core, 3, claims[i]);
		assert_false(core.did.view_changed);
	}
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	assert_int_equal(core_member(&core, 1)->incarnation, 1);
	assert_null(core_member(&core, 9));
	assert_int_equal(swim_counter(core.swim, SWIM_N_CLAIMS_FORGED), ARRAY_LEN(claims));
	core_free(&core);
}

static void certificate_of_another_makes_no_member(void **state)
{
	(void)state;
	struct core core = core_in_group(1);
	struct swim_claim claim = core_alive(9, 1);
	struct member_id other = core_id(8);

	claim.certificate = span_of(other.bytes, MEMBER_ID_BYTES);
	core_hear(&core, 1, core_signed(claim));
	assert_null(core_member(&core, 9));
	core_free(&core);
}

static void accusation_of_an_incarnation_nobody_signed_is_ignored(void **state)
{
	(void)state;
	struct core core = core_in_group(4);

	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1000));
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	assert_int_equal(core_member(&core, 1)->incarnation, 1);
	assert_int_equal(swim_counter(core.swim, SWIM_N_CLAIMS_UNKNOWN), 1);
	core_free(&core);
}

static void two_refused_observers_mean_death_at_once(void **state)
{
	(void)state;
	struct core core = core_in_group(6);

	core_hear(&core, 2, core_refused(2, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_SUSPECT);
	core_hear(&core, 3, core_refused(3, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_DEAD);
	/* … and it is told at once, to the dead too: it may refute. */
	const struct swim_send *told = core_sent(&core, SWIM_GOSSIP, 1);
	assert_non_null(core_claim_in(told, SWIM_DEAD, 1));
	assert_non_null(core_claim_in(core_sent(&core, SWIM_GOSSIP, 4), SWIM_DEAD, 1));
	core_free(&core);
}

static void one_observer_refused_twice_is_still_one(void **state)
{
	(void)state;
	struct core core = core_in_group(6);

	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1));
	core_hear(&core, 2, core_refused(2, 1, 1));
	core_hear(&core, 3, core_refused(2, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_SUSPECT);
	assert_int_equal(core_member(&core, 1)->n_against, 1);
	core_free(&core);
}

static void one_voice_declares_nobody_dead(void **state)
{
	(void)state;
	struct core core = core_in_group(6);

	core_hear(&core, 2, core_accuse(SWIM_DEAD, 2, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_SUSPECT);
	assert_non_null(core_claim_in(core_sent(&core, SWIM_GOSSIP, 1), SWIM_DEAD, 1));
	core_hear(&core, 3, core_accuse(SWIM_DEAD, 3, 1, 1));
	assert_int_equal(core_state(&core, 1), MEMBER_DEAD);
	core_free(&core);
}

static void old_news_is_told_to_the_accused_and_not_believed(void **state)
{
	(void)state;
	struct core core = core_in_group(6);
	struct swim_claim claims[2] = { core_accuse(SWIM_SUSPECT, 3, 1, 1),
					core_accuse(SWIM_DEAD, 2, 1, 1) };

	core_run(&core, 1, 0);
	claims[0].age_s = claims[1].age_s = 30;
	core_receive(&core, 2,
		     (struct swim_message){ .kind = SWIM_GOSSIP, .claims = claims, .n_claims = 2 });
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	assert_non_null(core_sent(&core, SWIM_GOSSIP, 1));
	core_free(&core);
}

static void tombstone_of_a_stranger_is_taken_over_with_its_age(void **state)
{
	(void)state;
	struct core core = core_in_group(3);
	struct swim_claim claims[2] = { core_alive(9, 4), core_accuse(SWIM_DEAD, 2, 9, 4) };

	core_run(&core, 1, 0);
	claims[1].age_s = 3600;
	core_receive(&core, 2,
		     (struct swim_message){ .kind = SWIM_GOSSIP, .claims = claims, .n_claims = 2 });
	assert_int_equal(core_state(&core, 9), MEMBER_DEAD);
	assert_int_equal(mono_diff_ms(core.now, core_member(&core, 9)->since), 3600000);
	assert_int_equal(core.did.n_changes, 1);
	assert_true(core.did.changes[0].is_new);
	assert_int_equal(core.did.changes[0].to, MEMBER_DEAD);
	core_free(&core);
}

static void confirmations_bring_death_sooner(void **state)
{
	(void)state;
	struct core core = core_in_group(6);

	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1));
	mono_t alone = core_member(&core, 1)->suspect_until;
	core_hear(&core, 3, core_accuse(SWIM_SUSPECT, 3, 1, 1));
	mono_t two = core_member(&core, 1)->suspect_until;
	core_hear(&core, 4, core_accuse(SWIM_SUSPECT, 4, 1, 1));
	mono_t three = core_member(&core, 1)->suspect_until;
	assert_int_equal(mono_diff_ms(alone, core.now), 4800);
	assert_true(mono_before(two, alone));
	assert_int_equal(mono_diff_ms(three, core.now), 1200);
	core_run(&core, 1250, 0);
	assert_int_equal(core_state(&core, 1), MEMBER_DEAD);
	core_free(&core);
}

static void refuted_accuser_does_not_confirm(void **state)
{
	(void)state;
	struct core core = core_in_group(6);

	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1));
	core_hear(&core, 1, core_alive(1, 2));
	core_hear(&core, 4, core_accuse(SWIM_SUSPECT, 4, 3, 1));
	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 3, 1));
	assert_int_equal(core_member(&core, 3)->n_against, 1);
	assert_int_equal(swim_counter(core.swim, SWIM_N_CLAIMS_NO_CREDIT), 1);
	core_free(&core);
}

static void stale_member_is_told_what_stands_against_it(void **state)
{
	(void)state;
	struct core core = core_in_group(6);

	core_hear(&core, 2, core_refused(2, 1, 1));
	core_hear(&core, 3, core_refused(3, 1, 1));
	core_run(&core, 3000, 0);
	core_hear(&core, 1, core_alive(1, 1));
	assert_non_null(core_claim_in(core_sent(&core, SWIM_GOSSIP, 1), SWIM_DEAD, 1));
	/* Not again within a second. */
	core_hear(&core, 1, core_alive(1, 1));
	assert_null(core_sent(&core, SWIM_GOSSIP, 1));
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_claim_holds),
		cmocka_unit_test(forged_claim_changes_nothing),
		cmocka_unit_test(certificate_of_another_makes_no_member),
		cmocka_unit_test(accusation_of_an_incarnation_nobody_signed_is_ignored),
		cmocka_unit_test(two_refused_observers_mean_death_at_once),
		cmocka_unit_test(one_observer_refused_twice_is_still_one),
		cmocka_unit_test(one_voice_declares_nobody_dead),
		cmocka_unit_test(old_news_is_told_to_the_accused_and_not_believed),
		cmocka_unit_test(tombstone_of_a_stranger_is_taken_over_with_its_age),
		cmocka_unit_test(confirmations_bring_death_sooner),
		cmocka_unit_test(refuted_accuser_does_not_confirm),
		cmocka_unit_test(stale_member_is_told_what_stands_against_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
