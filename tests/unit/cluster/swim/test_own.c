/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void publish(struct core *core, uint32_t key, const char *text)
{
	core_step(core, &(struct swim_event){
				.kind = SWIM_PUBLISH, .key = key, .bytes = span_str(text) });
}

static void accused_member_refutes_at_once(void **state)
{
	(void)state;
	struct core core = core_in_group(4);

	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, CORE_SELF, 5));
	assert_true(core.did.incarnation_raised);
	assert_int_equal(core.did.incarnation, 6);
	const struct swim_claim *alive =
		core_claim_in(core_sent(&core, SWIM_GOSSIP, 2), SWIM_ALIVE, CORE_SELF);
	assert_non_null(alive);
	assert_int_equal(alive->incarnation, 6);
	assert_int_equal(swim_awareness(core.swim), 1);
	core_free(&core);
}

static void forged_accusation_of_us_raises_nothing(void **state)
{
	(void)state;
	struct core core = core_in_group(4);
	struct swim_claim claim = core_accuse(SWIM_DEAD, 2, CORE_SELF, 5);

	claim.signature[3] ^= 1;
	core_hear(&core, 2, claim);
	core_hear(&core, 2, core_accuse(SWIM_DEAD, 2, CORE_SELF, 6)); /* we never had that */
	core_hear(&core, 2, core_accuse(SWIM_DEAD, 2, CORE_SELF, 4)); /* long refuted */
	core_hear(&core, 2, core_accuse(SWIM_DEAD, 9, CORE_SELF, 5)); /* by a stranger */
	assert_int_equal(swim_me(core.swim)->incarnation, 5);
	core_free(&core);
}

static void lost_disk_is_made_good_by_what_others_remember(void **state)
{
	(void)state;
	struct core core = core_in_group(4);

	publish(&core, 1, "new");
	core_hear(&core, 2, core_alive(CORE_SELF, 40));
	assert_int_equal(swim_me(core.swim)->incarnation, 41);
	assert_true(core.did.incarnation_raised);
	assert_int_equal(swim_me(core.swim)->facts.all[0]->said.generation, 41);
	assert_false(core.did.identity_clash);
	core_free(&core);
}

static void second_member_with_our_key_is_reported(void **state)
{
	(void)state;
	struct core core = core_in_group(4);

	core_hear(&core, 2, core_alive(CORE_SELF, 40));
	core_hear(&core, 2, core_alive(CORE_SELF, 42)); /* not within a second */
	assert_int_equal(swim_me(core.swim)->incarnation, 41);
	core_run(&core, 1100, 0);
	core_hear(&core, 2, core_alive(CORE_SELF, 42));
	assert_int_equal(swim_me(core.swim)->incarnation, 43);
	assert_true(core.did.identity_clash);
	core_free(&core);
}

static void fact_of_an_old_life_makes_ours_win(void **state)
{
	(void)state;
	struct core core = core_in_group(4);

	publish(&core, 1, "new");
	core_hear_fact(&core, 2, core_fact(CORE_SELF, 1, 5, 1, "old"));
	assert_int_equal(swim_me(core.swim)->incarnation, 6);
	assert_int_equal(swim_me(core.swim)->facts.all[0]->said.generation, 6);
	assert_true(span_eq(swim_me(core.swim)->facts.all[0]->said.bytes, SPAN_LIT("new")));
	core_free(&core);
}

static void same_bytes_are_not_published_again(void **state)
{
	(void)state;
	struct core core = core_new();

	publish(&core, 1, "a");
	assert_true(core.did.view_changed);
	publish(&core, 1, "a");
	assert_false(core.did.view_changed);
	publish(&core, 1, "b");
	assert_int_equal(swim_me(core.swim)->facts.all[0]->said.version, 2);
	core_free(&core);
}

static void too_large_a_fact_is_counted(void **state)
{
	(void)state;
	static uint8_t bytes[SWIM_MAX_FACT_BYTES + 1];
	struct core core = core_new();

	core_step(&core, &(struct swim_event){ .kind = SWIM_PUBLISH,
					       .bytes = span_of(bytes, sizeof(bytes)) });
	assert_int_equal(swim_counter(core.swim, SWIM_N_FACTS_FULL), 1);
	core_free(&core);
}

static void farewell_is_told_at_once_and_then_it_is_quiet(void **state)
{
	(void)state;
	struct core core = core_in_group(4);

	core_step(&core, &(struct swim_event){ .kind = SWIM_LEAVE });
	assert_non_null(core_claim_in(core_sent(&core, SWIM_GOSSIP, 3), SWIM_LEFT, CORE_SELF));
	assert_true(core.did.keep_changed);
	assert_int_equal(core.did.n_keep, 0);
	assert_false(core_run(&core, 2000, SWIM_PING));
	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, CORE_SELF, 5));
	assert_int_equal(swim_me(core.swim)->incarnation, 5);
	core_free(&core);
}

static void unusable_self_is_refused(void **state)
{
	(void)state;
	struct member_id id = core_id(CORE_SELF);
	struct swim_self self = { .id = id,
				  .addr = core_addr(1),
				  .incarnation = 1,
				  .certificate = SPAN_LIT("not ours") };
	struct swim *swim;

	assert_int_equal(swim_new(&swim_conf_region, &core_env, &self, 1, &swim), -EINVAL);
	self.certificate = span_of(id.bytes, MEMBER_ID_BYTES);
	self.incarnation = 0;
	assert_int_equal(swim_new(&swim_conf_region, &core_env, &self, 1, &swim), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accused_member_refutes_at_once),
		cmocka_unit_test(forged_accusation_of_us_raises_nothing),
		cmocka_unit_test(lost_disk_is_made_good_by_what_others_remember),
		cmocka_unit_test(second_member_with_our_key_is_reported),
		cmocka_unit_test(fact_of_an_old_life_makes_ours_win),
		cmocka_unit_test(same_bytes_are_not_published_again),
		cmocka_unit_test(too_large_a_fact_is_counted),
		cmocka_unit_test(farewell_is_told_at_once_and_then_it_is_quiet),
		cmocka_unit_test(unusable_self_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
