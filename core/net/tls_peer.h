/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_peer: the certificate that the other side has shown.
 */
#pragma once

#include "core/arena.h"

struct tls_peer {
	struct span subject, issuer; /* RFC 4514: "CN=alice,O=Example" */
	struct span serial;          /* hex */
	struct span fingerprint;     /* SHA-256, hex */
	struct span der_base64;
};
