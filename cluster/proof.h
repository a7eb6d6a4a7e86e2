/* SPDX-License-Identifier: Apache-2.0
 *
 * proof: signatures for the core (struct swim_env): ours by our identity, others' by the key that
 * their certificate, issued by the cluster key, names. The cluster's thread.
 */
#pragma once

#include "cluster/identity/identity.h"
#include "cluster/swim/swim.h"

struct proof {
	const struct identity *identity; /* borrowed */
	struct loop *loop;               /* borrowed: for the wall time */
	struct swim_env env;
};

void proof_init(struct proof *proof, const struct identity *identity, struct loop *loop);
/* What the certificate behind a member's key says; our own for ourselves; NULL: it has no key. */
const struct certificate *proof_certificate(const struct proof *proof, const struct member *member);
