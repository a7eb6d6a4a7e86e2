/* SPDX-License-Identifier: Apache-2.0
 *
 * access_log: a line for each exchange, off the hot path.
 *
 * A worker gathers lines in a chunk and hands it, full or half a second old, to the writer, a
 * thread of its own that is the only one to wait for the disk: one write a chunk, appended. Each
 * worker has a few chunks; when all are with the writer, lines are dropped and counted: serving
 * goes on.
 */
#pragma once

#include "core/mailbox.h"
#include "core/metrics.h"
#include "core/var.h"
#include "edge/report/facts.h"

/* ---- the writer --------------------------------------------------------------------------------
 */

struct access_log_writer;

/* `path` is copied; NULL: standard error. Starts the thread. Errors: -errno of the file, -ENOMEM,
 * -EAGAIN. Main thread. */
int access_log_writer_new(const char *path, struct access_log_writer **ret_writer);
/* Writes all that was handed over before, then ends. NULL is fine. */
void access_log_writer_free(struct access_log_writer *writer);
/* After a rotation, or because the configuration has another path (NULL: the same again): what
 * comes later goes to the new file. If that cannot be opened the old one stays, and the log says
 * so. Any thread. Errors: -ENOMEM. */
int access_log_reopen(struct access_log_writer *writer, const char *path);

/* ---- what a line looks like --------------------------------------------------------------------
 */

struct access_log_format {
	struct var_template *template; /* owned; of edge_vars */
	enum facts_escape escape;
};

/* `text` NULL: the built-in line, or JSON object, by `escape`. Errors: -EINVAL (`reterr`, 160
 * bytes), -ENOMEM. */
int access_log_format_init(struct access_log_format *format, const char *text,
			   enum facts_escape escape, char *reterr);
void access_log_format_fini(struct access_log_format *format); /* a zeroed one is fine */

/* ---- a worker's end ----------------------------------------------------------------------------
 */

struct access_log;

/* The writer is borrowed. Errors: -ENOMEM. */
int access_log_new(struct access_log_writer *writer, struct loop *loop,
		   struct metric_block *metrics, struct access_log **ret_log);
/* Hands over what is left. NULL is fine. The writer must still be there; the memory of what it has
 * not written yet is freed by it. */
void access_log_free(struct access_log *log);
/* Adds a line. `facts->escape` is set by the format. */
void access_log_add(struct access_log *log, const struct access_log_format *format,
		    struct facts *facts);
