/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_char: which byte may stand where in HTTP/1.1.
 */
#pragma once

#include "core/span.h"

enum {
	H1_TOKEN = 1,  /* tchar, RFC 9110 5.6.2 */
	H1_VALUE = 2,  /* field-content with its inner spaces: HTAB, SP, VCHAR, obs-text */
	H1_TARGET = 4, /* VCHAR but '#': the gaps of RFC 3986 are left to the origin, as browsers
			  send them */
	H1_HOST = 8,   /* unreserved, RFC 3986 2.3: a name that DNS or a hosts file could know */
};

extern const uint8_t h1_chars[256];

static inline bool h1_char_is(uint8_t byte, unsigned kinds)
{
	return (h1_chars[byte] & kinds) != 0;
}

static inline bool h1_all(struct span s, unsigned kinds)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!h1_char_is(s.at[i], kinds))
			return false;
	}
	return true;
}

static inline bool h1_is_token(struct span s)
{
	return s.len && h1_all(s, H1_TOKEN);
}
