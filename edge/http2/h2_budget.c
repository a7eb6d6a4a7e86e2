/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_budget: GCRA: one number, the time at which all that was spent is made good.
 */
#include "edge/http2/h2_budget.h"

static int64_t price_ns(const struct h2_budget_conf *conf)
{
	return MS_PER_S * NS_PER_MS / conf->per_s;
}

bool h2_budget_spend(struct h2_budget *budget, const struct h2_budget_conf *conf, mono_t now)
{
	int64_t price = price_ns(conf);

	if (budget->spent_at_ns < now.ns)
		budget->spent_at_ns = now.ns;
	budget->spent_at_ns += price;
	return budget->spent_at_ns - now.ns <= price * conf->burst;
}

void h2_budget_earn(struct h2_budget *budget, const struct h2_budget_conf *conf, unsigned n)
{
	budget->spent_at_ns -= price_ns(conf) * n;
}
