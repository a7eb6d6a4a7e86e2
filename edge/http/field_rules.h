/* SPDX-License-Identifier: Apache-2.0
 *
 * field_rules: which fields and pseudo-fields may come, for the versions of HTTP that have no text
 * to be read (RFC 9113 8.2, 8.3), and which may come behind a body in any (RFC 9110 6.5.1). The
 * bytes are the same as in HTTP/1.1, for what comes by one goes out by the other. Pure.
 */
#pragma once

#include "edge/http/message.h"

/* A token in lower case (RFC 9113 8.2.1). */
bool http2_name_is_valid(struct span name);
/* Field content: no control but HTAB, no space or tab at either end. */
bool http_value_is_valid(struct span value);
/* For :method and :protocol. */
bool http_token_is_valid(struct span text);
/* What stands in :path: "*", or from '/' on what a target may hold. */
bool http2_path_is_valid(struct span path);
/* Connection and its kin, and TE when it says anything but "trailers" (RFC 9113 8.2.2). */
bool http2_field_is_connection_specific(enum http_name id, struct span name, struct span value);
/* What must be known before the body, or never at all: framing, routing, who asks, modifiers of a
 * request, control data, the content's form. It is dropped, not refused. */
bool http_field_is_barred_from_trailers(enum http_name id, struct span name);
/* Is for all who read the message, so that Connection must not name it (RFC 9110 7.6.1) and takes
 * nothing away when it does: who sends through us, or through a proxy before us that hands
 * Connection on, could strip what was added on the way. */
bool http_field_is_end_to_end(enum http_name id, struct span name);
/* For Host and :authority. *ret_host: lower case, in the arena; without port and trailing dot. */
bool http_authority_parse(struct span authority, struct arena *arena, struct span *ret_host);
