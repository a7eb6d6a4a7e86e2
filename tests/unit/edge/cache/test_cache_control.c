/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/cache_control: each row with its clause.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge/cache/cache_control.h"

#include <stdio.h>

#include "core/obj.h"

/* What was understood, in words of one form. */
static void describe(const struct cache_control *control, char *out, size_t size)
{
	static const char *const says[] = {
#define X(ID, name) name,
		CACHE_SAYS(X)
#undef X
	};
	static const char *const times[] = {
#define X(ID, name) name,
		CACHE_TIMES(X)
#undef X
	};
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		if (cache_control_says(control, (enum cache_says)i))
			n += (size_t)snprintf(out + n, size - n, "%s ", says[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		if (control->times_s[i] != CACHE_UNSAID)
			n += (size_t)snprintf(out + n, size - n, "%s=%lld ", times[i],
					      (long long)control->times_s[i]);
	}
	if (control->no_cache_fields.len)
		n += (size_t)snprintf(out + n, size - n, "no-cache(%.*s) ",
				      SPAN_FMT(control->no_cache_fields));
	if (control->private_fields.len)
		snprintf(out + n, size - n, "private(%.*s) ", SPAN_FMT(control->private_fields));
}

struct row {
	const char *clause, *text, *words;
};

static void check(const struct row *row, bool targeted)
{
	struct cache_control control;
	char out[512] = "!";

	cache_control_init(&control);
	bool ok = true;
	if (targeted)
		ok = cache_control_read_targeted(&control, span_str(row->text));
	else
		cache_control_read(&control, span_str(row->text));
	if (ok)
		describe(&control, out, sizeof(out));
	if (strcmp(out, row->words) != 0)
		fail_msg("%s: '%s': '%s', not '%s'", row->clause, row->text, out, row->words);
}

static void directives_are_read_as_the_clauses_say(void **state)
{
	static const struct row rows[] = {
		{ "9111 5.2", "", "" },
		{ "9111 5.2", "max-age=60", "max-age=60 " },
		{ "9111 5.2 without case", "MAX-AGE=60, No-Store", "no-store max-age=60 " },
		{ "9111 5.2 both forms", "max-age=\"60\"", "max-age=60 " },
		{ "9111 5.2.3 unknown ones", "foo, bar=baz, max-age=1, x=\"a,max-age=9\"",
		  "max-age=1 " },
		{ "9110 5.6.1 empty elements", ", max-age=1 ,, no-store ,", "no-store max-age=1 " },
		{ "9111 1.2.2 overflow", "max-age=99999999999999999999", "max-age=2147483648 " },
		{ "9111 4.2.1 no number is stale", "max-age=a100", "max-age=0 " },
		{ "9111 4.2.1 negative", "max-age=-5", "max-age=0 " },
		{ "9111 4.2.1 decimal", "max-age=5.5", "max-age=0 " },
		{ "9111 4.2.1 nothing", "max-age=", "max-age=0 " },
		{ "9111 4.2.1 nothing at all", "max-age", "max-age=0 " },
		{ "9111 4.2.1 single quotes", "max-age='60'", "max-age=0 " },
		{ "9111 4.2.1 leading zeros", "max-age=007", "max-age=7 " },
		{ "9111 4.2.1 twice", "max-age=60, max-age=5", "max-age=5 " },
		{ "9111 4.2.1 twice", "max-age=5, max-age=60", "max-age=5 " },
		{ "9111 5.2.1.3 the stricter", "min-fresh=5, min-fresh=60", "min-fresh=60 " },
		{ "9111 5.2.1.2 without a number", "max-stale", "max-stale=2147483648 " },
		{ "9111 5.2.1.2", "max-stale=10", "max-stale=10 " },
		{ "9111 5.2.2.4 fields", "no-cache=\"Set-Cookie, X\"", "no-cache(Set-Cookie, X) " },
		{ "9111 5.2.2.4 a token is no list", "no-cache=foo", "no-cache " },
		{ "9111 5.2.2.4 an empty list", "no-cache=\"\"", "no-cache " },
		{ "9111 5.2.2.4 two lists", "no-cache=\"a\", no-cache=\"b\"",
		  "no-cache no-cache(b) " },
		{ "9111 5.2.2.7 fields", "private=\"X\"", "private(X) " },
		{ "9111 5.2.2.7", "private, max-age=5", "private max-age=5 " },
		{ "9111 5.2.2.10", "s-maxage=5, public, must-revalidate",
		  "public must-revalidate s-maxage=5 " },
		{ "9111 5.2.2.3", "must-understand, no-store", "no-store must-understand " },
		{ "5861 3, 4", "max-age=1, stale-while-revalidate=2, stale-if-error=3",
		  "max-age=1 stale-while-revalidate=2 stale-if-error=3 " },
		{ "8246", "immutable", "immutable " },
		{ "9111 5.2.1", "only-if-cached, no-transform", "no-transform only-if-cached " },
		{ "9110 5.6.4 a quote that does not end", "x=\"no-store, max-age=1", "" },
		{ "9110 5.6.4 an escape", "x=\"\\\", no-store\", max-age=1", "max-age=1 " },
		{ "9111 5.2 blanks around", "max-age = 60", "max-age=60 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i], false);
}

static void targeted_fields_are_dictionaries(void **state)
{
	static const struct row rows[] = {
		{ "9213 2.1", "max-age=60, must-revalidate", "must-revalidate max-age=60 " },
		{ "9213 2.1 with case", "max-age=60, Max-Age=1", "!" },
		{ "9213 2.1 a wrong type", "max-age=\"60\"", "" },
		{ "9213 2.1 negative", "max-age=-1", "" },
		{ "9213 2.1 malformed", "max-age=60, &", "!" },
		{ "8941 3.2 the last counts", "max-age=60, max-age=5", "max-age=5 " },
		{ "8941 3.2 the last counts", "no-store, no-store=?0", "" },
		{ "9213 2.1 parameters", "max-age=60;ext=\"x\", no-store", "no-store max-age=60 " },
		{ "9213 2.1 unknown", "foo=bar, max-age=10000000000", "max-age=2147483648 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i], true);
}

static void lines_add_up(void **state)
{
	struct cache_control control;

	(void)state;
	cache_control_init(&control);
	assert_false(control.any);
	cache_control_read(&control, SPAN_LIT("unheard-of"));
	assert_true(control.any);
	cache_control_read(&control, SPAN_LIT("max-age=60"));
	cache_control_read(&control, SPAN_LIT("max-age=7, no-store"));
	assert_int_equal(control.times_s[CACHE_MAX_AGE], 7);
	assert_true(cache_control_says(&control, CACHE_NO_STORE));
}

static void names_are_found_in_lists(void **state)
{
	(void)state;
	assert_true(cache_control_names(SPAN_LIT("Set-Cookie, X-A"), SPAN_LIT("x-a")));
	assert_true(cache_control_names(SPAN_LIT("Set-Cookie"), SPAN_LIT("set-cookie")));
	assert_false(cache_control_names(SPAN_LIT("Set-Cookie2"), SPAN_LIT("set-cookie")));
	assert_false(cache_control_names(SPAN_NONE, SPAN_LIT("x")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directives_are_read_as_the_clauses_say),
		cmocka_unit_test(targeted_fields_are_dictionaries),
		cmocka_unit_test(lines_add_up),
		cmocka_unit_test(names_are_found_in_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
