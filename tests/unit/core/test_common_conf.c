/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/common_conf: the sections `log`, `admin` and `process`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/common_conf.h"
#include "core/obj.h"

struct common {
	struct log_section log;
	struct admin_section admin;
	struct process_section process;
};

static const struct conf_key common_keys[] = {
	CONF_SECTION(struct common, log, &log_section, CONF_OPTIONAL, "log"),
	CONF_SECTION_OPTIONAL(struct common, admin, &admin_section, "admin"),
	CONF_SECTION(struct common, process, &process_section, CONF_OPTIONAL, "process"), CONF_END
};
static const struct conf_section common_section = {
	.name = "common",
	.struct_size = sizeof(struct common),
	.keys = common_keys,
};

static struct common *read_text(const char *text, struct conf **ret_conf)
{
	void *root = NULL;

	assert_int_equal(
		conf_read_text(span_str(text), "/x.yaml", &common_section, ret_conf, &root), 0);
	struct common *common = root;
	log_section_check(*ret_conf, &common->log);
	admin_section_check(*ret_conf, &common->admin);
	process_section_check(*ret_conf, &common->process);
	return common;
}

static void log_goes_to_stderr_by_itself(void **state)
{
	struct conf *conf;
	struct common *common = read_text("", &conf);

	(void)state;
	assert_int_equal(conf_n_errors(conf), 0);
	assert_int_equal(common->log.level, LOG_LEVEL_INFO);
	assert_int_equal(common->log.format, LOG_FORMAT_TEXT);
	assert_int_equal(common->log.target, LOG_TARGET_STDERR);
	assert_false(common->admin.set);
	conf_free(conf);
}

static void sections_are_read(void **state)
{
	struct conf *conf;
	struct common *common =
		read_text("log: {level: debug, format: json, target: file, file: a.log}\n"
			  "admin: {listen: '[::1]:9', socket: a.sock, token_file: t}\n",
			  &conf);

	(void)state;
	assert_int_equal(conf_n_errors(conf), 0);
	assert_int_equal(common->log.level, LOG_LEVEL_DEBUG);
	assert_string_equal(common->log.file, "/a.log");
	assert_true(common->admin.set);
	assert_int_equal(addr_port(&common->admin.listen), 9);
	assert_string_equal(common->admin.socket, "/a.sock");
	assert_string_equal(common->admin.token_file, "/t");
	conf_free(conf);
}

static void what_makes_no_sense_is_said(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *error;
	} cases[] = {
		{ "log:\n  target: file", 2, "\"file\" is missing: the target is a file" },
		{ "log:\n  file: x", 2, "a file is given, but \"target\" is not \"file\"" },
		{ "admin:\n  listen: 192.0.2.1:9", 2,
		  "expected a loopback address such as 127.0.0.1:9100 or [::1]:9100, found "
		  "\"192.0.2.1:9\"" },
		{ "admin:\n  listen: unix:/x", 2,
		  "expected an IP address and port; \"socket\" takes a path" },
		{ "admin: {}", 1, "neither \"listen\" nor \"socket\" is given" },
		{ "admin:\n  socket: a\n  token_file: b", 3, "of no use without \"listen\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *conf;
		read_text(cases[i].text, &conf);
		assert_int_equal(conf_n_errors(conf), 1);
		assert_string_equal(conf_error_at(conf, 0)->text, cases[i].error);
		assert_int_equal(conf_error_at(conf, 0)->line, cases[i].line);
		conf_free(conf);
	}
}

static void too_long_path_is_no_socket(void **state)
{
	char text[200] = "admin: {socket: /";
	struct conf *conf;

	(void)state;
	memset(text + 17, 'x', 120);
	text[137] = '}';
	read_text(text, &conf);
	assert_int_equal(conf_n_errors(conf), 1);
	assert_true(span_starts(span_str(conf_error_at(conf, 0)->text),
				SPAN_LIT("longer than 107 bytes")));
	conf_free(conf);
}

static void log_is_opened_as_the_section_says(void **state)
{
	const struct log_section quiet = { .level = LOG_LEVEL_ERROR };
	const struct log_section lost = { .target = LOG_TARGET_FILE, .file = "/nowhere/x.log" };

	(void)state;
	assert_int_equal(log_section_open(&quiet, "test"), 0);
	assert_true(log_wants(LOG_LEVEL_ERROR));
	assert_false(log_wants(LOG_LEVEL_WARN));
	assert_true(log_section_open(&lost, "test") < 0);
	log_close();
}

static void a_path_too_long_for_a_socket_is_refused(void **state)
{
	struct conf *conf;
	char text[256] = "process: {user: www-data, takeover: ";
	size_t len = strlen(text);

	(void)state;
	memset(text + len, 'x', 150);
	text[len + 150] = '}';
	struct common *common = read_text(text, &conf);
	assert_string_equal(common->process.user, "www-data");
	assert_int_equal(conf_n_errors(conf), 1);
	assert_int_equal(conf_error_at(conf, 0)->line, 1);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
		cmocka_unit_test(log_goes_to_stderr_by_itself),
		cmocka_unit_test(sections_are_read),
		cmocka_unit_test(what_makes_no_sense_is_said),
		cmocka_unit_test(too_long_path_is_no_socket),
		cmocka_unit_test(log_is_opened_as_the_section_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
