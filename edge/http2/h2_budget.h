/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_budget: how much of something cheap for them and dear for us one connection may do: a bucket
 * of tokens that fills again with time (or with honest work, by h2_budget_earn()).
 */
#pragma once

#include "core/clock.h"

struct h2_budget_conf {
	uint32_t burst; /* at once */
	uint32_t per_s; /* for ever */
};

struct h2_budget {
	int64_t spent_at_ns; /* when the bucket, at its rate, would be full again */
};

/* False: it is used up, and the connection is to be closed. */
bool h2_budget_spend(struct h2_budget *budget, const struct h2_budget_conf *conf, mono_t now);
/* So many spendings are made good. */
void h2_budget_earn(struct h2_budget *budget, const struct h2_budget_conf *conf, unsigned n);
