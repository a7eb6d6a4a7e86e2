/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_body: where the body of a message ends, and the chunked coding (RFC 9112 6, 7). Pure: bytes
 * in, pieces of the body out, by reference. Any thread.
 *
 * Chunk extensions are read strictly, bounded, and dropped; trailers likewise, but given.
 */
#pragma once

#include "edge/http/message.h"

enum {
	H1_MAX_SIZE_DIGITS = 16,
	H1_MAX_EXTENSION_BYTES = 256,        /* of one chunk */
	H1_MAX_EXTENSIONS_BYTES = 16 * 1024, /* of a body */
	H1_MAX_TRAILER_BYTES = 8 * 1024,
};

enum h1_body_outcome {
	H1_BODY_MORE = 0,      /* all input was eaten */
	H1_BODY_DATA = 1,      /* a piece of the body; call again with the rest */
	H1_BODY_END = 2,       /* the body has ended; the rest is not its */
	H1_BODY_MALFORMED = 3, /* the connection is of no use any more */
	H1_BODY_TRAILER = 4,   /* a piece of the trailer section; call again with the rest */
};

struct h1_body {
	uint8_t state;
	uint8_t n_digits;
	uint16_t extension_bytes; /* of this chunk */
	uint16_t extensions_bytes, trailer_bytes;
	uint64_t left; /* of the body, or of this chunk */
};

void h1_body_init(struct h1_body *body, enum http_body kind, uint64_t length);
/* Eats from the front of `input`: *ret_eaten bytes, those of *ret_data included. After END or
 * MALFORMED it says the same again. All pieces of the trailer section together are whole lines,
 * each a token, a colon and a value, with its CRLF. */
int h1_body_next(struct h1_body *body, struct span input, size_t *ret_eaten, struct span *ret_data);
bool h1_body_ended(const struct h1_body *body);
/* Whether the end of the connection is an end of the body. */
bool h1_body_ends_at_close(const struct h1_body *body);
/* How many of the bytes that come next are the body's, whatever they are, so that they may go by
 * unseen: none while the coding must be looked at. */
uint64_t h1_body_unseen(const struct h1_body *body);
/* So many of them went by. */
void h1_body_pass(struct h1_body *body, size_t n);
/* How much is to come at least: for the decision to read it or to close. */
uint64_t h1_body_left(const struct h1_body *body);
