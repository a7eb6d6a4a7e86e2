/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/disk as a whole: what is put is found, read, dropped and kept; and what comes
 * of a bad disk.
 */
#include "tests/unit/edge/cache/disk_stage.h"

#include <signal.h>
#include <sys/resource.h>

#include "core/metrics.h"

static int begin(void **state)
{
	static struct stage stage;

	if (stage_begin(&stage) < 0)
		return -1;
	stage_open(&stage);
	*state = &stage;
	return stage_drop_older(stage.disk, 0);
}

static int end(void **state)
{
	stage_end(*state);
	return 0;
}

static void what_is_put_is_read_whatever_its_size(void **state)
{
	struct stage *stage = *state;
	/* clang-format off */
	static const struct stage_record records[] = {
		{ .n = 1, .head_bytes = 0,      .body_bytes = 0 },
		{ .n = 2, .head_bytes = 100,    .body_bytes = 0 },
		{ .n = 3, .head_bytes = 0,      .body_bytes = 1 },
		{ .n = 4, .head_bytes = 333,    .body_bytes = 1024 },
		{ .n = 5, .head_bytes = 1,      .body_bytes = DISK_PIECE_BYTES },
		{ .n = 6, .head_bytes = 7,      .body_bytes = DISK_PIECE_BYTES + 1 },
		{ .n = 7, .head_bytes = DISK_HEAD_BYTES_MAX, .body_bytes = 5 },
		{ .n = 8, .head_bytes = 900,    .body_bytes = 390000 }, /* larger than a segment */
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		assert_int_equal(stage_put(stage->disk, &records[i]), DISK_PUT_STORED);
	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		assert_true(stage_has(stage, &records[i]));
	assert_false(stage_finds(stage->disk, 9));
	stage_reopen(stage);
	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		assert_true(stage_has(stage, &records[i]));
}

static void find_tells_lengths_and_stamp(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = {
		.n = 1, .stamp = UINT64_MAX, .head_bytes = 12, .body_bytes = 345
	};
	struct disk_id id = stage_id(1);
	struct disk_found found;

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_true(disk_find(stage->disk, &id, &found));
	assert_true(found.stamp == UINT64_MAX && found.head_bytes == 12 && found.body_bytes == 345);
}

static void newer_record_takes_the_place_of_the_older_for_good(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .n = 1, .head_bytes = 10, .body_bytes = 1000 };

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	record.version = 2;
	record.body_bytes = 2000;
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_true(stage_has(stage, &record));
	stage_reopen(stage);
	assert_true(stage_has(stage, &record));
}

static void drop_holds_at_once_and_after_a_restart(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .n = 1, .head_bytes = 10, .body_bytes = 1000 };
	struct disk_id id = stage_id(1);

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	record.n = 2;
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_int_equal(disk_drop(stage->disk, &id, NULL, NULL), 0);
	assert_false(stage_finds(stage->disk, 1));
	assert_int_equal(stage_drop(stage->disk, 1), 0);
	stage_reopen(stage);
	assert_false(stage_finds(stage->disk, 1));
	assert_true(stage_has(stage, &record));
	record.n = 1;
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	stage_reopen(stage);
	assert_true(stage_has(stage, &record));
}

static void drop_by_stamp_holds_at_once_and_after_a_restart(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .head_bytes = 10, .body_bytes = 100 };

	for (record.n = record.stamp = 1; record.n <= 10; record.n = ++record.stamp)
		assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_int_equal(stage_drop_older(stage->disk, 6), 0);
	for (int i = 0; i < 2; i++) {
		for (uint64_t n = 1; n <= 10; n++)
			assert_int_equal(stage_finds(stage->disk, n), n >= 6);
		stage_reopen(stage);
	}
	record.n = record.stamp = 5;
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_DROPPED);
}

