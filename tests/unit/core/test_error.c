/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/error.h"

#include <string.h>

static int fail_below(void)
{
	return err_new(-ENOMEM);
}

static int fail_above(void)
{
	return err_pass(fail_below());
}

static void errors_keep_their_value(void **state)
{
	(void)state;
	assert_int_equal(fail_above(), -ENOMEM);
	assert_int_equal(err_pass(0), 0);
	assert_int_equal(err_pass(3), 3);
}

static void chain_names_the_places_newest_last(void **state)
{
	(void)state;
	fail_above();
#if defined(MERIDIAN_SLOW_CHECKS)
	const char *first = strstr(err_chain(), "test_error.c:");
	assert_non_null(first);
	const char *arrow = strstr(first, " -> ");
	assert_non_null(arrow);
	assert_non_null(strstr(arrow, "test_error.c:"));
#else
	assert_string_equal(err_chain(), "");
#endif
}

static void new_error_begins_a_new_chain(void **state)
{
	(void)state;
	fail_above();
	fail_below();
	assert_null(strstr(err_chain(), " -> "));
}

static void long_chain_is_cut(void **state)
{
	int r = fail_below();

	(void)state;
	for (int i = 0; i < 1000; i++)
		r = err_pass(r);
	assert_int_equal(r, -ENOMEM);
	assert_in_range(strlen(err_chain()), 0, 511);
}

static void every_error_has_a_text(void **state)
{
	(void)state;
	assert_string_equal(err_text(-ENOENT), "No such file or directory");
	assert_string_equal(err_text(-99999), "unknown error");
	assert_non_null(err_text(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_keep_their_value),
		cmocka_unit_test(chain_names_the_places_newest_last),
		cmocka_unit_test(new_error_begins_a_new_chain),
		cmocka_unit_test(long_chain_is_cut),
		cmocka_unit_test(every_error_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
