/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart: at most RANGE_MAX texts of a few lines, so that they are simply written, and their
 * lengths added.
 */
#include "edge/http/multipart.h"

#include <inttypes.h>

#include "core/error.h"

static bool add(uint64_t *sum, uint64_t n)
{
	return !__builtin_add_overflow(*sum, n, sum);
}

static int text_made(const char *text, struct span *ret_text)
{
	if (!text)
		return err_new(-ENOBUFS);
	*ret_text = span_str(text);
	return 0;
}

/* What stands in all parts alike, but for the line break before all but the first. */
static int part_head_compose(const char *boundary, struct span content_type, struct arena *arena,
			     struct span *ret_text)
{
	const char *text = arena_printf(arena, "\r\n--%s\r\n", boundary);

	if (text && content_type.len)
		text = arena_printf(arena, "%sContent-Type: %.*s\r\n", text,
				    SPAN_FMT(content_type));
	return text_made(text, ret_text);
}

static int parts_compose(const struct range_set *set, uint64_t complete, struct span part_head,
			 struct arena *arena, struct multipart *multipart)
{
	for (size_t i = 0; i < set->n; i++) {
		struct span content_range = SPAN_NONE;
		int r = content_range_compose(&set->ranges[i], complete, arena, &content_range);
		if (r < 0)
			return err_pass(r);
		r = text_made(arena_printf(arena, "%.*sContent-Range: %.*s\r\n\r\n",
					   SPAN_FMT(part_head), SPAN_FMT(content_range)),
			      &multipart->before[i]);
		if (r < 0)
			return err_pass(r);
		if (i == 0) /* nothing stands before it that would have to end */
			multipart->before[0] = span_from(multipart->before[0], 2);
		if (!add(&multipart->length, multipart->before[i].len) ||
		    !add(&multipart->length, range_bytes(set->ranges[i])))
			return err_new(-EOVERFLOW);
	}
	return 0;
}

int multipart_compose(const struct range_set *set, struct span content_type, uint64_t complete,
		      struct rng *rng, struct arena *arena, struct multipart *ret_multipart)
{
	struct multipart multipart = { .length = 0 };
	uint64_t high = rng_u64(rng), low = rng_u64(rng);
	const char *boundary = arena_printf(arena, "%016" PRIx64 "%016" PRIx64, high, low);
	struct span part_head = SPAN_NONE;

	if (!boundary)
		return err_new(-ENOBUFS);
	int r = part_head_compose(boundary, content_type, arena, &part_head);
	if (r >= 0)
		r = parts_compose(set, complete, part_head, arena, &multipart);
	if (r >= 0)
		r = text_made(arena_printf(arena, "\r\n--%s--\r\n", boundary), &multipart.closing);
	if (r >= 0)
		r = text_made(arena_printf(arena, "multipart/byteranges; boundary=%s", boundary),
			      &multipart.content_type);
	if (r < 0)
		return err_pass(r);
	if (!add(&multipart.length, multipart.closing.len))
		return err_new(-EOVERFLOW);
	*ret_multipart = multipart;
	return 0;
}
