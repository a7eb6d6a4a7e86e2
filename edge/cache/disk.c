/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: what callers do: they look into the index and queue work for the store's threads.
 */
#include "edge/cache/disk_priv.h"

#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"

#define MIB (UINT64_C(1024) * 1024)

enum {
	STAGING_BYTES = 1024 * 1024,
	DROPS_MAX = 64 * 1024,
	OP_CHARGE_BYTES = 1024, /* of a queued operation, beside its bytes: bounds their number */
};

/* clang-format off */
static const struct metric_def metric_defs[DISK_METRIC_N] = {
#define X(ID, kind_, name_, help_) { .name = (name_), .kind = METRIC_##kind_, .help = (help_) },
#include "edge/cache/disk_metrics.def"
#undef X
};
/* clang-format on */

const char *disk_put_word(enum disk_put_result result)
{
	switch (result) {
#define X(NAME, word)                                                                              \
	case DISK_PUT_##NAME:                                                                      \
		return word;
		DISK_PUT_RESULTS(X)
#undef X
	}
	UNREACHABLE();
}

const char *disk_read_word(enum disk_read_result result)
{
	switch (result) {
#define X(NAME, word)                                                                              \
	case DISK_READ_##NAME:                                                                     \
		return word;
		DISK_READ_RESULTS(X)
#undef X
	}
	UNREACHABLE();
}

/* A 128th of the store is lost at a time; not so small that a summary is much of a segment, not so
 * large that scanning one after a crash takes long. */
static uint64_t segment_bytes_for(uint64_t max_bytes)
{
	return MIN(MAX(max_bytes / 128, 16 * MIB), 512 * MIB);
}

static int conf_complete(const struct disk_conf *from, struct disk_conf *to)
{
	*to = *from;
	if (to->segment_bytes == 0)
		to->segment_bytes = segment_bytes_for(to->max_bytes);
	if (to->max_records == 0)
		to->max_records = to->max_bytes / 1024;
	if (to->max_queued_bytes == 0)
		to->max_queued_bytes = 32 * MIB;
	if (to->max_reads == 0)
		to->max_reads = 1024;
	if (to->n_readers == 0)
		to->n_readers = 4;
	if (to->retry_ms == 0)
		to->retry_ms = MS_PER_S;
	if (to->segment_bytes < 65536 || to->segment_bytes > DISK_BODY_BYTES_MAX / 2 ||
	    to->max_bytes / 4 < to->segment_bytes)
		return err_new(-EINVAL);
	return 0;
}

static int metrics_make(struct disk *disk)
{
	char labels[128];
	int len = snprintf(labels, sizeof(labels), "store=\"%s\"", disk->conf.name);

	if (len < 0 || (size_t)len >= sizeof(labels))
		return err_new(-EINVAL);
	return err_pass(metric_block_new(metric_defs, DISK_METRIC_N, labels, &disk->metrics));
}

static void locks_init(struct disk *disk)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&disk->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&disk->wake_writer, &attr);
	pthread_cond_init(&disk->wake_readers, &attr);
	pthread_condattr_destroy(&attr);
	STAILQ_INIT(&disk->ops);
	STAILQ_INIT(&disk->batch);
	STAILQ_INIT(&disk->reads);
	TAILQ_INIT(&disk->by_age);
}

static void disk_free(struct disk *disk)
{
	MUST(!disk->segments && disk->n_reads == 0 && STAILQ_EMPTY(&disk->ops));
	disk_summary_fini(&disk->log.summary);
	free(disk->log.staging);
	if (disk->index.heads)
		disk_index_fini(&disk->index);
	metric_block_free(disk->metrics);
	pthread_cond_destroy(&disk->wake_writer);
	pthread_cond_destroy(&disk->wake_readers);
	pthread_mutex_destroy(&disk->lock);
	free(disk->path);
	free(disk->name);
	free(disk->readers);
	OBJ_FREE(disk);
}

void disk_unref(struct disk *disk)
{
	if (atomic_fetch_sub(&disk->n_refs, 1) == 1)
		disk_free(disk);
}

static int parts_make(struct disk *disk, const struct disk_conf *conf)
{
	int r = conf_complete(conf, &disk->conf);

	if (r < 0)
		return err_pass(r);
	disk->conf.path = disk->path = strdup(conf->path);
	disk->conf.name = disk->name = strdup(conf->name);
	if (!disk->path || !disk->name)
		return err_new(-ENOMEM);
	r = metrics_make(disk);
	if (r == 0)
		r = disk_index_init(&disk->index, disk->conf.max_records);
	if (r < 0)
		return err_pass(r);
	disk->log.staging = malloc(STAGING_BYTES);
	disk->readers = calloc(disk->conf.n_readers, sizeof(*disk->readers));
	return disk->log.staging && disk->readers ? 0 : err_new(-ENOMEM);
}

