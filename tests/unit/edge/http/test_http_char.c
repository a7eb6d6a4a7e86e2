/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http_char: the table against the grammar's own words, the lanes against the table.
 */
#include "edge/http/http_char.h"

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
		bool token = alnum(i) || among(i, "!#$%&'*+-.^_`|~");
		assert_int_equal(http_char_is(byte, HTTP_CHAR_TOKEN), token);
		assert_int_equal(http_char_is(byte, HTTP_CHAR_LOWER),
				 token && !(i >= 'A' && i <= 'Z'));
		/* RFC 9110 5.5 */
		assert_int_equal(http_char_is(byte, HTTP_CHAR_VALUE),
				 visible || i == ' ' || i == '\t' || i >= 0x80);
		assert_int_equal(http_char_is(byte, HTTP_CHAR_TARGET),
				 (visible && i != '#') || i >= 0x80);
		assert_int_equal(http_char_is(byte, HTTP_CHAR_NAME), alnum(i) || i == '-');
		assert_int_equal(http_char_is(byte, HTTP_CHAR_HEX),
				 among(i, "0123456789abcdefABCDEF"));
	}
}

static void token_has_at_least_one_byte(void **state)
{
	(void)state;
	assert_false(http_is_token(SPAN_NONE));
	assert_true(http_is_token(SPAN_LIT("a")));
	assert_false(http_is_token(SPAN_LIT("a b")));
}

static void lanes_say_what_the_portable_ones_say(void **state)
{
	uint8_t bytes[HTTP_LANE_BYTES];

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		for (size_t at = 0; at < HTTP_LANE_BYTES; at++) {
			memset(bytes, byte % 2 ? 'a' : byte, sizeof(bytes));
			bytes[at] = (uint8_t)byte;
			assert_int_equal(http_lane_not_value(bytes),
					 http_lane_portable(bytes, HTTP_CHAR_VALUE));
			assert_int_equal(http_lane_not_target(bytes),
					 http_lane_portable(bytes, HTTP_CHAR_TARGET));
			assert_int_equal(http_lane_not_name(bytes),
					 http_lane_portable(bytes, HTTP_CHAR_NAME));
			assert_int_equal(http_lane_equal(bytes, '\r'),
					 http_lane_equal_portable(bytes, '\r'));
		}
	}
}

/* Each in memory of its own, so that the sanitizer sees a read past either end. */
static void search_finds_the_first_at_every_length_and_place(void **state)
{
	static const uint8_t odd[] = { 0, '\r', '\n', 0x1f, 0x7f };

	(void)state;
	for (size_t len = 0; len <= 70; len++) {
		uint8_t *bytes = malloc(len ? len : 1);
		assert_non_null(bytes);
		struct span s = span_of(bytes, len);
		for (size_t at = 0; at <= len; at++) {
			for (size_t from = 0; from <= at; from++) {
				memset(bytes, 'a', len);
				if (at < len)
					bytes[at] = odd[(at + from) % sizeof(odd)];
				if (from > 0) /* what stands before does not count */
					bytes[from - 1] = '\r';
				assert_int_equal(http_find_control(s, from), at);
				assert_int_equal(http_find_target_end(s, from), at);
				if (at < len)
					bytes[at] = '\r';
				assert_int_equal(http_find_cr(s, from), at);
			}
		}
		free(bytes);
	}
}

static void controls_of_up_to_64_bytes_are_bits(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 64; len++) {
		uint8_t *bytes = malloc(len ? len : 1);
		assert_non_null(bytes);
		for (size_t at = 0; at < len; at++) {
			for (size_t other = 0; other < len; other++) {
				memset(bytes, 'a', len);
				bytes[at] = '\r';
				bytes[other] = 0;
				assert_true(http_controls(bytes, len) ==
					    (UINT64_C(1) << at | UINT64_C(1) << other));
			}
		}
		free(bytes);
	}
}

static void token_ends_where_the_table_says(void **state)
{
	static const char *const tokens[] = {
		"",
		"a",
		"Host",
		"sec-ch-ua-platform",
		"a_b",
		"!#$%&'*+-.^_`|~",
		"accept-encodin",
		"x1",
		"abcdefghijklmno",
		"abcdefghijklmnop",
		"abcdefghijklmnopq",
	};
	static const char ends[] = ": \r\n\t(),/;<=>?@[\\]{}\"\x7f\x80\xff";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		for (size_t j = 0; j < sizeof(ends); j++) { /* NUL, too */
			for (size_t room = 0; room < 24; room += 23) {
				size_t len = strlen(tokens[i]);
				uint8_t *bytes = malloc(len + 1 + room);
				assert_non_null(bytes);
				memcpy(bytes, tokens[i], len);
				bytes[len] = (uint8_t)ends[j];
				memset(bytes + len + 1, 'a', room);
				assert_int_equal(http_token_len(span_of(bytes, len + 1 + room), 0),
						 len);
				assert_int_equal(http_token_len(span_of(bytes, len), 0), len);
				free(bytes);
			}
		}
	}
}

static void search_for_controls_passes_what_values_may_hold(void **state)
{
	const struct span value = SPAN_LIT("\t text \x80\xff ~!\"#%&'()*+,-./:;<=>?@[]^_`{|}");

	(void)state;
	assert_int_equal(http_find_control(value, 0), value.len);
	assert_int_equal(http_find_target_end(value, 0), 0);
	assert_int_equal(http_find_target_end(SPAN_LIT("/a?b=\xc3\xa4|{}\"<>\\^`#c"), 0), 16);
	assert_int_equal(http_find_target_end(SPAN_LIT("/aaaaaaaaaaaaaaaaaaaaaaaaaa b"), 0), 27);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_what_the_grammar_says),
		cmocka_unit_test(token_has_at_least_one_byte),
		cmocka_unit_test(lanes_say_what_the_portable_ones_say),
		cmocka_unit_test(search_finds_the_first_at_every_length_and_place),
		cmocka_unit_test(controls_of_up_to_64_bytes_are_bits),
		cmocka_unit_test(token_ends_where_the_table_says),
		cmocka_unit_test(search_for_controls_passes_what_values_may_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
