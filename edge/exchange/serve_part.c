/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_part: conditions, then ranges (RFC 9110 13.2.2), of a response that is stored or on its way
 * in. Both are asked of what is stored as 200: other statuses have no parts.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/exchange/serve.h"
#include "edge/http/precondition.h"
#include "edge/http/range.h"

/* multipart/byteranges under way. */
struct serve_parts {
	struct ranges ranges;
	size_t next; /* the part that comes next; past the last: the end */
	bool ended;
	uint64_t length; /* of the whole representation */
	struct span boundary, type;
};

/* ---- heads without a body ----------------------------------------------------------------------
 */

/* Of what is not sent nothing is to be said (RFC 9110 15.4.5). */
static void content_forget(struct http_head *head, bool all)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		bool content = span_ieq(span_first(field->name, 8), SPAN_LIT("Content-"));
		bool kept = field->id == HTTP_NAME_DATE || field->id == HTTP_NAME_VIA ||
			    field->id == HTTP_NAME_CACHE_STATUS || field->id == HTTP_NAME_AGE;
		if ((all && !kept) || (content && field->id != HTTP_NAME_CONTENT_LOCATION))
			continue;
		head->fields[n++] = *field;
	}
	head->n_fields = n;
}

static void head_empty(struct http_head *head, uint16_t status, bool all)
{
	content_forget(head, all);
	head->status = status;
	head->reason = http_status_reason(status);
	head->body = HTTP_BODY_NONE;
	head->has_length = false;
	head->body_length = 0;
}

/* ---- parts -------------------------------------------------------------------------------------
 */

static void reader_set(struct cache_reader *reader, const struct range *range)
{
	struct cache_object *object = reader->object;

	if (range->from >= reader->segment_from) {
		reader->at = range->from;
		reader->end = range->to;
		return;
	}
	/* Back to the beginning, which is still there: the body is whole. */
	cache_object_ref(object);
	cache_reader_fini(reader);
	cache_reader_init(reader, object, range->from, range->to);
	cache_object_unref(object);
}

static int one_part(struct exchange *x, struct http_head *head, const struct range *range)
{
	struct span text = range_content_text(range, head->body_length, x->arena);

	if (!text.at)
		return err_new(-ENOBUFS);
	head->status = 206;
	head->reason = http_status_reason(206);
	head->body = HTTP_BODY_LENGTH;
	head->body_length = range->to - range->from;
	reader_set(&x->lookup->reader, range);
	return err_pass(http_head_add(head, HTTP_NAME_CONTENT_RANGE, text));
}

static struct span boundary_make(struct exchange *x)
{
	return span_str(
		arena_printf(x->arena, "%016llx", (unsigned long long)rng_u64(&x->env->rng)));
}

/* Bytes of the whole body, text between the parts included. Errors: -ENOBUFS. */
static int parts_length(struct exchange *x, const struct serve_parts *parts, uint64_t *ret_length)
{
	uint64_t length = range_parts_end(parts->boundary, x->arena).len;

	for (size_t i = 0; i < parts->ranges.n; i++) {
		const struct range *range = &parts->ranges.items[i];
		struct span text = range_part_head(range, parts->length, parts->type,
						   parts->boundary, x->arena);
		if (!text.at)
			return err_new(-ENOBUFS);
		length += text.len + range->to - range->from;
	}
	*ret_length = length;
	return 0;
}

static int many_parts(struct exchange *x, struct http_head *head, const struct ranges *ranges)
{
	const struct http_field *type = http_head_find(head, HTTP_NAME_CONTENT_TYPE);
	struct serve_parts *parts = ARENA_NEW(x->arena, struct serve_parts);

	if (!parts)
		return err_new(-ENOBUFS);
	parts->ranges = *ranges;
	parts->length = head->body_length;
	parts->boundary = boundary_make(x);
	parts->type = type ? type->value : SPAN_NONE;
	if (!parts->boundary.at || parts_length(x, parts, &head->body_length) < 0)
		return err_new(-ENOBUFS);
	x->lookup->parts = parts;
	x->lookup->reader.at = x->lookup->reader.end = 0; /* the first part comes with its head */
	head->status = 206;
	head->reason = http_status_reason(206);
	head->body = HTTP_BODY_LENGTH;
	const char *text = arena_printf(x->arena, "multipart/byteranges; boundary=%.*s",
					SPAN_FMT(parts->boundary));
	return text ? err_pass(http_head_set(head, HTTP_NAME_CONTENT_TYPE, span_str(text)))
		    : err_new(-ENOBUFS);
}

static int unsatisfiable(struct exchange *x, struct http_head *head)
{
	struct span text = range_content_text(NULL, head->body_length, x->arena);

	if (!text.at)
		return err_new(-ENOBUFS);
	head_empty(head, 416, true);
	return err_pass(http_head_add(head, HTTP_NAME_CONTENT_RANGE, text));
}

static int range_select(struct exchange *x, struct http_head *head)
{
	const struct http_field *field = http_head_find(x->request, HTTP_NAME_RANGE);
	struct ranges ranges;

	if (!field || x->request->method != HTTP_METHOD_GET || !head->has_length ||
	    !precondition_if_range(x->request, head, loop_wall_s(x->env->loop)))
		return 0;
	switch (range_parse(field->value, head->body_length, &ranges)) {
	case RANGE_WHOLE:
		return 0;
	case RANGE_UNSATISFIABLE:
		return err_pass(unsatisfiable(x, head));
	case RANGE_PARTS:
		if (ranges.n == 1)
			return err_pass(one_part(x, head, &ranges.items[0]));
		/* Parts may go backwards: not in a body that is on its way. */
		if (cache_object_body(x->lookup->reader.object) != CACHE_BODY_WHOLE)
			return 0;
		return err_pass(many_parts(x, head, &ranges));
	}
	UNREACHABLE();
}

int serve_select(struct exchange *x, struct http_head *head)
{
	if (head->status != 200)
		return 0;
	switch (precondition_judge(x->request, head, loop_wall_s(x->env->loop))) {
	case PRECONDITION_NOT_MODIFIED:
		head_empty(head, 304, false);
		return 0;
	case PRECONDITION_FAILED:
		head_empty(head, 412, true);
		return 0;
	case PRECONDITION_PASSED:
		return err_pass(range_select(x, head));
	}
	UNREACHABLE();
}

bool serve_next_part(struct exchange *x)
{
	struct lookup *lookup = x->lookup;
	struct serve_parts *parts = lookup->parts;
	struct span text;

	if (!parts || parts->ended)
		return false;
	if (parts->next < parts->ranges.n) {
		const struct range *range = &parts->ranges.items[parts->next++];
		text = range_part_head(range, parts->length, parts->type, parts->boundary,
				       x->arena);
		reader_set(&lookup->reader, range);
	} else {
		text = range_parts_end(parts->boundary, x->arena);
		parts->ended = true;
	}
	if (text.at)
		chain_push(&lookup->body, (struct slice){ text.at, (uint32_t)text.len, NULL });
	return text.at != NULL;
}
