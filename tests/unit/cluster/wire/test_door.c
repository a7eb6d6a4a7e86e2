/* SPDX-License-Identifier: Apache-2.0
 *
 * door: messages come in within a cap and go out within another.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/door.h"
#include "proto/cluster.pb-c.h"

static void message_goes_out_and_comes_in(void **state)
{
	Meridian__Certificate out = MERIDIAN__CERTIFICATE__INIT;
	uint8_t bytes[64];
	struct door door;

	(void)state;
	out.body = door_lend(SPAN_LIT("body"));
	out.signature = door_lend(SPAN_LIT("signature"));
	size_t len = door_pack(&out.base, bytes, sizeof(bytes));
	assert_int_not_equal(len, 0);
	assert_int_equal(door_pack(&out.base, bytes, len - 1), 0);
	door_init(&door, sizeof(bytes));
	for (int i = 0; i < 3; i++) {
		const Meridian__Certificate *in = (void *)door_unpack(
			&door, &meridian__certificate__descriptor, span_of(bytes, len));
		assert_non_null(in);
		assert_true(span_eq(door_bytes(&in->signature), SPAN_LIT("signature")));
		assert_null(door_unpack(&door, &meridian__certificate__descriptor,
					span_of(bytes, len - 1)));
	}
	door_fini(&door);
}

static void cap_is_kept(void **state)
{
	struct door door;

	(void)state;
	door_init(&door, 0);
	assert_null(door_take(&door, SIZE_MAX, 2));
	assert_null(door_take(&door, 1, 2 * DOOR_COST_BASE));
	assert_non_null(door_take(&door, 0, 8));
	door_empty(&door);
	door_fini(&door);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_goes_out_and_comes_in),
		cmocka_unit_test(cap_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
