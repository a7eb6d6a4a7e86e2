/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_out: what goes out on a connection of HTTP/1.1, in either role: heads and chunk lines composed
 * in a block, bodies by reference, all in one chain that leaves in one write. For http1/ alone.
 */
#pragma once

#include "core/net/outlet.h"
#include "edge/http/message.h"

enum { H1_OUT_CHUNK_LINE = 20 }; /* 16 digits, CRLF */

struct h1_out {
	struct outlet outlet;   /* `failed`: the message is of no use */
	enum http_body framing; /* of the message under way */
	uint64_t length_left;   /* HTTP_BODY_LENGTH */
	/* Follow a chunked body; borrowed until its end; NULL: none. */
	const struct http_head *trailers;
	/* Body that leaves behind all that is in the outlet; borrowed until it is empty, when we
	 * forget it; NULL: none. */
	struct splice_pipe *pipe;
	char line[H1_OUT_CHUNK_LINE]; /* of the chunk that is in it */
	bool ended;                   /* the message is whole in the outlet, or has left it */
};

/* What is composed and not sent is at most this plus one slice; a block's worth while blocks are
 * tight. */
enum { H1_OUT_MAX_BYTES = 64 * 1024 };

void h1_out_init(struct h1_out *out, struct slab *slab);
void h1_out_fini(struct h1_out *out);
/* Copies text; looks at `failed` are due once, at the end. */
static inline void h1_out_text(struct h1_out *out, struct span text)
{
	outlet_text(&out->outlet, text);
}
/* "Name: value" and CRLF, for each. */
void h1_out_fields(struct h1_out *out, const struct http_head *head);
void h1_out_number(struct h1_out *out, uint64_t value);
/* 0, or -ENOMEM when text has failed. */
int h1_out_check(const struct h1_out *out);
/* Takes what there is room for out of `body`, framed; nothing while the slab has no block. `end`:
 * ends the message when the chain is empty. Errors: -ENOMEM; -EMSGSIZE: the body is not as long as
 * was said. */
int h1_out_body(struct h1_out *out, struct chain *body, bool end);
/* Takes all that the pipe holds, framed. There must be no other. Errors: as h1_out_body(). */
int h1_out_pipe(struct h1_out *out, struct splice_pipe *pipe);
bool h1_out_has_room(const struct h1_out *out);
/* Writes until all has left (CONN_OK), or CONN_BLOCKED, or CONN_BROKEN. `last`: if the message is
 * whole, the conn is closed when it has left. */
int h1_out_flush(struct h1_out *out, struct conn *conn, bool last);
static inline bool h1_out_empty(const struct h1_out *out)
{
	return outlet_empty(&out->outlet) && !out->pipe;
}
