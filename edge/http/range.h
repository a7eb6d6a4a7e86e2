/* SPDX-License-Identifier: Apache-2.0
 *
 * range: which bytes of a representation a request asks for (Range, RFC 9110 14.1.2, 14.2), and
 * which of them a response holds (Content-Range, 14.4). Pure.
 *
 * A client that asks for too much work gets the whole, as from nginx and Apache (RFC 9110 14.2 and
 * 17.15 allow it): for more ranges than RANGE_MAX, where Apache draws the line at 200 and Varnish
 * knows one alone; for more than two that overlap, where Apache bears 20 and nginx asks whether all
 * of them together are longer than the whole. So does one whose field is malformed, which nginx
 * answers with 416. What is left is disjoint and at most RANGE_MAX parts, so that it costs no more
 * than the whole and a few lines of text.
 */
#pragma once

#include "core/arena.h"
#include "edge/http/message.h"

enum {
	RANGE_MAX = 16,
	/* RFC 9110 15.3.7.2: what a part of a multipart costs, about. Ranges with a lesser gap
	 * between them are one. */
	RANGE_GAP_BYTES = 80,
};

struct range {
	uint64_t first, last; /* both are in it */
};

static inline uint64_t range_bytes(struct range range)
{
	return range.last - range.first + 1;
}

/* Each is within the representation, no two touch. In the order that was asked for, a joined one in
 * the place of its first part (RFC 9110 15.3.7.2). */
struct range_set {
	struct range ranges[RANGE_MAX];
	size_t n;       /* 1: a plain 206; more: multipart/byteranges */
	bool ascending; /* can be sent in one go through the representation */
};

enum range_outcome {
	RANGE_OK = 0,
	RANGE_IGNORED = 1,       /* send the whole */
	RANGE_UNSATISFIABLE = 2, /* 416, with content_range_compose(NULL) */
};

/* The value of a Range against a representation of `complete` bytes. Of one that is empty no range
 * can be told: it is sent whole (RFC 9110 14.2 allows it). */
enum range_outcome range_parse(struct span value, uint64_t complete, struct range_set *ret_set);
/* The same for a request: only GET's Range counts (RFC 9110 14.2), and only a single one. If-Range
 * comes first: precondition_takes_range(). */
enum range_outcome range_of_request(const struct http_head *request, uint64_t complete,
				    struct range_set *ret_set);

/* Of a 206 the range, and mostly the complete length; of a 416 that alone. */
struct content_range {
	bool has_range;
	struct range range;
	bool has_complete;
	uint64_t complete;
};
/* False: it is not of bytes, or it is invalid (RFC 9110 14.4), and so is a 206 that has it. */
bool content_range_parse(struct span value, struct content_range *ret_content_range);
/* The value, in the arena. NULL for `range`: what a 416 says. Errors: -ENOBUFS. */
int content_range_compose(const struct range *range, uint64_t complete, struct arena *arena,
			  struct span *ret_value);
