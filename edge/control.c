/* SPDX-License-Identifier: Apache-2.0
 *
 * control: the life of the process, from the first socket to the last exchange.
 *
 * Sockets come first (a busy port stops everything, and privileges are given up after it), then the
 * names of origins, so that the first request finds them; then workers, the cluster, and the word
 * that we serve, which also tells an old process that it may go.
 */
#include "edge/control.h"

#include "core/chain.h"
#include "core/error.h"
#include "core/obj.h"
#include "edge/control_priv.h"
#include "edge/edge_admin.h"

enum { RESOLVE_WAIT_MS = 3000 };

/* clang-format off */
static const struct metric_def metric_defs[CONTROL_METRIC_N] = {
	[CONTROL_METRIC_RELOADS]        = { "meridian_config_reloads_total",        METRIC_COUNTER, "configurations taken at a reload" },
	[CONTROL_METRIC_RELOADS_FAILED] = { "meridian_config_reloads_failed_total", METRIC_COUNTER, "configurations refused at a reload" },
	[CONTROL_METRIC_CERTS]          = { "meridian_certificate_reloads_total",   METRIC_COUNTER, "changed files of certificates that were taken" },
	[CONTROL_METRIC_CERTS_FAILED]   = { "meridian_certificate_reloads_failed_total", METRIC_COUNTER, "changed files of certificates that were refused" },
	[CONTROL_METRIC_ORIGINS]        = { "meridian_edge_origins",                METRIC_GAUGE,   "origins of all pools" },
	[CONTROL_METRIC_ORIGINS_UP]     = { "meridian_edge_origins_up",             METRIC_GAUGE,   "of them those that may be used" },
	[CONTROL_METRIC_CACHE_OBJECTS]  = { "meridian_edge_cache_objects",          METRIC_GAUGE,   "responses in the memory of all stores" },
	[CONTROL_METRIC_CACHE_BYTES]    = { "meridian_edge_cache_bytes",            METRIC_GAUGE,   "bytes that they take" },
	[CONTROL_METRIC_CACHE_FLIGHTS]  = { "meridian_edge_cache_flights",          METRIC_GAUGE,   "responses being fetched for a store now" },
};
/* clang-format on */

/* ---- phases ------------------------------------------------------------------------------------
 */

#define TO(NAME) (1u << CONTROL_##NAME)
/* clang-format off */
const unsigned control_may_follow[CONTROL_N_PHASES] = {
	[CONTROL_STARTING] = TO(SERVING) | TO(ENDED),
	[CONTROL_SERVING]  = TO(NOTICE) | TO(DRAINING) | TO(ENDED),
	[CONTROL_NOTICE]   = TO(DRAINING) | TO(ENDED),
	[CONTROL_DRAINING] = TO(ENDED),
	[CONTROL_ENDED]    = 0,
};
/* clang-format on */
#undef TO

const char *control_phase_name(enum control_phase phase)
{
	static const char *const names[] = {
#define X(NAME) #NAME,
		CONTROL_PHASES(X)
#undef X
	};

	MUST((size_t)phase < ARRAY_LEN(names));
	return names[phase];
}

static void phase_goto(struct control *control, enum control_phase next)
{
	MUST(control_may_follow[control->phase] & (1u << next));
	LOG_INFO("edge.phase", kv_str("from", control_phase_name(control->phase)),
		 kv_str("to", control_phase_name(next)));
	control->phase = next;
	loop_timer_stop(&control->timer);
}

static void phase_wait(struct control *control, int64_t wait_ms)
{
	loop_timer_set(&control->timer, mono_add_ms(loop_now(control->loop), wait_ms));
}

static void end(struct control *control, enum process_exit status)
{
	if (control->phase == CONTROL_ENDED)
		return;
	control->exit = status;
	phase_goto(control, CONTROL_ENDED);
	loop_stop(control->loop);
}

/* ---- the end -----------------------------------------------------------------------------------
 */

static void on_worker_drained(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	control->n_drained++;
	if (control->phase == CONTROL_DRAINING && control->n_drained == control->n_workers)
		end(control, PROCESS_EXIT_OK);
}

static void drain(struct control *control, bool close_sockets)
{
	phase_goto(control, CONTROL_DRAINING);
	for (size_t i = 0; i < control->n_workers; i++) {
		if (worker_drain(control->workers[i], close_sockets) < 0) {
			end(control, PROCESS_EXIT_FAILED);
			return;
		}
	}
	phase_wait(control, control->plan->edge->timeouts.drain_ms);
}

static void on_stop(void *arg, bool at_once)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	if (at_once || control->phase == CONTROL_STARTING) {
		end(control, PROCESS_EXIT_OK);
		return;
	}
	if (control->phase != CONTROL_SERVING)
		return;
	process_notify("STOPPING=1");
	control_set_drain(control, true);
	phase_goto(control, CONTROL_NOTICE);
	phase_wait(control, control->plan->edge->timeouts.drain_notice_ms);
}

