/* SPDX-License-Identifier: Apache-2.0
 *
 * sock: the registry of all listening sockets (HTTP, DNS over UDP and TCP, gossip, admin).
 *
 * A socket is known by purpose, address and slot: slot i belongs to worker i, all slots of an
 * address share it by SO_REUSEPORT. Slots, not threads, own sockets, for closing one of a group
 * loses what the kernel had queued on it. A new process takes the whole registry from the old one
 * over a unix socket (SCM_RIGHTS), so that a restart or an upgrade loses nothing. The registry is
 * the main thread's; the descriptors in it may be used by any.
 */
#pragma once

#include "core/loop.h"
#include "core/net/addr.h"

enum sock_type { SOCK_TYPE_STREAM, SOCK_TYPE_DATAGRAM };

struct sock_registry;

int sock_registry_new(struct sock_registry **ret_registry);
/* Closes all that is in it. NULL is fine. */
void sock_registry_free(struct sock_registry *registry);

struct sock_wish {
	const char *purpose; /* "http", "dns", "gossip", "admin": copied */
	enum sock_type type;
	struct addr addr; /* port 0: the kernel chooses one, the same for all slots */
	unsigned slot;
	int receive_bytes; /* SO_RCVBUF; 0: the kernel's default */
	int send_bytes;
};

/* The descriptor for a purpose, address and slot: inherited if the old process had it, else bound
 * (and listening) now: non-blocking, close-on-exec, SO_REUSEPORT, for IPv6 V6ONLY. It stays the
 * registry's: never close it. An unix address replaces a stale socket file. *ret_addr is the
 * address with the port it got. Errors: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, …; log them with
 * sock_error_log(). */
int sock_get(struct sock_registry *registry, const struct sock_wish *wish, int *ret_fd,
	     struct addr *ret_addr);
/* One line at level error: which address, why, who holds it (for EADDRINUSE: the process, from
 * /proc, where it can be read), and what to do. */
void sock_error_log(const struct sock_wish *wish, int r);
/* Drops inherited sockets that nobody asked for: the new configuration no longer has them. */
void sock_drop_unclaimed(struct sock_registry *registry);

/* The socket is not wanted any more (a reload): closed, its file removed. */
void sock_give_up(struct sock_registry *registry, int fd);

/* A listening socket that will be closed takes no more connections: the kernel drops who knocks
 * from now on, and who is in the middle of it still comes through. So between the last accept() and
 * the close nobody is reset who believes to be connected. Where it cannot be done nothing changes.
 */
void sock_take_no_more(int fd);

/* Take-over. The old process offers its registry on a unix socket (mode 0600, same user, or root);
 * a new process asks there, gets all descriptors, and says when it serves; then the old one drains.
 * The registry must outlive the offer. */
struct sock_offer;
int sock_offer_open(struct sock_registry *registry, struct loop *loop, const char *path,
		    void (*on_taken)(void *arg), void *arg, struct sock_offer **ret_offer);
/* Leaves the path when it was taken over. NULL is fine. */
void sock_offer_close(struct sock_offer *offer);

enum sock_take_outcome { SOCK_TAKEN = 0, SOCK_NOBODY = 1 };
struct sock_heir; /* the open line to the old process */
/* Blocks for at most 5 s. SOCK_NOBODY: no old process there. */
int sock_take_over(struct sock_registry *registry, const char *path, struct sock_heir **ret_heir);
/* Tells the old process that we serve. Frees heir. NULL is fine. */
void sock_heir_ready(struct sock_heir *heir);
/* We end without ever having served: the old process goes on, and the files of unix sockets stay.
 * Frees heir. NULL is fine. */
void sock_heir_give_up(struct sock_heir *heir, struct sock_registry *registry);
