/* SPDX-License-Identifier: Apache-2.0
 *
 * reject: every outcome has a reason, and only three are hinted at.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/reject.h"

static void every_outcome_has_a_reason(void **state)
{
	(void)state;
	assert_int_equal(reject_of_seal(SEAL_MALFORMED), REJECT_MALFORMED);
	assert_int_equal(reject_of_seal(SEAL_OTHER_VERSION), REJECT_OTHER_VERSION);
	assert_int_equal(reject_of_seal(SEAL_OTHER_GROUP), REJECT_OTHER_GROUP);
	assert_int_equal(reject_of_seal(SEAL_NO_SECRET), REJECT_NO_SECRET);
	assert_int_equal(reject_of_seal(SEAL_BROKEN), REJECT_BROKEN);
	assert_int_equal(reject_of_seal(SEAL_REPLAYED), REJECT_REPLAYED);
	assert_int_equal(reject_of_handshake(HANDSHAKE_MALFORMED), REJECT_MALFORMED);
	assert_int_equal(reject_of_handshake(HANDSHAKE_OTHER_SESSION), REJECT_UNASKED);
	assert_int_equal(reject_of_handshake(HANDSHAKE_OURSELVES), REJECT_OURSELVES);
	assert_int_equal(reject_of_handshake(HANDSHAKE_FORGED), REJECT_FORGED);
	for (int i = 0; i < N_REJECTS; i++)
		assert_non_null(reject_word((enum reject)i));
}

static void only_keys_and_certificates_are_hinted_at(void **state)
{
	(void)state;
	for (int i = 0; i < N_REJECTS; i++) {
		bool hinted =
			i == REJECT_OTHER_GROUP || i == REJECT_NO_SECRET || i == REJECT_CERTIFICATE;

		assert_int_equal(reject_hint((enum reject)i) != 0, hinted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_outcome_has_a_reason),
		cmocka_unit_test(only_keys_and_certificates_are_hinted_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