/* A successor has our sockets and serves. It is the same member of the cluster, so we say nothing
 * there; nor do we close what it listens on. */
static void on_taken(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	if (control->phase != CONTROL_SERVING && control->phase != CONTROL_NOTICE)
		return;
	if (control->cluster)
		cluster_hand_over(TAKE(control->cluster));
	drain(control, false);
}

static void on_timer(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	switch (control->phase) {
	case CONTROL_STARTING:
		LOG_WARN("origins.slow", kv_uint("waited_ms", RESOLVE_WAIT_MS));
		control_origins_known(control);
		return;
	case CONTROL_NOTICE:
		drain(control, true);
		return;
	case CONTROL_DRAINING:
		LOG_WARN("edge.drain-timeout",
			 kv_uint("workers_left", control->n_workers - control->n_drained));
		end(control, PROCESS_EXIT_OK);
		return;
	case CONTROL_SERVING:
	case CONTROL_ENDED:
		return;
	}
	UNREACHABLE();
}

/* ---- the beginning -----------------------------------------------------------------------------
 */

static void on_unused(int fd, void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	sock_give_up(control->socks, fd);
}

static int workers_start(struct control *control)
{
	CLEANUP(free_drop) int *fds = NULL;
	size_t n_listeners = control->plan->edge->n_listeners;
	int r = control_sockets(control, control->plan, &fds);

	if (r < 0)
		return err_pass(r);
	for (size_t i = 0; i < control->n_workers; i++) {
		const struct worker_orders orders = {
			.plan = control->plan,
			.origins = control->origins,
			.fds = &fds[i * n_listeners],
			.log = control->log,
		};
		r = worker_set_plan(control->workers[i], &orders);
		if (r == 0)
			r = worker_start(control->workers[i]);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

static int offer_open(struct control *control)
{
	const char *path = control->first->edge->process.takeover;

	if (!path)
		return 0;
	return err_pass(sock_offer_open(control->socks, control->loop, path, on_taken, control,
					&control->offer));
}

static int serve(struct control *control, enum process_exit *ret_exit)
{
	control_cache_start(control);
	int r = workers_start(control);
	if (r == 0)
		r = control_cluster_start(control, ret_exit);
	if (r == 0)
		r = offer_open(control);
	if (r < 0)
		return err_pass(r);
	sock_drop_unclaimed(control->socks);
	sock_heir_ready(TAKE(control->heir));
	control_report_services(control);
	control_report_start(control);
	process_ready(control->ready_fd);
	return 0;
}

void control_origins_known(struct control *control)
{
	enum process_exit status = PROCESS_EXIT_FAILED;
	int r = serve(control, &status);

	if (r < 0) {
		LOG_ERROR("edge.start", kv_err(r));
		end(control, status);
		return;
	}
	phase_goto(control, CONTROL_SERVING);
}

static void on_reload(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	if (control->phase == CONTROL_SERVING)
		control_reload(control);
}

static void on_reopen(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	log_reopen();
	if (control->log && access_log_reopen(control->log, NULL) < 0)
		LOG_ERROR("access_log.reopen");
}

static int workers_make(struct control *control)
{
	const struct edge_conf *edge = control->first->edge;
	size_t n = process_n_workers(edge->workers);

	control->workers = calloc(n, sizeof(struct worker *));
	if (!control->workers)
		return err_new(-ENOMEM);
	while (control->n_workers < n) {
		const struct worker_setup setup = {
			.slot = (unsigned)control->n_workers,
			.node = edge->node.name,
			.region = edge->node.region,
			.max_blocks = (size_t)(edge->limits.buffers_bytes / BLOCK_BYTES),
			.control = &control->mailbox,
			.on_drained = on_worker_drained,
			.on_unused = on_unused,
			.arg = control,
		};
		int r = worker_new(&setup, &control->workers[control->n_workers]);
		if (r < 0)
			return err_pass(r);
		control->n_workers++;
	}
	return 0;
}

/* All that can be busy, and all that root is needed for. */
static int sockets_bind(struct control *control)
{
	const struct admin_section *section = &control->first->edge->admin;
	const struct admin_conf admin = { .listen = section->listen,
					  .socket = section->socket,
					  .token_file = section->token_file };
	CLEANUP(free_drop) int *fds = NULL;
	const char *takeover = control->first->edge->process.takeover;
	int r = sock_registry_new(&control->socks);

	if (r == 0 && takeover)
		r = sock_take_over(control->socks, takeover, &control->heir);
	if (r < 0)
		return err_pass(r);
	r = control_sockets(control, control->first, &fds);
	if (r == 0)
		r = admin_open(control->loop, control->socks, &admin, &control->admin);
	if (r == 0)
		r = edge_admin_pages(control->admin, control);
	return err_pass(r);
}

static int process_make(struct control *control)
{
	const struct process_handlers handlers = {
		.on_stop = on_stop,
		.on_reload = on_reload,
		.on_reopen = on_reopen,
		.arg = control,
	};
	int r = mailbox_open(&control->mailbox, control->loop);

	if (r == 0)
		r = metric_block_new(metric_defs, CONTROL_METRIC_N, NULL, &control->metrics);
	if (r == 0)
		r = process_new(control->loop, &handlers, &control->process);
	process_raise_fd_limit();
	return err_pass(r);
}

static int privileges_drop(struct control *control)
{
	const struct process_section *process = &control->first->edge->process;
	int r = process_pid_file(control->process, process->pid_file);

	if (r < 0) {
		LOG_ERROR("process.pid-file", kv_str("file", process->pid_file), kv_err(r));
		return err_pass(r);
	}
	r = process_drop_root(process->user);
	if (r < 0)
		LOG_ERROR("process.user", kv_str("user", process->user), kv_err(r));
	return err_pass(r);
}

static int log_make(struct control *control)
{
	const struct access_log_conf *log = &control->first->edge->access_log;
	int r = log->set ? access_log_writer_new(log->file, &control->log) : 0;

	if (r < 0)
		LOG_ERROR("access_log.open", kv_str("file", log->file), kv_err(r));
	return err_pass(r);
}

static int control_make(struct control *control, enum process_exit *ret_exit)
{
	int r = process_make(control);

	*ret_exit = PROCESS_EXIT_FAILED;
	if (r == 0)
		r = workers_make(control);
	if (r < 0)
		return err_pass(r);
	r = sockets_bind(control);
	if (r < 0) {
		if (r == -EADDRINUSE)
			*ret_exit = PROCESS_EXIT_BUSY;
		return err_pass(r);
	}
	r = privileges_drop(control);
	if (r == 0)
		r = log_make(control);
	if (r == 0)
		r = control_watch(control, control->plan);
	return err_pass(r);
}

int control_new(const struct control_setup *setup, struct control **ret_control,
		enum process_exit *ret_exit)
{
	struct control *control = OBJ_NEW(struct control, CONTROL_KIND);

	*ret_exit = PROCESS_EXIT_FAILED;
	if (!control)
		return err_new(-ENOMEM);
	control->phase = CONTROL_STARTING;
	control->loop = setup->loop;
	control->path = setup->path;
	control->ready_fd = setup->ready_fd;
	control->first = edge_plan_ref(setup->plan);
	control->plan = edge_plan_ref(setup->plan);
	control->mailbox.fd = -1;
	loop_timer_init(&control->timer, setup->loop, on_timer, control);
	int r = control_make(control, ret_exit);
	if (r < 0) {
		LOG_ERROR("edge.start", kv_err(r));
		control_free(control);
		return err_pass(r);
	}
	control_certs_start(control);
	phase_wait(control, RESOLVE_WAIT_MS);
	*ret_control = control;
	return 0;
}

enum process_exit control_run(struct control *control)
{
	int r = loop_run(control->loop);

	if (r < 0)
		LOG_ERROR("control.loop", kv_err(r));
	return r < 0 ? PROCESS_EXIT_FAILED : control->exit;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	loop_timer_stop(&control->timer);
	loop_timer_stop(&control->report);
	loop_timer_stop(&control->sweep);
	control_certs_stop(control);
	cluster_stop(control->cluster);
	for (size_t i = 0; i < control->n_workers; i++)
		worker_stop(control->workers[i]);
	if (control->mailbox.fd >= 0)
		mailbox_close(&control->mailbox); /* with what the workers said last */
	for (size_t i = 0; i < control->n_workers; i++)
		worker_free(control->workers[i]);
	free(control->workers);
	access_log_writer_free(control->log); /* after the workers: all their lines are written */
	origin_watch_free(control->watch);
	origin_view_unref(control->watched_before);
	origin_view_unref(control->origins);
	view_unref(control->view);
	sock_offer_close(control->offer);
	sock_heir_give_up(control->heir, control->socks);
	admin_close(control->admin);
	sock_registry_free(control->socks);
	process_free(control->process);
	metric_block_free(control->metrics);
	edge_plan_unref(control->plan);
	edge_plan_unref(control->first);
	OBJ_FREE(control);
}

/* ---- for the operator's pages ------------------------------------------------------------------
 */

const struct edge_plan *control_plan(const struct control *control)
{
	return control->plan;
}

const struct origin_view *control_origins(const struct control *control)
{
	return control->origins;
}

const struct view *control_view(const struct control *control)
{
	return control->view;
}

bool control_is_draining(const struct control *control)
{
	return control->draining;
}
