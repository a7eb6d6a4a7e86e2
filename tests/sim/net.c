/* SPDX-License-Identifier: Apache-2.0
 *
 * net: what is to come, in order of time, and what links do to messages. UDP loses, doubles and
 * reorders; TCP is late instead; a kernel without a listener refuses.
 */
#include "sim.h"

#include <math.h>

#include "core/must.h"
#include "core/obj.h"

static bool sooner(const struct coming *a, const struct coming *b)
{
	if (a->at.ns != b->at.ns)
		return a->at.ns < b->at.ns;
	return a->number < b->number;
}

static void swap(struct coming *a, struct coming *b)
{
	struct coming moved = *a;

	*a = *b;
	*b = moved;
}

void net_push(struct world *world, struct coming *coming)
{
	if (world->n_heap == world->cap_heap) {
		world->cap_heap = MAX(world->cap_heap * 2, (size_t)1024);
		world->heap = realloc(world->heap, world->cap_heap * sizeof(struct coming));
		MUST(world->heap);
	}
	size_t at = world->n_heap++;
	coming->number = world->n_made++;
	world->heap[at] = *coming;
	while (at > 0 && sooner(&world->heap[at], &world->heap[(at - 1) / 2])) {
		swap(&world->heap[at], &world->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

bool net_pop(struct world *world, mono_t until, struct coming *ret_coming)
{
	if (world->n_heap == 0 || mono_before(until, world->heap[0].at))
		return false;
	*ret_coming = world->heap[0];
	world->heap[0] = world->heap[--world->n_heap];
	for (size_t at = 0;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < world->n_heap &&
			    sooner(&world->heap[child], &world->heap[least]))
				least = child;
		if (least == at)
			return true;
		swap(&world->heap[at], &world->heap[least]);
		at = least;
	}
}

static void *put(uint8_t **at, const void *bytes, size_t len)
{
	uint8_t *put_at = *at;

	if (len)
		memcpy(put_at, bytes, len);
	*at += (len + 7) & ~(size_t)7;
	return put_at;
}

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

/* A copy is one piece of memory: the message, then its claims, its facts, and their bytes. */
static struct swim_claim *claims_of(struct swim_message *copy)
{
	return (void *)((uint8_t *)copy + padded(sizeof(*copy)));
}

static struct swim_fact *facts_of(struct swim_message *copy)
{
	const struct swim_claim *claims = copy->claims;
	size_t offset = (size_t)((const uint8_t *)copy->facts - (const uint8_t *)claims);

	return (void *)((uint8_t *)claims_of(copy) + offset);
}

struct swim_message *message_copy(const struct swim_message *message)
{
	size_t n_claims = message->n_claims, n_facts = message->n_facts;
	size_t size = padded(sizeof(*message)) + padded(n_claims * sizeof(struct swim_claim)) +
		      padded(n_facts * sizeof(struct swim_fact)) +
		      (message->hashes ? SWIM_BUCKETS * sizeof(uint64_t) : 0);

	for (size_t i = 0; i < n_claims; i++)
		size += padded(message->claims[i].certificate.len);
	for (size_t i = 0; i < n_facts; i++)
		size += padded(message->facts[i].bytes.len);
	uint8_t *at = malloc(size);
	MUST(at);
	struct swim_message *copy = put(&at, message, sizeof(*message));
	struct swim_claim *claims = put(&at, message->claims, n_claims * sizeof(*claims));
	struct swim_fact *facts = put(&at, message->facts, n_facts * sizeof(*facts));
	if (message->hashes)
		copy->hashes = put(&at, message->hashes, SWIM_BUCKETS * sizeof(uint64_t));
	for (size_t i = 0; i < n_claims; i++)
		if (claims[i].certificate.len)
			claims[i].certificate.at =
				put(&at, claims[i].certificate.at, claims[i].certificate.len);
	for (size_t i = 0; i < n_facts; i++)
		facts[i].bytes.at = put(&at, facts[i].bytes.at, facts[i].bytes.len);
	copy->claims = claims;
	copy->facts = facts;
	return copy;
}

/* Each pair has a delay of its own, the same both ways and for the whole run. */
int64_t net_delay_us(struct world *world, size_t from, size_t to)
{
	uint64_t pair[2] = { MIN(from, to), MAX(from, to) };
	uint64_t lot = hash_fixed(span_of(pair, sizeof(pair)), world->seed);
	double base = 100.0 + (double)(lot % world->max_delay_us);

	return (int64_t)(base * (1.0 - 0.1 * log(1.0 - rng_unit(&world->rng))));
}

static bool blocked(const struct world *world, size_t from, size_t to)
{
	const struct host *a = &world->hosts[from], *b = &world->hosts[to];

	return a->unplugged || b->unplugged || (world->cut && a->side != b->side);
}

static size_t host_at(const struct world *world, const struct addr *addr)
{
	uint32_t ip = ntohl(addr->v4.sin_addr.s_addr);
	size_t host = (ip & 0xffffff) - 1;

	return host < world->n_hosts ? host : SIZE_MAX;
}

/* The mutations that are made of a network that meddles. */
static bool swallowed(const struct world *world, size_t to, struct swim_message *message)
{
	struct swim_claim *claims = claims_of(message);
	const struct host *host = &world->hosts[to];
	size_t kept = 0;

	for (size_t i = 0; i < message->n_claims; i++) {
		const struct swim_claim *claim = &claims[i];
		const struct host *subject = &world->hosts[world_host_of(world, &claim->subject)];
		bool is_refutation =
			claim->kind == SWIM_ALIVE && claim->incarnation > subject->disk_incarnation;
		bool about_itself = subject == host;

		if (world->breakage == BREAK_REDIAL && about_itself && claim->kind == SWIM_DEAD)
			return true;
		if ((world->breakage == BREAK_REFUTATIONS && is_refutation) ||
		    (world->breakage == BREAK_DISK && about_itself))
			continue;
		claims[kept++] = *claim;
	}
	message->n_claims = kept;
	if (world->breakage == BREAK_GOSSIP)
		message->n_facts = 0;
	if (world->breakage == BREAK_DISK) {
		struct swim_fact *facts = facts_of(message);

		kept = 0;
		for (size_t i = 0; i < message->n_facts; i++)
			if (world_host_of(world, &facts[i].owner) != to)
				facts[kept++] = facts[i];
		message->n_facts = kept;
	}
	return false;
}

static void deliver(struct world *world, size_t from, size_t to, const struct swim_send *send,
		    int64_t delay_us)
{
	struct coming coming = {
		.at = mono_add_us(world->now, delay_us),
		.kind = COMING_EVENT,
		.host = to,
		.event = { .kind = SWIM_RECEIVED,
			   .from = world->hosts[from].id,
			   .addr = world->hosts[from].addr,
			   .via = send->via },
		.message = message_copy(&send->message),
	};

	if (world->breakage != BREAK_NOTHING && swallowed(world, to, coming.message)) {
		free(coming.message);
		return;
	}
	net_push(world, &coming);
}

static void refuse(struct world *world, size_t from, size_t by, int64_t delay_us)
{
	struct coming coming = {
		.at = mono_add_us(world->now, delay_us),
		.kind = COMING_EVENT,
		.host = from,
		.life = world->hosts[from].life,
		.event = { .kind = SWIM_EVIDENCE,
			   .from = world->hosts[by].id,
			   .addr = world->hosts[by].addr,
			   .evidence = SWIM_REFUSED },
	};

	if (world->breakage != BREAK_EVIDENCE)
		net_push(world, &coming);
}

static void send_datagram(struct world *world, size_t from, size_t to, const struct swim_send *send)
{
	size_t n_copies = 1 + (rng_unit(&world->rng) < world->doubling);

	for (size_t i = 0; i < n_copies; i++) {
		int64_t delay_us = net_delay_us(world, from, to);

		if (rng_unit(&world->rng) < world->loss)
			continue;
		if (rng_unit(&world->rng) < world->reorder)
			delay_us += (int64_t)rng_below(&world->rng, 100000);
		deliver(world, from, to, send, delay_us);
	}
}

static void send_stream(struct world *world, size_t from, size_t to, const struct swim_send *send)
{
	int64_t delay_us = 3 * net_delay_us(world, from, to);

	while (rng_unit(&world->rng) < world->loss && delay_us < 3000000)
		delay_us += 300000; /* sent again */
	if (!world->hosts[to].running)
		refuse(world, from, to, delay_us);
	else
		deliver(world, from, to, send, delay_us);
}

/* An upper bound: what the core reckons with, in its envelope. */
static size_t bytes_of(const struct swim_message *message)
{
	size_t bytes = 44 + SWIM_HEAD_BYTES;

	for (size_t i = 0; i < message->n_claims; i++)
		bytes += swim_claim_bytes(&message->claims[i]);
	for (size_t i = 0; i < message->n_facts; i++)
		bytes += swim_fact_bytes(&message->facts[i]);
	return bytes;
}

void net_send(struct world *world, size_t from, const struct swim_send *send)
{
	size_t to = host_at(world, &send->addr);

	MUST(swim_message_ok(&send->message));
	if (send->via == SWIM_UDP) {
		world->n_datagrams++;
		world->datagram_bytes += bytes_of(&send->message);
	} else {
		world->n_streams++;
	}
	if (to == SIZE_MAX || blocked(world, from, to))
		return;
	if (send->via == SWIM_TCP)
		send_stream(world, from, to, send);
	else if (world->hosts[to].running)
		send_datagram(world, from, to, send);
}

void net_dial(struct world *world, size_t from, const struct swim_keep_line *line)
{
	size_t to = host_at(world, &line->addr);

	if (to != SIZE_MAX && !world->hosts[to].running && !blocked(world, from, to))
		refuse(world, from, to, 2 * net_delay_us(world, from, to));
}

void net_line_lost(struct world *world, size_t at, size_t lost)
{
	struct coming coming = {
		.at = mono_add_us(world->now, net_delay_us(world, at, lost)),
		.kind = COMING_EVENT,
		.host = at,
		.life = world->hosts[at].life,
		.event = { .kind = SWIM_EVIDENCE,
			   .from = world->hosts[lost].id,
			   .addr = world->hosts[lost].addr,
			   .evidence = SWIM_LINE_LOST },
	};

	if (blocked(world, at, lost))
		return;
	net_push(world, &coming);
	/* The line is dialled again, within a tick of the transport. */
	refuse(world, at, lost, 50000 + 3 * net_delay_us(world, at, lost));
}
