/* SPDX-License-Identifier: Apache-2.0
 *
 * member: one member as another knows it, and the table of all. Its state changes in one place,
 * member_goto(), along docs/fsm/member.dot; who decides that is cluster/swim. One thread at a time.
 */
#pragma once

#include "cluster/state/state.h"
#include "cluster/swim/message.h"
#include "core/clock.h"
#include "core/table.h"

enum { MEMBER_MAX_ACCUSERS = 4 };

struct member {
	/* What is known. For views. */
	struct member_id id;
	enum member_state state;
	uint64_t incarnation;    /* to which `state` belongs */
	struct swim_claim alive; /* its last; alive.certificate lies in `certificate` */
	/* SUSPECT: who accuses it, in the order of coming; DEAD, LEFT: the one claim. */
	struct swim_claim against[MEMBER_MAX_ACCUSERS];
	size_t n_against;
	struct facts facts;
	mono_t since; /* in this state */
	bool is_self;

	/* The core's own. */
	uint8_t certificate[SWIM_MAX_CERTIFICATE_BYTES];
	void *key;        /* of struct swim_env, owned by the core; NULL for ourselves */
	uint64_t sum;     /* what it adds to its bucket's hash */
	uint32_t srtt_us; /* 0: not measured */
	uint32_t redial_ms;
	uint32_t sync_stamp;
	uint64_t met_in_step;
	mono_t suspect_until;   /* SUSPECT: dead then */
	mono_t no_credit_until; /* its accusations do not count till then */
	mono_t redial_at;       /* DEAD */
	mono_t alive_at;        /* when we heard `alive` */
	mono_t answer_at;       /* answer what is stale about it from then on */
	struct spread_item item;
	size_t at_all, at_live; /* places in the table's arrays; SIZE_MAX: not in there */
	LIST_ENTRY(member) by_state, by_bucket;
	UT_hash_handle hh;
};
LIST_HEAD(member_list, member);

bool member_may_follow(enum member_state from, enum member_state to);

struct members {
	struct member **all;  /* owned; dense */
	struct member **live; /* alive or suspect, not ourselves; the order of probes */
	size_t n_all, n_live, cap;
	struct member_list suspects, gone; /* gone: dead or left */
	struct member_list buckets[SWIM_BUCKETS];
	struct member *table;
};

void members_init(struct members *members);
/* All keys must have been closed. */
void members_fini(struct members *members);
struct member *members_find(const struct members *members, const struct member_id *id);

/* A new one, in state MEMBER_LEFT until the first member_goto(); NULL: full or out of memory. */
struct member *members_add(struct members *members, const struct member_id *id);
void members_remove(struct members *members, struct member *member); /* frees; as members_fini() */

/* The one place where a state changes: keeps lists in order. `since` may lie in the past: others
 * knew it before. The same state again is fine, and keeps its `since`. */
void member_goto(struct members *members, struct member *member, enum member_state to,
		 mono_t since);
/* Moves a live member to another place in the order of probes. */
void members_swap_live(struct members *members, size_t a, size_t b);
