/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_tickets: a few keys behind a lock that is held for a copy: once a full handshake or a
 * resumption, never for a request.
 */
#include "core/net/tls_tickets.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/error.h"
#include "core/net/crypto.h"
#include "core/obj.h"

#define TICKETS_KIND OBJ_KIND('t', 'i', 'c', 'k')

struct tls_tickets {
	uint32_t kind;
	_Atomic uint32_t n_refs;
	pthread_rwlock_t lock;
	struct tls_ticket_key keys[TLS_TICKET_KEYS]; /* the first seals */
	size_t n_keys;
};

static int key_make(struct tls_ticket_key *key)
{
	int r = crypto_random(key, sizeof(*key));

	return r < 0 ? err_pass(r) : 0;
}

int tls_tickets_new(struct tls_tickets **ret_tickets)
{
	struct tls_tickets *tickets = OBJ_NEW(struct tls_tickets, TICKETS_KIND);

	if (!tickets)
		return err_new(-ENOMEM);
	tickets->n_refs = 1;
	pthread_rwlock_init(&tickets->lock, NULL);
	int r = tls_tickets_rotate(tickets);
	if (r < 0) {
		tls_tickets_unref(tickets);
		return err_pass(r);
	}
	*ret_tickets = tickets;
	return 0;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets)
{
	MUST(tickets->kind == TICKETS_KIND);
	atomic_fetch_add_explicit(&tickets->n_refs, 1, memory_order_relaxed);
	return tickets;
}

void tls_tickets_unref(struct tls_tickets *tickets)
{
	if (!tickets)
		return;
	MUST(tickets->kind == TICKETS_KIND);
	if (atomic_fetch_sub_explicit(&tickets->n_refs, 1, memory_order_acq_rel) != 1)
		return;
	crypto_wipe(tickets->keys, sizeof(tickets->keys));
	pthread_rwlock_destroy(&tickets->lock);
	OBJ_FREE(tickets);
}

int tls_tickets_rotate(struct tls_tickets *tickets)
{
	struct tls_ticket_key key;
	int r = key_make(&key);

	if (r < 0)
		return err_pass(r);
	pthread_rwlock_wrlock(&tickets->lock);
	if (tickets->n_keys < TLS_TICKET_KEYS)
		tickets->n_keys++;
	memmove(&tickets->keys[1], &tickets->keys[0], (tickets->n_keys - 1) * sizeof(key));
	tickets->keys[0] = key;
	pthread_rwlock_unlock(&tickets->lock);
	crypto_wipe(&key, sizeof(key));
	return 0;
}

void tls_tickets_set(struct tls_tickets *tickets, const struct tls_ticket_key *keys, size_t n_keys)
{
	MUST(n_keys > 0 && n_keys <= TLS_TICKET_KEYS);
	pthread_rwlock_wrlock(&tickets->lock);
	memcpy(tickets->keys, keys, n_keys * sizeof(*keys));
	tickets->n_keys = n_keys;
	pthread_rwlock_unlock(&tickets->lock);
}

bool tls_tickets_find(struct tls_tickets *tickets, const uint8_t *name,
		      struct tls_ticket_key *ret_key, bool *ret_old)
{
	bool found = false;

	pthread_rwlock_rdlock(&tickets->lock);
	for (size_t i = 0; i < tickets->n_keys && !found; i++) {
		const struct tls_ticket_key *key = &tickets->keys[i];
		found = !name || memcmp(key->name, name, sizeof(key->name)) == 0;
		if (found) {
			*ret_key = *key;
			*ret_old = i > 0;
		}
	}
	pthread_rwlock_unlock(&tickets->lock);
	return found;
}
