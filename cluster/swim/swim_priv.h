/* SPDX-License-Identifier: Apache-2.0
 *
 * swim_priv: the inside of the core, for the files of cluster/swim alone.
 *
 * A step applies its event, then lets each part run what is due at swim->now; each `_run` returns
 * when it wants to be called next. What is to be sent is copied into the step's arena, so that
 * nothing that changes later in the step can change it.
 */
#pragma once

#include "cluster/swim/swim.h"
#include "core/arena.h"
#include "core/obj.h"
#include "core/rng.h"

enum {
	SWIM_KIND_WORD = OBJ_KIND('s', 'w', 'i', 'm'),
	MAX_PROBES = 8,  /* under way at once, ours */
	MAX_RELAYS = 64, /* for others */
	MAX_HELPERS = 8,
	MAX_SENDS = 1024, /* in a step */
	MAX_CHANGES = 1024,
	MAX_URGENT = 8,   /* members that are told at once */
	MAX_LOOKED = 256, /* items in the queue, for one packet */
	STEP_MAX_BYTES = 32 * 1024 * 1024,
	BIG_FACTS_BYTES = 64 * 1024, /* in one message by TCP */
	ANSWER_SPACING_MS = 1000,
	SYNC_SPACING_MS = 100,
	SWEEP_PERIOD_MS = 60000,
	TOMBSTONE_MARGIN_S = 300, /* too old to be told to others */
	CLASH_MEMORY_MS = 60000,
	CLASH_SPACING_MS = 1000,
	FRESH_MS = 5000, /* an alive claim that others may lack yet */
};

enum probe_stage { PROBE_FREE, PROBE_DIRECT, PROBE_INDIRECT };
struct probe {
	enum probe_stage stage;
	bool in_turn; /* the period's own; else a confirmation */
	struct member_id target;
	uint32_t seq;
	mono_t sent_at, indirect_at, until;
	size_t n_helpers, n_nacks;
};

struct relay {
	bool used, nacked;
	struct member_id target, asker;
	struct addr asker_addr;
	uint32_t asker_seq, seq;
	mono_t nack_at, until;
};

struct seed {
	struct addr addr;
	mono_t redial_at;
	uint32_t redial_ms;
};

struct swim {
	uint32_t kind;
	const struct swim_conf *conf;
	const struct swim_env *env;
	struct rng rng;
	mono_t now, due_at; /* due_at: when we asked to be called */
	struct members members;
	struct member *me;
	bool started, leaving;
	uint64_t n_steps;
	uint64_t generation; /* of our facts */
	uint64_t hashes[SWIM_BUCKETS];
	uint64_t state_bytes; /* of the others' facts */
	struct spread spread, spread_big;
	uint64_t counters[SWIM_N_COUNTERS];

	struct probe probes[MAX_PROBES];
	struct relay relays[MAX_RELAYS];
	size_t next_turn; /* in members.live */
	uint32_t next_seq, awareness;
	mono_t probe_at, gossip_at, sync_at, want_sync_at, redial_at, sweep_at;
	uint32_t sync_stamp;
	struct seed seeds[SWIM_MAX_SEEDS];
	size_t n_seeds;
	bool ring_changed; /* who is live, or where */
	struct swim_keep_line kept[SWIM_MAX_KEPT];
	size_t n_kept;
	mono_t clash_at; /* we defended our identity last */

	/* Of this step. */
	struct arena arena;
	struct swim_send *sends;
	size_t n_sends;
	struct swim_change *changes;
	size_t n_changes;
	bool view_changed, incarnation_raised, identity_clash;
	uint64_t signed_bytes[SWIM_SIGNED_FACT_MAX / 8 + 1]; /* room to build them in */
};

static inline void count(struct swim *swim, enum swim_counter counter)
{
	swim->counters[counter]++;
}
static inline bool id_equal(const struct member_id *a, const struct member_id *b)
{
	return memcmp(a->bytes, b->bytes, MEMBER_ID_BYTES) == 0;
}
static inline bool due(const struct swim *swim, mono_t at)
{
	return !mono_before(swim->now, at);
}
/* ms, give or take a fifth: so that members do not march in step. */
mono_t jittered(struct swim *swim, uint32_t ms);
/* Up to n different live members other than `except` (or NULL). Returns how many. */
size_t pick_live(struct swim *swim, const struct member *except, size_t n,
		 struct member *ret_members[]);
static inline bool is_live(const struct member *member)
{
	return member->state == MEMBER_ALIVE || member->state == MEMBER_SUSPECT;
}

