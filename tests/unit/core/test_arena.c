/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/arena.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/arena.h"

#include <string.h>

static void taken_memory_is_aligned_and_separate(void **state)
{
	struct arena arena;
	uint8_t *last = NULL;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t len = 1; len < 9000; len = len * 2 + 1) {
		assert_non_null(arena_take_bytes(&arena, 1));
		uint8_t *at = arena_take(&arena, len);
		assert_non_null(at);
		assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
		memset(at, 1, len);
		assert_true(!last || *last == 1);
		*at = 1;
		last = at;
	}
	arena_fini(&arena);
}

static void full_arena_says_no_and_stays_usable(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 100);
	uint8_t *first = arena_take_bytes(&arena, 90);
	assert_non_null(first);
	memset(first, 7, 90);
	assert_null(arena_take_bytes(&arena, 11));
	assert_null(arena_take(&arena, SIZE_MAX));
	assert_null(arena_copy(&arena, span_of(first, 90)).at);
	assert_null(arena_copy_str(&arena, span_of(first, 90)));
	assert_null(arena_printf(&arena, "%90d", 1));
	assert_non_null(arena_take_bytes(&arena, 10));
	assert_int_equal(first[89], 7);
	arena_empty(&arena);
	assert_int_equal(arena.used_bytes, 0);
	assert_non_null(arena_take_bytes(&arena, 100));
	arena_fini(&arena);
}

static void emptied_arena_keeps_its_first_chunk(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	uint8_t *first = arena_take(&arena, 16);
	assert_non_null(arena_take(&arena, 100000));
	arena_empty(&arena);
	assert_ptr_equal(arena_take(&arena, 16), first);
	arena_fini(&arena);
}

static void large_pieces_leave_the_newest_chunk_in_use(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	uint8_t *a = arena_take_bytes(&arena, 10);
	uint8_t *large = arena_take_bytes(&arena, 50000);
	assert_non_null(large);
	memset(large, 1, 50000);
	assert_ptr_equal(arena_take_bytes(&arena, 10), a + 10);
	arena_empty(&arena);
	arena_empty(&arena);
	assert_non_null(arena_take_bytes(&arena, 50000)); /* the very first may be large too */
	arena_fini(&arena);
	assert_non_null(arena_take_bytes(&arena, 50000));
	assert_non_null(arena_take_bytes(&arena, 1));
	arena_fini(&arena);
}

static void copies_equal_their_source(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1000);
	assert_true(span_eq(arena_copy(&arena, SPAN_LIT("abc")), SPAN_LIT("abc")));
	assert_string_equal(arena_copy_str(&arena, SPAN_LIT("abc")), "abc");
	assert_string_equal(arena_copy_str(&arena, SPAN_NONE), "");
	assert_string_equal(arena_printf(&arena, "%s-%d", "abc", 7), "abc-7");
	struct span none = arena_copy(&arena, SPAN_NONE);
	assert_non_null(none.at);
	assert_int_equal(none.len, 0);
	struct thing {
		int a, b;
	} *thing = ARENA_NEW(&arena, struct thing);
	assert_non_null(thing);
	assert_true(thing->a == 0 && thing->b == 0);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_memory_is_aligned_and_separate),
		cmocka_unit_test(full_arena_says_no_and_stays_usable),
		cmocka_unit_test(emptied_arena_keeps_its_first_chunk),
		cmocka_unit_test(large_pieces_leave_the_newest_chunk_in_use),
		cmocka_unit_test(copies_equal_their_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
