/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/conf: from a file to a tree, and what is wrong with files as such.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/core/conf_sample.h"

#include <stdio.h>

static struct conf *conf;
static struct sample_root *root;

static void read_text(struct span text, const char *name)
{
	void *at = NULL;

	assert_int_equal(conf_read_text(text, name, &sample_section, &conf, &at), 0);
	root = at;
}

static void expect_error(size_t i, unsigned line, unsigned column, const char *text)
{
	const struct conf_error *error = conf_error_at(conf, i);

	assert_non_null(error);
	assert_string_equal(error->text, text);
	assert_int_equal(error->line, line);
	assert_int_equal(error->column, column);
}

static void missing_file_is_said_and_leaves_defaults(void **state)
{
	void *at = NULL;

	(void)state;
	assert_int_equal(conf_read_file("/nowhere/x.yaml", &sample_section, &conf, &at), 0);
	root = at;
	assert_int_equal(conf_n_errors(conf), 1);
	expect_error(0, 0, 0, "cannot be read: No such file or directory");
	assert_string_equal(conf_error_at(conf, 0)->file, "/nowhere/x.yaml");
	assert_int_equal(root->n_workers, 4);
	conf_free(conf);
}

static void folder_is_no_file(void **state)
{
	void *at = NULL;

	(void)state;
	assert_int_equal(conf_read_file("/", &sample_section, &conf, &at), 0);
	expect_error(0, 0, 0, "cannot be read: Is a directory");
	conf_free(conf);
}

static void file_is_read_and_its_paths_stand_beside_it(void **state)
{
	char folder[] = "/tmp/meridian-conf-XXXXXX";
	char path[64];
	char expected[64];
	void *at = NULL;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.yaml", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("name: a\ntls: {certificate: certs/a.crt}\n", file);
	fclose(file);
	assert_int_equal(conf_read_file(path, &sample_section, &conf, &at), 0);
	root = at;
	assert_int_equal(conf_n_errors(conf), 0);
	snprintf(expected, sizeof(expected), "%s/certs/a.crt", folder);
	assert_string_equal(root->tls.certificate, expected);
	snprintf(expected, sizeof(expected), "%s/state", folder);
	assert_string_equal(root->state, expected);
	conf_free(conf);
	unlink(path);
	rmdir(folder);
}

static void folder_of_the_root_has_no_second_slash(void **state)
{
	(void)state;
	read_text(SPAN_LIT("name: a"), "/x.yaml");
	assert_string_equal(root->state, "/state");
	conf_free(conf);
}

static void absolute_path_is_kept(void **state)
{
	(void)state;
	read_text(SPAN_LIT("{name: a, state: /var/lib/x}"), "x.yaml");
	assert_string_equal(root->state, "/var/lib/x");
	conf_free(conf);
}

static void empty_file_lacks_what_is_required(void **state)
{
	static const struct span texts[] = { { NULL, 0 },
					     { (const uint8_t *)"# nothing\n", 10 },
					     { (const uint8_t *)"---\n", 4 },
					     { (const uint8_t *)"~", 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		read_text(texts[i], "x.yaml");
		assert_int_equal(conf_n_errors(conf), 1);
		expect_error(0, 1, 1, "\"name\" is missing: of this member");
		conf_free(conf);
	}
}

static void syntax_errors_have_their_place(void **state)
{
	(void)state;
	read_text(SPAN_LIT("name: a\nlimits: {body: 1MiB\nhosts: [a]\n"), "x.yaml");
	assert_int_equal(conf_n_errors(conf), 1);
	assert_int_equal(conf_error_at(conf, 0)->line, 3);
	assert_non_null(strstr(conf_error_at(conf, 0)->text, "that began on line 2"));
	conf_free(conf);

	read_text(SPAN_LIT("name: a\n\tlimits: 1\n"), "x.yaml");
	assert_int_equal(conf_error_at(conf, 0)->line, 2);
	conf_free(conf);

	read_text(SPAN_LIT("name: a\nhosts: [*unknown]\n"), "x.yaml");
	expect_error(0, 2, 9, "found undefined alias");
	conf_free(conf);
}

static void bytes_that_are_no_utf8_have_their_place(void **state)
{
	(void)state;
	read_text(SPAN_LIT("name: a\nstate: \xff\xfe\n"), "x.yaml");
	assert_int_equal(conf_n_errors(conf), 1);
	assert_int_equal(conf_error_at(conf, 0)->line, 2);
	assert_int_equal(conf_error_at(conf, 0)->column, 8);
	conf_free(conf);
}

static void second_document_is_refused(void **state)
{
	(void)state;
	read_text(SPAN_LIT("name: a\n---\nname: b\n"), "x.yaml");
	assert_int_equal(conf_n_errors(conf), 1);
	expect_error(0, 3, 1, "a second document begins here: only one is read");
	assert_string_equal(root->name, "a");
	conf_free(conf);
}

static void file_over_8_mib_is_refused(void **state)
{
	static uint8_t text[(8 << 20) + 1];

	(void)state;
	memset(text, '#', sizeof(text));
	read_text(span_of(text, sizeof(text)), "x.yaml");
	expect_error(0, 0, 0, "larger than 8MiB");
	conf_free(conf);
}

static void aliases_stand_for_what_they_name(void **state)
{
	(void)state;
	read_text(SPAN_LIT("name: a\npools:\n  - {name: x, origins: &o [{address: 'h:1'}]}\n"
			   "  - {name: y, origins: *o}\n"),
		  "x.yaml");
	assert_int_equal(conf_n_errors(conf), 0);
	assert_int_equal(root->n_pools, 2);
	assert_string_equal(root->pools[1].origins[0].address, "h:1");
	assert_ptr_not_equal(root->pools[1].origins, root->pools[0].origins);
	conf_free(conf);
}

static void loop_of_aliases_ends(void **state)
{
	(void)state;
	read_text(SPAN_LIT("&r {name: a, limits: *r, hosts: &h [*h]}"), "x.yaml");
	assert_true(conf_n_errors(conf) > 0);
	conf_free(conf);
}

/* 500 pools of 500 origins in 10 KiB of text, and once more by 50 lists of them. */
static void aliases_that_multiply_are_stopped(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_add_str(&text, "name: a\npools:\n- {name: x, origins: &o [");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "%s{address: 'h:1'}", i ? "," : "");
	buf_add_str(&text, "]}\n");
	for (int i = 0; i < 300; i++)
		buf_printf(&text, "- {name: x, origins: *o}\n");
	read_text(buf_span(&text), "x.yaml");
	buf_fini(&text);
	assert_int_equal(conf_n_errors(conf), 1);
	assert_non_null(strstr(conf_error_at(conf, 0)->text, "more than 200000 values"));
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_file_is_said_and_leaves_defaults),
		cmocka_unit_test(folder_is_no_file),
		cmocka_unit_test(file_is_read_and_its_paths_stand_beside_it),
		cmocka_unit_test(folder_of_the_root_has_no_second_slash),
		cmocka_unit_test(absolute_path_is_kept),
		cmocka_unit_test(empty_file_lacks_what_is_required),
		cmocka_unit_test(syntax_errors_have_their_place),
		cmocka_unit_test(bytes_that_are_no_utf8_have_their_place),
		cmocka_unit_test(second_document_is_refused),
		cmocka_unit_test(file_over_8_mib_is_refused),
		cmocka_unit_test(aliases_stand_for_what_they_name),
		cmocka_unit_test(loop_of_aliases_ends),
		cmocka_unit_test(aliases_that_multiply_are_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
