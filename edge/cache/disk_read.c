/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_read: a record is read in pieces, each into memory of its own that the receiver may keep.
 * Every piece is a trip to a reader thread and back by mail. The file is opened for the first piece
 * and stays open, so that it can be read to its end though it is deleted meanwhile.
 *
 * Who ends a read and who delivers it may meet: `phase` decides who frees it.
 */
#include "edge/cache/disk_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/error.h"
#include "core/obj.h"

enum read_phase {
	READ_IDLE,     /* the receiver's alone */
	READ_ASKED,    /* with the readers, or in the mailbox */
	READ_ABANDONED /* the same, and nobody waits for it */
};

struct disk_read {
	uint32_t kind;
	_Atomic int phase;
	struct disk *disk;
	struct disk_segment *segment; /* pinned */
	struct disk_entry entry;
	uint64_t salt;
	uint32_t epoch;
	int fd; /* -1 before the first piece */
	struct disk_reader reader;
	/* What is asked for, and the answer. */
	STAILQ_ENTRY(disk_read) link;
	struct mail mail;
	uint64_t number; /* of the piece */
	enum disk_read_result result;
	struct disk_bytes *bytes; /* one reference */
	struct span head, body;
};

/* Memory of one piece. */
struct disk_bytes {
	struct slice_owner owner;
	uint8_t at[];
};

static void bytes_release(struct slice_owner *owner)
{
	free(CONTAINER_OF(owner, struct disk_bytes, owner));
}

static struct disk_bytes *bytes_new(size_t len)
{
	struct disk_bytes *bytes = malloc(sizeof(*bytes) + len);

	if (bytes)
		bytes->owner = (struct slice_owner){ .n_refs = 1,
						     .shared = true,
						     .release = bytes_release };
	return bytes;
}

static void read_destroy(struct disk_read *read)
{
	struct disk *disk = read->disk;

	fd_drop(&read->fd);
	if (read->bytes)
		slice_owner_unref(&read->bytes->owner);
	pthread_mutex_lock(&disk->lock);
	disk_segment_unpin(disk, read->segment);
	pthread_mutex_unlock(&disk->lock);
	OBJ_FREE(read);
	disk_unref(disk);
}

static void deliver(struct disk_read *read)
{
	struct disk_bytes *bytes = TAKE(read->bytes);
	const struct disk_piece piece = {
		.result = read->result,
		.stamp = read->entry.stamp,
		.body_bytes = read->entry.body_bytes,
		.head = read->head,
		.from = read->number * DISK_PIECE_BYTES,
		.bytes = read->body,
		.owner = bytes ? &bytes->owner : NULL,
	};

	read->reader.fn(read->reader.arg, &piece); /* the read may be freed in it */
	if (bytes)
		slice_owner_unref(&bytes->owner);
}

static void on_mail(struct mail *mail, bool dropped)
{
	struct disk_read *read = CONTAINER_OF(mail, struct disk_read, mail);
	int phase = READ_ASKED;

	if (!atomic_compare_exchange_strong(&read->phase, &phase, READ_IDLE))
		read_destroy(read);
	else if (!dropped)
		deliver(read);
}

void disk_read_free(struct disk_read *read)
{
	int phase = READ_ASKED;

	if (read && !atomic_compare_exchange_strong(&read->phase, &phase, READ_ABANDONED)) {
		MUST(phase == READ_IDLE);
		read_destroy(OBJ_CAST(struct disk_read, read, DISK_READ_KIND));
	}
}

/* With the lock held. */
static void queue(struct disk *disk, struct disk_read *read)
{
	disk->n_reads++;
	STAILQ_INSERT_TAIL(&disk->reads, read, link);
	pthread_cond_signal(&disk->wake_readers);
}

/* With the lock held: so that no segment goes between looking and pinning. */
static int start(struct disk *disk, const struct disk_id *id, struct disk_read *read)
{
	if (!atomic_load(&disk->is_on) || disk->stopping ||
	    !disk_index_use(&disk->index, id, &read->entry) ||
	    read->entry.stamp < atomic_load(&disk->floor))
		return DISK_GET_MISS;
	if (disk->n_reads >= disk->conf.max_reads) {
		metric_add(disk->metrics, DISK_METRIC_GETS_BUSY, 1);
		return DISK_GET_BUSY;
	}
	read->segment = disk_segment_find(disk, read->entry.segment);
	if (!read->segment)
		return DISK_GET_MISS; /* it is being deleted */
	read->segment->n_pins++;
	read->salt = disk->salt;
	read->epoch = disk->epoch;
	atomic_fetch_add(&disk->n_refs, 1);
	metric_add(disk->metrics, DISK_METRIC_GETS, 1);
	queue(disk, read);
	return DISK_GET_STARTED;
}

