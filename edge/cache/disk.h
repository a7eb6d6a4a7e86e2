/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: records in a folder, kept over restarts: the slow and large half of the cache.
 *
 * A record is an id, a stamp, a head and a body; what they mean is the caller's. Records are
 * appended to segments, which are files; the oldest segment is deleted when room is needed, and
 * what was read of it since it was written is written once more ("second chance"). An index in
 * memory says where each record lies. A store has threads of its own, one that writes and some
 * that read: no function here waits for the disk, but disk_close().
 *
 * An id alone proves nothing: who reads a record compares the key that he wrote into its head.
 *
 * What holds. After kill -9: a record is there as it was put, or not at all; a drop that was
 * confirmed stays dropped. After a loss of power: the same, but a record whose bytes had not
 * reached the disk is found and then proves broken when it is read. Nothing is handed out whose
 * checksum is wrong. A full, failing or vanished disk turns the store off, and it tries again.
 *
 * Any thread, but for what says otherwise.
 */
#pragma once

#include "core/chain.h"
#include "core/mailbox.h"

enum {
	DISK_ID_BYTES = 16,
	DISK_HEAD_BYTES_MAX = 256 * 1024,
	DISK_PIECE_BYTES = 128 * 1024, /* a body is read and verified in pieces of this size */
};

struct disk;
struct disk_read;

struct disk_id {
	uint8_t bytes[DISK_ID_BYTES];
};

struct disk_conf {
	const char *path;       /* the folder; made if its parent is there; copied */
	const char *name;       /* of the store, in metrics and log lines; copied */
	uint64_t max_bytes;     /* of all files; at least four segments */
	uint64_t segment_bytes; /* of a file, 64 KiB at least; 0: max_bytes / 128, 16 to 512 MiB */
	uint64_t max_records;   /* 0: one for each KiB of max_bytes; 40 bytes of memory each */
	uint64_t max_queued_bytes; /* put and not yet written; 0: 32 MiB */
	unsigned max_reads;        /* asked for and not yet answered; 0: 1024 */
	unsigned n_readers;        /* threads that read; 0: 4 */
	int64_t retry_ms;          /* how long it stays off at first, doubled to 64 times; 0: 1 s */
};

/* Begins to open a folder; that goes on in the store's own thread, and until it has ended every
 * find is a miss. One process at a time uses a folder: while another holds it the store waits and
 * asks again each retry_ms; a process that hands over to its successor closes its store first.
 * Errors: -EINVAL, -ENOMEM, -EAGAIN (threads). */
int disk_open(const struct disk_conf *conf, struct disk **ret_disk);
/* Writes the drops that wait, gives up the puts that wait, closes the segment so that the next
 * start is quick, and waits for all that. Reads must be freed, before or after. NULL is fine. */
void disk_close(struct disk *disk);

enum disk_state { DISK_OPENING, DISK_ON, DISK_OFF };
struct disk_status {
	enum disk_state state;
	int reason; /* why it is not on: -errno; -EWOULDBLOCK: another process has the folder */
	uint64_t n_records, bytes, n_segments, queued_bytes;
};
void disk_status(struct disk *disk, struct disk_status *ret_status);

struct disk_found {
	uint64_t stamp;
	uint64_t body_bytes;
	uint32_t head_bytes;
};
/* No I/O; a short lock. */
bool disk_find(struct disk *disk, const struct disk_id *id, struct disk_found *ret_found);

/* clang-format off */
#define DISK_PUT_RESULTS(X) \
	X(STORED,  "stored")  /* written; it can be found */ \
	X(BUSY,    "busy")    /* too much waits already, or no memory is left */ \
	X(OFF,     "off")     /* the store is not on */ \
	X(BIG,     "big")     /* more than a fifth of the store, or a head over the limit */ \
	X(FULL,    "full")    /* no room: segments are held by readers */ \
	X(DROPPED, "dropped") /* a drop overtook it */ \
	X(FAILED,  "failed")  /* the disk failed; the store is off now */
