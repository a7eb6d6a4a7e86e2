/* SPDX-License-Identifier: Apache-2.0
 *
 * client: who asks. Behind proxies that the configuration trusts it is the right-most hop of
 * X-Forwarded-For, or of Forwarded (RFC 7239), that is not trusted itself; else it is who speaks to
 * us, and what it says of others is worth nothing.
 */
#pragma once

#include "core/net/addr.h"
#include "core/rng.h"
#include "edge/http/message.h"

enum request_id_accept { REQUEST_ID_NEVER, REQUEST_ID_TRUSTED, REQUEST_ID_ALWAYS };

/* ANY: X-Forwarded-For, without one Forwarded. Who writes the one and lets the other through had
 * better be asked for the one alone. */
enum client_from { CLIENT_FROM_ANY, CLIENT_FROM_X_FORWARDED_FOR, CLIENT_FROM_FORWARDED };

struct client_conf {
	int from;               /* enum client_from: where trusted proxies say who it is */
	struct prefix *trusted; /* of proxies in front of us */
	size_t n_trusted;
	bool request_id;               /* each request has one */
	int request_id_accept;         /* enum request_id_accept: whose is kept */
	const char *request_id_header; /* the field it stands in */
};

struct client {
	const struct addr *addr; /* of the connection, or in the arena */
	bool trusted;            /* who speaks to us is: what it says of the client counts */
	struct span id;          /* of the request; empty: none */
};

/* `peer` is the connection's other side; it must live as long. Errors: -ENOBUFS. */
int client_find(const struct client_conf *conf, const struct http_head *request,
		const struct addr *peer, struct rng *rng, struct arena *arena,
		struct client *ret_client);
