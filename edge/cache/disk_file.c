/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_file: a window of the file is read at a time when a segment is scanned, and only where a
 * header is due: bodies are jumped over.
 */
#include "edge/cache/disk_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/obj.h"

enum {
	WINDOW_BYTES = 64 * 1024,
	SUMMARY_BYTES_MAX = DISK_SEGMENT_RECORDS_MAX * DISK_ENTRY_BYTES,
};

int disk_file_write(int fd, struct span bytes, uint64_t at)
{
	while (bytes.len > 0) {
		ssize_t n = pwrite(fd, bytes.at, bytes.len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_new(n < 0 ? -errno : -EIO);
		bytes = span_from(bytes, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

int disk_file_read(int fd, uint8_t *to, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_new(n < 0 ? -errno : -ENODATA);
		to += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

void disk_summary_init(struct disk_summary *summary)
{
	*summary = (struct disk_summary){ .records_end = 0 };
	buf_init(&summary->entries, SUMMARY_BYTES_MAX);
}

void disk_summary_fini(struct disk_summary *summary)
{
	buf_fini(&summary->entries);
}

/* Positive: there is none that verifies. */
static int trailer_read(int fd, uint64_t salt, uint32_t segment, uint64_t file_bytes,
			struct disk_trailer *ret_trailer)
{
	uint8_t tail[DISK_TRAILER_BYTES];

	if (file_bytes < sizeof(tail))
		return 1;
	int r = disk_file_read(fd, tail, sizeof(tail), file_bytes - sizeof(tail));
	if (r < 0)
		return err_pass(r);
	return !disk_trailer_read(span_of(tail, sizeof(tail)), salt, segment, file_bytes,
				  ret_trailer);
}

void disk_summary_announce(int fd, uint64_t salt, uint32_t segment)
{
	struct disk_trailer trailer;
	struct stat st;

	if (fstat(fd, &st) == 0 &&
	    trailer_read(fd, salt, segment, (uint64_t)st.st_size, &trailer) == 0)
		(void)posix_fadvise(fd, (off_t)trailer.entries_at, 0, POSIX_FADV_WILLNEED);
}

/* Positive: there is no summary that verifies. */
static int sealed_read(int fd, uint64_t salt, uint32_t segment, uint64_t file_bytes,
		       struct disk_summary *summary)
{
	struct disk_trailer trailer;
	int r = trailer_read(fd, salt, segment, file_bytes, &trailer);

	if (r != 0)
		return r < 0 ? err_pass(r) : r;
	size_t len = (size_t)trailer.n_entries * DISK_ENTRY_BYTES;
	uint8_t *entries = buf_room(&summary->entries, len);
	if (!entries && len > 0)
		return err_new(-ENOMEM);
	r = disk_file_read(fd, entries, len, trailer.entries_at);
	if (r < 0)
		return err_pass(r);
	if (disk_entries_sum(span_of(entries, len), salt, segment) != trailer.entries_sum)
		return 1;
	buf_grew(&summary->entries, len);
	summary->records_end = trailer.entries_at;
	summary->sealed = true;
	return 0;
}

static int scan(int fd, struct disk_scan *scan, uint8_t window[WINDOW_BYTES], struct buf *entries)
{
	struct span bytes = SPAN_NONE;
	struct disk_entry entry;
	uint64_t at = 0;

	while (!entries->failed) {
		switch ((enum disk_scan_outcome)disk_scan_next(scan, bytes, at, &entry)) {
		case DISK_SCAN_RECORD:
			disk_entry_write(entries, &entry);
			break;
		case DISK_SCAN_MORE:
			at = scan->at;
			bytes = span_of(window,
					(size_t)MIN((uint64_t)WINDOW_BYTES, scan->file_bytes - at));
			int r = disk_file_read(fd, window, bytes.len, at);
			if (r < 0)
				return err_pass(r);
			break;
		case DISK_SCAN_END:
			return 0;
		}
	}
	return err_new(-ENOMEM);
}

int disk_summary_read(int fd, uint64_t salt, uint32_t segment, struct disk_summary *summary)
{
	struct stat st;

	buf_empty(&summary->entries);
	summary->records_end = 0;
	summary->sealed = false;
	if (fstat(fd, &st) < 0)
		return err_new(-errno);
	int r = sealed_read(fd, salt, segment, (uint64_t)st.st_size, summary);
	if (r <= 0)
		return err_pass(r);

	CLEANUP(free_drop) uint8_t *window = malloc(WINDOW_BYTES);
	if (!window)
		return err_new(-ENOMEM);
	struct disk_scan state = {
		.salt = salt,
		.file_bytes = (uint64_t)st.st_size,
		.segment = segment,
	};
	r = scan(fd, &state, window, &summary->entries);
	summary->records_end = state.end;
	return err_pass(r);
}

int disk_summary_seal(int fd, uint64_t salt, uint32_t segment, struct disk_summary *summary,
		      uint64_t *ret_bytes)
{
	struct span entries = buf_span(&summary->entries);
	struct disk_trailer trailer = {
		.entries_at = summary->records_end,
		.entries_sum = disk_entries_sum(entries, salt, segment),
		.n_entries = (uint32_t)disk_summary_n(summary),
	};
	uint8_t tail[DISK_TRAILER_BYTES];

	disk_trailer_write(tail, &trailer, salt, segment);
	if (ftruncate(fd, (off_t)summary->records_end) < 0)
		return err_new(-errno);
	int r = disk_file_write(fd, entries, trailer.entries_at);
	if (r == 0)
		r = disk_file_write(fd, span_of(tail, sizeof(tail)),
				    trailer.entries_at + entries.len);
	if (r < 0)
		return err_pass(r);
	summary->sealed = true;
	*ret_bytes = trailer.entries_at + entries.len + sizeof(tail);
	return 0;
}
