/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: counters, gauges and histograms that are written without a lock and read as Prometheus
 * text.
 *
 * A set is a table of definitions (from a .def file: name, kind, unit in the name, help). A block
 * is one thread's cells for one set and one choice of labels; only that thread writes it, with
 * relaxed atomics, on cache lines of its own. A reader sums the blocks of equal labels. Labels come
 * from the configuration, never from requests. Nothing is counted that is not declared.
 */
#pragma once

#include "core/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_def {
	const char *name; /* "meridian_edge_requests_total" */
	enum metric_kind kind;
	const char *help;
};

struct metric_block;

/* `labels`: rendered, `service="api",pool="app"`, copied; NULL for none. `defs` is borrowed for
 * ever. The block is seen by metrics_render() until it is freed; what its counters held stays in
 * the sums. Any thread. Errors: -ENOMEM. */
int metric_block_new(const struct metric_def *defs, size_t n_defs, const char *labels,
		     struct metric_block **ret_block);
void metric_block_free(struct metric_block *block); /* NULL is fine */

/* `which` is the index in the set's table. The block's own thread. */
void metric_add(struct metric_block *block, size_t which, uint64_t n);
void metric_set(struct metric_block *block, size_t which, int64_t value);  /* gauges */
void metric_move(struct metric_block *block, size_t which, int64_t delta); /* gauges */
void metric_observe_us(struct metric_block *block, size_t which,
		       uint64_t us); /* histograms; shown in seconds */

/* The sum over all blocks with this definition name and these labels (NULL: any), for a histogram
 * the number of observations. Any thread. */
int64_t metric_read(const char *name, const char *labels);

/* Prometheus text format 0.0.4, sorted by name, HELP and TYPE once a name. Any thread. */
void metrics_render(struct buf *out);
/* Forgets everything but blocks that are not freed: for the end of a process and between tests. */
void metrics_reset(void);
