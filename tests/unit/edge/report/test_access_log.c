/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/report/access_log: lines reach the file, whole and in order.
 */
#include "facts_sample.h"

#include "core/error.h"
#include "core/json.h"
#include "edge/report/access_log.h"
#include "edge/report/edge_metrics.h"

enum { FILE_BYTES = 8 << 20 };

struct stage {
	struct facts_sample sample;
	struct metric_block *metrics;
	char path[64];
	struct access_log_writer *writer;
	struct access_log *log;
	struct access_log_format format;
};

/* `path`: NULL: a new file. */
static void stage_open_at(struct stage *stage, const char *path, const char *template,
			  enum facts_escape escape)
{
	char reterr[160] = "";

	*stage = (struct stage){ .writer = NULL };
	facts_sample_make(&stage->sample);
	assert_int_equal(edge_metrics_new(&stage->metrics), 0);
	edge_test_file(stage->path, "");
	assert_int_equal(access_log_writer_new(path ? path : stage->path, &stage->writer), 0);
	assert_int_equal(
		access_log_new(stage->writer, stage->sample.loop, stage->metrics, &stage->log), 0);
	assert_int_equal(access_log_format_init(&stage->format, template, escape, reterr), 0);
}

static void stage_open(struct stage *stage, const char *template, enum facts_escape escape)
{
	stage_open_at(stage, NULL, template, escape);
}

/* Everything was written when this returns. */
static void stage_end_log(struct stage *stage)
{
	access_log_free(TAKE(stage->log));
	access_log_writer_free(TAKE(stage->writer));
}

static void stage_close(struct stage *stage)
{
	stage_end_log(stage);
	access_log_format_fini(&stage->format);
	unlink(stage->path);
	metric_block_free(stage->metrics);
	metrics_reset();
	facts_sample_drop(&stage->sample);
}

static struct span file_read(const char *path)
{
	static char text[FILE_BYTES];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	size_t n = fread(text, 1, sizeof(text), file);
	fclose(file);
	return span_of(text, n);
}

static void line_of_ones_own_is_written(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, "$method \"$target\" $status", FACTS_ESCAPE_TEXT);
	access_log_add(stage.log, &stage.format, &stage.sample.facts);
	stage_end_log(&stage);
	assert_true(span_eq(file_read(stage.path), SPAN_LIT("GET \"/a?b=\\\"\" 200\n")));
	assert_int_equal(metric_read("meridian_edge_access_log_lines_total", NULL), 1);
	stage_close(&stage);
}

static void built_in_json_line_is_json(void **state)
{
	struct stage stage;
	char reterr[160] = "";

	(void)state;
	stage_open(&stage, NULL, FACTS_ESCAPE_JSON);
	access_log_add(stage.log, &stage.format, &stage.sample.facts);
	stage_end_log(&stage);
	CLEANUP(json_drop)
	json_t *root = json_from(file_read(stage.path), 65536, reterr, sizeof(reterr));
	assert_non_null(root);
	assert_int_equal(json_integer_value(json_object_get(root, "status")), 200);
	assert_string_equal(json_string_value(json_object_get(root, "user_agent")), "a \"b\"");
	stage_close(&stage);
}

static void built_in_text_line_begins_as_the_usual_tools_expect(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, NULL, FACTS_ESCAPE_TEXT);
	access_log_add(stage.log, &stage.format, &stage.sample.facts);
	stage_end_log(&stage);
	assert_true(
		span_starts(file_read(stage.path),
			    SPAN_LIT("203.0.113.7 - - [31/Jan/2026:23:59:59 +0000] \"GET /a?b=\\\" "
				     "HTTP/1.1\" 200 1024 \"\" \"a \\\"b\\\"\" ")));
	stage_close(&stage);
}

static void lines_of_many_chunks_are_whole_and_counted(void **state)
{
	enum { N_LINES = 20000 };
	struct stage stage;
	struct span rest, line;
	int64_t n = 0;

	(void)state;
	stage_open(&stage, NULL, FACTS_ESCAPE_TEXT);
	for (unsigned i = 0; i < N_LINES; i++)
		access_log_add(stage.log, &stage.format, &stage.sample.facts);
	stage_end_log(&stage);
	rest = file_read(stage.path);
	while (span_cut(&rest, '\n', &line)) {
		if (line.len == 0)
			continue;
		assert_true(span_starts(line, SPAN_LIT("203.0.113.7 ")));
		assert_true(span_ends(line, SPAN_LIT(" reason=done")));
		n++;
	}
	int64_t n_written = metric_read("meridian_edge_access_log_lines_total", NULL);
	assert_int_equal(n, n_written);
	assert_int_equal(n_written + metric_read("meridian_edge_access_log_dropped_total", NULL),
			 N_LINES);
	stage_close(&stage);
}

static bool loss_is_counted(struct stage *stage)
{
	access_log_add(stage->log, &stage->format, &stage->sample.facts);
	return metric_read("meridian_edge_access_log_dropped_total", NULL) > 0;
}

static void lines_that_the_disk_does_not_take_are_counted(void **state)
{
	struct stage stage;

	(void)state;
	stage_open_at(&stage, "/dev/full", "$status", FACTS_ESCAPE_TEXT);
	EDGE_LOOP_UNTIL(stage.sample.loop, loss_is_counted(&stage));
	stage_close(&stage);
}

static void line_reaches_the_file_without_a_push(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, "$status", FACTS_ESCAPE_TEXT);
	access_log_add(stage.log, &stage.format, &stage.sample.facts);
	EDGE_LOOP_UNTIL(stage.sample.loop, file_read(stage.path).len == 4);
	stage_close(&stage);
}

static void reopened_file_takes_what_comes_later(void **state)
{
	struct stage stage;
	char moved[80];

	(void)state;
	stage_open(&stage, "$status", FACTS_ESCAPE_TEXT);
	snprintf(moved, sizeof(moved), "%s.1", stage.path);
	assert_int_equal(rename(stage.path, moved), 0);
	assert_int_equal(access_log_reopen(stage.writer, NULL), 0);
	access_log_add(stage.log, &stage.format, &stage.sample.facts);
	stage_end_log(&stage);
	assert_int_equal(file_read(moved).len, 0);
	assert_int_equal(file_read(stage.path).len, 4);
	unlink(moved);
	stage_close(&stage);
}

static void file_that_cannot_be_opened_is_an_error(void **state)
{
	struct access_log_writer *writer;

	(void)state;
	assert_int_equal(access_log_writer_new("/nonexistent/access.log", &writer), -ENOENT);
}

static void template_with_an_unknown_variable_is_refused(void **state)
{
	struct access_log_format format;
	char reterr[160] = "";

	(void)state;
	assert_int_equal(access_log_format_init(&format, "$nope", FACTS_ESCAPE_TEXT, reterr),
			 -EINVAL);
	assert_true(reterr[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_of_ones_own_is_written),
		cmocka_unit_test(built_in_json_line_is_json),
		cmocka_unit_test(built_in_text_line_begins_as_the_usual_tools_expect),
		cmocka_unit_test(lines_of_many_chunks_are_whole_and_counted),
		cmocka_unit_test(lines_that_the_disk_does_not_take_are_counted),
		cmocka_unit_test(line_reaches_the_file_without_a_push),
		cmocka_unit_test(reopened_file_takes_what_comes_later),
		cmocka_unit_test(file_that_cannot_be_opened_is_an_error),
		cmocka_unit_test(template_with_an_unknown_variable_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
