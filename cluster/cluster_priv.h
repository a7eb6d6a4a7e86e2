/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_priv: the cluster's thread from inside, for the files of this folder: cluster.c (its life
 * and its door), drive.c (the core, driven by sockets and the clock), view_build.c (what it looks
 * like).
 */
#pragma once

#include "cluster/cluster.h"
#include "cluster/cluster_metrics.h"
#include "cluster/proof.h"
#include "cluster/seeds.h"
#include "cluster/wire/links.h"
#include "cluster/wire/tcp.h"
#include "cluster/wire/udp.h"
#include "cluster/wire/wire.h"
#include "core/loop_thread.h"

#define CLUSTER_KIND OBJ_KIND('c', 'l', 'u', 's')

enum {
	CLUSTER_MAX_INBOX = 32, /* messages from TCP that wait to be worked through */
	CLUSTER_MAX_EVIDENCE = 64,
	CLUSTER_VIEW_MS = 100, /* between two views */
};

/* A message that came by TCP. Large ones are given to the core in pieces, so that checking hundreds
 * of signatures does not keep the thread from its probes. */
struct inbox_item {
	STAILQ_ENTRY(inbox_item) entry;
	struct member_id from;
	struct addr addr;
	struct door door;
	struct swim_message message; /* the door's */
	size_t next_claim, next_fact;
};

struct evidence {
	struct member_id id;
	struct addr addr;
	enum swim_evidence what;
};

struct subscriber {
	SLIST_ENTRY(subscriber) entry;
	struct mailbox *mailbox; /* borrowed */
	cluster_view_fn fn;
	void *arg;
};

struct cluster {
	uint32_t kind;
	const struct node_conf *node;    /* borrowed */
	const struct cluster_conf *conf; /* borrowed */
	struct loop_thread thread;       /* reports and orders come by its mailbox */
	int udp_fd, tcp_fd;              /* the registry's */
	struct addr addr;                /* where others reach us */

	struct keyring keyring;
	struct identity *identity;
	struct handshake_self self;
	struct proof proof;
	struct swim *swim;
	struct udp *udp;
	struct links *links;
	struct tcp *tcp;
	struct seeds *seeds;
	struct cluster_metrics metrics;

	struct loop_timer swim_timer, tick_timer, second_timer, view_timer;
	struct loop_task work_task, turn_task;
	bool in_turn; /* turn_task will measure it */
	STAILQ_HEAD(, inbox_item) inbox;
	size_t n_inbox;
	struct evidence evidence[CLUSTER_MAX_EVIDENCE];
	size_t n_evidence;
	struct door in, out;
	uint8_t *bytes; /* owned; SWIM_MAX_STREAM_BYTES, for what is sent */

	SLIST_HEAD(, subscriber) subscribers;
	struct view *view; /* the last that was published */
	uint64_t view_number;
	bool view_due;
	unsigned n_service_pages;

	mono_t started_at, refused_at, alone_at, reject_said_at[N_REJECTS];
	bool has_met; /* a session with anybody */
	bool leaving;
};

/* Opens transports and the core, sets timers: after this the loop may run. -ENOMEM, -EIO, -EINVAL.
 */
int drive_start(struct cluster *cluster);
void drive_stop(struct cluster *cluster);
void drive_step(struct cluster *cluster, const struct swim_event *event);
void drive_publish(struct cluster *cluster, uint32_t key, struct span bytes);

/* A new view of what the core knows. NULL: out of memory. */
struct view *view_build(struct cluster *cluster);
/* To one subscriber. Errors: -ENOMEM. */
int view_give(struct view *view, const struct subscriber *to);
