/* SPDX-License-Identifier: Apache-2.0
 *
 * range: what is asked for is put in order by its place, joined in one walk, and put back into the
 * order of the request. So few are sorted best by insertion.
 */
#include "edge/http/range.h"

#include <inttypes.h>

#include "core/error.h"
#include "core/obj.h"

/* Of RFC 9110 14.2: "more than two overlapping ranges". */
enum { MAX_OVERLAPS = 1 };

struct asked {
	struct range range;
	size_t place; /* in the request */
};

/* Digits alone. What is too large to be counted is as large as can be (RFC 9110 14.1.2). */
static bool position_read(struct span text, uint64_t *ret_position)
{
	uint64_t position = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		if (__builtin_mul_overflow(position, 10, &position) ||
		    __builtin_add_overflow(position, (uint64_t)(text.at[i] - '0'), &position))
			position = UINT64_MAX;
	}
	*ret_position = position;
	return text.len > 0;
}

/* "-5": the last five. False: malformed. *ret_some: bytes of the representation are among them. */
static bool suffix_read(struct span text, uint64_t complete, struct range *ret_range,
			bool *ret_some)
{
	uint64_t n_bytes;

	if (!position_read(text, &n_bytes))
		return false;
	*ret_range = (struct range){ complete - MIN(n_bytes, complete), complete - 1 };
	*ret_some = n_bytes > 0;
	return true;
}

/* "5-", "5-9", "-5", with suffix_read()'s answers. */
static bool spec_read(struct span text, uint64_t complete, struct range *ret_range, bool *ret_some)
{
	size_t dash = span_find(text, '-');
	struct span first = span_first(text, dash), last = span_from(text, dash + 1);
	struct range range = { 0, UINT64_MAX };

	if (dash == text.len)
		return false;
	if (dash == 0)
		return suffix_read(last, complete, ret_range, ret_some);
	if (!position_read(first, &range.first) ||
	    (last.len && !position_read(last, &range.last)) || range.last < range.first)
		return false;
	*ret_some = range.first < complete;
	*ret_range = (struct range){ range.first, MIN(range.last, complete - 1) };
	return true;
}

/* False: malformed, or more than anybody needs. None: all lie behind the end. */
static bool specs_read(struct span rest, uint64_t complete, struct asked asked[RANGE_MAX],
		       size_t *ret_n)
{
	size_t n_specs = 0, n = 0;
	struct span part;

	while (span_cut(&rest, ',', &part)) {
		struct span spec = span_trim(part);
		struct range range;
		bool some;
		if (spec.len == 0)
			continue; /* RFC 9110 5.6.1.2 */
		if (++n_specs > RANGE_MAX || !spec_read(spec, complete, &range, &some))
			return false;
		if (!some)
			continue;
		asked[n] = (struct asked){ range, n };
		n++;
	}
	*ret_n = n;
	return n_specs > 0;
}

static void sort(struct asked *asked, size_t n, bool by_place)
{
	for (size_t i = 1; i < n; i++) {
		struct asked moved = asked[i];
		size_t at = i;
		for (; at > 0; at--) {
			bool stays = by_place ? asked[at - 1].place < moved.place
					      : asked[at - 1].range.first <= moved.range.first;
			if (stays)
				break;
			asked[at] = asked[at - 1];
		}
		asked[at] = moved;
	}
}

/* Joins those that overlap or lie close together, all in order of their first bytes. Returns how
 * many are left. */
static size_t join(struct asked *asked, size_t n, size_t *ret_n_overlaps)
{
	size_t n_left = 1, n_overlaps = 0;

	for (size_t i = 1; i < n; i++) {
		struct asked *before = &asked[n_left - 1];
		bool overlaps = asked[i].range.first <= before->range.last;
		n_overlaps += overlaps;
		if (!overlaps && asked[i].range.first - before->range.last > RANGE_GAP_BYTES) {
			asked[n_left++] = asked[i];
			continue;
		}
		before->range.last = MAX(before->range.last, asked[i].range.last);
		before->place = MIN(before->place, asked[i].place);
	}
	*ret_n_overlaps = n_overlaps;
	return n_left;
}

static bool is_ascending(const struct range_set *set)
{
	for (size_t i = 1; i < set->n; i++) {
		if (set->ranges[i].first < set->ranges[i - 1].first)
			return false;
	}
	return true;
}

enum range_outcome range_parse(struct span value, uint64_t complete, struct range_set *ret_set)
{
	struct asked asked[RANGE_MAX];
	size_t equals = span_find(value, '='), n, n_overlaps;

	if (complete == 0 || !span_ieq(span_first(value, equals), SPAN_LIT("bytes")) ||
	    !specs_read(span_from(value, equals + 1), complete, asked, &n))
		return RANGE_IGNORED;
	if (n == 0)
		return RANGE_UNSATISFIABLE;
	sort(asked, n, false);
	n = join(asked, n, &n_overlaps);
	if (n_overlaps > MAX_OVERLAPS)
		return RANGE_IGNORED;
	sort(asked, n, true);
	ret_set->n = n;
	for (size_t i = 0; i < n; i++)
		ret_set->ranges[i] = asked[i].range;
	ret_set->ascending = is_ascending(ret_set);
	return RANGE_OK;
}

enum range_outcome range_of_request(const struct http_head *request, uint64_t complete,
				    struct range_set *ret_set)
{
	const struct http_field *range = NULL;

	if (request->method != HTTP_METHOD_GET)
		return RANGE_IGNORED;
	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (request->fields[i].id != HTTP_NAME_RANGE)
			continue;
		if (range)
			return RANGE_IGNORED; /* it is no list: RFC 9110 5.3 */
		range = &request->fields[i];
	}
	return range ? range_parse(range->value, complete, ret_set) : RANGE_IGNORED;
}

/* "0-4" */
static bool held_read(struct span text, struct range *ret_range)
{
	size_t dash = span_find(text, '-');
	struct range range;

	if (!span_to_u64(span_first(text, dash), UINT64_MAX, &range.first) ||
	    !span_to_u64(span_from(text, dash + 1), UINT64_MAX, &range.last) ||
	    range.last < range.first)
		return false;
	*ret_range = range;
	return true;
}

bool content_range_parse(struct span value, struct content_range *ret_content_range)
{
	const struct span unit = SPAN_LIT("bytes "), star = SPAN_LIT("*");
	struct span rest = span_from(value, unit.len);
	size_t slash = span_find(rest, '/');
	struct span held = span_first(rest, slash), whole = span_from(rest, slash + 1);
	struct content_range content_range = {
		.has_range = !span_eq(held, star),
		.has_complete = !span_eq(whole, star),
	};

	if (!span_ieq(span_first(value, unit.len), unit) ||
	    (content_range.has_range && !held_read(held, &content_range.range)) ||
	    (content_range.has_complete &&
	     !span_to_u64(whole, UINT64_MAX, &content_range.complete)))
		return false;
	if (!content_range.has_range && !content_range.has_complete)
		return false;
	if (content_range.has_range && content_range.has_complete &&
	    content_range.range.last >= content_range.complete)
		return false;
	*ret_content_range = content_range;
	return true;
}

int content_range_compose(const struct range *range, uint64_t complete, struct arena *arena,
			  struct span *ret_value)
{
	char *value;

	if (range)
		value = arena_printf(arena, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->first,
				     range->last, complete);
	else
		value = arena_printf(arena, "bytes */%" PRIu64, complete);
	if (!value)
		return err_new(-ENOBUFS);
	*ret_value = span_str(value);
	return 0;
}
