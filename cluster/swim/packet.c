/* SPDX-License-Identifier: Apache-2.0
 *
 * packet: filling a message with riders up to what its way of travel allows. All is copied into
 * the step's arena.
 */
#include "cluster/swim/swim_priv.h"

#include "core/obj.h"

void packet_begin(struct packet *packet, struct swim *swim, enum swim_kind kind,
		  enum swim_transport via)
{
	*packet = (struct packet){
		.swim = swim,
		.send = { .via = via, .message = { .kind = kind } },
		.used_bytes = kind == SWIM_SYNC_OPEN ? SWIM_OPEN_BYTES : SWIM_HEAD_BYTES,
		.max_bytes = via == SWIM_UDP ? SWIM_MAX_DATAGRAM_BYTES : SWIM_MAX_STREAM_BYTES,
	};
}

/* Room for one more; what was outgrown stays in the arena till the step's end. */
static void *grown(struct packet *packet, void *old, size_t size, size_t n, size_t *cap)
{
	if (n < *cap)
		return old;
	size_t new_cap = *cap ? *cap * 2 : 8;
	void *at = arena_take(&packet->swim->arena, new_cap * size);
	if (!at) {
		packet->failed = true;
		return NULL;
	}
	if (n)
		memcpy(at, old, n * size);
	*cap = new_cap;
	return at;
}

static bool copied(struct packet *packet, struct span *bytes)
{
	*bytes = arena_copy(&packet->swim->arena, *bytes);
	packet->failed |= bytes->at == NULL;
	return bytes->at != NULL;
}

/* The caller has seen that there is room. */
static void add_claim(struct packet *packet, const struct swim_claim *claim, uint32_t age_s)
{
	struct swim_message *message = &packet->send.message;
	struct swim_claim *claims = grown(packet, packet->claims, sizeof(*claims),
					  message->n_claims, &packet->cap_claims);

	if (!claims)
		return;
	message->claims = packet->claims = claims;
	struct swim_claim *at = &claims[message->n_claims];
	*at = *claim;
	at->age_s = age_s;
	if (claim->kind == SWIM_ALIVE && !copied(packet, &at->certificate))
		return;
	message->n_claims++;
	packet->used_bytes += swim_claim_bytes(claim);
}

bool packet_add_claim(struct packet *packet, const struct swim_claim *claim, uint32_t age_s)
{
	if (swim_claim_bytes(claim) > packet->max_bytes - packet->used_bytes ||
	    packet->send.message.n_claims >= SWIM_MAX_RIDERS)
		return false;
	add_claim(packet, claim, age_s);
	return true;
}

bool packet_add_fact(struct packet *packet, const struct swim_fact *fact)
{
	struct swim_message *message = &packet->send.message;

	if (swim_fact_bytes(fact) > packet->max_bytes - packet->used_bytes ||
	    message->n_facts >= SWIM_MAX_RIDERS)
		return false;
	struct swim_fact *facts =
		grown(packet, packet->facts, sizeof(*facts), message->n_facts, &packet->cap_facts);
	if (!facts)
		return false;
	message->facts = packet->facts = facts;
	facts[message->n_facts] = *fact;
	if (!copied(packet, &facts[message->n_facts].bytes))
		return false;
	message->n_facts++;
	packet->used_bytes += swim_fact_bytes(fact);
	return true;
}

static uint32_t age_s_of(const struct packet *packet, const struct member *member)
{
	int64_t age_ms = mono_diff_ms(packet->swim->now, member->since);

	return is_live(member) ? 0 : (uint32_t)MIN(MAX(age_ms / MS_PER_S, 0), UINT32_MAX);
}

bool packet_add_member(struct packet *packet, const struct member *member, bool whole)
{
	size_t bytes = 0;
	bool with_alive = whole || member->state == MEMBER_ALIVE ||
			  mono_diff_ms(packet->swim->now, member->alive_at) < FRESH_MS;

	with_alive = with_alive && member->alive.certificate.len;
	if (with_alive)
		bytes += swim_claim_bytes(&member->alive);
	for (size_t i = 0; i < member->n_against; i++)
		bytes += swim_claim_bytes(&member->against[i]);
	if (bytes > packet->max_bytes - packet->used_bytes ||
	    packet->send.message.n_claims + 1 + member->n_against > SWIM_MAX_RIDERS)
		return false;
	if (with_alive)
		add_claim(packet, &member->alive, 0);
	for (size_t i = 0; i < member->n_against; i++)
		add_claim(packet, &member->against[i], age_s_of(packet, member));
	return true;
}

void packet_send(struct packet *packet, const struct member_id *to, const struct addr *addr)
{
	struct swim *swim = packet->swim;

	if (packet->failed || swim->n_sends >= MAX_SENDS) {
		count(swim, SWIM_N_NO_MEMORY);
		return;
	}
	MUST(addr && packet->used_bytes <= packet->max_bytes);
	packet->send.to_known = to != NULL;
	if (to)
		packet->send.to = *to;
	packet->send.addr = *addr;
	swim->sends[swim->n_sends++] = packet->send;
	count(swim, packet->send.via == SWIM_UDP ? SWIM_N_SENT_DATAGRAMS : SWIM_N_SENT_STREAMS);
}

static enum spread_verdict add_item(void *arg, struct spread_item *item)
{
	struct packet *packet = arg;
	const struct member *member = item->owner;

	if (packet->max_bytes - packet->used_bytes < SWIM_LEFT_BYTES || packet->failed)
		return SPREAD_FULL;
	if (!item->is_fact)
		return packet_add_member(packet, member, false) ? SPREAD_SENT : SPREAD_SKIPPED;

	const struct fact *fact = facts_find(&member->facts, item->key);
	MUST(fact);
	return packet_add_fact(packet, &fact->said) ? SPREAD_SENT : SPREAD_SKIPPED;
}

void packet_fill(struct packet *packet)
{
	struct swim *swim = packet->swim;

	spread_visit(&swim->spread, swim_spread_times(swim->conf, swim_n_live(swim)), MAX_LOOKED,
		     add_item, packet);
}

void packet_send_full(struct packet *packet, const struct member *to)
{
	packet_fill(packet);
	packet_send(packet, &to->id, &to->alive.addr);
}