static void drops_that_come_before_the_store_is_on_are_kept(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 10, .body_bytes = 100 };
	struct stage_result result = { -1 };
	struct disk_id id = stage_id(1);

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	disk_close(stage->disk);
	stage_open(stage);
	assert_int_equal(disk_drop(stage->disk, &id, stage_on_drop, &result), 0);
	assert_int_equal(stage_wait(&result), 0);
	assert_false(stage_finds(stage->disk, 1));
	stage_reopen(stage);
	assert_false(stage_finds(stage->disk, 1));
}

/* Which of the two is first is chance; that the drop wins is not. */
static void drop_overtakes_a_put_that_is_under_way(void **state)
{
	struct stage *stage = *state;
	static uint8_t bytes[64 * 1024];
	const struct span body = span_of(bytes, sizeof(bytes));

	for (uint64_t n = 0; n < 200; n++) {
		struct stage_result result = { -1 };
		const struct disk_record record = { .id = stage_id(n),
						    .body = &body,
						    .n_body = 1,
						    .done = stage_on_put,
						    .arg = &result };
		disk_put(stage->disk, &record);
		assert_int_equal(disk_drop(stage->disk, &record.id, NULL, NULL), 0);
		assert_false(stage_finds(stage->disk, n));
		assert_true(stage_wait(&result) >= 0);
		assert_false(stage_finds(stage->disk, n));
	}
	stage_reopen(stage);
	for (uint64_t n = 0; n < 200; n++)
		assert_false(stage_finds(stage->disk, n));
}

static void oldest_go_and_the_bound_holds(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .head_bytes = 50, .body_bytes = 3000 };
	struct disk_status status;
	uint64_t n_found = 0;

	for (record.n = 0; record.n < 2000; record.n++) {
		assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
		disk_status(stage->disk, &status);
		assert_true(status.bytes <= stage->conf.max_bytes);
	}
	for (record.n = 0; record.n < 2000; record.n++) {
		if (!stage_finds(stage->disk, record.n))
			continue;
		n_found++;
		assert_true(stage_has(stage, &record));
	}
	assert_false(stage_finds(stage->disk, 0));
	assert_true(stage_finds(stage->disk, 1999));
	assert_true(n_found > 400 && n_found == status.n_records);
	stage_reopen(stage);
	disk_status(stage->disk, &status);
	assert_true(status.n_records == n_found);
}

static void what_is_read_gets_a_second_chance(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .head_bytes = 50, .body_bytes = 3000 };
	struct stage_record loved = { .n = 1000000, .head_bytes = 5, .body_bytes = 200000 };

	assert_int_equal(stage_put(stage->disk, &loved), DISK_PUT_STORED);
	loved.n++;
	loved.body_bytes = 30000;
	assert_int_equal(stage_put(stage->disk, &loved), DISK_PUT_STORED);
	for (record.n = 0; record.n < 2000; record.n++) {
		assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
		if (record.n % 100 == 0)
			assert_true(stage_has(stage, &loved));
	}
	assert_true(stage_has(stage, &loved));
	assert_false(stage_finds(stage->disk, 1000000)); /* was not read */
	stage_reopen(stage);
	assert_true(stage_has(stage, &loved));
	assert_int_equal(stage_drop(stage->disk, loved.n), 0);
	stage_reopen(stage);
	assert_false(stage_finds(stage->disk, loved.n));
}

static void one_piece(void *arg, const struct disk_piece *piece)
{
	struct stage_read *r = arg;

	r->n_pieces++;
	r->result = (int)piece->result;
	r->len = (size_t)piece->from;
	r->body_bytes = piece->bytes.len;
}

