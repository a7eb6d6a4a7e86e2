/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster: membership and state, as edges, GTMs and nobody else see it. It runs on a thread of its
 * own; this is the whole door to it. What is published here becomes a signed fact of ours; what the
 * others published comes back in views.
 */
#pragma once

#include "cluster/view.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/net/sock.h"

struct cluster;

/* The `node` and `cluster` sections, the same in all programs (cluster/cluster_conf.h binds them).
 */
struct node_conf {
	const char *name;
	const char *region;
	struct node_location {
		double latitude, longitude;
		bool set;
	} location;
	struct addr *addresses;
	size_t n_addresses;
	struct node_capacity {
		uint32_t requests_per_second;
	} capacity;
};

struct cluster_conf {
	struct addr listen;    /* UDP and TCP */
	struct addr advertise; /* len 0: as listen */
	const char **join;     /* "host:port" */
	size_t n_join;
	const char *keyring;  /* file: the group's secrets and the cluster's public key */
	const char *identity; /* folder: this member's key and certificate, and its incarnation */
};

struct cluster_start {
	const struct node_conf *node;       /* borrowed until cluster_stop() */
	const struct cluster_conf *cluster; /* likewise */
	enum member_role role; /* what this program is; the certificate must allow it */
	struct sock_registry *socks;
};

/* Checks identity, certificate and keyring, binds, and starts the thread. Errors are logged with
 * file and reason: -EINVAL (does not fit), -ENOENT (a file is missing), -EADDRINUSE, … Main thread.
 */
int cluster_start(const struct cluster_start *start, struct cluster **ret_cluster);
/* Says that we leave, waits at most a second for it to be told, ends the thread. NULL is fine. */
void cluster_stop(struct cluster *cluster);
/* Ends without a word: a successor has taken our sockets and lives on as the same member. */
void cluster_hand_over(struct cluster *cluster);

/* fn runs in the mailbox's thread with each new view and owns that reference; once at the start
 * with the present one. Any thread; the mailbox must stay open until cluster_stop() has returned.
 */
typedef void (*cluster_view_fn)(struct view *view, void *arg);
int cluster_subscribe(struct cluster *cluster, struct mailbox *mailbox, cluster_view_fn fn,
		      void *arg);

/* Facts of ours. Any thread; what did not change is not sent again. Errors: -ENOMEM; -EINVAL (more
 * than 768 services, a name longer than 128 bytes, numbers that do not fit each other). */
struct service_report {
	const char *name;
	enum health_state health;
	uint16_t share_pct;
	uint16_t n_origins, n_origins_up;
};
int cluster_report_services(struct cluster *cluster, const struct service_report *services,
			    size_t n);
int cluster_report_load(struct cluster *cluster, uint32_t requests_per_second,
			uint32_t open_connections);
int cluster_report_drain(struct cluster *cluster, bool draining);

/* The view as JSON for the admin port: {"self":…, "members":[…]}. Owned by the caller. */
json_t *view_to_json(const struct view *view);
