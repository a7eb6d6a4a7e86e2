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
/* Cache-Status (RFC 9211), if the route wants it. Errors: -ENOBUFS. */
int serve_status_add(struct exchange *x, struct http_head *head);