static void segment_stays_readable_under_a_reader(void **state)
{
	struct stage *stage = *state;
	const struct stage_record large = { .n = 1, .head_bytes = 5, .body_bytes = 390000 };
	struct stage_record record = { .head_bytes = 50, .body_bytes = 3000 };
	struct stage_read r = { .result = -1 };
	const struct disk_reader reader = { &stage->mailbox, one_piece, &r };
	struct disk_id id = stage_id(1);
	struct disk_status status;

	assert_int_equal(stage_put(stage->disk, &large), DISK_PUT_STORED);
	assert_int_equal(disk_get(stage->disk, &id, &reader, &r.read), DISK_GET_STARTED);
	stage_turn_until(stage, &r.result);
	assert_int_equal(r.result, DISK_READ_OK);
	assert_int_equal(stage_drop(stage->disk, 1), 0);
	for (record.n = 100; record.n < 2000; record.n++) {
		assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
		disk_status(stage->disk, &status);
		assert_true(status.bytes <= stage->conf.max_bytes);
	}
	r.result = -1;
	disk_read_more(r.read, 300000);
	stage_turn_until(stage, &r.result);
	assert_int_equal(r.result, DISK_READ_OK);
	assert_true(r.len == 2 * DISK_PIECE_BYTES && r.body_bytes == 390000 - r.len);
	disk_read_free(r.read);
}

static void reads_can_be_cancelled_at_any_time(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 5, .body_bytes = 300000 };
	struct disk_id id = stage_id(1);

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	for (int i = 0; i < 300; i++) {
		struct stage_read r = { .result = -1 };
		const struct disk_reader reader = { &stage->mailbox, one_piece, &r };
		assert_int_equal(disk_get(stage->disk, &id, &reader, &r.read), DISK_GET_STARTED);
		if (i % 3 == 1)
			loop_turn(stage->loop, 0);
		if (i % 3 == 2) {
			stage_turn_until(stage, &r.result);
			disk_read_more(r.read, DISK_PIECE_BYTES);
		}
		unsigned n_pieces = r.n_pieces;
		disk_read_free(r.read);
		loop_turn(stage->loop, 0);
		assert_int_equal(r.n_pieces, n_pieces);
	}
	assert_true(stage_has(stage, &record));
}

static void reads_outlive_the_store(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 5, .body_bytes = 300000 };
	struct stage_read r = { .result = -1 };
	const struct disk_reader reader = { &stage->mailbox, one_piece, &r };
	struct disk_id id = stage_id(1);

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_int_equal(disk_get(stage->disk, &id, &reader, &r.read), DISK_GET_STARTED);
	stage_turn_until(stage, &r.result);
	disk_close(TAKE(stage->disk));
	r.result = -1;
	disk_read_more(r.read, DISK_PIECE_BYTES);
	stage_turn_until(stage, &r.result);
	assert_int_equal(r.result, DISK_READ_FAILED);
	disk_read_free(r.read);
}

static void read_whose_mailbox_closes_is_freed_by_its_owner(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 5, .body_bytes = 300 };
	struct disk_id id = stage_id(1);
	struct mailbox mailbox;

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	for (int i = 0; i < 50; i++) {
		struct stage_read r = { .result = -1 };
		const struct disk_reader reader = { &mailbox, one_piece, &r };
		assert_int_equal(mailbox_open(&mailbox, stage->loop), 0);
		assert_int_equal(disk_get(stage->disk, &id, &reader, &r.read), DISK_GET_STARTED);
		mailbox_close(&mailbox);
		disk_read_free(r.read);
		assert_int_equal(r.n_pieces, 0);
		/* A mail that is posted later goes to a closed mailbox: wait for that. */
		assert_true(stage_has(stage, &record));
		assert_true(stage_has(stage, &record));
	}
	disk_close(TAKE(stage->disk));
}

