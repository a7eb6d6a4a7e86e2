/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_segment: which files a disk store has, and who reads from them. A file that is deleted can
 * be read as long as it is open, so a reader's pin keeps nothing but the account true: its bytes
 * are on the disk until he closes it.
 */
#include "edge/cache/disk_priv.h"

#include "core/obj.h"

static struct span key_of(const struct disk_segment *segment)
{
	return span_of(&segment->number, sizeof(segment->number));
}

static void show(struct disk *disk)
{
	metric_set(disk->metrics, DISK_METRIC_BYTES, (int64_t)disk->bytes);
	metric_set(disk->metrics, DISK_METRIC_SEGMENTS, (int64_t)disk->n_segments);
}

struct disk_segment *disk_segment_add(struct disk *disk, uint32_t number, uint64_t bytes)
{
	struct disk_segment *segment = calloc(1, sizeof(*segment));

	if (!segment)
		return NULL;
	segment->number = number;
	segment->bytes = bytes;
	if (!TABLE_ADD(disk->segments, key_of(segment), segment)) {
		free(segment);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&disk->by_age, segment, link);
	disk->bytes += bytes;
	disk->n_segments++;
	show(disk);
	return segment;
}

struct disk_segment *disk_segment_find(struct disk *disk, uint32_t number)
{
	struct disk_segment *segment;

	TABLE_FIND(disk->segments, span_of(&number, sizeof(number)), segment);
	return segment;
}

void disk_segment_resize(struct disk *disk, struct disk_segment *segment, uint64_t bytes)
{
	disk->bytes = disk->bytes - segment->bytes + bytes;
	segment->bytes = bytes;
	show(disk);
}

void disk_segment_retire(struct disk *disk, struct disk_segment *segment, bool deleted)
{
	MUST(!segment->dead);
	TABLE_DELETE(disk->segments, segment);
	TAILQ_REMOVE(&disk->by_age, segment, link);
	disk->n_segments--;
	segment->dead = true;
	if (!deleted)
		disk_segment_resize(disk, segment, 0);
	segment->n_pins++; /* one way to its end */
	disk_segment_unpin(disk, segment);
}

void disk_segment_unpin(struct disk *disk, struct disk_segment *segment)
{
	MUST(segment->n_pins > 0);
	if (--segment->n_pins > 0 || !segment->dead)
		return;
	disk_segment_resize(disk, segment, 0);
	free(segment);
}
