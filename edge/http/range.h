/* SPDX-License-Identifier: Apache-2.0
 *
 * range: which bytes of a representation a client wants (RFC 9110 14), and how an answer with
 * several parts is written. Pure.
 *
 * More than RANGE_MAX parts, or parts that repeat each other, are no sensible wish (RFC
 * 9110 17.15): then the field is passed over, and the whole is sent.
 */
#pragma once

#include "edge/http/message.h"

enum { RANGE_MAX = 16 };

struct range {
	uint64_t from, to; /* [from, to) */
};

struct ranges {
	struct range items[RANGE_MAX];
	size_t n;
};

enum range_outcome {
	RANGE_WHOLE,         /* none is wanted, or none that we give */
	RANGE_PARTS,         /* at least one */
	RANGE_UNSATISFIABLE, /* 416 */
};

/* Of a representation of so many bytes. The parts are as they were asked for, cut at its end. */
enum range_outcome range_parse(struct span field, uint64_t length, struct ranges *ret_ranges);
/* "bytes 0-99/1000"; "bytes * /1000" for NULL (without the space). .at NULL: no room. */
struct span range_content_text(const struct range *range, uint64_t length, struct arena *arena);

/* multipart/byteranges: what stands before the bytes of a part. .at NULL: no room. */
struct span range_part_head(const struct range *range, uint64_t length, struct span content_type,
			    struct span boundary, struct arena *arena);
/* What stands behind the last. */
struct span range_parts_end(struct span boundary, struct arena *arena);
