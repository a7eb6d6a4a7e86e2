/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/packed: what is written is read again, and what is not ours is refused.
 */
#include "cache_test.h"

#include <errno.h>

#include "edge/cache/packed.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static struct span run_of(const struct http_head *head)
{
	size_t size = packed_size(head);
	/* Its end is the allocation's: a read past it is seen. */
	uint8_t *at = malloc(size ? size : 1);

	assert_non_null(at);
	packed_write(head, at);
	return span_of(at, size);
}

static void run_free(struct span run)
{
	free((void *)(uintptr_t)run.at);
}

static void same_fields(const struct http_head *a, const struct http_head *b)
{
	assert_int_equal(a->n_fields, b->n_fields);
	for (uint16_t i = 0; i < a->n_fields; i++) {
		assert_int_equal(a->fields[i].id, b->fields[i].id);
		assert_true(span_eq(a->fields[i].name, b->fields[i].name));
		assert_true(span_eq(a->fields[i].value, b->fields[i].value));
	}
}

static void what_is_written_is_read_again(void **state)
{
	static const char *const lines[] = { "Content-Type: text/html", "x-odd: a",
					     "X-Empty:", "Set-Cookie: a=1", "Set-Cookie: b=2" };

	(void)state;
	for (size_t n = 0; n <= ARRAY_LEN(lines); n++) {
		struct http_head head = head_of_lines(&arena, lines, n), again;
		struct span run = run_of(&head);
		assert_int_equal(http_head_init(&again, &arena), 0);
		assert_int_equal(packed_read(run, &again), 0);
		same_fields(&head, &again);
		run_free(run);
	}
}

static void long_names_and_values_are_kept_whole(void **state)
{
	static uint8_t name[UINT16_MAX], value[70000];
	struct http_head head, again;

	(void)state;
	memset(name, 'n', sizeof(name));
	memset(value, 'v', sizeof(value));
	assert_int_equal(http_head_init(&head, &arena), 0);
	assert_int_equal(http_head_add_other(&head, span_of(name, sizeof(name)),
					     span_of(value, sizeof(value))),
			 0);
	struct span run = run_of(&head);
	assert_int_equal(http_head_init(&again, &arena), 0);
	assert_int_equal(packed_read(run, &again), 0);
	same_fields(&head, &again);
	run_free(run);
}

static void reading_appends_to_what_the_head_has(void **state)
{
	static const char *const lines[] = { "A: 1", "B: 2" };
	struct http_head head = head_of_lines(&arena, lines, 2);
	struct span run = run_of(&head);

	(void)state;
	assert_int_equal(packed_read(run, &head), 0);
	assert_int_equal(head.n_fields, 4);
	assert_true(span_eq(head.fields[2].name, SPAN_LIT("A")));
	run_free(run);
}

static void a_run_that_was_cut_is_refused(void **state)
{
	static const char *const lines[] = { "Content-Type: text/html", "X-Odd: abc" };
	struct http_head head = head_of_lines(&arena, lines, 2);
	struct span run = run_of(&head);
	struct http_head one = head_of_lines(&arena, lines, 1);
	size_t whole = packed_size(&one); /* where the first ends */

	(void)state;
	for (size_t len = 1; len < run.len; len++) {
		struct http_head again;
		uint8_t *cut = malloc(len);
		assert_non_null(cut);
		memcpy(cut, run.at, len);
		assert_int_equal(http_head_init(&again, &arena), 0);
		assert_int_equal(packed_read(span_of(cut, len), &again),
				 len == whole ? 0 : -EBADMSG);
		free(cut);
		arena_empty(&arena);
	}
	run_free(run);
}

