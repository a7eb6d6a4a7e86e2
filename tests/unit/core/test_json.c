/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/json.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/json.h"

#include <stdio.h>

static void foreign_bytes_are_escaped(void **state)
{
	static const struct {
		const char *bytes, *json;
	} cases[] = {
		{ "", "{\"a\":\"\"}" },
		{ "plain \"quoted\"", "{\"a\":\"plain \\\"quoted\\\"\"}" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		  "{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}" },
		{ "a\xff"
		  "b",
		  "{\"a\":\"a\\\\xFFb\"}" },
		{ "\xc3", "{\"a\":\"\\\\xC3\"}" },                                  /* cut off */
		{ "\xc0\xaf", "{\"a\":\"\\\\xC0\\\\xAF\"}" },                       /* overlong */
		{ "\xe0\x9f\xbf", "{\"a\":\"\\\\xE0\\\\x9F\\\\xBF\"}" },            /* overlong */
		{ "\xed\xa0\x80", "{\"a\":\"\\\\xED\\\\xA0\\\\x80\"}" },            /* surrogate */
		{ "\xf4\x90\x80\x80", "{\"a\":\"\\\\xF4\\\\x90\\\\x80\\\\x80\"}" }, /* too large */
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(json_drop) json_t *root = json_object();
		assert_int_equal(json_set_span(root, "a", span_str(cases[i].bytes)), 0);
		buf_empty(&out);
		json_into(&out, root);
		assert_string_equal(buf_text(&out), cases[i].json);
	}
	buf_fini(&out);
}

static void full_buffer_fails(void **state)
{
	CLEANUP(json_drop) json_t *root = json_object();
	struct buf out;

	(void)state;
	assert_int_equal(json_set_span(root, "a", SPAN_LIT("0123456789")), 0);
	buf_init(&out, 8);
	json_into(&out, root);
	assert_true(out.failed);
	buf_fini(&out);
	buf_init(&out, 100);
	json_into(&out, NULL);
	assert_true(out.failed);
	buf_fini(&out);
}

static void good_text_is_parsed(void **state)
{
	char error[160];
	CLEANUP(json_drop)
	json_t *root = json_from(SPAN_LIT("{\"a\": [1, \"]]]\\\"[\"]}"), 100, error, sizeof(error));

	(void)state;
	assert_non_null(root);
	assert_int_equal(json_array_size(json_object_get(root, "a")), 2);
}

static void bad_text_is_refused_with_a_reason(void **state)
{
	static const struct {
		struct span text;
		const char *error;
	} cases[] = {
		{ { NULL, 0 }, "line 1" },
		{ { (const uint8_t *)"{", 1 }, "line 1" },
		{ { (const uint8_t *)"{} x", 4 }, "line 1" },
		{ { (const uint8_t *)"{\"a\":1,\"a\":2}", 13 }, "line 1, column 10: duplicate" },
		{ { (const uint8_t *)"[\"\xff\"]", 5 }, "line 1" },
		{ { (const uint8_t *)"[1,2,3,4,5,6,7,8,9,10]", 22 }, "longer than 20 bytes" },
	};
	char error[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_null(json_from(cases[i].text, 20, error, sizeof(error)));
		if (!strstr(error, cases[i].error))
			fail_msg("%s", error);
	}
}

static void deep_text_is_refused(void **state)
{
	char error[160];
	char text[130];

	(void)state;
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_null(json_from(span_of(text, 130), 1000, error, sizeof(error)));
	assert_string_equal(error, "nested deeper than 64 levels");
	json_t *root = json_from(span_of(text + 1, 128), 1000, error, sizeof(error));
	assert_non_null(root);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_bytes_are_escaped),
		cmocka_unit_test(full_buffer_fails),
		cmocka_unit_test(good_text_is_parsed),
		cmocka_unit_test(bad_text_is_refused_with_a_reason),
		cmocka_unit_test(deep_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
