/* SPDX-License-Identifier: Apache-2.0
 *
 * identity: who we are: our Ed25519 key, our certificate, and the incarnation, a counter that only
 * ever grows, kept on disk so that a new life of ours is told from the last. A folder has it all:
 *
 *     member.key         the private key: 64 hexadecimal digits; mode 0600
 *     member.crt         the certificate, signed by the cluster key
 *     incarnation        a number; made by the first start
 *
 * Made by `meridianctl cluster admit`. One thread at a time; the sign key may be used by any.
 */
#pragma once

#include "cluster/identity/certificate.h"
#include "cluster/identity/keyring.h"

enum {
	IDENTITY_ERROR_MAX = 512,
	/* So many raises cost one write to disk: what is on disk is a number that we did not reach.
	 */
	IDENTITY_INCARNATIONS_AHEAD = 1024,
};

#define IDENTITY_KEY_FILE         "member.key"
#define IDENTITY_CERTIFICATE_FILE "member.crt"
#define IDENTITY_INCARNATION_FILE "incarnation"

struct identity {
	uint32_t kind;
	struct sign_key *key;         /* owned */
	struct verify_key *authority; /* owned: the cluster's public key */
	struct certificate certificate;
	uint8_t certificate_bytes[CERTIFICATE_MAX_BYTES];
	size_t certificate_len;
	uint64_t incarnation;
	uint64_t saved_incarnation; /* on disk; above `incarnation` */
	char *incarnation_path;     /* owned */
};

/* Reads and checks the folder against the keyring, and begins a new incarnation. `reterr`
 * (IDENTITY_ERROR_MAX) names the file and what to do. Errors: -EINVAL, -ENOENT, -EPERM, … */
int identity_open(const char *folder, const struct keyring *keyring, int64_t wall_s,
		  struct identity **ret_identity, char *reterr);
void identity_close(struct identity *identity); /* NULL is fine */

/* Ours is `incarnation` from now on (never lower than it was); on disk when this returns. */
int identity_raise_incarnation(struct identity *identity, uint64_t incarnation);

static inline struct span identity_certificate(const struct identity *identity)
{
	return span_of(identity->certificate_bytes, identity->certificate_len);
}
