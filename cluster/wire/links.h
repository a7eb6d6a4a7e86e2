/* SPDX-License-Identifier: Apache-2.0
 *
 * links: sessions with other members over datagrams. Whoever sends says to whom and where; links
 * greets when there is no session yet, keeps what is to be sent meanwhile, answers greetings, and
 * hands out what was opened with the proof of who sent it.
 *
 * It has no socket and no clock: packets, time and a way out are given to it. One thread.
 */
#pragma once

#include "cluster/wire/reject.h"
#include "core/clock.h"
#include "core/net/addr.h"

enum {
	LINKS_MAX = 16384,         /* members */
	LINKS_MAX_GREETINGS = 256, /* of ours, under way */
	LINKS_MAX_PENDING = 256,   /* of others: answered, not proven yet */
	LINKS_MAX_QUEUED = 8,      /* messages behind one greeting */
	LINKS_QUEUED_MS = 1000,    /* they are late after that */
	LINKS_TICK_MS = 50,
};

struct links;

/* What links asks of its owner. None may free the links. */
struct links_out {
	void (*send)(void *arg, const struct addr *to, struct span packet);
	/* `plain` is valid during the call. */
	void (*deliver)(void *arg, const struct member_id *from, const struct addr *addr,
			struct span plain);
	/* A session stands: the other has proven to be that member. */
	void (*met)(void *arg, const struct proven_member *other, const struct addr *addr);
	/* Somebody there refuses our greeting. Unproven: good for a log line, no more. */
	void (*refused)(void *arg, const struct addr *by, enum seal_hint why);
	void (*rejected)(void *arg, const struct addr *from, enum reject why);
};

/* `self` and `out` are borrowed for its life. Errors: -ENOMEM, -EIO. */
int links_new(const struct handshake_self *self, const struct links_out *out, void *arg,
	      struct links **ret_links);
void links_free(struct links *links); /* NULL is fine */

enum links_outcome {
	LINKS_SENT = 0,
	LINKS_WAITING = 1, /* we greet; it goes out when that is answered within LINKS_QUEUED_MS */
	LINKS_DROPPED = 2, /* too many wait already */
};
/* Sends at most SEAL_MAX_PLAIN_BYTES to a member at an address; `to` NULL: to whoever is there.
 * Errors: -ENOMEM, -EIO. */
int links_send(struct links *links, mono_t now, const struct member_id *to, const struct addr *addr,
	       struct span plain);
/* A datagram that came in. */
void links_receive(struct links *links, mono_t now, int64_t wall_s, const struct addr *from,
		   struct span packet);
/* Greets again, gives up, forgets. Every LINKS_TICK_MS or so. */
void links_tick(struct links *links, mono_t now);
/* The session with a member ends: it died or left. */
void links_forget(struct links *links, const struct member_id *member);
