/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "core/net/addr.h"
#include "core/obj.h"

static char folder[] = P_tmpdir "/meridian-log-XXXXXX";
static char path[64], moved_path[64];
static char said[65536];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(moved_path, sizeof(moved_path), "%s/log.1", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void open_file(enum log_format format, enum log_level level)
{
	struct log_conf conf = {
		.level = level, .format = format, .target = LOG_TARGET_FILE, .file = path
	};

	assert_int_equal(log_open(&conf), 0);
}

static const char *read_file(const char *name)
{
	CLEANUP(fd_drop) int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, said, sizeof(said) - 1);

	said[len < 0 ? 0 : len] = 0;
	return said;
}

static int close_log(void **state)
{
	(void)state;
	log_close();
	unlink(path);
	unlink(moved_path);
	return 0;
}

/* The line behind its time, whose form is checked: "2026-11-23T05:45:00.123Z ". */
static const char *behind_time(const char *line)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";

	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], form[i]);
	}
	return line + sizeof(form) - 1;
}

static void text_line_has_time_level_event_and_fields(void **state)
{
	struct addr addr = { 0 };

	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	assert_true(addr_parse(SPAN_LIT("[2001:db8::1]:443"), &addr));
	LOG_WARN("origin.down", kv_str("pool", "app"), kv_addr("origin", &addr), kv_int("i", -5),
		 kv_uint("u", UINT64_MAX), kv_real("share", 0.25), kv_bool("yes", true),
		 kv_err(-ENOENT), kv_str("none", NULL), kv_span("span", SPAN_LIT("x")));
	assert_string_equal(behind_time(read_file(path)),
			    "warn origin.down pool=app origin=[2001:db8::1]:443 i=-5 "
			    "u=18446744073709551615 share=0.25 yes=true "
			    "error=\"No such file or directory\" none=- span=x\n");
}

static void event_needs_no_fields(void **state)
{
	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	LOG_ERROR("process.lost");
	assert_string_equal(behind_time(read_file(path)), "error process.lost\n");
}

static void foreign_bytes_are_quoted_and_escaped(void **state)
{
	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	LOG_INFO("e", kv_str("a", "two words"), kv_str("b", "x=y"), kv_str("c", ""),
		 kv_str("d", "say \"hi\"\\"), kv_str("e", "l1\nl2\r\t"),
		 kv_str("f", "\x1b[31m\x7f"), kv_str("g", "gr\xc3\xbc\xc3\x9f"),
		 kv_str("h", "\xff\xc2\x9b\xed\xa0\x80"), kv_span("i", span_of("\0", 1)));
	assert_string_equal(behind_time(read_file(path)),
			    "info e a=\"two words\" b=\"x=y\" c=\"\" d=\"say \\\"hi\\\"\\\\\" "
			    "e=\"l1\\nl2\\r\\t\" f=\"\\x1b[31m\\x7f\" g=\"gr\xc3\xbc\xc3\x9f\" "
			    "h=\"\\xff\\xc2\\x9b\\xed\\xa0\\x80\" i=\"\\x00\"\n");
}

static void every_byte_gives_a_right_json_line(void **state)
{
	char all[512];

	(void)state;
	open_file(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i % 256);
	LOG_WARN("origin.down", kv_str("pool", "a \"b\"\n"), kv_int("n", -1), kv_real("r", NAN),
		 kv_bool("no", false), kv_str("none", NULL), kv_span("all", span_of(all, 512)));
	json_t *line = json_loads(read_file(path), JSON_ALLOW_NUL, NULL);
	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(line, "event")), "origin.down");
	assert_string_equal(json_string_value(json_object_get(line, "pool")), "a \"b\"\n");
	assert_int_equal(json_integer_value(json_object_get(line, "n")), -1);
	assert_true(json_is_null(json_object_get(line, "r")));
	assert_true(json_is_false(json_object_get(line, "no")));
	assert_true(json_is_null(json_object_get(line, "none")));
	assert_true(json_is_string(json_object_get(line, "ts")));
	/* 128 characters as they were, and 128 bytes that are none by four each; twice. */
	json_t *value = json_object_get(line, "all");
	assert_int_equal(json_string_length(value), 2 * (128 + 128 * 4));
	assert_memory_equal(json_string_value(value), all, 128);
	json_decref(line);
}

