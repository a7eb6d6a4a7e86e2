/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_writer: the thread that opens the store, works off what was queued, and turns the store off
 * and on again.
 *
 * Work is taken in batches. The puts of a batch can be found when all its bytes were written; its
 * drops are confirmed after one fdatasync for all. Whatever fails ends this opening of the store;
 * drops that were not confirmed wait for the next one.
 */
#include "edge/cache/disk_priv.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

#define BATCH_BYTES (UINT64_C(8) * 1024 * 1024)
enum {
	RETRY_DOUBLINGS = 6,
	ON_WELL_MS = 60 * 1000, /* who was on for so long tries again soon */
};

/* The first BATCH_OPS, or fewer with enough bytes. With the lock held. */
static void batch_take(struct disk *disk)
{
	uint64_t bytes = 0;
	struct disk_op *op;

	for (unsigned n = 0; n < DISK_BATCH_OPS && bytes < BATCH_BYTES; n++) {
		op = STAILQ_FIRST(&disk->ops);
		if (!op)
			break;
		STAILQ_REMOVE_HEAD(&disk->ops, link);
		STAILQ_INSERT_TAIL(&disk->batch, op, link);
		bytes += op->charge;
	}
}

static bool put_is_dead(struct disk *disk, const struct disk_op *op)
{
	pthread_mutex_lock(&disk->lock);
	bool dead = op->cancelled;
	pthread_mutex_unlock(&disk->lock);
	return dead || op->record.stamp < atomic_load(&disk->floor);
}

/* The file that was written to may be in a folder that is no more. */
static int folder_check(const struct disk *disk)
{
	struct stat st;

	if (fstat(disk->lock_fd, &st) < 0)
		return err_new(-errno);
	return st.st_nlink == 0 ? err_new(-ENOENT) : 0;
}

static int put_one(struct disk *disk, struct disk_op *op)
{
	const struct disk_id *id = &op->record.id;
	uint64_t need = disk_record_bytes((uint32_t)op->record.head.len, op->body_bytes);
	int r = 0;

	if (put_is_dead(disk, op)) {
		op->result = DISK_PUT_DROPPED;
		return 0;
	}
	if (!disk_index_has_room(&disk->index, id, DISK_BATCH_OPS))
		r = disk_log_roll(disk, need, 1);
	if (r == 0 && !disk_index_has_room(&disk->index, id, DISK_BATCH_OPS))
		r = DISK_LOG_FULL;
	if (r == 0)
		r = disk_log_put(disk, &op->record, op->body_bytes, &op->entry);
	op->result = r == 0 ? DISK_PUT_STORED : DISK_PUT_FULL;
	return r < 0 ? err_pass(r) : 0;
}

/* What the drop could not take out of the index, because the store was not on, goes now. If readers
 * hold so much that a tombstone has no room, the store goes off: so they let go. */
static int drop_one(struct disk *disk, const struct disk_op *op)
{
	if (!op->logs)
		return 0;
	(void)disk_index_remove(&disk->index, &op->record.id);
	int r = disk_log_tombstone(disk, &op->record.id, op->record.stamp);
	return r == DISK_LOG_FULL ? err_new(-ENOSPC) : err_pass(r);
}

static int batch_write(struct disk *disk)
{
	uint64_t floor = disk->store.floor;
	bool syncs = false;
	struct disk_op *op;
	int r = folder_check(disk);

	STAILQ_FOREACH (op, &disk->batch, link) {
		if (r < 0)
			return err_pass(r);
		switch (op->type) {
		case DISK_OP_PUT:
			r = put_one(disk, op);
			break;
		case DISK_OP_DROP:
			r = drop_one(disk, op);
			syncs |= op->logs && op->on_drop;
			break;
		case DISK_OP_FLOOR:
			floor = MAX(floor, op->record.stamp);
			break;
		}
	}
	if (r == 0)
		r = syncs ? disk_log_sync(disk) : disk_log_flush(disk);
	if (r == 0 && floor > disk->store.floor) {
		disk->store.floor = floor;
		r = disk_folder_write_store(disk);
	}
	return err_pass(r);
}

