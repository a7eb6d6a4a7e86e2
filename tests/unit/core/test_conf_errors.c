/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/conf_errors: places, their order, and the word that was meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/conf_priv.h"
#include "tests/unit/core/conf_sample.h"

static struct conf *conf;
static struct sample_root *root;

static void read_text(const char *text)
{
	void *at = NULL;

	assert_int_equal(conf_read_text(span_str(text), "x.yaml", &sample_section, &conf, &at), 0);
	root = at;
	if (conf_n_errors(conf) > 0)
		fail_msg("%s", conf_error_at(conf, 0)->text);
}

static void expect_place(const void *value, unsigned line, unsigned column)
{
	size_t n = conf_n_errors(conf);
	const struct conf_error *error = NULL;
	bool found = false;

	conf_fault(conf, value, "here %d", 1);
	assert_int_equal(conf_n_errors(conf), n + 1);
	for (size_t i = 0; i <= n; i++) {
		error = conf_error_at(conf, i);
		found = found || (error->line == line && error->column == column);
	}
	assert_true(found);
}

static void later_checks_point_at_bound_values(void **state)
{
	(void)state;
	read_text("name: a\n"                    /* 1 */
		  "limits:\n"                    /* 2 */
		  "  share: 1\n"                 /* 3 */
		  "pools:\n"                     /* 4 */
		  "  - name: x\n"                /* 5 */
		  "    origins:\n"               /* 6 */
		  "      - address: 'h:1'\n"     /* 7 */
		  "        weight: 2\n"          /* 8 */
		  "  - {name: y, origins: []}\n" /* 9 */
		  "hosts:\n"                     /* 10 */
		  "  - a\n"                      /* 11 */
		  "  - b\n"                      /* 12 */
		  "fallback:\n"                  /* 13 */
		  "  z: ['::1']\n");             /* 14 */
	expect_place(&root->name, 1, 7);
	expect_place(&root->limits.share, 3, 10);
	expect_place(&root->limits.body_bytes, 2, 1); /* not given: its section */
	expect_place(&root->limits, 2, 1);
	expect_place(&root->pools, 4, 1);
	expect_place(&root->pools[0].timeout_ms, 5, 5); /* not given: its element */
	expect_place(&root->pools[0].origins, 6, 5);
	expect_place(&root->pools[0].origins[0].address, 7, 18);
	expect_place(&root->pools[0].origins[0].weight, 8, 17);
	expect_place(&root->pools[1].name, 9, 12);
	expect_place(&root->pools[1].balance, 9, 5);
	expect_place(&root->hosts[1], 12, 5);
	expect_place(&root->fallback[0].name, 14, 3);
	expect_place(&root->fallback[0].addresses, 14, 3);
	expect_place(&root->fallback[0].addresses[0], 14, 7);
	expect_place(&root->n_workers, 1, 1);
	expect_place(conf, 0, 0); /* nothing of the document: the file as a whole */
	conf_free(conf);
}

static void errors_are_printed_with_a_count(void **state)
{
	struct buf out;

	(void)state;
	read_text("name: a\nstate: b\n");
	buf_init(&out, 1 << 16);
	conf_fault(conf, &root->state, "second");
	conf_fault(conf, &root->name, "first");
	conf_fault(conf, conf, "of the file");
	conf_print_errors(conf, &out);
	assert_string_equal(buf_text(&out), "x.yaml: of the file\n"
					    "x.yaml:1:7: first\n"
					    "x.yaml:2:8: second\n"
					    "x.yaml: 3 errors\n");
	buf_fini(&out);
	conf_free(conf);
}

static void hundred_errors_are_kept_and_the_rest_is_said(void **state)
{
	struct buf out;

	(void)state;
	read_text("name: a\n");
	for (int i = 0; i < CONF_MAX_ERRORS + 5; i++)
		conf_fault(conf, &root->name, "again");
	assert_int_equal(conf_n_errors(conf), CONF_MAX_ERRORS);
	assert_null(conf_error_at(conf, CONF_MAX_ERRORS));
	buf_init(&out, 1 << 16);
	conf_print_errors(conf, &out);
	assert_true(span_ends(buf_span(&out), SPAN_LIT("x.yaml: 100 errors, and more\n")));
	buf_fini(&out);
	conf_free(conf);
}

static void nearest_word_is_found_or_none(void **state)
{
	static const char *const words[] = { "timeout", "interval", "pool",
					     "pools",   "balance",  "tls" };
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "timout", "timeout" }, { "tiemout", "timeout" }, { "intervall", "interval" },
		{ "poool", "pool" },     { "Pools", "pools" },     { "blance", "balance" },
		{ "tsl", "tls" },        { "xyz", NULL },          { "", NULL },
		{ "completely", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *nearest = conf_nearest(cases[i].word, words, ARRAY_LEN(words));
		if (cases[i].nearest)
			assert_string_equal(nearest, cases[i].nearest);
		else
			assert_null(nearest);
	}
	assert_null(conf_nearest("x", NULL, 0));
}

static void quotes_are_short_and_harmless(void **state)
{
	char out[CONF_QUOTE_BYTES];
	char umlauts[200];

	(void)state;
	assert_string_equal(conf_quote(SPAN_LIT("a\x1b[0m\n"), out), "\"a\\x1b[0m\\x0a\"");
	for (size_t i = 0; i < sizeof(umlauts); i++)
		umlauts[i] = i % 2 ? '\xa4' : '\xc3';
	for (size_t len = 0; len <= sizeof(umlauts); len += 2) {
		conf_quote(span_of(umlauts, len), out);
		assert_true(strlen(out) < CONF_QUOTE_BYTES);
		size_t n = strcspn(out + 1, ".\"");
		assert_int_equal(n % 2, 0); /* no half of a character */
	}
	conf_quote(span_of(umlauts + 1, 199), out);
	assert_true(strlen(out) < CONF_QUOTE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_checks_point_at_bound_values),
		cmocka_unit_test(errors_are_printed_with_a_count),
		cmocka_unit_test(hundred_errors_are_kept_and_the_rest_is_said),
		cmocka_unit_test(nearest_word_is_found_or_none),
		cmocka_unit_test(quotes_are_short_and_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