static void long_values_are_cut_and_long_lines_say_so(void **state)
{
	char value[2000];

	(void)state;
	open_file(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	memset(value, 'v', sizeof(value));
	struct span span = span_of(value, sizeof(value));
	LOG_INFO("e", kv_span("a", span), kv_span("b", span), kv_span("c", span),
		 kv_span("d", span), kv_int("last", 1));
	const char *text = read_file(path);
	assert_in_range(strlen(text), 3000, 4096);
	json_t *line = json_loads(text, 0, NULL);
	assert_non_null(line);
	assert_true(json_is_true(json_object_get(line, "truncated")));
	assert_int_equal(json_string_length(json_object_get(line, "a")), 1024 + 3);
	assert_null(json_object_get(line, "d"));
	assert_int_equal(json_integer_value(json_object_get(line, "last")), 1);
	json_decref(line);
}

static void lines_below_the_level_are_left_out(void **state)
{
	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_WARN);
	LOG_INFO("quiet");
	LOG_DEBUG("quieter");
	assert_string_equal(read_file(path), "");
	assert_true(log_wants(LOG_LEVEL_ERROR));
	assert_false(log_wants(LOG_LEVEL_INFO));
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void call_site_is_limited_and_says_what_it_left_out(void **state)
{
	struct log_site site = { 0 };

	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	/* The clock may turn to the next second once while we are at it. */
	for (int i = 0; i < 100; i++)
		log_write(&site, LOG_LEVEL_INFO, "busy", NULL, 0);
	size_t n_written = count_lines(read_file(path));
	assert_in_range(n_written, 10, 20);
	site.second = 0; /* as if a second had passed */
	log_write(&site, LOG_LEVEL_INFO, "busy", NULL, 0);
	assert_int_equal(count_lines(read_file(path)), n_written + 1);
	assert_non_null(strstr(said, " suppressed="));
	log_write(&site, LOG_LEVEL_INFO, "after", NULL, 0);
	assert_non_null(strstr(read_file(path), "info after\n"));
}

static void rotation_moves_on_to_a_new_file(void **state)
{
	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	LOG_INFO("before");
	assert_return_code(rename(path, moved_path), 0);
	log_reopen();
	LOG_INFO("after");
	assert_non_null(strstr(read_file(moved_path), "before"));
	assert_string_equal(behind_time(read_file(path)), "info after\n");
}

static void failed_rotation_goes_on_in_the_old_file(void **state)
{
	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	assert_return_code(rename(path, moved_path), 0);
	assert_return_code(mkdir(path, 0700), 0);
	log_reopen();
	LOG_INFO("after");
	assert_return_code(rmdir(path), 0);
	assert_non_null(strstr(read_file(moved_path), "error log.reopen_failed error="));
	assert_non_null(strstr(read_file(moved_path), "info after\n"));
}

static void file_that_cannot_be_opened_leaves_the_log_as_it_was(void **state)
{
	struct log_conf conf = { .level = LOG_LEVEL_DEBUG, .target = LOG_TARGET_FILE };
	char nowhere[96];

	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	snprintf(nowhere, sizeof(nowhere), "%s/no/such/log", folder);
	conf.file = nowhere;
	assert_int_equal(log_open(&conf), -ENOENT);
	assert_false(log_wants(LOG_LEVEL_DEBUG));
	LOG_INFO("still");
	assert_non_null(strstr(read_file(path), "info still\n"));
}

static void syslog_takes_lines(void **state)
{
	struct log_conf conf = { .level = LOG_LEVEL_INFO,
				 .target = LOG_TARGET_SYSLOG,
				 .name = "meridian-test" };

	(void)state;
	assert_int_equal(log_open(&conf), 0);
	LOG_INFO("test.syslog", kv_int("n", 1));
}

static void *write_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		struct log_site site = { 0 };
		struct log_field field = kv_str("value", "some words of some length");
		log_write(&site, LOG_LEVEL_INFO, "thread", &field, 1);
	}
	return NULL;
}

static void lines_of_many_threads_stay_whole_through_rotations(void **state)
{
	enum { N_THREADS = 4 };
	pthread_t threads[N_THREADS];

	(void)state;
	open_file(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, NULL), 0);
	for (int i = 0; i < 100; i++)
		log_reopen();
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	char *rest = NULL;
	size_t n_lines = 0;
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t cap = 0;
	while (getline(&rest, &cap, file) > 0) {
		assert_string_equal(behind_time(rest),
				    "info thread value=\"some words of some length\"\n");
		n_lines++;
	}
	free(rest);
	fclose(file);
	assert_int_equal(n_lines, 800);
}

#define LOG_TEST(test) cmocka_unit_test_teardown(test, close_log)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(text_line_has_time_level_event_and_fields),
		LOG_TEST(event_needs_no_fields),
		LOG_TEST(foreign_bytes_are_quoted_and_escaped),
		LOG_TEST(every_byte_gives_a_right_json_line),
		LOG_TEST(long_values_are_cut_and_long_lines_say_so),
		LOG_TEST(lines_below_the_level_are_left_out),
		LOG_TEST(call_site_is_limited_and_says_what_it_left_out),
		LOG_TEST(rotation_moves_on_to_a_new_file),
		LOG_TEST(failed_rotation_goes_on_in_the_old_file),
		LOG_TEST(file_that_cannot_be_opened_leaves_the_log_as_it_was),
		LOG_TEST(syslog_takes_lines),
		LOG_TEST(lines_of_many_threads_stay_whole_through_rotations),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
