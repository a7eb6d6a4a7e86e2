/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_index: chains of slots; slots of a shard are taken in order, so that a load writes 64
 * streams of memory and jumps about in the heads alone.
 */
#include "edge/cache/disk_index.h"

#include <sys/mman.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/obj.h"

enum {
	SHARD_BITS = 6,
	SHARE_SLACK = 512, /* ids are not spread quite evenly */
	LOAD_BATCH = 32,   /* heads that are fetched ahead */
};
_Static_assert(1 << SHARD_BITS == DISK_INDEX_SHARDS, "a shard is chosen by bits");

#define USED_BIT (UINT64_C(1) << 63)
enum { BODY_BITS = 40 };

/* Packed to 36 bytes: there may be hundreds of millions. */
struct disk_slot {
	uint64_t tag;
	uint64_t stamp;
	uint64_t lengths; /* body, head << 40, used << 63 */
	uint32_t segment;
	uint32_t place; /* offset / 16 */
	uint32_t next;  /* number + 1 of the next in its chain, or of those given back */
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct disk_slot) == 36, "as the decision record counts");

struct spot {
	struct disk_shard *shard;
	uint32_t bucket;
	uint64_t tag;
};

static struct spot spot_of(struct disk_index *index, const struct disk_id *id)
{
	uint64_t hash = hash_keyed(span_of(id->bytes, DISK_ID_BYTES));
	struct spot spot = {
		.shard = &index->shards[hash >> (64 - SHARD_BITS)],
		.bucket = (uint32_t)hash & (index->n_buckets - 1),
	};

	memcpy(&spot.tag, id->bytes + DISK_ID_BYTES - sizeof(spot.tag), sizeof(spot.tag));
	return spot;
}

static void *map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int disk_index_init(struct disk_index *index, uint64_t max_records)
{
	uint64_t share = max_records / DISK_INDEX_SHARDS;

	share += share / 32 + SHARE_SLACK;
	if (share > UINT32_MAX / 2)
		return err_new(-EINVAL);
	*index = (struct disk_index){ .share = (uint32_t)share, .n_buckets = 256 };
	while (index->n_buckets < share - share / 3)
		index->n_buckets *= 2;
	index->heads_bytes = (size_t)index->n_buckets * DISK_INDEX_SHARDS * sizeof(uint32_t);
	index->slots_bytes = (size_t)share * DISK_INDEX_SHARDS * sizeof(struct disk_slot);
	index->heads = map(index->heads_bytes);
	index->slots = index->heads ? map(index->slots_bytes) : NULL;
	if (!index->slots) {
		if (index->heads)
			munmap(index->heads, index->heads_bytes);
		return err_new(-ENOMEM);
	}
	/* Heads are jumped about in: fewer pages, fewer walks. A refusal costs time only. */
	(void)madvise(index->heads, index->heads_bytes, MADV_HUGEPAGE);
	for (size_t i = 0; i < DISK_INDEX_SHARDS; i++) {
		struct disk_shard *shard = &index->shards[i];
		pthread_mutex_init(&shard->lock, NULL);
		shard->heads = (uint32_t *)index->heads + i * index->n_buckets;
		shard->slots = (struct disk_slot *)index->slots + i * share;
	}
	return 0;
}

void disk_index_fini(struct disk_index *index)
{
	munmap(index->heads, index->heads_bytes);
	munmap(index->slots, index->slots_bytes);
	for (size_t i = 0; i < DISK_INDEX_SHARDS; i++)
		pthread_mutex_destroy(&index->shards[i].lock);
}

void disk_index_clear(struct disk_index *index)
{
	for (size_t i = 0; i < DISK_INDEX_SHARDS; i++) {
		struct disk_shard *shard = &index->shards[i];
		pthread_mutex_lock(&shard->lock);
		if (shard->n_slots_used > 0)
			memset(shard->heads, 0, index->n_buckets * sizeof(uint32_t));
		shard->n_slots_used = shard->free = shard->n_records = 0;
		pthread_mutex_unlock(&shard->lock);
	}
}

uint64_t disk_index_count(struct disk_index *index)
{
	uint64_t n = 0;

	for (size_t i = 0; i < DISK_INDEX_SHARDS; i++) {
		struct disk_shard *shard = &index->shards[i];
		pthread_mutex_lock(&shard->lock);
		n += shard->n_records;
		pthread_mutex_unlock(&shard->lock);
	}
	return n;
}

/* The link that points at it, or at nothing where it would be. With the lock held. */
static uint32_t *link_of(const struct spot *spot)
{
	uint32_t *link = &spot->shard->heads[spot->bucket];

	while (*link && spot->shard->slots[*link - 1].tag != spot->tag)
		link = &spot->shard->slots[*link - 1].next;
	return link;
}

static void slot_fill(struct disk_slot *slot, const struct disk_entry *entry)
{
	MUST(entry->offset / DISK_ALIGN_BYTES <= UINT32_MAX);
	slot->stamp = entry->stamp;
	slot->lengths = entry->body_bytes | (uint64_t)entry->head_bytes << BODY_BITS;
	slot->segment = entry->segment;
	slot->place = (uint32_t)(entry->offset / DISK_ALIGN_BYTES);
}

static bool slot_is_at(const struct disk_slot *slot, const struct disk_entry *entry)
{
	return slot->segment == entry->segment &&
	       slot->place == (uint32_t)(entry->offset / DISK_ALIGN_BYTES);
}

static bool has_free(const struct disk_index *index, const struct disk_shard *shard)
{
	return shard->free || shard->n_slots_used < index->share;
}

