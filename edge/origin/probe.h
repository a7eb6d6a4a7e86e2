/* SPDX-License-Identifier: Apache-2.0
 *
 * probe: asks one origin for its health, again and again, over HTTP. One set of probes an edge, on
 * the control thread.
 */
#pragma once

#include "core/net/fetch.h"
#include "core/rng.h"
#include "edge/origin/health.h"
#include "edge/origin/pool_conf.h"

struct probe;

struct probe_setup {
	struct loop *loop;
	struct fetcher *fetcher;
	struct rng *rng;              /* for jitter; borrowed for the probe's life */
	const struct pool_conf *pool; /* with a health check; borrowed likewise */
	const char *server;           /* host:port as configured; borrowed likewise */
	struct addr addr;
	struct health health; /* as it was known before */
	/* The state has changed. Not called from inside probe_start(). */
	void (*on_change)(void *arg);
	void *arg;
};

/* The first check comes within a tenth of the interval. Errors: -ENOMEM. */
int probe_start(const struct probe_setup *setup, struct probe **ret_probe);
void probe_stop(struct probe *probe); /* NULL is fine; frees */
struct health probe_health(const struct probe *probe);
/* Why the last check failed; "" when it passed, or none was made. */
const char *probe_reason(const struct probe *probe);

/* Does this status pass? */
bool probe_status_ok(const struct http_check_conf *check, long status);
/* Until the next check: the interval, give or take a tenth, so that edges do not ask in step. */
int64_t probe_delay_ms(struct rng *rng, int64_t interval_ms);
