/* SPDX-License-Identifier: Apache-2.0
 *
 * control_priv: what control.c (the life of the process), control_plan.c (configuration and
 * sockets) and control_report.c (what the cluster hears) share.
 */
#pragma once

#include "cluster/cluster.h"
#include "edge/control.h"
#include "edge/edge_purge.h"
#include "edge/origin/origin_watch.h"
#include "edge/worker.h"

#define CONTROL_KIND OBJ_KIND('c', 't', 'r', 'l')

struct control {
	uint32_t kind;
	enum control_phase phase;
	enum process_exit exit;
	struct loop *loop;
	const char *path;
	int ready_fd;
	struct mailbox mailbox;
	struct process *process;
	struct sock_registry *socks;
	struct sock_heir *heir;   /* the old process, until we serve; NULL: none */
	struct sock_offer *offer; /* for the next one; NULL: none */
	struct admin *admin;
	struct edge_plan *first; /* what node, cluster and admin were started from */
	struct edge_plan *plan;
	struct metric_block *metrics;

	/* Origins: control_plan.c. */
	struct origin_watch *watch;
	struct origin_view *watched_before; /* what the watch was given */
	struct origin_view *origins;

	/* The cluster: control_report.c. */
	struct cluster *cluster; /* NULL: alone, or handed over */
	struct view *view;
	bool draining; /* as the cluster hears it */
	struct loop_timer report;
	uint64_t n_requests; /* at the last report */
	double requests_per_s;

	struct access_log_writer *log; /* NULL: none */
	struct worker **workers;
	size_t n_workers, n_drained;
	struct loop_timer timer; /* of the phase */

	struct loop_timer sweep; /* of the stores: control_cache.c */

	/* TLS: control_certs.c. */
	struct loop_timer certs_timer, tickets_timer;
	uint64_t certs_stamp;    /* of the files, as they were read last */
	uint64_t certs_seen;     /* as they were looked at last */
	struct stapler *stapler; /* NULL: there was no memory for it */
};

enum control_metric {
	CONTROL_METRIC_RELOADS,
	CONTROL_METRIC_RELOADS_FAILED,
	CONTROL_METRIC_CERTS,
	CONTROL_METRIC_CERTS_FAILED,
	CONTROL_METRIC_ORIGINS,
	CONTROL_METRIC_ORIGINS_UP,
	CONTROL_METRIC_CACHE_OBJECTS,
	CONTROL_METRIC_CACHE_BYTES,
	CONTROL_METRIC_CACHE_FLIGHTS,
	CONTROL_METRIC_N
};

/* ---- control.c ---------------------------------------------------------------------------------
 */

/* The names of all origins were asked for once, or that took too long: begin to serve. */
void control_origins_known(struct control *control);

/* ---- control_plan.c ----------------------------------------------------------------------------
 */

/* The descriptors of all listeners for all workers: fds[worker * n_listeners + listener]; owned by
 * the caller, as is the array. Errors: those of sock_get(), which were logged. */
int control_sockets(struct control *control, const struct edge_plan *plan, int **ret_fds);
/* Begins to watch the plan's origins. */
int control_watch(struct control *control, const struct edge_plan *plan);
/* SIGHUP. */
void control_reload(struct control *control);

/* ---- control_certs.c ---------------------------------------------------------------------------
 */

/* Begins to look after the files of certificates, and after the keys of tickets. */
/* The plan's certificates serve from now on. */
void control_certs_taken(struct control *control);
void control_certs_start(struct control *control);
void control_certs_stop(struct control *control);

/* ---- control_cache.c ---------------------------------------------------------------------------
 */

void control_cache_start(struct control *control);
/* The plan's stores are as large as it says from now on. */
void control_cache_taken(struct control *control);

/* ---- control_report.c --------------------------------------------------------------------------
 */

/* Errors were logged; *ret_exit says how to end. */
int control_cluster_start(struct control *control, enum process_exit *ret_exit);
void control_report_services(struct control *control);
/* Once a second: how many requests, how many connections. */
void control_report_start(struct control *control);
