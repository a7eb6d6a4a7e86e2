/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_stage: a folder that goes with the test, a disk store in it, and waiting for what it does:
 * for tests of edge/cache/disk*.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/obj.h"
#include "core/rng.h"
#include "edge/cache/disk.h"

enum { STAGE_WAIT_MS = 30000, STAGE_SEGMENT = 256 * 1024 };

struct stage {
	char path[64];
	struct disk_conf conf;
	struct disk *disk;
	struct loop *loop;
	struct mailbox mailbox;
};

/* What comes back from other threads: -1 until then. */
struct stage_result {
	_Atomic int value;
};

static inline void stage_pause(void)
{
	const struct timespec wait = { .tv_nsec = 200000 };

	nanosleep(&wait, NULL);
}

static inline int stage_wait(struct stage_result *result)
{
	mono_t until = mono_add_ms(mono_read(), STAGE_WAIT_MS);

	while (atomic_load(&result->value) == -1 && mono_before(mono_read(), until))
		stage_pause();
	return atomic_load(&result->value);
}

static inline void stage_on_put(void *arg, enum disk_put_result result)
{
	atomic_store(&((struct stage_result *)arg)->value, (int)result);
}

static inline void stage_on_drop(void *arg, int r)
{
	atomic_store(&((struct stage_result *)arg)->value, -r);
}

static inline struct disk_id stage_id(uint64_t n)
{
	struct disk_id id;
	uint64_t mixed[2] = { n * UINT64_C(0x9e3779b97f4a7c15), ~n };

	memcpy(id.bytes, mixed, sizeof(id.bytes));
	return id;
}

/* The content of a record follows from its number, version and length. */
static inline void stage_fill(uint8_t *to, size_t len, uint64_t n, uint64_t version)
{
	struct rng rng;

	rng_seed(&rng, n * 1000003 + version);
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = rng_u64(&rng);
		memcpy(to + i, &word, MIN(sizeof(word), len - i));
	}
}

struct stage_record {
	uint64_t n, version, stamp;
	size_t head_bytes, body_bytes;
};

/* Puts it and waits for the result. */
static inline int stage_put(struct disk *disk, const struct stage_record *r)
{
	uint8_t *bytes = malloc(r->head_bytes + r->body_bytes + 1);
	struct stage_result result = { -1 };

	MUST(bytes);
	stage_fill(bytes, r->head_bytes + r->body_bytes, r->n, r->version);
	size_t first = r->body_bytes / 3; /* in several spans, one of them empty */
	const struct span body[] = {
		span_of(bytes + r->head_bytes, first),
		span_of(bytes, 0),
		span_of(bytes + r->head_bytes + first, r->body_bytes - first),
	};
	const struct disk_record record = { .id = stage_id(r->n),
					    .stamp = r->stamp,
					    .head = span_of(bytes, r->head_bytes),
					    .body = body,
					    .n_body = ARRAY_LEN(body),
					    .done = stage_on_put,
					    .arg = &result };
	disk_put(disk, &record);
	int value = stage_wait(&result);
	free(bytes);
	return value;
}

static inline int stage_drop(struct disk *disk, uint64_t n)
{
	struct stage_result result = { -1 };
	struct disk_id id = stage_id(n);

	MUST(disk_drop(disk, &id, stage_on_drop, &result) == 0);
	return stage_wait(&result);
}

/* Waits until the store is on and has worked off what was queued before. */
static inline int stage_drop_older(struct disk *disk, uint64_t stamp)
{
	struct stage_result result = { -1 };

	MUST(disk_drop_older(disk, stamp, stage_on_drop, &result) == 0);
	return stage_wait(&result);
}

static inline bool stage_wait_state(struct disk *disk, enum disk_state state)
{
	mono_t until = mono_add_ms(mono_read(), STAGE_WAIT_MS);
	struct disk_status status;

	do {
		disk_status(disk, &status);
		if (status.state == state)
			return true;
		stage_pause();
	} while (mono_before(mono_read(), until));
	return false;
}

static inline bool stage_finds(struct disk *disk, uint64_t n)
{
	struct disk_id id = stage_id(n);
	struct disk_found found;

	return disk_find(disk, &id, &found);
}

