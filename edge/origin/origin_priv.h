/* SPDX-License-Identifier: Apache-2.0
 *
 * origin_priv: what origin.c and origin_conn.c share.
 */
#pragma once

#include <bsd/sys/queue.h>

#include "edge/origin/origin.h"

/* An idle connection. Its struct goes back to a list of free ones, so keeping allocates nothing. */
struct kept {
	LIST_ENTRY(kept) link;
	struct origin *origin;
	struct conn *conn; /* owned */
};
LIST_HEAD(kept_list, kept);

/* A connection of HTTP/2. */
struct origin_client {
	LIST_ENTRY(origin_client) link;
	struct origin *origin;
	struct h2_client *client; /* owned until it says that it has closed */
};
LIST_HEAD(origin_client_list, origin_client);
TAILQ_HEAD(origin_wait_queue, origin_wait);

/* What a set and its origins share; the last of them frees it. */
struct origin_shared {
	uint32_t n_refs;
	struct origin_setup setup;
	struct kept_list free_kept;
	struct h2_clients http2;
};

struct origin {
	uint32_t kind;
	uint32_t n_refs;
	struct origin_shared *shared;
	uint64_t id;
	struct addr addr;
	char *server_name;         /* owned; NULL with plain */
	struct tls_resume *resume; /* a reference; NULL with plain */
	bool retired;              /* no set has it: nothing is kept any more */
	uint32_t n_kept;
	struct kept_list kept; /* hottest first */
	struct origin_client_list clients;
	struct origin_wait_queue waiting;
	bool http2_known;  /* its last connection spoke it */
	bool http2_coming; /* one is being made */
};
#define ORIGIN_KIND OBJ_KIND('o', 'r', 'i', 'g')

void origin_close_kept(struct origin *origin);
void origin_http2_retire(struct origin *origin); /* they end with their last request */
void origin_http2_close(struct origin *origin);  /* at once */
