/* SPDX-License-Identifier: Apache-2.0
 *
 * links_priv: the tables from inside, for links.c (ours: links and greetings) and links_answer.c
 * (what strangers ask of us).
 */
#pragma once

#include "cluster/wire/links.h"
#include "core/obj.h"
#include "core/table.h"

#define LINKS_KIND OBJ_KIND('l', 'n', 'k', 's')

enum {
	ADDR_KEY_BYTES = 18,
	RESET_PLAIN_BYTES = SEAL_SESSION_BYTES + 6, /* the session, and the counter of a packet */
	RESET_BYTES = SEAL_OVERHEAD_BYTES + RESET_PLAIN_BYTES,
};

struct queued {
	STAILQ_ENTRY(queued) entry;
	mono_t at;
	size_t len;
	uint8_t bytes[];
};

struct greeting {
	UT_hash_handle hh; /* by key */
	uint8_t key[ADDR_KEY_BYTES];
	struct addr addr;
	struct member_id expected;
	bool expects;
	bool told; /* that it is refused: once is enough */
	struct handshake handshake;
	unsigned n_tries;
	mono_t next_at;
	STAILQ_HEAD(, queued) queue;
	unsigned n_queued;
};

struct pending {
	TAILQ_ENTRY(pending) entry; /* oldest first */
	struct session session;
	struct proven_member other;
	uint8_t welcome[HANDSHAKE_BYTES];
	mono_t until;
};

struct link {
	UT_hash_handle hh; /* by id */
	struct member_id id;
	struct addr addr;           /* where we last sent to, or were greeted from */
	struct session now, before; /* `before` is zeroed when there is none */
	int64_t not_after_s;
	mono_t used_at;
};

/* At most `per_s` a second, and as many at once. */
struct bucket {
	double tokens;
	mono_t at;
};

struct links {
	uint32_t kind;
	const struct handshake_self *self;
	const struct links_out *out;
	void *arg;
	struct link *links;
	struct greeting *greetings;
	TAILQ_HEAD(, pending) pending;
	size_t n_pending;
	uint8_t reset_session[SEAL_SESSION_BYTES]; /* of this life: names the key of our resets */
	uint64_t reset_counter;
	struct bucket answers, resets, hints;
};

static inline void links_reject(struct links *links, const struct addr *from, enum reject why)
{
	links->out->rejected(links->arg, from, why);
}

/* Fills the buckets. */
void links_answer_init(struct links *links);
/* A stranger's HELLO: WELCOME and a pending session, or a hint, or nothing. */
void links_answer_hello(struct links *links, mono_t now, int64_t wall_s, const struct addr *from,
			const struct seal_header *header, struct span packet);
/* "I have no such session", to one who may have outlived our last life. */
void links_answer_reset(struct links *links, mono_t now, const struct addr *to,
			const struct seal_header *refused, size_t refused_len);
/* The session that we answered with, of this packet's sender and session; or NULL. */
struct pending *links_pending_find(struct links *links, const struct seal_header *header);
void links_pending_drop(struct links *links, struct pending *pending);
