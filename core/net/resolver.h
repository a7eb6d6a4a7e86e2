/* SPDX-License-Identifier: Apache-2.0
 *
 * resolver: c-ares on a loop. One per thread that resolves.
 */
#pragma once

#include "core/loop.h"
#include "core/net/addr.h"

struct resolver;

struct resolver_conf {
	const char *servers; /* "127.0.0.1:5301,192.0.2.53"; NULL: the system's */
	int64_t timeout_ms;  /* of one try; 0: 2000 */
	int tries;           /* 0: 3 */
};
int resolver_new(struct loop *loop, const struct resolver_conf *conf,
		 struct resolver **ret_resolver);
/* Questions under way are forgotten: their fn does not run. NULL is fine. */
void resolver_free(struct resolver *resolver);

enum { RESOLVER_MAX_ADDRS = 32 };
struct resolved {
	int r;          /* 0, -ENOENT (no such name or no addresses), -ETIMEDOUT, -EIO */
	uint32_t ttl_s; /* least of the answers' */
	size_t n_addrs; /* without ports; A before AAAA, each in the order of the answer */
	struct addr addrs[RESOLVER_MAX_ADDRS];
};
typedef void (*resolver_fn)(const struct resolved *resolved, void *arg);

/* A and AAAA of a name; an IP literal is answered as itself with a TTL of UINT32_MAX; /etc/hosts is
 * looked at. fn runs once, in a later turn. */
int resolver_ask(struct resolver *resolver, const char *name, resolver_fn fn, void *arg);