/* With the lock held, so that a drop comes before it or after it, and never in between. */
static void publish(struct disk *disk, struct disk_op *op)
{
	LIST_REMOVE(op, pending);
	if (op->result == DISK_PUT_STORED &&
	    (op->cancelled || op->record.stamp < atomic_load(&disk->floor)))
		op->result = DISK_PUT_DROPPED;
	if (op->result == DISK_PUT_STORED && !disk_segment_find(disk, op->entry.segment))
		op->result = DISK_PUT_FULL; /* one batch went round the whole store */
	if (op->result == DISK_PUT_STORED) {
		MUST(disk_index_put(&disk->index, &op->entry));
		metric_add(disk->metrics, DISK_METRIC_PUTS, 1);
		metric_add(disk->metrics, DISK_METRIC_PUT_BYTES,
			   op->record.head.len + op->body_bytes);
	} else {
		metric_add(disk->metrics, DISK_METRIC_PUTS_REFUSED, 1);
	}
}

static void op_done(struct disk_op *op, int r)
{
	if (op->type == DISK_OP_PUT)
		op->record.done(op->record.arg, op->result);
	else if (op->on_drop)
		op->on_drop(op->arg, r);
	free(op);
}

/* The batch has succeeded. */
static void batch_end(struct disk *disk)
{
	struct disk_ops done = STAILQ_HEAD_INITIALIZER(done);
	struct disk_op *op;

	pthread_mutex_lock(&disk->lock);
	STAILQ_CONCAT(&done, &disk->batch);
	STAILQ_FOREACH (op, &done, link) {
		disk->queued_bytes -= op->charge;
		if (op->type == DISK_OP_PUT)
			publish(disk, op);
		else
			disk->n_drops--;
	}
	metric_set(disk->metrics, DISK_METRIC_QUEUED_BYTES, (int64_t)disk->queued_bytes);
	metric_set(disk->metrics, DISK_METRIC_RECORDS, (int64_t)disk_index_count(&disk->index));
	pthread_mutex_unlock(&disk->lock);
	while ((op = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, link);
		op_done(op, 0);
	}
}

/* Ends the puts of batch and queue, and keeps the drops, in their order, or ends them too. */
static void give_up(struct disk *disk, enum disk_put_result result, bool drops)
{
	struct disk_ops all = STAILQ_HEAD_INITIALIZER(all), gone = STAILQ_HEAD_INITIALIZER(gone);
	struct disk_op *op;

	pthread_mutex_lock(&disk->lock);
	STAILQ_CONCAT(&all, &disk->batch);
	STAILQ_CONCAT(&all, &disk->ops);
	while ((op = STAILQ_FIRST(&all))) {
		STAILQ_REMOVE_HEAD(&all, link);
		bool is_put = op->type == DISK_OP_PUT;
		if (!is_put && !drops) {
			STAILQ_INSERT_TAIL(&disk->ops, op, link);
			continue;
		}
		disk->queued_bytes -= op->charge;
		if (is_put)
			LIST_REMOVE(op, pending);
		else
			disk->n_drops--;
		op->result = result;
		metric_add(disk->metrics, DISK_METRIC_PUTS_REFUSED, is_put);
		STAILQ_INSERT_TAIL(&gone, op, link);
	}
	pthread_mutex_unlock(&disk->lock);
	while ((op = STAILQ_FIRST(&gone))) {
		STAILQ_REMOVE_HEAD(&gone, link);
		op_done(op, -ECANCELED);
	}
}

static void go_on(struct disk *disk, mono_t began)
{
	uint64_t n_records = disk_index_count(&disk->index);

	pthread_mutex_lock(&disk->lock);
	disk->state = DISK_ON;
	disk->reason = disk->trouble = 0;
	disk->epoch++;
	atomic_store(&disk->is_on, true);
	metric_set(disk->metrics, DISK_METRIC_ON, 1);
	metric_set(disk->metrics, DISK_METRIC_RECORDS, (int64_t)n_records);
	uint64_t bytes = disk->bytes;
	pthread_mutex_unlock(&disk->lock);
	LOG_INFO("disk.on", kv_str("store", disk->conf.name), kv_uint("records", n_records),
		 kv_uint("bytes", bytes), kv_int("ms", mono_diff_ms(mono_read(), began)));
}

/* Until it is to stop, or the store cannot go on. */
static void serve(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	for (;;) {
		while (!disk->trouble && !disk->stopping && STAILQ_EMPTY(&disk->ops))
			pthread_cond_wait(&disk->wake_writer, &disk->lock);
		if (disk->trouble || disk->stopping)
			break;
		batch_take(disk);
		pthread_mutex_unlock(&disk->lock);
		int r = batch_write(disk);
		if (r < 0)
			disk_fail(disk, "write", r);
		else
			batch_end(disk);
		pthread_mutex_lock(&disk->lock);
	}
	pthread_mutex_unlock(&disk->lock);
}