/* clang-format on */
enum disk_put_result {
#define X(NAME, word) DISK_PUT_##NAME,
	DISK_PUT_RESULTS(X)
#undef X
};
const char *disk_put_word(enum disk_put_result result);

struct disk_record {
	struct disk_id id;
	uint64_t stamp;
	struct span head;
	const struct span *body; /* n_body of them */
	size_t n_body;
	/* Runs once, on any thread, perhaps before disk_put() returns; never under a lock. Until
	 * then all that the record points at stays as it is. */
	void (*done)(void *arg, enum disk_put_result result);
	void *arg;
};
/* Takes the place of an older record of that id once it is written. */
void disk_put(struct disk *disk, const struct disk_record *record);

/* Runs on the store's thread when a drop is on the disk for good, or with -errno when that cannot
 * be had (-ECANCELED: the store was closed first): then ask again in the next life. */
typedef void (*disk_drop_fn)(void *arg, int r);

/* No find gives this id from now on, but for what is put later; also one that is being written. A
 * store that is off or opening keeps the drop until it is on. `done` may be NULL. Errors: -ENOBUFS
 * (too many wait), -ENOMEM: it is dropped for now if the store is on, and nothing is confirmed: ask
 * again, or for all with disk_drop_older(), which holds for this process even when it fails so. */
int disk_drop(struct disk *disk, const struct disk_id *id, disk_drop_fn done, void *arg);
/* The same for all records whose stamp is below this one, those that are yet to be put too. */
int disk_drop_older(struct disk *disk, uint64_t stamp, disk_drop_fn done, void *arg);

/* clang-format off */
#define DISK_READ_RESULTS(X) \
	X(OK,     "ok") \
	X(GONE,   "gone")   /* its segment was deleted before the read began, or the id is another's */ \
	X(BROKEN, "broken") /* a checksum is wrong; the record is dropped */ \
	X(FAILED, "failed") /* the store went off, or no memory or descriptor was left */
/* clang-format on */
enum disk_read_result {
#define X(NAME, word) DISK_READ_##NAME,
	DISK_READ_RESULTS(X)
#undef X
};
const char *disk_read_word(enum disk_read_result result);

struct disk_piece {
	enum disk_read_result result; /* not OK: nothing below is set */
	uint64_t stamp;
	uint64_t body_bytes; /* of the whole body */
	struct span head;    /* with the first piece only */
	uint64_t from;       /* where in the body `bytes` begin */
	struct span bytes;   /* verified */
	/* Of head and bytes, which are valid until fn returns, or longer with a reference taken
	 * here. Shared: any thread may drop it. */
	struct slice_owner *owner;
};
/* In the mailbox's thread, once for disk_get() and once for each disk_read_more(). */
typedef void (*disk_read_fn)(void *arg, const struct disk_piece *piece);

struct disk_reader {
	struct mailbox *mailbox; /* of the calling thread; borrowed until the read is freed */
	disk_read_fn fn;
	void *arg;
};

enum disk_get_outcome {
	DISK_GET_STARTED = 0,
	DISK_GET_MISS = 1,
	DISK_GET_BUSY = 2, /* max_reads are under way */
};
/* Asks for the head and the first piece, and marks the record as used. Its segment stays readable
 * until the read is freed. Errors: -ENOMEM. */
int disk_get(struct disk *disk, const struct disk_id *id, const struct disk_reader *reader,
	     struct disk_read **ret_read);
/* Asks for the piece that byte `from` of the body lies in; after fn has run with OK, and one at a
 * time. From fn itself too. */
void disk_read_more(struct disk_read *read, uint64_t from);
/* The end, and the way to cancel: fn does not run any more. In the mailbox's thread; from fn itself
 * too. NULL is fine. */
void disk_read_free(struct disk_read *read);
