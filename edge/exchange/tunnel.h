/* SPDX-License-Identifier: Apache-2.0
 *
 * tunnel: a request that asks for another protocol (Upgrade, or HTTP/2's extended CONNECT), and
 * what the origin says to it. For exchange.c and deliver.c.
 *
 * The key of a WebSocket handshake belongs to a connection of HTTP/1.1 (RFC 6455 1.3); HTTP/2 has
 * none (RFC 8441 5). So where one side has one and the other has not, it is made or answered here.
 */
#pragma once

#include "edge/http/message.h"
#include "edge/route/route.h"

enum { TUNNEL_MAX_PROTOCOL = 64 };

/* Of the protocols that a request asks for the first that the route lets through; empty: none, and
 * the request goes on without. A request with a body asks for none. */
struct span tunnel_choose(const struct route_proxy_conf *proxy, const struct http_head *request);
/* Makes `upstream` ask for it. Errors: -ENOBUFS, -EIO (no random numbers). */
int tunnel_ask(struct http_head *upstream, struct span protocol, struct arena *arena);

enum tunnel_outcome {
	TUNNEL_NONE = 0,   /* an ordinary response */
	TUNNEL_OPEN = 1,   /* bytes flow from here on */
	TUNNEL_BROKEN = 2, /* the origin says what it may not: 502 */
};
/* What an origin's head means; one that opens a tunnel is made to fit what the client asked.
 * `upstream` is the head that the origin got. Errors: -ENOBUFS, -EIO. */
int tunnel_judge(const struct http_head *request, const struct http_head *upstream,
		 struct http_head *response, struct arena *arena);
