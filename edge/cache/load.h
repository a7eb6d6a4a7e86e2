/* SPDX-License-Identifier: Apache-2.0
 *
 * load: what stands on disk comes back into memory, as a flight like any other: who asks meanwhile
 * waits for it, and reads it as it comes. What is not fresh any more is brought whole before
 * anybody hears of it, for an origin is asked about it next.
 *
 * On one worker's thread, which must not close its mailbox before cache_loads_stop().
 */
#pragma once

#include "edge/cache/store.h"

struct cache_load;
LIST_HEAD(cache_loads, cache_load);

struct cache_load_setup {
	struct cache_flight *flight; /* the reference moves */
	struct cache_key key;        /* copied */
	struct loop *loop;           /* asked for the time */
	struct mailbox *mailbox;     /* of this thread */
	struct cache_loads *loads;   /* where it is listed meanwhile */
};

/* Might it be there? No I/O. */
bool cache_load_can(struct cache *cache, const struct cache_key *key);
/* Begins. False: it is not there, or cannot be read now; the flight is still the caller's. */
bool cache_load_begin(const struct cache_load_setup *setup);
void cache_loads_stop(struct cache_loads *loads);
