/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/disk_format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge/cache/disk_format.h"

#include "core/obj.h"

enum { SALT = 4711, SEGMENT = 3 };

static const struct disk_entry one = {
	.id = { "abcdefghijklmnop" },
	.stamp = UINT64_MAX - 5,
	.body_bytes = 300000,
	.head_bytes = DISK_HEAD_BYTES_MAX,
	.offset = 4096,
	.segment = SEGMENT,
};

static void expect_same(const struct disk_entry *a, const struct disk_entry *b)
{
	assert_memory_equal(a->id.bytes, b->id.bytes, DISK_ID_BYTES);
	assert_true(a->stamp == b->stamp && a->body_bytes == b->body_bytes &&
		    a->head_bytes == b->head_bytes && a->is_tombstone == b->is_tombstone);
}

static void header_is_read_as_it_was_written_and_only_at_its_place(void **state)
{
	uint8_t bytes[DISK_HEADER_BYTES];
	struct disk_entry read;
	uint64_t head_sum;

	(void)state;
	uint64_t seed = disk_seed(SALT, SEGMENT, one.offset);
	disk_header_write(bytes, &one, seed, 99);
	assert_true(disk_header_read(span_of(bytes, sizeof(bytes)), seed, &read, &head_sum));
	expect_same(&one, &read);
	assert_true(head_sum == 99);
	const uint64_t others[] = {
		disk_seed(SALT + 1, SEGMENT, one.offset),
		disk_seed(SALT, SEGMENT + 1, one.offset),
		disk_seed(SALT, SEGMENT, one.offset + DISK_ALIGN_BYTES),
	};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(disk_header_read(span_of(bytes, sizeof(bytes)), others[i], &read,
					      &head_sum));
	for (size_t i = 0; i < sizeof(bytes) * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_false(
			disk_header_read(span_of(bytes, sizeof(bytes)), seed, &read, &head_sum));
		bytes[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	assert_false(disk_header_read(span_of(bytes, 63), seed, &read, &head_sum));
}

static void entry_is_read_as_it_was_written_and_must_fit(void **state)
{
	struct disk_entry tombstone = one, read;
	struct buf buf;

	(void)state;
	tombstone.is_tombstone = true;
	tombstone.head_bytes = 0;
	tombstone.body_bytes = 0;
	buf_init(&buf, 2 * DISK_ENTRY_BYTES);
	disk_entry_write(&buf, &one);
	disk_entry_write(&buf, &tombstone);
	assert_int_equal(buf.len, 2 * DISK_ENTRY_BYTES);
	uint64_t end = one.offset + disk_record_bytes(one.head_bytes, one.body_bytes);
	assert_true(disk_entry_read(buf.at, SEGMENT, end, &read));
	expect_same(&one, &read);
	assert_true(read.offset == one.offset && read.segment == SEGMENT);
	assert_false(disk_entry_read(buf.at, SEGMENT, end - 1, &read));
	assert_true(disk_entry_read(buf.at + DISK_ENTRY_BYTES, SEGMENT, end, &read));
	expect_same(&tombstone, &read);
	disk_entry_write(&buf, &one);
	assert_true(buf.failed);
	buf_fini(&buf);
}

static void trailer_belongs_to_one_length_of_one_file(void **state)
{
	const struct disk_trailer trailer = { .entries_at = 160, .entries_sum = 5, .n_entries = 2 };
	uint64_t file_bytes = 160 + 2 * DISK_ENTRY_BYTES + DISK_TRAILER_BYTES;
	uint8_t bytes[DISK_TRAILER_BYTES];
	const struct span span = span_of(bytes, sizeof(bytes));
	struct disk_trailer read;

	(void)state;
	disk_trailer_write(bytes, &trailer, SALT, SEGMENT);
	assert_true(disk_trailer_read(span, SALT, SEGMENT, file_bytes, &read));
	assert_true(read.entries_at == 160 && read.entries_sum == 5 && read.n_entries == 2);
	assert_false(disk_trailer_read(span, SALT, SEGMENT, file_bytes + 16, &read));
	assert_false(disk_trailer_read(span, SALT, SEGMENT, 10, &read));
	assert_false(disk_trailer_read(span, SALT, SEGMENT + 1, file_bytes, &read));
	bytes[20] ^= 1;
	assert_false(disk_trailer_read(span, SALT, SEGMENT, file_bytes, &read));
}

static void store_file_is_read_as_it_was_written(void **state)
{
	const struct disk_store store = { .salt = 0x1234567890abcdef, .floor = 77 };
	uint8_t bytes[DISK_STORE_BYTES];
	struct disk_store read;

	(void)state;
	disk_store_write(bytes, &store);
	assert_true(disk_store_read(span_of(bytes, sizeof(bytes)), &read));
	assert_true(read.salt == store.salt && read.floor == 77);
	for (size_t i = 0; i < sizeof(bytes) * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_false(disk_store_read(span_of(bytes, sizeof(bytes)), &read));
		bytes[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	assert_false(disk_store_read(span_of(bytes, 39), &read));
}

static void lengths_of_records_and_pieces_add_up(void **state)
{
	static const uint64_t bodies[] = {
		0, 1, 15, 16, DISK_PIECE_BYTES, DISK_PIECE_BYTES + 1, UINT64_C(1) << 30
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		uint64_t sum = 0, n = 0;
		size_t len;
		for (; (len = disk_piece_bytes(bodies[i], n)) > 0; n++)
			sum += len;
		assert_true(sum == bodies[i]);
		uint64_t exact = DISK_HEADER_BYTES + 77 + sum + n * DISK_SUM_BYTES;
		uint64_t bytes = disk_record_bytes(77, bodies[i]);
		assert_true(bytes >= exact && bytes < exact + DISK_ALIGN_BYTES &&
			    bytes % DISK_ALIGN_BYTES == 0);
	}
}

/* Three records of no head and a body of 100, in memory. */
enum { RECORD = 176, FILE_BYTES = 3 * RECORD };

static void file_make(uint8_t file[FILE_BYTES])
{
	memset(file, 'x', FILE_BYTES);
	assert_int_equal(disk_record_bytes(0, 100), RECORD);
	for (uint64_t at = 0; at < FILE_BYTES; at += RECORD) {
		struct disk_entry entry = { .stamp = at, .body_bytes = 100 };
		disk_header_write(file + at, &entry, disk_seed(SALT, SEGMENT, at), 0);
	}
}

/* How many records are found, in windows of `step` bytes; their offsets as bits of `ret_which`. */
static unsigned scan(const uint8_t *file, size_t file_bytes, size_t step, unsigned *ret_which,
		     uint64_t *ret_end)
{
	struct disk_scan scan = { .salt = SALT, .file_bytes = file_bytes, .segment = SEGMENT };
	struct span window = SPAN_NONE;
	uint64_t window_at = 0;
	struct disk_entry entry;
	unsigned n = 0;

	*ret_which = 0;
	for (unsigned guard = 0; guard < 1000; guard++) {
		switch ((enum disk_scan_outcome)disk_scan_next(&scan, window, window_at, &entry)) {
		case DISK_SCAN_RECORD:
			assert_true(entry.stamp == entry.offset && entry.segment == SEGMENT);
			*ret_which |= 1U << entry.offset / RECORD;
			n++;
			break;
		case DISK_SCAN_MORE:
			window_at = scan.at;
			window = span_first(span_from(span_of(file, file_bytes), (size_t)scan.at),
					    step);
			break;
		case DISK_SCAN_END:
			*ret_end = scan.end;
			return n;
		}
	}
	fail();
	return 0;
}

static void scan_finds_all_records_whatever_the_window(void **state)
{
	uint8_t file[FILE_BYTES];
	unsigned which;
	uint64_t end;

	(void)state;
	file_make(file);
	for (size_t step = DISK_HEADER_BYTES; step <= FILE_BYTES; step += 16) {
		assert_int_equal(scan(file, FILE_BYTES, step, &which, &end), 3);
		assert_true(end == FILE_BYTES);
	}
	assert_int_equal(scan(file, 0, 64, &which, &end), 0);
}

static void scan_leaves_out_a_torn_tail(void **state)
{
	uint8_t file[FILE_BYTES];
	unsigned which;
	uint64_t end;

	(void)state;
	file_make(file);
	for (size_t cut = 2 * RECORD; cut < FILE_BYTES; cut++) {
		assert_int_equal(scan(file, cut, FILE_BYTES, &which, &end), 2);
		assert_true(end == 2 * RECORD);
	}
}

static void scan_passes_over_what_is_damaged(void **state)
{
	uint8_t file[FILE_BYTES];
	unsigned which;
	uint64_t end;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		file_make(file);
		file[i * RECORD + 9] ^= 1;
		assert_int_equal(scan(file, FILE_BYTES, 64, &which, &end), 2);
		assert_int_equal(which, 7U & ~(1U << i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_read_as_it_was_written_and_only_at_its_place),
		cmocka_unit_test(entry_is_read_as_it_was_written_and_must_fit),
		cmocka_unit_test(trailer_belongs_to_one_length_of_one_file),
		cmocka_unit_test(store_file_is_read_as_it_was_written),
		cmocka_unit_test(lengths_of_records_and_pieces_add_up),
		cmocka_unit_test(scan_finds_all_records_whatever_the_window),
		cmocka_unit_test(scan_leaves_out_a_torn_tail),
		cmocka_unit_test(scan_passes_over_what_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
