/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_part: conditions, then ranges (RFC 9110 13.2.2), of a response that is stored or on its way
 * in. Both are asked of what is stored as 200: other statuses have no parts.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/exchange/serve.h"
#include "edge/http/multipart.h"
#include "edge/http/precondition.h"

/* multipart/byteranges under way. */
struct serve_parts {
	struct range_set ranges;
	struct multipart text;
	size_t next; /* the part that comes next; past the last: the end */
	bool ended;
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

static int unsatisfiable(struct exchange *x, struct http_head *head)
{
	struct span value;
	int r = content_range_compose(NULL, head->body_length, x->arena, &value);

	if (r < 0)
		return err_pass(r);
	head_empty(head, 416, true);
	return err_pass(http_head_add(head, HTTP_NAME_CONTENT_RANGE, value));
}

/* ---- parts -------------------------------------------------------------------------------------
 */

static void head_partial(struct http_head *head, uint64_t length)
{
	head->status = 206;
	head->reason = http_status_reason(206);
	head->body = HTTP_BODY_LENGTH;
	head->body_length = length;
}

/* Parts that go backwards begin anew: then the body's beginning is still there. */
static void reader_set(struct cache_reader *reader, const struct range *range)
{
	struct cache_object *object = reader->object;

	if (range->first < reader->segment_from) {
		cache_object_ref(object);
		cache_reader_fini(reader);
		cache_reader_init(reader, object, 0, 0);
		cache_object_unref(object);
	}
	reader->at = range->first;
	reader->end = range->last + 1;
}

static int one_part(struct exchange *x, struct http_head *head, const struct range *range)
{
	struct span value;
	int r = content_range_compose(range, head->body_length, x->arena, &value);

	if (r < 0)
		return err_pass(r);
	head_partial(head, range_bytes(*range));
	reader_set(&x->lookup->reader, range);
	return err_pass(http_head_add(head, HTTP_NAME_CONTENT_RANGE, value));
}

static int many_parts(struct exchange *x, struct http_head *head, const struct range_set *ranges)
{
	const struct http_field *type = http_head_find(head, HTTP_NAME_CONTENT_TYPE);
	struct serve_parts *parts = ARENA_NEW(x->arena, struct serve_parts);

	if (!parts)
		return 0; /* the whole will do */
	parts->ranges = *ranges;
	if (multipart_compose(ranges, type ? type->value : SPAN_NONE, head->body_length,
			      &x->env->rng, x->arena, &parts->text) < 0)
		return 0;
	x->lookup->parts = parts;
	x->lookup->reader.at = x->lookup->reader.end = 0; /* the first part comes with its text */
	head_partial(head, parts->text.length);
	return err_pass(http_head_set(head, HTTP_NAME_CONTENT_TYPE, parts->text.content_type));
}

/* In a body that is whole, and that was not let go of while it came. */
static bool may_go_back(const struct lookup *lookup)
{
	const struct cache_object *object = lookup->reader.object;

	return cache_object_body(object) == CACHE_BODY_WHOLE &&
	       (object->bytes || object->body_of || !lookup->flight);
}

static int range_select(struct exchange *x, struct http_head *head,
			const struct validators *validators)
{
	struct range_set ranges;

	if (!head->has_length || !http_head_find(x->request, HTTP_NAME_RANGE) ||
	    !precondition_takes_range(x->request, validators, loop_wall_s(x->env->loop)))
		return 0;
	switch (range_of_request(x->request, head->body_length, &ranges)) {
	case RANGE_IGNORED:
		return 0;
	case RANGE_UNSATISFIABLE:
		return err_pass(unsatisfiable(x, head));
	case RANGE_OK:
		if (ranges.n == 1)
			return err_pass(one_part(x, head, &ranges.ranges[0]));
		if (!ranges.ascending && !may_go_back(x->lookup))
			return 0;
		return err_pass(many_parts(x, head, &ranges));
	}
	UNREACHABLE();
}

/* Most requests ask for neither. */
static bool asks_for_less(const struct http_head *request)
{
	for (uint16_t i = 0; i < request->n_fields; i++) {
		switch ((unsigned)request->fields[i].id) {
		case HTTP_NAME_RANGE:
		case HTTP_NAME_IF_NONE_MATCH:
		case HTTP_NAME_IF_MODIFIED_SINCE:
			return true;
		default:
			break;
		}
	}
	return false;
}

int serve_select(struct exchange *x, struct http_head *head)
{
	struct validators validators;
	int64_t now_s = loop_wall_s(x->env->loop);

	if (head->status != 200 || !asks_for_less(x->request))
		return 0;
	validators_read(head, now_s, &validators);
	if (precondition_evaluate(x->request, &validators, PRECONDITION_BY_CACHE, now_s) ==
	    PRECONDITION_NOT_MODIFIED) {
		head_empty(head, 304, false);
		return 0;
	}
	return err_pass(range_select(x, head, &validators));
}

bool serve_next_part(struct exchange *x)
{
	struct lookup *lookup = x->lookup;
	struct serve_parts *parts = lookup->parts;

	if (!parts || parts->ended)
		return false;
	struct span text = parts->text.closing;
	if (parts->next < parts->ranges.n) {
		reader_set(&lookup->reader, &parts->ranges.ranges[parts->next]);
		text = parts->text.before[parts->next++];
	} else {
		parts->ended = true;
	}
	chain_push(&lookup->body, (struct slice){ text.at, (uint32_t)text.len, NULL });
	return true;
}
