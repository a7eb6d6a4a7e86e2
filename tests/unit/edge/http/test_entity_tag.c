/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http/entity_tag: each row with its clause of RFC 9110.
 */
#include "edge/http/entity_tag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/obj.h"

static void tags_are_compared_as_the_clauses_say(void **state)
{
	static const struct {
		const char *clause, *a, *b;
		bool strongly, weakly;
	} rows[] = {
		/* clang-format off */
		{ "8.8.3.2", "W/\"1\"", "W/\"1\"", false, true },
		{ "8.8.3.2", "W/\"1\"", "W/\"2\"", false, false },
		{ "8.8.3.2", "W/\"1\"", "\"1\"", false, true },
		{ "8.8.3.2", "\"1\"", "\"1\"", true, true },
		{ "8.8.3.2 with case", "\"a\"", "\"A\"", false, false },
		{ "8.8.3 an empty one", "\"\"", "\"\"", true, true },
		{ "8.8.3 bytes above ASCII", "\"\xc3\xbc\"", "\"\xc3\xbc\"", true, true },
		{ "8.8.3 W with case", "w/\"1\"", "W/\"1\"", false, false },
		{ "8.8.3 W with case, sent back", "w/\"1\"", "w/\"1\"", false, true },
		{ "8.8.3 without quotes, sent back", "1", "1", false, true },
		{ "8.8.3 without quotes", "1", "\"1\"", false, false },
		{ "8.8.3 half a quote", "\"1", "\"1", false, true },
		{ "8.8.3 something behind", "\"1\"x", "\"1\"", false, false },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct entity_tag a, b;
		assert_true(entity_tag_parse(span_str(rows[i].a), &a));
		assert_true(entity_tag_parse(span_str(rows[i].b), &b));
		if (entity_tag_same_strongly(&a, &b) != rows[i].strongly ||
		    entity_tag_same_weakly(&a, &b) != rows[i].weakly ||
		    entity_tag_same_strongly(&b, &a) != rows[i].strongly ||
		    entity_tag_same_weakly(&b, &a) != rows[i].weakly)
			fail_msg("%s: %s and %s", rows[i].clause, rows[i].a, rows[i].b);
	}
}

/* Each tag, weak ones behind a '~', with '|' between. */
static void lists_are_read_and_survive_junk(void **state)
{
	static const struct {
		const char *clause, *list, *tags;
	} rows[] = {
		/* clang-format off */
		{ "13.1.2", "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"", "\"xyzzy\"|\"r2d2xxxx\"|\"c3piozzzz\"|" },
		{ "13.1.2", "W/\"xyzzy\", W/\"r2d2xxxx\"", "~\"xyzzy\"|~\"r2d2xxxx\"|" },
		{ "8.8.3 a comma inside", "\"a,b\",\"c\"", "\"a,b\"|\"c\"|" },
		{ "8.8.3 no escapes", "\"a\\\",\"c\"", "\"a\\\"|\"c\"|" },
		{ "8.8.3 a blank inside", "\"a b\"", "\"a b\"|" },
		{ "5.6.1.2 empty elements", ",, \"a\" ,\t,\"b\",", "\"a\"|\"b\"|" },
		{ "5.6.1.2 nothing", " , ", "" },
		{ "5.6.1.2 nothing", "", "" },
		{ "8.8.3 without quotes", "abc , \"d\"", "~abc|\"d\"|" },
		{ "8.8.3 half a quote", "\"abc, \"d\"", "~\"abc|\"d\"|" },
		{ "8.8.3 half a quote at the end", "\"d\", \"abc", "\"d\"|~\"abc|" },
		{ "8.8.3 no comma between", "\"a\" \"b\", \"c\"", "~\"a\" \"b\"|\"c\"|" },
		{ "8.8.3 W alone", "W/, W/\"a\"", "~W/|~\"a\"|" },
		{ "8.8.3 a blank behind W/", "W/ \"a\"", "~W/ \"a\"|" },
		{ "8.8.3 a star among others", "*, \"a\"", "~*|\"a\"|" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span rest = span_str(rows[i].list);
		struct entity_tag tag;
		char out[256] = "";
		size_t n = 0;
		while (entity_tag_next(&rest, &tag))
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s|",
					      tag.weak ? "~" : "", SPAN_FMT(tag.opaque));
		if (strcmp(out, rows[i].tags) != 0)
			fail_msg("%s: '%s': '%s'", rows[i].clause, rows[i].list, out);
	}
}

static void valid_tags_stand_between_quotes(void **state)
{
	struct entity_tag tag;

	(void)state;
	assert_true(entity_tag_is_valid(SPAN_LIT("\"\"")));
	assert_true(entity_tag_is_valid(SPAN_LIT("W/\"a\"")));
	assert_false(entity_tag_is_valid(SPAN_LIT("\"a\" ")));
	assert_false(entity_tag_is_valid(SPAN_LIT("\"")));
	assert_false(entity_tag_is_valid(SPAN_LIT("Sun, 06 Nov 1994 08:49:37 GMT")));
	assert_false(entity_tag_is_valid(SPAN_NONE));
	assert_false(entity_tag_parse(SPAN_NONE, &tag));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_compared_as_the_clauses_say),
		cmocka_unit_test(lists_are_read_and_survive_junk),
		cmocka_unit_test(valid_tags_stand_between_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
