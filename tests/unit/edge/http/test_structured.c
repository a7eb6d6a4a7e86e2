/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http/structured: dictionaries, each row with its clause of RFC 8941.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge/http/structured.h"

#include <stdio.h>

#include "core/obj.h"

/* "key=value " for each member; "!" when it is malformed. */
static void describe(struct span rest, char *out, size_t size)
{
	static const char *const types[] = { "i", "d", "s", "t", "b", "?", "l" };
	struct sf_member member;
	enum sf_outcome r;
	size_t n = 0;

	out[0] = '\0';
	while ((r = sf_dictionary_next(&rest, &member)) == SF_MEMBER) {
		n += (size_t)snprintf(out + n, size - n, "%.*s=%s", SPAN_FMT(member.key),
				      types[member.type]);
		if (member.type == SF_INTEGER)
			n += (size_t)snprintf(out + n, size - n, "%lld ",
					      (long long)member.integer);
		else if (member.type == SF_BOOLEAN)
			n += (size_t)snprintf(out + n, size - n, "%d ", member.boolean);
		else
			n += (size_t)snprintf(out + n, size - n, "%.*s ", SPAN_FMT(member.text));
	}
	if (r == SF_MALFORMED)
		snprintf(out, size, "!");
}

static void dictionaries_are_read_as_the_clauses_say(void **state)
{
	static const struct {
		const char *text, *members;
	} rows[] = {
		{ "", "" },
		{ "  ", "" },
		{ "a", "a=?1 " },
		{ "a=?0, b, c; foo=bar", "a=?0 b=?1 c=?1 " },
		{ "max-age=60", "max-age=i60 " },
		{ "  max-age=60  ", "max-age=i60 " },
		{ "a=1\t,\t b=2", "a=i1 b=i2 " },
		{ "a=-7, b=999999999999999", "a=i-7 b=i999999999999999 " },
		{ "a=1000000000000000", "!" },
		{ "a=1.5, b=-0.125", "a=d1.5 b=d-0.125 " },
		{ "a=1.", "!" },
		{ "a=1.2345", "!" },
		{ "a=1234567890123.1", "!" },
		{ "a=-", "!" },
		{ "a=\"x, \\\"y\\\"\", b", "a=sx, \\\"y\\\" b=?1 " },
		{ "a=\"x", "!" },
		{ "a=\"\\x\"", "!" },
		{ "a=\"\x01\"", "!" },
		{ "a=\"\\", "!" },
		{ "a=tok/en:x, b=*", "a=ttok/en:x b=t* " },
		{ "a=:aGk=:", "a=baGk= " },
		{ "a=:a k:", "!" },
		{ "a=:aGk=", "!" },
		{ "a=(1 \"b\";x c);y=1, d", "a=l(1 \"b\";x c) d=?1 " },
		{ "a=()", "a=l() " },
		{ "a=(1\"b\")", "!" },
		{ "a=(1", "!" },
		{ "A=1", "!" },
		{ "1a=1", "!" },
		{ "*a.b_c-d=1", "*a.b_c-d=i1 " },
		{ "a=", "!" },
		{ "a =1", "!" },
		{ "a= 1", "!" },
		{ "a=1,", "!" },
		{ ",a=1", "!" },
		{ "a=1 b=2", "!" },
		{ "a=1;", "!" },
		{ "a=1; p=?2", "!" },
		{ "a=?2", "!" },
		{ "a=&", "!" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[256];
		describe(span_str(rows[i].text), out, sizeof(out));
		if (strcmp(out, rows[i].members) != 0)
			fail_msg("'%s': '%s', not '%s'", rows[i].text, out, rows[i].members);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dictionaries_are_read_as_the_clauses_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
