/* SPDX-License-Identifier: Apache-2.0
 *
 * probe: a timer, a request by the control plane's HTTP client, and the rule of health.c.
 */
#include "edge/origin/probe.h"

#include <stdio.h>

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

#define ORIGIN_PROBE_KIND OBJ_KIND('p', 'r', 'o', 'b')

enum { MAX_BODY_BYTES = 1 << 20, REASON_BYTES = 96, URL_BYTES = 2048 };

struct origin_probe {
	uint32_t kind;
	struct origin_probe_setup setup;
	struct health health;
	struct loop_timer timer;
	struct http_fetch *fetch; /* under way; NULL between checks */
	char reason[REASON_BYTES];
};

bool origin_probe_status_ok(const struct http_check_conf *check, long status)
{
	if (check->n_expect == 0)
		return status >= 200 && status <= 399;
	for (size_t i = 0; i < check->n_expect; i++) {
		if (status == (long)check->expect[i])
			return true;
	}
	return false;
}

int64_t origin_probe_delay_ms(struct rng *rng, int64_t interval_ms)
{
	int64_t tenth_ms = interval_ms / 10;

	return interval_ms - tenth_ms + (int64_t)rng_below(rng, (uint64_t)(2 * tenth_ms + 1));
}

static void schedule(struct origin_probe *probe, int64_t delay_ms)
{
	loop_timer_set(&probe->timer, mono_add_ms(loop_now(probe->setup.loop), delay_ms));
}

static void change_log(const struct origin_probe *probe)
{
	struct log_field pool = kv_str("pool", probe->setup.pool->name);
	struct log_field server = kv_str("server", probe->setup.server);
	struct log_field addr = kv_addr("addr", &probe->setup.addr);

	if (probe->health.state == ORIGIN_DOWN)
		LOG_WARN("origin.down", pool, server, addr, kv_str("reason", probe->reason));
	else
		LOG_INFO("origin.up", pool, server, addr);
}

static void result(struct origin_probe *probe, bool passed)
{
	const struct health_check_conf *check = &probe->setup.pool->health_check;

	if (passed)
		probe->reason[0] = '\0';
	schedule(probe, origin_probe_delay_ms(probe->setup.rng, check->interval_ms));
	if (!health_note(&probe->health, passed, check->rise, check->fall))
		return;
	change_log(probe);
	probe->setup.on_change(probe->setup.arg);
}

static void on_answer(const struct fetch_response *response, void *arg)
{
	struct origin_probe *probe = OBJ_CAST(struct origin_probe, arg, ORIGIN_PROBE_KIND);
	bool passed =
		response->r == 0 &&
		origin_probe_status_ok(&probe->setup.pool->health_check.http, response->status);

	probe->fetch = NULL;
	if (response->r < 0)
		snprintf(probe->reason, REASON_BYTES, "%s", response->error);
	else if (!passed)
		snprintf(probe->reason, REASON_BYTES, "status %ld", response->status);
	result(probe, passed);
}

static void host_write(const struct origin_probe *probe, char *host, size_t len)
{
	const char *wanted = probe->setup.pool->health_check.http.host;

	snprintf(host, len, "Host: %s", wanted ? wanted : probe->setup.server);
}

/* With TLS the URL's host is the name that is asked for and verified. */
static void url_write(const struct origin_probe *probe, char *url, size_t len)
{
	const struct pool_conf *pool = probe->setup.pool;
	const char *path = pool->health_check.http.path;

	if (pool_uses_tls(pool) && pool->tls.server_name)
		snprintf(url, len, "https://%s:%u%s", pool->tls.server_name,
			 addr_port(&probe->setup.addr), path);
	else
		snprintf(url, len, "%s://%s%s", pool_uses_tls(pool) ? "https" : "http",
			 probe->setup.server, path);
}

static void on_timer(void *arg)
{
	struct origin_probe *probe = OBJ_CAST(struct origin_probe, arg, ORIGIN_PROBE_KIND);
	const struct pool_conf *pool = probe->setup.pool;
	char url[URL_BYTES], host[512];
	const char *const headers[] = { host, "User-Agent: meridian-probe", NULL };

	MUST(!probe->fetch);
	url_write(probe, url, sizeof(url));
	host_write(probe, host, sizeof(host));
	const struct fetch_request request = {
		.url = url,
		.headers = headers,
		.connect_to = &probe->setup.addr,
		.ca_file = pool->tls.ca,
		.insecure = pool_uses_tls(pool) && !pool->tls.verify,
		.certificate_file = pool->tls.certificate,
		.key_file = pool->tls.key,
		.timeout_ms = pool->health_check.timeout_ms,
		.max_body_bytes = MAX_BODY_BYTES,
		.fresh_connection = true,
		/* Readers of version 2 read version 1 as well; libcurl writes no other. */
		.proxy_header = pool->proxy_protocol,
	};
	int r = fetch_start(probe->setup.fetcher, &request, on_answer, probe, &probe->fetch);
	if (r < 0) {
		/* Ours to blame, not the origin's: its state stays. */
		LOG_WARN("probe.failed", kv_str("server", probe->setup.server), kv_err(r));
		schedule(probe, pool->health_check.interval_ms);
	}
}

int origin_probe_start(const struct origin_probe_setup *setup, struct origin_probe **ret_probe)
{
	struct origin_probe *probe = OBJ_NEW(struct origin_probe, ORIGIN_PROBE_KIND);
	int64_t interval_ms = setup->pool->health_check.interval_ms;

	if (!probe)
		return err_new(-ENOMEM);
	probe->setup = *setup;
	probe->health = setup->health;
	loop_timer_init(&probe->timer, setup->loop, on_timer, probe);
	schedule(probe, (int64_t)rng_below(setup->rng, (uint64_t)(interval_ms / 10 + 1)));
	*ret_probe = probe;
	return 0;
}

void origin_probe_stop(struct origin_probe *probe)
{
	if (!probe)
		return;
	if (probe->fetch)
		fetch_cancel(probe->fetch);
	loop_timer_stop(&probe->timer);
	OBJ_FREE(probe);
}

struct health origin_probe_health(const struct origin_probe *probe)
{
	return probe->health;
}

const char *origin_probe_reason(const struct origin_probe *probe)
{
	return probe->reason;
}
