/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/conf_scalar: what is a duration, a size, a rate, a host, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/conf_priv.h"
#include "core/obj.h"

static void durations_are_read_in_ms(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = { { "250ms", 250 },   { "30s", 30000 },
		     { "5m", 300000 },   { "2h", 7200000 },
		     { "1d", 86400000 }, { "0", 0 },
		     { "0s", 0 },        { "9223372036854775807ms", INT64_MAX } };
	static const char *const bad[] = { "",
					   "1",
					   "s",
					   "1.5s",
					   "-1s",
					   "1 s",
					   "1S",
					   "1sec",
					   " 1s",
					   "1s ",
					   "1w",
					   "1m2s",
					   "0x1s",
					   "9223372036854775808ms",
					   "106751991168d" };
	int64_t ms = -7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(conf_parse_duration_ms(span_str(good[i].text), &ms));
		assert_int_equal(ms, good[i].ms);
	}
	ms = -7;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(conf_parse_duration_ms(span_str(bad[i]), &ms));
	assert_int_equal(ms, -7);
}

static void sizes_are_read_in_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "512", 512 },
		     { "512B", 512 },
		     { "16KiB", 16384 },
		     { "512MiB", 512 << 20 },
		     { "4GiB", 4ULL << 30 },
		     { "1TiB", 1ULL << 40 },
		     { "0", 0 },
		     { "18446744073709551615", UINT64_MAX } };
	static const char *const bad[] = { "",           "KiB",   "1KB",
					   "1k",         "1kib",  "-1",
					   "1.5MiB",     "1 MiB", "18446744073709551616",
					   "16777216TiB" };
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(conf_parse_size(span_str(good[i].text), &bytes));
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(conf_parse_size(span_str(bad[i]), &bytes));
}

static void rates_are_read_per_second(void **state)
{
	static const struct {
		const char *text;
		double per_s;
	} good[] = {
		{ "100/s", 100 }, { "30/m", 0.5 }, { "36/h", 0.01 }, { "0.5/s", 0.5 }, { "0/s", 0 }
	};
	static const char *const bad[] = { "",     "100",  "/s",  "100/", "100/d",
					   "-1/s", "1/ss", "x/s", "1/s/s" };
	double per_s = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(conf_parse_rate(span_str(good[i].text), &per_s));
		assert_true(per_s == good[i].per_s);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(conf_parse_rate(span_str(bad[i]), &per_s));
}

/* Through the tables' own door: no choices, and no folder is needed for these types. */
static bool is_value(enum conf_type type, const char *text)
{
	static struct conf conf;
	const struct conf_key key = { .type = type };
	struct addr at; /* the largest of the values */

	arena_init(&conf.arena, 1 << 20);
	bool yes = conf_scalar_parse(&conf, &key, type, span_str(text), &at);
	arena_fini(&conf.arena);
	return yes;
}

static void only_plain_numbers_are_numbers(void **state)
{
	static const char *const good[] = { "0", "-1", "2.5", "1e3", "1E-3", "-0.5e+2" };
	static const char *const bad[] = { "",    "-",   ".5", "5.", "1e",  "+1",    "inf",
					   "nan", "0x1", " 1", "1 ", "1,5", "1e999", "--1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(is_value(CONF_TYPE_REAL, good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(is_value(CONF_TYPE_REAL, bad[i]));
}

static void bools_are_yaml_words(void **state)
{
	static const char *const good[] = {
		"yes", "no", "on", "off", "true", "false", "True", "OFF"
	};
	static const char *const bad[] = { "", "1", "0", "y", "n", "yess" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(is_value(CONF_TYPE_BOOL, good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(is_value(CONF_TYPE_BOOL, bad[i]));
}

static void endpoints_are_hosts_or_addresses_with_a_port(void **state)
{
	static const char *const good[] = { "a:1", "app-1.internal:8080", "192.0.2.1:80",
					    "[::1]:65535", "a_b.example:443" };
	static const char *const bad[] = { "",
					   "a",
					   "a:",
					   ":80",
					   "a:0",
					   "a:65536",
					   "a:-1",
					   "a..b:80",
					   "-a:80",
					   "a-:80",
					   "a b:80",
					   "1.2.3:80",
					   "1.2.3.4.5:80",
					   "[::1]",
					   "a:80:80",
					   "192.0.2.1:0",
					   "unix:/run/x",
					   "a.:80",
					   "::1:80",
					   "a:000080" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(is_value(CONF_TYPE_ENDPOINT, good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(is_value(CONF_TYPE_ENDPOINT, bad[i]));
}

static void counts_fit_32_bits(void **state)
{
	(void)state;
	assert_true(is_value(CONF_TYPE_COUNT, "4294967295"));
	assert_false(is_value(CONF_TYPE_COUNT, "4294967296"));
	assert_false(is_value(CONF_TYPE_COUNT, "1.0"));
	assert_false(is_value(CONF_TYPE_COUNT, ""));
}

static void ranges_are_said_in_the_units_of_people(void **state)
{
	static const struct {
		enum conf_type type;
		double min, max;
		const char *text;
	} cases[] = {
		{ CONF_TYPE_DURATION, 250, 90000, "250ms to 90s" },
		{ CONF_TYPE_DURATION, 0, 86400000, "0 to 1d" },
		{ CONF_TYPE_SIZE, 1, 1 << 20, "1B to 1MiB" },
		{ CONF_TYPE_SIZE, 4096, 1e18, "at least 4KiB" },
		{ CONF_TYPE_COUNT, 1, UINT32_MAX, "at least 1" },
		{ CONF_TYPE_COUNT, 1, 100000, "1 to 100000" },
		{ CONF_TYPE_REAL, -0.5, 1, "-0.5 to 1" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct conf_key key = { .has_range = true,
					      .min = cases[i].min,
					      .max = cases[i].max };
		buf_empty(&out);
		conf_range_print(&key, cases[i].type, &out);
		assert_string_equal(buf_text(&out), cases[i].text);
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_in_ms),
		cmocka_unit_test(sizes_are_read_in_bytes),
		cmocka_unit_test(rates_are_read_per_second),
		cmocka_unit_test(only_plain_numbers_are_numbers),
		cmocka_unit_test(bools_are_yaml_words),
		cmocka_unit_test(endpoints_are_hosts_or_addresses_with_a_port),
		cmocka_unit_test(counts_fit_32_bits),
		cmocka_unit_test(ranges_are_said_in_the_units_of_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
