/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_peer: what Debian's http-parser says of a head, in a form that can be laid beside ours. Its
 * own header has names of ours in other meanings, so nobody but h1_peer.c includes it.
 */
#pragma once

#include "core/span.h"

enum { PEER_MAX_BYTES = 4096, PEER_MAX_FIELDS = 256 };

enum peer_verdict { PEER_ACCEPTS, PEER_REFUSES, PEER_WANTS_MORE };

enum peer_body { PEER_NO_BODY, PEER_LENGTH, PEER_CHUNKED, PEER_UNTIL_CLOSE };

struct peer_field {
	struct span name, value;
};

struct peer {
	enum peer_verdict verdict;
	const char *error; /* when it refuses: "HPE_INVALID_URL" */
	size_t len;        /* of the head, what stands before it included */
	struct span target;
	unsigned status, version_major, version_minor;
	bool keep_alive;
	enum peer_body body;
	uint64_t length;
	unsigned n_fields;
	struct peer_field fields[PEER_MAX_FIELDS];
	/* What the spans point into. */
	uint8_t bytes[PEER_MAX_BYTES];
	size_t n_bytes;
};

/* `input` is at most PEER_MAX_BYTES long. `to_head`: a response to HEAD. */
void peer_read(struct peer *peer, struct span input, bool response, bool to_head);
