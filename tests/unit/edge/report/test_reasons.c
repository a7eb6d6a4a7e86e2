/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/report/reasons: the list is fit for logs, clients and counters.
 */
#include "../edge_test.h"

#include <ctype.h>

#include "edge/report/reasons.h"

static void words_are_lower_case_and_differ(void **state)
{
	(void)state;
	for (int i = 0; i < REASON_N; i++) {
		const char *word = reason_word((enum close_reason)i);
		for (const char *at = word; *at; at++)
			assert_true(islower((unsigned char)*at) || *at == '-');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(word, reason_word((enum close_reason)j));
	}
}

static void statuses_are_errors_or_none(void **state)
{
	(void)state;
	for (int i = 0; i < REASON_N; i++) {
		unsigned status = reason_status((enum close_reason)i);
		assert_true(status == 0 || (status >= 400 && status <= 599));
		assert_true(reason_help((enum close_reason)i)[0]);
	}
	assert_int_equal(reason_status(REASON_NO_ORIGIN), 503);
	assert_int_equal(reason_status(REASON_DONE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_lower_case_and_differ),
		cmocka_unit_test(statuses_are_errors_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