int disk_get(struct disk *disk, const struct disk_id *id, const struct disk_reader *reader,
	     struct disk_read **ret_read)
{
	struct disk_found found;

	if (!disk_find(disk, id, &found))
		return DISK_GET_MISS; /* without the lock that all share */
	struct disk_read *read = OBJ_NEW(struct disk_read, DISK_READ_KIND);
	if (!read)
		return err_new(-ENOMEM);
	read->disk = disk;
	read->fd = -1;
	read->reader = *reader;
	read->mail.fn = on_mail;
	atomic_init(&read->phase, READ_ASKED);
	pthread_mutex_lock(&disk->lock);
	int outcome = start(disk, id, read);
	pthread_mutex_unlock(&disk->lock);
	if (outcome == DISK_GET_STARTED)
		*ret_read = read;
	else
		OBJ_FREE(read);
	return outcome;
}

void disk_read_more(struct disk_read *read, uint64_t from)
{
	struct disk *disk = OBJ_CAST(struct disk_read, read, DISK_READ_KIND)->disk;
	int phase = READ_IDLE;

	MUST(from < read->entry.body_bytes && read->fd >= 0);
	MUST(atomic_compare_exchange_strong(&read->phase, &phase, READ_ASKED));
	read->number = from / DISK_PIECE_BYTES;
	read->head = SPAN_NONE;
	pthread_mutex_lock(&disk->lock);
	bool stopping = disk->stopping;
	if (!stopping)
		queue(disk, read);
	pthread_mutex_unlock(&disk->lock);
	if (stopping) { /* no reader is left */
		read->result = DISK_READ_FAILED;
		mailbox_post(read->reader.mailbox, &read->mail);
	}
}

static int segment_open(struct disk_read *read)
{
	CLEANUP(free_drop) char *path = NULL;
	char name[DISK_NAME_BYTES];

	disk_segment_name(read->entry.segment, name);
	if (asprintf(&path, "%s/%s", read->disk->conf.path, name) < 0) {
		path = NULL;
		return err_new(-ENOMEM);
	}
	read->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return read->fd < 0 ? err_new(-errno) : 0;
}

/* Header and head stand before the first piece. Positive: another's id has the same place. */
static int head_check(struct disk_read *read, uint64_t seed, const uint8_t *at)
{
	const struct disk_entry *entry = &read->entry;
	struct span head = span_of(at + DISK_HEADER_BYTES, entry->head_bytes);
	struct disk_entry found;
	uint64_t head_sum;

	if (!disk_header_read(span_of(at, DISK_HEADER_BYTES), seed, &found, &head_sum) ||
	    found.stamp != entry->stamp || found.body_bytes != entry->body_bytes ||
	    found.head_bytes != entry->head_bytes || head_sum != disk_head_sum(seed, head))
		return err_new(-EBADMSG);
	if (memcmp(found.id.bytes, entry->id.bytes, DISK_ID_BYTES) != 0)
		return 1;
	read->head = head;
	return 0;
}

/* Reads the piece that is asked for, with the head if it is the first time. Positive: another's. */
static int piece_read(struct disk_read *read)
{
	const struct disk_entry *entry = &read->entry;
	uint64_t seed = disk_seed(read->salt, entry->segment, entry->offset);
	bool is_first = read->fd < 0;
	int r = is_first ? segment_open(read) : 0;

	if (r < 0)
		return err_pass(r);
	size_t body = disk_piece_bytes(entry->body_bytes, read->number);
	size_t before = is_first ? (size_t)disk_piece_at(entry->head_bytes, 0) : 0;
	size_t len = before + (body > 0 ? DISK_SUM_BYTES + body : 0);
	uint64_t at = is_first ? 0 : disk_piece_at(entry->head_bytes, read->number);
	read->bytes = bytes_new(len);
	if (!read->bytes)
		return err_new(-ENOMEM);
	r = disk_file_read(read->fd, read->bytes->at, len, entry->offset + at);
	if (r == 0 && is_first)
		r = head_check(read, seed, read->bytes->at);
	if (r != 0)
		return r < 0 ? err_pass(r) : r;
	read->body =
		body > 0 ? span_of(read->bytes->at + before + DISK_SUM_BYTES, body) : SPAN_NONE;
	if (body > 0 && disk_sum_read(read->bytes->at + before) !=
				disk_piece_sum(seed, read->number, read->body))
		return err_new(-EBADMSG);
	return 0;
}

