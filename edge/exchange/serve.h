/* SPDX-License-Identifier: Apache-2.0
 *
 * serve: a stored response to a client: whole, a part of it, or the word that nothing has changed.
 */
#pragma once

#include "edge/exchange/lookup.h"

/* From now on the exchange reads this object, which may still fill: then it is its flight's. False:
 * its beginning has gone. */
bool serve_begin(struct exchange *x, struct cache_object *object);
/* Head and body, as far as there is room and the body is there; again when more is. */
enum exchange_step serve_step(struct exchange *x);
/* ---- serve_coded.c: in which coding ------------------------------------------------------------
 */

/* The head and the reader become those of the compressed body, if there is one and the client takes
 * it. Errors: -ENOBUFS. */
int serve_code(struct exchange *x, struct http_head *head);

/* ---- serve_part.c: which part of it -------------------------------------------------------------
 */

/* The whole response's head becomes that of what the client asked for: 304, 412, 206, 416, or stays
 * as it is; the reader is set to it. Errors: -ENOBUFS. */
int serve_select(struct exchange *x, struct http_head *head);
/* The reader is at the end of its part: what goes before the next, or behind the last, is pushed.
 * False: nothing is left. Errors are an end that comes too early. The chain must not be full. */
bool serve_next_part(struct exchange *x);

/* Cache-Status (RFC 9211), if the route wants it. Errors: -ENOBUFS. */
int serve_status_add(struct exchange *x, struct http_head *head);
