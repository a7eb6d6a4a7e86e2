/* SPDX-License-Identifier: Apache-2.0
 *
 * admin: the operator's port: evhttp on the control thread's loop. Reading (/metrics, /status,
 * /healthz, …) is on a loopback address; what changes things is on the unix socket alone, whose
 * callers are our own user or root (SO_PEERCRED), or needs `Authorization: Bearer TOKEN` where a
 * token file is set.
 *
 * Guarded: 8 KiB of headers, 1 MiB of body, 64 connections, 30 s of idleness; the Host of a request
 * on the loopback port must be an IP literal or localhost (DNS rebinding). The control thread's.
 */
#pragma once

#include "core/buf.h"
#include "core/loop.h"
#include "core/net/sock.h"

struct admin;

struct admin_conf {
	struct addr listen;     /* len 0: none */
	const char *socket;     /* NULL: none */
	const char *token_file; /* NULL: none */
};

/* Serves /metrics, /healthz and the index page by itself. What is wrong is logged. Errors: those of
 * sock_get(), those of reading the token file, -EINVAL for a token under 16 bytes. */
int admin_open(struct loop *loop, struct sock_registry *socks, const struct admin_conf *conf,
	       struct admin **ret_admin);
void admin_close(struct admin *admin); /* NULL is fine */
/* The loopback address with the port it got; len 0: none. Valid as long as admin. */
const struct addr *admin_addr(const struct admin *admin);

enum admin_method { ADMIN_GET = 1, ADMIN_POST = 2, ADMIN_PUT = 4, ADMIN_DELETE = 8 };

struct admin_request {
	enum admin_method method;
	struct span body;
	struct evkeyvalq *query;  /* see admin_query() */
	struct buf *out;          /* the answer's body */
	const char *content_type; /* to be set; text/plain when NULL */
	int status;               /* to be set; 200 */
};

typedef void (*admin_fn)(struct admin_request *request, void *arg);

/* Serves `path` (exact) for the methods. A page with POST, PUT or DELETE is a changing one: it is
 * refused (403) where it may not come from. GET of the same path stays readable. `help` is a line
 * for the index. */
int admin_page(struct admin *admin, const char *path, unsigned methods, admin_fn fn, void *arg,
	       const char *help);
/* A query parameter, decoded; NULL when it is not there. */
const char *admin_query(const struct admin_request *request, const char *name);
/* The answer is an error: JSON {"error": text}. */
void admin_fail(struct admin_request *request, int status, const char *text);
/* GET /healthz answers 200 "ok" or, once this was called with a text, 503 and the text. NULL:
 * healthy. */
void admin_set_unhealthy(struct admin *admin, const char *text);
