/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_drain: posts on or off, and nothing else.
 */
#include "tests/unit/ctl/fixture.h"

static void on_and_off_are_posted(void **state)
{
	(void)state;
	fixture.answer = "{}";
	EXPECT("drain on --admin unix:/s", COMMAND_OK, "unix:/s: draining");
	assert_string_equal(fixture.asked, "POST unix:/s /drain?on=1");
	EXPECT("drain off --admin unix:/s", COMMAND_OK, "not draining");
	assert_string_equal(fixture.asked, "POST unix:/s /drain?on=0");
}

static void anything_else_is_usage(void **state)
{
	(void)state;
	EXPECT("drain", COMMAND_USAGE, "usage");
	EXPECT("drain maybe", COMMAND_USAGE, "usage");
	EXPECT("drain on off", COMMAND_USAGE, "usage");
}

static void refusal_is_shown(void **state)
{
	(void)state;
	fixture.answer = NULL;
	fixture.error = "127.0.0.1:9101: changes need the unix socket";
	EXPECT("drain on", COMMAND_FAILED, "changes need the unix socket");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_and_off_are_posted),
		cmocka_unit_test(anything_else_is_usage),
		cmocka_unit_test(refusal_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