static void too_many_reads_are_refused(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 5, .body_bytes = 100000 };
	struct stage_read reads[64];
	struct disk_id id = stage_id(1);
	unsigned n_busy = 0;

	disk_close(stage->disk);
	stage->conf.max_reads = 1;
	stage->conf.n_readers = 1;
	stage_open(stage);
	assert_int_equal(stage_drop_older(stage->disk, 0), 0);
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		const struct disk_reader reader = { &stage->mailbox, one_piece, &reads[i] };
		reads[i] = (struct stage_read){ .result = -1 };
		int r = disk_get(stage->disk, &id, &reader, &reads[i].read);
		assert_true(r == DISK_GET_STARTED || r == DISK_GET_BUSY);
		n_busy += r == DISK_GET_BUSY;
		if (r == DISK_GET_BUSY)
			reads[i].result = -2;
	}
	assert_true(n_busy > 0 && n_busy < ARRAY_LEN(reads));
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		stage_turn_until(stage, &reads[i].result);
		assert_true(reads[i].result == DISK_READ_OK || reads[i].result == -2);
		disk_read_free(reads[i].read);
	}
}

static void puts_beyond_the_bounds_are_refused(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .n = 1, .head_bytes = DISK_HEAD_BYTES_MAX + 1 };
	static uint8_t bytes[100000];
	const struct span body = span_of(bytes, sizeof(bytes));
	struct stage_result results[64];
	unsigned n_busy = 0;

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_BIG);
	record = (struct stage_record){ .n = 1, .body_bytes = 8 * STAGE_SEGMENT / 5 + 1 };
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_BIG);
	disk_close(stage->disk);
	stage->conf.max_queued_bytes = 150000;
	stage_open(stage);
	assert_int_equal(stage_drop_older(stage->disk, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		const struct disk_record r = { .id = stage_id(i),
					       .body = &body,
					       .n_body = 1,
					       .done = stage_on_put,
					       .arg = &results[i] };
		results[i].value = -1;
		disk_put(stage->disk, &r);
	}
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		int result = stage_wait(&results[i]);
		assert_true(result == DISK_PUT_STORED || result == DISK_PUT_BUSY);
		n_busy += result == DISK_PUT_BUSY;
	}
	assert_int_equal(stage_drop_older(stage->disk, 0), 0);
	assert_true(n_busy > 0 && n_busy < ARRAY_LEN(results));
	record = (struct stage_record){ .n = 1, .body_bytes = 300000 }; /* more than the bound */
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
}

/* A file that may not grow is a disk without room. */
static void full_disk_turns_the_store_off_until_there_is_room(void **state)
{
	struct stage *stage = *state;
	struct stage_record record = { .head_bytes = 50, .body_bytes = 3000 };
	struct stage_record small = { .n = 77, .head_bytes = 50, .body_bytes = 300 };
	struct rlimit limit, old;
	struct disk_status status;
	int result = DISK_PUT_STORED;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(stage_put(stage->disk, &small), DISK_PUT_STORED);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int64_t n_troubles = metric_read("meridian_cache_disk_troubles_total", NULL);
	for (record.n = 100; record.n < 200 && result == DISK_PUT_STORED; record.n++)
		result = stage_put(stage->disk, &record);
	assert_int_equal(result, DISK_PUT_FAILED);
	assert_int_equal(metric_read("meridian_cache_disk_troubles_total", NULL), n_troubles + 1);
	disk_status(stage->disk, &status);
	assert_true(status.state != DISK_ON || status.reason == 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(stage_drop_older(stage->disk, 0), 0); /* on again */
	assert_true(stage_has(stage, &small));
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_true(stage_has(stage, &record));
}

static void vanished_folder_turns_the_store_off_and_it_begins_anew(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 50, .body_bytes = 3000 };
	struct stage_read r;

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	stage_remove_folder(stage->path);
	int result = stage_get(stage, 1, &r);
	assert_true(result == DISK_READ_FAILED);
	assert_int_equal(stage_drop_older(stage->disk, 0), 0);
	assert_false(stage_finds(stage->disk, 1));
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	stage_remove_folder(stage->path);
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_FAILED);
	assert_int_equal(stage_drop_older(stage->disk, 0), 0);
	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_true(stage_has(stage, &record));
}

