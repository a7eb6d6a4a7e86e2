/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/var.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/obj.h"
#include "core/var.h"

struct subject {
	const char *host;
	unsigned n_asked;
};

static struct span get_host(void *subject, struct span rest, struct arena *arena)
{
	struct subject *s = subject;

	(void)arena;
	assert_int_equal(rest.len, 0);
	s->n_asked++;
	return span_str(s->host);
}

static struct span get_header(void *subject, struct span rest, struct arena *arena)
{
	(void)subject;
	return span_str(arena_printf(arena, "<%.*s>", SPAN_FMT(rest)));
}

static struct span get_header_via(void *subject, struct span rest, struct arena *arena)
{
	(void)subject;
	(void)arena;
	assert_int_equal(rest.len, 0);
	return SPAN_LIT("VIA");
}

static const struct var_def defs[] = {
	{ "host", get_host, "the host" },
	{ "header_*", get_header, "a header" },
	{ "header_via", get_header_via, "one header" },
	{ NULL, NULL, NULL },
};

static void templates_expand(void **state)
{
	static const struct {
		const char *text, *expansion;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "$host", "example" },
		{ "${host}", "example" },
		{ "$HOST", "example" },
		{ "a$host/b", "aexample/b" },
		{ "${host}_x$host", "example_xexample" },
		{ "$$", "$" },
		{ "$$host", "$host" },
		{ "$$$host$$", "$example$" },
		{ "$header_x_y", "<x_y>" },
		{ "${header_X-Y}z", "<x-y>z" },
		{ "$header_via", "VIA" },
		{ "$header_vi", "<vi>" },
		{ "$host-$host", "example-example" },
	};
	struct subject subject = { .host = "example" };
	char error[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct var_template *template;
		struct arena arena;
		struct buf out;
		arena_init(&arena, 1 << 16);
		buf_init(&out, 1000);
		assert_int_equal(var_compile(defs, span_str(cases[i].text), &template, error), 0);
		struct span got = var_expand(template, &subject, &arena);
		assert_non_null(got.at);
		assert_true(span_eq(got, span_str(cases[i].expansion)));
		var_expand_into(template, &subject, &arena, &out);
		assert_true(span_eq(buf_span(&out), span_str(cases[i].expansion)));
		var_free(template);
		buf_fini(&out);
		arena_fini(&arena);
	}
}

static void wrong_templates_say_why(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "$hots", "unknown variable \"$hots\": did you mean \"$host\"?" },
		{ "$header_", "unknown variable \"$header_\"" },
		{ "$qqqqqqqqqq", "unknown variable \"$qqqqqqqqqq\"" },
		{ "$", "expected the name of a variable" },
		{ "a $ b", "expected the name of a variable" },
		{ "${}", "expected the name of a variable" },
		{ "${a b}", "expected the name of a variable" },
		{ "${host", "\"${\" without its \"}\"" },
		{ "${", "\"${\" without its \"}\"" },
		{ "$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "at most 63 letters" },
	};
	char error[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct var_template *template = NULL;
		assert_int_equal(var_compile(defs, span_str(cases[i].text), &template, error),
				 -EINVAL);
		assert_null(template);
		assert_non_null(strstr(error, cases[i].error));
	}
}

static void constants_are_known(void **state)
{
	static const struct {
		const char *text, *constant;
	} cases[] = {
		{ "", "" }, { "a", "a" }, { "a$$b", "a$b" }, { "$host", NULL }, { "a$host", NULL }
	};
	char error[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct var_template *template;
		struct span text;
		assert_int_equal(var_compile(defs, span_str(cases[i].text), &template, error), 0);
		assert_int_equal(var_constant(template, &text), cases[i].constant != NULL);
		if (cases[i].constant)
			assert_true(span_eq(text, span_str(cases[i].constant)));
		var_free(template);
	}
}

static void full_arena_is_told_from_no_value(void **state)
{
	struct subject subject = { .host = NULL };
	struct var_template *template;
	struct arena arena, full;
	char error[160];

	(void)state;
	arena_init(&arena, 1 << 16);
	arena_init(&full, 8);
	assert_int_equal(var_compile(defs, SPAN_LIT("$host"), &template, error), 0);
	assert_non_null(var_expand(template, &subject, &full).at);
	var_free(template);
	assert_int_equal(var_compile(defs, SPAN_LIT("$host$host"), &template, error), 0);
	struct span got = var_expand(template, &subject, &arena);
	assert_non_null(got.at);
	assert_int_equal(got.len, 0);
	assert_null(var_expand(template, &subject, &full).at);
	var_free(template);
	arena_fini(&arena);
	arena_fini(&full);
}

static void single_variable_is_not_copied(void **state)
{
	struct subject subject = { .host = "example" };
	struct var_template *template;
	struct arena arena;
	char error[160];

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(var_compile(defs, SPAN_LIT("$host"), &template, error), 0);
	assert_ptr_equal(var_expand(template, &subject, &arena).at, subject.host);
	assert_int_equal(arena.used_bytes, 0);
	assert_int_equal(subject.n_asked, 1);
	var_free(template);
	arena_fini(&arena);
}

static void too_long_template_is_refused(void **state)
{
	static uint8_t text[(64 << 10) + 1];
	struct var_template *template;
	char error[160];

	(void)state;
	memset(text, '$', sizeof(text));
	assert_int_equal(var_compile(defs, span_of(text, sizeof(text)), &template, error), -EINVAL);
	assert_int_equal(var_compile(defs, span_of(text, sizeof(text) - 1), &template, error), 0);
	var_free(template);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_expand),
		cmocka_unit_test(wrong_templates_say_why),
		cmocka_unit_test(constants_are_known),
		cmocka_unit_test(full_arena_is_told_from_no_value),
		cmocka_unit_test(single_variable_is_not_copied),
		cmocka_unit_test(too_long_template_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
