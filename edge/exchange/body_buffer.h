/* SPDX-License-Identifier: Apache-2.0
 *
 * body_buffer: a request's body, held in blocks of the slab until it is whole. Bytes are copied: a
 * client that sends them one by one holds no more blocks than they fill. The worker's thread.
 */
#pragma once

#include <bsd/sys/queue.h>

#include "core/chain.h"

struct body_buffer_piece;
STAILQ_HEAD(body_buffer_list, body_buffer_piece);

struct body_buffer {
	struct slab *slab; /* borrowed */
	uint64_t max_bytes, n_bytes;
	struct body_buffer_list pieces;
	struct chain front; /* what is being given out */
};

void body_buffer_init(struct body_buffer *buffer, struct slab *slab, uint64_t max_bytes);
void body_buffer_fini(struct body_buffer *buffer);

enum body_buffer_outcome { BODY_BUFFER_OK = 0, BODY_BUFFER_FULL = 1 };
/* Copies all of `body` and empties it; not when FULL. Errors: -ENOMEM. */
int body_buffer_take(struct body_buffer *buffer, struct chain *body);
/* The next bytes, to be moved out of it; call again when it is empty. *ret_last: there are none
 * behind these. */
struct chain *body_buffer_give(struct body_buffer *buffer, bool *ret_last);
