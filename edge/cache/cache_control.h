/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_control: what Cache-Control says, in requests and responses (RFC 9111 5.2), with
 * stale-while-revalidate and stale-if-error (RFC 5861), immutable (RFC 8246), and the targeted
 * fields that are structured (RFC 9213). Pure.
 *
 * Lenient where being so is safe: of a directive that comes twice the stricter counts, and one
 * whose argument is no number counts as 0 seconds (RFC 9111 4.2.1). What is not known is passed
 * over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

/* clang-format off */
#define CACHE_SAYS(X) \
	X(NO_STORE,         "no-store") \
	X(NO_CACHE,         "no-cache") \
	X(PRIVATE,          "private") \
	X(PUBLIC,           "public") \
	X(MUST_REVALIDATE,  "must-revalidate") \
	X(PROXY_REVALIDATE, "proxy-revalidate") \
	X(MUST_UNDERSTAND,  "must-understand") \
	X(NO_TRANSFORM,     "no-transform") \
	X(IMMUTABLE,        "immutable") \
	X(ONLY_IF_CACHED,   "only-if-cached")
#define CACHE_TIMES(X) \
	X(MAX_AGE,   "max-age") \
	X(S_MAXAGE,  "s-maxage") \
	X(SWR,       "stale-while-revalidate") \
	X(SIE,       "stale-if-error") \
	X(MAX_STALE, "max-stale") \
	X(MIN_FRESH, "min-fresh")
/* clang-format on */

enum cache_says {
#define X(ID, name) CACHE_##ID,
	CACHE_SAYS(X)
#undef X
		CACHE_N_SAYS
};
enum cache_time {
#define X(ID, name) CACHE_##ID,
	CACHE_TIMES(X)
#undef X
		CACHE_N_TIMES
};

enum { CACHE_UNSAID = -1 };
/* RFC 9111 1.2.2: what is larger counts as this; "max-stale" without a number, too. */
#define CACHE_FOREVER_S INT64_C(2147483648)

struct cache_control {
	uint32_t says;                  /* bits: 1 << enum cache_says */
	int64_t times_s[CACHE_N_TIMES]; /* CACHE_UNSAID: not there */
	struct span no_cache_fields;    /* of no-cache="a, b"; then CACHE_NO_CACHE is not said */
	struct span private_fields;     /* of private="a, b", likewise */
	bool any;                       /* a directive was there, known or not */
};

void cache_control_init(struct cache_control *control);
/* One line's value, in addition to those before. The spans point into it. */
void cache_control_read(struct cache_control *control, struct span value);
/* The same for a dictionary of RFC 8941 (CDN-Cache-Control). False: it is none, and must be passed
 * over as if it had not come (RFC 9213 2.1); nothing was taken. */
bool cache_control_read_targeted(struct cache_control *control, struct span value);

static inline bool cache_control_says(const struct cache_control *control, enum cache_says what)
{
	return control->says >> what & 1;
}
/* Of a list as in no-cache="a, b": is the name in it, without case? */
bool cache_control_names(struct span fields, struct span name);
