/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_folder: a store's folder: `lock`, `store`, and segments 00000001.seg and on.
 *
 * The file `store` says by which salt the segments verify, and below which stamp nothing lives. If
 * it is missing or damaged nobody can say what was dropped, so the store begins anew. For the same
 * reason only the unbroken run of segments up to the newest counts: in one that is missing there
 * may have been tombstones for what is older.
 */
#include "edge/cache/disk_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

enum { DECODE_BATCH = 512, NUMBERS_MAX = 1 << 20 };

void disk_segment_name(uint32_t number, char name[DISK_NAME_BYTES])
{
	snprintf(name, DISK_NAME_BYTES, "%08" PRIx32 ".seg", number);
}

int disk_folder_sync(struct disk *disk)
{
	return fsync(disk->dir_fd) < 0 ? err_new(-errno) : 0;
}

static int lock_take(struct disk *disk)
{
	if (mkdir(disk->conf.path, 0700) < 0 && errno != EEXIST)
		return err_new(-errno);
	disk->dir_fd = open(disk->conf.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (disk->dir_fd < 0)
		return err_new(-errno);
	disk->lock_fd = openat(disk->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (disk->lock_fd < 0 || flock(disk->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_new(-errno);
	return 0;
}

int disk_folder_write_store(struct disk *disk)
{
	uint8_t bytes[DISK_STORE_BYTES];

	disk_store_write(bytes, &disk->store);
	CLEANUP(fd_drop)
	int fd = openat(disk->dir_fd, "store.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_new(-errno);
	int r = disk_file_write(fd, span_of(bytes, sizeof(bytes)), 0);
	if (r < 0)
		return err_pass(r);
	if (fsync(fd) < 0 || renameat(disk->dir_fd, "store.new", disk->dir_fd, "store") < 0)
		return err_new(-errno);
	return disk_folder_sync(disk);
}

struct numbers {
	uint32_t *at;
	size_t n;
};

static void numbers_drop(struct numbers *numbers)
{
	free(numbers->at);
}

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool name_number(const char *name, uint32_t *ret_number)
{
	char again[DISK_NAME_BYTES];

	if (strlen(name) != strlen("00000000.seg"))
		return false;
	unsigned long number = strtoul(name, NULL, 16);
	disk_segment_name((uint32_t)number, again);
	*ret_number = (uint32_t)number;
	return strcmp(again, name) == 0;
}

static int number_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int numbers_read(struct disk *disk, struct numbers *numbers)
{
	int fd = openat(disk->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(dir_drop) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *file;

	if (!dir) {
		int r = -errno;
		fd_drop(&fd);
		return err_new(r);
	}
	while (errno = 0, (file = readdir(dir))) {
		uint32_t number;
		if (!name_number(file->d_name, &number))
			continue;
		if (numbers->n == NUMBERS_MAX)
			return err_new(-E2BIG);
		uint32_t *more = reallocarray(numbers->at, numbers->n + 1, sizeof(*more));
		if (!more)
			return err_new(-ENOMEM);
		numbers->at = more;
		numbers->at[numbers->n++] = number;
	}
	if (errno)
		return err_new(-errno);
	if (numbers->n > 0)
		qsort(numbers->at, numbers->n, sizeof(*numbers->at), number_order);
	return 0;
}

static int segment_delete(struct disk *disk, uint32_t number)
{
	char name[DISK_NAME_BYTES];

	disk_segment_name(number, name);
	return unlinkat(disk->dir_fd, name, 0) < 0 && errno != ENOENT ? err_new(-errno) : 0;
}

/* Oldest first: a run that is cut short in the middle stays a run. */
static int numbers_delete(struct disk *disk, struct numbers *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = segment_delete(disk, numbers->at[i]);
		if (r < 0)
			return err_pass(r);
	}
	numbers->n -= n;
	if (numbers->n > 0)
		memmove(numbers->at, numbers->at + n, numbers->n * sizeof(*numbers->at));
	return n > 0 ? disk_folder_sync(disk) : 0;
}

/* Positive: there is none that counts. */
static int store_read(struct disk *disk)
{
	uint8_t bytes[DISK_STORE_BYTES];
	CLEANUP(fd_drop) int fd = openat(disk->dir_fd, "store", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 1 : err_new(-errno);
	int r = disk_file_read(fd, bytes, sizeof(bytes), 0);
	if (r < 0)
		return r == -ENODATA ? 1 : err_pass(r);
	return !disk_store_read(span_of(bytes, sizeof(bytes)), &disk->store);
}

static int store_make(struct disk *disk, struct numbers *numbers)
{
	if (numbers->n > 0)
		LOG_WARN("disk.begins_anew", kv_str("store", disk->conf.name),
			 kv_uint("segments", numbers->n));
	int r = numbers_delete(disk, numbers, numbers->n);
	if (r < 0)
		return err_pass(r);
	disk->store = (struct disk_store){ .floor = atomic_load(&disk->floor) };
	if (getentropy(&disk->store.salt, sizeof(disk->store.salt)) < 0)
		return err_new(-errno);
	return err_pass(disk_folder_write_store(disk));
}

/* The floor is what the file says or what was said since, whichever is higher; and that is on the
 * disk before a record is passed over for it. */
static int store_open(struct disk *disk, struct numbers *numbers)
{
	int r = store_read(disk);

	if (r > 0)
		r = store_make(disk, numbers);
	if (r < 0)
		return err_pass(r);
	uint64_t floor = atomic_load(&disk->floor);
	while (floor < disk->store.floor &&
	       !atomic_compare_exchange_weak(&disk->floor, &floor, disk->store.floor))
		;
	if (floor > disk->store.floor) {
		disk->store.floor = floor;
		r = disk_folder_write_store(disk);
	}
	pthread_mutex_lock(&disk->lock);
	disk->salt = disk->store.salt;
	pthread_mutex_unlock(&disk->lock);
	return err_pass(r);
}

/* How many of the oldest do not count: they are behind a gap, or over max_bytes. */
static int numbers_to_delete(struct disk *disk, const struct numbers *numbers, size_t *ret_n)
{
	uint64_t room = disk->conf.max_bytes - disk->conf.segment_bytes / 4;
	char name[DISK_NAME_BYTES];
	struct stat st;
	size_t i = numbers->n;

	while (i > 0 && (i == numbers->n || numbers->at[i - 1] + 1 == numbers->at[i])) {
		disk_segment_name(numbers->at[i - 1], name);
		if (fstatat(disk->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_new(-errno);
		if ((uint64_t)st.st_size > room)
			break;
		room -= (uint64_t)st.st_size;
		i--;
	}
	*ret_n = i;
	return 0;
}

static void load_entries(struct disk *disk, const struct disk_summary *summary, uint32_t number)
{
	struct disk_entry entries[DECODE_BATCH];
	uint64_t floor = atomic_load(&disk->floor);
	size_t n = 0;
	bool fits = true;

	for (size_t i = 0; i < disk_summary_n(summary); i++) {
		const uint8_t *at = summary->entries.at + i * DISK_ENTRY_BYTES;
		if (disk_entry_read(at, number, summary->records_end, &entries[n]) &&
		    (entries[n].is_tombstone || entries[n].stamp >= floor))
			n++;
		if (n == DECODE_BATCH) {
			fits &= disk_index_load(&disk->index, entries, n);
			n = 0;
		}
	}
	fits &= disk_index_load(&disk->index, entries, n);
	if (!fits) {
		pthread_mutex_lock(&disk->lock);
		disk->index_overflowed = true;
		pthread_mutex_unlock(&disk->lock);
	}
}

/* The newest goes on if there is room in it: many short lives shall not leave many small files. */
static bool goes_on(const struct disk *disk, const struct disk_summary *summary)
{
	return disk_summary_n(summary) < DISK_SEGMENT_RECORDS_MAX / 2 &&
	       summary->records_end < disk->conf.segment_bytes / 2;
}

static int log_resume(struct disk *disk, int *fd, struct disk_segment *segment,
		      struct disk_summary *summary)
{
	struct disk_log *log = &disk->log;

	if (ftruncate(*fd, (off_t)summary->records_end) < 0)
		return err_new(-errno);
	pthread_mutex_lock(&disk->lock);
	disk_segment_resize(disk, segment, disk->conf.segment_bytes);
	pthread_mutex_unlock(&disk->lock);
	struct disk_summary spare = log->summary;
	log->summary = *summary;
	*summary = spare;
	log->segment = segment;
	log->fd = TAKE_FD(*fd);
	log->n_staged = 0;
	return 0;
}

static int segment_load(struct disk *disk, uint32_t number, bool is_newest,
			struct disk_summary *summary)
{
	char name[DISK_NAME_BYTES];
	struct stat st = { .st_size = 0 };

	disk_segment_name(number, name);
	CLEANUP(fd_drop) int fd = openat(disk->dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_new(-errno);
	int r = disk_summary_read(fd, disk->salt, number, summary);
	if (r < 0)
		return err_pass(r);
	load_entries(disk, summary, number);
	bool resume = is_newest && goes_on(disk, summary);
	uint64_t bytes = 0;
	if (!resume && !summary->sealed)
		r = disk_summary_seal(fd, disk->salt, number, summary, &bytes);
	if (r == 0 && fstat(fd, &st) < 0)
		r = err_new(-errno);
	if (r < 0)
		return err_pass(r);
	pthread_mutex_lock(&disk->lock);
	struct disk_segment *segment = disk_segment_add(disk, number, (uint64_t)st.st_size);
	pthread_mutex_unlock(&disk->lock);
	if (!segment)
		return err_new(-ENOMEM);
	return resume ? log_resume(disk, &fd, segment, summary) : 0;
}

/* The disk works at the next summary while this one goes into the index. */
static void announce(const struct disk *disk, uint32_t number)
{
	char name[DISK_NAME_BYTES];

	disk_segment_name(number, name);
	CLEANUP(fd_drop) int fd = openat(disk->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		disk_summary_announce(fd, disk->store.salt, number);
}

static bool is_stopping(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	bool stopping = disk->stopping;
	pthread_mutex_unlock(&disk->lock);
	return stopping;
}

static int segments_load(struct disk *disk, const struct numbers *numbers)
{
	struct disk_summary summary;
	int r = 0;

	disk_summary_init(&summary);
	for (size_t i = 0; r == 0 && i < numbers->n; i++) {
		if (i + 1 < numbers->n)
			announce(disk, numbers->at[i + 1]);
		r = segment_load(disk, numbers->at[i], i + 1 == numbers->n, &summary);
		if (r == 0 && is_stopping(disk))
			r = err_new(-ECANCELED);
	}
	disk_summary_fini(&summary);
	disk->next_number = numbers->n > 0 ? numbers->at[numbers->n - 1] + 1 : 1;
	return err_pass(r);
}

int disk_folder_open(struct disk *disk)
{
	CLEANUP(numbers_drop) struct numbers numbers = { .n = 0 };
	size_t n_gone = 0;

	int r = lock_take(disk);
	if (r == 0)
		r = numbers_read(disk, &numbers);
	if (r == 0)
		r = store_open(disk, &numbers);
	if (r == 0)
		r = numbers_to_delete(disk, &numbers, &n_gone);
	if (r == 0)
		r = numbers_delete(disk, &numbers, n_gone);
	if (r == 0)
		r = segments_load(disk, &numbers);
	return err_pass(r);
}

void disk_folder_close(struct disk *disk)
{
	struct disk_segment *segment;

	disk_log_close(disk);
	pthread_mutex_lock(&disk->lock);
	while ((segment = TAILQ_FIRST(&disk->by_age)))
		disk_segment_retire(disk, segment, false);
	pthread_mutex_unlock(&disk->lock);
	disk_index_clear(&disk->index);
	fd_drop(&disk->lock_fd);
	fd_drop(&disk->dir_fd);
}