static bool is_current(struct disk_read *read)
{
	pthread_mutex_lock(&read->disk->lock);
	bool is = read->epoch == read->disk->epoch && atomic_load(&read->disk->is_on);
	pthread_mutex_unlock(&read->disk->lock);
	return is;
}

/* It is found no more, and its tombstone goes into the log, so that it stays so. Nobody waits for
 * that, so nothing is synced for it. */
static void drop_broken(struct disk_read *read)
{
	struct disk *disk = read->disk;
	struct disk_op *op = calloc(1, sizeof(*op));
	struct disk_entry entry;

	if (op) {
		op->type = DISK_OP_DROP;
		op->record.id = read->entry.id;
	}
	pthread_mutex_lock(&disk->lock);
	metric_add(disk->metrics, DISK_METRIC_GETS_BROKEN, 1);
	bool is_there = op && read->epoch == disk->epoch &&
			disk_index_find(&disk->index, &read->entry.id, &entry) &&
			entry.segment == read->entry.segment && entry.offset == read->entry.offset;
	if (is_there)
		disk_queue_drop(disk, op);
	pthread_mutex_unlock(&disk->lock);
	if (!is_there)
		free(op);
}

static bool is_evicted(struct disk_read *read)
{
	pthread_mutex_lock(&read->disk->lock);
	bool dead = read->segment->dead;
	pthread_mutex_unlock(&read->disk->lock);
	return dead;
}

static enum disk_read_result result_of(struct disk_read *read, int r)
{
	if (r >= 0)
		return r == 0 ? DISK_READ_OK : DISK_READ_GONE;
	switch (r) {
	case -EBADMSG:
	case -ENODATA:
		drop_broken(read);
		return DISK_READ_BROKEN;
	case -ENOENT:
		if (is_evicted(read))
			return DISK_READ_GONE;
		break;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return DISK_READ_FAILED;
	case -EIO:
		drop_broken(read); /* else it would turn the store off again and again */
		break;
	default:
		break;
	}
	disk_fail(read->disk, "read", r);
	return DISK_READ_FAILED;
}

static void perform(struct disk_read *read)
{
	struct disk *disk = read->disk;

	if (atomic_load(&read->phase) == READ_ABANDONED || !is_current(read))
		read->result = DISK_READ_FAILED;
	else
		read->result = result_of(read, piece_read(read));
	if (read->result != DISK_READ_OK) {
		if (read->bytes)
			slice_owner_unref(&TAKE(read->bytes)->owner);
		read->head = read->body = SPAN_NONE;
	}
	pthread_mutex_lock(&disk->lock);
	disk->n_reads--;
	if (read->result == DISK_READ_OK)
		metric_add(disk->metrics, DISK_METRIC_GET_BYTES, read->body.len + read->head.len);
	pthread_mutex_unlock(&disk->lock);
	mailbox_post(read->reader.mailbox, &read->mail);
}

void *disk_reader_run(void *arg)
{
	struct disk *disk = OBJ_CAST(struct disk, arg, DISK_KIND);
	struct disk_read *read;

	pthread_mutex_lock(&disk->lock);
	for (;;) {
		while (!disk->stopping && STAILQ_EMPTY(&disk->reads))
			pthread_cond_wait(&disk->wake_readers, &disk->lock);
		read = STAILQ_FIRST(&disk->reads);
		if (!read)
			break;
		STAILQ_REMOVE_HEAD(&disk->reads, link);
		pthread_mutex_unlock(&disk->lock);
		perform(read);
		pthread_mutex_lock(&disk->lock);
	}
	pthread_mutex_unlock(&disk->lock);
	return NULL;
}
