/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http/range: each row with its clause of RFC 9110.
 */
#include "edge/http/range.h"

#include "tests/unit/edge/cache/cache_test.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/error.h"

/* "0-4 7-9", or "whole", or "416". */
static void describe(enum range_outcome r, const struct range_set *set, char *out, size_t size)
{
	size_t n = 0;

	if (r != RANGE_OK) {
		snprintf(out, size, "%s", r == RANGE_IGNORED ? "whole" : "416");
		return;
	}
	for (size_t i = 0; i < set->n; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%" PRIu64 "-%" PRIu64, i ? " " : "",
				      set->ranges[i].first, set->ranges[i].last);
}

static void ranges_are_read_as_the_clauses_say(void **state)
{
	static const struct {
		const char *clause, *value;
		uint64_t complete;
		const char *ranges;
	} rows[] = {
		/* clang-format off */
		{ "14.1.2", "bytes=0-499", 10000, "0-499" },
		{ "14.1.2", "bytes=500-999", 10000, "500-999" },
		{ "14.1.2 from there on", "bytes=9500-", 10000, "9500-9999" },
		{ "14.1.2 the last", "bytes=-500", 10000, "9500-9999" },
		{ "14.1.2 first and last byte", "bytes=0-0,-1", 10000, "0-0 9999-9999" },
		{ "14.1.2 first, middle, last", "bytes= 0-999, 4500-5499, -1000", 10000, "0-999 4500-5499 9000-9999" },
		{ "14.1.2 in two that touch", "bytes=500-600,601-999", 10000, "500-999" },
		{ "14.1.2 in two that overlap", "bytes=500-700,601-999", 10000, "500-999" },
		{ "14.1.2 all of it", "bytes=0-", 10, "0-9" },
		{ "14.1.2 one byte", "bytes=0-", 1, "0-0" },
		{ "14.1.2 a suffix longer than all", "bytes=-11", 10, "0-9" },
		{ "14.1.2 a last past the end", "bytes=5-10", 10, "5-9" },
		{ "14.1.2 leading zeros", "bytes=0000-0004", 10, "0-4" },
		{ "14.1.2 a last too large to count", "bytes=5-99999999999999999999999", 10, "5-9" },
		{ "14.1.2 a suffix too large to count", "bytes=-99999999999999999999999", 10, "0-9" },
		{ "14.1.2 the largest", "bytes=18446744073709551614-", UINT64_MAX, "18446744073709551614-18446744073709551614" },
		{ "14.1.2 behind the end", "bytes=10-", 10, "416" },
		{ "14.1.2 behind the end", "bytes=10-20,30-", 10, "416" },
		{ "14.1.2 a first too large to count", "bytes=99999999999999999999999-", 10, "416" },
		{ "14.1.2 no bytes of the end", "bytes=-0", 10, "416" },
		{ "14.1.2 one of two is enough", "bytes=10-,0-4", 10, "0-4" },
		{ "14.1.2 one of two is enough", "bytes=-0,-1", 10, "9-9" },
		{ "14.2 nothing is sent whole", "bytes=0-", 0, "whole" },
		{ "14.2 nothing is sent whole", "bytes=-5", 0, "whole" },
		{ "14.1 units are without case", "BYTES=0-4", 10, "0-4" },
		{ "14.2 another unit", "lines=0-4", 10, "whole" },
		{ "14.2 another unit", "bytesx=0-4", 10, "whole" },
		{ "14.2 no unit", "0-4", 10, "whole" },
		{ "14.1.1 last before first", "bytes=4-0", 10, "whole" },
		{ "14.1.1 last before first, behind a good one", "bytes=0-1,4-0", 10, "whole" },
		{ "14.1.1 last before first, both past the end", "bytes=40-20", 10, "whole" },
		{ "14.1.1 nothing", "bytes=", 10, "whole" },
		{ "14.1.1 nothing", "bytes", 10, "whole" },
		{ "14.1.1 nothing", "", 10, "whole" },
		{ "14.1.1 commas alone", "bytes=,,", 10, "whole" },
		{ "14.1.1 a dash alone", "bytes=-", 10, "whole" },
		{ "14.1.1 no dash", "bytes=4", 10, "whole" },
		{ "14.1.1 two dashes", "bytes=--4", 10, "whole" },
		{ "14.1.1 two dashes", "bytes=0-4-5", 10, "whole" },
		{ "14.1.1 a sign", "bytes=+0-4", 10, "whole" },
		{ "14.1.1 hex", "bytes=0x0-4", 10, "whole" },
		{ "14.1.1 blanks inside", "bytes=0 - 4", 10, "whole" },
		{ "14.1.1 blanks about the unit", "bytes =0-4", 10, "whole" },
		{ "14.1.1 one malformed spoils all", "bytes=0-4,x", 10, "whole" },
		{ "5.6.1.2 empty elements", "bytes=,0-4, ,\t8-9,", 1000, "0-9" },
		{ "5.6.1 blanks between", "bytes= 0-4 ,\t500-509 ", 1000, "0-4 500-509" },
		{ "15.3.7.2 in the order of the request", "bytes=-10, 0-9, 500-509", 1000, "990-999 0-9 500-509" },
		{ "15.3.7.2 a gap below 80 bytes", "bytes=0-9,89-99", 1000, "0-99" },
		{ "15.3.7.2 a gap of 80 bytes", "bytes=0-9,90-99", 1000, "0-9 90-99" },
		{ "15.3.7.2 joined in any order", "bytes=500-509, 89-99, 0-9", 1000, "500-509 0-99" },
		{ "15.3.7.2 a joined one in its first place", "bytes=0-9,500-509,20-29", 1000, "0-29 500-509" },
		{ "15.3.7.2 a joined one in its first place", "bytes=700-709,0-9,690-699", 1000, "690-709 0-9" },
		{ "15.3.7.2 one within another", "bytes=0-999,5-6", 1000, "0-999" },
		{ "14.2 three that overlap", "bytes=0-99,50-149,100-199", 1000, "whole" },
		{ "14.2 three of the same", "bytes=0-,0-,0-", 1000, "whole" },
		{ "17.15 two pairs that overlap", "bytes=0-9,5-14,500-509,505-514", 1000, "whole" },
		{ "17.15 sixteen are borne", "bytes=0-0,100-100,200-200,300-300,400-400,500-500,600-600,700-700,"
		  "800-800,900-900,1000-1000,1100-1100,1200-1200,1300-1300,1400-1400,1500-1500", 1501,
		  "0-0 100-100 200-200 300-300 400-400 500-500 600-600 700-700 "
		  "800-800 900-900 1000-1000 1100-1100 1200-1200 1300-1300 1400-1400 1500-1500" },
		{ "17.15 seventeen are not", "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
		  "24-24,26-26,28-28,30-30,32-32", 1501, "whole" },
		{ "17.15 nor where most lie behind the end", "bytes=0-0,20-,20-,20-,20-,20-,20-,20-,20-,20-,20-,20-,"
		  "20-,20-,20-,20-,20-", 10, "whole" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct range_set set;
		char out[512];
		enum range_outcome r = range_parse(span_str(rows[i].value), rows[i].complete, &set);
		describe(r, &set, out, sizeof(out));
		if (strcmp(out, rows[i].ranges) != 0)
			fail_msg("%s: '%s': '%s', not '%s'", rows[i].clause, rows[i].value, out,
				 rows[i].ranges);
	}
}

static void ascending_sets_say_so(void **state)
{
	struct range_set set;

	(void)state;
	assert_int_equal(range_parse(SPAN_LIT("bytes=0-9,500-509"), 1000, &set), RANGE_OK);
	assert_true(set.ascending);
	assert_int_equal(range_parse(SPAN_LIT("bytes=500-509,0-9"), 1000, &set), RANGE_OK);
	assert_false(set.ascending);
	assert_int_equal(range_parse(SPAN_LIT("bytes=20-29,0-9"), 1000, &set), RANGE_OK);
	assert_true(set.ascending);
	assert_int_equal(range_bytes(set.ranges[0]), 30);
}

static void requests_are_asked_for_their_range(void **state)
{
	static const struct {
		const char *clause;
		enum http_method method;
		const char *lines[2], *ranges;
	} rows[] = {
		/* clang-format off */
		{ "14.2", HTTP_METHOD_GET, { "Range: bytes=0-4" }, "0-4" },
		{ "14.2 GET alone", HTTP_METHOD_HEAD, { "Range: bytes=0-4" }, "whole" },
		{ "14.2 GET alone", HTTP_METHOD_POST, { "Range: bytes=0-4" }, "whole" },
		{ "14.2 without", HTTP_METHOD_GET, { NULL }, "whole" },
		{ "5.3 twice", HTTP_METHOD_GET, { "Range: bytes=0-4", "range: bytes=5-6" }, "whole" },
		{ "14.2", HTTP_METHOD_GET, { "Range: bytes=10-" }, "416" },
		/* clang-format on */
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head head = head_of_lines(&arena, rows[i].lines, 2);
		struct range_set set;
		char out[64];
		head.method = rows[i].method;
		describe(range_of_request(&head, 10, &set), &set, out, sizeof(out));
		if (strcmp(out, rows[i].ranges) != 0)
			fail_msg("%s, row %zu: '%s'", rows[i].clause, i, out);
		arena_empty(&arena);
	}
	arena_fini(&arena);
}

static void content_ranges_are_read_as_the_clauses_say(void **state)
{
	static const struct {
		const char *clause, *value, *meaning;
	} rows[] = {
		/* clang-format off */
		{ "14.4", "bytes 42-1233/1234", "42-1233 of 1234" },
		{ "14.4 the whole unknown", "bytes 42-1233/*", "42-1233 of *" },
		{ "14.4 of a 416", "bytes */1234", "* of 1234" },
		{ "14.4 one byte", "bytes 0-0/1", "0-0 of 1" },
		{ "14.1 without case", "Bytes 0-0/1", "0-0 of 1" },
		{ "14.4 neither known", "bytes */*", "!" },
		{ "14.4 last before first", "bytes 5-4/10", "!" },
		{ "14.4 last not within", "bytes 5-10/10", "!" },
		{ "14.4 nothing of nothing", "bytes 0-0/0", "!" },
		{ "14.4 another unit", "lines 0-0/1", "!" },
		{ "14.4 as in Range", "bytes=0-0/1", "!" },
		{ "14.4 no whole", "bytes 0-0", "!" },
		{ "14.4 no whole", "bytes 0-0/", "!" },
		{ "14.4 no first", "bytes -0/1", "!" },
		{ "14.4 no last", "bytes 0-/1", "!" },
		{ "14.4 no range", "bytes /1", "!" },
		{ "14.4 two blanks", "bytes  0-0/1", "!" },
		{ "14.4 something behind", "bytes 0-0/1x", "!" },
		{ "14.4 two", "bytes 0-0/1, bytes 0-0/1", "!" },
		{ "14.4 too large to count", "bytes 0-0/99999999999999999999999", "!" },
		{ "14.4 too large to count", "bytes 0-99999999999999999999999/*", "!" },
		{ "14.4 nothing", "", "!" },
		{ "14.4 nothing", "bytes ", "!" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct content_range content_range;
		char held[48] = "*", whole[24] = "*", out[80] = "!";
		bool ok = content_range_parse(span_str(rows[i].value), &content_range);
		if (ok && content_range.has_range)
			snprintf(held, sizeof(held), "%" PRIu64 "-%" PRIu64,
				 content_range.range.first, content_range.range.last);
		if (ok && content_range.has_complete)
			snprintf(whole, sizeof(whole), "%" PRIu64, content_range.complete);
		if (ok)
			snprintf(out, sizeof(out), "%s of %s", held, whole);
		if (strcmp(out, rows[i].meaning) != 0)
			fail_msg("%s: '%s': '%s'", rows[i].clause, rows[i].value, out);
	}
}

static void content_range_is_composed_in_the_arena(void **state)
{
	const struct range range = { 42, 1233 };
	struct span value = SPAN_NONE;
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(content_range_compose(&range, 1234, &arena, &value), 0);
	assert_true(span_eq(value, SPAN_LIT("bytes 42-1233/1234")));
	assert_int_equal(content_range_compose(NULL, 1234, &arena, &value), 0);
	assert_true(span_eq(value, SPAN_LIT("bytes */1234")));
	arena_fini(&arena);
	arena_init(&arena, 0);
	assert_int_equal(content_range_compose(NULL, 1234, &arena, &value), -ENOBUFS);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_read_as_the_clauses_say),
		cmocka_unit_test(ascending_sets_say_so),
		cmocka_unit_test(requests_are_asked_for_their_range),
		cmocka_unit_test(content_ranges_are_read_as_the_clauses_say),
		cmocka_unit_test(content_range_is_composed_in_the_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
