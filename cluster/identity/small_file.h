/* SPDX-License-Identifier: Apache-2.0
 *
 * small_file: the short files that an identity is made of: read whole with a limit, written whole
 * so that a crash leaves either the old or the new one. Any thread; they block: at the start of a
 * program or in a tool, never on the cluster's loop (but for the incarnation, which must be on disk
 * before it is spoken).
 */
#pragma once

#include <sys/types.h>

#include "core/buf.h"

/* All bytes behind what `buf` holds already. Errors: -ENOENT, -EACCES, …, -EFBIG (past buf's
 * limit). */
int small_file_read(const char *path, struct buf *buf);
/* By a new file beside it, fsync, and rename; the folder is synced too. `mode` exactly, whatever
 * the umask. */
int small_file_write(const char *path, struct span bytes, mode_t mode);
/* As small_file_write(), but never over a file that is there: -EEXIST. */
int small_file_create(const char *path, struct span bytes, mode_t mode);
/* 0, -EPERM when others than the owner may read or write it, or -errno. */
int small_file_check_private(const char *path);

enum { SMALL_FILE_PATH_MAX = 1024 };
/* "folder/name" into `ret_path` (SMALL_FILE_PATH_MAX). Errors: -ENAMETOOLONG. */
int small_file_path(const char *folder, const char *name, char *ret_path);

/* Hexadecimal, lower case; `text` has room for 2 * bytes.len + 1. */
void hex_write(struct span bytes, char *text);
/* Exactly len bytes from exactly 2 * len digits. */
bool hex_read(struct span text, uint8_t *ret_bytes, size_t len);
