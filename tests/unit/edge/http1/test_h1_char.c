/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_char: the table against the grammar's own words.
 */
#include "edge/http1/h1_char.h"

#include "tests/unit/edge/edge_test.h"

static bool alnum(int byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= 'A' && byte <= 'Z');
}

static bool among(int byte, const char *bytes)
{
	return byte && strchr(bytes, byte);
}

static void table_is_what_the_grammar_says(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;
		bool visible = i > 0x20 && i < 0x7f;
		/* RFC 9110 5.6.2 */
		assert_int_equal(h1_char_is(byte, H1_TOKEN),
				 alnum(i) || among(i, "!#$%&'*+-.^_`|~"));
		/* RFC 9110 5.5 */
		assert_int_equal(h1_char_is(byte, H1_VALUE),
				 visible || i == ' ' || i == '\t' || i >= 0x80);
		assert_int_equal(h1_char_is(byte, H1_TARGET), visible && i != '#');
		/* RFC 3986 2.3 */
		assert_int_equal(h1_char_is(byte, H1_HOST), alnum(i) || among(i, "-._~"));
	}
}

static void token_has_at_least_one_byte(void **state)
{
	(void)state;
	assert_false(h1_is_token(SPAN_NONE));
	assert_true(h1_is_token(SPAN_LIT("a")));
	assert_false(h1_is_token(SPAN_LIT("a b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_what_the_grammar_says),
		cmocka_unit_test(token_has_at_least_one_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
