/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/buf.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/buf.h"

#include <string.h>

static void appended_bytes_stand_in_order(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10000);
	assert_string_equal(buf_text(&buf), "");
	buf_add(&buf, SPAN_LIT("ab"));
	buf_add_str(&buf, "cd");
	buf_add_byte(&buf, 'e');
	buf_printf(&buf, "%d", 12);
	buf_add(&buf, SPAN_NONE);
	assert_string_equal(buf_text(&buf), "abcde12");
	assert_true(span_eq(buf_span(&buf), SPAN_LIT("abcde12")));
	for (int i = 0; i < 9000; i++)
		buf_add_byte(&buf, 'x');
	assert_false(buf.failed);
	assert_int_equal(strlen(buf_text(&buf)), 9007);
	buf_fini(&buf);
}

static void what_passes_the_limit_changes_nothing_and_sticks(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4);
	buf_add_str(&buf, "abcd");
	assert_string_equal(buf_text(&buf), "abcd");
	buf_add_str(&buf, "");
	assert_false(buf.failed);
	buf_add_str(&buf, "e");
	assert_true(buf.failed);
	assert_null(buf_text(&buf));
	assert_int_equal(buf.len, 4);
	buf_drop_front(&buf, 4);
	buf_add_str(&buf, "f"); /* would fit, but a piece is missing before it */
	assert_int_equal(buf.len, 0);
	buf_empty(&buf);
	buf_printf(&buf, "%s", "wxyz");
	assert_string_equal(buf_text(&buf), "wxyz");
	assert_null(buf_room(&buf, SIZE_MAX));
	assert_true(buf.failed);
	buf_fini(&buf);
}

static void room_is_filled_by_the_caller(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	uint8_t *at = buf_room(&buf, 1000);
	assert_non_null(at);
	memset(at, 'a', 1000);
	buf_grew(&buf, 500);
	assert_int_equal(buf.len, 500);
	assert_non_null(buf_room(&buf, 500));
	buf_grew(&buf, 500);
	assert_null(buf_room(&buf, 1));
	buf_fini(&buf);
}

static void dropped_front_leaves_the_rest(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 100);
	buf_drop_front(&buf, 0);
	buf_add_str(&buf, "hello world");
	buf_drop_front(&buf, 6);
	assert_string_equal(buf_text(&buf), "world");
	buf_drop_front(&buf, 5);
	assert_string_equal(buf_text(&buf), "");
	buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_bytes_stand_in_order),
		cmocka_unit_test(what_passes_the_limit_changes_nothing_and_sticks),
		cmocka_unit_test(room_is_filled_by_the_caller),
		cmocka_unit_test(dropped_front_leaves_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
