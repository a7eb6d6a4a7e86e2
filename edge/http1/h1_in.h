/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_in: what comes on a connection of HTTP/1.1, in either role: one block that is read into, and
 * the body that is decoded out of it by reference. For http1/ alone.
 */
#pragma once

#include "core/chain.h"
#include "core/net/conn.h"
#include "edge/http1/h1_body.h"

struct h1_in {
	struct slab *slab;   /* borrowed */
	struct block *block; /* owned reference; NULL: nothing is held */
	uint32_t from;       /* of the block: the first byte that was not used */
	uint32_t n_parked;
	uint8_t *parked; /* what is left, instead of the block; owned; NULL: nothing */
	struct h1_body decoder;
	struct chain body; /* decoded, waits for its taker */
	/* The trailer section so far, as h1_body.h gives it; owned reference; NULL: none. */
	struct block *trailers;
};

void h1_in_init(struct h1_in *in, struct slab *slab);
void h1_in_fini(struct h1_in *in);
/* What came and was not used. Borrowed until the next read. */
struct span h1_in_left(const struct h1_in *in);
/* Of what is left, the first n are used. Gives the block back when that was all. */
void h1_in_use(struct h1_in *in, size_t n);
/* More will be long in coming, perhaps: a few bytes shall not hold a block of 16 KiB meanwhile. */
void h1_in_park(struct h1_in *in);
/* Reads once. CONN_OK: *ret_more says whether the read was full, so that there may be more at once.
 * CONN_BLOCKED also when there is no room before what is left is used. `head`: one is wanted, for
 * which the last blocks are there. Errors: -ENOMEM: blocks are scarce; a later try may do better.
 */
int h1_in_read(struct h1_in *in, struct conn *conn, bool head, bool *ret_more);
bool h1_in_has_room(const struct h1_in *in);
/* What was decoded and not taken. */
void h1_in_drop_body(struct h1_in *in);
/* Decodes what is left into `body` as far as that has room: H1_BODY_MORE, H1_BODY_END (all of it is
 * in `body`, and in `trailers`), H1_BODY_MALFORMED. Errors: -ENOMEM: the message is of no use. */
int h1_in_decode(struct h1_in *in);
