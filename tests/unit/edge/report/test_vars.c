/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/report/vars: what each variable says, and that foreign bytes are escaped.
 */
#include "facts_sample.h"

#include "core/error.h"
#include "edge/report/vars.h"

static void expect(struct facts_sample *sample, enum facts_escape escape, const char *text,
		   const char *expected)
{
	struct var_template *template;
	struct arena arena;
	char reterr[160] = "";

	sample->facts.escape = escape;
	arena_init(&arena, 4096);
	if (var_compile(edge_vars, span_str(text), &template, reterr) != 0)
		fail_msg("%s: %s", text, reterr);
	struct span got = var_expand(template, &sample->facts, &arena);
	if (!span_eq(got, span_str(expected)))
		fail_msg("%s is \"%.*s\", not \"%s\"", text, SPAN_FMT(got), expected);
	var_free(template);
	arena_fini(&arena);
}

static void each_variable_says_what_it_is(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "$client_address", "203.0.113.7" },
		{ "$client_port", "4711" },
		{ "$tls_version$tls_cipher$tls_server_name", "" },
		{ "$method $target $version", "GET /a?b=\" HTTP/1.1" },
		{ "$scheme $host $authority", "http www.example Www.Example:80" },
		{ "$path $query", "/a b=\"" },
		{ "$header_user_agent", "a \"b\"" },
		{ "${header_user-agent}", "a \"b\"" },
		{ "[$header_x_empty][$header_none][$response_header_date]", "[][][]" },
		{ "$status $request_body_bytes $response_body_bytes", "200 5 1024" },
		{ "$duration_ms $first_byte_ms", "1234.567 -1" },
		{ "$time", "2026-01-31T23:59:59Z" },
		{ "$time_log", "31/Jan/2026:23:59:59 +0000" },
		{ "$service $pool $origin $tries", "web app 192.0.2.1:8080 2" },
		{ "$reason $node $region", "done eu-1 eu" },
	};
	struct facts_sample sample;

	(void)state;
	facts_sample_make(&sample);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect(&sample, FACTS_ESCAPE_NONE, rows[i].text, rows[i].expected);
	facts_sample_drop(&sample);
}

static void foreign_bytes_are_escaped_for_text_and_for_json(void **state)
{
	struct facts_sample sample;

	(void)state;
	facts_sample_make(&sample);
	expect(&sample, FACTS_ESCAPE_TEXT, "$header_user_agent", "a \\\"b\\\"");
	expect(&sample, FACTS_ESCAPE_TEXT, "$header_x_high", "\\xc3\\xa9\\\\");
	expect(&sample, FACTS_ESCAPE_JSON, "$header_x_high", "\\u00c3\\u00a9\\\\");
	expect(&sample, FACTS_ESCAPE_JSON, "$target", "/a?b=\\\"");
	facts_sample_drop(&sample);
}

static void full_arena_gives_less_and_no_crash(void **state)
{
	struct facts_sample sample;
	struct arena arena;

	(void)state;
	facts_sample_make(&sample);
	arena_init(&arena, 0);
	sample.facts.escape = FACTS_ESCAPE_JSON;
	for (const struct var_def *def = edge_vars; def->name; def++)
		(void)def->get(&sample.facts, SPAN_LIT("x_high"), &arena);
	arena_fini(&arena);
	facts_sample_drop(&sample);
}

static void unknown_variable_is_refused_with_the_nearest(void **state)
{
	struct var_template *template;
	char reterr[160] = "";

	(void)state;
	assert_int_equal(var_compile(edge_vars, SPAN_LIT("$statsu"), &template, reterr), -EINVAL);
	assert_non_null(strstr(reterr, "status"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_variable_says_what_it_is),
		cmocka_unit_test(foreign_bytes_are_escaped_for_text_and_for_json),
		cmocka_unit_test(full_arena_gives_less_and_no_crash),
		cmocka_unit_test(unknown_variable_is_refused_with_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
