/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_server: HTTP/2 towards clients: the connections of a listener (in one worker) together in a
 * struct h2_servers, each stream of them an exchange. The worker's thread alone.
 */
#pragma once

#include "edge/http/date.h"
#include "edge/http/roles.h"
#include "edge/http2/h2_session.h"

struct h2_server;
struct h2_server_stream;

LIST_HEAD(h2_server_list, h2_server);
SLIST_HEAD(h2_server_stream_stock, h2_server_stream);

/* The servers of one listener in one worker. */
struct h2_servers {
	const struct exchange_maker *maker; /* borrowed */
	struct h2_shared shared;
	/* After a connection has ended; may be NULL. Never from inside a call of the owner's. */
	void (*on_closed)(void *arg);
	void *on_closed_arg;
	/* What follows is h2_server.c's. */
	struct h2_server_list list;
	struct h2_server_stream_stock spare; /* no malloc in steady state */
	size_t n, n_spare;
	bool draining;
	struct http_date_cache date;
};

void h2_servers_init(struct h2_servers *servers, const struct exchange_maker *maker,
		     const struct h2_limits *limits);
/* All connections must have ended. */
void h2_servers_fini(struct h2_servers *servers);
/* For connections that come from now on; timeouts: for all. */
void h2_servers_set_limits(struct h2_servers *servers, const struct h2_limits *limits);
/* Serves `conn`, which is open, until it is closed. `first` came on it already. Moved, also on
 * failure. Errors: -ENOMEM. */
int h2_server_begin(struct h2_servers *servers, struct conn *conn, struct span first);
/* GOAWAY to each; they end with their streams. */
void h2_servers_drain(struct h2_servers *servers);
/* Ends all at once; exchanges under way get on_gone(reason). on_closed is not called. */
void h2_servers_close(struct h2_servers *servers, enum close_reason reason);
static inline size_t h2_servers_count(const struct h2_servers *servers)
{
	return servers->n;
}
