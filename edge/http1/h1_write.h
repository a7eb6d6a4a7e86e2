/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_write: heads of HTTP/1.1 written fresh from their neutral form. For http1/ alone.
 */
#pragma once

#include "edge/http1/h1_out.h"

/* A request's head; sets the framing of `out`. `end`: no body follows. */
void h1_write_request(struct h1_out *out, const struct http_head *head, bool end);

/* For whom a response is. */
struct h1_answer {
	enum http_method method; /* of the request */
	uint8_t version_minor;   /* of the client */
	bool keep;               /* the connection serves on, as far as we are concerned */
	struct span date;        /* when the response has none; empty: leave it out */
};

/* A final response's head; sets the framing of `out`. Returns whether the connection can serve on:
 * not when the end of the connection is what ends the body. */
bool h1_write_response(struct h1_out *out, const struct http_head *head, bool end,
		       const struct h1_answer *answer);
/* A 101 that begins a tunnel: the other side's bytes follow as they are. */
void h1_write_tunnel(struct h1_out *out, const struct http_head *head);
/* Other 1xx. */
void h1_write_interim(struct h1_out *out, const struct http_head *head);
/* A whole response with a line of text for a reason with a status, and Connection: close. */
void h1_write_refusal(struct h1_out *out, unsigned status, bool to_head, struct span date);
