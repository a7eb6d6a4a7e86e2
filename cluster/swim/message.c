/* SPDX-License-Identifier: Apache-2.0
 *
 * message: the limits of messages, and the bytes under signatures. Those are made here and not by
 * the encoder, so that no library's choice of encoding can ever change what was signed.
 */
#include "cluster/swim/message.h"

#include "core/must.h"

const char *swim_kind_name(enum swim_kind kind)
{
	switch (kind) {
	case SWIM_PING:
		return "ping";
	case SWIM_PING_REQ:
		return "ping_req";
	case SWIM_ACK:
		return "ack";
	case SWIM_NACK:
		return "nack";
	case SWIM_GOSSIP:
		return "gossip";
	case SWIM_SYNC_OPEN:
		return "sync_open";
	case SWIM_SYNC_DATA:
		return "sync_data";
	}
	UNREACHABLE();
}

const char *swim_claim_kind_name(enum swim_claim_kind kind)
{
	switch (kind) {
	case SWIM_ALIVE:
		return "alive";
	case SWIM_SUSPECT:
		return "suspect";
	case SWIM_DEAD:
		return "dead";
	case SWIM_LEFT:
		return "left";
	}
	UNREACHABLE();
}

size_t swim_claim_bytes(const struct swim_claim *claim)
{
	switch (claim->kind) {
	case SWIM_ALIVE:
		return SWIM_ALIVE_BYTES + claim->certificate.len;
	case SWIM_SUSPECT:
	case SWIM_DEAD:
		return SWIM_ACCUSATION_BYTES;
	case SWIM_LEFT:
		return SWIM_LEFT_BYTES;
	}
	UNREACHABLE();
}

size_t swim_fact_bytes(const struct swim_fact *fact)
{
	return SWIM_FACT_BYTES + fact->bytes.len;
}

static bool same_member(const struct member_id *a, const struct member_id *b)
{
	return memcmp(a->bytes, b->bytes, MEMBER_ID_BYTES) == 0;
}

static bool alive_ok(const struct swim_claim *claim)
{
	return addr_ip(&claim->addr).len && addr_port(&claim->addr) &&
	       claim->protocol_min <= claim->protocol_max && claim->certificate.len &&
	       claim->certificate.len <= SWIM_MAX_CERTIFICATE_BYTES;
}

static bool claim_ok(const struct swim_claim *claim)
{
	bool by_itself = same_member(&claim->subject, &claim->signer);

	/* Half of the numbers are left, so that adding one never overflows. */
	if (claim->incarnation == 0 || claim->incarnation > INT64_MAX)
		return false;
	switch (claim->kind) {
	case SWIM_ALIVE:
		return by_itself && alive_ok(claim);
	case SWIM_LEFT:
		return by_itself;
	case SWIM_SUSPECT:
	case SWIM_DEAD:
		return !by_itself;
	}
	return false;
}

static bool fact_ok(const struct swim_fact *fact)
{
	return fact->generation && fact->generation <= INT64_MAX && fact->version &&
	       fact->version <= INT64_MAX && fact->bytes.len <= SWIM_MAX_FACT_BYTES;
}

bool swim_message_ok(const struct swim_message *message)
{
	if (message->kind < SWIM_PING || message->kind > SWIM_SYNC_DATA)
		return false;
	if ((message->kind == SWIM_SYNC_OPEN) != (message->hashes != NULL))
		return false;
	if (message->n_claims > SWIM_MAX_RIDERS || message->n_facts > SWIM_MAX_RIDERS)
		return false;
	for (size_t i = 0; i < message->n_claims; i++)
		if (!claim_ok(&message->claims[i]))
			return false;
	for (size_t i = 0; i < message->n_facts; i++)
		if (!fact_ok(&message->facts[i]))
			return false;
	return true;
}

/* What is written, big-endian, into memory that is known to suffice. */
struct writer {
	uint8_t *at;
	size_t len, max;
};

static void put(struct writer *w, struct span bytes)
{
	MUST(bytes.len <= w->max - w->len);
	if (bytes.len)
		memcpy(w->at + w->len, bytes.at, bytes.len);
	w->len += bytes.len;
}

static void put_uint(struct writer *w, uint64_t value, size_t n_bytes)
{
	MUST(n_bytes <= w->max - w->len);
	for (size_t i = n_bytes; i-- > 0;)
		w->at[w->len++] = (uint8_t)(value >> (8 * i));
}

size_t claim_signed_bytes(const struct swim_claim *claim, uint8_t at[SWIM_SIGNED_CLAIM_MAX])
{
	static const char what[] = "meridian claim 1";
	struct writer w = { .at = at, .len = sizeof(what) - 1, .max = SWIM_SIGNED_CLAIM_MAX };

	memcpy(at, what, sizeof(what) - 1);
	put_uint(&w, claim->kind, 1);
	put(&w, span_of(claim->subject.bytes, MEMBER_ID_BYTES));
	put_uint(&w, claim->incarnation, 8);
	put(&w, span_of(claim->signer.bytes, MEMBER_ID_BYTES));
	put_uint(&w, claim->kind == SWIM_SUSPECT && claim->refused, 1);
	if (claim->kind == SWIM_ALIVE) {
		struct span ip = addr_ip(&claim->addr);

		put_uint(&w, ip.len, 1);
		put(&w, ip);
		put_uint(&w, addr_port(&claim->addr), 2);
		put_uint(&w, claim->protocol_min, 1);
		put_uint(&w, claim->protocol_max, 1);
		put_uint(&w, claim->certificate.len, 2);
		put(&w, claim->certificate);
	}
	return w.len;
}

size_t fact_signed_bytes(const struct swim_fact *fact, uint8_t at[SWIM_SIGNED_FACT_MAX])
{
	static const char what[] = "meridian fact 1";
	struct writer w = { .at = at, .len = sizeof(what) - 1, .max = SWIM_SIGNED_FACT_MAX };

	memcpy(at, what, sizeof(what) - 1);
	put(&w, span_of(fact->owner.bytes, MEMBER_ID_BYTES));
	put_uint(&w, fact->key, 4);
	put_uint(&w, fact->generation, 8);
	put_uint(&w, fact->version, 8);
	put_uint(&w, fact->bytes.len, 4);
	put(&w, fact->bytes);
	return w.len;
}
