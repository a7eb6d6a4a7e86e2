/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_disk_segment: a segment of a disk store, as a file. The first byte says what the rest is:
 * the file itself; the entries of a summary, whose sums are made right; or headers, whose sums are
 * made right. What is read is sealed, and must then be read again as it was.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/obj.h"
#include "edge/cache/disk_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SALT = 4711, SEGMENT = 3, INPUT_MAX = 1 << 20, RECORDS_BYTES = 1 << 20 };

static void write_at(int fd, struct span bytes, uint64_t at)
{
	MUST(disk_file_write(fd, bytes, at) == 0);
}

static void make_sealed(int fd, struct span entries)
{
	const struct disk_trailer trailer = {
		.entries_at = RECORDS_BYTES,
		.entries_sum = disk_entries_sum(entries, SALT, SEGMENT),
		.n_entries = (uint32_t)(entries.len / DISK_ENTRY_BYTES),
	};
	uint8_t tail[DISK_TRAILER_BYTES];

	disk_trailer_write(tail, &trailer, SALT, SEGMENT);
	write_at(fd, entries, RECORDS_BYTES);
	write_at(fd, span_of(tail, sizeof(tail)), RECORDS_BYTES + entries.len);
}

/* One behind the other, as far as their lengths allow. */
static void make_headers(int fd, struct span input)
{
	uint8_t bytes[DISK_HEADER_BYTES];
	uint64_t at = 0;

	for (; input.len >= DISK_ENTRY_BYTES && at < RECORDS_BYTES;
	     input = span_from(input, DISK_ENTRY_BYTES)) {
		struct disk_entry entry;
		if (!disk_entry_read(input.at, SEGMENT, UINT64_MAX, &entry))
			continue;
		disk_header_write(bytes, &entry, disk_seed(SALT, SEGMENT, at), 0);
		write_at(fd, span_of(bytes, sizeof(bytes)), at);
		at += disk_record_bytes(entry.head_bytes, entry.body_bytes);
	}
	if (at <= 2 * RECORDS_BYTES && at > 0)
		MUST(ftruncate(fd, (off_t)at) == 0);
}

static void check(int fd)
{
	struct disk_summary first, second;
	struct disk_entry entry;
	uint64_t bytes;
	struct stat st;

	disk_summary_init(&first);
	disk_summary_init(&second);
	MUST(fstat(fd, &st) == 0);
	MUST(disk_summary_read(fd, SALT, SEGMENT, &first) == 0);
	MUST(first.records_end <= (uint64_t)st.st_size);
	for (size_t i = 0; i < disk_summary_n(&first); i++) {
		const uint8_t *at = first.entries.at + i * DISK_ENTRY_BYTES;
		bool fits = disk_entry_read(at, SEGMENT, first.records_end, &entry);
		MUST(fits || first.sealed);
		MUST(!fits ||
		     entry.offset + disk_record_bytes(entry.head_bytes, entry.body_bytes) <=
			     first.records_end);
	}
	MUST(disk_summary_seal(fd, SALT, SEGMENT, &first, &bytes) == 0);
	MUST(disk_summary_read(fd, SALT, SEGMENT, &second) == 0 && second.sealed);
	MUST(second.records_end == first.records_end &&
	     span_eq(buf_span(&first.entries), buf_span(&second.entries)));
	disk_summary_fini(&first);
	disk_summary_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct disk_store store;

	if (size == 0 || size > INPUT_MAX)
		return 0;
	if (fd < 0)
		fd = memfd_create("segment", MFD_CLOEXEC);
	MUST(fd >= 0 && ftruncate(fd, 0) == 0);
	const struct span rest = span_of(data + 1, size - 1);
	(void)disk_store_read(rest, &store);
	switch (data[0] % 3) {
	case 0:
		write_at(fd, rest, 0);
		break;
	case 1:
		make_sealed(fd, span_first(rest, rest.len / DISK_ENTRY_BYTES * DISK_ENTRY_BYTES));
		break;
	default:
		make_headers(fd, rest);
		break;
	}
	check(fd);
	return 0;
}