static void folder_that_cannot_be_made_keeps_the_store_off(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 50, .body_bytes = 3000 };
	char path[128];
	struct disk_status status;
	struct disk *disk;

	snprintf(path, sizeof(path), "%s/no/such", stage->path);
	struct disk_conf conf = stage->conf;
	conf.path = path;
	assert_int_equal(disk_open(&conf, &disk), 0);
	assert_true(stage_wait_state(disk, DISK_OFF));
	disk_status(disk, &status);
	assert_int_equal(status.reason, -ENOENT);
	assert_int_equal(stage_put(disk, &record), DISK_PUT_OFF);
	disk_close(disk);
}

static void second_opener_waits_for_the_first(void **state)
{
	struct stage *stage = *state;
	const struct stage_record record = { .n = 1, .head_bytes = 50, .body_bytes = 3000 };
	struct stage_result dropped = { -1 }, cancelled = { -1 };
	struct disk_id id = stage_id(2);
	struct disk_status status;
	struct disk *second, *third;

	assert_int_equal(stage_put(stage->disk, &record), DISK_PUT_STORED);
	assert_int_equal(disk_open(&stage->conf, &second), 0);
	assert_int_equal(disk_open(&stage->conf, &third), 0);
	do {
		stage_pause();
		disk_status(second, &status);
	} while (status.reason == 0);
	assert_true(status.state == DISK_OPENING && status.reason == -EWOULDBLOCK);
	assert_false(stage_finds(second, 1));
	assert_int_equal(stage_put(second, &record), DISK_PUT_OFF);
	assert_int_equal(disk_drop(second, &id, stage_on_drop, &dropped), 0);
	assert_int_equal(disk_drop(third, &id, stage_on_drop, &cancelled), 0);
	disk_close(third);
	assert_int_equal(stage_wait(&cancelled), ECANCELED);
	disk_close(stage->disk);
	stage->disk = second;
	assert_int_equal(stage_wait(&dropped), 0);
	assert_true(stage_has(stage, &record));
}

static void wrong_configuration_is_refused(void **state)
{
	struct stage *stage = *state;
	struct disk_conf conf = stage->conf;
	struct disk *disk;

	conf.segment_bytes = conf.max_bytes / 4 + 1;
	assert_int_equal(disk_open(&conf, &disk), -EINVAL);
	conf.segment_bytes = 1;
	assert_int_equal(disk_open(&conf, &disk), -EINVAL);
	disk_close(NULL);
	disk_read_free(NULL);
}

#define DISK_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST(what_is_put_is_read_whatever_its_size),
		DISK_TEST(find_tells_lengths_and_stamp),
		DISK_TEST(newer_record_takes_the_place_of_the_older_for_good),
		DISK_TEST(drop_holds_at_once_and_after_a_restart),
		DISK_TEST(drop_by_stamp_holds_at_once_and_after_a_restart),
		DISK_TEST(drops_that_come_before_the_store_is_on_are_kept),
		DISK_TEST(drop_overtakes_a_put_that_is_under_way),
		DISK_TEST(oldest_go_and_the_bound_holds),
		DISK_TEST(what_is_read_gets_a_second_chance),
		DISK_TEST(segment_stays_readable_under_a_reader),
		DISK_TEST(reads_can_be_cancelled_at_any_time),
		DISK_TEST(reads_outlive_the_store),
		DISK_TEST(read_whose_mailbox_closes_is_freed_by_its_owner),
		DISK_TEST(too_many_reads_are_refused),
		DISK_TEST(puts_beyond_the_bounds_are_refused),
		DISK_TEST(full_disk_turns_the_store_off_until_there_is_room),
		DISK_TEST(vanished_folder_turns_the_store_off_and_it_begins_anew),
		DISK_TEST(folder_that_cannot_be_made_keeps_the_store_off),
		DISK_TEST(second_opener_waits_for_the_first),
		DISK_TEST(wrong_configuration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
