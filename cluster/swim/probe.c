/* SPDX-License-Identifier: Apache-2.0
 *
 * probe: asking members whether they are there: one a period in a shuffled order, and suspects out
 * of turn. No answer in time: helpers ask for us, and we try TCP. Still none: we accuse. How our
 * probes fare also tells how well we are ourselves (Lifeguard's awareness): a member in bad health
 * waits longer before it accuses.
 */
#include "cluster/swim/swim_priv.h"

#include "core/obj.h"

void probe_ail(struct swim *swim, uint32_t by)
{
	swim->awareness = MIN(swim->awareness + by, swim->conf->max_awareness);
}

static void recover(struct swim *swim)
{
	if (swim->awareness)
		swim->awareness--;
}

void probe_cancel_all(struct swim *swim)
{
	for (size_t i = 0; i < MAX_PROBES; i++)
		swim->probes[i].stage = PROBE_FREE;
	for (size_t i = 0; i < MAX_RELAYS; i++)
		swim->relays[i].used = false;
}

static uint32_t timeout_ms(const struct swim *swim, const struct member *member)
{
	const struct swim_conf *conf = swim->conf;
	uint32_t ms = member->srtt_us ? 3 * member->srtt_us / 1000 : conf->probe_timeout_max_ms;

	return MAX(MIN(ms, conf->probe_timeout_max_ms), conf->probe_timeout_min_ms);
}

static uint32_t period_ms(const struct swim *swim)
{
	return swim->conf->probe_period_ms * (1 + swim->awareness);
}

static struct probe *probe_of(struct swim *swim, const struct member_id *target)
{
	for (size_t i = 0; i < MAX_PROBES; i++)
		if (swim->probes[i].stage != PROBE_FREE &&
		    id_equal(&swim->probes[i].target, target))
			return &swim->probes[i];
	return NULL;
}

/* Whoever is accused hears of it with the ping (buddy system). */
static void send_ping(struct swim *swim, const struct member *to, uint32_t seq,
		      enum swim_transport via)
{
	struct packet packet;

	packet_begin(&packet, swim, SWIM_PING, via);
	packet.send.message.seq = seq;
	packet.send.message.target = to->id;
	if (to->state != MEMBER_ALIVE)
		packet_add_member(&packet, to, true);
	if (via == SWIM_UDP)
		packet_fill(&packet);
	packet_send(&packet, &to->id, &to->alive.addr);
}

void probe_start(struct swim *swim, struct member *member, bool in_turn, bool by_tcp)
{
	struct probe *probe = NULL;

	if (swim->leaving || !is_live(member) || probe_of(swim, &member->id))
		return;
	for (size_t i = 0; i < MAX_PROBES && !probe; i++)
		if (swim->probes[i].stage == PROBE_FREE)
			probe = &swim->probes[i];
	if (!probe)
		return;
	uint32_t patience_ms = period_ms(swim);
	uint32_t direct_ms = timeout_ms(swim, member) * (1 + swim->awareness);
	*probe = (struct probe){
		.stage = PROBE_DIRECT,
		.in_turn = in_turn,
		.target = member->id,
		.seq = swim->next_seq++,
		.sent_at = swim->now,
		.indirect_at = mono_add_ms(swim->now, MIN(direct_ms, patience_ms * 2 / 3)),
		.until = mono_add_ms(swim->now, patience_ms),
	};
	count(swim, SWIM_N_PROBES);
	if (by_tcp)
		send_ping(swim, member, probe->seq, SWIM_TCP);
	send_ping(swim, member, probe->seq, SWIM_UDP);
}

static void go_indirect(struct swim *swim, struct probe *probe, const struct member *member)
{
	struct member *helpers[MAX_HELPERS];

	probe->stage = PROBE_INDIRECT;
	probe->n_helpers = pick_live(swim, member, swim->conf->n_helpers, helpers);
	count(swim, SWIM_N_PROBES_INDIRECT);
	for (size_t i = 0; i < probe->n_helpers; i++) {
		struct packet packet;

		packet_begin(&packet, swim, SWIM_PING_REQ, SWIM_UDP);
		packet.send.message.seq = probe->seq;
		packet.send.message.target = member->id;
		packet_send_full(&packet, helpers[i]);
	}
	send_ping(swim, member, probe->seq, SWIM_TCP);
}

