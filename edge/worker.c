/* SPDX-License-Identifier: Apache-2.0
 *
 * worker: mail comes in, listeners and a world are made of it. A listener that a new plan still has
 * goes on undisturbed, its connections with it; one that it has no more ends as in a drain.
 */
#include "edge/worker.h"

#include <stdio.h>
#include <sys/socket.h>

#include "core/error.h"
#include "core/loop_thread.h"
#include "core/obj.h"
#include "edge/exchange/exchange.h"
#include "edge/http1/h1_client.h"
#include "edge/listen/listener.h"
#include "edge/report/edge_metrics.h"
#include "edge/worker_world.h"

#define WORKER_KIND OBJ_KIND('w', 'r', 'k', 'r')
#define PORT_KIND   OBJ_KIND('p', 'o', 'r', 't')

/* Between the last that may knock and the close: the ACK of who was connecting is on its way. */
enum { CLOSING_MS = 300, LINGER_LOOK_MS = 20, LINGER_LOOKS = 50 };

/* One of the worker's listeners and the socket that it has. */
struct port {
	uint32_t kind;
	TAILQ_ENTRY(port) link;
	struct worker *worker;
	size_t index; /* of the plan's listeners */
	struct addr address;
	char *name; /* owned: a listener outlives the plan that it came from */
	int fd;     /* the registry's */
	struct listener *listener;
	bool leaving; /* no plan has it any more */
	struct loop_timer closing;
};
TAILQ_HEAD(port_list, port);

struct worker {
	uint32_t kind;
	struct worker_setup setup;
	struct loop_thread thread;
	struct slab *slab;
	struct splice_pool *pipes;
	struct metric_block *metrics;
	struct exchange_env env;
	struct exchange_maker maker;
	struct port_list ports;
	bool draining;
	unsigned n_lingered; /* looks at those that linger, at the end of a drain */
	struct loop_timer lingered;
	struct mail drained_mail;
};

/* ---- what the worker tells the control ---------------------------------------------------------
 */

struct unused_mail {
	struct mail mail;
	struct worker_setup setup;
	int fd;
};

static void on_unused_mail(struct mail *mail, bool dropped)
{
	struct unused_mail *unused = CONTAINER_OF(mail, struct unused_mail, mail);

	if (!dropped)
		unused->setup.on_unused(unused->fd, unused->setup.arg);
	free(unused);
}

/* Without memory the socket stays open, unused, until the process ends. */
static void unused_tell(const struct worker *worker, int fd)
{
	struct unused_mail *unused = calloc(1, sizeof(*unused));

	if (!unused)
		return;
	unused->mail.fn = on_unused_mail;
	unused->setup = worker->setup;
	unused->fd = fd;
	mailbox_post(worker->setup.control, &unused->mail);
}

static void on_drained_mail(struct mail *mail, bool dropped)
{
	struct worker *worker = CONTAINER_OF(mail, struct worker, drained_mail);

	if (!dropped)
		worker->setup.on_drained(worker->setup.arg);
}

/* ---- ports -------------------------------------------------------------------------------------
 */

static void port_free(struct port *port)
{
	TAILQ_REMOVE(&port->worker->ports, port, link);
	loop_timer_stop(&port->closing);
	listener_close(port->listener);
	free(port->name);
	OBJ_FREE(port);
}

static void drained_check(struct worker *worker)
{
	if (!worker->draining || !TAILQ_EMPTY(&worker->ports))
		return;
	/* Who was told the end of all has a moment to hear it: a process that exits resets those
	 * who still speak. */
	if (conn_any_lingers() && worker->n_lingered < LINGER_LOOKS) {
		worker->n_lingered++;
		loop_timer_set(&worker->lingered,
			       mono_add_ms(loop_now(worker->thread.loop), LINGER_LOOK_MS));
		return;
	}
	worker->draining = false; /* it is told once */
	mailbox_post(worker->setup.control, &worker->drained_mail);
}

static void on_lingered(void *arg)
{
	drained_check(OBJ_CAST(struct worker, arg, WORKER_KIND));
}

static void on_port_empty(void *arg)
{
	struct port *port = OBJ_CAST(struct port, arg, PORT_KIND);
	struct worker *worker = port->worker;

	if (port->leaving)
		unused_tell(worker, port->fd);
	port_free(port);
	drained_check(worker);
}

static struct h2_limits http2_limits(const struct edge_conf *edge)
{
	const struct timeouts_conf *timeouts = &edge->timeouts;
	const struct http2_section *http2 = &edge->http2;

