/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: field by field, both ways. Protobuf checks its own form; lengths and enums are checked
 * here, and what a message as a whole must be by swim_message_ok().
 */
#include "cluster/wire/wire.h"

#include "core/obj.h"
#include "proto/cluster.pb-c.h"

enum { ADDR_MAX_BYTES = 18 };

/* --- out ------------------------------------------------------------------------------------ */

static ProtobufCBinaryData lend_id(const struct member_id *id)
{
	return door_lend(span_of(id->bytes, MEMBER_ID_BYTES));
}

/* `at` has ADDR_MAX_BYTES and must live as long as what is returned. */
static ProtobufCBinaryData lend_addr(const struct addr *addr, uint8_t *at)
{
	struct span ip = addr_ip(addr);
	uint16_t port = addr_port(addr);

	MUST(ip.len == 4 || ip.len == 16);
	memcpy(at, ip.at, ip.len);
	at[ip.len] = (uint8_t)(port >> 8);
	at[ip.len + 1] = (uint8_t)port;
	return door_lend(span_of(at, ip.len + 2));
}

static bool by_its_subject(enum swim_claim_kind kind)
{
	return kind == SWIM_ALIVE || kind == SWIM_LEFT;
}

static void put_claim(const struct swim_claim *claim, Meridian__Claim *to, uint8_t *addr_at)
{
	meridian__claim__init(to);
	to->kind = claim->kind;
	to->subject = lend_id(&claim->subject);
	to->incarnation = claim->incarnation;
	to->signature = door_lend(span_of(claim->signature, SWIM_SIGNATURE_BYTES));
	if (!by_its_subject(claim->kind)) {
		to->has_signer = true;
		to->signer = lend_id(&claim->signer);
	}
	to->has_refused = claim->kind == SWIM_SUSPECT && claim->refused;
	to->refused = to->has_refused;
	to->has_age_s = claim->age_s != 0 && claim->kind != SWIM_ALIVE;
	to->age_s = claim->age_s;
	if (claim->kind != SWIM_ALIVE)
		return;
	to->has_addr = to->has_certificate = true;
	to->addr = lend_addr(&claim->addr, addr_at);
	to->certificate = door_lend(claim->certificate);
	to->has_protocol_min = to->has_protocol_max = true;
	to->protocol_min = claim->protocol_min;
	to->protocol_max = claim->protocol_max;
}

static void put_fact(const struct swim_fact *fact, Meridian__Fact *to)
{
	meridian__fact__init(to);
	to->owner = lend_id(&fact->owner);
	to->key = fact->key;
	to->generation = fact->generation;
	to->version = fact->version;
	to->bytes = door_lend(fact->bytes);
	to->signature = door_lend(span_of(fact->signature, SWIM_SIGNATURE_BYTES));
}

static bool put_riders(struct door *door, const struct swim_message *message, Meridian__Message *to)
{
	size_t n_claims = message->n_claims, n_facts = message->n_facts;
	Meridian__Claim *claims = door_take(door, n_claims, sizeof(*claims));
	Meridian__Fact *facts = door_take(door, n_facts, sizeof(*facts));
	uint8_t *addrs = door_take(door, n_claims, ADDR_MAX_BYTES);

	to->claims = door_take(door, n_claims, sizeof(Meridian__Claim *));
	to->facts = door_take(door, n_facts, sizeof(Meridian__Fact *));
	if (!claims || !facts || !addrs || !to->claims || !to->facts)
		return false;
	for (size_t i = 0; i < n_claims; i++) {
		put_claim(&message->claims[i], &claims[i], addrs + i * ADDR_MAX_BYTES);
		to->claims[i] = &claims[i];
	}
	for (size_t i = 0; i < n_facts; i++) {
		put_fact(&message->facts[i], &facts[i]);
		to->facts[i] = &facts[i];
	}
	to->n_claims = n_claims;
	to->n_facts = n_facts;
	return true;
}

static bool put_hashes(struct door *door, const struct swim_message *message, Meridian__Message *to)
{
	to->hashes = door_take(door, SWIM_BUCKETS, sizeof(uint64_t));
	if (!to->hashes)
		return false;
	memcpy(to->hashes, message->hashes, SWIM_BUCKETS * sizeof(uint64_t));
	to->n_hashes = SWIM_BUCKETS;
	return true;
}

static bool put_main(struct door *door, const struct swim_message *message, Meridian__Message *to)
{
	enum swim_kind kind = message->kind;

	to->kind = kind;
	to->has_seq = kind <= SWIM_NACK;
	to->seq = message->seq;
	to->has_target = kind == SWIM_PING || kind == SWIM_PING_REQ;
	to->target = lend_id(&message->target);
	to->has_buckets = to->has_reply_wanted = kind == SWIM_SYNC_DATA;
	to->buckets = door_lend(span_of(message->buckets, sizeof(message->buckets)));
	to->reply_wanted = message->reply_wanted;
	return kind != SWIM_SYNC_OPEN || put_hashes(door, message, to);
}

size_t wire_encode(struct door *door, const struct swim_message *message, uint8_t *at, size_t max)
{
	Meridian__Message to = MERIDIAN__MESSAGE__INIT;

	door_empty(door);
	bool whole = put_main(door, message, &to) && put_riders(door, message, &to);
	return whole ? door_pack(&to.base, at, max) : 0;
}

/* --- in ------------------------------------------------------------------------------------- */

static bool get_id(ProtobufCBinaryData from, struct member_id *ret_id)
{
	if (from.len != MEMBER_ID_BYTES)
		return false;
	memcpy(ret_id->bytes, from.data, MEMBER_ID_BYTES);
	return true;
}

