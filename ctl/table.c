/* SPDX-License-Identifier: Apache-2.0
 *
 * table: keeps all cells, then knows how wide each column is.
 */
#include "ctl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/must.h"
#include "core/obj.h"

enum { CELL_MAX_BYTES = 256 };

struct grid {
	size_t n_columns, n_cells, n_room;
	bool right[TABLE_MAX_COLUMNS];
	size_t width[TABLE_MAX_COLUMNS];
	char **cells; /* owned, row by row; the first row is the headings */
	bool failed;
};

void text_add_plain(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_add_byte(out, *text >= 0x20 && *text < 0x7f ? (uint8_t)*text : '?');
}

static void add(struct grid *table, const char *text)
{
	if (table->n_cells == table->n_room) {
		size_t n_room = table->n_room == 0 ? 64 : 2 * table->n_room;
		char **cells = n_room > (size_t)TABLE_MAX_COLUMNS * TABLE_MAX_ROWS
				       ? NULL
				       : reallocarray(table->cells, n_room, sizeof(*cells));
		if (!cells) {
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->n_room = n_room;
	}
	char *copy = strdup(text);
	if (!copy) {
		table->failed = true;
		return;
	}
	size_t column = table->n_cells % table->n_columns;
	table->width[column] = MAX(table->width[column], strlen(text));
	table->cells[table->n_cells++] = copy;
}

int grid_new(const char *const *headings, size_t n_columns, struct grid **ret_table)
{
	struct grid *table = calloc(1, sizeof(*table));

	MUST(n_columns > 0 && n_columns <= TABLE_MAX_COLUMNS);
	if (!table)
		return err_new(-ENOMEM);
	table->n_columns = n_columns;
	for (size_t i = 0; i < n_columns; i++) {
		table->right[i] = headings[i][0] == '>';
		add(table, headings[i] + table->right[i]);
	}
	if (table->failed) {
		grid_free(table);
		return err_new(-ENOMEM);
	}
	*ret_table = table;
	return 0;
}

void grid_free(struct grid *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

void grid_cell(struct grid *table, const char *fmt, ...)
{
	char text[CELL_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		table->failed = true;
	else
		add(table, text[0] == '\0' ? "-" : text);
}

static void pad(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_add_byte(out, ' ');
}

int grid_print(const struct grid *table, struct buf *out)
{
	if (table->failed)
		return err_new(-ENOMEM);
	MUST(table->n_cells % table->n_columns == 0);
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t column = i % table->n_columns;
		size_t space = table->width[column] - strlen(table->cells[i]);
		bool last = column + 1 == table->n_columns;

		if (table->right[column])
			pad(out, space);
		text_add_plain(out, table->cells[i]);
		if (last) {
			buf_add_byte(out, '\n');
			continue;
		}
		pad(out, (table->right[column] ? 0 : space) + 2);
	}
	return out->failed ? err_new(-ENOMEM) : 0;
}
