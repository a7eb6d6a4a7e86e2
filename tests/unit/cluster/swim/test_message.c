/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void limits_are_kept_at_the_door(void **state)
{
	(void)state;
	struct swim_claim claim = core_alive(1, 1);
	struct swim_message message = { .kind = SWIM_GOSSIP, .claims = &claim, .n_claims = 1 };

	assert_true(swim_message_ok(&message));
	claim.incarnation = 0;
	assert_false(swim_message_ok(&message));
	claim.incarnation = UINT64_MAX;
	assert_false(swim_message_ok(&message));
	claim = core_alive(1, 1);
	claim.certificate.len = SWIM_MAX_CERTIFICATE_BYTES + 1;
	assert_false(swim_message_ok(&message));
	claim = core_alive(1, 1);
	claim.addr.len = 0;
	assert_false(swim_message_ok(&message));
	claim = core_alive(1, 1);
	claim.protocol_min = 2;
	assert_false(swim_message_ok(&message));
}

static void only_members_speak_for_themselves(void **state)
{
	(void)state;
	struct swim_claim claim = core_alive(1, 1);
	struct swim_message message = { .kind = SWIM_GOSSIP, .claims = &claim, .n_claims = 1 };

	claim.signer = core_id(2);
	assert_false(swim_message_ok(&message));
	claim = core_accuse(SWIM_DEAD, 1, 1, 1);
	assert_false(swim_message_ok(&message));
	claim = core_accuse(SWIM_DEAD, 2, 1, 1);
	assert_true(swim_message_ok(&message));
	claim = core_left(1, 1);
	assert_true(swim_message_ok(&message));
	claim.kind = (enum swim_claim_kind)4;
	assert_false(swim_message_ok(&message));
}

static void hashes_come_with_an_opening_alone(void **state)
{
	(void)state;
	uint64_t hashes[SWIM_BUCKETS] = { 0 };

	assert_true(swim_message_ok(
		&(struct swim_message){ .kind = SWIM_SYNC_OPEN, .hashes = hashes }));
	assert_false(swim_message_ok(&(struct swim_message){ .kind = SWIM_SYNC_OPEN }));
	assert_false(
		swim_message_ok(&(struct swim_message){ .kind = SWIM_PING, .hashes = hashes }));
	assert_false(swim_message_ok(&(struct swim_message){ .kind = (enum swim_kind)0 }));
	assert_false(swim_message_ok(&(struct swim_message){ .kind = (enum swim_kind)8 }));
}

static void every_signed_field_changes_the_signed_bytes(void **state)
{
	(void)state;
	const struct swim_claim base = core_alive(1, 1);
	struct swim_claim variants[6] = { base, base, base, base, base, base };
	uint8_t a[SWIM_SIGNED_CLAIM_MAX], b[SWIM_SIGNED_CLAIM_MAX];
	size_t a_len = claim_signed_bytes(&base, a);

	variants[0].incarnation = 2;
	variants[1].subject = core_id(2);
	variants[2].addr = core_addr(2);
	variants[3].protocol_max = 2;
	variants[4].kind = SWIM_LEFT;
	variants[5].certificate = SPAN_LIT("another!");
	for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
		size_t b_len = claim_signed_bytes(&variants[i], b);

		assert_false(span_eq(span_of(a, a_len), span_of(b, b_len)));
	}
	/* What is said on the way is not signed. */
	struct swim_claim aged = core_accuse(SWIM_DEAD, 1, 2, 1);
	a_len = claim_signed_bytes(&aged, a);
	aged.age_s = 77;
	assert_true(span_eq(span_of(a, a_len), span_of(b, claim_signed_bytes(&aged, b))));
}

static void signed_bytes_never_change(void **state)
{
	(void)state;
	uint8_t at[SWIM_SIGNED_FACT_MAX];
	struct swim_fact fact = core_fact(1, 2, 3, 4, "x");
	static const char right[] = "meridian fact 1\1\7\7\7\7\7\7\1\0\0\0\2\0\0\0\0\0\0\0\3"
				    "\0\0\0\0\0\0\0\4\0\0\0\1x";

	size_t len = fact_signed_bytes(&fact, at);
	assert_int_equal(len, sizeof(right) - 1);
	assert_memory_equal(at, right, len);
}

static void names_are_said(void **state)
{
	(void)state;
	assert_string_equal(swim_kind_name(SWIM_SYNC_DATA), "sync_data");
	assert_string_equal(swim_claim_kind_name(SWIM_SUSPECT), "suspect");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_kept_at_the_door),
		cmocka_unit_test(only_members_speak_for_themselves),
		cmocka_unit_test(hashes_come_with_an_opening_alone),
		cmocka_unit_test(every_signed_field_changes_the_signed_bytes),
		cmocka_unit_test(signed_bytes_never_change),
		cmocka_unit_test(names_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
