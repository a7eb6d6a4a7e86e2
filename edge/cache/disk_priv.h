/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_priv: a disk store from inside. Three kinds of threads: callers, who look into the index and
 * queue; the writer, who opens, appends and deletes; readers. What stands under `lock` is said;
 * locks of the index come after it. No I/O and no callback under a lock.
 *
 * Who asks whether an id is on the disk asks the index. So that a drop of what is not in it needs
 * no tombstone, one thing always holds: a record that leaves the index, or is written and never
 * gets in, has its tombstone, or a floor above it, behind it in the queue or in the log, or its
 * file is deleted for good.
 */
#pragma once

#include <stdatomic.h>

#include "core/metrics.h"
#include "core/table.h"
#include "edge/cache/disk.h"
#include "edge/cache/disk_file.h"
#include "edge/cache/disk_index.h"

#define DISK_KIND      OBJ_KIND('d', 'i', 's', 'k')
#define DISK_READ_KIND OBJ_KIND('d', 'r', 'e', 'a')

enum {
	DISK_BATCH_OPS = 256,
	DISK_PENDING_HEADS = 1024,
	DISK_NAME_BYTES = 16,
};

/* clang-format off */
enum disk_metric {
#define X(ID, kind, name, help) DISK_METRIC_##ID,
#include "edge/cache/disk_metrics.def"
#undef X
	DISK_METRIC_N
};
/* clang-format on */

/* A file. Under disk->lock. */
struct disk_segment {
	UT_hash_handle hh;
	TAILQ_ENTRY(disk_segment) link; /* oldest first */
	uint64_t bytes;                 /* of the file, or what it may grow to */
	uint32_t number;
	uint32_t n_pins;
	bool dead; /* deleted, or of an earlier opening; goes with its last pin */
};

enum disk_op_type { DISK_OP_PUT, DISK_OP_DROP, DISK_OP_FLOOR };
struct disk_op {
	STAILQ_ENTRY(disk_op) link;
	LIST_ENTRY(disk_op) pending; /* of puts, by id */
	enum disk_op_type type;
	bool cancelled;            /* a put that a drop overtook; under disk->lock */
	bool logs;                 /* a drop that needs a tombstone */
	struct disk_record record; /* of a drop the id, of a floor the stamp */
	uint64_t body_bytes, charge;
	disk_drop_fn on_drop;
	void *arg;
	struct disk_entry entry; /* where a put was written */
	enum disk_put_result result;
};
STAILQ_HEAD(disk_ops, disk_op);
STAILQ_HEAD(disk_reads, disk_read);

/* The segment that is appended to. The writer's. */
struct disk_log {
	struct disk_segment *segment; /* NULL: none */
	struct disk_summary summary;  /* records_end is where the next record goes */
	uint8_t *staging; /* the last n_staged bytes before records_end, not yet written */
	size_t n_staged;
	int fd;
	bool owes_sync; /* a tombstone is in it that is not on the disk for good */
};

struct disk {
	uint32_t kind;
	_Atomic uint32_t n_refs; /* the owner's, and one for each read */
	struct disk_conf conf;   /* every default filled in */
	char *path, *name;       /* owned; conf's */
	_Atomic uint64_t floor;  /* no record with a lower stamp is found */
	_Atomic bool is_on;
	struct disk_index index;

	pthread_mutex_t lock;
	/* Under it. */
	pthread_cond_t wake_writer, wake_readers;
	enum disk_state state;
	int reason;
	int trouble;              /* -errno: the writer is to turn the store off */
	const char *trouble_step; /* where it came from */
	bool stopping;
	bool index_overflowed; /* records are on the disk that are not in the index */
	uint32_t epoch;        /* of the opening */
	uint64_t salt;
	struct disk_ops ops, batch; /* that wait; that the writer works at */
	LIST_HEAD(, disk_op) pending[DISK_PENDING_HEADS];
	size_t n_drops;
	uint64_t queued_bytes;
	struct disk_reads reads;
	size_t n_reads;
	struct disk_segment *segments; /* those that are not dead, by number */
	TAILQ_HEAD(, disk_segment) by_age;
	uint64_t bytes; /* of all, the dead that are pinned too */
	uint64_t n_segments;
	struct metric_block *metrics;

