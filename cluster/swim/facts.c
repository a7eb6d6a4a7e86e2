/* SPDX-License-Identifier: Apache-2.0
 *
 * facts: what others say of themselves: looked at for news first, since that is cheap, then
 * checked, kept, and passed on byte for byte.
 */
#include "cluster/swim/swim_priv.h"

bool facts_verify(struct swim *swim, const struct member *owner, const struct swim_fact *fact)
{
	uint8_t *at = (uint8_t *)swim->signed_bytes;
	size_t len = fact_signed_bytes(fact, at);

	return swim->env->verify(swim->env->arg, owner->key, span_of(at, len), fact->signature);
}

void facts_queue(struct swim *swim, struct member *member, struct fact *fact)
{
	size_t max_bytes = SWIM_MAX_DATAGRAM_BYTES - SWIM_HEAD_BYTES;
	bool big = swim_fact_bytes(&fact->said) > max_bytes;

	fact->item.owner = member;
	fact->item.key = fact->said.key;
	fact->item.is_fact = true;
	spread_add(big ? &swim->spread_big : &swim->spread, &fact->item);
}

static void facts_take(struct swim *swim, struct member *owner, const struct swim_fact *said)
{
	struct fact *fact;
	size_t before = owner->facts.n_bytes;

	if (facts_put(&owner->facts, said, &fact) != FACTS_NEW) {
		count(swim, SWIM_N_NO_MEMORY);
	} else {
		facts_queue(swim, owner, fact);
		count(swim, SWIM_N_FACTS_USED);
	}
	swim->state_bytes += owner->facts.n_bytes - before;
	roster_touch(swim, owner);
}

void facts_apply(struct swim *swim, const struct swim_fact *said)
{
	struct member *owner = members_find(&swim->members, &said->owner);

	if (!owner) {
		count(swim, SWIM_N_FACTS_UNKNOWN);
		return;
	}
	if (owner->is_self) {
		own_on_fact(swim, said);
		return;
	}
	switch (facts_look(&owner->facts, said)) {
	case FACTS_OLD:
		count(swim, SWIM_N_FACTS_OLD);
		return;
	case FACTS_FULL:
		count(swim, SWIM_N_FACTS_FULL);
		return;
	case FACTS_NEW:
		break;
	}
	if (swim->state_bytes + said->bytes.len > swim->conf->max_state_bytes)
		count(swim, SWIM_N_FACTS_FULL);
	else if (!facts_verify(swim, owner, said))
		count(swim, SWIM_N_FACTS_FORGED);
	else
		facts_take(swim, owner, said);
}
