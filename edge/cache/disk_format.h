/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_format: what the bytes of a disk store mean. Pure.
 *
 * A segment is records, one behind the other, each at a multiple of 16:
 *
 *     header (64) | head | { sum (8) | at most 128 KiB of body } … | zeros up to 16
 *
 * and, once it is complete ("sealed"), a summary: an entry of 40 bytes for each record, and a
 * trailer of 64. A tombstone is a record without head and body. Numbers are little-endian. Every
 * sum is seeded with the store's salt, the segment's number and the record's place: so bytes of an
 * earlier life, of another place or made by a stranger never verify.
 */
#pragma once

#include "core/buf.h"
#include "edge/cache/disk.h"

enum {
	DISK_ALIGN_BYTES = 16,
	DISK_HEADER_BYTES = 64,
	DISK_SUM_BYTES = 8,
	DISK_ENTRY_BYTES = 40,
	DISK_TRAILER_BYTES = 64,
	DISK_STORE_BYTES = 40,
	DISK_SEGMENT_RECORDS_MAX = 256 * 1024,
};
#define DISK_BODY_BYTES_MAX (UINT64_C(1) << 36) /* a place is 32 bits of 16 bytes */

/* A record as the index and the summary know it. */
struct disk_entry {
	struct disk_id id;
	uint64_t stamp;
	uint64_t body_bytes;
	uint64_t offset; /* in the segment */
	uint32_t segment;
	uint32_t head_bytes;
	bool is_tombstone;
	bool used; /* the index alone knows */
};

/* The bytes that a record takes in its segment. */
uint64_t disk_record_bytes(uint32_t head_bytes, uint64_t body_bytes);
/* Where piece `i` of the body begins, its sum first, from the record's start; and its bytes. */
uint64_t disk_piece_at(uint32_t head_bytes, uint64_t i);
size_t disk_piece_bytes(uint64_t body_bytes, uint64_t i);

uint64_t disk_seed(uint64_t salt, uint32_t segment, uint64_t offset);
uint64_t disk_head_sum(uint64_t seed, struct span head);
uint64_t disk_piece_sum(uint64_t seed, uint64_t i, struct span bytes);
void disk_sum_write(uint8_t *to, uint64_t sum);
uint64_t disk_sum_read(const uint8_t *from);

void disk_header_write(uint8_t to[DISK_HEADER_BYTES], const struct disk_entry *entry, uint64_t seed,
		       uint64_t head_sum);
/* False: this is no header of that place. Segment and offset of the entry are the caller's. */
bool disk_header_read(struct span bytes, uint64_t seed, struct disk_entry *ret_entry,
		      uint64_t *ret_head_sum);

void disk_entry_write(struct buf *to, const struct disk_entry *entry);
/* False: it cannot lie below `end`. */
bool disk_entry_read(const uint8_t from[DISK_ENTRY_BYTES], uint32_t segment, uint64_t end,
		     struct disk_entry *ret_entry);

struct disk_trailer {
	uint64_t entries_at; /* in the file; the records end there */
	uint64_t entries_sum;
	uint32_t n_entries;
};
void disk_trailer_write(uint8_t to[DISK_TRAILER_BYTES], const struct disk_trailer *trailer,
			uint64_t salt, uint32_t segment);
/* `bytes`: the last of a file. False: the segment is not sealed. */
bool disk_trailer_read(struct span bytes, uint64_t salt, uint32_t segment, uint64_t file_bytes,
		       struct disk_trailer *ret_trailer);
uint64_t disk_entries_sum(struct span entries, uint64_t salt, uint32_t segment);

/* The file that makes a folder a store. */
struct disk_store {
	uint64_t salt;
	uint64_t floor; /* no record with a stamp below it lives */
};
void disk_store_write(uint8_t to[DISK_STORE_BYTES], const struct disk_store *store);
bool disk_store_read(struct span bytes, struct disk_store *ret_store);

/* Reads a segment that has no summary, header by header. What does not verify is passed over until
 * something does: a flipped bit costs the records that it hit. Bodies are not looked at: whoever
 * reads them verifies them. */
struct disk_scan {
	uint64_t salt, file_bytes;
	uint64_t at;  /* next to look at */
	uint64_t end; /* of the last record that was found */
	uint32_t segment;
};
enum disk_scan_outcome {
	DISK_SCAN_RECORD = 0,
	DISK_SCAN_MORE = 1, /* give the bytes from `at` on, DISK_HEADER_BYTES at least */
	DISK_SCAN_END = 2,
};
/* `window` are the file's bytes from window_at on. */
int disk_scan_next(struct disk_scan *scan, struct span window, uint64_t window_at,
		   struct disk_entry *ret_entry);
