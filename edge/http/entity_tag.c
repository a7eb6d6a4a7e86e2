/* SPDX-License-Identifier: Apache-2.0
 *
 * entity_tag: commas may stand between the quotes of a tag; what is malformed ends at the next
 * comma, so that it takes none of the tags behind it along.
 */
#include "edge/http/entity_tag.h"

/* How many bytes a well-formed tag takes at the front of `text`; 0: there is none. Spaces may stand
 * in it: they might when it was a quoted-string (RFC 2616 3.11). */
static size_t tag_len(struct span text)
{
	size_t n_weak = span_starts(text, SPAN_LIT("W/")) ? 2 : 0;
	struct span quoted = span_from(text, n_weak);

	if (!span_starts(quoted, SPAN_LIT("\"")))
		return 0;
	size_t inner = span_find(span_from(quoted, 1), '"');
	return inner + 1 < quoted.len ? n_weak + inner + 2 : 0;
}

static struct entity_tag tag_of(struct span text, bool valid)
{
	bool weak = span_starts(text, SPAN_LIT("W/"));

	if (!valid)
		return (struct entity_tag){ text, true };
	return (struct entity_tag){ span_from(text, weak ? 2 : 0), weak };
}

bool entity_tag_is_valid(struct span text)
{
	return text.len && tag_len(text) == text.len;
}

bool entity_tag_parse(struct span text, struct entity_tag *ret_tag)
{
	if (text.len == 0)
		return false;
	*ret_tag = tag_of(text, entity_tag_is_valid(text));
	return true;
}

static bool is_between(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == ',';
}

bool entity_tag_next(struct span *rest, struct entity_tag *ret_tag)
{
	while (rest->len && is_between(rest->at[0]))
		*rest = span_from(*rest, 1);
	if (!rest->len)
		return false;
	size_t n = tag_len(*rest);
	struct span behind = span_trim(span_from(*rest, n));
	bool valid = n && (behind.len == 0 || behind.at[0] == ',');
	if (!valid)
		n = span_find(*rest, ',');
	*ret_tag = tag_of(span_trim(span_first(*rest, n)), valid);
	*rest = span_from(*rest, n);
	return true;
}

bool entity_tag_same_weakly(const struct entity_tag *a, const struct entity_tag *b)
{
	return span_eq(a->opaque, b->opaque);
}

bool entity_tag_same_strongly(const struct entity_tag *a, const struct entity_tag *b)
{
	return !a->weak && !b->weak && span_eq(a->opaque, b->opaque);
}
