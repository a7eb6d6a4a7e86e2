/* SPDX-License-Identifier: Apache-2.0
 *
 * accept_encoding: which content codings a client takes (RFC 9110 12.5.3), and one short text for
 * all the ways to say the same, so that a response is not stored once for each of them. Pure.
 */
#pragma once

#include "edge/http/message.h"

/* Those that are known here, in the order of the text. */
/* clang-format off */
#define HTTP_CODINGS(X) \
	X(BR,       "br") \
	X(DEFLATE,  "deflate") \
	X(GZIP,     "gzip")       /* x-gzip, too (RFC 9110 8.4.1.3) */ \
	X(ZSTD,     "zstd") \
	X(IDENTITY, "identity")
/* clang-format on */
enum http_coding {
#define X(ID, name) HTTP_CODING_##ID,
	HTTP_CODINGS(X)
#undef X
		HTTP_N_CODINGS
};
#define HTTP_CODING_BIT(coding) (1u << (coding))
#define HTTP_CODINGS_ALL        (HTTP_CODING_BIT(HTTP_N_CODINGS) - 1)

struct accept_encoding {
	bool said;      /* the field was there; else any coding may come, and identity alone is sure
			 * to be understood */
	unsigned takes; /* HTTP_CODING_BIT() of each with a q above 0 */
	uint16_t q_permille[HTTP_N_CODINGS]; /* identity that nobody named: 1, so that it is taken
					      * after all that was */
};

/* All lines of the field. An element that is malformed is passed over; of a coding that comes twice
 * the lesser q counts. */
void accept_encoding_read(const struct http_head *request, struct accept_encoding *ret_accept);

enum { ACCEPT_ENCODING_TEXT_BYTES = 40 };
/* "br,gzip", "gzip", "": those of `among` that are taken, and ",identity;q=0" where it is refused.
 * Is itself a value of the field that means the same. Into `text`, NUL-terminated. */
struct span accept_encoding_text(const struct accept_encoding *accept, unsigned among,
				 char text[ACCEPT_ENCODING_TEXT_BYTES]);
