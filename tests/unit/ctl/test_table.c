/* SPDX-License-Identifier: Apache-2.0
 *
 * table: columns are aligned, and foreign bytes cannot move the cursor.
 */
#include "tests/unit/ctl/fixture.h"

#include "ctl/table.h"

static void columns_are_aligned(void **state)
{
	static const char *const headings[] = { "NAME", ">N", "X" };
	struct grid *table;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(grid_new(headings, 3, &table), 0);
	grid_cell(table, "%s", "a-long-name");
	grid_cell(table, "%d", 7);
	grid_cell(table, "%s", "");
	grid_cell(table, "%s", "b\x1b[2J\xc3\xa9");
	grid_cell(table, "%d", 1234);
	grid_cell(table, "%s", "x");
	assert_int_equal(grid_print(table, &out), 0);
	assert_string_equal(buf_text(&out), "NAME            N  X\n"
					    "a-long-name     7  -\n"
					    "b?[2J??      1234  x\n");
	grid_free(table);
	grid_free(NULL);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(columns_are_aligned) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
