/* SPDX-License-Identifier: Apache-2.0
 *
 * swim_conf: the numbers of a group within a region and of one over the world, and what follows
 * from them and the group's size.
 */
#include "cluster/swim/swim_conf.h"

#include <math.h>

#include "core/obj.h"

const struct swim_conf swim_conf_region = {
	.probe_period_ms = 500,
	.probe_timeout_min_ms = 50,
	.probe_timeout_max_ms = 300,
	.n_helpers = 3,
	.confirm_members = 6,
	.max_awareness = 8,
	.n_watched = 3,
	.refused_observers = 2,
	.suspicion_min_ms = 1200,
	.suspicion_per_decade_ms = 750,
	.suspicion_decades_min = 0,
	.suspicion_max_factor = 4,
	.suspicion_confirmations = 2,
	.credit_ms = 60000,
	.old_news_ms = 10000,
	.gossip_period_ms = 100,
	.gossip_fanout = 3,
	.spread_factor = 6,
	.sync_period_ms = 10000,
	.sync_max_bytes = 4 * 1024 * 1024,
	.join_retry_ms = 1000,
	.redial_min_ms = 5000,
	.redial_max_ms = 60000,
	.redial_spacing_ms = 1000,
	.tombstone_s = 48 * 3600,
	.max_state_bytes = UINT64_C(64) * 1024 * 1024,
};

const struct swim_conf swim_conf_wan = {
	.probe_period_ms = 1000,
	.probe_timeout_min_ms = 50,
	.probe_timeout_max_ms = 800,
	.n_helpers = 3,
	.confirm_members = 6,
	.max_awareness = 8,
	.n_watched = 3,
	.refused_observers = 2,
	.suspicion_min_ms = 2000,
	.suspicion_per_decade_ms = 1200,
	.suspicion_decades_min = 1,
	.suspicion_max_factor = 4,
	.suspicion_confirmations = 2,
	.credit_ms = 60000,
	.old_news_ms = 15000,
	.gossip_period_ms = 200,
	.gossip_fanout = 4,
	.spread_factor = 6,
	.sync_period_ms = 15000,
	.sync_max_bytes = 4 * 1024 * 1024,
	.join_retry_ms = 1000,
	.redial_min_ms = 5000,
	.redial_max_ms = 60000,
	.redial_spacing_ms = 1000,
	.tombstone_s = 48 * 3600,
	.max_state_bytes = UINT64_C(64) * 1024 * 1024,
};

const char *swim_conf_wrong(const struct swim_conf *conf)
{
	const struct {
		const char *name;
		bool right;
	} rules[] = {
		{ "probe_period_ms", conf->probe_period_ms >= 10 },
		{ "probe_timeout_min_ms", conf->probe_timeout_min_ms > 0 },
		{ "probe_timeout_max_ms",
		  conf->probe_timeout_max_ms >= conf->probe_timeout_min_ms &&
			  conf->probe_timeout_max_ms < conf->probe_period_ms },
		{ "n_helpers", conf->n_helpers <= 8 },
		{ "max_awareness", conf->max_awareness <= 16 },
		{ "n_watched", conf->n_watched <= 8 },
		{ "refused_observers",
		  conf->refused_observers >= 1 && conf->refused_observers <= 4 },
		{ "suspicion_min_ms", conf->suspicion_min_ms >= conf->probe_timeout_max_ms },
		{ "suspicion_max_factor", conf->suspicion_max_factor >= 1 },
		{ "suspicion_confirmations", conf->suspicion_confirmations <= 3 },
		{ "gossip_period_ms", conf->gossip_period_ms >= 10 },
		{ "gossip_fanout", conf->gossip_fanout >= 1 && conf->gossip_fanout <= 16 },
		{ "spread_factor", conf->spread_factor >= 1 && conf->spread_factor <= 12 },
		{ "sync_period_ms", conf->sync_period_ms >= 100 },
		{ "sync_max_bytes", conf->sync_max_bytes >= 1024 * 1024 },
		{ "join_retry_ms", conf->join_retry_ms >= 10 },
		{ "redial_min_ms", conf->redial_min_ms >= 100 },
		{ "redial_max_ms", conf->redial_max_ms >= conf->redial_min_ms },
		{ "redial_spacing_ms", conf->redial_spacing_ms >= 1 },
		{ "tombstone_s", conf->tombstone_s >= 600 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (!rules[i].right)
			return rules[i].name;
	return NULL;
}

uint32_t swim_suspicion_min_ms(const struct swim_conf *conf, size_t n)
{
	double decades = fmax(log10((double)MAX(n, (size_t)1)), conf->suspicion_decades_min);

	return MAX(conf->suspicion_min_ms, (uint32_t)(conf->suspicion_per_decade_ms * decades));
}

uint32_t swim_sync_period_ms(const struct swim_conf *conf, size_t n)
{
	uint32_t doublings = 0;

	for (size_t at = 32; at < n; at *= 2)
		doublings++;
	return conf->sync_period_ms * (1 + doublings);
}

uint32_t swim_spread_times(const struct swim_conf *conf, size_t n)
{
	return (uint32_t)ceil(conf->spread_factor * log10((double)n + 1));
}
