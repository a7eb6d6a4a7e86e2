/* SPDX-License-Identifier: Apache-2.0
 *
 * http_char: which byte may stand where in a head, whatever version of HTTP it came in; and the
 * search for the first that may not, sixteen bytes at a time. Any thread.
 *
 * SSE2 belongs to every x86-64; other machines take the portable lanes, which the compiler turns
 * into what they have. The unit test holds both to the table. There is no AVX2: compiled in for the
 * search for controls, without the cost of choosing at run time, it took 4 to 6% off heads of 300
 * bytes and more, and nothing that could be told from noise off a short one.
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
	HTTP_CHAR_NAME = 32, /* letters, digits, '-': what names of fields are made of as a rule */
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

/* ---- lanes: what sixteen bytes hold, a bit for each ---- */

/* Those that are not of the kind. */
static inline unsigned http_lane_portable(const uint8_t *at, unsigned kind)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < HTTP_LANE_BYTES; i++)
		mask |= (unsigned)!(http_chars[at[i]] & kind) << i;
	return mask;
}

static inline unsigned http_lane_equal_portable(const uint8_t *at, uint8_t byte)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < HTTP_LANE_BYTES; i++)
		mask |= (unsigned)(at[i] == byte) << i;
	return mask;
}

#ifdef __SSE2__
static inline __m128i http_lane_load(const uint8_t *at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Of those unsigned: which are from `first` to `last`? */
static inline __m128i http_lane_between(__m128i bytes, uint8_t first, uint8_t last)
{
	__m128i from_first = _mm_sub_epi8(bytes, _mm_set1_epi8((char)first));

	return _mm_cmpeq_epi8(_mm_min_epu8(from_first, _mm_set1_epi8((char)(last - first))),
			      from_first);
}

/* Below 0x20 but HTAB, and DEL. */
static inline unsigned http_lane_not_value(const uint8_t *at)
{
	__m128i bytes = http_lane_load(at);
	__m128i low = http_lane_between(bytes, 0, 0x1f);
	__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
	__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}

/* 0x20 and below, '#' and DEL. */
static inline unsigned http_lane_not_target(const uint8_t *at)
{
	__m128i bytes = http_lane_load(at);
	__m128i low = http_lane_between(bytes, 0, 0x20);
	__m128i mark = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
	__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(mark, low), del));
}

/* All but letters, digits and '-'. */
static inline unsigned http_lane_not_name(const uint8_t *at)
{
	__m128i bytes = http_lane_load(at);
	__m128i letter = http_lane_between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
	__m128i digit = http_lane_between(bytes, '0', '9');
	__m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));

	return 0xffff &
	       ~(unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash));
}

static inline unsigned http_lane_equal(const uint8_t *at, uint8_t byte)
{
	return (unsigned)_mm_movemask_epi8(
		_mm_cmpeq_epi8(http_lane_load(at), _mm_set1_epi8((char)byte)));
}
#else
static inline unsigned http_lane_not_value(const uint8_t *at)
{
	return http_lane_portable(at, HTTP_CHAR_VALUE);
}

static inline unsigned http_lane_not_target(const uint8_t *at)
{
	return http_lane_portable(at, HTTP_CHAR_TARGET);
}

static inline unsigned http_lane_not_name(const uint8_t *at)
{
	return http_lane_portable(at, HTTP_CHAR_NAME);
}

static inline unsigned http_lane_equal(const uint8_t *at, uint8_t byte)
{
	return http_lane_equal_portable(at, byte);
}
#endif

/* Of up to 64 bytes those that may not stand in a value, a bit for each. Reads none but these: what
 * is behind whole lanes is looked at in the last sixteen bytes, some of them again. */
static inline uint64_t http_controls(const uint8_t *at, size_t len)
{
	uint64_t mask = 0;
	size_t i = 0;

	if (len == 64)
		return (uint64_t)http_lane_not_value(at) |
		       (uint64_t)http_lane_not_value(at + 16) << 16 |
		       (uint64_t)http_lane_not_value(at + 32) << 32 |
		       (uint64_t)http_lane_not_value(at + 48) << 48;
	if (len < HTTP_LANE_BYTES) {
		for (; i < len; i++)
			mask |= (uint64_t)!http_char_is(at[i], HTTP_CHAR_VALUE) << i;
		return mask;
	}
	for (; i + HTTP_LANE_BYTES <= len; i += HTTP_LANE_BYTES)
		mask |= (uint64_t)http_lane_not_value(at + i) << i;
	i = len - HTTP_LANE_BYTES;
	return mask | (uint64_t)http_lane_not_value(at + i) << i;
}

/* ---- searches: where, from `from` on, the first byte stands that is meant; s.len: nowhere ---- */

#define HTTP_FIND(s, from, lane_mask, is_meant)                                                    \
	size_t at = (from);                                                                        \
	for (; (s).len - at >= HTTP_LANE_BYTES; at += HTTP_LANE_BYTES) {                           \
		const uint8_t *lane = (s).at + at;                                                 \
		unsigned mask = (lane_mask);                                                       \
		if (mask)                                                                          \
			return at + (unsigned)__builtin_ctz(mask);                                 \
	}                                                                                          \
	if ((s).len >= HTTP_LANE_BYTES && at < (s).len) {                                          \
		const uint8_t *lane = (s).at + (s).len - HTTP_LANE_BYTES;                          \
		unsigned mask = (lane_mask) >> (at - ((s).len - HTTP_LANE_BYTES));                 \
		return mask ? at + (unsigned)__builtin_ctz(mask) : (s).len;                        \
	}                                                                                          \
	while (at < (s).len && !(is_meant))                                                        \
		at++;                                                                              \
	return at

/* In a line: a CR, a LF, or another control. */
static inline size_t http_find_control(struct span s, size_t from)
{
	HTTP_FIND(s, from, http_lane_not_value(lane), !http_char_is(s.at[at], HTTP_CHAR_VALUE));
}

/* In a request line: the end of the target, or what may not stand in it. */
static inline size_t http_find_target_end(struct span s, size_t from)
{
	HTTP_FIND(s, from, http_lane_not_target(lane), !http_char_is(s.at[at], HTTP_CHAR_TARGET));
}

static inline size_t http_find_cr(struct span s, size_t from)
{
	HTTP_FIND(s, from, http_lane_equal(lane, '\r'), s.at[at] == '\r');
}

#undef HTTP_FIND

/* How many bytes of a token stand at `from`. Names of letters, digits and dashes, up to fifteen
 * bytes, are read at once. */
static inline size_t http_token_len(struct span s, size_t from)
{
	size_t n = 0;

	if (s.len - from >= HTTP_LANE_BYTES) {
		unsigned mask = http_lane_not_name(s.at + from);
		n = mask ? (unsigned)__builtin_ctz(mask) : HTTP_LANE_BYTES;
		if (mask && s.at[from + n] == ':')
			return n;
	}
	while (n < s.len - from && http_char_is(s.at[from + n], HTTP_CHAR_TOKEN))
		n++;
	return n;
}
