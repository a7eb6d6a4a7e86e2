/* SPDX-License-Identifier: Apache-2.0
 *
 * sock_priv: what the files of sock share: the entries of the registry, the messages of a
 * take-over, and who holds a port.
 */
#pragma once

#include "core/buf.h"
#include "core/cursor.h"
#include "core/net/sock.h"

enum {
	SOCK_PURPOSE_MAX = 31,
	SOCK_BATCH_MAX = 200, /* descriptors in a message: the kernel's limit is 253 */
	SOCK_SOCKETS_MAX = 4096,
	SOCK_MESSAGE_MAX = 128 * 1024,
	SOCK_TALK_MS = 5000,
};

/* What is known of a socket, beside its descriptor: what travels in a take-over. */
struct sock_fact {
	char purpose[SOCK_PURPOSE_MAX + 1];
	enum sock_type type;
	unsigned slot;
	struct addr asked; /* the key; its port may be 0 */
	struct addr bound;
};

struct sock_entry {
	TAILQ_ENTRY(sock_entry) link;
	struct sock_fact fact;
	int fd; /* owned */
	bool claimed;
};
TAILQ_HEAD(sock_entries, sock_entry);

struct sock_registry {
	uint32_t kind;
	struct sock_entries entries;
	size_t n_entries;
	uint64_t n_changes; /* so that an offer sees that its place in the list is void */
	bool given;         /* another process has it all: socket files are its own now */
};

struct sock_registry *sock_registry_check(struct sock_registry *registry);
struct sock_entry *sock_find(const struct sock_entries *entries, const struct sock_fact *key);
void sock_entries_close(struct sock_entries *entries);

/* ---- sock_wire.c: a message is one packet of a SOCK_SEQPACKET socket ---- */

enum sock_message {
	SOCK_MESSAGE_ASK = 1,   /* the heir: the next batch, please */
	SOCK_MESSAGE_BATCH = 2, /* the old process: facts, and as many descriptors beside them */
	SOCK_MESSAGE_READY = 3, /* the heir: we serve */
};
/* False when the bytes are no message of this protocol and version. The cursor stands behind it. */
bool sock_message_read(struct cursor *c, enum sock_message *ret_type);
void sock_message_write(struct buf *out, enum sock_message type);

struct sock_batch {
	unsigned n; /* <= SOCK_BATCH_MAX */
	bool more;  /* ask again */
};
void sock_batch_write(struct buf *out, struct sock_batch batch);
void sock_fact_write(struct buf *out, const struct sock_fact *fact);
/* `message` whole, into room for SOCK_BATCH_MAX facts. False when anything in it is off. */
bool sock_batch_read(struct span message, struct sock_batch *ret_batch, struct sock_fact *facts);

/* ---- sock_holder.c ---- */

struct sock_holder {
	int pid;
	char name[32];
};
/* Which process has a socket bound to the port (or path) of addr, as far as /proc lets us see. */
bool sock_holder_find(const struct addr *addr, enum sock_type type, struct sock_holder *ret_holder);
