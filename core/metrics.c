/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: blocks of equal definitions and labels form a group. A block's cells have one writer, so
 * that counting is a load and a store. A group outlives its blocks and keeps what their counters
 * held; the registry's lock is held to make, free and sum blocks, never to count.
 */
#include "core/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <bsd/sys/queue.h>

#include "core/error.h"
#include "core/obj.h"
#include "core/table.h"

/* A group's key begins with the address of its table of definitions. */
enum { CACHE_LINE_BYTES = 64, KEY_PLACE_BYTES = sizeof(uintptr_t) };

/* Upper bounds of a histogram's buckets: 1, 2, 5 a decade. One bucket more takes what is above. */
/* clang-format off */
static const struct {
	uint64_t us;
	const char *seconds;
} bounds[] = {
	{ 50, "0.00005" }, { 100, "0.0001" }, { 200, "0.0002" }, { 500, "0.0005" },
	{ 1000, "0.001" }, { 2000, "0.002" }, { 5000, "0.005" },
	{ 10000, "0.01" }, { 20000, "0.02" }, { 50000, "0.05" },
	{ 100000, "0.1" }, { 200000, "0.2" }, { 500000, "0.5" },
	{ 1000000, "1" }, { 2000000, "2" }, { 5000000, "5" },
	{ 10000000, "10" }, { 20000000, "20" }, { 60000000, "60" },
};
/* clang-format on */

enum { N_BOUNDS = ARRAY_LEN(bounds), SUM_CELL = N_BOUNDS + 1, HISTOGRAM_CELLS = N_BOUNDS + 2 };

struct metric_group {
	UT_hash_handle hh;
	const struct metric_def *defs; /* borrowed for ever */
	size_t n_defs, n_cells;
	char *labels;      /* owned; "" for none */
	uint8_t *key;      /* owned: the table's place, then the labels */
	uint32_t *cell_of; /* owned: where each definition's cells begin */
	uint64_t *retired; /* owned: what freed blocks have counted */
	LIST_HEAD(, metric_block) blocks;
};

#define METRIC_BLOCK_KIND OBJ_KIND('m', 't', 'r', 'c')

struct metric_block {
	uint32_t kind;
	uint32_t n_defs;
	const uint32_t *cell_of; /* the group's */
	struct metric_group *group;
	LIST_ENTRY(metric_block) link;
	_Alignas(CACHE_LINE_BYTES) _Atomic uint64_t cells[];
};

