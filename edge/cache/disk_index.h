/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_index: where each record of a disk store lies: a table of a size fixed at its birth, so that
 * it never stops to grow. Memory is reserved and used as records come: 36 bytes a record, and 4 to
 * 6 for each one that there is room for. Any thread: shards, each with a short lock.
 *
 * Of an id it keeps 8 bytes; its place in the table, from a keyed hash of the whole, holds some 20
 * bits more. So two ids may once in ages be taken for one, and the header on the disk tells.
 */
#pragma once

#include <pthread.h>

#include "edge/cache/disk_format.h"

enum { DISK_INDEX_SHARDS = 64 };

struct disk_slot;

struct disk_shard {
	pthread_mutex_t lock;
	uint32_t *heads;         /* number of the first slot + 1; 0: none */
	struct disk_slot *slots; /* share of them */
	uint32_t n_slots_used;   /* those beyond were never touched */
	uint32_t free;           /* number + 1 of the first of those given back */
	uint32_t n_records;
	uint8_t apart[56]; /* neighbours' locks are not on one cache line */
};

struct disk_index {
	struct disk_shard shards[DISK_INDEX_SHARDS];
	void *heads, *slots; /* mappings */
	size_t heads_bytes, slots_bytes;
	uint32_t share;     /* slots of a shard */
	uint32_t n_buckets; /* of a shard; a power of two */
};

/* Errors: -ENOMEM, -EINVAL (too many). */
int disk_index_init(struct disk_index *index, uint64_t max_records);
void disk_index_fini(struct disk_index *index);
void disk_index_clear(struct disk_index *index);
uint64_t disk_index_count(struct disk_index *index);

/* Takes the place of an older one. False: there is no room. */
bool disk_index_put(struct disk_index *index, const struct disk_entry *entry);
/* The same for many that were read from a summary, in their order: an older record gives way to a
 * newer one, and to a tombstone. False: there was no room for some. */
bool disk_index_load(struct disk_index *index, const struct disk_entry *entries, size_t n);
/* Room for this one and for n more, whatever their ids. */
bool disk_index_has_room(struct disk_index *index, const struct disk_id *id, uint32_t n);

/* Which record is meant: the newest of its id, whatever its place. */
bool disk_index_find(struct disk_index *index, const struct disk_id *id,
		     struct disk_entry *ret_entry);
/* The same, and remembers that it was used. */
bool disk_index_use(struct disk_index *index, const struct disk_id *id,
		    struct disk_entry *ret_entry);
/* False: there was none. */
bool disk_index_remove(struct disk_index *index, const struct disk_id *id);
/* Only if it is at this place still. */
bool disk_index_remove_at(struct disk_index *index, const struct disk_entry *entry);
/* It lies at another place now, and is as if it had not been used; only if it is at `from` still.
 */
bool disk_index_move(struct disk_index *index, const struct disk_entry *from,
		     const struct disk_entry *to);
