/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/hash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hash.h"

#include "core/obj.h"
#include "core/table.h"

static void fixed_hash_is_the_same_everywhere(void **state)
{
	(void)state;
	/* XXH3's own published value for no bytes and seed 0. */
	assert_int_equal(hash_fixed(SPAN_NONE, 0), UINT64_C(0x2d06800538d394c2));
	assert_int_equal(hash_fixed(SPAN_LIT("eu-west"), 1), hash_fixed(SPAN_LIT("eu-west"), 1));
	assert_int_not_equal(hash_fixed(SPAN_LIT("eu-west"), 1),
			     hash_fixed(SPAN_LIT("eu-west"), 2));
}

static void keyed_hash_holds_within_a_process_and_differs_from_the_fixed(void **state)
{
	(void)state;
	assert_int_equal(hash_keyed(SPAN_LIT("app")), hash_keyed(SPAN_LIT("app")));
	assert_int_not_equal(hash_keyed(SPAN_LIT("app")), hash_keyed(SPAN_LIT("apq")));
	assert_int_not_equal(hash_keyed(SPAN_LIT("app")), hash_fixed(SPAN_LIT("app"), 0));
	assert_int_equal(hash_keyed(SPAN_NONE), hash_keyed(SPAN_LIT("")));
}

struct thing {
	UT_hash_handle hh;
	const char *name;
};

static void table_finds_what_was_added_until_it_is_deleted(void **state)
{
	static struct thing things[] = { { .name = "a" }, { .name = "b" }, { .name = "" } };
	struct thing *table = NULL, *found, *next;
	size_t n_seen = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(things); i++)
		assert_true(TABLE_ADD(table, span_str(things[i].name), &things[i]));
	assert_int_equal(TABLE_COUNT(table), 3);
	TABLE_FIND(table, SPAN_LIT("b"), found);
	assert_ptr_equal(found, &things[1]);
	TABLE_FIND(table, SPAN_LIT("c"), found);
	assert_null(found);
	TABLE_FOREACH (table, found, next) {
		TABLE_DELETE(table, found);
		n_seen++;
	}
	assert_int_equal(n_seen, 3);
	assert_null(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_hash_is_the_same_everywhere),
		cmocka_unit_test(keyed_hash_holds_within_a_process_and_differs_from_the_fixed),
		cmocka_unit_test(table_finds_what_was_added_until_it_is_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
