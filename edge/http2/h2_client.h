/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_client: HTTP/2 towards origins: one struct h2_client for each connection, each request a
 * stream of it. An origin keeps the clients that it has; a request takes any that has room. The
 * worker's thread alone.
 */
#pragma once

#include "edge/http/roles.h"
#include "edge/http2/h2_session.h"

struct h2_client;
struct h2_client_stream;
SLIST_HEAD(h2_client_stream_stock, h2_client_stream);

/* What the connections to the origins of a pool share. */
struct h2_clients {
	struct h2_shared shared;
	struct h2_client_stream_stock spare; /* no malloc in steady state */
	size_t n_spare;
};
void h2_clients_init(struct h2_clients *clients, struct loop *loop, struct slab *slab,
		     struct metric_block *metrics, const struct h2_limits *limits);
void h2_clients_fini(struct h2_clients *clients); /* all connections must have ended */

/* `conn` is open. Moved, also on failure. `on_closed`: it has ended, by itself or by
 * h2_client_close(), and is not to be used again. Errors: -ENOMEM. */
int h2_client_new(struct h2_clients *clients, struct conn *conn,
		  void (*on_closed)(struct h2_client *client, void *arg), void *arg,
		  struct h2_client **ret_client);
/* Is there room for one more request? */
bool h2_client_has_room(const struct h2_client *client);
/* As requester_begin_fn; setup->conn, keep and kept mean nothing here. Errors: -ENOMEM. */
int h2_client_begin(struct h2_client *client, const struct requester_setup *setup,
		    struct requester **ret_requester);
/* Ends with its last stream. */
void h2_client_drain(struct h2_client *client);
/* Ends at once; requests under way fail with REASON_SHUTDOWN. */
void h2_client_close(struct h2_client *client);
