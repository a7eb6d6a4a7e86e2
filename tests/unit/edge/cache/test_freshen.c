/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/freshen: each row with its clause.
 */
#include "cache_test.h"

#include "edge/cache/freshen.h"

static void fields_of_a_304_take_their_places(void **state)
{
	static const struct {
		const char *clause, *stored[3], *news[3], *wanted[4];
	} rows[] = {
		/* clang-format off */
		{ "9111 4.3.4 in its place", { "A: 1", "B: 2" }, { "A: 3" }, { "B: 2", "A: 3" } },
		{ "9111 4.3.4 what it omits stays", { "A: 1" }, { NULL }, { "A: 1" } },
		{ "9111 4.3.4 all of a name", { "A: 1", "a: 2" }, { "A: 3" }, { "A: 3" } },
		{ "9111 4.3.4 what is new comes", { "A: 1" }, { "C: 3" }, { "A: 1", "C: 3" } },
		{ "9111 3.2 not of the content", { "Content-Type: a/b", "Content-Encoding: c" }, { "Content-Type: d/e", "Content-Encoding: f" }, { "Content-Type: a/b", "Content-Encoding: c" } },
		{ "9111 3.2 not of a part", { "A: 1" }, { "Content-Range: bytes 0-1/2" }, { "A: 1" } },
		{ "the entity tag stays", { "ETag: \"x\"" }, { "ETag: W/\"x\"" }, { "ETag: \"x\"" } },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena arena;
		struct http_head head;
		arena_init(&arena, 65536);
		struct http_head stored = head_of_lines(&arena, rows[i].stored, 3);
		struct http_head news = head_of_lines(&arena, rows[i].news, 3);
		struct http_head wanted = head_of_lines(&arena, rows[i].wanted, 4);
		stored.status = 203;
		news.status = 304;
		assert_int_equal(freshen_head(&stored, &news, &arena, &head), 0);
		assert_int_equal(head.status, 203);
		if (head.n_fields != wanted.n_fields)
			fail_msg("%s: %u fields", rows[i].clause, head.n_fields);
		for (uint16_t n = 0; n < wanted.n_fields; n++) {
			assert_true(span_eq(head.fields[n].name, wanted.fields[n].name));
			assert_true(span_eq(head.fields[n].value, wanted.fields[n].value));
		}
		arena_fini(&arena);
	}
}

static void another_strong_tag_is_of_something_else(void **state)
{
	static const struct {
		const char *stored, *news;
		bool is_of;
	} rows[] = {
		{ "ETag: \"x\"", "ETag: \"x\"", true },   { "ETag: \"x\"", "ETag: \"y\"", false },
		{ "ETag: \"x\"", "ETag: W/\"y\"", true }, { "ETag: \"x\"", NULL, true },
		{ NULL, "ETag: \"x\"", false },           { NULL, NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena arena;
		arena_init(&arena, 65536);
		struct http_head stored = head_of_lines(&arena, &rows[i].stored, 1);
		struct http_head news = head_of_lines(&arena, &rows[i].news, 1);
		assert_int_equal(freshen_is_of(&news, &stored), rows[i].is_of);
		arena_fini(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_of_a_304_take_their_places),
		cmocka_unit_test(another_strong_tag_is_of_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
