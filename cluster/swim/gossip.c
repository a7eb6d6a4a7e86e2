/* SPDX-License-Identifier: Apache-2.0
 *
 * gossip: telling what is new: every period to a few drawn by lot, and at once where a moment
 * counts: a crash that was seen, a refutation, a farewell.
 */
#include "cluster/swim/swim_priv.h"

static void tell(struct swim *swim, const struct member *to, const struct member *about, bool whole)
{
	struct packet packet;

	packet_begin(&packet, swim, SWIM_GOSSIP, SWIM_UDP);
	packet_add_member(&packet, about, whole);
	packet_send(&packet, &to->id, &to->alive.addr);
}

void gossip_urgent(struct swim *swim, struct member *about)
{
	struct member *told[MAX_URGENT];
	size_t n = pick_live(swim, about, MAX_URGENT, told);

	for (size_t i = 0; i < n; i++)
		tell(swim, told[i], about, false);
	if (!about->is_self && about->state != MEMBER_ALIVE)
		tell(swim, about, about, true);
}

static bool may_answer(struct swim *swim, struct member *about)
{
	if (!due(swim, about->answer_at))
		return false;
	about->answer_at = mono_add_ms(swim->now, ANSWER_SPACING_MS);
	return true;
}

void gossip_answer(struct swim *swim, const struct swim_event *event, struct member *about)
{
	struct packet packet;

	if (!may_answer(swim, about))
		return;
	packet_begin(&packet, swim, SWIM_GOSSIP, event->via);
	packet_add_member(&packet, about, true);
	packet_send(&packet, &event->from, &event->addr);
}

void gossip_tell_accused(struct swim *swim, struct member *accused,
			 const struct swim_claim *accusation)
{
	struct packet packet;

	if (!may_answer(swim, accused))
		return;
	packet_begin(&packet, swim, SWIM_GOSSIP, SWIM_UDP);
	packet_add_claim(&packet, accusation, accusation->age_s);
	packet_send(&packet, &accused->id, &accused->alive.addr);
}

static enum spread_verdict add_big(void *arg, struct spread_item *item)
{
	struct packet *packet = arg;
	const struct member *member = item->owner;
	const struct fact *fact = facts_find(&member->facts, item->key);

	MUST(fact);
	if (packet->used_bytes >= BIG_FACTS_BYTES)
		return SPREAD_FULL;
	return packet_add_fact(packet, &fact->said) ? SPREAD_SENT : SPREAD_SKIPPED;
}

/* What fits no datagram goes by TCP, to one member a period. */
static void tell_big(struct swim *swim)
{
	struct member *to;
	struct packet packet;

	if (swim->spread_big.n == 0 || pick_live(swim, NULL, 1, &to) == 0)
		return;
	packet_begin(&packet, swim, SWIM_GOSSIP, SWIM_TCP);
	spread_visit(&swim->spread_big, swim_spread_times(swim->conf, swim_n_live(swim)),
		     MAX_LOOKED, add_big, &packet);
	packet_send(&packet, &to->id, &to->alive.addr);
}

static void tell_some(struct swim *swim)
{
	struct member *told[16];
	size_t n = pick_live(swim, NULL, swim->conf->gossip_fanout, told);

	for (size_t i = 0; i < n && swim->spread.n; i++) {
		struct packet packet;

		packet_begin(&packet, swim, SWIM_GOSSIP, SWIM_UDP);
		packet_send_full(&packet, told[i]);
	}
}

mono_t gossip_run(struct swim *swim)
{
	if (swim->members.n_live == 0 || swim->spread.n + swim->spread_big.n == 0)
		return MONO_NEVER;
	if (due(swim, swim->gossip_at)) {
		tell_some(swim);
		tell_big(swim);
		swim->gossip_at = mono_add_ms(swim->now, swim->conf->gossip_period_ms);
	}
	return swim->gossip_at;
}