static int threads_start(struct disk *disk)
{
	while (disk->n_readers_started < disk->conf.n_readers) {
		pthread_t *reader = &disk->readers[disk->n_readers_started];
		int r = -pthread_create(reader, NULL, disk_reader_run, disk);
		if (r < 0)
			return err_new(r);
		pthread_setname_np(*reader, "disk-read");
		disk->n_readers_started++;
	}
	int r = -pthread_create(&disk->writer, NULL, disk_writer_run, disk);
	if (r < 0)
		return err_new(r);
	pthread_setname_np(disk->writer, "disk-write");
	disk->writer_started = true;
	return 0;
}

int disk_open(const struct disk_conf *conf, struct disk **ret_disk)
{
	struct disk *disk = OBJ_NEW(struct disk, DISK_KIND);

	if (!disk)
		return err_new(-ENOMEM);
	atomic_init(&disk->n_refs, 1);
	disk->log.fd = disk->dir_fd = disk->lock_fd = -1;
	locks_init(disk);
	disk_summary_init(&disk->log.summary);
	int r = parts_make(disk, conf);
	if (r == 0)
		r = threads_start(disk);
	if (r < 0) {
		disk_close(disk);
		return err_pass(r);
	}
	*ret_disk = disk;
	return 0;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	pthread_mutex_lock(&disk->lock);
	disk->stopping = true;
	pthread_cond_broadcast(&disk->wake_writer);
	pthread_cond_broadcast(&disk->wake_readers);
	pthread_mutex_unlock(&disk->lock);
	for (unsigned i = 0; i < disk->n_readers_started; i++)
		pthread_join(disk->readers[i], NULL);
	if (disk->writer_started)
		pthread_join(disk->writer, NULL);
	disk_unref(disk);
}

void disk_status(struct disk *disk, struct disk_status *ret_status)
{
	uint64_t n_records = disk_index_count(&disk->index);

	pthread_mutex_lock(&disk->lock);
	bool is_failing = disk->trouble < 0;
	*ret_status = (struct disk_status){
		.state = is_failing ? DISK_OFF : disk->state,
		.reason = is_failing ? disk->trouble : disk->reason,
		.n_records = n_records,
		.bytes = disk->bytes,
		.n_segments = disk->n_segments,
		.queued_bytes = disk->queued_bytes,
	};
	pthread_mutex_unlock(&disk->lock);
}

void disk_fail(struct disk *disk, const char *step, int r)
{
	MUST(r < 0);
	pthread_mutex_lock(&disk->lock);
	if (!disk->trouble && disk->state == DISK_ON) {
		disk->trouble = r;
		disk->trouble_step = step;
		atomic_store(&disk->is_on, false);
		pthread_cond_signal(&disk->wake_writer);
	}
	pthread_mutex_unlock(&disk->lock);
}

bool disk_find(struct disk *disk, const struct disk_id *id, struct disk_found *ret_found)
{
	struct disk_entry entry;

	if (!atomic_load_explicit(&disk->is_on, memory_order_acquire) ||
	    !disk_index_find(&disk->index, id, &entry) || entry.stamp < atomic_load(&disk->floor))
		return false;
	*ret_found = (struct disk_found){ .stamp = entry.stamp,
					  .body_bytes = entry.body_bytes,
					  .head_bytes = entry.head_bytes };
	return true;
}

static unsigned pending_of(const struct disk_id *id)
{
	return (id->bytes[0] | (unsigned)id->bytes[1] << 8) % DISK_PENDING_HEADS;
}

/* With the lock held. */
static enum disk_put_result put_queue(struct disk *disk, struct disk_op *op)
{
	if (!atomic_load(&disk->is_on) || disk->stopping)
		return DISK_PUT_OFF;
	if (op->record.stamp < atomic_load(&disk->floor))
		return DISK_PUT_DROPPED;
	/* One that is larger than the bound goes alone. */
	if (disk->queued_bytes > 0 && disk->queued_bytes + op->charge > disk->conf.max_queued_bytes)
		return DISK_PUT_BUSY;
	disk->queued_bytes += op->charge;
	STAILQ_INSERT_TAIL(&disk->ops, op, link);
	LIST_INSERT_HEAD(&disk->pending[pending_of(&op->record.id)], op, pending);
	pthread_cond_signal(&disk->wake_writer);
	return DISK_PUT_STORED;
}

