/* SPDX-License-Identifier: Apache-2.0
 *
 * handshake: how two members prove to each other who they are and agree on a session.
 *
 *     initiator  HELLO    certificate, fresh X25519 key, signature over both and the header
 *     responder  WELCOME  the same, its signature covering the whole HELLO too
 *     both       keys from the X25519 agreement, the group's secret and a hash of both packets
 *
 * The responder's session counts only once a packet under its keys was opened: only who holds the
 * fresh key of that HELLO, now, can have sealed it. A HELLO is as long as any WELCOME, so that
 * nobody is made to shout at a third party. One thread at a time.
 */
#pragma once

#include "cluster/identity/identity.h"
#include "cluster/wire/seal.h"

enum {
	/* Both have this length on the wire, the rest is padding. */
	HANDSHAKE_BYTES = 640,
};

/* Borrowed by every call. */
struct handshake_self {
	const struct keyring *keyring;
	const struct identity *identity;
};

/* What the initiator remembers while it waits. */
struct handshake {
	uint8_t session[SEAL_SESSION_BYTES];
	uint8_t key_id;
	uint8_t private_key[CRYPTO_KEY_BYTES];
	uint8_t hello[HANDSHAKE_BYTES]; /* to send, and to send again */
};

enum handshake_outcome {
	HANDSHAKE_OK = 0,
	HANDSHAKE_OTHER_GROUP = 1, /* the other's keyring is another cluster's */
	HANDSHAKE_NO_SECRET = 2,   /* … or has other secrets */
	HANDSHAKE_MALFORMED = 3,
	HANDSHAKE_CERTIFICATE = 4,   /* not issued by our cluster key, or out of its time */
	HANDSHAKE_FORGED = 5,        /* the signature, or the sender, is not the certificate's */
	HANDSHAKE_OURSELVES = 6,     /* our own identity: an address of ours, or a copy of us */
	HANDSHAKE_OTHER_SESSION = 7, /* a WELCOME that does not answer our HELLO */
};
const char *handshake_outcome_name(enum handshake_outcome outcome);

/* The other side of a session that stands. */
struct proven_member {
	struct certificate certificate;
	uint8_t certificate_bytes[CERTIFICATE_MAX_BYTES];
	size_t certificate_len;
};

/* Makes the HELLO. Errors: -EIO, -ENOMEM. */
int handshake_begin(const struct handshake_self *self, struct handshake *ret_handshake);
/* Answers a HELLO with a WELCOME. The session is the caller's (session_fini), with HANDSHAKE_OK. */
int handshake_answer(const struct handshake_self *self, struct span hello, int64_t wall_s,
		     uint8_t ret_welcome[HANDSHAKE_BYTES], struct session *ret_session,
		     struct proven_member *ret_other);
/* Takes the WELCOME. Likewise. */
int handshake_finish(const struct handshake_self *self, const struct handshake *handshake,
		     struct span welcome, int64_t wall_s, struct session *ret_session,
		     struct proven_member *ret_other);
void handshake_wipe(struct handshake *handshake);
