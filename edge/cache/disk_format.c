/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_format: fixed places, so reading is a load and a compare; millions of entries are read when
 * a store is opened.
 */
#include "edge/cache/disk_format.h"

#include <endian.h>

#include "core/hash.h"
#include "core/must.h"

static const char header_magic[4] = "mDr1", trailer_magic[8] = "mDseal1\n",
		  store_magic[8] = "mDisk1\n";

enum {
	FLAG_TOMBSTONE = 1,
	BODY_BITS = 40, /* of an entry's lengths; 19 bits of head and the tombstone's are above */
	HEAD_BITS = 19,
};

static void put_u32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static void put_u64(uint8_t *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

void disk_sum_write(uint8_t *to, uint64_t sum)
{
	put_u64(to, sum);
}

uint64_t disk_sum_read(const uint8_t *from)
{
	return get_u64(from);
}

uint64_t disk_record_bytes(uint32_t head_bytes, uint64_t body_bytes)
{
	uint64_t n_pieces = (body_bytes + DISK_PIECE_BYTES - 1) / DISK_PIECE_BYTES;
	uint64_t bytes = DISK_HEADER_BYTES + head_bytes + body_bytes + n_pieces * DISK_SUM_BYTES;

	return (bytes + DISK_ALIGN_BYTES - 1) / DISK_ALIGN_BYTES * DISK_ALIGN_BYTES;
}

uint64_t disk_piece_at(uint32_t head_bytes, uint64_t i)
{
	return DISK_HEADER_BYTES + head_bytes + i * (DISK_SUM_BYTES + DISK_PIECE_BYTES);
}

size_t disk_piece_bytes(uint64_t body_bytes, uint64_t i)
{
	uint64_t before = i * DISK_PIECE_BYTES;

	if (before >= body_bytes)
		return 0;
	return body_bytes - before < DISK_PIECE_BYTES ? (size_t)(body_bytes - before)
						      : DISK_PIECE_BYTES;
}

uint64_t disk_seed(uint64_t salt, uint32_t segment, uint64_t offset)
{
	uint8_t place[20];

	put_u64(place, salt);
	put_u64(place + 8, offset);
	put_u32(place + 16, segment);
	return hash_fixed(span_of(place, sizeof(place)), salt);
}

uint64_t disk_head_sum(uint64_t seed, struct span head)
{
	return hash_fixed(head, ~seed);
}

uint64_t disk_piece_sum(uint64_t seed, uint64_t i, struct span bytes)
{
	return hash_fixed(bytes, seed + 1 + i);
}

void disk_header_write(uint8_t to[DISK_HEADER_BYTES], const struct disk_entry *entry, uint64_t seed,
		       uint64_t head_sum)
{
	memset(to, 0, DISK_HEADER_BYTES);
	memcpy(to, header_magic, sizeof(header_magic));
	put_u32(to + 4, entry->is_tombstone ? FLAG_TOMBSTONE : 0);
	memcpy(to + 8, entry->id.bytes, DISK_ID_BYTES);
	put_u64(to + 24, entry->stamp);
	put_u64(to + 32, entry->body_bytes);
	put_u32(to + 40, entry->head_bytes);
	put_u64(to + 48, head_sum);
	put_u64(to + 56, hash_fixed(span_of(to, 56), seed));
}

bool disk_header_read(struct span bytes, uint64_t seed, struct disk_entry *ret_entry,
		      uint64_t *ret_head_sum)
{
	const uint8_t *at = bytes.at;
	struct disk_entry entry = { .segment = 0 };

	if (bytes.len < DISK_HEADER_BYTES || memcmp(at, header_magic, sizeof(header_magic)) != 0 ||
	    get_u64(at + 56) != hash_fixed(span_of(at, 56), seed))
		return false;
	uint32_t flags = get_u32(at + 4);
	memcpy(entry.id.bytes, at + 8, DISK_ID_BYTES);
	entry.stamp = get_u64(at + 24);
	entry.body_bytes = get_u64(at + 32);
	entry.head_bytes = get_u32(at + 40);
	entry.is_tombstone = flags & FLAG_TOMBSTONE;
	if ((flags & ~(uint32_t)FLAG_TOMBSTONE) || entry.head_bytes > DISK_HEAD_BYTES_MAX ||
	    entry.body_bytes > DISK_BODY_BYTES_MAX)
		return false;
	*ret_entry = entry;
	*ret_head_sum = get_u64(at + 48);
	return true;
}

void disk_entry_write(struct buf *to, const struct disk_entry *entry)
{
	uint8_t *at = buf_room(to, DISK_ENTRY_BYTES);

	if (!at)
		return;
	MUST(entry->offset % DISK_ALIGN_BYTES == 0 && entry->body_bytes <= DISK_BODY_BYTES_MAX);
	memcpy(at, entry->id.bytes, DISK_ID_BYTES);
	put_u64(at + 16, entry->stamp);
	put_u64(at + 24, entry->body_bytes | (uint64_t)entry->head_bytes << BODY_BITS |
				 (uint64_t)entry->is_tombstone << (BODY_BITS + HEAD_BITS));
	put_u64(at + 32, entry->offset);
	buf_grew(to, DISK_ENTRY_BYTES);
}

bool disk_entry_read(const uint8_t from[DISK_ENTRY_BYTES], uint32_t segment, uint64_t end,
		     struct disk_entry *ret_entry)
{
	uint64_t lengths = get_u64(from + 24);
	struct disk_entry entry = {
		.stamp = get_u64(from + 16),
		.body_bytes = lengths & ((UINT64_C(1) << BODY_BITS) - 1),
		.offset = get_u64(from + 32),
		.segment = segment,
		.head_bytes = (uint32_t)(lengths >> BODY_BITS & ((1U << HEAD_BITS) - 1)),
		.is_tombstone = lengths >> (BODY_BITS + HEAD_BITS) & 1,
	};

	memcpy(entry.id.bytes, from, DISK_ID_BYTES);
	if (entry.head_bytes > DISK_HEAD_BYTES_MAX || entry.body_bytes > DISK_BODY_BYTES_MAX ||
	    entry.offset % DISK_ALIGN_BYTES != 0 || entry.offset > end ||
	    disk_record_bytes(entry.head_bytes, entry.body_bytes) > end - entry.offset)
		return false;
	*ret_entry = entry;
	return true;
}

uint64_t disk_entries_sum(struct span entries, uint64_t salt, uint32_t segment)
{
	return hash_fixed(entries, disk_seed(salt, segment, UINT64_MAX));
}

void disk_trailer_write(uint8_t to[DISK_TRAILER_BYTES], const struct disk_trailer *trailer,
			uint64_t salt, uint32_t segment)
{
	memset(to, 0, DISK_TRAILER_BYTES);
	memcpy(to, trailer_magic, sizeof(trailer_magic));
	put_u64(to + 8, trailer->entries_at);
	put_u64(to + 16, trailer->entries_sum);
	put_u32(to + 24, trailer->n_entries);
	put_u64(to + 56, hash_fixed(span_of(to, 56), disk_seed(salt, segment, UINT64_MAX - 1)));
}

bool disk_trailer_read(struct span bytes, uint64_t salt, uint32_t segment, uint64_t file_bytes,
		       struct disk_trailer *ret_trailer)
{
	const uint8_t *at = bytes.at;

	if (bytes.len != DISK_TRAILER_BYTES ||
	    memcmp(at, trailer_magic, sizeof(trailer_magic)) != 0 ||
	    get_u64(at + 56) !=
		    hash_fixed(span_of(at, 56), disk_seed(salt, segment, UINT64_MAX - 1)))
		return false;
	const struct disk_trailer trailer = {
		.entries_at = get_u64(at + 8),
		.entries_sum = get_u64(at + 16),
		.n_entries = get_u32(at + 24),
	};
	uint64_t tail_bytes = (uint64_t)trailer.n_entries * DISK_ENTRY_BYTES + DISK_TRAILER_BYTES;
	if (trailer.n_entries > DISK_SEGMENT_RECORDS_MAX || tail_bytes > file_bytes ||
	    trailer.entries_at != file_bytes - tail_bytes)
		return false;
	*ret_trailer = trailer;
	return true;
}

void disk_store_write(uint8_t to[DISK_STORE_BYTES], const struct disk_store *store)
{
	memset(to, 0, DISK_STORE_BYTES);
	memcpy(to, store_magic, sizeof(store_magic));
	put_u64(to + 8, store->salt);
	put_u64(to + 16, store->floor);
	put_u64(to + 32, hash_fixed(span_of(to, 32), store->salt));
}

bool disk_store_read(struct span bytes, struct disk_store *ret_store)
{
	const uint8_t *at = bytes.at;

	if (bytes.len != DISK_STORE_BYTES || memcmp(at, store_magic, sizeof(store_magic)) != 0)
		return false;
	struct disk_store store = { .salt = get_u64(at + 8), .floor = get_u64(at + 16) };
	if (get_u64(at + 32) != hash_fixed(span_of(at, 32), store.salt))
		return false;
	*ret_store = store;
	return true;
}

/* A header whose record ends behind the file's end is the torn last one. */
static bool scan_record(const struct disk_scan *scan, struct span bytes, struct disk_entry *entry)
{
	uint64_t head_sum;

	if (memcmp(bytes.at, header_magic, sizeof(header_magic)) != 0)
		return false; /* before the seed is made: for a long way of garbage */
	return disk_header_read(bytes, disk_seed(scan->salt, scan->segment, scan->at), entry,
				&head_sum) &&
	       disk_record_bytes(entry->head_bytes, entry->body_bytes) <=
		       scan->file_bytes - scan->at;
}

int disk_scan_next(struct disk_scan *scan, struct span window, uint64_t window_at,
		   struct disk_entry *ret_entry)
{
	while (scan->file_bytes >= DISK_HEADER_BYTES &&
	       scan->at <= scan->file_bytes - DISK_HEADER_BYTES) {
		if (scan->at < window_at || scan->at - window_at > window.len ||
		    window.len - (size_t)(scan->at - window_at) < DISK_HEADER_BYTES)
			return DISK_SCAN_MORE;
		struct disk_entry entry;
		if (scan_record(scan, span_from(window, (size_t)(scan->at - window_at)), &entry)) {
			entry.segment = scan->segment;
			entry.offset = scan->at;
			scan->at += disk_record_bytes(entry.head_bytes, entry.body_bytes);
			scan->end = scan->at;
			*ret_entry = entry;
			return DISK_SCAN_RECORD;
		}
		scan->at += DISK_ALIGN_BYTES;
	}
	return DISK_SCAN_END;
}
