/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static size_t bytes_of(const struct swim_message *message)
{
	size_t bytes = message->kind == SWIM_SYNC_OPEN ? SWIM_OPEN_BYTES : SWIM_HEAD_BYTES;

	for (size_t i = 0; i < message->n_claims; i++)
		bytes += swim_claim_bytes(&message->claims[i]);
	for (size_t i = 0; i < message->n_facts; i++)
		bytes += swim_fact_bytes(&message->facts[i]);
	return bytes;
}

static void no_datagram_is_too_long(void **state)
{
	(void)state;
	struct core core = core_in_group(91);
	size_t most = 0;

	for (unsigned i = 1; i <= 90; i++) {
		core_hear_fact(&core, i, core_fact(i, 1, 1, 1, "some words on my health"));
		core_hear(&core, 1, core_accuse(SWIM_SUSPECT, 91, i, 1));
	}
	for (size_t step = 0; step < 300; step++) {
		core_run(&core, 10, 0);
		for (size_t i = 0; i < core.did.n_sends; i++) {
			const struct swim_send *send = &core.did.sends[i];
			size_t bytes = bytes_of(&send->message);

			assert_true(swim_message_ok(&send->message));
			if (send->via == SWIM_UDP)
				most = MAX(most, bytes);
		}
	}
	assert_in_range(most, SWIM_MAX_DATAGRAM_BYTES / 2, SWIM_MAX_DATAGRAM_BYTES);
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_datagram_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
