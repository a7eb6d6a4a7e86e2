/* SPDX-License-Identifier: Apache-2.0
 *
 * member: the table by id, a dense array of the living for drawing lots and for the order of
 * probes, and short lists of those that need to be looked at: the suspects, and the gone.
 */
#include "cluster/member/member.h"

#include <stdlib.h>

#include "core/obj.h"

#define BIT(state) (1u << (state))

/* docs/fsm/member.dot. A new member begins in LEFT: it was not there before. */
static const unsigned may_follow[] = {
	[MEMBER_ALIVE] = BIT(MEMBER_SUSPECT) | BIT(MEMBER_DEAD) | BIT(MEMBER_LEFT),
	[MEMBER_SUSPECT] = BIT(MEMBER_ALIVE) | BIT(MEMBER_DEAD) | BIT(MEMBER_LEFT),
	[MEMBER_DEAD] = BIT(MEMBER_ALIVE) | BIT(MEMBER_LEFT),
	[MEMBER_LEFT] = BIT(MEMBER_ALIVE),
};

bool member_may_follow(enum member_state from, enum member_state to)
{
	return may_follow[from] & BIT(to);
}

static bool is_live(enum member_state state)
{
	return state == MEMBER_ALIVE || state == MEMBER_SUSPECT;
}

void members_init(struct members *members)
{
	*members = (struct members){ 0 };
	LIST_INIT(&members->suspects);
	LIST_INIT(&members->gone);
	for (size_t i = 0; i < SWIM_BUCKETS; i++)
		LIST_INIT(&members->buckets[i]);
}

void members_fini(struct members *members)
{
	while (members->n_all)
		members_remove(members, members->all[members->n_all - 1]);
	free(members->all);
	free(members->live);
	members->all = members->live = NULL;
}

struct member *members_find(const struct members *members, const struct member_id *id)
{
	struct member *member;

	TABLE_FIND(members->table, span_of(id->bytes, MEMBER_ID_BYTES), member);
	return member;
}

static bool grow(struct members *members)
{
	if (members->n_all < members->cap)
		return true;
	size_t cap = MAX(members->cap * 2, (size_t)16);
	struct member **all = realloc(members->all, cap * sizeof(struct member *));
	if (!all)
		return false;
	members->all = all;
	struct member **live = realloc(members->live, cap * sizeof(struct member *));
	if (!live)
		return false;
	members->live = live;
	members->cap = cap;
	return true;
}

struct member *members_add(struct members *members, const struct member_id *id)
{
	if (members->n_all >= SWIM_MAX_MEMBERS || !grow(members))
		return NULL;
	struct member *member = calloc(1, sizeof(*member));
	if (!member)
		return NULL;
	member->id = *id;
	if (!TABLE_ADD(members->table, span_of(member->id.bytes, MEMBER_ID_BYTES), member)) {
		free(member);
		return NULL;
	}
	member->state = MEMBER_LEFT;
	member->at_live = SIZE_MAX;
	member->item.owner = member;
	member->at_all = members->n_all;
	members->all[members->n_all++] = member;
	LIST_INSERT_HEAD(&members->gone, member, by_state);
	LIST_INSERT_HEAD(&members->buckets[id->bytes[0]], member, by_bucket);
	return member;
}

static void live_remove(struct members *members, struct member *member)
{
	struct member *last = members->live[--members->n_live];

	MUST(members->live[member->at_live] == member);
	members->live[member->at_live] = last;
	last->at_live = member->at_live;
	member->at_live = SIZE_MAX;
}

void members_remove(struct members *members, struct member *member)
{
	struct member *last = members->all[--members->n_all];

	MUST(members->all[member->at_all] == member && !member->key);
	members->all[member->at_all] = last;
	last->at_all = member->at_all;
	if (member->at_live != SIZE_MAX)
		live_remove(members, member);
	if (member->state != MEMBER_ALIVE)
		LIST_REMOVE(member, by_state);
	LIST_REMOVE(member, by_bucket);
	/* The analyser believes that a table which is not empty may have no first item. */
	TABLE_DELETE(members->table, member); /* NOLINT(clang-analyzer-core.NullDereference) */
	spread_remove(&member->item);
	facts_fini(&member->facts);
	free(member);
}

void member_goto(struct members *members, struct member *member, enum member_state to, mono_t since)
{
	if (member->state == to)
		return;
	MUST(member_may_follow(member->state, to));
	if (member->state != MEMBER_ALIVE)
		LIST_REMOVE(member, by_state);
	member->state = to;
	member->since = since;
	if (to == MEMBER_SUSPECT)
		LIST_INSERT_HEAD(&members->suspects, member, by_state);
	else if (to != MEMBER_ALIVE)
		LIST_INSERT_HEAD(&members->gone, member, by_state);

	bool listed = member->at_live != SIZE_MAX;
	if (listed && !is_live(to)) {
		live_remove(members, member);
	} else if (!listed && is_live(to) && !member->is_self) {
		member->at_live = members->n_live;
		members->live[members->n_live++] = member;
	}
	MUST(members->n_live <= members->n_all);
}

void members_swap_live(struct members *members, size_t a, size_t b)
{
	MUST(a < members->n_live && b < members->n_live);
	struct member *moved = members->live[a];
	members->live[a] = members->live[b];
	members->live[b] = moved;
	members->live[a]->at_live = a;
	members->live[b]->at_live = b;
}
