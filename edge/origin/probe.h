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

struct origin_probe;

struct origin_probe_setup {
	struct loop *loop;
	struct fetcher *fetcher;
	struct rng *rng;              /* for jitter; borrowed for the probe's life */
	const struct pool_conf *pool; /* with a health check; borrowed likewise */
	const char *server;           /* host:port as configured; borrowed likewise */
	struct addr addr;
	struct health health; /* as it was known before */
	/* The state has changed. Not called from inside origin_probe_start(). */
	void (*on_change)(void *arg);
	void *arg;
};

/* The first check comes within a tenth of the interval. Errors: -ENOMEM. */
int origin_probe_start(const struct origin_probe_setup *setup, struct origin_probe **ret_probe);
void origin_probe_stop(struct origin_probe *probe); /* NULL is fine; frees */
struct health origin_probe_health(const struct origin_probe *probe);
/* Why the last check failed; "" when it passed, or none was made. */
const char *origin_probe_reason(const struct origin_probe *probe);

/* Does this status pass? */
bool origin_probe_status_ok(const struct http_check_conf *check, long status);
/* Until the next check: the interval, give or take a tenth, so that edges do not ask in step. */
int64_t origin_probe_delay_ms(struct rng *rng, int64_t interval_ms);
