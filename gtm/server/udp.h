/* SPDX-License-Identifier: Apache-2.0
 *
 * udp: queries in batches: one recvmmsg, answers made in place, one sendmmsg. A worker has one for
 * each address it listens on. The worker's thread.
 */
#pragma once

#include "core/loop.h"
#include "gtm/server/answer.h"

struct udp_server;

/* `fd` is the socket registry's and stays it; `serving` is borrowed and read anew for each batch.
 * Errors: -ENOMEM, those of setsockopt(). */
int udp_server_new(struct loop *loop, int fd, const struct addr *listen,
		   const struct serving *serving, struct udp_server **ret_server);
/* Answers what the kernel has queued, then reads no more. */
void udp_server_stop(struct udp_server *server);
void udp_server_free(struct udp_server *server); /* NULL is fine */
