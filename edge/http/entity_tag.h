/* SPDX-License-Identifier: Apache-2.0
 *
 * entity_tag: ETag's value, alone and in lists (RFC 9110 8.8.3), and its two comparisons (8.8.3.2).
 * Pure.
 *
 * Origins send tags that are none (without quotes, "w/" for "W/"), and clients send them back. Such
 * a text is taken as a weak tag that equals the same text alone: enough for a 304, never for
 * joining parts.
 */
#pragma once

#include "core/span.h"

struct entity_tag {
	struct span opaque; /* with its quotes; of a malformed one all of it */
	bool weak;          /* or malformed */
};

/* All of `text` is one tag. False: it is empty. */
bool entity_tag_parse(struct span text, struct entity_tag *ret_tag);
/* The next of *rest, which goes on behind it. False: there is none. */
bool entity_tag_next(struct span *rest, struct entity_tag *ret_tag);
/* A tag between quotes, with or without W/. */
bool entity_tag_is_valid(struct span text);

/* The same if the bytes need not be (RFC 9110 8.8.3.2: for caching). */
bool entity_tag_same_weakly(const struct entity_tag *a, const struct entity_tag *b);
/* The same byte for byte. */
bool entity_tag_same_strongly(const struct entity_tag *a, const struct entity_tag *b);
