/* SPDX-License-Identifier: Apache-2.0
 *
 * small_file: read whole, write by rename. A key or an incarnation that is half on disk would be
 * worse than none, so each write is synced before it gets its name.
 */
#include "cluster/identity/small_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/obj.h"

int small_file_read(const char *path, struct buf *buf)
{
	CLEANUP(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_new(-errno);
	for (;;) {
		uint8_t piece[1024];
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(-errno);
		if (n == 0)
			return 0;
		buf_add(buf, span_of(piece, (size_t)n));
		if (buf->failed)
			return err_new(-EFBIG);
	}
}

static int write_all(int fd, struct span bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(-errno);
		bytes = span_from(bytes, (size_t)n);
	}
	return 0;
}

/* The rename itself is only on disk once the folder is. */
static int sync_folder_of(const char *path)
{
	char folder[SMALL_FILE_PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');

	if (slash == path)
		slash++;
	if (slash) {
		memcpy(folder, path, (size_t)(slash - path));
		folder[slash - path] = '\0';
	}
	CLEANUP(fd_drop) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_new(-errno);
	return 0;
}

static int write_new(const char *path, struct span bytes, mode_t mode)
{
	CLEANUP(fd_drop) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_new(-errno);
	int r = write_all(fd, bytes);
	if (r < 0)
		return err_pass(r);
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return err_new(-errno);
	return 0;
}

static int write_beside(const char *path, struct span bytes, mode_t mode, bool replace)
{
	char beside[SMALL_FILE_PATH_MAX + 16];
	int r;

	if (strlen(path) >= SMALL_FILE_PATH_MAX)
		return err_new(-ENAMETOOLONG);
	snprintf(beside, sizeof(beside), "%s.new%d", path, (int)getpid());
	r = write_new(beside, bytes, mode);
	if (r == 0 && replace)
		r = rename(beside, path) < 0 ? -errno : 0;
	else if (r == 0)
		r = link(beside, path) < 0 ? -errno : 0;
	if (r < 0 || !replace)
		(void)unlink(beside);
	return r < 0 ? err_pass(r) : sync_folder_of(path);
}

int small_file_write(const char *path, struct span bytes, mode_t mode)
{
	return write_beside(path, bytes, mode, true);
}

int small_file_create(const char *path, struct span bytes, mode_t mode)
{
	return write_beside(path, bytes, mode, false);
}

int small_file_check_private(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_new(-errno);
	return (st.st_mode & 077) != 0 ? err_new(-EPERM) : 0;
}

int small_file_path(const char *folder, const char *name, char *ret_path)
{
	int n = snprintf(ret_path, SMALL_FILE_PATH_MAX, "%s/%s", folder, name);

	return n < 0 || n >= SMALL_FILE_PATH_MAX ? err_new(-ENAMETOOLONG) : 0;
}

void hex_write(struct span bytes, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.len; i++) {
		text[2 * i] = digits[bytes.at[i] >> 4];
		text[2 * i + 1] = digits[bytes.at[i] & 15];
	}
	text[2 * bytes.len] = '\0';
}

/* 16: none. */
static unsigned digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - (unsigned)'0';
	return c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10 : 16;
}

bool hex_read(struct span text, uint8_t *ret_bytes, size_t len)
{
	if (text.len != 2 * len)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (digit_value(text.at[i]) > 15)
			return false;
	}
	for (size_t i = 0; i < len; i++)
		ret_bytes[i] = (uint8_t)(digit_value(text.at[2 * i]) << 4 |
					 digit_value(text.at[2 * i + 1]));
	return true;
}
