/* SPDX-License-Identifier: Apache-2.0
 *
 * structured: dictionaries of structured fields (RFC 8941 3.2, 4.2.2), member by member. Parameters
 * and the items of inner lists are checked and passed over: nobody asks for them yet. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

enum sf_type {
	SF_INTEGER,
	SF_DECIMAL, /* `text` */
	SF_STRING,  /* `text` between the quotes, its escapes as they came */
	SF_TOKEN,
	SF_BYTES, /* `text` in base64, as it came */
	SF_BOOLEAN,
	SF_INNER_LIST, /* `text` with its parentheses */
};

struct sf_member {
	struct span key;
	enum sf_type type;
	int64_t integer;
	bool boolean;
	struct span text;
};

enum sf_outcome { SF_MEMBER = 0, SF_END = 1, SF_MALFORMED = 2 };

/* The next member of *rest, which goes on behind it. SF_MALFORMED: the whole field must be passed
 * over as if it had not come (RFC 8941 4.2), also what was read before. Several lines of a field
 * are one, joined by commas. Of two members with a key the last counts, which is the caller's to
 * see to. */
enum sf_outcome sf_dictionary_next(struct span *rest, struct sf_member *ret_member);