static void a_number_or_a_length_that_cannot_be_is_refused(void **state)
{
	static const struct {
		uint16_t id, name_len;
		uint32_t value_len;
		int r;
	} rows[] = {
		{ HTTP_NAME_OTHER, 1, 2, 0 },
		{ HTTP_N_NAMES - 1, 1, 2, 0 },
		{ HTTP_N_NAMES, 1, 2, -EBADMSG },
		{ UINT16_MAX, 1, 2, -EBADMSG },
		{ HTTP_NAME_OTHER, 4, 0, -EBADMSG },
		{ HTTP_NAME_OTHER, UINT16_MAX, 0, -EBADMSG },
		{ HTTP_NAME_OTHER, 1, 3, -EBADMSG },
		{ HTTP_NAME_OTHER, 1, UINT32_MAX, -EBADMSG },
		{ HTTP_NAME_OTHER, UINT16_MAX, UINT32_MAX, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t run[8 + 3] = { [8] = 'a', 'b', 'c' };
		struct http_head head;
		memcpy(run, &rows[i].id, 2);
		memcpy(run + 2, &rows[i].name_len, 2);
		memcpy(run + 4, &rows[i].value_len, 4);
		assert_int_equal(http_head_init(&head, &arena), 0);
		assert_int_equal(packed_read(span_of(run, sizeof(run)), &head), rows[i].r);
	}
}

static void only_what_a_parser_would_leave_is_sound(void **state)
{
	static const struct {
		enum http_name id;
		const char *name;
		struct span value;
		bool sound;
	} rows[] = {
		{ HTTP_NAME_OTHER, "x-odd", SPAN_LIT("a b\t\"\xff"), true },
		{ HTTP_NAME_ETAG, "eTaG", SPAN_LIT("\"a\""), true },
		{ HTTP_NAME_ETAG, "x-odd", SPAN_LIT("\"a\""), false },
		{ HTTP_NAME_OTHER, "ETag", SPAN_LIT("\"a\""), false },
		{ HTTP_NAME_OTHER, "", SPAN_LIT("a"), false },
		{ HTTP_NAME_OTHER, "a:", SPAN_LIT("a"), false },
		{ HTTP_NAME_OTHER, "a b", SPAN_LIT("a"), false },
		{ HTTP_NAME_OTHER, "x-odd", SPAN_LIT("a\r\nb: c"), false },
		{ HTTP_NAME_OTHER, "x-odd", SPAN_LIT("a\nb"), false },
		{ HTTP_NAME_OTHER, "x-odd", SPAN_LIT("a\0b"), false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_field fields[2] = {
			{ SPAN_LIT("a"), SPAN_LIT("b"), HTTP_NAME_OTHER },
			{ span_str(rows[i].name), rows[i].value, (uint16_t)rows[i].id },
		};
		struct http_head head = { .fields = fields, .n_fields = 2 };
		struct span run = run_of(&head);
		if (packed_is_sound(run) != rows[i].sound)
			fail_msg("row %zu", i);
		assert_false(packed_is_sound(span_first(run, run.len - 1)));
		run_free(run);
	}
	assert_true(packed_is_sound(SPAN_NONE));
}

static void more_fields_than_a_head_may_have_are_refused(void **state)
{
	struct http_head head, again;

	(void)state;
	assert_int_equal(http_head_init(&head, &arena), 0);
	for (size_t i = 0; i < HTTP_MAX_FIELDS; i++)
		assert_int_equal(http_head_add_other(&head, SPAN_LIT("a"), SPAN_LIT("b")), 0);
	struct span run = run_of(&head);
	assert_int_equal(http_head_init(&again, &arena), 0);
	assert_int_equal(packed_read(run, &again), 0);
	assert_int_equal(packed_read(run, &again), -ENOBUFS);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read_again, setup, teardown),
		cmocka_unit_test_setup_teardown(long_names_and_values_are_kept_whole, setup,
						teardown),
		cmocka_unit_test_setup_teardown(reading_appends_to_what_the_head_has, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_run_that_was_cut_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_number_or_a_length_that_cannot_be_is_refused,
						setup, teardown),
		cmocka_unit_test(only_what_a_parser_would_leave_is_sound),
		cmocka_unit_test_setup_teardown(more_fields_than_a_head_may_have_are_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
