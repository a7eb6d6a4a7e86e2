/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_certs: the certificates of all listeners at one moment: the snapshot that the control thread
 * hands to the workers when files have changed. Immutable; freed with its last reference.
 */
#pragma once

#include "core/snapshot.h"
#include "edge/edge_conf.h"
#include "edge/tls/certs.h"

struct edge_certs {
	struct snapshot snapshot;
	uint64_t stamp; /* of the files, as they were before they were read */
	size_t n_sets;
	struct cert_set *sets[]; /* of each listener, in order; NULL: plain */
};

/* What is wrong: `place` is the member of the configuration that it is about. */
typedef void (*edge_certs_fault_fn)(void *arg, const void *place, const char *text);

/* Reads all files. After faults there may be sets without certificates: do not use it. Errors:
 * -ENOMEM. */
int edge_certs_new(const struct edge_conf *edge, struct tls_tickets *tickets,
		   edge_certs_fault_fn fault, void *arg, struct edge_certs **ret_certs);
static inline void edge_certs_unref(struct edge_certs *certs)
{
	if (certs)
		snapshot_unref(&certs->snapshot);
}
/* Changes when one of the files does: name, size, time, inode. */
uint64_t edge_certs_stamp(const struct edge_conf *edge);
