/* SPDX-License-Identifier: Apache-2.0
 *
 * micro_disk: what a disk store does: megabytes a second put, the time of a get, and how long it
 * takes to open one with ten million records of 1 KiB, whose files are sparse but for their
 * summaries. No verdict.
 *     cmake --build --preset release --target micro_disk && build/release/tests/micro_disk FOLDER
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/obj.h"
#include "core/rng.h"
#include "edge/cache/disk.h"
#include "edge/cache/disk_file.h"

#define GIB (UINT64_C(1) << 30)

enum {
	SALT = 7,
	OPEN_RECORDS = 10 * 1000 * 1000,
	SEGMENT_RECORDS = 65536,
	N_GETS = 20000,
	HEAD_BYTES = 400,
	N_FLYING = 8,
};

static _Atomic uint64_t n_done, n_stored;

static void on_put(void *arg, enum disk_put_result result)
{
	(void)arg;
	atomic_fetch_add(&n_stored, result == DISK_PUT_STORED);
	atomic_fetch_add(&n_done, 1);
}

static struct disk_id id_of(uint64_t n)
{
	struct rng rng;
	struct disk_id id;

	rng_seed(&rng, n);
	const uint64_t words[2] = { rng_u64(&rng), rng_u64(&rng) };
	memcpy(id.bytes, words, sizeof(words));
	return id;
}

static void pause_us(long us)
{
	const struct timespec wait = { .tv_nsec = us * 1000 };

	nanosleep(&wait, NULL);
}

static struct disk *open_and_wait(const struct disk_conf *conf, int64_t *ret_us)
{
	mono_t began = mono_read();
	struct disk_status status;
	struct disk *disk;

	MUST(disk_open(conf, &disk) == 0);
	do {
		pause_us(500);
		disk_status(disk, &status);
	} while (status.state == DISK_OPENING);
	*ret_us = mono_diff_us(mono_read(), began);
	MUST(status.state == DISK_ON);
	return disk;
}

/* As fast as the store takes them. */
static void put_many(struct disk *disk, const uint8_t *bytes, size_t body_bytes, uint64_t n)
{
	const struct span body = span_of(bytes, body_bytes);
	struct disk_record record = {
		.head = span_of(bytes, HEAD_BYTES), .body = &body, .n_body = 1, .done = on_put
	};
	struct disk_status status;

	atomic_store(&n_done, 0);
	atomic_store(&n_stored, 0);
	mono_t began = mono_read();
	for (uint64_t i = 0; i < n; i++) {
		record.id = id_of(i);
		/* Asking for the status is dear: once a MiB. */
		while (i % (1 + (1U << 20) / (body_bytes + 1024)) == 0 &&
		       (disk_status(disk, &status), status.queued_bytes > 16U << 20))
			pause_us(200);
		disk_put(disk, &record);
	}
	while (atomic_load(&n_done) < n)
		pause_us(100);
	double s = (double)mono_diff_us(mono_read(), began) / 1e6;
	printf("put  %8zu bytes  %8.0f /s  %8.1f MB/s  %" PRIu64 " of %" PRIu64 " stored\n",
	       body_bytes, (double)n / s, (double)n * (double)(body_bytes + HEAD_BYTES) / s / 1e6,
	       atomic_load(&n_stored), n);
}

struct getter {
	struct disk *disk;
	struct mailbox *mailbox;
	struct rng rng;
	uint64_t n_records, n_left;
	int64_t *us; /* of each get */
	size_t n_us, n_flying;
};

struct get {
	struct getter *getter;
	struct disk_read *read;
	mono_t began;
};

static void get_next(struct get *get);

static void on_piece(void *arg, const struct disk_piece *piece)
{
	struct get *get = arg;
	uint64_t next = piece->from + piece->bytes.len;

	MUST(piece->result == DISK_READ_OK);
	if (next < piece->body_bytes) {
		disk_read_more(get->read, next);
		return;
	}
	get->getter->us[get->getter->n_us++] = mono_diff_us(mono_read(), get->began);
	disk_read_free(TAKE(get->read));
	get->getter->n_flying--;
	get_next(get);
}

static void get_next(struct get *get)
{
	struct getter *getter = get->getter;
	const struct disk_reader reader = { getter->mailbox, on_piece, get };

	if (getter->n_left == 0)
		return;
	getter->n_left--;
	getter->n_flying++;
	struct disk_id id = id_of(rng_below(&getter->rng, getter->n_records));
	get->began = mono_read();
	MUST(disk_get(getter->disk, &id, &reader, &get->read) == DISK_GET_STARTED);
}

static int us_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void get_many(struct disk *disk, size_t body_bytes, uint64_t n_records, size_t n_flying,
		     uint64_t n_gets)
{
	struct get gets[N_FLYING];
	struct mailbox mailbox;
	struct loop *loop;

	MUST(loop_new("bench", &loop) == 0 && mailbox_open(&mailbox, loop) == 0);
	struct getter getter = { .disk = disk,
				 .mailbox = &mailbox,
				 .n_records = n_records,
				 .n_left = n_gets,
				 .us = calloc(n_gets, sizeof(int64_t)) };
	MUST(getter.us);
	rng_seed(&getter.rng, 1);
	mono_t began = mono_read();
	for (size_t i = 0; i < n_flying; i++) {
		gets[i] = (struct get){ .getter = &getter };
		get_next(&gets[i]);
	}
	while (getter.n_flying > 0)
		loop_turn(loop, 1000);
	double s = (double)mono_diff_us(mono_read(), began) / 1e6;
	qsort(getter.us, getter.n_us, sizeof(*getter.us), us_order);
	printf("get  %8zu bytes  %8.0f /s  %8.1f MB/s  %zu at a time: p50 %" PRId64
	       " us, p99 %" PRId64 " us\n",
	       body_bytes, (double)getter.n_us / s,
	       (double)getter.n_us * (double)body_bytes / s / 1e6, n_flying,
	       getter.us[getter.n_us / 2], getter.us[getter.n_us * 99 / 100]);
	free(getter.us);
	mailbox_close(&mailbox);
	loop_free(loop);
}

