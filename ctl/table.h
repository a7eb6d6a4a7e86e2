/* SPDX-License-Identifier: Apache-2.0
 *
 * table: rows of text in aligned columns, plain ASCII, for a terminal. Bytes that are not printable
 * ASCII are shown as '?', for what is shown may come from afar. Main thread.
 */
#pragma once

#include "core/buf.h"

struct grid;

enum { TABLE_MAX_COLUMNS = 16, TABLE_MAX_ROWS = 65536 };

/* `headings`: one a column; with a '>' before it, the column is aligned to the right (numbers).
 * Errors: -ENOMEM. */
int grid_new(const char *const *headings, size_t n_columns, struct grid **ret_table);
void grid_free(struct grid *table); /* NULL is fine */
/* The next cell, row by row from the left; copied. Errors stick: grid_print() tells. */
__attribute__((format(printf, 2, 3))) void grid_cell(struct grid *table, const char *fmt, ...);
/* Headings and rows, two spaces between columns, none at the end of a line. Errors: -ENOMEM. */
int grid_print(const struct grid *table, struct buf *out);

/* Appends text with what is not printable ASCII as '?'. */
void text_add_plain(struct buf *out, const char *text);
