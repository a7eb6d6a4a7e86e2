/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_metrics: what a worker counts. edge_metrics.def is the list; each reason of reasons.def has
 * a counter too. A block is the worker's own: metric_add(block, EDGE_METRIC_REQUESTS, 1).
 */
#pragma once

#include "core/metrics.h"
#include "edge/report/reasons.h"

/* clang-format off */
enum edge_metric {
#define X(ID, kind, name, help) EDGE_METRIC_##ID,
#include "edge/report/edge_metrics.def"
#undef X
	EDGE_METRIC_ENDED, /* the first reason's; the others follow */
	EDGE_METRIC_N = EDGE_METRIC_ENDED + REASON_N
};
/* clang-format on */

/* A worker's block. Errors: -ENOMEM. Any thread. */
int edge_metrics_new(struct metric_block **ret_block);

/* An exchange, or a connection without one, has ended for this reason. */
static inline void edge_metrics_ended(struct metric_block *block, enum close_reason reason)
{
	metric_add(block, (size_t)EDGE_METRIC_ENDED + reason, 1);
}
