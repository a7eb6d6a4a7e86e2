/* SPDX-License-Identifier: Apache-2.0
 *
 * command: commands and options are found, and what is wrong is said.
 */
#include "tests/unit/ctl/fixture.h"

static void help_names_every_command(void **state)
{
	(void)state;
	EXPECT("--help", COMMAND_OK, "status", "explain", "drain", "cluster", "unix:");
	EXPECT("help", COMMAND_OK, "usage");
	EXPECT("", COMMAND_USAGE, "usage");
	EXPECT("--version", COMMAND_OK, MERIDIAN_VERSION);
	EXPECT("dance", COMMAND_USAGE, "no command 'dance'");
}

static void options_stand_anywhere(void **state)
{
	const char *admin = NULL;
	bool json = false;
	const struct command_option options[] = { { "admin", &admin, NULL },
						  { "json", NULL, &json },
						  { .name = NULL } };
	char *argv[] = { "x", "one", "--admin=a:1", "two", "--json", "--", NULL };
	struct ctl ctl = { .ask = NULL };
	int argc = 6;

	(void)state;
	assert_int_equal(command_options(&ctl, options, &argc, argv), COMMAND_OK);
	assert_int_equal(argc, 4);
	assert_string_equal(argv[2], "two");
	assert_string_equal(admin, "a:1");
	assert_true(json);
}

static void wrong_options_are_named(void **state)
{
	(void)state;
	EXPECT("status --jsno", COMMAND_USAGE, "status: no option --jsno");
	EXPECT("status --admin", COMMAND_USAGE, "--admin needs a value");
	EXPECT("status more", COMMAND_USAGE, "usage: meridianctl status");
}

static void admin_is_taken_from_option_environment_or_default(void **state)
{
	(void)state;
	assert_string_equal(command_admin("x:1"), "x:1");
	assert_int_equal(setenv("MERIDIAN_ADMIN", "y:2", 1), 0);
	assert_string_equal(command_admin(NULL), "y:2");
	assert_int_equal(unsetenv("MERIDIAN_ADMIN"), 0);
	assert_string_equal(command_admin(NULL), "127.0.0.1:9101");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_names_every_command),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(admin_is_taken_from_option_environment_or_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
