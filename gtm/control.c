/* SPDX-License-Identifier: Apache-2.0
 *
 * control: see the header. Every view of the cluster gives a new steer table, and a table is handed
 * to all workers as a part of a world; a reload gives a new plan, and with it a new world.
 */
#include "gtm/control.h"

#include "core/error.h"
#include "core/metrics.h"
#include "core/obj.h"
#include "gtm/gtm_admin.h"
#include "gtm/worker.h"

enum { MAX_ERRORS_BYTES = 64 * 1024, UDP_BUFFER_BYTES = 4 << 20 };

enum control_metric { METRIC_RELOADS, METRIC_RELOADS_FAILED, METRIC_TABLES, CONTROL_METRIC_N };
/* clang-format off */
static const struct metric_def metric_defs[CONTROL_METRIC_N] = {
	[METRIC_RELOADS]        = { "meridian_config_reloads_total",        METRIC_COUNTER, "configurations taken at a reload" },
	[METRIC_RELOADS_FAILED] = { "meridian_config_reloads_failed_total", METRIC_COUNTER, "configurations refused at a reload" },
	[METRIC_TABLES]         = { "meridian_gtm_steer_tables_total",      METRIC_COUNTER, "steer tables made, from views and reloads" },
};
/* clang-format on */

struct control {
	uint32_t kind;
	struct loop *loop;
	const char *path;
	int ready_fd;
	enum process_exit exit;
	struct mailbox mailbox;
	struct metric_block *metrics;
	struct process *process;
	struct sock_registry *socks;
	struct sock_heir *heir;
	struct sock_offer *offer;
	struct admin *admin;
	struct cluster *cluster;
	struct gtm_plan *first; /* what cannot change without a restart is read from it */
	struct gtm_plan *plan;
	struct gtm_world *world;
	struct view *view; /* the last; NULL: none yet */
	struct worker **workers;
	size_t n_workers, n_drained;
	bool draining;
};

#define CONTROL_KIND OBJ_KIND('g', 'c', 't', 'l')

/* ---- worlds -------------------------------------------------------------------------------- */

/* From the present plan and view, for all workers. */
static int renew_world(struct control *control)
{
	struct gtm_world *world;
	int r = gtm_world_new(control->plan, control->view, &world);

	if (r < 0)
		return err_pass(r);
	steer_table_log_changes(control->world ? control->world->steer : NULL, world->steer);
	gtm_world_unref(control->world);
	control->world = world;
	metric_add(control->metrics, METRIC_TABLES, 1);
	for (size_t i = 0; r == 0 && i < control->n_workers; i++)
		r = worker_set_world(control->workers[i], world);
	return err_pass(r);
}

static void on_view(struct view *view, void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	view_unref(control->view);
	control->view = view;
	int r = renew_world(control);
	if (r < 0)
		LOG_ERROR("steer.table", kv_err(r), kv_str("then", "the last table stays in use"));
}

/* A reload must leave alone what only a restart can change. */
static bool same_sockets(const struct gtm_conf *a, const struct gtm_conf *b)
{
	if (a->dns.n_listen != b->dns.n_listen)
		return false;
	for (size_t i = 0; i < a->dns.n_listen; i++) {
		if (!addr_eq(&a->dns.listen[i], &b->dns.listen[i]))
			return false;
	}
	return true;
}

static void reload_failed(struct control *control, struct buf *errors, int r)
{
	struct span rest = buf_span(errors), line;

	metric_add(control->metrics, METRIC_RELOADS_FAILED, 1);
	while (span_cut(&rest, '\n', &line)) {
		if (line.len)
			LOG_ERROR("config.wrong", kv_span("error", line));
	}
	LOG_ERROR("config.reload", kv_str("file", control->path), kv_err(r),
		  kv_str("then", "the old configuration stays in use"));
}

static void on_reload(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);
	struct gtm_plan *plan = NULL;
	struct buf errors;

	buf_init(&errors, MAX_ERRORS_BYTES);
	int r = gtm_plan_read(control->path, &errors, &plan);
	if (r != GTM_PLAN_MADE) {
		reload_failed(control, &errors, MIN(r, 0));
	} else {
		if (!same_sockets(control->first->gtm, plan->gtm))
			LOG_WARN("config.restart-needed", kv_str("key", "dns.listen"));
		struct gtm_plan *old = control->plan;
		control->plan = plan;
		r = renew_world(control);
		if (r < 0) {
			control->plan = old;
			gtm_plan_unref(plan);
			reload_failed(control, &errors, r);
		} else {
			gtm_plan_unref(old);
			metric_add(control->metrics, METRIC_RELOADS, 1);
			LOG_INFO("config.reloaded", kv_str("file", control->path));
		}
	}
	buf_fini(&errors);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void end(struct control *control, enum process_exit status)
{
	control->exit = status;
	loop_stop(control->loop);
}