static struct {
	pthread_mutex_t lock;
	struct metric_group *groups;
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t kind_cells(enum metric_kind kind)
{
	return kind == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;
}

/* ---- counting ---- */

static _Atomic uint64_t *cell_at(struct metric_block *block, size_t which)
{
	MUST(which < block->n_defs);
	return &block->cells[block->cell_of[which]];
}

static uint64_t cell_read(const _Atomic uint64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

/* The block has one writer: no locked instruction is needed. */
static void cell_add(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_store_explicit(cell, cell_read(cell) + n, memory_order_relaxed);
}

static bool is_kind(const struct metric_block *block, size_t which, enum metric_kind kind)
{
	return block->kind == METRIC_BLOCK_KIND && block->group->defs[which].kind == kind;
}

void metric_add(struct metric_block *block, size_t which, uint64_t n)
{
	_Atomic uint64_t *cell = cell_at(block, which);

	MUST_SLOW(is_kind(block, which, METRIC_COUNTER));
	cell_add(cell, n);
}

void metric_set(struct metric_block *block, size_t which, int64_t value)
{
	_Atomic uint64_t *cell = cell_at(block, which);

	MUST_SLOW(is_kind(block, which, METRIC_GAUGE));
	atomic_store_explicit(cell, (uint64_t)value, memory_order_relaxed);
}

void metric_move(struct metric_block *block, size_t which, int64_t delta)
{
	_Atomic uint64_t *cell = cell_at(block, which);

	MUST_SLOW(is_kind(block, which, METRIC_GAUGE));
	cell_add(cell, (uint64_t)delta);
}

void metric_observe_us(struct metric_block *block, size_t which, uint64_t us)
{
	_Atomic uint64_t *cells = cell_at(block, which);
	size_t bucket = 0;

	MUST(is_kind(block, which, METRIC_HISTOGRAM)); /* it writes more than one cell */
	while (bucket < N_BOUNDS && us > bounds[bucket].us)
		bucket++;
	cell_add(&cells[bucket], 1);
	cell_add(&cells[SUM_CELL], us);
}

/* ---- the registry ---- */

static void group_free(struct metric_group *group)
{
	free(group->labels);
	free(group->key);
	free(group->cell_of);
	free(group->retired);
	free(group);
}

static struct span group_key(const struct metric_group *group)
{
	return span_of(group->key, KEY_PLACE_BYTES + strlen(group->labels));
}

/* Not yet in the table. NULL: out of memory. */
static struct metric_group *group_new(const struct metric_def *defs, size_t n_defs,
				      const char *labels)
{
	struct metric_group *group = calloc(1, sizeof(*group));
	struct span text = span_str(labels);

	if (!group)
		return NULL;
	group->defs = defs;
	group->n_defs = n_defs;
	LIST_INIT(&group->blocks);
	for (size_t i = 0; i < n_defs; i++)
		group->n_cells += kind_cells(defs[i].kind);
	MUST(group->n_cells >= n_defs);
	group->labels = strdup(labels);
	group->key = malloc(KEY_PLACE_BYTES + text.len);
	group->cell_of = calloc(n_defs, sizeof(*group->cell_of));
	group->retired = calloc(group->n_cells, sizeof(*group->retired));
	if (!group->labels || !group->key || !group->cell_of || !group->retired) {
		group_free(group);
		return NULL;
	}
	uintptr_t place = (uintptr_t)defs;
	memcpy(group->key, &place, KEY_PLACE_BYTES);
	memcpy(group->key + KEY_PLACE_BYTES, text.at, text.len);
	for (size_t i = 1; i < n_defs; i++)
		group->cell_of[i] = group->cell_of[i - 1] + (uint32_t)kind_cells(defs[i - 1].kind);
	return group;
}

static bool group_list(struct metric_group *group)
{
	return TABLE_ADD(registry.groups, group_key(group), group);
}

/* The group of these, made if need be. The lock is held. NULL: out of memory. */
static struct metric_group *group_get(const struct metric_def *defs, size_t n_defs,
				      const char *labels)
{
	struct metric_group *group = group_new(defs, n_defs, labels), *found;

	if (!group)
		return NULL;
	TABLE_FIND(registry.groups, group_key(group), found);
	if (!found && group_list(group))
		return group;
	group_free(group);
	return found;
}

static struct metric_block *block_new(struct metric_group *group)
{
	size_t n_bytes = sizeof(struct metric_block) + group->n_cells * sizeof(uint64_t);

	n_bytes = (n_bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
	struct metric_block *block = aligned_alloc(CACHE_LINE_BYTES, n_bytes);
	if (!block)
		return NULL;
	memset(block, 0, n_bytes);
	block->kind = METRIC_BLOCK_KIND;
	block->n_defs = (uint32_t)group->n_defs;
	block->cell_of = group->cell_of;
	block->group = group;
	LIST_INSERT_HEAD(&group->blocks, block, link);
	return block;
}

int metric_block_new(const struct metric_def *defs, size_t n_defs, const char *labels,
		     struct metric_block **ret_block)
{
	MUST(n_defs > 0);
	pthread_mutex_lock(&registry.lock);
	struct metric_group *group = group_get(defs, n_defs, labels ? labels : "");
	struct metric_block *block = group ? block_new(group) : NULL;
	pthread_mutex_unlock(&registry.lock);
	if (!block)
		return err_new(-ENOMEM);
	*ret_block = block;
	return 0;
}

void metric_block_free(struct metric_block *block)
{
	if (!block)
		return;
	MUST(block->kind == METRIC_BLOCK_KIND);
	struct metric_group *group = block->group;
	pthread_mutex_lock(&registry.lock);
	LIST_REMOVE(block, link);
	for (size_t i = 0; i < group->n_defs; i++) {
		/* A gauge says how things are: what is gone counts no more. */
		size_t n =
			group->defs[i].kind == METRIC_GAUGE ? 0 : kind_cells(group->defs[i].kind);
		for (size_t j = group->cell_of[i]; n-- > 0; j++)
			group->retired[j] += cell_read(&block->cells[j]);
	}
	pthread_mutex_unlock(&registry.lock);
	OBJ_FREE(block);
}

void metrics_reset(void)
{
	struct metric_group *group, *next;

	pthread_mutex_lock(&registry.lock);
	TABLE_FOREACH (registry.groups, group, next) {
		if (LIST_EMPTY(&group->blocks)) {
			TABLE_DELETE(registry.groups, group);
			group_free(group);
		} else {
			memset(group->retired, 0, group->n_cells * sizeof(*group->retired));
		}
	}
	pthread_mutex_unlock(&registry.lock);
}

/* ---- reading ---- */

/* All cells of a group, summed into `ret_cells`. The lock is held. */
static void group_sum(const struct metric_group *group, uint64_t *ret_cells)
{
	const struct metric_block *block;

	memcpy(ret_cells, group->retired, group->n_cells * sizeof(*ret_cells));
	LIST_FOREACH (block, &group->blocks, link) {
		for (size_t i = 0; i < group->n_cells; i++)
			ret_cells[i] += cell_read(&block->cells[i]);
	}
}

static uint64_t histogram_count(const uint64_t *cells)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= N_BOUNDS; i++)
		count += cells[i];
	return count;
}

/* One definition of one group. */
struct row {
	const struct metric_def *def;
	const char *labels; /* the group's */
	uint64_t *cells;    /* of struct rows */
};

struct rows {
	struct row *rows; /* owned */
	uint64_t *cells;  /* owned */
	size_t n;
};

static void rows_fini(struct rows *rows)
{
	free(rows->rows);
	free(rows->cells);
}

/* The registry as it is now, in copies, so that the lock is not held while text is made. */
static int rows_read(struct rows *ret_rows)
{
	struct metric_group *group, *next;
	size_t n_rows = 0, n_cells = 0;

	TABLE_FOREACH (registry.groups, group, next) {
		n_rows += group->n_defs;
		n_cells += group->n_cells;
	}
	struct rows all = { .rows = calloc(n_rows + 1, sizeof(*all.rows)),
			    .cells = calloc(n_cells + 1, sizeof(*all.cells)) };
	if (!all.rows || !all.cells) {
		rows_fini(&all);
		return err_new(-ENOMEM);
	}
	uint64_t *cells = all.cells;
	TABLE_FOREACH (registry.groups, group, next) {
		group_sum(group, cells);
		for (size_t i = 0; i < group->n_defs; i++)
			all.rows[all.n++] = (struct row){ .def = &group->defs[i],
							  .labels = group->labels,
							  .cells = cells + group->cell_of[i] };
		cells += group->n_cells;
	}
	*ret_rows = all;
	return 0;
}

int64_t metric_read(const char *name, const char *labels)
{
	CLEANUP(rows_fini) struct rows all = { 0 };
	uint64_t sum = 0;

	pthread_mutex_lock(&registry.lock);
	int r = rows_read(&all);
	pthread_mutex_unlock(&registry.lock);
	if (r < 0)
		return 0;
	for (size_t i = 0; i < all.n; i++) {
		const struct row *row = &all.rows[i];
		if (strcmp(row->def->name, name) != 0 ||
		    (labels && strcmp(row->labels, labels) != 0))
			continue;
		sum += row->def->kind == METRIC_HISTOGRAM ? histogram_count(row->cells)
							  : row->cells[0];
	}
	return (int64_t)sum;
}

static int row_compare(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	int order = strcmp(left->def->name, right->def->name);

	return order ? order : strcmp(left->labels, right->labels);
}

static const char *kind_name(enum metric_kind kind)
{
	switch (kind) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_GAUGE:
		return "gauge";
	case METRIC_HISTOGRAM:
		return "histogram";
	}
	UNREACHABLE();
}

