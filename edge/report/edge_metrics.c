/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_metrics: the table of definitions, made once: the reasons' names are derived from their
 * words.
 */
#include "edge/report/edge_metrics.h"

#include <pthread.h>
#include <stdio.h>

#include "core/error.h"

enum { NAME_BYTES = 64 };

static struct metric_def defs[EDGE_METRIC_N];
static char ended_names[REASON_N][NAME_BYTES];

/* "origin-closed" is meridian_edge_ended_origin_closed_total. */
static void ended_define(enum close_reason reason)
{
	char *name = ended_names[reason];

	snprintf(name, NAME_BYTES, "meridian_edge_ended_%s_total", reason_word(reason));
	for (char *at = name; *at; at++) {
		if (*at == '-')
			*at = '_';
	}
	defs[EDGE_METRIC_ENDED + (int)reason] = (struct metric_def){
		.name = name,
		.kind = METRIC_COUNTER,
		.help = reason_help(reason),
	};
}

static void define(void)
{
	/* clang-format off */
#define X(ID, kind_, name_, help_) \
	defs[EDGE_METRIC_##ID] = (struct metric_def){ .name = (name_), .kind = METRIC_##kind_, .help = (help_) };
#include "edge/report/edge_metrics.def"
#undef X
	/* clang-format on */
	for (int i = 0; i < REASON_N; i++)
		ended_define((enum close_reason)i);
}

int edge_metrics_new(struct metric_block **ret_block)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, define);
	return err_pass(metric_block_new(defs, EDGE_METRIC_N, NULL, ret_block));
}
