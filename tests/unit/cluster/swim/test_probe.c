/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void ack(struct core *core, unsigned from, uint32_t seq)
{
	core_receive(core, from, (struct swim_message){ .kind = SWIM_ACK, .seq = seq });
}

static void ping_is_answered_the_way_it_came(void **state)
{
	(void)state;
	struct core core = core_in_group(2);
	struct swim_message ping = { .kind = SWIM_PING, .seq = 77, .target = core_id(CORE_SELF) };

	core_receive(&core, 1, ping);
	assert_int_equal(core_sent(&core, SWIM_ACK, 1)->message.seq, 77);
	assert_int_equal(core_sent(&core, SWIM_ACK, 1)->via, SWIM_UDP);
	core_step(&core, &(struct swim_event){ .kind = SWIM_RECEIVED,
					       .from = core_id(1),
					       .addr = core_addr(1),
					       .via = SWIM_TCP,
					       .message = &ping });
	assert_int_equal(core_sent(&core, SWIM_ACK, 1)->via, SWIM_TCP);
	core_free(&core);
}

static void ping_for_another_is_not_answered(void **state)
{
	(void)state;
	struct core core = core_in_group(2);

	core_receive(&core, 1,
		     (struct swim_message){ .kind = SWIM_PING, .seq = 77, .target = core_id(2) });
	assert_null(core_sent(&core, SWIM_ACK, 1));
	core_free(&core);
}

static void answered_probe_measures_and_accuses_nobody(void **state)
{
	(void)state;
	struct core core = core_in_group(1);

	for (size_t i = 0; i < 10; i++) {
		assert_true(core_run(&core, 1000, SWIM_PING));
		uint32_t seq = core_sent(&core, SWIM_PING, 1)->message.seq;

		core.now = mono_add_ms(core.now, 10);
		ack(&core, 1, seq);
		assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	}
	assert_int_equal(core_member(&core, 1)->srtt_us, 10000);
	core_free(&core);
}

static void unanswered_probe_asks_helpers_and_tcp_then_accuses(void **state)
{
	(void)state;
	struct core core = core_in_group(5);

	assert_true(core_run(&core, 1000, SWIM_PING_REQ));
	const struct swim_send *request = core_sent(&core, SWIM_PING_REQ, 0);
	struct member_id target = request->message.target;
	const struct swim_send *ping = core_sent(&core, SWIM_PING, target.bytes[0]);
	assert_non_null(ping);
	assert_int_equal(ping->via, SWIM_TCP);
	assert_memory_not_equal(request->to.bytes, target.bytes, MEMBER_ID_BYTES);
	core_run(&core, 400, 0);
	assert_int_equal(core_state(&core, target.bytes[0]), MEMBER_SUSPECT);
	/* Three helpers said nothing, not even no: we may be the sick one. */
	assert_int_equal(swim_awareness(core.swim), 3);
	core_free(&core);
}

static void helpers_that_say_no_leave_our_health_alone(void **state)
{
	(void)state;
	struct core core = core_in_group(5);

	assert_true(core_run(&core, 1000, SWIM_PING_REQ));
	uint32_t seq = core_sent(&core, SWIM_PING_REQ, 0)->message.seq;
	for (unsigned i = 1; i <= 3; i++)
		core_receive(&core, i, (struct swim_message){ .kind = SWIM_NACK, .seq = seq });
	core_run(&core, 400, 0);
	assert_int_equal(swim_counter(core.swim, SWIM_N_SUSPICIONS), 1);
	assert_int_equal(swim_awareness(core.swim), 0);
	core_free(&core);
}

static void helper_asks_and_passes_the_answer_on(void **state)
{
	(void)state;
	struct core core = core_in_group(3);

	core_receive(
		&core, 1,
		(struct swim_message){ .kind = SWIM_PING_REQ, .seq = 9, .target = core_id(2) });
	uint32_t seq = core_sent(&core, SWIM_PING, 2)->message.seq;
	ack(&core, 3, seq); /* not the one who was asked */
	assert_null(core_sent(&core, SWIM_ACK, 1));
	ack(&core, 2, seq);
	assert_int_equal(core_sent(&core, SWIM_ACK, 1)->message.seq, 9);
	core_free(&core);
}

static void helper_says_no_when_nobody_answers(void **state)
{
	(void)state;
	struct core core = core_in_group(3);

	core_receive(
		&core, 1,
		(struct swim_message){ .kind = SWIM_PING_REQ, .seq = 9, .target = core_id(2) });
	assert_true(core_run(&core, 400, SWIM_NACK));
	assert_int_equal(core_sent(&core, SWIM_NACK, 1)->message.seq, 9);
	core_receive(
		&core, 1,
		(struct swim_message){ .kind = SWIM_PING_REQ, .seq = 10, .target = core_id(99) });
	assert_int_equal(core_sent(&core, SWIM_NACK, 1)->message.seq, 10);
	core_free(&core);
}

static void suspect_hears_of_it_with_the_ping(void **state)
{
	(void)state;
	struct core core = core_in_group(1);

	core_hear(&core, 2, core_alive(2, 1));
	core_hear(&core, 2, core_accuse(SWIM_SUSPECT, 2, 1, 1)); /* probed out of turn */
	const struct swim_send *ping = core_sent(&core, SWIM_PING, 1);
	assert_non_null(core_claim_in(ping, SWIM_SUSPECT, 1));
	core_free(&core);
}

static void refused_line_accuses_and_lost_line_probes(void **state)
{
	(void)state;
	struct core core = core_in_group(5);
	struct swim_event event = { .kind = SWIM_EVIDENCE,
				    .from = core_id(1),
				    .addr = core_addr(1),
				    .evidence = SWIM_LINE_LOST };

	core_step(&core, &event);
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	assert_non_null(core_sent(&core, SWIM_PING, 1));
	event.evidence = SWIM_REFUSED;
	event.addr = core_addr(77); /* where it was before */
	core_step(&core, &event);
	assert_int_equal(core_state(&core, 1), MEMBER_ALIVE);
	event.addr = core_addr(1);
	core_step(&core, &event);
	assert_int_equal(core_state(&core, 1), MEMBER_SUSPECT);
	const struct swim_claim *claim =
		core_claim_in(core_sent(&core, SWIM_GOSSIP, 3), SWIM_SUSPECT, 1);
	assert_true(claim->refused);
	core_free(&core);
}

static void of_two_members_one_refused_line_is_enough(void **state)
{
	(void)state;
	struct core core = core_in_group(1);

	core_step(&core, &(struct swim_event){ .kind = SWIM_EVIDENCE,
					       .from = core_id(1),
					       .addr = core_addr(1),
					       .evidence = SWIM_REFUSED });
	assert_int_equal(core_state(&core, 1), MEMBER_DEAD);
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping_is_answered_the_way_it_came),
		cmocka_unit_test(ping_for_another_is_not_answered),
		cmocka_unit_test(answered_probe_measures_and_accuses_nobody),
		cmocka_unit_test(unanswered_probe_asks_helpers_and_tcp_then_accuses),
		cmocka_unit_test(helpers_that_say_no_leave_our_health_alone),
		cmocka_unit_test(helper_asks_and_passes_the_answer_on),
		cmocka_unit_test(helper_says_no_when_nobody_answers),
		cmocka_unit_test(suspect_hears_of_it_with_the_ping),
		cmocka_unit_test(refused_line_accuses_and_lost_line_probes),
		cmocka_unit_test(of_two_members_one_refused_line_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
