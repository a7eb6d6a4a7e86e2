/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_log: appending. Everything is laid together in one staging buffer: many small records make
 * one write, a piece of a body is in one place when its sum is taken, and the bytes are copied once
 * more than need be, which costs less than the write itself.
 */
#include "edge/cache/disk_priv.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"
#include "core/obj.h"

enum { STAGING_BYTES = 1024 * 1024, WRITE_BEHIND_BYTES = 8 * 1024 * 1024 };
_Static_assert(DISK_HEADER_BYTES + DISK_HEAD_BYTES_MAX <= STAGING_BYTES &&
		       DISK_SUM_BYTES + DISK_PIECE_BYTES <= STAGING_BYTES,
	       "a head and a piece fit");

int disk_log_flush(struct disk *disk)
{
	struct disk_log *log = &disk->log;

	if (log->n_staged == 0)
		return 0;
	uint64_t at = log->summary.records_end - log->n_staged;
	int r = disk_file_write(log->fd, span_of(log->staging, log->n_staged), at);
	if (r < 0)
		return err_pass(r);
	log->n_staged = 0;
	/* Else a drop could have to wait until a whole segment has been written. */
	if (at / WRITE_BEHIND_BYTES != log->summary.records_end / WRITE_BEHIND_BYTES)
		(void)sync_file_range(log->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

int disk_log_sync(struct disk *disk)
{
	int r = disk_log_flush(disk);

	if (r < 0)
		return err_pass(r);
	if (disk->log.owes_sync && fdatasync(disk->log.fd) < 0)
		return err_new(-errno);
	disk->log.owes_sync = false;
	return 0;
}

void disk_log_close(struct disk *disk)
{
	fd_drop(&disk->log.fd);
	disk->log.segment = NULL;
	disk->log.n_staged = 0;
	disk->log.owes_sync = false;
}

int disk_log_seal(struct disk *disk)
{
	struct disk_log *log = &disk->log;
	uint64_t bytes = 0;

	if (!log->segment)
		return 0;
	int r = disk_log_flush(disk);
	if (r == 0)
		r = disk_summary_seal(log->fd, disk->salt, log->segment->number, &log->summary,
				      &bytes);
	if (r == 0)
		r = disk_log_sync(disk);
	if (r < 0)
		return err_pass(r);
	pthread_mutex_lock(&disk->lock);
	disk_segment_resize(disk, log->segment, bytes);
	pthread_mutex_unlock(&disk->lock);
	disk_log_close(disk);
	return 0;
}

/* The file is on the disk, whatever happens, before a record is: so a number that is missing in a
 * folder means that somebody took it away. */
static int begin(struct disk *disk, uint64_t bytes)
{
	struct disk_log *log = &disk->log;
	char name[DISK_NAME_BYTES];

	if (disk->next_number == UINT32_MAX)
		return err_new(-EOVERFLOW);
	disk_segment_name(disk->next_number, name);
	CLEANUP(fd_drop)
	int fd = openat(disk->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_new(-errno);
	int r = disk_folder_sync(disk);
	if (r < 0)
		return err_pass(r);
	pthread_mutex_lock(&disk->lock);
	log->segment = disk_segment_add(disk, disk->next_number, bytes);
	pthread_mutex_unlock(&disk->lock);
	if (!log->segment)
		return err_new(-ENOMEM);
	disk->next_number++;
	log->fd = TAKE_FD(fd);
	buf_empty(&log->summary.entries);
	log->summary.records_end = 0;
	log->summary.sealed = false;
	return 0;
}

int disk_log_roll(struct disk *disk, uint64_t need, unsigned n_evict)
{
	uint64_t reserve = MAX(disk->conf.segment_bytes, need + disk_summary_bytes(1));
	struct disk_victims victims;

	int r = disk_log_seal(disk);
	if (r < 0)
		return err_pass(r);
	int outcome = disk_evict_begin(disk, reserve, n_evict, &victims);
	if (outcome < 0)
		return err_pass(outcome);
	if (outcome == 0)
		r = begin(disk, reserve);
	else if (victims.n > 0)
		r = disk_folder_sync(disk);
	if (r == 0)
		r = disk_evict_end(
			disk, &victims,
			MIN(disk->conf.segment_bytes / 4, reserve - need - disk_summary_bytes(1)));
	disk_evict_drop(disk, &victims);
	return r < 0 ? err_pass(r) : outcome;
}

static bool fits(const struct disk_log *log, uint64_t need)
{
	size_t n = disk_summary_n(&log->summary);

	return log->segment && n < DISK_SEGMENT_RECORDS_MAX &&
	       log->summary.records_end + need + disk_summary_bytes(n + 1) <= log->segment->bytes;
}

static int make_ready(struct disk *disk, uint64_t need)
{
	if (fits(&disk->log, need))
		return 0;
	int r = disk_log_roll(disk, need, 0);
	MUST(r != 0 || fits(&disk->log, need));
	return err_pass(r);
}

/* Room for so many bytes in one place. */
static int stage(struct disk *disk, size_t len, uint8_t **ret_at)
{
	struct disk_log *log = &disk->log;

	if (log->n_staged + len > STAGING_BYTES) {
		int r = disk_log_flush(disk);
		if (r < 0)
			return err_pass(r);
	}
	*ret_at = log->staging + log->n_staged;
	log->n_staged += len;
	log->summary.records_end += len;
	return 0;
}

/* A place in a body that is in many spans. */
struct body {
	const struct span *spans;
	size_t at; /* in the first of them */
};

static void body_copy(struct body *body, uint8_t *to, size_t len)
{
	while (len > 0) {
		MUST(body->spans);
		struct span part = span_first(span_from(*body->spans, body->at), len);
		if (part.len > 0)
			memcpy(to, part.at, part.len);
		to += part.len;
		len -= part.len;
		body->at += part.len;
		if (body->at == body->spans->len) {
			body->spans++;
			body->at = 0;
		}
	}
}

static int put_body(struct disk *disk, const struct disk_record *record,
		    const struct disk_entry *entry, uint64_t seed)
{
	struct body body = { .spans = record->body };
	size_t len;

	for (uint64_t i = 0; (len = disk_piece_bytes(entry->body_bytes, i)) > 0; i++) {
		uint8_t *at;
		int r = stage(disk, DISK_SUM_BYTES + len, &at);
		if (r < 0)
			return err_pass(r);
		body_copy(&body, at + DISK_SUM_BYTES, len);
		disk_sum_write(at, disk_piece_sum(seed, i, span_of(at + DISK_SUM_BYTES, len)));
	}
	return 0;
}

/* Header, head, body, zeros: at the place that `entry` says. */
static int put_bytes(struct disk *disk, const struct disk_record *record,
		     const struct disk_entry *entry)
{
	uint64_t seed = disk_seed(disk->salt, entry->segment, entry->offset);
	uint64_t end = entry->offset + disk_record_bytes(entry->head_bytes, entry->body_bytes);
	uint8_t *at;

	int r = stage(disk, DISK_HEADER_BYTES + record->head.len, &at);
	if (r < 0)
		return err_pass(r);
	if (record->head.len > 0)
		memcpy(at + DISK_HEADER_BYTES, record->head.at, record->head.len);
	disk_header_write(at, entry, seed, disk_head_sum(seed, record->head));
	r = put_body(disk, record, entry, seed);
	size_t pad = (size_t)(end - disk->log.summary.records_end);
	if (r == 0 && pad > 0) {
		r = stage(disk, pad, &at);
		if (r == 0)
			memset(at, 0, pad);
	}
	return err_pass(r);
}

static int put(struct disk *disk, const struct disk_record *record, struct disk_entry *entry)
{
	struct disk_log *log = &disk->log;
	int r = make_ready(disk, disk_record_bytes(entry->head_bytes, entry->body_bytes));

	if (r != 0)
		return r < 0 ? err_pass(r) : r;
	entry->segment = log->segment->number;
	entry->offset = log->summary.records_end;
	r = put_bytes(disk, record, entry);
	if (r < 0)
		return err_pass(r);
	disk_entry_write(&log->summary.entries, entry);
	return log->summary.entries.failed ? err_new(-ENOMEM) : 0;
}

int disk_log_put(struct disk *disk, const struct disk_record *record, uint64_t body_bytes,
		 struct disk_entry *ret_entry)
{
	struct disk_entry entry = {
		.id = record->id,
		.stamp = record->stamp,
		.body_bytes = body_bytes,
		.head_bytes = (uint32_t)record->head.len,
	};
	int r = put(disk, record, &entry);

	if (r == 0)
		*ret_entry = entry;
	return r < 0 ? err_pass(r) : r;
}

int disk_log_tombstone(struct disk *disk, const struct disk_id *id, uint64_t stamp)
{
	struct disk_entry entry = { .id = *id, .stamp = stamp, .is_tombstone = true };
	const struct disk_record none = { .id = *id };
	int r = put(disk, &none, &entry);

	disk->log.owes_sync |= r == 0;
	return r < 0 ? err_pass(r) : r;
}
