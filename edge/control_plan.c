/* SPDX-License-Identifier: Apache-2.0
 *
 * control_plan: from a configuration to sockets, watched origins and orders to the workers; and
 * from one configuration to the next. A reload makes everything new beside the old, and swaps only
 * when nothing is missing.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/control_priv.h"

enum { MAX_ERRORS_BYTES = 64 * 1024, SERVERS_BYTES = 4096 };

/* ---- sockets -----------------------------------------------------------------------------------
 */

int control_sockets(struct control *control, const struct edge_plan *plan, int **ret_fds)
{
	size_t n_listeners = plan->edge->n_listeners;
	CLEANUP(free_drop) int *fds = calloc(control->n_workers * n_listeners + 1, sizeof(*fds));

	if (!fds)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < control->n_workers * n_listeners; i++) {
		const struct sock_wish wish = {
			.purpose = "http",
			.type = SOCK_TYPE_STREAM,
			.addr = plan->edge->listeners[i % n_listeners].address,
			.slot = (unsigned)(i / n_listeners),
		};
		struct addr got;
		int r = sock_get(control->socks, &wish, &fds[i], &got);
		if (r < 0) {
			sock_error_log(&wish, r);
			return err_pass(r);
		}
	}
	*ret_fds = TAKE(fds);
	return 0;
}

/* ---- origins -----------------------------------------------------------------------------------
 */

static void on_origins_change(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);
	struct origin_view *view;
	int r = origin_watch_view(control->watch, &view);

	if (r < 0) {
		LOG_ERROR("origins.view", kv_err(r));
		return;
	}
	origin_view_unref(control->origins);
	control->origins = view;
	control_report_services(control);
	if (control->phase == CONTROL_STARTING) {
		if (origin_watch_answered(control->watch))
			control_origins_known(control);
		return;
	}
	for (size_t i = 0; i < control->n_workers; i++) {
		r = worker_set_origins(control->workers[i], view);
		if (r < 0)
			LOG_ERROR("origins.send", kv_err(r));
	}
}

/* "127.0.0.1:53,[::1]:53", or NULL: the system's. */
static const char *servers_text(const struct resolver_section *resolver, struct buf *text)
{
	char addr[ADDR_TEXT_MAX];

	if (resolver->n_servers == 0)
		return NULL;
	for (size_t i = 0; i < resolver->n_servers; i++)
		buf_printf(text, "%s%s", i ? "," : "", addr_text(&resolver->servers[i], addr));
	return buf_text(text);
}

int control_watch(struct control *control, const struct edge_plan *plan)
{
	const struct resolver_section *resolver = &plan->edge->resolver;
	struct origin_watch *watch;
	struct origin_view *view = NULL;
	struct buf text;

	buf_init(&text, SERVERS_BYTES);
	const struct origin_watch_setup setup = {
		.loop = control->loop,
		.pools = plan->edge->pools,
		.n_pools = plan->edge->n_pools,
		.resolver = { .servers = servers_text(resolver, &text),
			      .timeout_ms = resolver->timeout_ms,
			      .tries = (int)resolver->tries },
		.max_ttl_ms = resolver->max_ttl_ms,
		.before = control->origins,
		.on_change = on_origins_change,
		.arg = control,
	};
	int r = origin_watch_new(&setup, &watch);
	buf_fini(&text);
	if (r < 0)
		return err_pass(r);
	r = origin_watch_view(watch, &view);
	if (r < 0) {
		origin_watch_free(watch);
		return err_pass(r);
	}
	origin_watch_free(control->watch);
	origin_view_unref(control->watched_before);
	control->watch = watch;
	control->watched_before = control->origins; /* the reference moves */
	control->origins = view;
	return 0;
}

/* ---- reload ------------------------------------------------------------------------------------
 */

static void errors_log(struct buf *errors)
{
	struct span rest = buf_span(errors), line;

	while (span_cut(&rest, '\n', &line)) {
		if (line.len)
			LOG_ERROR("config.wrong", kv_span("at", line));
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What was fixed when the process began. */
static void restart_check(const struct edge_conf *first, const struct edge_conf *now)
{
	const char *key = NULL;

	if (first->workers != now->workers)
		key = "workers";
	else if (!same_text(first->node.name, now->node.name) ||
		 !same_text(first->node.region, now->node.region))
		key = "node";
	else if (first->cluster.set != now->cluster.set ||
		 !addr_eq(&first->cluster.conf.listen, &now->cluster.conf.listen))
		key = "cluster";
	else if (first->admin.set != now->admin.set ||
		 !addr_eq(&first->admin.listen, &now->admin.listen) ||
		 !same_text(first->admin.socket, now->admin.socket))
		key = "admin";
	if (key)
		LOG_WARN("config.restart-needed", kv_str("key", key));
}

static int log_renew(struct control *control, const struct access_log_conf *log)
{
	const struct access_log_conf *before = &control->plan->edge->access_log;

	if (!log->set)
		return 0;
	if (!control->log)
		return err_pass(access_log_writer_new(log->file, &control->log));
	if (log->file && (!before->set || !same_text(before->file, log->file)))
		return err_pass(access_log_reopen(control->log, log->file));
	return 0;
}

static int plan_swap(struct control *control, struct edge_plan *plan)
{
	CLEANUP(free_drop) int *fds = NULL;
	int r = control_sockets(control, plan, &fds);

	if (r == 0)
		r = log_renew(control, &plan->edge->access_log);
	if (r == 0)
		r = control_watch(control, plan);
	if (r < 0)
		return err_pass(r);
	edge_plan_unref(control->plan);
	control->plan = edge_plan_ref(plan);
	control_certs_taken(control);
	control_cache_taken(control);
	for (size_t i = 0; i < control->n_workers; i++) {
		const struct worker_orders orders = {
			.plan = plan,
			.origins = control->origins,
			.fds = &fds[i * plan->edge->n_listeners],
			.log = control->log,
		};
		r = worker_set_plan(control->workers[i], &orders);
		if (r < 0) /* this one goes on with the old; the next reload mends it */
			LOG_ERROR("worker.plan", kv_uint("worker", i), kv_err(r));
	}
	control_report_services(control);
	return 0;
}

static int reload(struct control *control)
{
	struct edge_plan *plan;
	struct buf errors;

	buf_init(&errors, MAX_ERRORS_BYTES);
	int r = edge_plan_read(control->path, control->plan, &errors, &plan);
	if (r == EDGE_PLAN_WRONG)
		errors_log(&errors);
	buf_fini(&errors);
	if (r != EDGE_PLAN_MADE)
		return r < 0 ? err_pass(r) : err_new(-EINVAL);
	restart_check(control->first->edge, plan->edge);
	r = plan_swap(control, plan);
	edge_plan_unref(plan);
	return err_pass(r);
}

void control_reload(struct control *control)
{
	int r = reload(control);

	metric_add(control->metrics, r < 0 ? CONTROL_METRIC_RELOADS_FAILED : CONTROL_METRIC_RELOADS,
		   1);
	if (r < 0)
		LOG_ERROR("config.kept", kv_str("file", control->path), kv_err(r));
	else
		LOG_INFO("config.loaded", kv_str("file", control->path));
}