/* A whole read: head and body in one run of bytes. */
struct stage_read {
	struct disk_read *read;
	int result; /* enum disk_read_result; -1: not yet; -2: a miss */
	uint8_t *bytes;
	size_t len, head_bytes, body_bytes;
	unsigned n_pieces;
};

static inline void stage_on_piece(void *arg, const struct disk_piece *piece)
{
	struct stage_read *r = arg;

	r->n_pieces++;
	if (piece->result != DISK_READ_OK) {
		r->result = (int)piece->result;
		return;
	}
	if (!r->bytes) {
		r->head_bytes = piece->head.len;
		r->body_bytes = (size_t)piece->body_bytes;
		r->bytes = malloc(r->head_bytes + r->body_bytes + 1);
		MUST(r->bytes);
		if (piece->head.len > 0)
			memcpy(r->bytes, piece->head.at, piece->head.len);
		r->len = piece->head.len;
	}
	MUST(piece->from == r->len - r->head_bytes);
	if (piece->bytes.len > 0)
		memcpy(r->bytes + r->len, piece->bytes.at, piece->bytes.len);
	r->len += piece->bytes.len;
	if (r->len < r->head_bytes + r->body_bytes)
		disk_read_more(r->read, r->len - r->head_bytes);
	else
		r->result = DISK_READ_OK;
}

static inline void stage_turn_until(struct stage *stage, const int *result)
{
	mono_t until = mono_add_ms(mono_read(), STAGE_WAIT_MS);

	while (*result == -1 && mono_before(mono_read(), until))
		loop_turn(stage->loop, 100);
}

/* Reads it all; free r->bytes. */
static inline int stage_get(struct stage *stage, uint64_t n, struct stage_read *r)
{
	struct disk_id id = stage_id(n);
	const struct disk_reader reader = { &stage->mailbox, stage_on_piece, r };

	*r = (struct stage_read){ .result = -1 };
	if (disk_get(stage->disk, &id, &reader, &r->read) != DISK_GET_STARTED)
		return r->result = -2;
	stage_turn_until(stage, &r->result);
	disk_read_free(TAKE(r->read));
	return r->result;
}

/* It is found, and is what was put. */
static inline bool stage_has(struct stage *stage, const struct stage_record *expected)
{
	size_t len = expected->head_bytes + expected->body_bytes;
	struct stage_read r;

	uint8_t *bytes = malloc(len + 1);
	MUST(bytes);
	stage_fill(bytes, len, expected->n, expected->version);
	bool has = stage_get(stage, expected->n, &r) == DISK_READ_OK &&
		   r.head_bytes == expected->head_bytes && r.len == len &&
		   memcmp(r.bytes, bytes, len) == 0;
	free(r.bytes);
	free(bytes);
	return has;
}

static inline void stage_open(struct stage *stage)
{
	MUST(disk_open(&stage->conf, &stage->disk) == 0);
}

static inline void stage_reopen(struct stage *stage)
{
	disk_close(stage->disk);
	stage_open(stage);
	MUST(stage_drop_older(stage->disk, 0) == 0);
}

/* Calls fn for each file of the folder. */
static inline void stage_each_file(const char *path,
				   void (*fn)(const char *file, const char *name, void *arg),
				   void *arg)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char file[512];
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			fn(file, names[i]->d_name, arg);
		free(names[i]);
	}
	free(names);
}

static inline void stage_remove_one(const char *file, const char *name, void *arg)
{
	(void)name;
	(void)arg;
	unlink(file);
}

static inline void stage_remove_folder(const char *path)
{
	stage_each_file(path, stage_remove_one, NULL);
	rmdir(path);
}

static inline int stage_begin(struct stage *stage)
{
	*stage = (struct stage){ .path = "/tmp/meridian-disk-XXXXXX" };
	if (!mkdtemp(stage->path) || loop_new("test", &stage->loop) < 0 ||
	    mailbox_open(&stage->mailbox, stage->loop) < 0)
		return -1;
	stage->conf = (struct disk_conf){
		.path = stage->path,
		.name = "test",
		.max_bytes = 8 * STAGE_SEGMENT,
		.segment_bytes = STAGE_SEGMENT,
		.n_readers = 2,
		.retry_ms = 10,
	};
	return 0;
}

static inline void stage_end(struct stage *stage)
{
	disk_close(stage->disk);
	mailbox_close(&stage->mailbox);
	loop_free(stage->loop);
	stage_remove_folder(stage->path);
}
