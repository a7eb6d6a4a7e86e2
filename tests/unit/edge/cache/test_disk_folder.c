/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/disk_folder: what a start makes of files that are torn, damaged, missing or
 * foreign.
 */
#include "tests/unit/edge/cache/disk_stage.h"

enum { N = 400 }; /* five segments or so */

static const struct stage_record shape = { .head_bytes = 50, .body_bytes = 3000 };

static int begin(void **state)
{
	static struct stage stage;
	struct stage_record record = shape;

	if (stage_begin(&stage) < 0)
		return -1;
	stage_open(&stage);
	*state = &stage;
	if (stage_drop_older(stage.disk, 0) != 0)
		return -1;
	for (record.n = 0; record.n < N; record.n++) {
		if (stage_put(stage.disk, &record) != DISK_PUT_STORED)
			return -1;
	}
	disk_close(TAKE(stage.disk));
	return 0;
}

static int end(void **state)
{
	stage_end(*state);
	return 0;
}

struct damage {
	int segment; /* the how many-th; -1: any */
	int n_seen;
	void (*fn)(int fd, off_t len, const char *file);
};

static void damage_one(const char *file, const char *name, void *arg)
{
	struct damage *damage = arg;
	struct stat st;

	if (!strstr(name, ".seg") || (damage->n_seen++ != damage->segment && damage->segment != -1))
		return;
	int fd = open(file, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	damage->fn(fd, st.st_size, file);
	close(fd);
}

static int damage(struct stage *stage, int segment, void (*fn)(int fd, off_t len, const char *file))
{
	struct damage damage = { .segment = segment, .fn = fn };

	stage_each_file(stage->path, damage_one, &damage);
	return damage.n_seen;
}

static void flip(int fd, off_t at)
{
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

/* Opens it again and counts what is there; nothing that is there may be wrong. */
static unsigned count_whole(struct stage *stage)
{
	struct stage_record record = shape;
	unsigned n = 0;

	if (!stage->disk)
		stage_open(stage);
	assert_int_equal(stage_drop_older(stage->disk, 0), 0);
	for (record.n = 0; record.n < N; record.n++) {
		struct stage_read r;
		if (!stage_finds(stage->disk, record.n))
			continue;
		if (stage_has(stage, &record)) {
			n++;
			continue;
		}
		/* It proved broken: so it is gone, for good. */
		assert_false(stage_finds(stage->disk, record.n));
		assert_int_equal(stage_get(stage, record.n, &r), -2);
	}
	return n;
}

static void nothing(int fd, off_t len, const char *file)
{
	(void)fd;
	(void)len;
	(void)file;
}

static void clean_end_keeps_all(void **state)
{
	assert_true(damage(*state, -1, nothing) >= 4);
	assert_int_equal(count_whole(*state), N);
}

static void cut_trailer(int fd, off_t len, const char *file)
{
	(void)file;
	assert_int_equal(ftruncate(fd, len - 1), 0);
}

static void segments_without_a_summary_are_scanned_and_sealed(void **state)
{
	struct stage *stage = *state;

	damage(stage, -1, cut_trailer);
	assert_int_equal(count_whole(stage), N);
	stage_reopen(stage);
	assert_int_equal(count_whole(stage), N);
}

static void flip_trailer(int fd, off_t len, const char *file)
{
	(void)file;
	flip(fd, len - 30);
}

static void flip_summary(int fd, off_t len, const char *file)
{
	(void)file;
	flip(fd, len - 200);
}

static void flipped_bit_in_a_summary_costs_nothing(void **state)
{
	struct stage *stage = *state;

	damage(stage, -1, flip_trailer);
	assert_int_equal(count_whole(stage), N);
	disk_close(TAKE(stage->disk));
	damage(stage, -1, flip_summary);
	assert_int_equal(count_whole(stage), N);
}

static void tear(int fd, off_t len, const char *file)
{
	(void)file;
	assert_int_equal(ftruncate(fd, len / 2), 0);
}

static void torn_newest_segment_keeps_what_is_before_the_tear(void **state)
{
	struct stage *stage = *state;
	struct stage_record more = { .n = N + 1, .head_bytes = 50, .body_bytes = 70000 };

	int n_segments = damage(stage, -2, nothing);
	damage(stage, n_segments - 1, tear);
	unsigned n = count_whole(stage);
	assert_true(n < N && n > N - N / 4);
	assert_int_equal(stage_put(stage->disk, &more), DISK_PUT_STORED);
	stage_reopen(stage);
	assert_int_equal(count_whole(stage), n);
	assert_true(stage_has(stage, &more));
}

static void cut_to_nothing(int fd, off_t len, const char *file)
{
	(void)len;
	(void)file;
	assert_int_equal(ftruncate(fd, 0), 0);
}

static void empty_newest_segment_is_written_on(void **state)
{
	struct stage *stage = *state;
	struct stage_record more = { .n = N + 1, .head_bytes = 50, .body_bytes = 70000 };

	int n_segments = damage(stage, -2, nothing);
	damage(stage, n_segments - 1, cut_to_nothing);
	unsigned n = count_whole(stage);
	assert_true(n < N && n > N - N / 4);
	assert_int_equal(stage_put(stage->disk, &more), DISK_PUT_STORED);
	stage_reopen(stage);
	assert_true(stage_has(stage, &more));
}

/* The first record of a segment: its header, its head, its body. */
static void flip_header(int fd, off_t len, const char *file)
{
	(void)len;
	(void)file;
	flip(fd, 30);
}

static void flip_head(int fd, off_t len, const char *file)
{
	(void)len;
	(void)file;
	flip(fd, 70);
}

static void flip_body(int fd, off_t len, const char *file)
{
	(void)len;
	(void)file;
	flip(fd, 1000);
}

static void flipped_bits_cost_the_records_that_they_hit(void **state)
{
	struct stage *stage = *state;

	damage(stage, 0, flip_header);
	damage(stage, 1, flip_head);
	damage(stage, 2, flip_body);
	assert_int_equal(count_whole(stage), N - 3);
	stage_reopen(stage);
	assert_int_equal(count_whole(stage), N - 3);
}

static void flipped_header_in_a_scanned_segment_costs_one_record(void **state)
{
	struct stage *stage = *state;

	damage(stage, -1, cut_trailer);
	damage(stage, 1, flip_header);
	assert_int_equal(count_whole(stage), N - 1);
}

static void dropped(struct stage *stage)
{
	stage_open(stage);
	assert_int_equal(stage_drop_older(stage->disk, 0), 0);
	for (uint64_t n = 0; n < 10; n++)
		assert_int_equal(stage_drop(stage->disk, n), 0);
	disk_close(TAKE(stage->disk));
}

static void drops_survive_a_lost_summary(void **state)
{
	struct stage *stage = *state;

	dropped(stage);
	damage(stage, -1, flip_trailer);
	assert_int_equal(count_whole(stage), N - 10);
	for (uint64_t n = 0; n < 10; n++)
		assert_false(stage_finds(stage->disk, n));
}

static void remove_file(int fd, off_t len, const char *file)
{
	(void)fd;
	(void)len;
	unlink(file);
}

static void what_is_older_than_a_missing_segment_is_not_trusted(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .n = N - 1, .head_bytes = 50, .body_bytes = 3000 };

	damage(stage, 2, remove_file);
	unsigned n = count_whole(stage);
	assert_true(n > 0 && n < N - N / 2);
	assert_false(stage_finds(stage->disk, 0));
	assert_true(stage_has(stage, &record));
}

static void without_a_whole_store_file_it_begins_anew(void **state)
{
	struct stage *stage = *state;
	char file[128];

	snprintf(file, sizeof(file), "%s/store", stage->path);
	int fd = open(file, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	flip(fd, 20);
	close(fd);
	assert_int_equal(count_whole(stage), 0);
	assert_int_equal(damage(stage, -1, nothing), 0);
}

static void segments_of_another_store_are_not_read(void **state)
{
	struct stage *stage = *state;
	struct disk_status status;
	struct stage other;
	char from[256], to[256];

	assert_int_equal(stage_begin(&other), 0);
	stage_open(&other);
	assert_int_equal(stage_drop_older(other.disk, 0), 0);
	disk_close(TAKE(other.disk));
	snprintf(from, sizeof(from), "%s/00000001.seg", stage->path);
	snprintf(to, sizeof(to), "%s/00000001.seg", other.path);
	assert_int_equal(rename(from, to), 0);
	stage_open(&other);
	assert_int_equal(stage_drop_older(other.disk, 0), 0);
	disk_status(other.disk, &status);
	assert_true(status.n_records == 0);
	stage_end(&other);
}

static void smaller_store_keeps_the_newest(void **state)
{
	struct stage *stage = *state;
	struct disk_status status;

	stage->conf.segment_bytes = 128 * 1024;
	stage->conf.max_bytes = 4 * stage->conf.segment_bytes;
	unsigned n = count_whole(stage);
	assert_true(n > 0 && n < N);
	assert_true(stage_finds(stage->disk, N - 1));
	disk_status(stage->disk, &status);
	assert_true(status.bytes <= stage->conf.max_bytes);
}

static void other_files_are_left_alone(void **state)
{
	struct stage *stage = *state;
	char file[128];

	snprintf(file, sizeof(file), "%s/0000000A.seg", stage->path); /* not as we write it */
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(count_whole(stage), N);
	assert_int_equal(access(file, F_OK), 0);
}

#define FOLDER_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(clean_end_keeps_all),
		FOLDER_TEST(segments_without_a_summary_are_scanned_and_sealed),
		FOLDER_TEST(flipped_bit_in_a_summary_costs_nothing),
		FOLDER_TEST(torn_newest_segment_keeps_what_is_before_the_tear),
		FOLDER_TEST(empty_newest_segment_is_written_on),
		FOLDER_TEST(flipped_bits_cost_the_records_that_they_hit),
		FOLDER_TEST(flipped_header_in_a_scanned_segment_costs_one_record),
		FOLDER_TEST(drops_survive_a_lost_summary),
		FOLDER_TEST(what_is_older_than_a_missing_segment_is_not_trusted),
		FOLDER_TEST(without_a_whole_store_file_it_begins_anew),
		FOLDER_TEST(segments_of_another_store_are_not_read),
		FOLDER_TEST(smaller_store_keeps_the_newest),
		FOLDER_TEST(other_files_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
