/* SPDX-License-Identifier: Apache-2.0
 *
 * proof: a member's key is kept beside what its certificate says, for views ask that of each
 * member.
 */
#include "cluster/proof.h"

#include "core/error.h"
#include "core/loop.h"
#include "core/obj.h"

#define MEMBER_KEY_KIND OBJ_KIND('m', 'k', 'e', 'y')

struct member_key {
	uint32_t kind;
	struct verify_key *key; /* owned */
	struct certificate certificate;
};

static int sign(void *arg, struct span bytes, uint8_t ret_signature[SWIM_SIGNATURE_BYTES])
{
	const struct proof *proof = arg;

	return err_pass(sign_make(proof->identity->key, bytes, ret_signature));
}

static void *key_open(void *arg, const struct member_id *id, struct span certificate)
{
	const struct proof *proof = arg;
	struct certificate seen;

	if (certificate_check(proof->identity->authority, certificate, loop_wall_s(proof->loop),
			      &seen) != CERTIFICATE_OK ||
	    !member_id_equal(id, &seen.id))
		return NULL;
	struct member_key *key = OBJ_NEW(struct member_key, MEMBER_KEY_KIND);
	if (!key)
		return NULL;
	key->certificate = seen;
	if (verify_key_new(seen.public_key, &key->key) < 0) {
		OBJ_FREE(key);
		return NULL;
	}
	return key;
}

static void key_close(void *arg, void *opened)
{
	struct member_key *key = OBJ_CAST(struct member_key, opened, MEMBER_KEY_KIND);

	(void)arg;
	verify_key_free(key->key);
	OBJ_FREE(key);
}

static bool verify(void *arg, void *opened, struct span bytes,
		   const uint8_t signature[SWIM_SIGNATURE_BYTES])
{
	const struct member_key *key = OBJ_CAST(struct member_key, opened, MEMBER_KEY_KIND);

	(void)arg;
	return verify_check(key->key, bytes, span_of(signature, SWIM_SIGNATURE_BYTES));
}

void proof_init(struct proof *proof, const struct identity *identity, struct loop *loop)
{
	*proof = (struct proof){ .identity = identity, .loop = loop };
	proof->env = (struct swim_env){ .arg = proof,
					.sign = sign,
					.key_open = key_open,
					.key_close = key_close,
					.verify = verify };
}

const struct certificate *proof_certificate(const struct proof *proof, const struct member *member)
{
	if (member->is_self)
		return &proof->identity->certificate;
	if (!member->key)
		return NULL;
	return &OBJ_CAST(struct member_key, member->key, MEMBER_KEY_KIND)->certificate;
}
