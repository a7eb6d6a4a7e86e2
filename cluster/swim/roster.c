/* SPDX-License-Identifier: Apache-2.0
 *
 * roster: the table of members, and what must stay true of it: the bucket hashes, the list of
 * changes, the order of probes, and that the gone are forgotten when their time is over.
 */
#include "cluster/swim/swim_priv.h"

struct sum_input {
	uint8_t id[MEMBER_ID_BYTES];
	uint64_t incarnation;
	uint64_t state; /* what all agree on: a suspicion passes and is not compared */
};
struct fact_input {
	uint64_t key, generation, version;
	uint8_t signature[8]; /* enough of it to tell two lives apart */
};

bool roster_fading(const struct swim *swim, const struct member *member)
{
	int64_t keep_ms = ((int64_t)swim->conf->tombstone_s - TOMBSTONE_MARGIN_S) * MS_PER_S;

	return !is_live(member) && !member->is_self &&
	       mono_diff_ms(swim->now, member->since) > keep_ms;
}

static uint64_t sum_of(const struct swim *swim, const struct member *member)
{
	/* The first byte of the seed says which of the two it is. */
	enum { SEED_MEMBER = 1, SEED_FACT = 2 };
	struct sum_input input = {
		.incarnation = member->incarnation,
		.state = is_live(member) ? MEMBER_ALIVE : member->state,
	};

	if (roster_fading(swim, member))
		return 0;
	memcpy(input.id, member->id.bytes, MEMBER_ID_BYTES);
	uint64_t own = hash_fixed(span_of(&input, sizeof(input)), SEED_MEMBER);
	uint64_t sum = own;
	for (size_t i = 0; i < member->facts.n; i++) {
		const struct swim_fact *said = &member->facts.all[i]->said;
		struct fact_input fact = { said->key, said->generation, said->version, { 0 } };

		memcpy(fact.signature, said->signature, sizeof(fact.signature));
		sum += hash_fixed(span_of(&fact, sizeof(fact)), own ^ SEED_FACT);
	}
	return sum;
}

void roster_touch(struct swim *swim, struct member *member)
{
	uint64_t *hash = &swim->hashes[member->id.bytes[0]];

	*hash -= member->sum;
	member->sum = sum_of(swim, member);
	*hash += member->sum;
	swim->view_changed = true;
}

struct member *roster_add(struct swim *swim, const struct member_id *id)
{
	struct member *member = members_add(&swim->members, id);

	if (member)
		member->met_in_step = swim->n_steps;
	else if (swim->members.n_all >= SWIM_MAX_MEMBERS)
		count(swim, SWIM_N_MEMBERS_FULL);
	else
		count(swim, SWIM_N_NO_MEMORY);
	return member;
}

static void note_change(struct swim *swim, const struct member *member, enum member_state to)
{
	/* Within a step only the first and the last count: a tombstone comes as alive, then dead.
	 */
	for (size_t i = 0; i < swim->n_changes; i++) {
		if (id_equal(&swim->changes[i].id, &member->id)) {
			swim->changes[i].to = to;
			return;
		}
	}
	if (swim->n_changes < MAX_CHANGES)
		swim->changes[swim->n_changes++] = (struct swim_change){
			.id = member->id,
			.is_new = member->incarnation == 0,
			.from = member->state,
			.to = to,
		};
}

/* A newcomer is probed at a random place in the order; who goes leaves no gap before the turn. */
static void keep_turn(struct swim *swim, struct member *member, enum member_state to)
{
	struct members *members = &swim->members;
	bool comes = to == MEMBER_ALIVE || to == MEMBER_SUSPECT;

	if (!comes && member->at_live < swim->next_turn) {
		swim->next_turn--;
		members_swap_live(members, member->at_live, swim->next_turn);
	}
}

void roster_goto(struct swim *swim, struct member *member, enum member_state to, mono_t since)
{
	if (member->state == to)
		return;
	bool was_live = member->at_live != SIZE_MAX;

	note_change(swim, member, to);
	if (was_live)
		keep_turn(swim, member, to);
	member_goto(&swim->members, member, to, since);
	if (!was_live && member->at_live != SIZE_MAX && swim->next_turn < swim->members.n_live) {
		size_t n_waiting = swim->members.n_live - swim->next_turn;

		members_swap_live(&swim->members, member->at_live,
				  swim->next_turn + rng_below(&swim->rng, n_waiting));
	}
	/* We are no longer alone: whom we met may be as new as we are, so another is asked soon. */
	if (!was_live && swim->members.n_live == 1)
		swim->sync_at = mono_min(swim->sync_at, jittered(swim, MS_PER_S));
	if (was_live != (member->at_live != SIZE_MAX))
		swim->ring_changed = true;
	if (to == MEMBER_DEAD)
		redial_begin(swim, member);
}

void roster_remove(struct swim *swim, struct member *member)
{
	swim->hashes[member->id.bytes[0]] -= member->sum;
	if (!member->is_self)
		swim->state_bytes -= member->facts.n_bytes;
	if (member->key)
		swim->env->key_close(swim->env->arg, member->key);
	member->key = NULL;
	if (member->at_live != SIZE_MAX)
		swim->ring_changed = true;
	swim->view_changed = true;
	members_remove(&swim->members, member);
}

mono_t roster_run(struct swim *swim)
{
	struct member *member, *next;
	int64_t keep_ms = (int64_t)swim->conf->tombstone_s * MS_PER_S;

	if (!due(swim, swim->sweep_at))
		return swim->sweep_at;
	LIST_FOREACH_SAFE (member, &swim->members.gone, by_state, next) {
		if (member->is_self)
			continue;
		if (mono_diff_ms(swim->now, member->since) > keep_ms)
			roster_remove(swim, member);
		else if (member->sum && roster_fading(swim, member))
			roster_touch(swim, member);
	}
	swim->sweep_at = mono_add_ms(swim->now, SWEEP_PERIOD_MS);
	return swim->sweep_at;
}