/* roster.c: the table, with all that must be kept true when it changes. */
struct member *roster_add(struct swim *swim, const struct member_id *id);
void roster_goto(struct swim *swim, struct member *member, enum member_state to, mono_t since);
/* After any change of a member or its facts. */
void roster_touch(struct swim *swim, struct member *member);
void roster_remove(struct swim *swim, struct member *member);
bool roster_fading(const struct swim *swim, const struct member *member);
mono_t roster_run(struct swim *swim);

/* packet.c: filling messages. */
struct packet {
	struct swim *swim;
	struct swim_send send;
	struct swim_claim *claims;
	struct swim_fact *facts;
	size_t cap_claims, cap_facts, used_bytes, max_bytes;
	bool failed;
};
void packet_begin(struct packet *packet, struct swim *swim, enum swim_kind kind,
		  enum swim_transport via);
/* False, and nothing added, when there is no room. */
bool packet_add_claim(struct packet *packet, const struct swim_claim *claim, uint32_t age_s);
bool packet_add_fact(struct packet *packet, const struct swim_fact *fact);
/* Where it stands: its accusations, or its own claim. `whole`: that and always its own claim. */
bool packet_add_member(struct packet *packet, const struct member *member, bool whole);
void packet_send(struct packet *packet, const struct member_id *to, const struct addr *addr);
/* The same to a member, with what is to be spread in the room that is left. */
void packet_send_full(struct packet *packet, const struct member *to);
void packet_fill(struct packet *packet);

/* claims.c: what others and we say of members. */
void claims_apply(struct swim *swim, const struct swim_event *event,
		  const struct swim_claim *claim);
/* Says it ourselves. */
void claims_accuse(struct swim *swim, struct member *member, bool refused);
mono_t claims_run(struct swim *swim);

/* own.c: what we say of ourselves. */
int own_begin(struct swim *swim, const struct swim_self *self);
bool own_verify(struct swim *swim, void *key, const struct swim_claim *claim);
void own_leave(struct swim *swim);
void own_publish(struct swim *swim, uint32_t key, struct span bytes);
/* Somebody says so of us. */
void own_on_claim(struct swim *swim, const struct swim_claim *claim);
void own_on_fact(struct swim *swim, const struct swim_fact *fact);
bool own_sign_claim(struct swim *swim, struct swim_claim *claim);

/* facts.c: facts of others. */
void facts_apply(struct swim *swim, const struct swim_fact *fact);
void facts_queue(struct swim *swim, struct member *member, struct fact *fact);
bool facts_verify(struct swim *swim, const struct member *owner, const struct swim_fact *fact);

/* probe.c: are they there? */
void probe_start(struct swim *swim, struct member *member, bool in_turn, bool by_tcp);
void probe_on_ping(struct swim *swim, const struct swim_event *event);
void probe_on_ping_req(struct swim *swim, const struct swim_event *event);
void probe_on_ack(struct swim *swim, const struct swim_event *event);
void probe_on_nack(struct swim *swim, const struct swim_event *event);
void probe_on_evidence(struct swim *swim, const struct swim_event *event);
void probe_ail(struct swim *swim, uint32_t by); /* we are not well */
void probe_cancel_all(struct swim *swim);
mono_t probe_run(struct swim *swim);

/* gossip.c: telling at random, and at once. */
void gossip_urgent(struct swim *swim, struct member *about);
/* Tells the sender of `event` what we hold of `about`, the way it came, at most once a second for
 * each `about`. */
void gossip_answer(struct swim *swim, const struct swim_event *event, struct member *about);
/* Tells a member what it is accused of, as often. */
void gossip_tell_accused(struct swim *swim, struct member *accused,
			 const struct swim_claim *accusation);
mono_t gossip_run(struct swim *swim);

/* sync.c: comparing all. */
void sync_want(struct swim *swim, const struct member_id *with, const struct addr *addr);
void sync_open_seed(struct swim *swim, const struct addr *addr);
void sync_on_open(struct swim *swim, const struct swim_event *event);
void sync_on_data(struct swim *swim, const struct swim_event *event);
mono_t sync_run(struct swim *swim);

/* redial.c: seeds and the dead. */
void redial_set_seeds(struct swim *swim, const struct addr *seeds, size_t n);
void redial_begin(struct swim *swim, struct member *member); /* it is dead now */
mono_t redial_run(struct swim *swim);

/* watch.c: which TCP lines to keep. */
bool watch_run(struct swim *swim); /* they changed */
