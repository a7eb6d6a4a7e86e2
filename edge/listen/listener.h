/* SPDX-License-Identifier: Apache-2.0
 *
 * listener: one configured address in one worker: accepts, shakes hands, and serves HTTP. The
 * worker's thread alone.
 */
#pragma once

#include "edge/http1/h1_server.h"
#include "edge/http2/h2_server.h"
#include "edge/tls/certs.h"

struct listener;

enum listener_http { LISTENER_HTTP_BOTH, LISTENER_HTTP1, LISTENER_HTTP2 };

struct listener_conf {
	struct cert_set *certs; /* NULL: plain; a reference is taken */
	struct h1_server_limits http1;
	struct h2_limits http2;
	/* Without TLS; with it `certs` decide, by the ALPN that they offer. */
	enum listener_http http;
	/* From these a PROXY header comes first (in http1.head_timeout_ms), and says who the client
	 * is; borrowed, as is all that a configuration lends: until the next listener_update(). */
	const struct prefix *proxies;
	size_t n_proxies;
	int64_t handshake_timeout_ms;
	size_t max_conns; /* of this listener in this worker; more are closed at once */
};

struct listener_setup {
	const char *name; /* for logs; borrowed */
	const int *fds;   /* listening sockets of the registry: usually one; the numbers are copied,
			   * the   descriptors stay the registry's */
	size_t n_fds;     /* at most LISTENER_MAX_FDS */
	const struct exchange_maker *maker; /* borrowed; its loop, slab and metrics are used, too */
	/* The last connection has ended after listener_drain(); may be NULL. In a turn of its own.
	 */
	void (*on_empty)(void *arg);
	void *on_empty_arg;
};
enum { LISTENER_MAX_FDS = 64 };

/* Accepts from now on. Errors: -ENOMEM, those of epoll. */
int listener_open(const struct listener_setup *setup, const struct listener_conf *conf,
		  struct listener **ret_listener);
/* Holds for connections that come from now on (limits: for all). `conf` is copied. */
void listener_update(struct listener *listener, const struct listener_conf *conf);
/* For connections that come from now on. A reference is taken. */
void listener_set_certs(struct listener *listener, struct cert_set *certs);
/* New connections wait in the kernel until listener_resume(). */
void listener_pause(struct listener *listener);
int listener_resume(struct listener *listener);
/* Accepts what the kernel has queued, then no more; connections end after their current exchange
 * (h1_servers_drain). on_empty follows when none is left, also when there was none. */
void listener_drain(struct listener *listener);
/* Ends everything at once: exchanges get on_gone(REASON_SHUTDOWN). NULL is fine. No callback. */
void listener_close(struct listener *listener);
size_t listener_n_conns(const struct listener *listener); /* handshakes included */