static void file_name(char *to, size_t size, const char *folder, unsigned number)
{
	snprintf(to, size, "%s/%08x.seg", folder, number);
}

static void sparse_segment(const char *folder, unsigned number, uint64_t from, uint64_t n)
{
	uint64_t step = disk_record_bytes(HEAD_BYTES, 1024), bytes;
	struct disk_summary summary;
	char path[512];

	file_name(path, sizeof(path), folder, number);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0);
	disk_summary_init(&summary);
	for (uint64_t i = 0; i < n; i++) {
		const struct disk_entry entry = { .id = id_of(from + i),
						  .stamp = from + i,
						  .body_bytes = 1024,
						  .head_bytes = HEAD_BYTES,
						  .offset = i * step };
		disk_entry_write(&summary.entries, &entry);
	}
	summary.records_end = n * step;
	MUST(disk_summary_seal(fd, SALT, number, &summary, &bytes) == 0);
	MUST(fsync(fd) == 0);
	disk_summary_fini(&summary);
	close(fd);
}

static void drop_page_cache(const char *folder)
{
	char path[512];

	for (unsigned number = 1;; number++) {
		file_name(path, sizeof(path), folder, number);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		MUST(fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
		close(fd);
	}
}

static long resident_kib(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file) {
		char line[256];
		if (fgets(line, sizeof(line), file) && strchr(line, ' '))
			pages = strtol(strchr(line, ' '), NULL, 10);
		fclose(file);
	}
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void sparse_store(const char *folder)
{
	const struct disk_store store = { .salt = SALT };
	uint8_t bytes[DISK_STORE_BYTES];
	unsigned number = 0;
	char path[512];

	MUST(mkdir(folder, 0700) == 0);
	snprintf(path, sizeof(path), "%s/store", folder);
	disk_store_write(bytes, &store);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	MUST(fd >= 0 && disk_file_write(fd, span_of(bytes, sizeof(bytes)), 0) == 0);
	close(fd);
	for (uint64_t from = 0; from < OPEN_RECORDS; from += SEGMENT_RECORDS)
		sparse_segment(folder, ++number, from,
			       MIN((uint64_t)SEGMENT_RECORDS, OPEN_RECORDS - from));
}

static void measure_open(const char *parent)
{
	char folder[256];
	struct disk_status status;

	snprintf(folder, sizeof(folder), "%s/sparse", parent);
	sparse_store(folder);
	const struct disk_conf conf = { .path = folder,
					.name = "open",
					.max_bytes = 16 * GIB,
					.max_records = OPEN_RECORDS,
					.segment_bytes = SEGMENT_RECORDS *
							 disk_record_bytes(HEAD_BYTES, 1024) };
	for (int i = 0; i < 4; i++) {
		int64_t us;
		if (i % 2 == 0)
			drop_page_cache(folder);
		long before_kib = resident_kib();
		struct disk *disk = open_and_wait(&conf, &us);
		disk_status(disk, &status);
		printf("open %" PRIu64 " records in %" PRIu64 " segments, page cache %s: %" PRId64
		       " ms, %.1f bytes of memory a record\n",
		       status.n_records, status.n_segments, i % 2 ? "warm" : "cold", us / 1000,
		       (double)(resident_kib() - before_kib) * 1024 / (double)status.n_records);
		disk_close(disk);
	}
}

static void measure_sizes(const char *parent)
{
	static const size_t sizes[] = { 1024, 32 * 1024, 1024 * 1024 };
	char folder[256];

	uint8_t *bytes = malloc(1 << 20);
	MUST(bytes);
	for (size_t i = 0; i < 1 << 20; i++)
		bytes[i] = (uint8_t)(i * 31);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t n = MIN(GIB / sizes[i], UINT64_C(400000));
		int64_t us;
		snprintf(folder, sizeof(folder), "%s/%zu", parent, sizes[i]);
		const struct disk_conf conf = { .path = folder,
						.name = "sizes",
						.max_bytes = 8 * GIB };
		struct disk *disk = open_and_wait(&conf, &us);
		put_many(disk, bytes, sizes[i], n);
		uint64_t n_gets = MAX(N_GETS / (sizes[i] / 1024), UINT64_C(2000));
		drop_page_cache(folder);
		get_many(disk, sizes[i], n, 1, n_gets / 4);
		get_many(disk, sizes[i], n, 1, n_gets);
		get_many(disk, sizes[i], n, N_FLYING, n_gets);
		disk_close(disk);
	}
	free(bytes);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER (made; some 2 GB; remove it afterwards)\n",
			argv[0]);
		return 64;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	MUST(mkdir(argv[1], 0700) == 0);
	measure_open(argv[1]);
	measure_sizes(argv[1]);
	return 0;
}