	return (struct h2_limits){
		.max_streams = http2->max_streams,
		.window_bytes = (uint32_t)http2->window_bytes,
		.head = { .max_bytes = edge->limits.request_head_bytes,
			  .max_fields = (uint16_t)edge->limits.request_fields },
		.head_timeout_ms = timeouts->client_header_ms,
		.body_timeout_ms = timeouts->client_body_ms,
		.idle_timeout_ms = timeouts->keep_alive_ms,
		.write_timeout_ms = timeouts->client_write_ms,
		.pressure_ms = h2_limits_usual.pressure_ms,
		.linger_ms = timeouts->linger_ms,
		.drain_grace_ms = h2_limits_usual.drain_grace_ms,
		.resets = { http2->resets, http2->resets_per_s },
		.controls = { http2->control_frames, http2->control_frames_per_s },
	};
}

static void listener_conf_fill(const struct edge_plan *plan, size_t i,
			       struct listener_conf *ret_conf)
{
	const struct timeouts_conf *timeouts = &plan->edge->timeouts;
	const struct limits_conf *limits = &plan->edge->limits;

	*ret_conf = (struct listener_conf){
		.certs = plan->certs->sets[i],
		.http1 = { .max_line_bytes = limits->request_line_bytes,
			   .max_head_bytes = limits->request_head_bytes,
			   .max_fields = (uint16_t)limits->request_fields,
			   .head_timeout_ms = timeouts->client_header_ms,
			   .body_timeout_ms = timeouts->client_body_ms,
			   .idle_timeout_ms = timeouts->keep_alive_ms,
			   .write_timeout_ms = timeouts->client_write_ms,
			   .pressure_ms = h1_server_limits_usual.pressure_ms,
			   .linger_ms = timeouts->linger_ms,
			   .drain_grace_ms = h1_server_limits_usual.drain_grace_ms },
		.http = (enum listener_http)plan->edge->listeners[i].http,
		.http2 = http2_limits(plan->edge),
		.proxies = plan->edge->listeners[i].proxy_protocol.trusted,
		.n_proxies = plan->edge->listeners[i].proxy_protocol.n_trusted,
		.handshake_timeout_ms = timeouts->tls_handshake_ms,
		.max_conns = limits->connections,
	};
}

/* Who was in the middle of connecting has come through. Who comes now is refused, and not left
 * waiting for somebody who will never come. */
static void on_port_closing(void *arg)
{
	struct port *port = OBJ_CAST(struct port, arg, PORT_KIND);

	listener_drain(port->listener);
	shutdown(port->fd, SHUT_RD);
}

static int port_open(struct worker *worker, const struct edge_plan *plan, size_t i, int fd)
{
	const struct listener_section *section = &plan->edge->listeners[i];
	struct port *port = OBJ_NEW(struct port, PORT_KIND);
	struct listener_conf conf;

	if (!port)
		return err_new(-ENOMEM);
	*port = (struct port){ .kind = PORT_KIND,
			       .worker = worker,
			       .index = i,
			       .address = section->address,
			       .name = strdup(section->name),
			       .fd = fd };
	TAILQ_INSERT_TAIL(&worker->ports, port, link);
	loop_timer_init(&port->closing, worker->thread.loop, on_port_closing, port);
	const struct listener_setup setup = {
		.name = port->name,
		.fds = &port->fd,
		.n_fds = 1,
		.maker = &worker->maker,
		.on_empty = on_port_empty,
		.on_empty_arg = port,
	};
	listener_conf_fill(plan, i, &conf);
	int r = port->name ? listener_open(&setup, &conf, &port->listener) : err_new(-ENOMEM);
	if (r < 0)
		port_free(port);
	return err_pass(r);
}

/* One address has one port, or another that is leaving beside it. */
static struct port *port_find(struct worker *worker, const struct addr *address)
{
	struct port *port;

	TAILQ_FOREACH (port, &worker->ports, link) {
		if (!port->leaving && addr_eq(&port->address, address))
			return port;
	}
	return NULL;
}

static bool plan_has(const struct edge_plan *plan, const struct addr *address)
{
	for (size_t i = 0; i < plan->edge->n_listeners; i++) {
		if (addr_eq(&plan->edge->listeners[i].address, address))
			return true;
	}
	return false;
}

