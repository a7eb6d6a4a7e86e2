/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_server: HTTP/1.1 and 1.0 towards clients: one struct h1_server for each connection, all those
 * of a listener (in one worker) together in a struct h1_servers.
 *
 * A request at a time: pipelined ones wait in the input block until the exchange before them has
 * ended. All output of a turn leaves in one write at its end. An idle connection holds a small
 * struct and no block, no arena. The worker's thread alone.
 */
#pragma once

#include <bsd/sys/queue.h>

#include "edge/http/date.h"
#include "edge/http/roles.h"

struct h1_server;
struct h1_request;

struct h1_server_limits {
	size_t max_line_bytes;    /* request line: 414 */
	size_t max_head_bytes;    /* all of the head, at most BLOCK_BYTES: 431 */
	uint16_t max_fields;      /* at most HTTP_MAX_FIELDS: 431 */
	int64_t head_timeout_ms;  /* from a request's first byte (or from the start) to its head's
				     end */
	int64_t body_timeout_ms;  /* no progress in a body that is wanted */
	int64_t idle_timeout_ms;  /* between requests */
	int64_t write_timeout_ms; /* the client takes nothing */
	int64_t pressure_ms;      /* it hardly takes anything, while blocks are scarce */
	int64_t linger_ms;        /* after our close (RFC 9112 9.6) */
	int64_t drain_grace_ms; /* how long an idle connection may still bring a request in a drain
				 */
};
/* 8 KiB, 16 KiB, 100; 10 s, 30 s, 75 s, 30 s, 2 s, 2 s, 1 s. */
extern const struct h1_server_limits h1_server_limits_usual;

LIST_HEAD(h1_server_list, h1_server);
SLIST_HEAD(h1_request_list, h1_request);

/* The servers of one listener in one worker. */
struct h1_servers {
	const struct exchange_maker *maker; /* borrowed */
	struct h1_server_limits limits;     /* may be changed at any time */
	/* A plain connection begins with the preface of HTTP/2 (RFC 9113 3.3). `first` came already
	 * and is borrowed for the call. True: conn was moved, and on_closed does not follow. NULL:
	 * HTTP/2 is refused. */
	bool (*on_http2)(void *arg, struct conn *conn, struct span first);
	void *on_http2_arg;
	/* After a connection has ended; may be NULL. Never from inside a call of the owner's. */
	void (*on_closed)(void *arg);
	void *on_closed_arg;
	/* What follows is h1_server.c's. */
	struct h1_server_list list;
	struct h1_request_list spare; /* for the next request: no malloc in steady state */
	size_t n, n_spare;
	bool draining;
	struct http_date_cache date;
};

void h1_servers_init(struct h1_servers *servers, const struct exchange_maker *maker,
		     const struct h1_server_limits *limits);
/* All connections must have ended. */
void h1_servers_fini(struct h1_servers *servers);
/* Serves `conn`, which is open, until it is closed. Moved, also on failure. Errors: -ENOMEM. */
int h1_server_begin(struct h1_servers *servers, struct conn *conn);
/* From now on each connection ends with its current exchange (Connection: close); one that is idle
 * is closed after drain_grace_ms, one that has not asked anything yet may ask once. */
void h1_servers_drain(struct h1_servers *servers);
/* Ends all at once; exchanges under way get on_gone(reason). on_closed is not called. */
void h1_servers_close(struct h1_servers *servers, enum close_reason reason);
static inline size_t h1_servers_count(const struct h1_servers *servers)
{
	return servers->n;
}
