/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: a named group of origins and the way one of them is chosen.
 *
 * A pool lives in one worker and is touched by that worker's thread only. It learns who is up from
 * snapshots that the worker swaps between two loop turns; so a choice never waits and never locks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct origin; /* edge/origin/origin.h; a pool only hands it on */
struct pool;

enum pool_policy {
	POOL_ROUND_ROBIN, /* smooth and weighted */
};

struct pool_member {
	uint64_t id; /* the same for the same origin over all snapshots */
	uint32_t weight;
	bool up;
	struct origin *origin; /* borrowed until it is no member any more */
};

int pool_new(enum pool_policy policy, struct pool **ret_pool); /* empty. Errors: -ENOMEM */
void pool_free(struct pool *pool);                             /* NULL is fine */
/* These are the members from now on. Who stays keeps its turn. Errors: -ENOMEM (nothing changed).
 */
int pool_set(struct pool *pool, const struct pool_member *members, size_t n_members);
void pool_clear(struct pool *pool); /* nobody is a member */

/* Origins that one request has tried already. */
enum { POOL_MAX_TRIED = 8 };
struct pool_tried {
	uint64_t ids[POOL_MAX_TRIED];
	size_t n;
};
void pool_tried_add(struct pool_tried *tried, uint64_t id); /* past the limit it forgets */

enum pool_outcome {
	POOL_PICKED = 0,
	POOL_ALL_DOWN = 1,  /* nobody is up: answer 503 */
	POOL_ALL_TRIED = 2, /* who is up was tried: give up */
};
int pool_pick(struct pool *pool, const struct pool_tried *tried, struct origin **ret_origin);
