/* SPDX-License-Identifier: Apache-2.0
 *
 * origin: a server behind us, as one worker knows it, and the set of them that a pool has.
 *
 * Each worker has origins of its own, with the idle connections that it keeps to them. An origin is
 * counted: a fetch holds the one that it speaks to, even when a newer view no longer has it.
 */
#pragma once

#include "core/metrics.h"
#include "edge/http/roles.h"
#include "edge/http2/h2_client.h"
#include "edge/origin/origin_view.h"
#include "edge/origin/pool_conf.h"

struct origin;
struct origin_set;

/* What is the same for all origins of a pool. */
struct origin_setup {
	struct loop *loop;
	struct slab *slab;
	struct metric_block *metrics; /* edge_metrics.h; the worker's */
	enum pool_protocol protocol;
	struct tls_context *tls; /* NULL: plain; a reference is taken */
	const char *server_name; /* NULL: the host of each server; borrowed for the set's life */
	struct requester_limits limits;
	int64_t connect_timeout_ms;
	uint32_t max_idle;
	int64_t idle_timeout_ms;
};

int origin_set_new(const struct origin_setup *setup, struct origin_set **ret_set);
/* Closes what is kept. Origins that are held live on until they are given back. NULL is fine. */
void origin_set_free(struct origin_set *set);
/* These are the origins from now on, in this order. Who stays keeps its connections. Errors:
 * -ENOMEM (nothing changed). */
int origin_set_update(struct origin_set *set, const struct origin_fact *facts, size_t n_facts);
size_t origin_set_count(const struct origin_set *set);
struct origin *origin_set_at(const struct origin_set *set, size_t i); /* borrowed */
const struct requester_limits *origin_limits(const struct origin *origin);

struct origin *origin_ref(struct origin *origin);
void origin_unref(struct origin *origin); /* NULL is fine */
uint64_t origin_own_id(const struct origin *origin);
const struct addr *origin_addr(const struct origin *origin);
bool origin_is_tls(const struct origin *origin);

/* ---- connections: origin_conn.c ----------------------------------------------------------------
 */

/* The kept connection that served last, or NULL. It is the caller's now. */
struct conn *origin_take_kept(struct origin *origin);
/* Begins a new one, with the preamble (empty: none); its deadline is the connect timeout. Errors:
 * as conn_connect(). */
int origin_connect(struct origin *origin, struct span preamble, const struct conn_events *events,
		   void *arg, struct conn **ret_conn);
/* For requester_setup.keep, with the origin as its argument: keeps the connection for the next
 * request, or closes it when there are enough. Moved. */
void origin_keep(struct conn *conn, void *origin);

/* ---- connections of HTTP/2, which many requests share: origin_http2.c --------------------------
 */

/* What an open connection to it speaks. */
enum origin_speaks {
	ORIGIN_SPEAKS_HTTP1,
	ORIGIN_SPEAKS_HTTP2,
	ORIGIN_SPEAKS_ELSE, /* HTTP/2 was demanded, and it did not agree (ALPN) */
};
enum origin_speaks origin_speaks(struct origin *origin, const struct conn *conn);
/* A connection that has room for a request, or NULL. Borrowed. */
struct h2_client *origin_http2(struct origin *origin);
/* A new connection, which speaks it; the origin keeps it. Moved, also on failure. Errors: -ENOMEM.
 */
int origin_http2_add(struct origin *origin, struct conn *conn, struct h2_client **ret_client);

/* Who wants such a connection while another makes one waits for that one. */
struct origin_wait {
	TAILQ_ENTRY(origin_wait) link;
	struct origin *origin; /* NULL: it does not wait */
	/* There may be a connection now; `reason` not REASON_DONE: it could not be made. */
	void (*fn)(void *arg, enum close_reason reason);
	void *arg;
};
/* Is one being made? If not, and the origin is known to speak HTTP/2, the caller is to make it
 * (*ret_lead) and to say how it went, once, by origin_http2_made(). */
bool origin_http2_is_coming(struct origin *origin, bool *ret_lead);
void origin_http2_wait(struct origin *origin, struct origin_wait *wait);
void origin_http2_unwait(struct origin_wait *wait); /* who does not wait is fine */
/* Tells those who wait. */
void origin_http2_made(struct origin *origin, enum close_reason reason);