static void on_worker_drained(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	if (++control->n_drained == control->n_workers)
		end(control, PROCESS_EXIT_OK);
}

static void drain(struct control *control)
{
	if (control->draining)
		return;
	control->draining = true;
	for (size_t i = 0; i < control->n_workers; i++)
		worker_drain(control->workers[i]);
}

static void on_stop(void *arg, bool at_once)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	process_notify("STOPPING=1");
	if (at_once)
		end(control, PROCESS_EXIT_OK);
	else
		drain(control);
}

/* A successor has our sockets and answers: it is the same member, so the cluster hears nothing. */
static void on_taken(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);

	if (control->cluster)
		cluster_hand_over(TAKE(control->cluster));
	LOG_INFO("gtm.succeeded");
	drain(control);
}

static void on_reopen(void *arg)
{
	(void)arg;
	log_reopen();
}

/* ---- the beginning ------------------------------------------------------------------------- */

static int get_socket(struct control *control, enum sock_type type, const struct addr *addr,
		      unsigned slot, int *ret_fd)
{
	const struct sock_wish wish = {
		.purpose = "dns",
		.type = type,
		.addr = *addr,
		.slot = slot,
		.receive_bytes = type == SOCK_TYPE_DATAGRAM ? UDP_BUFFER_BYTES : 0,
		.send_bytes = type == SOCK_TYPE_DATAGRAM ? UDP_BUFFER_BYTES : 0,
	};
	struct addr got;
	int r = sock_get(control->socks, &wish, ret_fd, &got);

	if (r < 0)
		sock_error_log(&wish, r);
	return err_pass(r);
}

static int make_worker(struct control *control, unsigned slot)
{
	const struct gtm_dns_conf *dns = &control->first->gtm->dns;
	CLEANUP(free_drop) int *fds = calloc(dns->n_listen * 2 + 1, sizeof(*fds));
	int r = fds ? 0 : err_new(-ENOMEM);

	for (size_t i = 0; r == 0 && i < dns->n_listen; i++) {
		r = get_socket(control, SOCK_TYPE_DATAGRAM, &dns->listen[i], slot, &fds[i]);
		if (r == 0)
			r = get_socket(control, SOCK_TYPE_STREAM, &dns->listen[i], slot,
				       &fds[dns->n_listen + i]);
	}
	if (r < 0)
		return err_pass(r);
	const struct worker_setup setup = {
		.slot = slot,
		.dns = dns,
		.udp_fds = fds,
		.tcp_fds = fds + dns->n_listen,
		.world = control->world,
		.control = &control->mailbox,
		.on_drained = on_worker_drained,
		.arg = control,
	};
	return err_pass(worker_new(&setup, &control->workers[slot]));
}

static int make_workers(struct control *control)
{
	size_t n = process_n_workers(control->first->gtm->dns.workers);
	int r = 0;

	control->workers = calloc(n, sizeof(struct worker *));
	if (!control->workers)
		return err_new(-ENOMEM);
	while (r == 0 && control->n_workers < n) {
		r = make_worker(control, (unsigned)control->n_workers);
		control->n_workers += r == 0;
	}
	return err_pass(r);
}

static int bind_all(struct control *control)
{
	const struct gtm_conf *gtm = control->first->gtm;
	const struct admin_conf admin = { .listen = gtm->admin.listen,
					  .socket = gtm->admin.socket,
					  .token_file = gtm->admin.token_file };
	int r = sock_registry_new(&control->socks);

	if (r == 0 && gtm->process.takeover)
		r = MIN(sock_take_over(control->socks, gtm->process.takeover, &control->heir), 0);
	if (r == 0)
		r = make_workers(control);
	if (r == 0)
		r = admin_open(control->loop, control->socks, &admin, &control->admin);
	if (r == 0)
		r = gtm_admin_pages(control->admin, control);
	return err_pass(r);
}

