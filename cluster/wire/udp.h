/* SPDX-License-Identifier: Apache-2.0
 *
 * udp: the gossip socket. Reads in batches, a few a turn, so that no flood keeps the cluster's
 * thread from its timers; sends at once, and drops what the kernel does not take: gossip is said
 * again.
 */
#pragma once

#include "core/loop.h"
#include "core/net/addr.h"

struct udp;

struct udp_out {
	/* `packet` is valid during the call. Longer ones than SEAL_MAX_DATAGRAM_BYTES come with a
	 * length that says so. */
	void (*received)(void *arg, const struct addr *from, struct span packet);
};

/* `fd` is the registry's: non-blocking, bound. Errors: -ENOMEM. */
int udp_new(struct loop *loop, int fd, const struct udp_out *out, void *arg, struct udp **ret_udp);
void udp_free(struct udp *udp); /* NULL is fine */
/* Errors: -EAGAIN, -ENOBUFS, -ENETUNREACH, … */
int udp_send(struct udp *udp, const struct addr *to, struct span packet);
