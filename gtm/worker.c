/* SPDX-License-Identifier: Apache-2.0
 *
 * worker: see the header. A new world comes by mail and is swapped between two turns: a query never
 * sees half of one.
 */
#include "gtm/worker.h"

#include <stdio.h>

#include "core/error.h"
#include "core/log.h"
#include "core/loop_thread.h"
#include "core/net/conn.h"
#include "core/obj.h"
#include "gtm/server/gtm_metrics.h"
#include "gtm/server/tcp.h"
#include "gtm/server/udp.h"

enum { DRAIN_CHECK_MS = 20, DRAIN_MS = 2000 };

struct worker {
	uint32_t kind;
	struct worker_setup setup;
	struct loop_thread thread;
	struct gtm_world *world; /* a reference */
	struct serving serving;
	struct udp_server **udp; /* owned; one an address */
	struct tcp_server **tcp;
	size_t n_servers;
	struct loop_timer drain_timer;
	mono_t drain_until;
	struct mail drain_mail, drained_mail;
};

#define WORKER_KIND OBJ_KIND('g', 'w', 'r', 'k')

static void take_world(struct worker *worker, struct gtm_world *world)
{
	struct gtm_world *old = worker->world;

	worker->world = world;
	worker->serving.zones = world->plan->zones;
	worker->serving.steer = world->steer;
	gtm_world_unref(old);
}

static void on_world(struct snapshot *snapshot, void *arg)
{
	struct worker *worker = OBJ_CAST(struct worker, arg, WORKER_KIND);

	take_world(worker, CONTAINER_OF(snapshot, struct gtm_world, snapshot));
}

int worker_set_world(struct worker *worker, struct gtm_world *world)
{
	snapshot_ref(&world->snapshot);
	return err_pass(snapshot_post(&worker->thread.mailbox, &world->snapshot, on_world, worker));
}

/* ---- the end ------------------------------------------------------------------------------- */

static void on_drained_mail(struct mail *mail, bool dropped)
{
	struct worker *worker = CONTAINER_OF(mail, struct worker, drained_mail);

	if (!dropped)
		worker->setup.on_drained(worker->setup.arg);
}

static void on_drain_timer(void *arg)
{
	struct worker *worker = OBJ_CAST(struct worker, arg, WORKER_KIND);
	size_t n_conns = 0;

	for (size_t i = 0; i < worker->n_servers; i++)
		n_conns += tcp_server_n_conns(worker->tcp[i]);
	if (n_conns > 0 && mono_before(loop_now(worker->thread.loop), worker->drain_until)) {
		loop_timer_set(&worker->drain_timer,
			       mono_add_ms(loop_now(worker->thread.loop), DRAIN_CHECK_MS));
		return;
	}
	mailbox_post(worker->setup.control, &worker->drained_mail);
}

static void on_drain_mail(struct mail *mail, bool dropped)
{
	struct worker *worker = CONTAINER_OF(mail, struct worker, drain_mail);

	if (dropped)
		return;
	for (size_t i = 0; i < worker->n_servers; i++) {
		udp_server_stop(worker->udp[i]);
		tcp_server_stop(worker->tcp[i]);
	}
	worker->drain_until = mono_add_ms(loop_now(worker->thread.loop), DRAIN_MS);
	on_drain_timer(worker);
}

void worker_drain(struct worker *worker)
{
	mailbox_post(&worker->thread.mailbox, &worker->drain_mail);
}

/* On the worker's own thread, if it ever had one. */
static void on_end(void *arg)
{
	struct worker *worker = OBJ_CAST(struct worker, arg, WORKER_KIND);

	loop_timer_stop(&worker->drain_timer);
	for (size_t i = 0; i < worker->n_servers; i++) {
		udp_server_free(worker->udp[i]);
		tcp_server_free(worker->tcp[i]);
	}
	worker->n_servers = 0;
	conn_end_lingering(worker->thread.loop);
	gtm_world_unref(worker->world);
	worker->world = NULL;
}

/* ---- the beginning ------------------------------------------------------------------------- */

static int add_servers(struct worker *worker)
{
	const struct gtm_dns_conf *dns = worker->setup.dns;
	const struct tcp_limits limits = { dns->tcp_connections, dns->tcp_idle_timeout_ms };

	worker->udp = calloc(dns->n_listen, sizeof(struct udp_server *));
	worker->tcp = calloc(dns->n_listen, sizeof(struct tcp_server *));
	if (!worker->udp || !worker->tcp)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < dns->n_listen; i++) {
		int r = udp_server_new(worker->thread.loop, worker->setup.udp_fds[i],
				       &dns->listen[i], &worker->serving, &worker->udp[i]);
		if (r < 0)
			return err_pass(r);
		worker->n_servers++;
		r = tcp_server_new(worker->thread.loop, worker->setup.tcp_fds[i], &worker->serving,
				   &limits, &worker->tcp[i]);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

static int make(struct worker *worker)
{
	char name[32];

	snprintf(name, sizeof(name), "worker-%u", worker->setup.slot);
	int r = loop_thread_init(&worker->thread, name, on_end, worker);
	if (r < 0)
		return err_pass(r);
	loop_timer_init(&worker->drain_timer, worker->thread.loop, on_drain_timer, worker);
	r = metric_block_new(gtm_metric_defs, GTM_METRIC_N, NULL, &worker->serving.metrics);
	if (r < 0)
		return err_pass(r);
	snapshot_ref(&worker->setup.world->snapshot);
	take_world(worker, worker->setup.world);
	return err_pass(add_servers(worker));
}

static void drop(struct worker *worker)
{
	loop_thread_stop(&worker->thread);
	metric_block_free(worker->serving.metrics);
	loop_thread_fini(&worker->thread);
	free(worker->udp);
	free(worker->tcp);
	OBJ_FREE(worker);
}

int worker_new(const struct worker_setup *setup, struct worker **ret_worker)
{
	struct worker *worker = OBJ_NEW(struct worker, WORKER_KIND);

	if (!worker)
		return err_new(-ENOMEM);
	worker->setup = *setup;
	worker->drain_mail.fn = on_drain_mail;
	worker->drained_mail.fn = on_drained_mail;
	int r = make(worker);
	if (r < 0) {
		drop(worker);
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
		drop(worker);
}
