/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_server_priv: what h1_server.c (a connection), h1_servers.c (all of a listener) and
 * h1_respond.c (the responder) share.
 */
#pragma once

#include "edge/http1/h1_in.h"
#include "edge/http1/h1_out.h"
#include "edge/http1/h1_parse.h"
#include "edge/http1/h1_server.h"

/* clang-format off */
#define H1_SERVER_STATES(X) \
	X(IDLE)     /* no byte of a request yet; holds no struct h1_request            */ \
	X(HEAD)     /* some bytes of a head                                            */ \
	X(EXCHANGE) /* a head was whole; until the response is sent                    */ \
	X(DRAIN)    /* the response is sent; the rest of the request's body is dropped */ \
	X(CLOSING)  /* the last bytes are on their way out                             */
/* clang-format on */

enum h1_server_state {
#define X(NAME) H1_SERVER_##NAME,
	H1_SERVER_STATES(X)
#undef X
};

/* Which state may follow which; docs/fsm/h1_server.dot draws it. */
extern const unsigned h1_server_may_follow[];
extern const char *const h1_server_state_names[];

struct h1_server {
	uint32_t kind;
	uint8_t state; /* enum h1_server_state */
	bool used;     /* has had a whole head */
	bool eof;      /* the client has finished sending */
	bool reading;  /* what conn_want() was told */
	bool scarce;   /* blocks are: reading, or the exchange's body, waits a moment */
	bool cut;      /* CLOSING: a response was broken off, there is nothing to linger for */
	struct h1_servers *servers; /* borrowed */
	struct conn *conn;          /* owned */
	struct h1_request *request; /* owned; NULL while IDLE */
	LIST_ENTRY(h1_server) link;
};
#define H1_SERVER_KIND OBJ_KIND('h', '1', 's', 'v')

/* What a connection needs while it has a request; lent by the struct h1_servers. */
struct h1_request {
	uint32_t kind;
	SLIST_ENTRY(h1_request) spare;
	struct h1_server *server;
	struct responder responder;
	struct loop_task task; /* bodies and output, when the callback has returned */
	struct arena arena;
	struct http_head head;
	struct h1_scan scan;
	struct h1_in in;
	struct h1_out out;
	const struct request_events *events;
	void *exchange; /* NULL: none, or no more */
	bool keep;      /* the connection serves on afterwards */
	bool is_final;  /* the client has said that it sends no other */
	bool broken;    /* by the client: what it says from now on is not read */
	bool behind;    /* one before it was served in this turn: others come first */
	bool head_sent;
	bool tunnel;   /* what follows the heads, both ways, is no HTTP */
	bool finished; /* TUNNEL: the client was told that no more comes */
	bool wants_body;
	bool body_told;           /* the exchange has had all of the body, and its end */
	bool continue_due;        /* the client waits for a 100 */
	bool starved;             /* send_body() left some: on_writable is due */
	uint32_t dropped_bytes;   /* DRAIN */
	mono_t read_at, write_at; /* deadlines of progress */
	mono_t look_at;           /* while output waits: when its pace is looked at */
	uint64_t looked_bytes;    /* n_written at the look before */
};
#define H1_REQUEST_KIND OBJ_KIND('h', '1', 'r', 'q')

extern const struct responder_ops h1_responder_ops;

struct h1_request *h1_request_new(struct h1_server *server); /* NULL: out of memory */
void h1_request_free(struct h1_request *request);
struct span h1_servers_date(struct h1_servers *servers);

void h1_server_run(void *arg); /* the task */
void h1_server_run_later(struct h1_request *request);
void h1_server_stop_idle(struct h1_server *server); /* in a drain */
/* Ends it; an exchange under way is told. `told`: on_closed is called. */
void h1_server_end(struct h1_server *server, enum close_reason reason, bool told);
