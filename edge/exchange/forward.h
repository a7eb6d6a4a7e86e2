/* SPDX-License-Identifier: Apache-2.0
 *
 * forward: what a proxy adds to a head and takes out of it on the way through (RFC 9110 7.6),
 * beside what is hop-by-hop, which never gets in here.
 */
#pragma once

#include "core/net/conn.h"
#include "edge/exchange/client.h"

enum forward_for { FORWARD_FOR_APPEND, FORWARD_FOR_REPLACE, FORWARD_FOR_OFF };

struct forward_conf {
	struct client_conf client;
	int x_forwarded_for; /* enum forward_for */
	bool x_forwarded_proto, x_forwarded_host, x_forwarded_port, x_real_ip;
	bool forwarded;          /* RFC 7239 */
	bool client_certificate; /* X-SSL-Client-*, Client-Cert (RFC 9440) */
	const char *via;         /* our name in it; "": no Via */
};

/* The head for the origin, in the arena, from the client's, which stays as it is and must live as
 * long. Errors: -ENOBUFS, for which 431 is the answer. */
int forward_request(const struct forward_conf *conf, const struct http_head *request,
		    const struct client *client, struct conn *conn, struct arena *arena,
		    struct http_head *ret_head);
/* Changes the origin's head in place. Errors: -ENOBUFS. */
int forward_response(const struct forward_conf *conf, struct http_head *response,
		     struct arena *arena);

/* Max-Forwards counts for OPTIONS and TRACE alone (RFC 9110 7.6.2). */
enum forward_hops {
	FORWARD_HOPS_LEFT = 0,  /* none given, or more than none left */
	FORWARD_HOPS_NONE = 1,  /* we are the last: answer */
	FORWARD_HOPS_WRONG = 2, /* no number: 400 */
};
int forward_hops(const struct http_head *request);
