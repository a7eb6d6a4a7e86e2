/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_decode: header blocks (RFC 7541) into the neutral form of a head, by the rules of RFC 9113 8.
 * The coder is nghttp2's. A block comes in pieces; what is wrong with its fields is the stream's
 * fault and leaves the coder whole, what is wrong with its coding is the connection's.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "edge/http/message.h"

enum h2_block {
	H2_BLOCK_REQUEST,
	H2_BLOCK_RESPONSE,
	H2_BLOCK_TRAILERS,
	H2_BLOCK_DISCARD, /* decoded for the coder's sake alone */
};

enum h2_decoded {
	H2_DECODED = 0,
	H2_DECODED_MALFORMED = 1,   /* RFC 9113 8.1.1: a stream error */
	H2_DECODED_LARGE = 2,       /* over max_bytes or max_fields: 431 */
	H2_DECODED_CODING = 3,      /* COMPRESSION_ERROR, of the connection */
	H2_DECODED_BOMB = 4,        /* far over max_bytes: ENHANCE_YOUR_CALM, of the connection */
	H2_DECODED_EXPECTATION = 5, /* another than 100-continue: 417 */
};

struct h2_decode_limits {
	size_t max_bytes; /* names, values and 32 for each (RFC 7541 4.1) */
	uint16_t max_fields;
};

struct h2_decoder {
	nghttp2_hd_inflater *inflater; /* owned */
	struct h2_decode_limits limits;
	/* Of the block under way. */
	enum h2_block kind;
	struct http_head *head; /* borrowed; NULL with H2_BLOCK_DISCARD */
	enum h2_decoded outcome;
	size_t bytes;
	unsigned seen; /* pseudo-header fields, as bits */
	bool fields_begun;
	uint8_t n_cookies;
	struct span scheme, host, protocol;
};

/* Errors: -ENOMEM. */
int h2_decoder_init(struct h2_decoder *decoder, const struct h2_decode_limits *limits);
void h2_decoder_fini(struct h2_decoder *decoder);
/* A block begins. `head` was initialised; its fields go to its arena. `scheme` is how the
 * connection came: it, not what the client says, stands in the head. Errors: none. */
void h2_decode_begin(struct h2_decoder *decoder, enum h2_block kind, struct http_head *head,
		     struct span scheme);
/* The next piece. H2_DECODED, or one of the two that end the connection. Errors: -ENOMEM. */
int h2_decode_feed(struct h2_decoder *decoder, struct span piece, bool last);
/* After the last piece: what became of the head. Its body is H2_BODY_NONE if `end`, else by its
 * length. Errors: -ENOBUFS. */
int h2_decode_end(struct h2_decoder *decoder, bool end);