void disk_put(struct disk *disk, const struct disk_record *record)
{
	enum disk_put_result result = DISK_PUT_BUSY;
	uint64_t body_bytes = 0;

	for (size_t i = 0; i < record->n_body; i++)
		body_bytes += record->body[i].len;
	struct disk_op *op = calloc(1, sizeof(*op));
	if (record->head.len > DISK_HEAD_BYTES_MAX ||
	    body_bytes + record->head.len > MIN(disk->conf.max_bytes / 5, DISK_BODY_BYTES_MAX / 2))
		result = DISK_PUT_BIG;
	pthread_mutex_lock(&disk->lock);
	if (op && result != DISK_PUT_BIG) {
		op->type = DISK_OP_PUT;
		op->record = *record;
		op->body_bytes = body_bytes;
		op->charge = OP_CHARGE_BYTES + record->head.len + body_bytes;
		result = put_queue(disk, op);
	}
	bool queued = result == DISK_PUT_STORED;
	if (!queued)
		metric_add(disk->metrics,
			   result == DISK_PUT_BUSY ? DISK_METRIC_PUTS_BUSY
						   : DISK_METRIC_PUTS_REFUSED,
			   1);
	pthread_mutex_unlock(&disk->lock);
	if (!queued) {
		free(op);
		record->done(record->arg, result);
	}
}

static bool cancel_pending(struct disk *disk, const struct disk_id *id)
{
	bool any = false;
	struct disk_op *op;

	LIST_FOREACH (op, &disk->pending[pending_of(id)], pending) {
		if (memcmp(op->record.id.bytes, id->bytes, DISK_ID_BYTES) == 0)
			op->cancelled = any = true;
	}
	return any;
}

/* What is neither in the index nor on its way needs no tombstone: disk_priv.h says why. But while
 * the store is not on, nobody knows what is on the disk. */
void disk_queue_drop(struct disk *disk, struct disk_op *op)
{
	const struct disk_id *id = &op->record.id;

	op->logs = cancel_pending(disk, id) || disk->index_overflowed;
	if (disk->state == DISK_ON)
		op->logs |= disk_index_remove(&disk->index, id);
	else
		op->logs = true;
	disk->n_drops++;
	metric_add(disk->metrics, DISK_METRIC_DROPS, 1);
	STAILQ_INSERT_TAIL(&disk->ops, op, link);
	pthread_cond_signal(&disk->wake_writer);
}

/* Nothing can be kept: what can be done at once is done. With the lock held. */
static void drop_for_now(struct disk *disk, const struct disk_id *id)
{
	bool any = cancel_pending(disk, id);

	if (disk->state == DISK_ON)
		any |= disk_index_remove(&disk->index, id);
	disk->index_overflowed |= any;
}

int disk_drop(struct disk *disk, const struct disk_id *id, disk_drop_fn done, void *arg)
{
	struct disk_op *op = calloc(1, sizeof(*op));
	int r = op ? 0 : -ENOMEM;

	pthread_mutex_lock(&disk->lock);
	if (op && disk->n_drops >= DROPS_MAX)
		r = -ENOBUFS;
	if (op && r == 0) {
		op->type = DISK_OP_DROP;
		op->record.id = *id;
		op->on_drop = done;
		op->arg = arg;
		disk_queue_drop(disk, op);
	} else {
		drop_for_now(disk, id);
	}
	pthread_mutex_unlock(&disk->lock);
	if (r < 0) {
		free(op);
		return err_new(r);
	}
	return 0;
}

int disk_drop_older(struct disk *disk, uint64_t stamp, disk_drop_fn done, void *arg)
{
	uint64_t floor = atomic_load(&disk->floor);
	struct disk_op *op = calloc(1, sizeof(*op));
	int r = op ? 0 : -ENOMEM;

	while (floor < stamp && !atomic_compare_exchange_weak(&disk->floor, &floor, stamp))
		;
	pthread_mutex_lock(&disk->lock);
	if (op && disk->n_drops >= DROPS_MAX)
		r = -ENOBUFS;
	if (op && r == 0) {
		op->type = DISK_OP_FLOOR;
		op->record.stamp = stamp;
		op->on_drop = done;
		op->arg = arg;
		disk->n_drops++;
		STAILQ_INSERT_TAIL(&disk->ops, op, link);
		pthread_cond_signal(&disk->wake_writer);
	}
	pthread_mutex_unlock(&disk->lock);
	if (r < 0) {
		free(op);
		return err_new(r);
	}
	return 0;
}
