/* SPDX-License-Identifier: Apache-2.0
 *
 * precondition: whether a request wants what is stored, or only if it is not what the client has
 * (RFC 9110 13); and what of it a 304 is about (RFC 9111 4.3.4). Pure: whoever calls says what time
 * it is.
 */
#pragma once

#include "edge/http/entity_tag.h"
#include "edge/http/message.h"

/* What a response is compared by. The spans are those of its head. */
struct validators {
	uint16_t status;
	bool has_etag, has_date, has_last_modified;
	struct entity_tag etag;
	int64_t date_s; /* Date; without one the moment that it came */
	int64_t last_modified_s;
};
void validators_read(const struct http_head *response, int64_t came_at_s,
		     struct validators *ret_validators);

enum precondition {
	PRECONDITION_PASSED = 0,
	PRECONDITION_NOT_MODIFIED = 1, /* 304 */
	PRECONDITION_FAILED = 2,       /* 412 */
};

/* Who judges. If-Match and If-Unmodified-Since are for the origin alone: a cache must pass them
 * over, and so says no 412; it takes Date where there is no Last-Modified (RFC 9111 4.3.2). */
enum precondition_judge { PRECONDITION_BY_CACHE, PRECONDITION_BY_ORIGIN };

/* In the order of RFC 9110 13.2.2. What would not be a 2xx passes (13.2.1). */
enum precondition precondition_evaluate(const struct http_head *request,
					const struct validators *stored,
					enum precondition_judge judge, int64_t now_s);
/* If-Range: may parts be sent? Without the field: yes. A date must be the very one, and strong: the
 * response was dated at least a second after it (RFC 9110 13.1.5, 8.8.2.2). */
bool precondition_takes_range(const struct http_head *request, const struct validators *stored,
			      int64_t now_s);

enum { PRECONDITION_MAX_STORED = 64 };
/* Which of the stored responses a 304 freshens, a bit for each; 0: none, ask again for the whole.
 * `stored` are those that the origin was asked about, and nothing else was named to it; at most
 * PRECONDITION_MAX_STORED. RFC 9111 4.3.4, but for two things: where both have entity tags and
 * these differ, a common Last-Modified makes them no more alike (variants are often of one second);
 * and a 304 that names nothing is about the only one that was asked about, for many origins answer
 * so. */
uint64_t validators_selected(const struct validators *answer, const struct validators *stored,
			     size_t n_stored);