/* Puts are given up, drops are written, and the segment is sealed. */
static void end_well(struct disk *disk)
{
	int r = 0;

	give_up(disk, DISK_PUT_OFF, false);
	for (;;) {
		pthread_mutex_lock(&disk->lock);
		batch_take(disk);
		bool empty = STAILQ_EMPTY(&disk->batch);
		pthread_mutex_unlock(&disk->lock);
		if (!empty)
			r = batch_write(disk);
		if (empty || r < 0)
			break;
		batch_end(disk);
	}
	if (r == 0)
		r = disk_log_seal(disk);
	if (r < 0)
		LOG_WARN("disk.end", kv_str("store", disk->conf.name), kv_err(r));
}

/* Nothing is found any more; reads that wait fail. */
static void turn_off(struct disk *disk, const char *step, int r)
{
	pthread_mutex_lock(&disk->lock);
	bool is_news = disk->reason != r;
	bool waits = r == -EWOULDBLOCK;
	disk->state = waits ? DISK_OPENING : DISK_OFF;
	disk->reason = r;
	disk->trouble = 0;
	disk->index_overflowed = false;
	disk->epoch++;
	atomic_store(&disk->is_on, false);
	metric_set(disk->metrics, DISK_METRIC_ON, 0);
	metric_set(disk->metrics, DISK_METRIC_RECORDS, 0);
	metric_add(disk->metrics, DISK_METRIC_TROUBLES, is_news && !waits);
	pthread_mutex_unlock(&disk->lock);
	if (!is_news)
		return;
	if (waits)
		LOG_WARN("disk.locked", kv_str("store", disk->conf.name),
			 kv_str("path", disk->conf.path));
	else
		LOG_ERROR("disk.off", kv_str("store", disk->conf.name), kv_str("step", step),
			  kv_err(r));
}

/* Returns earlier when it is to stop; then true. */
static bool wait_ms(struct disk *disk, int64_t ms)
{
	int64_t until_ns = mono_add_ms(mono_read(), ms).ns;
	const struct timespec until = { .tv_sec = until_ns / (MS_PER_S * NS_PER_MS),
					.tv_nsec = until_ns % (MS_PER_S * NS_PER_MS) };
	int r = 0;

	pthread_mutex_lock(&disk->lock);
	while (!disk->stopping && r == 0)
		r = pthread_cond_timedwait(&disk->wake_writer, &disk->lock, &until);
	bool stopping = disk->stopping;
	pthread_mutex_unlock(&disk->lock);
	return stopping;
}

/* One opening, from begin to end. 0: it was on, and is to stop. */
static int live_once(struct disk *disk, const char **ret_step, int64_t *ret_on_ms)
{
	mono_t began = mono_read();
	int r = disk_folder_open(disk);

	*ret_step = "open";
	*ret_on_ms = 0;
	if (r < 0)
		return err_pass(r);
	go_on(disk, began);
	serve(disk);
	*ret_on_ms = mono_diff_ms(mono_read(), began);
	pthread_mutex_lock(&disk->lock);
	r = disk->trouble;
	*ret_step = disk->trouble_step;
	pthread_mutex_unlock(&disk->lock);
	if (r == 0)
		end_well(disk);
	return err_pass(r);
}

void *disk_writer_run(void *arg)
{
	struct disk *disk = OBJ_CAST(struct disk, arg, DISK_KIND);
	unsigned n_doublings = 0;
	const char *step;
	int64_t on_ms;

	for (;;) {
		int r = live_once(disk, &step, &on_ms);
		if (r == 0 || r == -ECANCELED)
			break;
		turn_off(disk, step, r);
		disk_folder_close(disk);
		give_up(disk, DISK_PUT_FAILED, false);
		if (on_ms >= ON_WELL_MS || r == -EWOULDBLOCK)
			n_doublings = 0;
		if (wait_ms(disk, disk->conf.retry_ms << n_doublings))
			break;
		n_doublings = MIN(n_doublings + 1, (unsigned)RETRY_DOUBLINGS);
	}
	atomic_store(&disk->is_on, false);
	disk_folder_close(disk);
	give_up(disk, DISK_PUT_OFF, true);
	return NULL;
}
