/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch: the one control-plane HTTP client: libcurl's multi interface on our loop. For health
 * checks, outside probes and meridianctl; never on the data path.
 */
#pragma once

#include "core/buf.h"
#include "core/loop.h"
#include "core/net/addr.h"

struct fetcher;    /* one per loop */
struct http_fetch; /* one request under way */

int fetcher_new(struct loop *loop, struct fetcher **ret_fetcher);
void fetcher_free(struct fetcher *fetcher); /* aborts what is under way, without calling back */

struct fetch_request {
	const char *url;
	const char *method;            /* NULL: GET */
	const char *const *headers;    /* "Name: value"…, NULL-terminated; may be NULL */
	struct span body;              /* copied */
	const char *unix_socket;       /* connect here whatever the URL says; NULL: no */
	const struct addr *connect_to; /* connect here, keep the URL's host and SNI; NULL: no */
	const char *ca_file;
	bool insecure;
	const char *certificate_file; /* ours, PEM; NULL: none */
	const char *key_file;         /* NULL: it stands in certificate_file */
	int64_t timeout_ms;           /* whole; > 0 */
	size_t max_body_bytes;
	bool fresh_connection; /* health checks: no reuse */
	bool proxy_header;     /* begins with a PROXY header, version 1, of the connection itself */
};

struct fetch_response {
	int r; /* 0, or -ETIMEDOUT, -ECONNREFUSED, -EPROTO, -EMSGSIZE (body too long), -EIO */
	const char *error; /* libcurl's text when r < 0 */
	long status;
	struct span body; /* valid during the callback */
	uint64_t took_us;
};
typedef void (*fetch_fn)(const struct fetch_response *response, void *arg);

/* All of `request` is copied. fn runs once, in a later turn, unless cancelled. */
int fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_fn fn,
		void *arg, struct http_fetch **ret_fetch);
void fetch_cancel(struct http_fetch *fetch); /* before its fn has run */