static void probe_failed(struct swim *swim, struct probe *probe, struct member *member)
{
	probe->stage = PROBE_FREE;
	count(swim, SWIM_N_PROBES_FAILED);
	/* Helpers that do not even say no: it may well be we whom nobody hears. */
	if (probe->n_helpers > probe->n_nacks)
		probe_ail(swim, (uint32_t)(probe->n_helpers - probe->n_nacks));
	else if (probe->n_helpers == 0)
		probe_ail(swim, 1);
	claims_accuse(swim, member, false);
}

static void probe_succeeded(struct swim *swim, struct probe *probe)
{
	if (probe->in_turn)
		recover(swim);
	probe->stage = PROBE_FREE;
}

static struct relay *free_relay(struct swim *swim)
{
	for (size_t i = 0; i < MAX_RELAYS; i++)
		if (!swim->relays[i].used)
			return &swim->relays[i];
	return NULL;
}

static void answer(struct swim *swim, enum swim_kind kind, uint32_t seq,
		   const struct swim_event *asked)
{
	struct packet packet;
	const struct member *asker = members_find(&swim->members, &asked->from);

	packet_begin(&packet, swim, kind, asked->via);
	packet.send.message.seq = seq;
	if (asker && asker->state != MEMBER_ALIVE)
		packet_add_member(&packet, asker, true);
	if (asked->via == SWIM_UDP)
		packet_fill(&packet);
	packet_send(&packet, &asked->from, &asked->addr);
}

void probe_on_ping(struct swim *swim, const struct swim_event *event)
{
	/* Somebody who had our address before us is not there any more: that is no answer of ours.
	 */
	if (id_equal(&event->message->target, &swim->me->id))
		answer(swim, SWIM_ACK, event->message->seq, event);
}

void probe_on_ping_req(struct swim *swim, const struct swim_event *event)
{
	const struct member *target = members_find(&swim->members, &event->message->target);
	struct relay *relay = free_relay(swim);

	if (!target || target->is_self || !relay) {
		answer(swim, SWIM_NACK, event->message->seq, event);
		return;
	}
	*relay = (struct relay){
		.used = true,
		.target = target->id,
		.asker = event->from,
		.asker_addr = event->addr,
		.asker_seq = event->message->seq,
		.seq = swim->next_seq++,
		.nack_at = mono_add_ms(swim->now, timeout_ms(swim, target)),
		.until = mono_add_ms(swim->now, swim->conf->probe_period_ms),
	};
	send_ping(swim, target, relay->seq, SWIM_UDP);
}

static void answer_asker(struct swim *swim, const struct relay *relay, enum swim_kind kind)
{
	struct swim_event asked = {
		.from = relay->asker,
		.addr = relay->asker_addr,
		.via = SWIM_UDP,
	};

	answer(swim, kind, relay->asker_seq, &asked);
}

static void measure(struct swim *swim, const struct probe *probe, struct member *member)
{
	int64_t us = mono_diff_us(swim->now, probe->sent_at);
	uint32_t rtt_us = (uint32_t)MIN(MAX(us, 1), INT64_C(10000000));

	member->srtt_us = member->srtt_us ? (7 * member->srtt_us + rtt_us) / 8 : rtt_us;
}

static bool relay_on_ack(struct swim *swim, const struct swim_event *event)
{
	for (size_t i = 0; i < MAX_RELAYS; i++) {
		struct relay *relay = &swim->relays[i];

		if (relay->used && relay->seq == event->message->seq &&
		    id_equal(&relay->target, &event->from)) {
			relay->used = false;
			answer_asker(swim, relay, SWIM_ACK);
			return true;
		}
	}
	return false;
}

