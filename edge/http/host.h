/* SPDX-License-Identifier: Apache-2.0
 *
 * host: the value of Host, of :authority, and the authority of a target in absolute-form: one
 * reader, so that all versions of HTTP mean the same server by the same text. Any thread.
 */
#pragma once

#include "core/arena.h"

struct http_host {
	struct span authority; /* as it came, without an empty port */
	struct span host;      /* lower case, in the arena; without port and trailing dot; IPv6 in
				  brackets */
	uint16_t port;         /* 0: none */
};

enum http_host_outcome { HTTP_HOST_OK = 0, HTTP_HOST_BAD = 1 };

/* uri-host [":" port] (RFC 9110 7.2): a reg-name of RFC 3986 3.2.2 with no empty label, an IPv4 or
 * a bracketed IPv6 address; never empty, no userinfo. Errors: -ENOBUFS. */
int http_host_parse(struct span text, struct arena *arena, struct http_host *ret_host);
/* The same server, `scheme` filling in an absent port. */
bool http_host_same(const struct http_host *a, const struct http_host *b, struct span scheme);
