/* SPDX-License-Identifier: Apache-2.0
 *
 * swim: the pure core of membership and state. Events and the time go in, actions come out; it
 * reads no clock, no socket and no random source, so that the simulator (tests/sim) runs exactly
 * what ships. docs/mechanism/gossip.md says how it works.
 *
 *     for each event, and whenever ret.next_at has come (an event SWIM_TICK):
 *         swim_step(swim, loop_now(), &event, &actions);
 *         in this order: keep the incarnation on disk, send, keep lines, set the timer, tell views
 *
 * All that a stranger can make grow has a maximum (message.h, swim_conf.h). Out of memory drops
 * what was said, is counted, and is made good by the next sync. One thread at a time.
 */
#pragma once

#include "cluster/member/member.h"
#include "cluster/swim/message.h"
#include "cluster/swim/swim_conf.h"
#include "core/clock.h"

enum {
	SWIM_MAX_SEEDS = 64,
	SWIM_MAX_KEPT = 8,
	SWIM_PROTOCOL_MIN = 1,
	SWIM_PROTOCOL_MAX = 1,
};

/* Signatures are made and checked outside: with Ed25519 where it ships, cheaper in simulations.
 * Pure functions all; none may call back. */
struct swim_env {
	void *arg;
	/* Signs with our key. Errors: <0 (nothing is said then). */
	int (*sign)(void *arg, struct span bytes, uint8_t ret_signature[SWIM_SIGNATURE_BYTES]);
	/* Is this certificate in order (issued by the cluster key, in its time) and of that member?
	 * A key to check that member's signatures with, or NULL: no. The core owns it and gives it
	 * back to key_close() when the member is forgotten or comes with another certificate. */
	void *(*key_open)(void *arg, const struct member_id *id, struct span certificate);
	void (*key_close)(void *arg, void *key);
	bool (*verify)(void *arg, void *key, struct span bytes,
		       const uint8_t signature[SWIM_SIGNATURE_BYTES]);
};

/* Who we are; all is copied. */
struct swim_self {
	struct member_id id;
	struct addr addr; /* where others reach us, UDP and TCP alike */
	struct span certificate;
	uint64_t incarnation; /* of this life: above all that we have ever used; at least 1 */
};

struct swim;

/* `conf` and `env` are borrowed for its life. The same seed and the same steps give the same
 * actions. Errors: -EINVAL (conf), -ENOMEM, those of signing. */
int swim_new(const struct swim_conf *conf, const struct swim_env *env, const struct swim_self *self,
	     uint64_t seed, struct swim **ret_swim);
void swim_free(struct swim *swim); /* NULL is fine */

enum swim_transport { SWIM_UDP, SWIM_TCP };

enum swim_event_kind {
	SWIM_TICK,     /* nothing but that time has passed */
	SWIM_RECEIVED, /* a message that was opened, from a proven sender */
	SWIM_EVIDENCE, /* something happened to a TCP line */
	SWIM_PUBLISH,  /* a fact of ours; the same bytes again change nothing */
	SWIM_SEEDS,    /* where to look for the group: replaces what was there */
	SWIM_LEAVE,    /* say that we leave; go on with steps for up to a second, then free */
};

enum swim_evidence {
	SWIM_REFUSED,   /* the kernel there says that nobody listens: counts as proof */
	SWIM_LINE_LOST, /* reset or closed: makes us probe */
};

struct swim_event {
	enum swim_event_kind kind;
	struct member_id from;              /* RECEIVED; EVIDENCE: the member dialled */
	struct addr addr;                   /* RECEIVED: where it came from; EVIDENCE: dialled */
	enum swim_transport via;            /* RECEIVED */
	const struct swim_message *message; /* RECEIVED; swim_message_ok() */
	enum swim_evidence evidence;        /* EVIDENCE */
	uint32_t key;                       /* PUBLISH */
	struct span bytes;                  /* PUBLISH */
	const struct addr *seeds; /* SEEDS: at most SWIM_MAX_SEEDS, ours may be among them */
	size_t n_seeds;
};

struct swim_send {
	bool to_known;       /* false: whoever is at `addr` (a seed) */
	struct member_id to; /* when to_known */
	struct addr addr;
	enum swim_transport via;
	struct swim_message message; /* fits SWIM_MAX_DATAGRAM_BYTES or SWIM_MAX_STREAM_BYTES */
};

struct swim_change {
	struct member_id id;
	bool is_new; /* not known before; `from` is then MEMBER_LEFT */
	enum member_state from, to;
};

struct swim_keep_line {
	struct member_id id;
	struct addr addr;
};

/* What is to be done. All of it is borrowed until the next step. */
struct swim_actions {
	mono_t next_at; /* step again at this time, or sooner with any event */

	/* Ours is higher now: must be on disk before anything is sent. */
	bool incarnation_raised;
	uint64_t incarnation;

	const struct swim_send *sends; /* in this order */
	size_t n_sends;

	/* TCP lines to keep open, from now on these and no others. A kept line that ends is dialled
	 * again at once, and the outcome told as SWIM_EVIDENCE. */
	bool keep_changed;
	struct swim_keep_line keep[SWIM_MAX_KEPT];
	size_t n_keep;

	/* For logs; views are made from swim_members(). Further ones than fit are left out. */
	const struct swim_change *changes;
	size_t n_changes;
	bool view_changed; /* a member's state, address, incarnation or fact, also of our own */

	/* Somebody else lives with our identity: tell a person. */
	bool identity_clash;
};

/* Never fails: what cannot be done is counted and left out. `now` never goes back. */
void swim_step(struct swim *swim, mono_t now, const struct swim_event *event,
	       struct swim_actions *ret_actions);

/* All that we know, ourselves among them, in no order; the dead and the left too, for their
 * tombstone time. Borrowed until the next step. */
const struct member *const *swim_members(const struct swim *swim, size_t *ret_n);
const struct member *swim_member(const struct swim *swim, const struct member_id *id);
const struct member *swim_me(const struct swim *swim);
size_t swim_n_live(const struct swim *swim); /* alive or suspect, ourselves among them */

/* Counted since the start; for metrics and tests. */
/* clang-format off */
enum swim_counter {
#define X(name, word, help) SWIM_N_##name,
#include "cluster/swim/counters.def"
#undef X
	SWIM_N_COUNTERS
};
/* clang-format on */
uint64_t swim_counter(const struct swim *swim, enum swim_counter counter);
const char *swim_counter_word(enum swim_counter counter);
const char *swim_counter_help(enum swim_counter counter);
/* 0: in good health; how much our own periods are stretched. */
uint32_t swim_awareness(const struct swim *swim);