/* `name_suffix{labels} `, with braces only around something. */
static void print_series(struct buf *out, const struct row *row, const char *suffix)
{
	buf_printf(out, "%s%s", row->def->name, suffix);
	if (*row->labels)
		buf_printf(out, "{%s}", row->labels);
	buf_add_byte(out, ' ');
}

static void print_histogram(struct buf *out, const struct row *row)
{
	uint64_t count = 0, sum_us = row->cells[SUM_CELL];

	for (size_t i = 0; i <= N_BOUNDS; i++) {
		count += row->cells[i];
		buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", row->def->name,
			   row->labels, *row->labels ? "," : "",
			   i < N_BOUNDS ? bounds[i].seconds : "+Inf", count);
	}
	print_series(out, row, "_sum");
	buf_printf(out, "%" PRIu64 ".%06" PRIu64 "\n", sum_us / 1000000, sum_us % 1000000);
	print_series(out, row, "_count");
	buf_printf(out, "%" PRIu64 "\n", count);
}

static void print_row(struct buf *out, const struct row *row)
{
	switch (row->def->kind) {
	case METRIC_COUNTER:
		print_series(out, row, "");
		buf_printf(out, "%" PRIu64 "\n", row->cells[0]);
		return;
	case METRIC_GAUGE:
		print_series(out, row, "");
		buf_printf(out, "%" PRId64 "\n", (int64_t)row->cells[0]);
		return;
	case METRIC_HISTOGRAM:
		print_histogram(out, row);
		return;
	}
	UNREACHABLE();
}

/* Two tables may declare one name: then it is one series. Adds the rows that equal the one at `at`
 * to it; returns the index behind them. */
static size_t rows_merge(struct rows *all, size_t at)
{
	struct row *row = &all->rows[at];
	size_t next = at + 1;

	for (; next < all->n && row_compare(row, &all->rows[next]) == 0; next++) {
		MUST(row->def->kind == all->rows[next].def->kind);
		for (size_t i = 0; i < kind_cells(row->def->kind); i++)
			row->cells[i] += all->rows[next].cells[i];
	}
	return next;
}

void metrics_render(struct buf *out)
{
	CLEANUP(rows_fini) struct rows all = { 0 };
	const char *name = NULL;

	pthread_mutex_lock(&registry.lock);
	int r = rows_read(&all);
	pthread_mutex_unlock(&registry.lock);
	if (r < 0) {
		out->failed = true;
		return;
	}
	qsort(all.rows, all.n, sizeof(*all.rows), row_compare);
	for (size_t i = 0, next; i < all.n; i = next) {
		const struct row *row = &all.rows[i];
		next = rows_merge(&all, i);
		if (!name || strcmp(name, row->def->name) != 0)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->def->name,
				   row->def->help, row->def->name, kind_name(row->def->kind));
		name = row->def->name;
		print_row(out, row);
	}
}
