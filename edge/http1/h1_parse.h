/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_parse: the heads of HTTP/1.1 and 1.0 (RFC 9112), read strictly. What is malformed or ambiguous
 * is refused, never repaired. Any thread.
 *
 * Two steps: h1_find_end() looks for the end of a head in what has come so far and remembers how
 * far it has looked; h1_parse_request() or h1_parse_response() then reads the whole head.
 */
#pragma once

#include "edge/http/message.h"
#include "edge/report/reasons.h"

enum h1_outcome {
	H1_PARSED = 0,
	H1_NEED_MORE = 1,      /* the head is not whole yet */
	H1_MALFORMED = 2,      /* 400; of a response: the origin broke the protocol */
	H1_URI_LONG = 3,       /* 414: the first line is over its limit */
	H1_HEAD_LARGE = 4,     /* 431 */
	H1_VERSION = 5,        /* 505 */
	H1_METHOD_REFUSED = 6, /* 405: CONNECT */
	H1_CODING_UNKNOWN = 7, /* 501 */
	H1_EXPECTATION = 8,    /* 417 */
};

struct h1_limits {
	size_t max_line_bytes; /* the first line, its CRLF included */
	size_t max_head_bytes; /* all, the last CRLF included */
	uint16_t max_fields;
};

/* How far the search has come. Zeroed for a new head. */
struct h1_scan {
	size_t at;    /* where to go on looking */
	size_t line;  /* where the line under way begins */
	size_t start; /* of the head: behind an empty line that stood before it */
	bool has_line;
};

/* `input` begins where it began at the last call, and is as long or longer. H1_PARSED: the head is
 * input[scan->start, *ret_len). Others: H1_NEED_MORE, H1_MALFORMED, H1_URI_LONG, H1_HEAD_LARGE. The
 * outcome does not depend on how the input was cut. */
int h1_find_end(struct h1_scan *scan, struct span input, const struct h1_limits *limits,
		size_t *ret_len);

/* What the version, Connection and the framing say, beside the head. */
struct h1_parsed {
	bool keep_alive; /* the other side lets the connection serve on (RFC 9112 9.3) */
	bool chunked;
};

/* `bytes` is a whole head as h1_find_end() found it; the spans of `head` point into it, into the
 * arena or at static text. `scheme` is the connection's. `head` and `parsed` are filled in where
 * they stand, and of no use after anything but H1_PARSED. Errors: -ENOBUFS (the arena is full). */
int h1_parse_request(struct span bytes, struct span scheme, const struct h1_limits *limits,
		     struct arena *arena, struct http_head *head, struct h1_parsed *parsed);
/* `method` is the request's. `bytes` begins where the input did: an empty line before a response is
 * malformed. 1xx is H1_PARSED with HTTP_BODY_NONE, of 101 `upgrade` says to what: whether that was
 * asked for is the caller's to know. */
int h1_parse_response(struct span bytes, enum http_method method, const struct h1_limits *limits,
		      struct arena *arena, struct http_head *head, struct h1_parsed *parsed);

/* Why the connection is closed, for an outcome of h1_parse_request() that is not H1_PARSED. */
enum close_reason h1_outcome_reason(enum h1_outcome outcome);
