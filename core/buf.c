/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: a growing run of bytes. It doubles up to its limit and has always room for one byte more, so
 * that buf_text() can put a NUL there and cannot fail late.
 */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/obj.h"

enum { FIRST_BYTES = 256 };

void buf_init(struct buf *buf, size_t max_bytes)
{
	/* The limit is one short of what can be counted, for the NUL. */
	*buf = (struct buf){ .max_bytes = MIN(max_bytes, SIZE_MAX - 1) };
}

void buf_fini(struct buf *buf)
{
	free(buf->at);
	buf_init(buf, buf->max_bytes);
}

void buf_empty(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

static bool buf_extend(struct buf *buf, size_t need)
{
	size_t cap = MAX(buf->cap, (size_t)FIRST_BYTES);

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	/* The last doubling stops at the limit, plus the NUL. */
	if (cap > buf->max_bytes)
		cap = MAX(need, buf->max_bytes + 1);
	uint8_t *at = realloc(buf->at, cap);
	if (!at)
		return false;
	buf->at = at;
	buf->cap = cap;
	return true;
}

uint8_t *buf_room(struct buf *buf, size_t n)
{
	MUST(buf->len <= buf->max_bytes);
	if (buf->failed)
		return NULL;
	if (n > buf->max_bytes - buf->len ||
	    (buf->len + n + 1 > buf->cap && !buf_extend(buf, buf->len + n + 1))) {
		buf->failed = true;
		return NULL;
	}
	return buf->at + buf->len;
}

void buf_grew(struct buf *buf, size_t n)
{
	MUST(n == 0 || (buf->len < buf->cap && n < buf->cap - buf->len));
	buf->len += n;
}

void buf_add(struct buf *buf, struct span bytes)
{
	uint8_t *at = buf_room(buf, bytes.len);

	if (!at || bytes.len == 0)
		return;
	memcpy(at, bytes.at, bytes.len);
	buf_grew(buf, bytes.len);
}

void buf_add_str(struct buf *buf, const char *s)
{
	buf_add(buf, span_str(s));
}

void buf_add_byte(struct buf *buf, uint8_t byte)
{
	buf_add(buf, span_of(&byte, 1));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	MUST(len >= 0); /* a wrong format is ours */
	uint8_t *at = buf_room(buf, (size_t)len);
	if (at) {
		vsnprintf((char *)at, (size_t)len + 1, fmt, again);
		buf_grew(buf, (size_t)len);
	}
	va_end(again);
}

void buf_drop_front(struct buf *buf, size_t n)
{
	MUST(n <= buf->len);
	buf->len -= n;
	if (n && buf->len)
		memmove(buf->at, buf->at + n, buf->len);
}

const char *buf_text(struct buf *buf)
{
	if (buf->failed)
		return NULL;
	if (!buf->at)
		return "";
	MUST(buf->len < buf->cap);
	buf->at[buf->len] = 0;
	return (const char *)buf->at;
}
