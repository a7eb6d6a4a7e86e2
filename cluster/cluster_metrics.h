/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_metrics: what the cluster's thread counts: cluster_metrics.def is the list; rejected
 * packets have a counter for each reason besides.
 */
#pragma once

#include "cluster/swim/swim.h"
#include "cluster/wire/reject.h"
#include "core/metrics.h"

/* clang-format off */
enum cluster_metric {
#define X(ID, kind, name, help) CLUSTER_METRIC_##ID,
#include "cluster/cluster_metrics.def"
#undef X
	CLUSTER_METRIC_SWIM, /* the core's first; the others follow */
	CLUSTER_METRIC_N = CLUSTER_METRIC_SWIM + SWIM_N_COUNTERS
};
/* clang-format on */

struct cluster_metrics {
	struct metric_block *block;
	struct metric_block *rejects[N_REJECTS];
	uint64_t swim_seen[SWIM_N_COUNTERS];
};

/* Any thread; then the cluster's own. Errors: -ENOMEM. */
int cluster_metrics_init(struct cluster_metrics *metrics);
void cluster_metrics_fini(struct cluster_metrics *metrics); /* a zeroed one is fine */
void cluster_metrics_rejected(struct cluster_metrics *metrics, enum reject why);
/* Takes over what the core has counted since it was last called. */
void cluster_metrics_take(struct cluster_metrics *metrics, const struct swim *swim);
