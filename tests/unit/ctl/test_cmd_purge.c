/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_purge: posts exactly one wish, escaped, and shows what came of it.
 */
#include "tests/unit/ctl/fixture.h"

static void each_kind_of_wish_is_posted(void **state)
{
	(void)state;
	fixture.answer = "{\"records\": 2}";
	EXPECT("purge https://a.example/b?c=d --admin unix:/s", COMMAND_OK, "unix:/s: purged");
	assert_string_equal(fixture.asked,
			    "POST unix:/s /purge?url=https%3A%2F%2Fa.example%2Fb%3Fc%3Dd");
	EXPECT("purge --prefix //a.example/b --admin unix:/s", COMMAND_OK, "purged");
	assert_string_equal(fixture.asked, "POST unix:/s /purge?prefix=%2F%2Fa.example%2Fb");
	EXPECT("purge --tag p-17 --soft --admin unix:/s", COMMAND_OK, "stale from now on");
	assert_string_equal(fixture.asked, "POST unix:/s /purge?tag=p-17&soft=1");
	EXPECT("purge --all --admin unix:/s", COMMAND_OK, "purged");
	assert_string_equal(fixture.asked, "POST unix:/s /purge?all=1");
}

static void what_could_mean_nothing_is_told(void **state)
{
	(void)state;
	fixture.answer = "{\"records\": 0}";
	EXPECT("purge //a.example/", COMMAND_OK, "nothing that it could mean is ever stored");
}

static void none_or_several_wishes_are_usage(void **state)
{
	(void)state;
	EXPECT("purge", COMMAND_USAGE, "usage");
	EXPECT("purge --all --tag a", COMMAND_USAGE, "usage");
	EXPECT("purge //a/ //b/", COMMAND_USAGE, "usage");
	EXPECT("purge //a/ --prefix //a/", COMMAND_USAGE, "usage");
}

static void refusal_is_shown(void **state)
{
	(void)state;
	fixture.answer = NULL;
	fixture.error = "no service is configured for this host";
	EXPECT("purge //a.example/", COMMAND_FAILED, "no service is configured");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_wish_is_posted),
		cmocka_unit_test(what_could_mean_nothing_is_told),
		cmocka_unit_test(none_or_several_wishes_are_usage),
		cmocka_unit_test(refusal_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
