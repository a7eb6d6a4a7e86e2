/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/purge_file: purges outlive the process, and what is lost is taken for purged.
 */
#include "cache_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/cache/purge_file.h"

enum { NOW_S = 1000000 };

struct stage {
	char path[64];
	struct purge_file *file;
	struct purge_log *log;
};

static void stage_open(struct stage *stage)
{
	assert_int_equal(purge_file_open(stage->path, NOW_S, &stage->file, &stage->log), 0);
}

static void stage_close(struct stage *stage)
{
	purge_file_close(stage->file);
	purge_log_free(stage->log);
}

/* In memory where there is such a folder: each purge is synced. */
static void stage_begin(struct stage *stage)
{
	const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(stage->path, sizeof(stage->path), "%s/meridian-purges-XXXXXX", folder);
	int fd = mkstemp(stage->path);
	assert_true(fd >= 0);
	close(fd);
	unlink(stage->path);
	stage_open(stage);
}

static void stage_end(struct stage *stage)
{
	stage_close(stage);
	unlink(stage->path);
}

static uint64_t add(struct stage *stage, enum purge_kind kind, bool soft, const char *text)
{
	const struct purge purge = { kind, soft, span_str(text) };
	uint64_t number;

	assert_int_equal(purge_file_add(stage->file, stage->log, &purge, &number), 0);
	return number;
}

static enum purge_verdict judge(const struct stage *stage, const char *url, uint64_t after)
{
	const struct purge_subject subject = { .url = span_str(url),
					       .url_hash = purge_url_hash(span_str(url)) };
	uint64_t position;

	return purge_judge(stage->log, &subject, after, &position);
}

static void purges_are_there_in_the_next_life(void **state)
{
	struct stage stage;

	(void)state;
	stage_begin(&stage);
	uint64_t begun = purge_position(stage.log);
	uint64_t first = add(&stage, PURGE_URL, false, "https://a/b");
	uint64_t second = add(&stage, PURGE_PREFIX, true, "https://a/c");
	assert_true(begun < first && first < second);
	for (int life = 0; life < 3; life++) {
		stage_close(&stage);
		stage_open(&stage);
		assert_int_equal(purge_position(stage.log), second);
		assert_int_equal(judge(&stage, "https://a/b", begun), PURGE_HARD);
		assert_int_equal(judge(&stage, "https://a/b", first), PURGE_SPARED);
		assert_int_equal(judge(&stage, "https://a/cd", first), PURGE_SOFT);
		assert_int_equal(judge(&stage, "https://a/d", begun), PURGE_SPARED);
	}
	assert_true(add(&stage, PURGE_ALL, false, "") > second);
	stage_end(&stage);
}

static void what_is_older_than_the_file_is_stale(void **state)
{
	struct stage stage;

	(void)state;
	stage_begin(&stage);
	uint64_t before = purge_position(stage.log) - 1;
	assert_int_equal(judge(&stage, "https://a/b", before), PURGE_SOFT);
	stage_end(&stage);
}

/* Numbers of a new file are above those of any life before, for they are made of the time. */
static void file_that_is_garbage_is_begun_anew(void **state)
{
	static const char *const garbage[] = { "x", "0123456789012345678901234567890123456789" };
	struct stage stage;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		stage_begin(&stage);
		uint64_t last = add(&stage, PURGE_URL, false, "https://a/b");
		stage_close(&stage);
		int fd = open(stage.path, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, garbage[i], strlen(garbage[i])), strlen(garbage[i]));
		close(fd);
		assert_int_equal(purge_file_open(stage.path, NOW_S + 10, &stage.file, &stage.log),
				 0);
		assert_true(purge_position(stage.log) > last);
		assert_int_equal(judge(&stage, "https://a/z", last), PURGE_SOFT);
		stage_end(&stage);
	}
}

/* Wherever a crash has cut it, the whole ones before are there. */
static void torn_end_is_cut(void **state)
{
	struct stage stage;
	struct stat st;

	(void)state;
	stage_begin(&stage);
	uint64_t begun = purge_position(stage.log);
	uint64_t first = add(&stage, PURGE_URL, false, "https://a/b");
	assert_int_equal(stat(stage.path, &st), 0);
	off_t whole = st.st_size;
	add(&stage, PURGE_URL, false, "https://a/c");
	assert_int_equal(stat(stage.path, &st), 0);
	for (off_t len = whole; len < st.st_size; len++) {
		stage_close(&stage);
		assert_int_equal(truncate(stage.path, len), 0);
		stage_open(&stage);
		assert_int_equal(purge_position(stage.log), first);
		assert_int_equal(judge(&stage, "https://a/b", begun), PURGE_HARD);
		add(&stage, PURGE_URL, false, "https://a/c");
	}
	stage_end(&stage);
}

static void file_does_not_grow_for_ever(void **state)
{
	struct stage stage;
	struct stat st;
	uint64_t last = 0;
	off_t one;

	(void)state;
	stage_begin(&stage);
	assert_int_equal(stat(stage.path, &st), 0);
	one = st.st_size;
	for (size_t i = 0; i < 3 * (size_t)PURGE_KEPT; i++)
		last = add(&stage, PURGE_TAG, false, "");
	assert_int_equal(stat(stage.path, &st), 0);
	assert_true(st.st_size <= one * (2 * PURGE_KEPT + 1));
	stage_close(&stage);
	stage_open(&stage);
	assert_int_equal(purge_position(stage.log), last);
	assert_int_equal(judge(&stage, "https://a/b", last - 1), PURGE_SPARED);
	assert_int_equal(judge(&stage, "https://a/b", last - 2 * PURGE_KEPT), PURGE_SOFT);
	stage_end(&stage);
}

static void folder_that_is_not_there_is_an_error(void **state)
{
	struct purge_file *file;
	struct purge_log *log;

	(void)state;
	assert_int_equal(purge_file_open("/nonexistent/purges", NOW_S, &file, &log), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purges_are_there_in_the_next_life),
		cmocka_unit_test(what_is_older_than_the_file_is_stale),
		cmocka_unit_test(file_that_is_garbage_is_begun_anew),
		cmocka_unit_test(torn_end_is_cut),
		cmocka_unit_test(file_does_not_grow_for_ever),
		cmocka_unit_test(folder_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
