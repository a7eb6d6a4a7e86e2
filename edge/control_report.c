/* SPDX-License-Identifier: Apache-2.0
 *
 * control_report: what this edge says of itself to the cluster: the health of its services, as
 * their origins are, its load, and whether it drains.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/control_priv.h"

enum { REPORT_MS = 1000, MAX_POOLS = 4096 };

/* The share of the past in the average of requests a second: half of a step is seen after 2 s. */
static const double past_share = 0.7;

/* ---- services ----------------------------------------------------------------------------------
 */

/* The pools of a service, each once. */
static struct origin_share share_of(const struct control *control,
				    const struct service_conf *service)
{
	struct origin_share share = { 0 };

	for (size_t i = 0; i < control->origins->n_pools; i++) {
		const struct origin_pool_fact *pool = &control->origins->pools[i];
		bool used = false;
		for (size_t j = 0; j < service->n_routes && !used; j++) {
			const struct route_proxy_conf *proxy = &service->routes[j].proxy;
			used = proxy->set && strcmp(proxy->pool, pool->name) == 0;
		}
		if (used)
			origin_share_add(&share, pool);
	}
	return share;
}

static enum health_state health_of(const struct service_conf *service,
				   const struct origin_share *share, uint16_t share_pct)
{
	if (share->n_origins == 0)
		return HEALTH_UP; /* it answers by itself */
	if (share_pct == 0)
		return HEALTH_DOWN;
	if (share->n_pending == share->n_origins)
		return HEALTH_UNKNOWN;
	return share_pct < service->degraded_below_pct ? HEALTH_DEGRADED : HEALTH_UP;
}

struct service_report control_service_report(const struct control *control, size_t i)
{
	const struct service_conf *service = &control->plan->edge->services[i];
	struct origin_share share = share_of(control, service);
	uint16_t share_pct = origin_share_pct(&share);

	return (struct service_report){
		.name = service->name,
		.health = health_of(service, &share, share_pct),
		.share_pct = share_pct,
		.n_origins = (uint16_t)MIN(share.n_origins, UINT16_MAX),
		.n_origins_up = (uint16_t)MIN(share.n_up, UINT16_MAX),
	};
}

void control_report_services(struct control *control)
{
	size_t n = control->plan->edge->n_services;
	CLEANUP(free_drop) struct service_report *reports = calloc(n + 1, sizeof(*reports));
	struct origin_share all = { 0 };

	for (size_t i = 0; i < control->origins->n_pools; i++)
		origin_share_add(&all, &control->origins->pools[i]);
	metric_set(control->metrics, CONTROL_METRIC_ORIGINS, all.n_origins);
	metric_set(control->metrics, CONTROL_METRIC_ORIGINS_UP, all.n_up);
	if (!control->cluster || !reports)
		return;
	for (size_t i = 0; i < n; i++)
		reports[i] = control_service_report(control, i);
	int r = cluster_report_services(control->cluster, reports, n);
	if (r < 0)
		LOG_WARN("cluster.report", kv_err(r));
}

/* ---- load --------------------------------------------------------------------------------------
 */

static void on_report(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);
	uint64_t n_requests = (uint64_t)metric_read("meridian_edge_requests_total", NULL);
	int64_t n_open = metric_read("meridian_edge_connections_open", NULL);
	double now_per_s = (double)(n_requests - control->n_requests) * MS_PER_S / REPORT_MS;

	control->n_requests = n_requests;
	control->requests_per_s =
		past_share * control->requests_per_s + (1 - past_share) * now_per_s;
	loop_timer_set(&control->report, mono_add_ms(loop_now(control->loop), REPORT_MS));
	if (!control->cluster)
		return;
	int r = cluster_report_load(control->cluster, (uint32_t)(control->requests_per_s + 0.5),
				    n_open > 0 ? (uint32_t)n_open : 0);
	if (r < 0)
		LOG_WARN("cluster.report", kv_err(r));
}

void control_report_start(struct control *control)
{
	loop_timer_init(&control->report, control->loop, on_report, control);
	loop_timer_set(&control->report, mono_add_ms(loop_now(control->loop), REPORT_MS));
}

/* ---- the door to the cluster -------------------------------------------------------------------
 */

void control_set_drain(struct control *control, bool draining)
{
	if (control->draining == draining)
		return;
	control->draining = draining;
	LOG_INFO("edge.drain", kv_bool("draining", draining));
	admin_set_unhealthy(control->admin, draining ? "draining" : NULL);
	int r = control->cluster ? cluster_report_drain(control->cluster, draining) : 0;
	if (r < 0)
		LOG_WARN("cluster.report", kv_err(r));
}

static void on_view(struct view *view, void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	view_unref(control->view);
	control->view = view;
}

int control_cluster_start(struct control *control, enum process_exit *ret_exit)
{
	const struct edge_conf *edge = control->first->edge;
	const struct cluster_start start = {
		.node = &edge->node,
		.cluster = &edge->cluster.conf,
		.role = ROLE_EDGE,
		.socks = control->socks,
	};

	if (!edge->cluster.set)
		return 0;
	int r = cluster_start(&start, &control->cluster);
	if (r == 0)
		r = cluster_subscribe(control->cluster, &control->mailbox, on_view, control);
	if (r < 0) {
		*ret_exit = r == -EADDRINUSE ? PROCESS_EXIT_BUSY : PROCESS_EXIT_CONFIG;
		return err_pass(r);
	}
	return 0;
}
