/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp: queries over TCP (RFC 7766): many on one connection, answered in order, each with its length
 * before it. A worker has one for each address it listens on. The worker's thread.
 */
#pragma once

#include "core/loop.h"
#include "gtm/server/answer.h"

struct tcp_server;

struct tcp_limits {
	size_t max_conns;        /* of one worker and address; more are closed at once */
	int64_t idle_timeout_ms; /* without a whole query, or without taking an answer */
};

/* `fd` is the socket registry's; `serving` is borrowed. Errors: -ENOMEM. */
int tcp_server_new(struct loop *loop, int fd, const struct serving *serving,
		   const struct tcp_limits *limits, struct tcp_server **ret_server);
/* Accepts no more; closes each connection once its answers have left. */
void tcp_server_stop(struct tcp_server *server);
size_t tcp_server_n_conns(const struct tcp_server *server);
void tcp_server_free(struct tcp_server *server); /* NULL is fine */
