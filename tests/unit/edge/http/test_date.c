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

static void dates_are_read_in_three_forms(void **state)
{
	static const struct {
		const char *text;
		int64_t wall_s; /* -1: it is none */
	} rows[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Thu Nov 16 08:49:37 1994", 784975777 },
		{ "Sun, 31 Dec 2017 23:59:60 GMT", 1514764799 },
		{ "Monday, 01-Jan-29 00:00:00 GMT", 1861920000 },  /* three years ahead */
		{ "Saturday, 01-Jan-77 00:00:00 GMT", 220924800 }, /* more than fifty */
		{ "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 UTC", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 +0000", -1 },
		{ "sUN, 06 nov 1994 08:49:37 gmt", 784111777 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
		{ "Sun, 06 Nov 1994  8:49:37 GMT", -1 },
		{ "Sun, 06 Nov 94 08:49:37 GMT", -1 },
		{ "Sun, 31 Jun 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 24:00:00 GMT", -1 },
		{ "Sun Nov 6 08:49:37 1994", -1 },
		{ "0", -1 },
		{ "", -1 },
		{ ",", -1 },
		{ "Sun", -1 },
		{ "Sunday,", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t wall_s = -1;
		bool ok = http_date_parse(span_str(rows[i].text), 1795000000, &wall_s);
		if (ok != (rows[i].wall_s != -1) || (ok && wall_s != rows[i].wall_s))
			fail_msg("'%s': %d, %lld", rows[i].text, ok, (long long)wall_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(date_is_written_as_imf_fixdate),
		cmocka_unit_test(dates_are_read_in_three_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
