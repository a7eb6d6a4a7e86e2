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

/* What is stored. */
struct reuse_stored {
	const struct freshness *fresh;
	int64_t lifetime_s;
	int64_t age_s;   /* now */
	int64_t grace_s; /* by configuration: as stale-while-revalidate and stale-if-error, where
			  * the response names none */
};

/* `request`: its Cache-Control; NULL: by configuration it has no say. */
enum reuse reuse_judge(const struct reuse_stored *stored, const struct cache_control *request);
/* The origin was asked, and failed: may the stored one serve after all (RFC 5861 4, RFC
 * 9111 4.2.4)? */
bool reuse_after_failure(const struct reuse_stored *stored, const struct cache_control *request);
/* What the request demands of a cache by Cache-Control, or by Pragma when it has none (RFC
 * 9111 5.4). */
void reuse_read_request(const struct http_head *request, struct cache_control *ret_control);
