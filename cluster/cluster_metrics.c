/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_metrics: one block for what has no label, and one for each reason.
 */
#include "cluster/cluster_metrics.h"

#include <stdio.h>

#include "core/error.h"

/* clang-format off */
static const struct metric_def defs[CLUSTER_METRIC_N] = {
#define X(ID, kind_, name_, help_) { .name = (name_), .kind = METRIC_##kind_, .help = (help_) },
#include "cluster/cluster_metrics.def"
#undef X
#define X(ID, word, help_) { .name = "meridian_cluster_" word "_total", .kind = METRIC_COUNTER, .help = (help_) },
#include "cluster/swim/counters.def"
#undef X
};
/* clang-format on */

static const struct metric_def reject_def = {
	.name = "meridian_cluster_rejected_total",
	.kind = METRIC_COUNTER,
	.help = "packets, streams and facts from outside that were dropped",
};

int cluster_metrics_init(struct cluster_metrics *metrics)
{
	*metrics = (struct cluster_metrics){ .block = NULL };
	int r = metric_block_new(defs, CLUSTER_METRIC_N, NULL, &metrics->block);

	for (int i = 0; r == 0 && i < N_REJECTS; i++) {
		char labels[64];

		snprintf(labels, sizeof(labels), "reason=\"%s\"", reject_word((enum reject)i));
		r = metric_block_new(&reject_def, 1, labels, &metrics->rejects[i]);
	}
	if (r < 0)
		cluster_metrics_fini(metrics);
	return r < 0 ? err_pass(r) : 0;
}

void cluster_metrics_fini(struct cluster_metrics *metrics)
{
	metric_block_free(metrics->block);
	for (int i = 0; i < N_REJECTS; i++)
		metric_block_free(metrics->rejects[i]);
	*metrics = (struct cluster_metrics){ .block = NULL };
}

void cluster_metrics_rejected(struct cluster_metrics *metrics, enum reject why)
{
	metric_add(metrics->rejects[why], 0, 1);
}

void cluster_metrics_take(struct cluster_metrics *metrics, const struct swim *swim)
{
	for (int i = 0; i < SWIM_N_COUNTERS; i++) {
		uint64_t now = swim_counter(swim, (enum swim_counter)i);

		metric_add(metrics->block, (size_t)CLUSTER_METRIC_SWIM + (size_t)i,
			   now - metrics->swim_seen[i]);
		metrics->swim_seen[i] = now;
	}
}
