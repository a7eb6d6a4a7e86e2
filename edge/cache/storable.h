/* SPDX-License-Identifier: Apache-2.0
 *
 * storable: may a shared cache keep this response (RFC 9111 3)? Pure.
 */
#pragma once

#include "edge/cache/freshness.h"

/* Why not, for Cache-Status and counters. */
/* clang-format off */
#define STORABLE_VERDICTS(X) \
	X(STORABLE,               "") \
	X(STORABLE_NOT_METHOD,    "method")        /* neither GET nor HEAD */ \
	X(STORABLE_NOT_STATUS,    "status")        /* partial, interim, or one that we do not understand */ \
	X(STORABLE_NOT_NO_STORE,  "no-store") \
	X(STORABLE_NOT_PRIVATE,   "private") \
	X(STORABLE_NOT_AUTHORIZED, "authorization") /* RFC 9111 3.5 */ \
	X(STORABLE_NOT_VARY,      "vary")          /* Vary: * */ \
	X(STORABLE_NOT_COOKIE,    "set-cookie")    /* RFC 9111 7.3 */ \
	X(STORABLE_NOT_SAID,      "unsaid")        /* nothing says that it may be */ \
	X(STORABLE_NOT_WISHED,    "request-no-store") /* it might be, but for who asked (RFC 9111 5.2.1.5) */
/* clang-format on */
enum storable {
#define X(ID, word) ID,
	STORABLE_VERDICTS(X)
#undef X
};
const char *storable_word(enum storable verdict);

/* `request`: as it came, with its Cache-Control; `fresh` is of the response. The body is not asked
 * for: how large and whether whole is the store's to see. */
enum storable storable(const struct http_head *request, const struct http_head *response,
		       const struct freshness *fresh);
