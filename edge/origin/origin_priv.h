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

/* What a set and its origins share; the last of them frees it. */
struct origin_shared {
	uint32_t n_refs;
	struct origin_setup setup;
	struct kept_list free_kept;
};

struct origin {
	uint32_t kind;
	uint32_t n_refs;
	struct origin_shared *shared;
	uint64_t id;
	struct addr addr;
	char *server_name; /* owned; NULL with plain */
	bool retired;      /* no set has it: nothing is kept any more */
	uint32_t n_kept;
	struct kept_list kept; /* hottest first */
};
#define ORIGIN_KIND OBJ_KIND('o', 'r', 'i', 'g')

void origin_close_kept(struct origin *origin);
