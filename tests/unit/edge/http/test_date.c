/* SPDX-License-Identifier: Apache-2.0
 *
 * test_date: moments as HTTP writes them.
 */
#include "edge/http/date.h"

#include "tests/unit/edge/edge_test.h"

static void date_is_written_as_imf_fixdate(void **state)
{
	static const struct {
		int64_t wall_s;
		const char *text;
	} cases[] = {
		{ 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" }, /* RFC 9110 5.6.7 */
		{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 1709164799, "Wed, 28 Feb 2024 23:59:59 GMT" },
		{ 1709164800, "Thu, 29 Feb 2024 00:00:00 GMT" },
		{ INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT" },
		{ INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT" },
	};
	char text[HTTP_DATE_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(http_date(cases[i].wall_s, text).len, HTTP_DATE_BYTES);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(date_is_written_as_imf_fixdate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
