/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/member/suspicion.h"

static void more_confirmations_shorter_suspicion(void **state)
{
	(void)state;
	assert_int_equal(suspicion_ms(1000, 4000, 0, 2), 4000);
	assert_in_range(suspicion_ms(1000, 4000, 1, 2), 2000, 2200);
	assert_int_equal(suspicion_ms(1000, 4000, 2, 2), 1000);
	assert_int_equal(suspicion_ms(1000, 4000, 7, 2), 1000);
}

static void with_nobody_to_confirm_nothing_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(suspicion_ms(1000, 4000, 0, 0), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_confirmations_shorter_suspicion),
		cmocka_unit_test(with_nobody_to_confirm_nothing_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
