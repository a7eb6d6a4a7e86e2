/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_conf: what a configuration says of one pool and its origins. edge/edge_conf.c binds it; what
 * is here was checked. Borrowed from the configuration by all that use it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct origin_conf {
	const char *address; /* host:port */
	uint32_t weight;     /* >= 1 */
};

enum pool_protocol {
	POOL_HTTP1,
	POOL_HTTP2, /* over TLS by ALPN, else by prior knowledge */
	POOL_AUTO,  /* what the origin chooses by ALPN; without TLS HTTP/1.1 */
};

struct pool_tls_conf {
	bool set, enabled;
	const char *ca;          /* file; NULL: the system's */
	const char *server_name; /* NULL: the origin's host */
	bool verify;
	const char *certificate, *key; /* ours, if they ask; key NULL: it stands beside it */
	int min_version, max_version;  /* 0x0303, 0x0304 */
};

struct health_check_conf {
	bool set;
	struct http_check_conf {
		const char *path;
		const char *host; /* NULL: the origin's address as written */
		uint32_t *expect; /* statuses that pass; none: 200 to 399 */
		size_t n_expect;
	} http;
	int64_t interval_ms, timeout_ms;
	uint32_t rise, fall;
};

struct pool_conf {
	const char *name;
	int balance; /* enum pool_policy */
	struct origin_conf *origins;
	size_t n_origins;
	int64_t connect_timeout_ms, send_timeout_ms, first_byte_timeout_ms, read_timeout_ms;
	uint32_t retries;              /* at other origins, while nothing was done */
	uint32_t max_idle_connections; /* to one origin, of one worker */
	int64_t idle_timeout_ms;
	int protocol;       /* enum pool_protocol */
	int proxy_protocol; /* enum proxy_version */
	struct pool_tls_conf tls;
	struct health_check_conf health_check;
};

static inline bool pool_uses_tls(const struct pool_conf *pool)
{
	return pool->tls.set && pool->tls.enabled;
}
