/* SPDX-License-Identifier: Apache-2.0
 *
 * http_char: which byte may stand where in a head, whatever version of HTTP it came in; and the
 * search for the first that may not, sixteen bytes at a time. Any thread.
 *
 * SSE2 belongs to every x86-64; other machines take the portable lanes, which the compiler turns
 * into what they have. The unit test holds both to the table. AVX2 behind a run-time choice was
 * measured: lines are 50 bytes, and the call cost what the wider lanes won.
 */
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/span.h"

enum {
	HTTP_CHAR_TOKEN = 1,  /* tchar, RFC 9110 5.6.2 */
	HTTP_CHAR_VALUE = 2,  /* field-content with its inner spaces: HTAB, SP, VCHAR, obs-text */
	HTTP_CHAR_TARGET = 4, /* VCHAR but '#', and raw bytes above ASCII: the gaps of RFC 3986 are
				 left to the origin, as clients send them */
	HTTP_CHAR_LOWER = 8,  /* tchar but A to Z: names in HTTP/2 (RFC 9113 8.2.1) */
	HTTP_CHAR_HEX = 16,
};

enum { HTTP_LANE_BYTES = 16 };

extern const uint8_t http_chars[256];

static inline bool http_char_is(uint8_t byte, unsigned kinds)
{
	return (http_chars[byte] & kinds) != 0;
}

static inline bool http_all(struct span s, unsigned kinds)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!http_char_is(s.at[i], kinds))
			return false;
	}
	return true;
}

static inline bool http_is_token(struct span s)
{
	return s.len && http_all(s, HTTP_CHAR_TOKEN);
}

/* ---- lanes: a bit for each of sixteen bytes that is not of the kind ---- */

static inline unsigned http_lane_portable(const uint8_t *at, unsigned kind)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < HTTP_LANE_BYTES; i++)
		mask |= (unsigned)!(http_chars[at[i]] & kind) << i;
	return mask;
}

#ifdef __SSE2__
/* 0x20 and above, but DEL; and HTAB. */
static inline unsigned http_lane_value(const uint8_t *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
	__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
	__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}

/* Above 0x20, but '#' and DEL. */
static inline unsigned http_lane_target(const uint8_t *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x20)), bytes);
	__m128i mark = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
	__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(mark, low), del));
}
#else
static inline unsigned http_lane_value(const uint8_t *at)
{
	return http_lane_portable(at, HTTP_CHAR_VALUE);
}

static inline unsigned http_lane_target(const uint8_t *at)
{
	return http_lane_portable(at, HTTP_CHAR_TARGET);
}
#endif

/* Where, from `from` on, the first byte stands that is not of the kind; s.len: nowhere. Reads no
 * byte outside of s: what is left behind whole lanes is looked at in the last sixteen bytes, some
 * of them again. */
#define HTTP_FIND(s, from, lane, kind)                                                             \
	size_t at = (from);                                                                        \
	for (; (s).len - at >= HTTP_LANE_BYTES; at += HTTP_LANE_BYTES) {                           \
		unsigned mask = lane((s).at + at);                                                 \
		if (mask)                                                                          \
			return at + (unsigned)__builtin_ctz(mask);                                 \
	}                                                                                          \
	if ((s).len >= HTTP_LANE_BYTES && at < (s).len) {                                          \
		size_t back = (s).len - HTTP_LANE_BYTES;                                           \
		unsigned mask = lane((s).at + back) >> (at - back);                                \
		return mask ? at + (unsigned)__builtin_ctz(mask) : (s).len;                        \
	}                                                                                          \
	while (at < (s).len && http_char_is((s).at[at], (kind)))                                   \
		at++;                                                                              \
	return at

/* In a line: a CR, a LF, or another control. `from` is at most s.len. */
static inline size_t http_find_control(struct span s, size_t from)
{
	HTTP_FIND(s, from, http_lane_value, HTTP_CHAR_VALUE);
}

/* In a request line: the end of the target, or what may not stand in it. */
static inline size_t http_find_target_end(struct span s, size_t from)
{
	HTTP_FIND(s, from, http_lane_target, HTTP_CHAR_TARGET);
}

#undef HTTP_FIND
