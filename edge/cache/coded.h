/* SPDX-License-Identifier: Apache-2.0
 *
 * coded: a body in a content coding, made once out of an object's own and kept beside it. Counted
 * atomically; immutable; any thread.
 */
#pragma once

#include "core/chain.h"

enum cache_coding { CACHE_CODING_BR, CACHE_CODING_GZIP, CACHE_N_CODINGS }; /* the best first */

struct cache_coded {
	struct slice_owner owner;
	uint64_t length; /* 0: it would not be smaller */
	uint8_t bytes[];
};

struct span cache_coding_name(enum cache_coding coding); /* "gzip" */
/* False: none that we make. */
bool cache_coding_find(struct span name, enum cache_coding *ret_coding);

/* Of a body of so many bytes in one piece. One reference is the caller's. Errors: -ENOMEM. */
int cache_coded_new(enum cache_coding coding, struct span body, struct cache_coded **ret_coded);
static inline void cache_coded_unref(struct cache_coded *coded) /* NULL is fine */
{
	if (coded)
		slice_owner_unref(&coded->owner);
}
