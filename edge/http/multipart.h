/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart: the text around the bytes of several ranges (multipart/byteranges, RFC 9110 14.6), all
 * of it known before the first byte is sent. Pure.
 */
#pragma once

#include "core/rng.h"
#include "edge/http/range.h"

/* The body is, for each range, before[i] and its bytes; then `closing`. */
struct multipart {
	struct span content_type; /* of the response; Content-Range is of the parts alone */
	struct span before[RANGE_MAX];
	struct span closing;
	uint64_t length; /* of the whole body: the Content-Length */
};

/* For the ranges of `set` out of a representation of `complete` bytes. `content_type` is that of
 * the representation; empty: it has none. The boundary is drawn from `rng`: 128 bits, which no
 * representation holds but by intent. All texts are in the arena. Errors: -ENOBUFS, -EOVERFLOW
 * (longer than can be counted). */
int multipart_compose(const struct range_set *set, struct span content_type, uint64_t complete,
		      struct rng *rng, struct arena *arena, struct multipart *ret_multipart);
