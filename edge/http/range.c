/* SPDX-License-Identifier: Apache-2.0
 *
 * range: a list is read whole before any of it counts.
 */
#include "edge/http/range.h"

#include "core/obj.h"

enum one { ONE_GOOD, ONE_BEYOND, ONE_WRONG };

/* "0-99", "100-", "-5" */
static enum one one_parse(struct span text, uint64_t length, struct range *ret_range)
{
	size_t dash = span_find(text, '-');
	struct span first = span_first(text, dash), last = span_from(text, dash + 1);
	uint64_t from = 0, to = 0;

	if (dash == text.len || (first.len && !span_to_u64(first, UINT64_MAX, &from)) ||
	    (last.len && !span_to_u64(last, UINT64_MAX, &to)))
		return ONE_WRONG;
	if (first.len == 0) {
		if (last.len == 0)
			return ONE_WRONG;
		*ret_range = (struct range){ length - MIN(to, length), length };
		return to && length ? ONE_GOOD : ONE_BEYOND;
	}
	if (last.len && to < from)
		return ONE_WRONG;
	if (from >= length)
		return ONE_BEYOND;
	*ret_range = (struct range){ from, last.len && to < length ? to + 1 : length };
	return ONE_GOOD;
}

/* Those who ask for the same bytes several times want something else. */
static bool repeat_each_other(const struct ranges *ranges)
{
	size_t n_overlaps = 0;

	for (size_t i = 1; i < ranges->n; i++) {
		for (size_t j = 0; j < i; j++)
			n_overlaps += ranges->items[i].from < ranges->items[j].to &&
				      ranges->items[j].from < ranges->items[i].to;
	}
	return n_overlaps > 1;
}

enum range_outcome range_parse(struct span field, uint64_t length, struct ranges *ret_ranges)
{
	size_t equals = span_find(field, '=');
	struct span rest = span_from(field, equals + 1), text;
	bool any = false;

	ret_ranges->n = 0;
	if (!span_ieq(span_first(field, equals), SPAN_LIT("bytes")))
		return RANGE_WHOLE;
	while (span_cut(&rest, ',', &text)) {
		struct range range;
		text = span_trim(text);
		if (text.len == 0)
			continue;
		enum one one = one_parse(text, length, &range);
		if (one == ONE_WRONG || ret_ranges->n == RANGE_MAX)
			return RANGE_WHOLE;
		any = true;
		if (one == ONE_GOOD)
			ret_ranges->items[ret_ranges->n++] = range;
	}
	if (!any || repeat_each_other(ret_ranges))
		return RANGE_WHOLE;
	return ret_ranges->n ? RANGE_PARTS : RANGE_UNSATISFIABLE;
}

struct span range_content_text(const struct range *range, uint64_t length, struct arena *arena)
{
	if (!range)
		return span_str(arena_printf(arena, "bytes */%llu", (unsigned long long)length));
	return span_str(arena_printf(arena, "bytes %llu-%llu/%llu", (unsigned long long)range->from,
				     (unsigned long long)range->to - 1,
				     (unsigned long long)length));
}

struct span range_part_head(const struct range *range, uint64_t length, struct span content_type,
			    struct span boundary, struct arena *arena)
{
	bool typed = content_type.len > 0;

	return span_str(arena_printf(
		arena, "\r\n--%.*s\r\n%s%.*s%sContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
		SPAN_FMT(boundary), typed ? "Content-Type: " : "", SPAN_FMT(content_type),
		typed ? "\r\n" : "", (unsigned long long)range->from,
		(unsigned long long)range->to - 1, (unsigned long long)length));
}

struct span range_parts_end(struct span boundary, struct arena *arena)
{
	return span_str(arena_printf(arena, "\r\n--%.*s--\r\n", SPAN_FMT(boundary)));
}
