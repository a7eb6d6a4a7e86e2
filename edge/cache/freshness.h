/* SPDX-License-Identifier: Apache-2.0
 *
 * freshness: how long a response is fresh, and how old it was when it came (RFC 9111 4.2), for a
 * cache that is shared. Pure: whoever calls says what time it is.
 */
#pragma once

#include "edge/cache/cache_control.h"
#include "edge/http/message.h"

/* What a response says of its age and freshness, read once. */
struct freshness {
	struct cache_control control;
	uint16_t status;
	bool has_expires, has_last_modified;
	int64_t date_s;    /* Date; without one the moment that it came */
	int64_t expires_s; /* with `has_expires`; one that is no date is long ago (RFC 9111 5.3) */
	int64_t last_modified_s; /* with `has_last_modified` */
	int64_t age_s;           /* Age; 0 without one */
};
/* `now_s`: when its head came. */
void freshness_read(const struct http_head *response, int64_t now_s, struct freshness *ret_fresh);

/* RFC 9111 4.2.2: a part of the time since Last-Modified, for who said nothing else. */
struct freshness_heuristic {
	uint32_t percent; /* 0: no heuristic */
	int64_t max_s;
};

enum freshness_source {
	FRESHNESS_UNSAID, /* 0 seconds, and nobody has said so */
	FRESHNESS_HEURISTIC,
	FRESHNESS_EXPIRES,
	FRESHNESS_MAX_AGE,
	FRESHNESS_S_MAXAGE,
};

/* RFC 9111 4.2.1: s-maxage, max-age, Expires, else the heuristic. */
int64_t freshness_lifetime_s(const struct freshness *fresh,
			     const struct freshness_heuristic *heuristic,
			     enum freshness_source *ret_source);
/* RFC 9111 4.2.3: corrected_initial_age, of a response that was asked for at `asked_at_s`. */
int64_t freshness_initial_age_s(const struct freshness *fresh, int64_t asked_at_s,
				int64_t came_at_s);
/* Stale, it may only be used once its origin has said so (RFC 9111 5.2.2.2, 5.2.2.8, 5.2.2.10). */
bool freshness_forbids_stale(const struct freshness *fresh);
/* RFC 9110 15.1: may be stored though nothing says how long. */
bool freshness_status_is_heuristic(uint16_t status);
