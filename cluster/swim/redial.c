/* SPDX-License-Identifier: Apache-2.0
 *
 * redial: calling those whom we do not hear: the seeds that are not among the living, and the dead,
 * for as long as their tombstone stands. This alone is what heals a split, so it never gives up; it
 * only becomes slower.
 */
#include "cluster/swim/swim_priv.h"

#include "core/obj.h"

void redial_set_seeds(struct swim *swim, const struct addr *seeds, size_t n)
{
	swim->n_seeds = 0;
	for (size_t i = 0; i < MIN(n, (size_t)SWIM_MAX_SEEDS); i++) {
		if (addr_eq(&seeds[i], &swim->me->alive.addr))
			continue;
		swim->seeds[swim->n_seeds++] = (struct seed){
			.addr = seeds[i],
			.redial_at = swim->now,
			.redial_ms = swim->conf->redial_min_ms,
		};
	}
}

/* When next, and slower each time. Evenly between the least and the present, so that all who were
 * cut off at one time do not also wait at one time. */
static mono_t back_off(struct swim *swim, uint32_t *redial_ms)
{
	uint32_t least_ms = swim->conf->redial_min_ms;
	uint32_t more_ms = (uint32_t)rng_below(&swim->rng, *redial_ms - least_ms + 1);
	mono_t at = mono_add_ms(swim->now, (int64_t)least_ms + more_ms);

	*redial_ms = MIN(*redial_ms * 2, swim->conf->redial_max_ms);
	return at;
}

void redial_begin(struct swim *swim, struct member *member)
{
	member->redial_ms = swim->conf->redial_min_ms;
	member->redial_at = back_off(swim, &member->redial_ms);
}

/* Says who we are and what it is accused of: if it lives, it refutes. */
static void call_dead(struct swim *swim, struct member *member)
{
	struct packet packet;

	packet_begin(&packet, swim, SWIM_PING, SWIM_UDP);
	packet.send.message.seq = swim->next_seq++;
	packet.send.message.target = member->id;
	packet_add_member(&packet, swim->me, true);
	packet_add_member(&packet, member, true);
	packet_send(&packet, &member->id, &member->alive.addr);
	count(swim, SWIM_N_REDIALS);
}

static mono_t run_dead(struct swim *swim)
{
	struct member *member, *first = NULL;

	LIST_FOREACH (member, &swim->members.gone, by_state) {
		if (member->state == MEMBER_DEAD &&
		    (!first || mono_before(member->redial_at, first->redial_at)))
			first = member;
	}
	if (!first)
		return MONO_NEVER;
	mono_t at = mono_max(first->redial_at, swim->redial_at);
	if (!due(swim, at))
		return at;
	call_dead(swim, first);
	first->redial_at = back_off(swim, &first->redial_ms);
	swim->redial_at = mono_add_ms(swim->now, swim->conf->redial_spacing_ms);
	return swim->redial_at;
}

static bool lives_there(const struct swim *swim, const struct addr *addr)
{
	for (size_t i = 0; i < swim->members.n_live; i++)
		if (addr_eq(&swim->members.live[i]->alive.addr, addr))
			return true;
	return false;
}

static mono_t run_seed(struct swim *swim, struct seed *seed)
{
	bool alone = swim->members.n_live == 0;

	if (alone &&
	    mono_diff_ms(seed->redial_at, swim->now) > 2 * (int64_t)swim->conf->join_retry_ms)
		seed->redial_at = jittered(swim, swim->conf->join_retry_ms);
	if (!due(swim, seed->redial_at))
		return seed->redial_at;
	if (lives_there(swim, &seed->addr)) {
		seed->redial_ms = swim->conf->redial_min_ms;
		seed->redial_at = jittered(swim, seed->redial_ms);
		return seed->redial_at;
	}
	sync_open_seed(swim, &seed->addr);
	count(swim, SWIM_N_REDIALS);
	seed->redial_at = alone ? jittered(swim, swim->conf->join_retry_ms)
				: back_off(swim, &seed->redial_ms);
	return seed->redial_at;
}

mono_t redial_run(struct swim *swim)
{
	mono_t next = MONO_NEVER;

	if (swim->leaving)
		return MONO_NEVER;
	for (size_t i = 0; i < swim->n_seeds; i++)
		next = mono_min(next, run_seed(swim, &swim->seeds[i]));
	return mono_min(next, run_dead(swim));
}
