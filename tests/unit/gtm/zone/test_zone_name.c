/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gtm/zone/zone.h"

static void text_becomes_lower_wire_form_and_back(void **state)
{
	(void)state;
	uint8_t name[ZONE_MAX_NAME];
	char text[1024];

	size_t len = zone_name_from_text("*.WWW_x.Example-1.test.", name);
	assert_int_equal(len, 24);
	assert_memory_equal(name, "\1*\5www_x\11example-1\4test", len);
	assert_string_equal(zone_name_to_text(span_of(name, len), text, sizeof(text)),
			    "*.www_x.example-1.test.");
	assert_int_equal(zone_name_from_text(".", name), 1);
	assert_string_equal(zone_name_to_text(span_of(name, 1), text, sizeof(text)), ".");
}

static void what_is_no_name_is_none(void **state)
{
	(void)state; /* RFC 1035 2.3.4 */
	static const char *const wrong[] = {
		"",
		"..",
		"a..b",
		".a",
		"a b",
		"a\\.b",
		"a123456789012345678901234567890123456789012345678901234567890123.test"
	};
	uint8_t name[ZONE_MAX_NAME];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(zone_name_from_text(wrong[i], name), 0);
	char text[300];
	memset(text, 0, sizeof(text));
	for (size_t i = 0; i < 127; i++)
		memcpy(text + 2 * i, "a.", 2);
	assert_int_equal(zone_name_from_text(text, name), 255);
	memcpy(text + 254, "a.", 2);
	assert_int_equal(zone_name_from_text(text, name), 0);
}

static void odd_bytes_are_escaped(void **state)
{
	(void)state;
	char text[64];

	assert_string_equal(zone_name_to_text(span_of("\3a.\1\0", 5), text, sizeof(text)),
			    "a\\046\\001.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_lower_wire_form_and_back),
		cmocka_unit_test(what_is_no_name_is_none),
		cmocka_unit_test(odd_bytes_are_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
