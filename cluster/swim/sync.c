/* SPDX-License-Identifier: Apache-2.0
 *
 * sync: comparing all that two members know, over TCP, so that what gossip lost is found. Hashes of
 * 256 buckets come first, then the buckets that differ, then what the other lacked of those:
 *
 *     OPEN hashes ->   <- DATA buckets, reply wanted   DATA what was not in it ->
 *
 * Two members that agree exchange 2 KB, whatever the size of the group.
 */
#include "cluster/swim/swim_priv.h"

#include "core/obj.h"

static void open_sync(struct swim *swim, const struct member_id *with, const struct addr *addr)
{
	struct packet packet;

	packet_begin(&packet, swim, SWIM_SYNC_OPEN, SWIM_TCP);
	uint64_t *hashes = arena_take(&swim->arena, sizeof(swim->hashes));
	if (!hashes) {
		count(swim, SWIM_N_NO_MEMORY);
		return;
	}
	memcpy(hashes, swim->hashes, sizeof(swim->hashes));
	packet.send.message.hashes = hashes;
	packet_add_member(&packet, swim->me, true); /* they may not know us yet */
	packet_send(&packet, with, addr);
	count(swim, SWIM_N_SYNCS);
}

void sync_want(struct swim *swim, const struct member_id *with, const struct addr *addr)
{
	if (swim->leaving || !due(swim, swim->want_sync_at))
		return;
	swim->want_sync_at = mono_add_ms(swim->now, SYNC_SPACING_MS);
	open_sync(swim, with, addr);
}

void sync_open_seed(struct swim *swim, const struct addr *addr)
{
	open_sync(swim, NULL, addr);
}

/* Data on its way out, in as many messages as it needs. */
struct data {
	struct packet packet;
	const struct swim_event *asked;
	bool reply_wanted;
	uint32_t skip_stamp; /* what bears it is known there; 0: nothing is */
	size_t sent_bytes;
};

static bool bucket_in(const uint8_t *buckets, size_t bucket)
{
	return buckets[bucket / 8] >> bucket % 8 & 1;
}

static void bucket_add(uint8_t *buckets, size_t bucket)
{
	buckets[bucket / 8] |= (uint8_t)(1u << bucket % 8);
}

static void data_begin(struct data *data, struct swim *swim)
{
	packet_begin(&data->packet, swim, SWIM_SYNC_DATA, SWIM_TCP);
	data->packet.send.message.reply_wanted = data->reply_wanted;
}

static void data_flush(struct data *data)
{
	data->sent_bytes += data->packet.used_bytes;
	packet_send(&data->packet, &data->asked->from, &data->asked->addr);
}

/* The packet is full: the next one goes on with the same bucket. */
static void data_next(struct data *data, size_t bucket)
{
	struct swim *swim = data->packet.swim;

	data_flush(data);
	data_begin(data, swim);
	bucket_add(data->packet.send.message.buckets, bucket);
}

static void data_add_member(struct data *data, struct member *member, size_t bucket)
{
	uint32_t skip = data->skip_stamp;

	if (!skip || member->sync_stamp != skip) {
		if (!packet_add_member(&data->packet, member, true)) {
			data_next(data, bucket);
			packet_add_member(&data->packet, member, true);
		}
	}
	for (size_t i = 0; i < member->facts.n; i++) {
		const struct fact *fact = member->facts.all[i];

		if (skip && fact->sync_stamp == skip)
			continue;
		if (!packet_add_fact(&data->packet, &fact->said)) {
			data_next(data, bucket);
			packet_add_fact(&data->packet, &fact->said);
		}
	}
}

/* Begins at a random bucket: when not all may go, the next sync has others. */
static void send_data(struct swim *swim, struct data *data, const uint8_t *buckets)
{
	size_t first = rng_below(&swim->rng, SWIM_BUCKETS);

	data_begin(data, swim);
	for (size_t i = 0; i < SWIM_BUCKETS; i++) {
		size_t bucket = (first + i) % SWIM_BUCKETS;
		struct member *member;

		if (!bucket_in(buckets, bucket))
			continue;
		if (data->sent_bytes + data->packet.used_bytes >= swim->conf->sync_max_bytes)
			break;
		bucket_add(data->packet.send.message.buckets, bucket);
		LIST_FOREACH (member, &swim->members.buckets[bucket], by_bucket) {
			if (!roster_fading(swim, member))
				data_add_member(data, member, bucket);
		}
	}
	const struct swim_message *message = &data->packet.send.message;
	if (!data->skip_stamp || message->n_claims || message->n_facts)
		data_flush(data);
}

void sync_on_open(struct swim *swim, const struct swim_event *event)
{
	uint8_t differing[SWIM_BUCKETS / 8] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < SWIM_BUCKETS; i++) {
		if (event->message->hashes[i] != swim->hashes[i]) {
			bucket_add(differing, i);
			n++;
		}
	}
	swim->counters[SWIM_N_SYNC_BUCKETS] += n;
	struct data data = { .asked = event, .reply_wanted = n > 0 };
	send_data(swim, &data, differing);
}

/* Marks what we hold exactly as the message has it: its sender need not be told. */
static void stamp_known(struct swim *swim, const struct swim_message *message)
{
	uint32_t stamp = swim->sync_stamp;

	for (size_t i = 0; i < message->n_claims; i++) {
		const struct swim_claim *claim = &message->claims[i];
		struct member *member = members_find(&swim->members, &claim->subject);

		if (member && claim->incarnation == member->incarnation)
			member->sync_stamp =
				(int)claim->kind == (int)member->state || is_live(member) ? stamp
											  : 0;
	}
	for (size_t i = 0; i < message->n_facts; i++) {
		const struct member *owner = members_find(&swim->members, &message->facts[i].owner);
		struct fact *fact = owner ? facts_find(&owner->facts, message->facts[i].key) : NULL;

		if (fact && fact_same(&fact->said, &message->facts[i]))
			fact->sync_stamp = stamp;
	}
}

void sync_on_data(struct swim *swim, const struct swim_event *event)
{
	if (!event->message->reply_wanted)
		return;
	if (++swim->sync_stamp == 0)
		swim->sync_stamp = 1;
	stamp_known(swim, event->message);
	struct data data = { .asked = event, .skip_stamp = swim->sync_stamp };
	send_data(swim, &data, event->message->buckets);
}

mono_t sync_run(struct swim *swim)
{
	struct member *with;

	if (swim->leaving)
		return MONO_NEVER;
	if (due(swim, swim->sync_at)) {
		if (pick_live(swim, NULL, 1, &with))
			open_sync(swim, &with->id, &with->alive.addr);
		swim->sync_at = jittered(swim, swim_sync_period_ms(swim->conf, swim_n_live(swim)));
	}
	return swim->sync_at;
}