static void port_drain(struct port *port, bool close_socket)
{
	struct loop *loop = port->worker->thread.loop;

	if (!close_socket) {
		listener_drain(port->listener);
		return;
	}
	sock_take_no_more(port->fd);
	loop_timer_set(&port->closing, mono_add_ms(loop_now(loop), CLOSING_MS));
}

static void ports_renew(struct worker *worker, const struct edge_plan *plan, const int *fds)
{
	struct port *port, *next;

	for (size_t i = 0; i < plan->edge->n_listeners; i++) {
		struct listener_conf conf;
		port = port_find(worker, &plan->edge->listeners[i].address);
		if (port) {
			port->index = i;
			listener_conf_fill(plan, i, &conf);
			listener_update(port->listener, &conf);
			continue;
		}
		int r = port_open(worker, plan, i, fds[i]);
		if (r < 0)
			LOG_ERROR("listener.open",
				  kv_str("listener", plan->edge->listeners[i].name), kv_err(r));
	}
	TAILQ_FOREACH_SAFE (port, &worker->ports, link, next) {
		if (port->leaving || plan_has(plan, &port->address))
			continue;
		port->leaving = true;
		port_drain(port, true);
	}
}

/* ---- mail --------------------------------------------------------------------------------------
 */

struct plan_mail {
	struct mail mail;
	struct worker *worker;
	struct edge_plan *plan;
	struct origin_view *origins;
	struct access_log_writer *log;
	int fds[];
};

static int plan_take(struct worker *worker, const struct plan_mail *order)
{
	struct exchange_world *world;
	int r = 0;

	if (order->log && !worker->env.log)
		r = access_log_new(order->log, worker->thread.loop, worker->metrics,
				   &worker->env.log);
	if (r < 0)
		return err_pass(r);
	r = worker_world_new(&worker->env, order->plan, &world);
	if (r < 0)
		return err_pass(r);
	r = worker_world_set_origins(world, order->origins);
	if (r < 0) {
		exchange_world_unref(world);
		return err_pass(r);
	}
	exchange_world_unref(worker->env.world);
	worker->env.world = world;
	splice_pool_set_max(worker->pipes, order->plan->edge->limits.splice_pipes);
	if (!worker->draining)
		ports_renew(worker, order->plan, order->fds);
	return 0;
}

static void on_plan_mail(struct mail *mail, bool dropped)
{
	struct plan_mail *order = CONTAINER_OF(mail, struct plan_mail, mail);
	int r = dropped ? 0 : plan_take(order->worker, order);

	if (r < 0)
		LOG_ERROR("worker.plan", kv_uint("worker", order->worker->setup.slot), kv_err(r));
	edge_plan_unref(order->plan);
	origin_view_unref(order->origins);
	free(order);
}

int worker_set_plan(struct worker *worker, const struct worker_orders *orders)
{
	size_t n_fds = orders->plan->edge->n_listeners;
	struct plan_mail *order = calloc(1, sizeof(*order) + n_fds * sizeof(int));

	if (!order)
		return err_new(-ENOMEM);
	order->mail.fn = on_plan_mail;
	order->worker = worker;
	order->plan = edge_plan_ref(orders->plan);
	snapshot_ref(&orders->origins->snapshot);
	order->origins = orders->origins;
	order->log = orders->log;
	memcpy(order->fds, orders->fds, n_fds * sizeof(int));
	mailbox_post(&worker->thread.mailbox, &order->mail);
	return 0;
}

static void on_origins(struct snapshot *snapshot, void *arg)
{
	struct worker *worker = OBJ_CAST(struct worker, arg, WORKER_KIND);
	struct origin_view *origins = CONTAINER_OF(snapshot, struct origin_view, snapshot);
	int r = worker->env.world ? worker_world_set_origins(worker->env.world, origins) : 0;

	if (r < 0)
		LOG_ERROR("worker.origins", kv_uint("worker", worker->setup.slot), kv_err(r));
	origin_view_unref(origins);
}

/* Files of certificates have changed; the plan is the same. */
static void on_certs(struct snapshot *snapshot, void *arg)
{
	struct worker *worker = OBJ_CAST(struct worker, arg, WORKER_KIND);
	struct edge_certs *certs = CONTAINER_OF(snapshot, struct edge_certs, snapshot);
	struct port *port;

	TAILQ_FOREACH (port, &worker->ports, link) {
		if (!port->leaving && port->index < certs->n_sets && certs->sets[port->index])
			listener_set_certs(port->listener, certs->sets[port->index]);
	}
	edge_certs_unref(certs);
}

