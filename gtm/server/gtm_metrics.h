/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_metrics: what a worker counts; gtm_metrics.def is the one list.
 */
#pragma once

#include "core/metrics.h"

/* clang-format off */
enum gtm_metric {
#define X(ID, kind, name, help) GTM_METRIC_##ID,
#include "gtm/server/gtm_metrics.def"
#undef X
	GTM_METRIC_N
};
/* clang-format on */

extern const struct metric_def gtm_metric_defs[GTM_METRIC_N];
