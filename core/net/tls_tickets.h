/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_tickets: the keys that session tickets are sealed with (RFC 5077, RFC 8446 4.6.1). All
 * contexts of a process share one ring, so a ticket outlives a reload; whoever gives several
 * processes the same keys makes their tickets good everywhere. Any thread.
 */
#pragma once

#include <stdint.h>

#include "core/span.h"

enum { TLS_TICKET_KEYS = 3 };

struct tls_ticket_key {
	uint8_t name[16];
	uint8_t aes[32];
	uint8_t hmac[32];
};

struct tls_tickets;

/* With one key, made here. One reference, the caller's. Errors: -ENOMEM, -EIO (no randomness). */
int tls_tickets_new(struct tls_tickets **ret_tickets);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets);
void tls_tickets_unref(struct tls_tickets *tickets); /* NULL is fine; the keys are wiped */
/* A new key seals from now on; those before it open, until TLS_TICKET_KEYS newer ones have come.
 * Errors: -EIO. */
int tls_tickets_rotate(struct tls_tickets *tickets);
/* These keys from now on, the first seals; 1 to TLS_TICKET_KEYS. Copied. */
void tls_tickets_set(struct tls_tickets *tickets, const struct tls_ticket_key *keys, size_t n_keys);

/* For contexts. False: there is no such key. `*ret_old`: another seals now, so the ticket is due to
 * be replaced. `name` NULL: the key that seals. */
bool tls_tickets_find(struct tls_tickets *tickets, const uint8_t *name,
		      struct tls_ticket_key *ret_key, bool *ret_old);
