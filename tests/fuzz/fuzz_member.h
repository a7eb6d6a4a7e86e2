/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_member: a member of a cluster, always the same, without files.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "cluster/wire/handshake.h"
#include "core/must.h"

static inline void fuzz_member_certify(struct identity *identity, const struct sign_key *authority)
{
	struct certificate *certificate = &identity->certificate;

	sign_key_public(identity->key, certificate->public_key);
	snprintf(certificate->name, sizeof(certificate->name), "fuzz");
	snprintf(certificate->region, sizeof(certificate->region), "fuzz");
	certificate->roles = ROLE_EDGE;
	certificate->not_after_s = INT64_MAX;
	MUST(member_id_of(certificate->public_key, &certificate->id) == 0);
	MUST(certificate_issue(authority, certificate, identity->certificate_bytes,
			       &identity->certificate_len) == 0);
}

/* Made once, never freed. */
static inline const struct handshake_self *fuzz_member_self(void)
{
	static struct keyring keyring = { .n_secrets = 1, .secrets = { { .id = 1 } } };
	static struct identity identity;
	static struct sign_key *authority;
	static const struct handshake_self self = { &keyring, &identity };
	const uint8_t seed[CRYPTO_KEY_BYTES] = { 1 }, authority_seed[CRYPTO_KEY_BYTES] = { 2 };

	if (identity.key)
		return &self;
	MUST(sign_key_new(authority_seed, &authority) == 0);
	sign_key_public(authority, keyring.cluster_public);
	MUST(keyring_derive(&keyring) == 0);
	MUST(verify_key_new(keyring.cluster_public, &identity.authority) == 0);
	MUST(sign_key_new(seed, &identity.key) == 0);
	fuzz_member_certify(&identity, authority);
	return &self;
}
