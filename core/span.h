/* SPDX-License-Identifier: Apache-2.0
 *
 * span: bytes that somebody else owns. Never NUL-terminated, never cast to a struct; valid for as
 * long as the lender says.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct span {
	const uint8_t *at;
	size_t len;
};

#define SPAN_LIT(literal) ((struct span){ (const uint8_t *)(literal), sizeof(literal) - 1 })
#define SPAN_NONE         ((struct span){ NULL, 0 })
/* printf("%.*s", SPAN_FMT(s)) */
#define SPAN_FMT(s) (int)(s).len, (const char *)(s).at

static inline struct span span_of(const void *at, size_t len)
{
	return (struct span){ at, len };
}

static inline struct span span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII case is folded: for names of hosts, header fields, schemes. */
static inline bool span_ieq(struct span a, struct span b)
{
	return a.len == b.len &&
	       (a.len == 0 || strncasecmp((const char *)a.at, (const char *)b.at, a.len) == 0);
}

static inline bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

static inline bool span_ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.at + s.len - suffix.len, suffix.at, suffix.len) == 0);
}

/* From `from` to the end; empty past the end. */
static inline struct span span_from(struct span s, size_t from)
{
	if (from > s.len)
		from = s.len;
	if (from) { /* NULL + 0 is undefined in C */
		s.at += from;
		s.len -= from;
	}
	return s;
}

/* At most the first `n` bytes. */
static inline struct span span_first(struct span s, size_t n)
{
	return (struct span){ s.at, n < s.len ? n : s.len };
}

/* Index of a byte, or s.len. */
static inline size_t span_find(struct span s, uint8_t byte)
{
	const uint8_t *at = s.len ? memchr(s.at, byte, s.len) : NULL;

	return at ? (size_t)(at - s.at) : s.len;
}

/* Spaces and tabs off both ends (OWS of RFC 9110 5.6.3). */
static inline struct span span_trim(struct span s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Cuts off what stands before the first `separator` and skips that; the whole when there is none.
 * False when nothing is left to cut. */
static inline bool span_cut(struct span *rest, uint8_t separator, struct span *ret_part)
{
	if (!rest->at)
		return false;
	size_t at = span_find(*rest, separator);
	*ret_part = span_first(*rest, at);
	*rest = at < rest->len ? span_from(*rest, at + 1) : SPAN_NONE;
	return true;
}

/* Digits alone, no sign, no space, not empty, not above max. */
static inline bool span_to_u64(struct span s, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.at[i] - '0'), &value))
			return false;
	}
	if (value > max)
		return false;
	*ret_value = value;
	return true;
}
