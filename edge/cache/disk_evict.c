/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_evict: the oldest segments go. Their files are deleted first and read after that, through
 * the descriptor that is still open; so the space comes back when the last of what was used has
 * been copied. The quarter of a segment that max_bytes keeps back pays for the meantime.
 *
 * Records leave the index only when the folder has been synced: else a loss of power could bring
 * back a file whose records are taken to be gone.
 */
#include "edge/cache/disk_priv.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"
#include "core/obj.h"

enum { COPY_BYTES_MAX = 4 * 1024 * 1024 }; /* a larger record gets no second chance */

struct disk_victim {
	struct disk_segment *segment; /* pinned */
	int fd;
};

/* The oldest, if it has to go; pinned, so that its number stays readable. */
static struct disk_segment *next_victim(struct disk *disk, uint64_t reserve, bool must)
{
	uint64_t room = disk->conf.max_bytes - disk->conf.segment_bytes / 4;

	pthread_mutex_lock(&disk->lock);
	struct disk_segment *oldest = TAILQ_FIRST(&disk->by_age);
	if (oldest && (must || disk->bytes + reserve > room)) {
		oldest->n_pins++;
		disk_segment_retire(disk, oldest, true);
		/* The reserve of max_bytes stands for it from now on; but not for readers'. */
		if (oldest->n_pins == 1)
			disk_segment_resize(disk, oldest, 0);
		metric_add(disk->metrics, DISK_METRIC_EVICTED, 1);
	} else {
		oldest = NULL;
	}
	pthread_mutex_unlock(&disk->lock);
	return oldest;
}

static bool has_room(struct disk *disk, uint64_t reserve)
{
	pthread_mutex_lock(&disk->lock);
	bool has = disk->bytes + reserve <= disk->conf.max_bytes - disk->conf.segment_bytes / 4;
	pthread_mutex_unlock(&disk->lock);
	return has;
}

