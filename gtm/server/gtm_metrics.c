/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_metrics: see the header.
 */
#include "gtm/server/gtm_metrics.h"

/* clang-format off */
const struct metric_def gtm_metric_defs[GTM_METRIC_N] = {
#define X(ID, kind_, name_, help_) { .name = (name_), .kind = METRIC_##kind_, .help = (help_) },
#include "gtm/server/gtm_metrics.def"
#undef X
};
/* clang-format on */
