/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_fields: the field lines of a head, and those that speak of the connection and of framing.
 * For h1_parse.c.
 */
#pragma once

#include "edge/http1/h1_parse.h"

enum { H1_MAX_CONNECTION_LINES = 8, H1_MAX_CONNECTION_OPTIONS = 32 };

/* What left the fields of a head while they were read. */
struct h1_special {
	unsigned n_hosts, n_lengths, n_codings, n_connections;
	struct span host, length, coding, upgrade;
	bool expects_continue, expects_else, takes_trailers;
	/* Of Connection: */
	bool close, keep_alive, names_upgrade;
	struct span connections[H1_MAX_CONNECTION_LINES]; /* so many as n_connections says */
};

/* Reads all field lines into `head`, and takes out what message.h wants out, also what Connection
 * names. `bytes`: from the first line's end to the end of the head, the empty line included: lines
 * of which h1_find_end(), or h1_body for trailers, has seen that they end in CRLF and hold no other
 * control than HTAB. Outcomes: H1_PARSED, H1_MALFORMED, H1_HEAD_LARGE. Errors: -ENOBUFS. `special`
 * is filled in on H1_PARSED. */
int h1_fields_read(struct span bytes, const struct h1_limits *limits, struct http_head *head,
		   struct h1_special *special);
/* Content-Length and Transfer-Encoding into head->body, body_length and has_length (RFC 9112 6.3,
 * without the cases that depend on method and status). Outcomes: H1_PARSED, H1_MALFORMED,
 * H1_CODING_UNKNOWN. */
int h1_framing_read(const struct h1_special *special, struct http_head *head, bool *ret_chunked);