void probe_on_ack(struct swim *swim, const struct swim_event *event)
{
	if (relay_on_ack(swim, event))
		return;
	for (size_t i = 0; i < MAX_PROBES; i++) {
		struct probe *probe = &swim->probes[i];
		struct member *member = members_find(&swim->members, &probe->target);
		bool from_target = id_equal(&probe->target, &event->from);

		if (probe->stage == PROBE_FREE || probe->seq != event->message->seq ||
		    (!from_target && probe->stage != PROBE_INDIRECT))
			continue;
		if (member && from_target && event->via == SWIM_UDP)
			measure(swim, probe, member);
		probe_succeeded(swim, probe);
	}
}

void probe_on_nack(struct swim *swim, const struct swim_event *event)
{
	for (size_t i = 0; i < MAX_PROBES; i++) {
		struct probe *probe = &swim->probes[i];

		if (probe->stage == PROBE_INDIRECT && probe->seq == event->message->seq)
			probe->n_nacks = MIN(probe->n_nacks + 1, probe->n_helpers);
	}
}

void probe_on_evidence(struct swim *swim, const struct swim_event *event)
{
	struct member *member = members_find(&swim->members, &event->from);

	/* Nobody listens where it was before: no news. */
	if (!member || !is_live(member) || !addr_eq(&member->alive.addr, &event->addr))
		return;
	switch (event->evidence) {
	case SWIM_REFUSED:
		claims_accuse(swim, member, true);
		return;
	case SWIM_LINE_LOST:
		probe_start(swim, member, false, true);
		return;
	}
	UNREACHABLE();
}

static void shuffle(struct swim *swim)
{
	for (size_t i = swim->members.n_live; i > 1; i--)
		members_swap_live(&swim->members, i - 1, rng_below(&swim->rng, i));
}

static void take_turn(struct swim *swim)
{
	size_t n_live = swim->members.n_live;

	if (n_live == 0) {
		recover(swim); /* nobody there to tell us otherwise */
	} else {
		if (swim->next_turn >= n_live) {
			shuffle(swim);
			swim->next_turn = 0;
		}
		probe_start(swim, swim->members.live[swim->next_turn++], true, false);
	}
	swim->probe_at = mono_add_ms(swim->now, period_ms(swim));
}

static mono_t run_probe(struct swim *swim, struct probe *probe)
{
	struct member *member = members_find(&swim->members, &probe->target);

	if (!member || !is_live(member)) {
		probe->stage = PROBE_FREE;
		return MONO_NEVER;
	}
	if (due(swim, probe->until)) {
		probe_failed(swim, probe, member);
		return MONO_NEVER;
	}
	if (probe->stage == PROBE_DIRECT && due(swim, probe->indirect_at))
		go_indirect(swim, probe, member);
	return probe->stage == PROBE_DIRECT ? probe->indirect_at : probe->until;
}

static mono_t run_relay(struct swim *swim, struct relay *relay)
{
	if (due(swim, relay->until)) {
		relay->used = false;
		return MONO_NEVER;
	}
	if (!relay->nacked && due(swim, relay->nack_at)) {
		relay->nacked = true;
		answer_asker(swim, relay, SWIM_NACK);
	}
	return relay->nacked ? relay->until : relay->nack_at;
}

mono_t probe_run(struct swim *swim)
{
	mono_t next = MONO_NEVER;

	for (size_t i = 0; i < MAX_RELAYS; i++)
		if (swim->relays[i].used)
			next = mono_min(next, run_relay(swim, &swim->relays[i]));
	if (!swim->leaving && due(swim, swim->probe_at))
		take_turn(swim);
	for (size_t i = 0; i < MAX_PROBES; i++)
		if (swim->probes[i].stage != PROBE_FREE)
			next = mono_min(next, run_probe(swim, &swim->probes[i]));
	return swim->leaving ? next : mono_min(next, swim->probe_at);
}