static bool get_addr(ProtobufCBinaryData from, struct addr *ret_addr)
{
	if (from.len != 6 && from.len != ADDR_MAX_BYTES)
		return false;
	size_t n = from.len - 2;
	uint16_t port = (uint16_t)(from.data[n] << 8 | from.data[n + 1]);
	*ret_addr = addr_from_ip(span_of(from.data, n), port);
	return ret_addr->len != 0;
}

static bool get_signature(ProtobufCBinaryData from, uint8_t ret_signature[SWIM_SIGNATURE_BYTES])
{
	if (from.len != SWIM_SIGNATURE_BYTES)
		return false;
	memcpy(ret_signature, from.data, SWIM_SIGNATURE_BYTES);
	return true;
}

static int get_alive(const Meridian__Claim *from, struct swim_claim *claim)
{
	if (!from->has_addr || !get_addr(from->addr, &claim->addr) || !from->has_certificate ||
	    !from->has_protocol_min || !from->has_protocol_max || from->protocol_min > UINT8_MAX ||
	    from->protocol_max > UINT8_MAX)
		return WIRE_MALFORMED;
	claim->certificate = door_bytes(&from->certificate);
	claim->protocol_min = (uint8_t)from->protocol_min;
	claim->protocol_max = (uint8_t)from->protocol_max;
	return WIRE_OK;
}

static int get_claim(const Meridian__Claim *from, struct swim_claim *claim)
{
	if (from->kind > SWIM_LEFT)
		return WIRE_UNKNOWN;
	claim->kind = (enum swim_claim_kind)from->kind;
	claim->incarnation = from->incarnation;
	if (!get_id(from->subject, &claim->subject) ||
	    !get_signature(from->signature, claim->signature))
		return WIRE_MALFORMED;
	claim->signer = claim->subject;
	if (!by_its_subject(claim->kind) &&
	    (!from->has_signer || !get_id(from->signer, &claim->signer)))
		return WIRE_MALFORMED;
	claim->refused = claim->kind == SWIM_SUSPECT && from->has_refused && from->refused;
	if (claim->kind == SWIM_ALIVE)
		return get_alive(from, claim);
	if (from->has_age_s)
		claim->age_s = from->age_s;
	return WIRE_OK;
}

static int get_fact(const Meridian__Fact *from, struct swim_fact *fact)
{
	fact->key = from->key;
	fact->generation = from->generation;
	fact->version = from->version;
	fact->bytes = door_bytes(&from->bytes);
	return get_id(from->owner, &fact->owner) && get_signature(from->signature, fact->signature)
		       ? WIRE_OK
		       : WIRE_MALFORMED;
}

static int get_riders(struct door *door, const Meridian__Message *from,
		      struct swim_message *message)
{
	if (from->n_claims > SWIM_MAX_RIDERS || from->n_facts > SWIM_MAX_RIDERS)
		return WIRE_MALFORMED;
	struct swim_claim *claims = door_take(door, from->n_claims, sizeof(*claims));
	struct swim_fact *facts = door_take(door, from->n_facts, sizeof(*facts));
	int r = claims && facts ? WIRE_OK : WIRE_MALFORMED;

	for (size_t i = 0; r == WIRE_OK && i < from->n_claims; i++)
		r = get_claim(from->claims[i], &claims[i]);
	for (size_t i = 0; r == WIRE_OK && i < from->n_facts; i++)
		r = get_fact(from->facts[i], &facts[i]);
	message->claims = claims;
	message->n_claims = from->n_claims;
	message->facts = facts;
	message->n_facts = from->n_facts;
	return r;
}

static bool get_sync(const Meridian__Message *from, struct swim_message *message)
{
	if (message->kind == SWIM_SYNC_OPEN) {
		message->hashes = from->hashes;
		return from->n_hashes == SWIM_BUCKETS;
	}
	if (!from->has_buckets || from->buckets.len != sizeof(message->buckets))
		return false;
	memcpy(message->buckets, from->buckets.data, sizeof(message->buckets));
	message->reply_wanted = from->has_reply_wanted && from->reply_wanted;
	return true;
}

static int get_main(const Meridian__Message *from, struct swim_message *message)
{
	bool ok = true;

	if (from->kind < SWIM_PING || from->kind > SWIM_SYNC_DATA)
		return WIRE_UNKNOWN;
	message->kind = (enum swim_kind)from->kind;
	if (message->kind <= SWIM_NACK) {
		ok = from->has_seq;
		message->seq = from->seq;
	}
	if (message->kind == SWIM_PING || message->kind == SWIM_PING_REQ)
		ok = ok && from->has_target && get_id(from->target, &message->target);
	if (message->kind >= SWIM_SYNC_OPEN)
		ok = ok && get_sync(from, message);
	return ok ? WIRE_OK : WIRE_MALFORMED;
}

int wire_decode(struct door *door, struct span bytes, struct swim_message *ret_message)
{
	struct swim_message message = { .seq = 0 };

	if (bytes.len == 0 || bytes.len > SWIM_MAX_STREAM_BYTES)
		return WIRE_MALFORMED;
	const Meridian__Message *from =
		(void *)door_unpack(door, &meridian__message__descriptor, bytes);
	if (!from)
		return WIRE_MALFORMED;
	int r = get_main(from, &message);
	if (r == WIRE_OK)
		r = get_riders(door, from, &message);
	if (r == WIRE_OK && !swim_message_ok(&message))
		r = WIRE_MALFORMED;
	if (r == WIRE_OK)
		*ret_message = message;
	return r;
}
