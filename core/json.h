/* SPDX-License-Identifier: Apache-2.0
 *
 * json: jansson, where JSON leaves or enters.
 */
#pragma once

#include <jansson.h>

#include "core/buf.h"
#include "core/obj.h"

/* CLEANUP(json_drop) json_t *root = json_object(); */
static inline void json_drop(json_t **json)
{
	json_decref(*json);
}

/* Adds a string that may hold foreign bytes: what is not UTF-8 is escaped as \xNN text. */
int json_set_span(json_t *object, const char *key, struct span value);
/* Compact text into the buffer; sets buf->failed on failure. */
void json_into(struct buf *out, const json_t *json);
/* Parses at most max_bytes and 64 levels; NULL with `reterr` (at least 160 bytes) set on failure.
 * Owned by the caller. */
json_t *json_from(struct span text, size_t max_bytes, char *reterr, size_t reterr_len);