static int drop_privileges(struct control *control)
{
	const struct process_section *process = &control->first->gtm->process;
	int r = process_pid_file(control->process, process->pid_file);

	if (r == 0)
		r = process_drop_root(process->user);
	if (r < 0)
		LOG_ERROR("process.privileges", kv_err(r));
	return err_pass(r);
}

static int join_cluster(struct control *control)
{
	const struct gtm_conf *gtm = control->first->gtm;
	const struct cluster_start start = {
		.node = &gtm->node,
		.cluster = &gtm->cluster.conf,
		.role = ROLE_GTM,
		.socks = control->socks,
	};

	if (!gtm->cluster.set)
		return 0;
	int r = cluster_start(&start, &control->cluster);
	if (r == 0)
		r = cluster_subscribe(control->cluster, &control->mailbox, on_view, control);
	return err_pass(r);
}

static int go(struct control *control)
{
	const char *takeover = control->first->gtm->process.takeover;
	int r = join_cluster(control);

	for (size_t i = 0; r == 0 && i < control->n_workers; i++)
		r = worker_start(control->workers[i]);
	if (r == 0 && takeover)
		r = sock_offer_open(control->socks, control->loop, takeover, on_taken, control,
				    &control->offer);
	if (r < 0)
		return err_pass(r);
	sock_drop_unclaimed(control->socks);
	sock_heir_ready(TAKE(control->heir));
	process_ready(control->ready_fd);
	LOG_INFO("gtm.serving", kv_uint("zones", zone_set_n_zones(control->plan->zones)),
		 kv_uint("workers", control->n_workers));
	return 0;
}

static int make(struct control *control)
{
	const struct process_handlers handlers = { on_stop, on_reload, on_reopen, control };
	int r = mailbox_open(&control->mailbox, control->loop);

	if (r == 0)
		r = metric_block_new(metric_defs, CONTROL_METRIC_N, NULL, &control->metrics);
	if (r == 0)
		r = process_new(control->loop, &handlers, &control->process);
	process_raise_fd_limit();
	if (r == 0)
		r = renew_world(control);
	if (r == 0)
		r = bind_all(control);
	if (r == 0)
		r = drop_privileges(control);
	if (r == 0)
		r = go(control);
	return err_pass(r);
}

int control_new(const struct control_setup *setup, struct control **ret_control,
		enum process_exit *ret_exit)
{
	struct control *control = OBJ_NEW(struct control, CONTROL_KIND);

	*ret_exit = PROCESS_EXIT_FAILED;
	if (!control)
		return err_new(-ENOMEM);
	control->loop = setup->loop;
	control->path = setup->path;
	control->ready_fd = setup->ready_fd;
	control->first = gtm_plan_ref(setup->plan);
	control->plan = gtm_plan_ref(setup->plan);
	control->mailbox.fd = -1;
	int r = make(control);
	if (r < 0) {
		if (r == -EADDRINUSE)
			*ret_exit = PROCESS_EXIT_BUSY;
		LOG_ERROR("gtm.start", kv_err(r));
		control_free(control);
		return err_pass(r);
	}
	*ret_control = control;
	return 0;
}

enum process_exit control_run(struct control *control)
{
	int r = loop_run(control->loop);

	return r < 0 ? PROCESS_EXIT_FAILED : control->exit;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	cluster_stop(control->cluster);
	sock_offer_close(control->offer);
	for (size_t i = 0; i < control->n_workers; i++)
		worker_stop(control->workers[i]);
	if (control->mailbox.fd >= 0)
		mailbox_close(&control->mailbox); /* with what the workers said last */
	for (size_t i = 0; i < control->n_workers; i++)
		worker_free(control->workers[i]);
	free(control->workers);
	admin_close(control->admin);
	if (control->heir)
		sock_heir_give_up(control->heir, control->socks);
	sock_registry_free(control->socks);
	process_free(control->process);
	metric_block_free(control->metrics);
	view_unref(control->view);
	gtm_world_unref(control->world);
	gtm_plan_unref(control->plan);
	gtm_plan_unref(control->first);
	OBJ_FREE(control);
}

/* ---- for the operator's pages -------------------------------------------------------------- */

const struct gtm_plan *control_plan(const struct control *control)
{
	return control->plan;
}

const struct gtm_world *control_world(const struct control *control)
{
	return control->world;
}

const struct view *control_view(const struct control *control)
{
	return control->view;
}
