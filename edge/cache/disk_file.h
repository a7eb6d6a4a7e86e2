/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_file: whole reads and writes of files, and the summary of a segment: read if it is sealed,
 * else made again from its records. Blocking; for a disk store's own threads.
 */
#pragma once

#include "edge/cache/disk_format.h"

/* All of it. Errors: -errno. */
int disk_file_write(int fd, struct span bytes, uint64_t at);
/* All of it. Errors: -errno, -ENODATA (the file is shorter). */
int disk_file_read(int fd, uint8_t *to, size_t len, uint64_t at);

struct disk_summary {
	struct buf entries;   /* DISK_ENTRY_BYTES each */
	uint64_t records_end; /* in the file */
	bool sealed;
};
void disk_summary_init(struct disk_summary *summary);
void disk_summary_fini(struct disk_summary *summary);
static inline size_t disk_summary_n(const struct disk_summary *summary)
{
	return summary->entries.len / DISK_ENTRY_BYTES;
}
/* Fills it from a segment's file. Errors: -errno. */
int disk_summary_read(int fd, uint64_t salt, uint32_t segment, struct disk_summary *summary);
/* Asks the kernel to have a sealed segment's summary at hand: it will be read next. */
void disk_summary_announce(int fd, uint64_t salt, uint32_t segment);
/* Cuts off what is behind the records and writes the summary there. `ret_bytes`: of the whole file.
 * Errors: -errno. */
int disk_summary_seal(int fd, uint64_t salt, uint32_t segment, struct disk_summary *summary,
		      uint64_t *ret_bytes);
/* What sealing adds for n records. */
static inline uint64_t disk_summary_bytes(size_t n)
{
	return (uint64_t)n * DISK_ENTRY_BYTES + DISK_TRAILER_BYTES;
}
