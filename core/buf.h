/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: a growing run of bytes with a limit from birth. For text that is composed and for input that
 * arrives in pieces; body bytes travel in chains (core/chain.h). One thread at a time.
 *
 * The error sticks: an append that does not fit (limit or memory) changes nothing and sets
 * `failed`, so that a writer of many pieces looks once, at the end.
 */
#pragma once

#include "core/span.h"

struct buf {
	uint8_t *at; /* owned; NULL while nothing was appended */
	size_t len;
	size_t cap;
	size_t max_bytes;
	bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_fini(struct buf *buf);
/* len = 0 and not failed; memory is kept. */
void buf_empty(struct buf *buf);

void buf_add(struct buf *buf, struct span bytes);
void buf_add_str(struct buf *buf, const char *s);
void buf_add_byte(struct buf *buf, uint8_t byte);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *buf, const char *fmt, ...);

/* Room for at least n more bytes behind len, or NULL (and failed). Write, then buf_grew(). */
uint8_t *buf_room(struct buf *buf, size_t n);
void buf_grew(struct buf *buf, size_t n);
/* Drops n bytes from the front. */
void buf_drop_front(struct buf *buf, size_t n);

static inline struct span buf_span(const struct buf *buf)
{
	return span_of(buf->at, buf->len);
}

/* The text with a NUL behind it; "" when empty; NULL when failed. Borrowed until the next append.
 */
const char *buf_text(struct buf *buf);
