/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_encode: heads as HPACK (RFC 7541), without a dynamic table: what is in the static table by its
 * number, all else as it stands. That costs some bytes and no state, no hash and no memory for each
 * connection; docs/decisions/0009 has the numbers. What must not be kept by anyone on the way
 * (cookies, credentials) is marked so (RFC 7541 7.1.3).
 */
#pragma once

#include "core/buf.h"
#include "edge/http/message.h"

/* Each appends to `block`, which fails (sticky) past its limit. Fields as they stand in the head;
 * `date` is added when the head has none and it is not empty. */
void h2_encode_response(struct buf *block, const struct http_head *head, struct span date);
/* For an origin. A head with `upgrade` becomes an extended CONNECT (RFC 8441 4). */
void h2_encode_request(struct buf *block, const struct http_head *head);
void h2_encode_trailers(struct buf *block, const struct http_head *trailers);
