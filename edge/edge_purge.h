/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_purge: what an operator wants forgotten, in the words of the stores that may hold it. A URL
 * becomes the keys that routes make of it; a tag, or all, is for every store. The control thread's.
 */
#pragma once

#include "edge/edge_plan.h"

enum { EDGE_PURGE_ERROR_MAX = 256 };

struct edge_purge {
	enum purge_kind kind;
	bool soft;        /* stale from now on, instead of gone */
	struct span text; /* URL or prefix: "https://www.example.com/a?b", or "//…" for both
			     schemes; a tag */
};

/* It holds when this returns. *ret_n: how many records were made; 0: no route stores anything that
 * it could mean. Errors: -EINVAL with `reterr` (EDGE_PURGE_ERROR_MAX), -ENOMEM, -EMSGSIZE. */
int edge_purge(const struct edge_plan *plan, const struct edge_purge *purge, unsigned *ret_n,
	       char *reterr);
