/* SPDX-License-Identifier: Apache-2.0
 *
 * facts: what is known of one exchange, in plain values: the subject of the edge's variables
 * (vars.h) and of the access log. Everything in it is borrowed from the exchange.
 */
#pragma once

#include "core/net/conn.h"
#include "edge/http/message.h"
#include "edge/report/reasons.h"

/* How foreign bytes are made harmless where variables are expanded. */
enum facts_escape {
	FACTS_ESCAPE_NONE,
	FACTS_ESCAPE_TEXT, /* " and \ and what is not printable ASCII as \xNN */
	FACTS_ESCAPE_HTML, /* what HTML has a meaning for as &#NN; */
	FACTS_ESCAPE_JSON, /* for inside a JSON string; what is no ASCII as \u00NN */
};

struct facts {
	const struct http_head *request;
	const struct http_head *response; /* NULL: none yet */
	struct conn *conn;                /* from whom the request came */
	const struct addr *client;        /* who asked, perhaps behind that one */
	struct span request_id;           /* empty: none */
	const char *node, *region;        /* ours; "" for none */
	const char *service, *pool;       /* names; NULL: none was found */
	const struct addr *origin;        /* NULL: none was asked */
	const char *cache;                /* of what use it was; NULL: none was asked */
	unsigned status;                  /* that the client got; 0: none */
	uint64_t request_body_bytes, response_body_bytes;
	int64_t wall_s;        /* at the end */
	int64_t duration_us;   /* from the request's head */
	int64_t first_byte_us; /* until the origin's head; -1: none came */
	uint32_t n_tries;      /* of origins */
	enum close_reason reason;
	enum facts_escape escape;
};
