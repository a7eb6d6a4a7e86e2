/* SPDX-License-Identifier: Apache-2.0
 *
 * precondition: tags first, dates only where no tags were named.
 */
#include "edge/http/precondition.h"

#include "core/obj.h"
#include "edge/http/date.h"

static bool is_weak(struct span tag)
{
	return span_starts(tag, SPAN_LIT("W/"));
}

bool http_etag_eq(struct span a, struct span b, bool weakly)
{
	if (!weakly && (is_weak(a) || is_weak(b)))
		return false;
	return a.len && span_eq(span_from(a, is_weak(a) ? 2 : 0), span_from(b, is_weak(b) ? 2 : 0));
}

static struct span value_of(const struct http_head *head, enum http_name id)
{
	const struct http_field *field = http_head_find(head, id);

	return field ? field->value : SPAN_NONE;
}

/* The next tag of a list; what stands between and is none is passed over. */
static bool tag_cut(struct span *list, struct span *ret_tag)
{
	struct span rest = *list;

	while (rest.len && rest.at[0] != '"' && !span_starts(rest, SPAN_LIT("W/\"")) &&
	       rest.at[0] != '*')
		rest = span_from(rest, 1);
	if (rest.len == 0)
		return false;
	size_t open = rest.at[0] == 'W' ? 2 : 0, len = 1;
	if (rest.at[0] != '*') {
		size_t close = span_find(span_from(rest, open + 1), '"');
		len = MIN(open + 1 + close + 1, rest.len);
	}
	*ret_tag = span_first(rest, len);
	*list = span_from(rest, len);
	return true;
}

/* Is it named in one of the lines of that field, or are all meant? */
static bool is_named(const struct http_head *request, enum http_name id, struct span etag,
		     bool weakly)
{
	for (uint16_t i = 0; i < request->n_fields; i++) {
		struct span rest = request->fields[i].value, tag;
		if (request->fields[i].id != id)
			continue;
		while (tag_cut(&rest, &tag)) {
			if (span_eq(tag, SPAN_LIT("*")) || http_etag_eq(tag, etag, weakly))
				return true;
		}
	}
	return false;
}

/* When it was changed last. RFC 9110 13.1.3: without Last-Modified its Date will do. */
static bool modified_at(const struct http_head *response, int64_t now_s, int64_t *ret_s)
{
	return http_date_parse(value_of(response, HTTP_NAME_LAST_MODIFIED), now_s, ret_s) ||
	       (!http_head_find(response, HTTP_NAME_LAST_MODIFIED) &&
		http_date_parse(value_of(response, HTTP_NAME_DATE), now_s, ret_s));
}

/* Was it left alone since the date that this field names? A date that is none says nothing. */
static bool unmodified_since(const struct http_head *request, enum http_name id,
			     const struct http_head *response, int64_t now_s, bool unless_said)
{
	int64_t since_s, at_s;

	if (!http_date_parse(value_of(request, id), now_s, &since_s) ||
	    !modified_at(response, now_s, &at_s))
		return unless_said;
	return at_s <= since_s;
}

enum precondition precondition_judge(const struct http_head *request,
				     const struct http_head *response, int64_t now_s)
{
	struct span etag = value_of(response, HTTP_NAME_ETAG);

	if (http_head_find(request, HTTP_NAME_IF_MATCH)) {
		if (!is_named(request, HTTP_NAME_IF_MATCH, etag, false))
			return PRECONDITION_FAILED;
	} else if (http_head_find(request, HTTP_NAME_IF_UNMODIFIED_SINCE)) {
		if (!unmodified_since(request, HTTP_NAME_IF_UNMODIFIED_SINCE, response, now_s,
				      true))
			return PRECONDITION_FAILED;
	}
	if (http_head_find(request, HTTP_NAME_IF_NONE_MATCH))
		return is_named(request, HTTP_NAME_IF_NONE_MATCH, etag, true)
			       ? PRECONDITION_NOT_MODIFIED
			       : PRECONDITION_PASSED;
	return unmodified_since(request, HTTP_NAME_IF_MODIFIED_SINCE, response, now_s, false)
		       ? PRECONDITION_NOT_MODIFIED
		       : PRECONDITION_PASSED;
}

/* RFC 9110 8.8.2.2: a date is strong when it is a minute older than the response. */
static bool date_is_strong(const struct http_head *response, int64_t modified_s, int64_t now_s)
{
	int64_t date_s;

	return http_date_parse(value_of(response, HTTP_NAME_DATE), now_s, &date_s) &&
	       date_s - modified_s >= 60;
}

bool precondition_if_range(const struct http_head *request, const struct http_head *response,
			   int64_t now_s)
{
	struct span validator = value_of(request, HTTP_NAME_IF_RANGE);
	struct span modified = value_of(response, HTTP_NAME_LAST_MODIFIED);
	int64_t wanted_s, at_s;

	if (!http_head_find(request, HTTP_NAME_IF_RANGE))
		return true;
	if (span_find(validator, '"') < validator.len)
		return http_etag_eq(validator, value_of(response, HTTP_NAME_ETAG), false);
	return http_date_parse(validator, now_s, &wanted_s) &&
	       http_date_parse(modified, now_s, &at_s) && wanted_s == at_s &&
	       date_is_strong(response, at_s, now_s);
}
