/* SPDX-License-Identifier: Apache-2.0
 *
 * certificate: what the cluster key says of a member: this public key is the member of that name,
 * in that region, in those roles, from then till then. It is a signed protobuf message, small
 * enough to travel in one datagram. Any thread; values.
 */
#pragma once

#include "cluster/view.h"
#include "core/net/crypto.h"

enum {
	CERTIFICATE_MAX_BYTES = 320,
	CERTIFICATE_NAME_MAX = 64, /* with the NUL */
	CERTIFICATE_CLOCK_SLACK_S =
		300, /* a member's clock may be that much behind the authority's */
};

struct certificate {
	uint8_t public_key[CRYPTO_KEY_BYTES];
	struct member_id id; /* derived from it */
	char name[CERTIFICATE_NAME_MAX];
	char region[CERTIFICATE_NAME_MAX];
	unsigned roles;                    /* enum member_role bits; at least one */
	int64_t not_before_s, not_after_s; /* wall time */
	uint64_t serial;
};

/* First bytes of the SHA-256. Errors: -EIO. */
int member_id_of(const uint8_t public_key[CRYPTO_KEY_BYTES], struct member_id *ret_id);
static inline bool member_id_equal(const struct member_id *a, const struct member_id *b)
{
	return memcmp(a->bytes, b->bytes, MEMBER_ID_BYTES) == 0;
}

/* A name of a member or region: 1 to 63 of a-z, 0-9, '-', '_' and '.', a letter or digit first. */
bool certificate_name_ok(struct span name);

/* Signs. Errors: -EINVAL (name, region or roles are not well-formed). */
int certificate_issue(const struct sign_key *authority, const struct certificate *certificate,
		      uint8_t ret_bytes[CERTIFICATE_MAX_BYTES], size_t *ret_len);

enum certificate_outcome {
	CERTIFICATE_OK = 0,
	CERTIFICATE_MALFORMED = 1,
	CERTIFICATE_FORGED = 2, /* not signed by this cluster key */
	CERTIFICATE_EXPIRED = 3,
	CERTIFICATE_EARLY = 4, /* not valid yet: whose clock is wrong? */
};
const char *certificate_outcome_text(enum certificate_outcome outcome);
/* Parses and checks a stranger's certificate. *ret_certificate is set with CERTIFICATE_OK, EXPIRED
 * and EARLY. Errors: -EIO, -ENOMEM. */
int certificate_check(const struct verify_key *authority, struct span bytes, int64_t wall_s,
		      struct certificate *ret_certificate);