int worker_set_certs(struct worker *worker, struct edge_certs *certs)
{
	snapshot_ref(&certs->snapshot);
	return err_pass(snapshot_post(&worker->thread.mailbox, &certs->snapshot, on_certs, worker));
}

int worker_set_origins(struct worker *worker, struct origin_view *origins)
{
	snapshot_ref(&origins->snapshot);
	return err_pass(
		snapshot_post(&worker->thread.mailbox, &origins->snapshot, on_origins, worker));
}

struct drain_mail {
	struct mail mail;
	struct worker *worker;
	bool close_sockets;
};

static void on_drain_mail(struct mail *mail, bool dropped)
{
	struct drain_mail *order = CONTAINER_OF(mail, struct drain_mail, mail);
	struct worker *worker = order->worker;
	struct port *port, *next;

	if (!dropped) {
		worker->draining = true;
		TAILQ_FOREACH_SAFE (port, &worker->ports, link, next)
			port_drain(port, order->close_sockets);
		drained_check(worker);
	}
	free(order);
}

int worker_drain(struct worker *worker, bool close_sockets)
{
	struct drain_mail *order = calloc(1, sizeof(*order));

	if (!order)
		return err_new(-ENOMEM);
	*order = (struct drain_mail){ { .fn = on_drain_mail }, worker, close_sockets };
	mailbox_post(&worker->thread.mailbox, &order->mail);
	return 0;
}

/* ---- life --------------------------------------------------------------------------------------
 */

/* On the worker's own thread, if it ever had one: what lingers is the thread's. */
static void on_end(void *arg)
{
	struct worker *worker = OBJ_CAST(struct worker, arg, WORKER_KIND);
	struct port *port;

	while ((port = TAILQ_FIRST(&worker->ports)))
		port_free(port);
	exchange_world_unref(worker->env.world);
	worker->env.world = NULL;
	loop_timer_stop(&worker->lingered);
	conn_end_lingering(worker->thread.loop);
	exchange_env_fini(&worker->env);
	access_log_free(worker->env.log);
	worker->env.log = NULL;
}

static int worker_make(struct worker *worker)
{
	char name[32];

	snprintf(name, sizeof(name), "worker-%u", worker->setup.slot);
	int r = loop_thread_init(&worker->thread, name, on_end, worker);
	if (r == 0)
		loop_timer_init(&worker->lingered, worker->thread.loop, on_lingered, worker);
	if (r == 0)
		r = slab_new(worker->setup.max_blocks, &worker->slab);
	if (r == 0)
		r = splice_pool_new(0, &worker->pipes);
	if (r == 0)
		r = edge_metrics_new(&worker->metrics);
	if (r < 0)
		return err_pass(r);
	worker->env = (struct exchange_env){
		.loop = worker->thread.loop,
		.slab = worker->slab,
		.pipes = worker->pipes,
		.metrics = worker->metrics,
		.mailbox = &worker->thread.mailbox,
		.begin_requester = h1_client_begin,
		.node = worker->setup.node,
		.region = worker->setup.region,
	};
	rng_seed_os(&worker->env.rng);
	worker->maker = (struct exchange_maker){
		.begin = exchange_begin,
		.arg = &worker->env,
		.slab = worker->slab,
		.loop = worker->thread.loop,
		.metrics = worker->metrics,
	};
	return 0;
}

static void worker_drop(struct worker *worker)
{
	loop_thread_stop(&worker->thread);
	metric_block_free(worker->metrics);
	slab_free(worker->slab);
	splice_pool_free(worker->pipes);
	loop_thread_fini(&worker->thread);
	OBJ_FREE(worker);
}

int worker_new(const struct worker_setup *setup, struct worker **ret_worker)
{
	struct worker *worker = OBJ_NEW(struct worker, WORKER_KIND);

	if (!worker)
		return err_new(-ENOMEM);
	worker->setup = *setup;
	worker->drained_mail.fn = on_drained_mail;
	TAILQ_INIT(&worker->ports);
	int r = worker_make(worker);
	if (r < 0) {
		worker_drop(worker);
		return err_pass(r);
	}
	*ret_worker = worker;
	return 0;
}

int worker_start(struct worker *worker)
{
	return err_pass(loop_thread_start(&worker->thread));
}

void worker_stop(struct worker *worker)
{
	if (worker)
		loop_thread_stop(&worker->thread);
}

void worker_free(struct worker *worker)
{
	if (worker)
		worker_drop(worker);
}
