/* SPDX-License-Identifier: Apache-2.0
 *
 * core_fixture: one core in a test's hand. Others exist only as what they say: members 1 to 200,
 * whose signatures are keyed hashes. The clock moves when the test says so.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/swim/swim.h"
#include "core/obj.h"

enum { CORE_SELF = 100 };

struct core {
	struct swim *swim;
	mono_t now;
	struct swim_actions did; /* by the last step */
};

static inline struct member_id core_id(unsigned n)
{
	return (struct member_id){ { (uint8_t)n, 7, 7, 7, 7, 7, 7, (uint8_t)n } };
}

static inline struct addr core_addr(unsigned n)
{
	uint8_t ip[4] = { 10, 0, 0, (uint8_t)n };

	return addr_from_ip(span_of(ip, 4), 7946);
}

static inline uint64_t core_secret(const struct member_id *id)
{
	return hash_fixed(span_of(id->bytes, MEMBER_ID_BYTES), 1);
}

static inline void core_sign_as(const struct member_id *id, struct span bytes,
				uint8_t ret[SWIM_SIGNATURE_BYTES])
{
	uint64_t hash = hash_fixed(bytes, core_secret(id));

	memset(ret, 0, SWIM_SIGNATURE_BYTES);
	memcpy(ret, &hash, sizeof(hash));
}

static inline int core_env_sign(void *arg, struct span bytes, uint8_t ret[SWIM_SIGNATURE_BYTES])
{
	struct member_id id = core_id(CORE_SELF);

	(void)arg;
	core_sign_as(&id, bytes, ret);
	return 0;
}

/* A certificate is the id, a second time. */
static inline void *core_env_key_open(void *arg, const struct member_id *id, struct span bytes)
{
	(void)arg;
	if (!span_eq(bytes, span_of(id->bytes, MEMBER_ID_BYTES)))
		return NULL;
	struct member_id *key = malloc(sizeof(*key));
	if (key)
		*key = *id;
	return key;
}

static inline void core_env_key_close(void *arg, void *key)
{
	(void)arg;
	free(key);
}

static inline bool core_env_verify(void *arg, void *key, struct span bytes,
				   const uint8_t signature[SWIM_SIGNATURE_BYTES])
{
	uint8_t right[SWIM_SIGNATURE_BYTES];

	(void)arg;
	core_sign_as(key, bytes, right);
	return memcmp(right, signature, SWIM_SIGNATURE_BYTES) == 0;
}

static const struct swim_env core_env = {
	.sign = core_env_sign,
	.key_open = core_env_key_open,
	.key_close = core_env_key_close,
	.verify = core_env_verify,
};

static inline void core_step(struct core *core, const struct swim_event *event)
{
	swim_step(core->swim, core->now, event, &core->did);
}

static inline struct core core_new(void)
{
	static struct member_id id;
	struct core core = { .now = { 1000000000 } };

	id = core_id(CORE_SELF);
	struct swim_self self = {
		.id = id,
		.addr = core_addr(CORE_SELF),
		.certificate = span_of(id.bytes, MEMBER_ID_BYTES),
		.incarnation = 5,
	};
	assert_int_equal(swim_new(&swim_conf_region, &core_env, &self, 1, &core.swim), 0);
	core_step(&core, &(struct swim_event){ .kind = SWIM_TICK });
	return core;
}

static inline void core_free(struct core *core)
{
	swim_free(core->swim);
}

/* Until `ms` have passed, or a message of that kind is sent (then true); 0: any time. */
static inline bool core_run(struct core *core, int64_t ms, enum swim_kind until)
{
	mono_t end = mono_add_ms(core->now, ms);

	while (!mono_before(end, core->did.next_at)) {
		core->now = core->did.next_at;
		core_step(core, &(struct swim_event){ .kind = SWIM_TICK });
		for (size_t i = 0; i < core->did.n_sends; i++)
			if (core->did.sends[i].message.kind == until)
				return true;
	}
	core->now = end;
	return false;
}

static inline struct swim_claim core_signed(struct swim_claim claim)
{
	uint8_t bytes[SWIM_SIGNED_CLAIM_MAX];
	size_t len = claim_signed_bytes(&claim, bytes);

	core_sign_as(&claim.signer, span_of(bytes, len), claim.signature);
	return claim;
}

