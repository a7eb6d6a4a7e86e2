/* SPDX-License-Identifier: Apache-2.0
 *
 * cursor: reading binary input safely. Numbers are big-endian. The error sticks: after the first
 * read past the end every read gives zero, and the caller looks at `failed` once.
 */
#pragma once

#include "core/span.h"

struct cursor {
	struct span rest;
	const uint8_t *start;
	bool failed;
};

static inline struct cursor cursor_over(struct span s)
{
	return (struct cursor){ .rest = s, .start = s.at };
}

static inline size_t cursor_offset(const struct cursor *c)
{
	return (size_t)(c->rest.at - c->start);
}

/* The next n bytes, borrowed from the input; empty when they are not there. */
static inline struct span cursor_bytes(struct cursor *c, size_t n)
{
	if (c->failed || n > c->rest.len) {
		c->failed = true;
		return SPAN_NONE;
	}
	struct span part = { c->rest.at, n };
	c->rest = span_from(c->rest, n);
	return part;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_bytes(c, n);
}

static inline uint64_t cursor_uint(struct cursor *c, size_t n_bytes)
{
	struct span s = cursor_bytes(c, n_bytes);
	uint64_t value = 0;

	for (size_t i = 0; i < s.len; i++)
		value = value << 8 | s.at[i];
	return value;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_uint(c, 1);
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_uint(c, 2);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_uint(c, 4);
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	return cursor_uint(c, 8);
}
