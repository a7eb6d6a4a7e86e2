/* SPDX-License-Identifier: Apache-2.0
 *
 * purge_file: a line of bytes for each purge, with its checksum, appended; when there are twice as
 * many as the log keeps, those that it keeps are written to a new file that takes the place of the
 * old.
 */
#include "edge/cache/purge_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/obj.h"

#define PURGE_FILE_KIND OBJ_KIND('p', 'r', 'g', 'f')

enum { VERSION = 1, FILE_MAX_BYTES = 64 << 20, NUMBERS_PER_S_BITS = 20 };

struct entry {
	uint64_t checksum; /* of all behind it, text included */
	uint64_t number;
	uint32_t text_len;
	uint8_t version, kind, soft, zero;
};
_Static_assert(sizeof(struct entry) == 24, "an entry has no holes");

struct purge_file {
	uint32_t kind;
	int fd;
	char *path; /* owned */
	size_t n_entries;
};

/* ---- one entry ---------------------------------------------------------------------------------
 */

static uint64_t checksum_of(const struct entry *entry, struct span text)
{
	const uint8_t *after = (const uint8_t *)entry + sizeof(entry->checksum);
	uint64_t head =
		hash_fixed(span_of(after, sizeof(*entry) - sizeof(entry->checksum)), VERSION);

	return hash_fixed(text, head);
}

static void entry_put(struct buf *out, const struct purge *purge, uint64_t number)
{
	struct entry entry = {
		.number = number,
		.text_len = (uint32_t)purge->text.len,
		.version = VERSION,
		.kind = (uint8_t)purge->kind,
		.soft = purge->soft,
	};

	entry.checksum = checksum_of(&entry, purge->text);
	buf_add(out, span_of(&entry, sizeof(entry)));
	buf_add(out, purge->text);
}

/* Cuts one off. False: what is left is none. */
static bool entry_cut(struct span *rest, struct purge *ret_purge, uint64_t *ret_number)
{
	struct entry entry;

	if (rest->len < sizeof(entry))
		return false;
	memcpy(&entry, rest->at, sizeof(entry));
	struct span text = span_from(*rest, sizeof(entry));
	if (entry.version != VERSION || entry.kind > PURGE_ALL || entry.text_len > text.len ||
	    entry.text_len > PURGE_MAX_BYTES)
		return false;
	text = span_first(text, entry.text_len);
	if (entry.checksum != checksum_of(&entry, text))
		return false;
	*ret_purge = (struct purge){ (enum purge_kind)entry.kind, entry.soft, text };
	*ret_number = entry.number;
	*rest = span_from(*rest, sizeof(entry) + text.len);
	return true;
}

/* ---- the file ----------------------------------------------------------------------------------
 */

static int bytes_append(int fd, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.at, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(-errno);
		bytes = span_from(bytes, (size_t)n);
	}
	return fdatasync(fd) < 0 ? err_new(-errno) : 0;
}

static int file_read(int fd, struct buf *text)
{
	for (;;) {
		uint8_t *room = buf_room(text, 65536);
		if (!room)
			return err_new(-ENOMEM);
		ssize_t n = read(fd, room, 65536);
		if (n < 0)
			return err_new(-errno);
		if (n == 0)
			return 0;
		buf_grew(text, (size_t)n);
	}
}

/* The first entry of a file stands for its beginning: it purges what is older than the file. */
static int file_begin(struct purge_file *file, struct purge_log *log, uint64_t number)
{
	const struct purge first = { PURGE_ALL, true, SPAN_NONE };
	struct buf out;

	buf_init(&out, 4096);
	entry_put(&out, &first, number);
	int r = ftruncate(file->fd, 0) < 0 ? err_new(-errno) : 0;
	if (r == 0)
		r = bytes_append(file->fd, buf_span(&out));
	buf_fini(&out);
	file->n_entries = 1;
	return r < 0 ? err_pass(r) : err_pass(purge_restore(log, &first, number));
}

/* Up to the first that does not verify, as after a crash in the middle of one. */
static int entries_take(struct purge_file *file, struct purge_log *log, struct span text)
{
	struct span rest = text;
	struct purge purge;
	uint64_t number;

	while (entry_cut(&rest, &purge, &number)) {
		int r = purge_restore(log, &purge, number);
		if (r < 0)
			return err_pass(r);
		file->n_entries++;
	}
	if (rest.len && ftruncate(file->fd, (off_t)(text.len - rest.len)) < 0)
		return err_new(-errno);
	return 0;
}

static int file_load(struct purge_file *file, struct purge_log *log, int64_t now_s)
{
	struct buf text;

	buf_init(&text, FILE_MAX_BYTES);
	int r = file_read(file->fd, &text);
	if (r == 0)
		r = entries_take(file, log, buf_span(&text));
	buf_fini(&text);
	if (r == 0 && file->n_entries == 0)
		r = file_begin(file, log, (uint64_t)now_s << NUMBERS_PER_S_BITS);
	return err_pass(r);
}

int purge_file_open(const char *path, int64_t now_s, struct purge_file **ret_file,
		    struct purge_log **ret_log)
{
	struct purge_file *file = OBJ_NEW(struct purge_file, PURGE_FILE_KIND);

	if (!file)
		return err_new(-ENOMEM);
	file->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int r = file->fd < 0 ? err_new(-errno) : purge_log_new(ret_log);
	if (r == 0) {
		file->path = strdup(path);
		r = file->path ? file_load(file, *ret_log, now_s) : err_new(-ENOMEM);
		if (r < 0)
			purge_log_free(*ret_log);
	}
	if (r < 0) {
		purge_file_close(file);
		return err_pass(r);
	}
	*ret_file = file;
	return 0;
}

void purge_file_close(struct purge_file *file)
{
	if (!file)
		return;
	fd_drop(&file->fd);
	free(file->path);
	OBJ_FREE(file);
}

/* What the log keeps, in a new file. One that fails leaves the old. */
static int file_renew(struct purge_file *file, const struct purge_log *log)
{
	char path[4096];
	struct buf out;
	int len = snprintf(path, sizeof(path), "%s.new", file->path);

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_new(-ENAMETOOLONG);
	buf_init(&out, FILE_MAX_BYTES);
	size_t n = purge_each(log, entry_put, &out);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	int r = fd < 0 ? err_new(-errno) : out.failed ? err_new(-ENOMEM) : 0;
	if (r == 0)
		r = bytes_append(fd, buf_span(&out));
	if (r == 0 && rename(path, file->path) < 0)
		r = err_new(-errno);
	buf_fini(&out);
	if (r < 0) {
		fd_drop(&fd);
		return err_pass(r);
	}
	fd_drop(&file->fd);
	file->fd = fd;
	file->n_entries = n;
	return 0;
}

int purge_file_add(struct purge_file *file, struct purge_log *log, const struct purge *purge,
		   uint64_t *ret_number)
{
	struct buf out;
	int r = purge_add(log, purge, ret_number);

	MUST(file->kind == PURGE_FILE_KIND);
	if (r < 0)
		return err_pass(r);
	buf_init(&out, PURGE_MAX_BYTES + 4096);
	entry_put(&out, purge, *ret_number);
	r = out.failed ? err_new(-ENOMEM) : bytes_append(file->fd, buf_span(&out));
	buf_fini(&out);
	file->n_entries++;
	if (r == 0 && file->n_entries > 2 * (size_t)PURGE_KEPT)
		r = file_renew(file, log);
	return err_pass(r);
}
