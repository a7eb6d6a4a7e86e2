/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring: the file that every member of a cluster has: the cluster's public key, by which
 * certificates are checked, and the group's secrets, by which strangers are kept out before any
 * signature is looked at. A line each, `#` begins a comment:
 *
 *     cluster 0123…ef        the cluster's public key, 64 hexadecimal digits
 *     secret 1 89ab…cd       a group secret and its number, 1 to 255
 *     use 1                  the secret that we seal with; all are good for opening
 *
 * Values; any thread.
 */
#pragma once

#include "core/buf.h"
#include "core/net/crypto.h"

enum {
	KEYRING_MAX_SECRETS = 8,
	KEYRING_MAX_BYTES = 8192,
	KEYRING_TAG_BYTES = 4,
	KEYRING_ERROR_MAX = 256,
};

struct keyring_secret {
	uint8_t id; /* 1 to 255 */
	uint8_t bytes[CRYPTO_KEY_BYTES];
};

struct keyring {
	uint8_t cluster_public[CRYPTO_KEY_BYTES];
	uint8_t group_tag[KEYRING_TAG_BYTES]; /* derived: tells clusters apart on the wire */
	struct keyring_secret secrets[KEYRING_MAX_SECRETS];
	size_t n_secrets;
	size_t in_use; /* index */
};

/* Strict: anything that is not as above is -EINVAL, and `reterr` (KEYRING_ERROR_MAX) says "line 3:
 * …". */
int keyring_parse(struct span text, struct keyring *ret_keyring, char *reterr);
/* The same from a file that nobody but its owner may read. Errors: also -ENOENT, -EPERM, …; reterr
 * names the file. */
int keyring_load(const char *path, struct keyring *ret_keyring, char *reterr);
void keyring_print(const struct keyring *keyring, struct buf *out);
/* Fills in group_tag from cluster_public. Errors: -EIO. */
int keyring_derive(struct keyring *keyring);
/* NULL: no such secret. */
const struct keyring_secret *keyring_find(const struct keyring *keyring, uint8_t id);
