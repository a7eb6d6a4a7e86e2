/* SPDX-License-Identifier: Apache-2.0
 *
 * state: the facts that one member says of itself, as another keeps them: a small table by key. The
 * later in the order (generation, version) wins, and the first of a new generation, which is a new
 * life of its owner, ends all of the old. Only the owner makes them, and who calls here has checked
 * its signature. What leaves also leaves the queue it is in. One thread at a time.
 */
#pragma once

#include "cluster/swim/message.h"
#include "cluster/swim/spread.h"

struct fact {
	struct swim_fact said; /* said.bytes is `bytes` */
	uint8_t *bytes;        /* owned */
	uint32_t sync_stamp;   /* cluster/swim's, as `item` */
	struct spread_item item;
};

struct facts {
	struct fact **all; /* owned, sorted by key */
	size_t n;
	size_t n_bytes; /* of all their bytes */
	uint64_t generation;
};

/* The order of facts: below, at or above zero. */
int fact_compare(const struct swim_fact *a, const struct swim_fact *b);
/* Also signed alike: two lives of one owner may have used the same numbers. */
bool fact_same(const struct swim_fact *a, const struct swim_fact *b);

void facts_fini(struct facts *facts);
struct fact *facts_find(const struct facts *facts, uint32_t key);

enum facts_outcome {
	FACTS_NEW = 0,  /* later than what is there */
	FACTS_OLD = 1,  /* we have this one or a later */
	FACTS_FULL = 2, /* SWIM_MAX_FACTS keys are there */
};
/* Would it be taken? For asking before the dear check of its signature. */
enum facts_outcome facts_look(const struct facts *facts, const struct swim_fact *said);
/* Copies it in: FACTS_NEW, and *ret_fact is it (the same struct for a key, for ever), OLD or FULL.
 * Errors: -ENOMEM. */
int facts_put(struct facts *facts, const struct swim_fact *said, struct fact **ret_fact);
