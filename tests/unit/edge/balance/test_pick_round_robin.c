/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/balance/pick_round_robin: smooth weighted turns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/obj.h"
#include "edge/balance/pool_priv.h"

static const struct pool_tried none_tried = { 0 };

static struct pool_seat seat(uint64_t id, uint32_t weight, bool up)
{
	return (struct pool_seat){ .member = { .id = id, .weight = weight, .up = up } };
}

static void heavy_one_is_spread_and_not_bunched(void **state)
{
	struct pool_seat seats[] = { seat('a', 5, true), seat('b', 1, true), seat('c', 1, true) };
	const struct pool_choice choice = { seats, ARRAY_LEN(seats), &none_tried };
	char got[15] = "";

	(void)state;
	for (size_t i = 0; i < 14; i++)
		got[i] = (char)pick_round_robin(&choice)->member.id;
	assert_string_equal(got, "aabacaaaabacaa");
}

static void each_gets_its_share_to_the_request(void **state)
{
	struct pool_seat seats[] = { seat(0, 3, true), seat(1, 7, true), seat(2, 11, true),
				     seat(3, 1, true) };
	const struct pool_choice choice = { seats, ARRAY_LEN(seats), &none_tried };
	uint32_t n[4] = { 0 };

	(void)state;
	for (size_t i = 0; i < (size_t)22 * 10; i++)
		n[pick_round_robin(&choice)->member.id]++;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(n[i], seats[i].member.weight * 10);
}

static void who_was_down_does_not_catch_up(void **state)
{
	struct pool_seat seats[] = { seat(0, 1, true), seat(1, 1, false) };
	const struct pool_choice choice = { seats, ARRAY_LEN(seats), &none_tried };
	uint32_t n = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(pick_round_robin(&choice)->member.id, 0);
	seats[1].member.up = true;
	for (size_t i = 0; i < 10; i++)
		n += pick_round_robin(&choice)->member.id == 1;
	assert_int_equal(n, 5);
}

static void nobody_is_nobody(void **state)
{
	struct pool_seat seats[] = { seat(0, 1, false) };
	const struct pool_choice choice = { seats, 1, &none_tried };

	(void)state;
	assert_null(pick_round_robin(&choice));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heavy_one_is_spread_and_not_bunched),
		cmocka_unit_test(each_gets_its_share_to_the_request),
		cmocka_unit_test(who_was_down_does_not_catch_up),
		cmocka_unit_test(nobody_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