	/* The writer's. */
	struct disk_log log;
	struct disk_store store;
	uint32_t next_number;
	int dir_fd, lock_fd;

	pthread_t writer;
	pthread_t *readers;
	unsigned n_readers_started;
	bool writer_started;
};

void disk_unref(struct disk *disk);

/* disk.c. The store cannot go on: turns finds and gets away at once and tells the writer. The first
 * to say so is heard. */
void disk_fail(struct disk *disk, const char *step, int r);
/* With the lock held; `op` is moved. Cancels puts of that id that are under way. */
void disk_queue_drop(struct disk *disk, struct disk_op *op);

/* disk_writer.c */
void *disk_writer_run(void *arg);

/* disk_folder.c: all on the writer's thread. */
/* Locks the folder, reads or makes its store file, fills index and segments, and readies the log.
 * Errors: -errno; -EWOULDBLOCK: another has it; -ECANCELED: it is to stop. Close it then too. */
int disk_folder_open(struct disk *disk);
void disk_folder_close(struct disk *disk);
/* Makes store.floor good. */
int disk_folder_write_store(struct disk *disk);
int disk_folder_sync(struct disk *disk);
void disk_segment_name(uint32_t number, char name[DISK_NAME_BYTES]);

/* disk_segment.c: all with the lock held. */
/* NULL: no memory. */
struct disk_segment *disk_segment_add(struct disk *disk, uint32_t number, uint64_t bytes);
struct disk_segment *disk_segment_find(struct disk *disk, uint32_t number);
void disk_segment_resize(struct disk *disk, struct disk_segment *segment, uint64_t bytes);
/* It is found no more. It counts for as long as it is pinned, if its file is deleted. */
void disk_segment_retire(struct disk *disk, struct disk_segment *segment, bool deleted);
void disk_segment_unpin(struct disk *disk, struct disk_segment *segment);

/* disk_log.c: the writer's. */
enum { DISK_LOG_FULL = 1 };
/* Appends; it is in the file after disk_log_flush(). Errors: -errno; DISK_LOG_FULL. */
int disk_log_put(struct disk *disk, const struct disk_record *record, uint64_t body_bytes,
		 struct disk_entry *ret_entry);
int disk_log_tombstone(struct disk *disk, const struct disk_id *id, uint64_t stamp);
int disk_log_flush(struct disk *disk);
int disk_log_sync(struct disk *disk);
int disk_log_seal(struct disk *disk); /* flushes; fine without a segment */
/* The next segment, with room for a record of `need` bytes; deletes `n_evict` segments at least. */
int disk_log_roll(struct disk *disk, uint64_t need, unsigned n_evict);
void disk_log_close(struct disk *disk); /* forgets what was not written */

/* disk_evict.c: the writer's. Oldest segments that were taken out of the table to make room. */
struct disk_victims {
	struct disk_victim *at;
	size_t n;
};
/* Takes out as many as make room for `reserve` bytes, and n_least. True: there is room. Deletes
 * the files; what is in them can still be read. Errors: -errno. */
int disk_evict_begin(struct disk *disk, uint64_t reserve, unsigned n_least,
		     struct disk_victims *ret_victims);
/* Their deletion is good. Writes what was used of them into the log, at most `budget` bytes, and
 * takes the rest out of the index. */
int disk_evict_end(struct disk *disk, struct disk_victims *victims, uint64_t budget);
void disk_evict_drop(struct disk *disk, struct disk_victims *victims);

/* disk_read.c */
void *disk_reader_run(void *arg);
