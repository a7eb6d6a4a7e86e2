/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp: lines between members: for messages that do not fit a datagram, for members that datagrams
 * do not reach, and to learn at once that a process has died. A line has a handshake and a session
 * of its own; its frames are envelopes with their length (4 bytes) before them.
 *
 * A few lines are *kept* open for nothing but their end: a killed process's kernel closes them, the
 * dial that follows is refused, and so we know. The cluster's thread.
 */
#pragma once

#include "cluster/swim/message.h"
#include "cluster/wire/reject.h"
#include "core/loop.h"

enum {
	TCP_MAX_PLAIN_BYTES = SWIM_MAX_STREAM_BYTES, /* opens in well under a millisecond */
	TCP_MAX_LINES = 1024,
	TCP_MAX_STRANGERS = 64, /* accepted, and not proven yet */
	TCP_MAX_KEPT = 8,
	TCP_TICK_MS = 50,
};

enum tcp_loss {
	TCP_REFUSED = 1, /* nobody listens there: the process is gone */
	TCP_RESET = 2,
	TCP_CLOSED = 3,
	TCP_TIMED_OUT = 4, /* or unreachable */
	TCP_REJECTED = 5,  /* one of us did not like the other's handshake or bytes */
};
const char *tcp_loss_name(enum tcp_loss loss);

/* As struct links_out, for lines. None may free the tcp. */
struct tcp_out {
	void (*deliver)(void *arg, const struct member_id *from, const struct addr *addr,
			struct span plain);
	void (*met)(void *arg, const struct proven_member *other, const struct addr *addr);
	/* A line with a member that we knew, or dialled as, that member. */
	void (*lost)(void *arg, const struct member_id *id, const struct addr *addr,
		     enum tcp_loss why);
	void (*refused)(void *arg, const struct addr *by, enum seal_hint why);
	void (*rejected)(void *arg, const struct addr *from, enum reject why);
};

struct tcp;

/* `listen_fd` is the registry's. `self` and `out` are borrowed. Errors: -ENOMEM. */
int tcp_new(struct loop *loop, const struct handshake_self *self, int listen_fd,
	    const struct tcp_out *out, void *arg, struct tcp **ret_tcp);
void tcp_free(struct tcp *tcp); /* closes all lines without a word to `out`; NULL is fine */

/* Over a line that stands with this member, else a new one to the address. `to` NULL: whoever is
 * there, over the line that was dialled there if there is one. What cannot be sent is dropped, and
 * `lost` says so. Errors: -ENOMEM, -EMSGSIZE, -EBUSY (too many lines, or too much waits in it),
 * those of connecting. */
int tcp_send(struct tcp *tcp, const struct member_id *to, const struct addr *addr,
	     struct span plain);

struct tcp_keep {
	struct member_id id;
	struct addr addr;
};
/* These lines are to be kept from now on (at most TCP_MAX_KEPT), and no others. */
void tcp_keep(struct tcp *tcp, const struct tcp_keep *keep, size_t n);
/* Dials what is to be kept, closes what is idle. Every TCP_TICK_MS or so. */
void tcp_tick(struct tcp *tcp);
