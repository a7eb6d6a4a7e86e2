/* SPDX-License-Identifier: Apache-2.0
 *
 * reuse: may a stored response answer this request, now (RFC 9111 4, 5.2.1; RFC 5861)? Pure.
 */
#pragma once

#include "edge/cache/freshness.h"

enum reuse {
	REUSE_FRESH,
	REUSE_STALE, /* as it is; somebody asks the origin meanwhile (stale-while-revalidate) */
	REUSE_ASK,   /* the origin first; it may say that nothing has changed */
};

/* How long a response lives, worked out when it came. Wall times. */
struct reuse_life {
	int64_t born_s;       /* when its age was 0 */
	int64_t stale_at_s;   /* fresh before */
	int64_t swr_s, sie_s; /* how long after it may serve, while the origin is asked, and when it
				 has failed */
	uint32_t says;        /* bits: 1 << enum cache_says, of what forbids */
};

/* By configuration, for a response that names none of it itself and does not forbid it. */
struct reuse_grace {
	int64_t swr_s, sie_s;
};

/* Of a response that came now, in answer to a request of `asked_at_s`. */
void reuse_life_make(const struct freshness *fresh, int64_t lifetime_s,
		     const struct reuse_grace *grace, int64_t asked_at_s, int64_t now_s,
		     struct reuse_life *ret_life);
/* Never below 0: clocks are set back. */
int64_t reuse_age_s(const struct reuse_life *life, int64_t now_s);

/* `request`: its Cache-Control; NULL: by configuration it has no say. */
enum reuse reuse_judge(const struct reuse_life *life, int64_t now_s,
		       const struct cache_control *request);
/* The origin was asked, and failed: may the stored one serve after all (RFC 5861 4, RFC
 * 9111 4.2.4)? */
bool reuse_after_failure(const struct reuse_life *life, int64_t now_s,
			 const struct cache_control *request);
/* What the request demands of a cache by Cache-Control, or by Pragma when it has none (RFC
 * 9111 5.4). */
void reuse_read_request(const struct http_head *request, struct cache_control *ret_control);