static bool put_locked(struct disk_index *index, const struct spot *spot,
		       const struct disk_entry *entry)
{
	struct disk_shard *shard = spot->shard;
	uint32_t *link = link_of(spot);

	if (!*link) {
		if (!has_free(index, shard))
			return false;
		uint32_t number = shard->free;
		if (number)
			shard->free = shard->slots[number - 1].next;
		else
			number = ++shard->n_slots_used;
		shard->slots[number - 1].tag = spot->tag;
		shard->slots[number - 1].next = 0;
		shard->n_records++;
		*link = number;
	}
	slot_fill(&shard->slots[*link - 1], entry);
	return true;
}

static void remove_locked(struct disk_shard *shard, uint32_t *link)
{
	uint32_t number = *link;
	struct disk_slot *slot = &shard->slots[number - 1];

	*link = slot->next;
	slot->next = shard->free;
	shard->free = number;
	shard->n_records--;
}

bool disk_index_put(struct disk_index *index, const struct disk_entry *entry)
{
	struct spot spot = spot_of(index, &entry->id);

	pthread_mutex_lock(&spot.shard->lock);
	bool fits = put_locked(index, &spot, entry);
	pthread_mutex_unlock(&spot.shard->lock);
	return fits;
}

static bool load_one(struct disk_index *index, const struct spot *spot,
		     const struct disk_entry *entry)
{
	bool fits = true;

	pthread_mutex_lock(&spot->shard->lock);
	if (entry->is_tombstone) {
		uint32_t *link = link_of(spot);
		if (*link)
			remove_locked(spot->shard, link);
	} else {
		fits = put_locked(index, spot, entry);
	}
	pthread_mutex_unlock(&spot->shard->lock);
	return fits;
}

bool disk_index_load(struct disk_index *index, const struct disk_entry *entries, size_t n)
{
	struct spot spots[LOAD_BATCH];
	bool fits = true;

	for (size_t from = 0; from < n; from += LOAD_BATCH) {
		size_t n_batch = MIN((size_t)LOAD_BATCH, n - from);
		for (size_t i = 0; i < n_batch; i++) {
			spots[i] = spot_of(index, &entries[from + i].id);
			__builtin_prefetch(&spots[i].shard->heads[spots[i].bucket], 1);
		}
		for (size_t i = 0; i < n_batch; i++) {
			uint32_t first = spots[i].shard->heads[spots[i].bucket];
			if (first)
				__builtin_prefetch(&spots[i].shard->slots[first - 1], 1);
		}
		for (size_t i = 0; i < n_batch; i++)
			fits &= load_one(index, &spots[i], &entries[from + i]);
	}
	return fits;
}

bool disk_index_has_room(struct disk_index *index, const struct disk_id *id, uint32_t n)
{
	struct spot spot = spot_of(index, id);

	pthread_mutex_lock(&spot.shard->lock);
	bool has_room = index->share - spot.shard->n_records > n;
	pthread_mutex_unlock(&spot.shard->lock);
	return has_room;
}

static bool find(struct disk_index *index, const struct disk_id *id, bool use,
		 struct disk_entry *ret_entry)
{
	struct spot spot = spot_of(index, id);

	pthread_mutex_lock(&spot.shard->lock);
	uint32_t number = *link_of(&spot);
	struct disk_slot found = { .tag = 0 };
	if (number) {
		struct disk_slot *slot = &spot.shard->slots[number - 1];
		found = *slot;
		if (use)
			slot->lengths |= USED_BIT;
	}
	pthread_mutex_unlock(&spot.shard->lock);
	if (!number)
		return false;
	*ret_entry = (struct disk_entry){
		.id = *id,
		.stamp = found.stamp,
		.body_bytes = found.lengths & ((UINT64_C(1) << BODY_BITS) - 1),
		.offset = (uint64_t)found.place * DISK_ALIGN_BYTES,
		.segment = found.segment,
		.head_bytes = (uint32_t)((found.lengths & ~USED_BIT) >> BODY_BITS),
		.used = found.lengths & USED_BIT,
	};
	return true;
}

bool disk_index_find(struct disk_index *index, const struct disk_id *id,
		     struct disk_entry *ret_entry)
{
	return find(index, id, false, ret_entry);
}

bool disk_index_use(struct disk_index *index, const struct disk_id *id,
		    struct disk_entry *ret_entry)
{
	return find(index, id, true, ret_entry);
}

static bool remove_if(struct disk_index *index, const struct disk_id *id,
		      const struct disk_entry *at)
{
	struct spot spot = spot_of(index, id);

	pthread_mutex_lock(&spot.shard->lock);
	uint32_t *link = link_of(&spot);
	bool found = *link && (!at || slot_is_at(&spot.shard->slots[*link - 1], at));
	if (found)
		remove_locked(spot.shard, link);
	pthread_mutex_unlock(&spot.shard->lock);
	return found;
}

bool disk_index_remove(struct disk_index *index, const struct disk_id *id)
{
	return remove_if(index, id, NULL);
}

bool disk_index_remove_at(struct disk_index *index, const struct disk_entry *entry)
{
	return remove_if(index, &entry->id, entry);
}

bool disk_index_move(struct disk_index *index, const struct disk_entry *from,
		     const struct disk_entry *to)
{
	struct spot spot = spot_of(index, &from->id);

	pthread_mutex_lock(&spot.shard->lock);
	uint32_t *link = link_of(&spot);
	bool found = *link && slot_is_at(&spot.shard->slots[*link - 1], from);
	if (found)
		slot_fill(&spot.shard->slots[*link - 1], to);
	pthread_mutex_unlock(&spot.shard->lock);
	return found;
}
