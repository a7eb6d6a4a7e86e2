/* SPDX-License-Identifier: Apache-2.0
 *
 * purge_file: the purge log of a store that outlives its process, beside its records on disk. A
 * purge is on the disk for good before it is confirmed, so that what it means is not served after a
 * restart either, or a crash. A file that cannot be read is begun anew with numbers above all that
 * were given: then every record is older than the log, and its origin is asked.
 *
 * One thread; it waits for the disk.
 */
#pragma once

#include "edge/cache/purge.h"

struct purge_file;

/* Makes the log, with what the file holds. Errors: -ENOMEM, those of the file: then there is no log
 * either. `now_s`: the wall time, of which the first number is made. */
int purge_file_open(const char *path, int64_t now_s, struct purge_file **ret_file,
		    struct purge_log **ret_log);
void purge_file_close(struct purge_file *file); /* NULL is fine */
/* As purge_add(), and it lasts. Errors: those of the file, too; then it holds for this life alone.
 */
int purge_file_add(struct purge_file *file, struct purge_log *log, const struct purge *purge,
		   uint64_t *ret_number);