static int open_and_delete(struct disk *disk, struct disk_victim *victim)
{
	char name[DISK_NAME_BYTES];

	disk_segment_name(victim->segment->number, name);
	victim->fd = openat(disk->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (victim->fd < 0 || unlinkat(disk->dir_fd, name, 0) < 0)
		return err_new(-errno);
	return 0;
}

int disk_evict_begin(struct disk *disk, uint64_t reserve, unsigned n_least,
		     struct disk_victims *ret_victims)
{
	struct disk_victims victims = { .n = 0 };
	struct disk_segment *segment;
	int r = 0;

	while (r == 0 && (segment = next_victim(disk, reserve, victims.n < n_least))) {
		struct disk_victim *more =
			reallocarray(victims.at, victims.n + 1, sizeof(*victims.at));
		if (!more) {
			pthread_mutex_lock(&disk->lock);
			disk_segment_unpin(disk, segment);
			pthread_mutex_unlock(&disk->lock);
			r = err_new(-ENOMEM);
			break;
		}
		victims.at = more;
		victims.at[victims.n] = (struct disk_victim){ .segment = segment, .fd = -1 };
		r = open_and_delete(disk, &victims.at[victims.n++]);
	}
	if (r < 0) {
		disk_evict_drop(disk, &victims);
		return err_pass(r);
	}
	*ret_victims = victims;
	return has_room(disk, reserve) ? 0 : DISK_LOG_FULL;
}

void disk_evict_drop(struct disk *disk, struct disk_victims *victims)
{
	for (size_t i = 0; i < victims->n; i++) {
		fd_drop(&victims->at[i].fd);
		pthread_mutex_lock(&disk->lock);
		disk_segment_unpin(disk, victims->at[i].segment);
		pthread_mutex_unlock(&disk->lock);
	}
	free(TAKE(victims->at));
	victims->n = 0;
}

/* The body of a record as spans of the bytes that were read: what is between its sums. False: a sum
 * is wrong. */
static bool body_spans(const uint8_t *bytes, const struct disk_entry *entry, uint64_t seed,
		       struct span *spans, size_t *ret_n)
{
	size_t len, n = 0;

	for (; (len = disk_piece_bytes(entry->body_bytes, n)) > 0; n++) {
		const uint8_t *at = bytes + disk_piece_at(entry->head_bytes, n);
		spans[n] = span_of(at + DISK_SUM_BYTES, len);
		if (disk_sum_read(at) != disk_piece_sum(seed, n, spans[n]))
			return false;
	}
	*ret_n = n;
	return true;
}

/* Positive: it does not verify, so it is not worth a copy. */
static int copy_record(struct disk *disk, int fd, const struct disk_entry *from,
		       struct disk_entry *ret_to)
{
	uint64_t seed = disk_seed(disk->salt, from->segment, from->offset);
	size_t len = (size_t)disk_record_bytes(from->head_bytes, from->body_bytes);
	struct span spans[COPY_BYTES_MAX / DISK_PIECE_BYTES + 1];
	struct disk_entry entry;
	uint64_t head_sum;
	size_t n_spans;

	CLEANUP(free_drop) uint8_t *bytes = malloc(len);
	if (!bytes)
		return err_new(-ENOMEM);
	int r = disk_file_read(fd, bytes, len, from->offset);
	if (r < 0)
		return err_pass(r);
	struct span head = span_of(bytes + DISK_HEADER_BYTES, from->head_bytes);
	if (!disk_header_read(span_of(bytes, DISK_HEADER_BYTES), seed, &entry, &head_sum) ||
	    memcmp(entry.id.bytes, from->id.bytes, DISK_ID_BYTES) != 0 ||
	    entry.head_bytes != from->head_bytes || entry.body_bytes != from->body_bytes ||
	    head_sum != disk_head_sum(seed, head) ||
	    !body_spans(bytes, from, seed, spans, &n_spans))
		return 1;
	const struct disk_record record = {
		.id = from->id, .stamp = from->stamp, .head = head, .body = spans, .n_body = n_spans
	};
	r = disk_log_put(disk, &record, from->body_bytes, ret_to);
	MUST(r <= 0); /* the budget is of this segment */
	return err_pass(r);
}

struct move {
	struct disk_entry from, to;
};

/* It is the one that is found, it was used, and there is room for it. */
static bool deserves(struct disk *disk, const struct disk_entry *entry, uint64_t budget)
{
	uint64_t bytes = disk_record_bytes(entry->head_bytes, entry->body_bytes);
	struct disk_entry found;

	return !entry->is_tombstone && bytes <= COPY_BYTES_MAX &&
	       bytes + DISK_ENTRY_BYTES <= budget && entry->stamp >= atomic_load(&disk->floor) &&
	       disk_index_find(&disk->index, &entry->id, &found) && found.used &&
	       found.segment == entry->segment && found.offset == entry->offset &&
	       disk_summary_n(&disk->log.summary) < DISK_SEGMENT_RECORDS_MAX / 2;
}

static bool entry_of(const struct disk_summary *summary, size_t i, uint32_t segment,
		     struct disk_entry *ret_entry)
{
	return disk_entry_read(summary->entries.at + i * DISK_ENTRY_BYTES, segment,
			       summary->records_end, ret_entry);
}

static int copy_used(struct disk *disk, const struct disk_victim *victim,
		     const struct disk_summary *summary, uint64_t *budget, struct buf *moves)
{
	for (size_t i = 0; i < disk_summary_n(summary); i++) {
		struct move move;
		if (!entry_of(summary, i, victim->segment->number, &move.from) ||
		    !deserves(disk, &move.from, *budget))
			continue;
		int r = copy_record(disk, victim->fd, &move.from, &move.to);
		if (r < 0)
			return err_pass(r);
		if (r > 0)
			continue;
		*budget -= disk_record_bytes(move.from.head_bytes, move.from.body_bytes) +
			   DISK_ENTRY_BYTES;
		buf_add(moves, span_of(&move, sizeof(move)));
	}
	return moves->failed ? err_new(-ENOMEM) : disk_log_flush(disk);
}

/* They are in the file: so they can be found at their new places. */
static void publish_moves(struct disk *disk, const struct buf *moves)
{
	uint64_t bytes = 0;

	for (size_t at = 0; at < moves->len; at += sizeof(struct move)) {
		struct move move;
		memcpy(&move, moves->at + at, sizeof(move));
		(void)disk_index_move(&disk->index, &move.from, &move.to);
		bytes += disk_record_bytes(move.to.head_bytes, move.to.body_bytes);
	}
	pthread_mutex_lock(&disk->lock);
	metric_add(disk->metrics, DISK_METRIC_REWRITTEN, moves->len / sizeof(struct move));
	metric_add(disk->metrics, DISK_METRIC_REWRITE_BYTES, bytes);
	pthread_mutex_unlock(&disk->lock);
}

static int end_one(struct disk *disk, const struct disk_victim *victim,
		   struct disk_summary *summary, uint64_t *budget)
{
	struct disk_entry entry;
	struct buf moves;

	int r = disk_summary_read(victim->fd, disk->salt, victim->segment->number, summary);
	if (r < 0)
		return err_pass(r);
	if (disk->log.segment) {
		buf_init(&moves, DISK_SEGMENT_RECORDS_MAX * sizeof(struct move));
		r = copy_used(disk, victim, summary, budget, &moves);
		if (r == 0)
			publish_moves(disk, &moves);
		buf_fini(&moves);
	}
	for (size_t i = 0; r == 0 && i < disk_summary_n(summary); i++) {
		if (entry_of(summary, i, victim->segment->number, &entry))
			(void)disk_index_remove_at(&disk->index, &entry);
	}
	return err_pass(r);
}

int disk_evict_end(struct disk *disk, struct disk_victims *victims, uint64_t budget)
{
	struct disk_summary summary;
	int r = 0;

	disk_summary_init(&summary);
	for (size_t i = 0; r == 0 && i < victims->n; i++)
		r = end_one(disk, &victims->at[i], &summary, &budget);
	disk_summary_fini(&summary);
	return err_pass(r);
}
