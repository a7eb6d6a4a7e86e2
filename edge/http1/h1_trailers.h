/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_trailers: the fields behind a chunked body (RFC 9112 7.1.2). For http1/ alone.
 */
#pragma once

#include "edge/http1/h1_in.h"
#include "edge/http1/h1_parse.h"

/* Takes the trailer section out of `in` and reads it, as strictly as a head's fields, into a head
 * in the arena. What may not be said so late (RFC 9110 6.5.1) is dropped; *ret_trailers is NULL
 * when nothing is left. Outcomes: H1_PARSED, H1_MALFORMED. Errors: -ENOBUFS. */
int h1_trailers_take(struct h1_in *in, struct arena *arena, const struct http_head **ret_trailers);
