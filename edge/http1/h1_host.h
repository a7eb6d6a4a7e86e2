/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_host: the value of Host, and the authority of a target in absolute-form.
 */
#pragma once

#include "core/arena.h"

struct h1_host {
	struct span authority; /* as it came, without an empty port */
	struct span host;      /* lower case, in the arena; without port and trailing dot; IPv6 in
				  brackets */
	uint16_t port;         /* 0: none */
};

enum h1_host_outcome { H1_HOST_OK = 0, H1_HOST_BAD = 1 };

/* uri-host [":" port] (RFC 9110 7.2): a name of letters, digits and "-._~", or an IPv6 address in
 * brackets. Errors: -ENOBUFS. */
int h1_host_parse(struct span text, struct arena *arena, struct h1_host *ret_host);
/* The same server, `scheme` filling in an absent port. */
bool h1_host_same(const struct h1_host *a, const struct h1_host *b, struct span scheme);
