/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve: the addresses of one name, asked for again when their time to live is over. A failure
 * leaves what was known. The control thread's.
 */
#pragma once

#include "core/net/resolver.h"

struct resolve;

struct resolve_setup {
	struct loop *loop;
	struct resolver
		*resolver;  /* to be freed before the resolve: a question cannot be taken back */
	const char *server; /* host:port; borrowed for the resolve's life */
	int64_t max_ttl_ms;
	const struct addr *known; /* from before; copied */
	size_t n_known;
	/* The first answer or failure has come, or the addresses have changed. */
	void (*on_change)(void *arg);
	void *arg;
};

/* Asks at once. Errors: -ENOMEM, -EINVAL (no host:port). */
int resolve_start(const struct resolve_setup *setup, struct resolve **ret_resolve);
void resolve_free(struct resolve *resolve); /* NULL is fine; after resolver_free() */
/* With the port, in the order of their bytes; borrowed until the next on_change. */
const struct addr *resolve_addrs(const struct resolve *resolve, size_t *ret_n);
bool resolve_answered(const struct resolve *resolve); /* once at least, be it with a failure */

/* "host:port" or "[v6]:port" in its parts. False when it is neither. */
bool resolve_split(struct span server, struct span *ret_host, uint16_t *ret_port);
/* How long an answer holds: its TTL, at least a second, at most max_ttl_ms. */
int64_t resolve_ttl_ms(uint32_t ttl_s, int64_t max_ttl_ms);
