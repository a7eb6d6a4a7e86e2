/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/health: when checks make an origin up or down.
 */
#include "../edge_test.h"

#include "edge/origin/health.h"

enum { RISE = 2, FALL = 3 };

/* '+' passes, '-' fails; returns the states after each as u, d, ?. */
static void run(struct health *health, const char *results, const char *expected)
{
	for (size_t i = 0; results[i]; i++) {
		health_note(health, results[i] == '+', RISE, FALL);
		assert_int_equal("?ud"[health->state], expected[i]);
	}
}

static void first_result_decides(void **state)
{
	struct health good = { 0 }, bad = { 0 };

	(void)state;
	run(&good, "+", "u");
	run(&bad, "-", "d");
}

static void streaks_of_rise_and_fall_turn_it(void **state)
{
	struct health health = { 0 };

	(void)state;
	run(&health, "+---++", "uuuddu");
}

static void broken_streak_begins_anew(void **state)
{
	struct health health = { 0 };

	(void)state;
	run(&health, "+--+--+---", "uuuuuuuuud");
	run(&health, "+-+-+-++", "dddddddu");
}

static void change_is_told_once(void **state)
{
	struct health health = { 0 };

	(void)state;
	assert_true(health_note(&health, true, RISE, FALL));
	assert_false(health_note(&health, true, RISE, FALL));
	assert_false(health_note(&health, false, RISE, FALL));
	assert_false(health_note(&health, false, RISE, FALL));
	assert_true(health_note(&health, false, RISE, FALL));
	assert_false(health_note(&health, false, RISE, FALL));
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(origin_state_name(ORIGIN_UNKNOWN), "unknown");
	assert_string_equal(origin_state_name(ORIGIN_UP), "up");
	assert_string_equal(origin_state_name(ORIGIN_DOWN), "down");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_result_decides),
		cmocka_unit_test(streaks_of_rise_and_fall_turn_it),
		cmocka_unit_test(broken_streak_begins_anew),
		cmocka_unit_test(change_is_told_once),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
