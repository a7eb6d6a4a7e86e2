/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_plan: a configuration that was read, checked and made ready for use: the snapshot that the
 * control thread hands to the workers. Immutable; freed with its last reference, on any thread.
 */
#pragma once

#include "core/snapshot.h"
#include "edge/edge_certs.h"
#include "edge/report/access_log.h"

struct edge_plan {
	struct snapshot snapshot;
	struct conf *conf; /* owned; all that `edge` points to */
	const struct edge_conf *edge;
	struct cache **caches; /* references: one for each of edge->stores */
	struct service_map *services;
	struct error_pages **error_pages;    /* of the edge, then of each service; NULL: none */
	struct access_log_format log_format; /* .template NULL: no access log */
	struct tls_context **pool_tls;       /* of each pool; NULL: plain */
	struct edge_certs *certs;            /* a reference */
	struct tls_tickets *tickets;         /* a reference; the same for all plans of a process */
};

enum edge_plan_outcome {
	EDGE_PLAN_MADE = 0,
	EDGE_PLAN_WRONG = 1, /* the file is: `errors` says it, a line each */
};

/* Reads the file and every other that it names. What outlives a configuration is taken over from
 * the one `before` (NULL: there is none). One reference is the caller's. Errors: -ENOMEM. */
int edge_plan_read(const char *path, const struct edge_plan *before, struct buf *errors,
		   struct edge_plan **ret_plan);
static inline struct edge_plan *edge_plan_ref(struct edge_plan *plan)
{
	snapshot_ref(&plan->snapshot);
	return plan;
}
static inline void edge_plan_unref(struct edge_plan *plan)
{
	if (plan)
		snapshot_unref(&plan->snapshot);
}
