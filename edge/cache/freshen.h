/* SPDX-License-Identifier: Apache-2.0
 *
 * freshen: a stored head after a 304 (RFC 9111 4.3.3, 4.3.4). Pure.
 */
#pragma once

#include "edge/http/message.h"

/* Is the 304 of what is stored? One that names another entity tag is of something that we do not
 * have. */
bool freshen_is_of(const struct http_head *news, const struct http_head *stored);
/* The stored fields, those of the 304 in their places. Errors: -ENOBUFS. */
int freshen_head(const struct http_head *stored, const struct http_head *news, struct arena *arena,
		 struct http_head *ret_head);