static inline struct swim_claim core_alive(unsigned n, uint64_t incarnation)
{
	static struct member_id ids[256];

	ids[n] = core_id(n);
	return core_signed((struct swim_claim){
		.kind = SWIM_ALIVE,
		.subject = ids[n],
		.signer = ids[n],
		.incarnation = incarnation,
		.addr = core_addr(n),
		.protocol_min = 1,
		.protocol_max = 1,
		.certificate = span_of(ids[n].bytes, MEMBER_ID_BYTES),
	});
}

static inline struct swim_claim core_left(unsigned n, uint64_t incarnation)
{
	return core_signed((struct swim_claim){ .kind = SWIM_LEFT,
						.subject = core_id(n),
						.signer = core_id(n),
						.incarnation = incarnation });
}

static inline struct swim_claim core_accuse(enum swim_claim_kind kind, unsigned by, unsigned about,
					    uint64_t incarnation)
{
	return core_signed((struct swim_claim){ .kind = kind,
						.subject = core_id(about),
						.signer = core_id(by),
						.incarnation = incarnation });
}

static inline struct swim_claim core_refused(unsigned by, unsigned about, uint64_t incarnation)
{
	return core_signed((struct swim_claim){ .kind = SWIM_SUSPECT,
						.refused = true,
						.subject = core_id(about),
						.signer = core_id(by),
						.incarnation = incarnation });
}

static inline struct swim_fact core_fact(unsigned n, uint32_t key, uint64_t generation,
					 uint64_t version, const char *text)
{
	static uint64_t room[SWIM_SIGNED_FACT_MAX / 8 + 1];
	struct swim_fact fact = { .owner = core_id(n),
				  .key = key,
				  .generation = generation,
				  .version = version,
				  .bytes = span_str(text) };
	size_t len = fact_signed_bytes(&fact, (uint8_t *)room);

	core_sign_as(&fact.owner, span_of(room, len), fact.signature);
	return fact;
}

static inline void core_receive(struct core *core, unsigned from, struct swim_message message)
{
	bool by_tcp = message.kind == SWIM_SYNC_OPEN || message.kind == SWIM_SYNC_DATA;

	assert_true(swim_message_ok(&message));
	core_step(core, &(struct swim_event){ .kind = SWIM_RECEIVED,
					      .from = core_id(from),
					      .addr = core_addr(from),
					      .via = by_tcp ? SWIM_TCP : SWIM_UDP,
					      .message = &message });
}

/* Member `from` gossips one claim. */
static inline void core_hear(struct core *core, unsigned from, struct swim_claim claim)
{
	core_receive(core, from,
		     (struct swim_message){ .kind = SWIM_GOSSIP, .claims = &claim, .n_claims = 1 });
}

static inline void core_hear_fact(struct core *core, unsigned from, struct swim_fact fact)
{
	core_receive(core, from,
		     (struct swim_message){ .kind = SWIM_GOSSIP, .facts = &fact, .n_facts = 1 });
}

/* Members 1 to n are there, all at incarnation 1. */
static inline struct core core_in_group(unsigned n)
{
	struct core core = core_new();

	for (unsigned i = 1; i <= n; i++)
		core_hear(&core, i, core_alive(i, 1));
	return core;
}

static inline const struct member *core_member(const struct core *core, unsigned n)
{
	struct member_id id = core_id(n);

	return swim_member(core->swim, &id);
}

static inline enum member_state core_state(const struct core *core, unsigned n)
{
	const struct member *member = core_member(core, n);

	assert_non_null(member);
	return member->state;
}

/* The first message of that kind in the last step; to member `to`, or 0: anyone. */
static inline const struct swim_send *core_sent(const struct core *core, enum swim_kind kind,
						unsigned to)
{
	struct member_id id = core_id(to);

	for (size_t i = 0; i < core->did.n_sends; i++) {
		const struct swim_send *send = &core->did.sends[i];

		if (send->message.kind == kind &&
		    (!to || memcmp(send->to.bytes, id.bytes, MEMBER_ID_BYTES) == 0))
			return send;
	}
	return NULL;
}

/* The claim of that kind about a member in a message. */
static inline const struct swim_claim *core_claim_in(const struct swim_send *send,
						     enum swim_claim_kind kind, unsigned about)
{
	struct member_id id = core_id(about);

	for (size_t i = 0; send && i < send->message.n_claims; i++) {
		const struct swim_claim *claim = &send->message.claims[i];

		if (claim->kind == kind &&
		    memcmp(claim->subject.bytes, id.bytes, MEMBER_ID_BYTES) == 0)
			return claim;
	}
	return NULL;
}
