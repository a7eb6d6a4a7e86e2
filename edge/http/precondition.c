/* SPDX-License-Identifier: Apache-2.0
 *
 * precondition: a field that does not count (no date, two dates) is as one that is not there.
 */
#include "edge/http/precondition.h"

#include "core/obj.h"
#include "edge/http/date.h"

static bool date_read(const struct http_head *head, enum http_name id, int64_t now_s,
		      int64_t *ret_date_s)
{
	const struct http_field *field = http_head_find(head, id);

	return field && http_date_parse(field->value, now_s, ret_date_s);
}

void validators_read(const struct http_head *response, int64_t came_at_s,
		     struct validators *ret_validators)
{
	const struct http_field *etag = http_head_find(response, HTTP_NAME_ETAG);
	struct validators validators = { .status = response->status, .date_s = came_at_s };

	validators.has_etag = etag && entity_tag_parse(etag->value, &validators.etag);
	validators.has_date = date_read(response, HTTP_NAME_DATE, came_at_s, &validators.date_s);
	validators.has_last_modified = date_read(response, HTTP_NAME_LAST_MODIFIED, came_at_s,
						 &validators.last_modified_s);
	*ret_validators = validators;
}

/* RFC 9110 8.8.2.2: nothing changed in the second that Last-Modified names after it was sent. */
static bool date_is_strong(const struct validators *validators)
{
	return validators->has_last_modified && validators->has_date &&
	       validators->date_s > validators->last_modified_s;
}

/* ---- requests ---- */

enum presence { ABSENT, ONCE, OFTEN };

static enum presence field_find(const struct http_head *request, enum http_name id,
				struct span *ret_value)
{
	enum presence presence = ABSENT;

	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (request->fields[i].id != id)
			continue;
		presence = presence == ABSENT ? ONCE : OFTEN;
		*ret_value = request->fields[i].value;
	}
	return presence;
}

/* False: there is none that counts (RFC 9110 13.1.3, 13.1.4). */
static bool since_read(const struct http_head *request, enum http_name id, int64_t now_s,
		       int64_t *ret_since_s)
{
	struct span value;

	return field_find(request, id, &value) == ONCE &&
	       http_date_parse(value, now_s, ret_since_s);
}

typedef bool (*same_fn)(const struct entity_tag *a, const struct entity_tag *b);

/* Is the stored tag in one line of a list, or the line a star? */
static bool line_names(struct span line, const struct validators *stored, same_fn same)
{
	struct entity_tag tag;

	if (span_eq(span_trim(line), SPAN_LIT("*")))
		return true;
	while (stored->has_etag && entity_tag_next(&line, &tag)) {
		if (same(&tag, &stored->etag))
			return true;
	}
	return false;
}

/* All lines of If-Match or If-None-Match are one list. False: there is no such field. */
static bool tags_compare(const struct http_head *request, enum http_name id,
			 const struct validators *stored, same_fn same, bool *ret_named)
{
	bool present = false, named = false;

	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (request->fields[i].id != id)
			continue;
		present = true;
		named = named || line_names(request->fields[i].value, stored, same);
	}
	*ret_named = named;
	return present;
}

/* Steps 1 and 2 of RFC 9110 13.2.2. */
static bool origin_passes(const struct http_head *request, const struct validators *stored,
			  int64_t now_s)
{
	int64_t since_s;
	bool named;

	if (tags_compare(request, HTTP_NAME_IF_MATCH, stored, entity_tag_same_strongly, &named))
		return named;
	if (!stored->has_last_modified ||
	    !since_read(request, HTTP_NAME_IF_UNMODIFIED_SINCE, now_s, &since_s))
		return true;
	return stored->last_modified_s <= since_s;
}

/* Step 4, for GET and HEAD. */
static bool is_modified_since(const struct http_head *request, const struct validators *stored,
			      enum precondition_judge judge, int64_t now_s)
{
	bool by_date = !stored->has_last_modified && judge == PRECONDITION_BY_CACHE;
	int64_t modified_s = by_date ? stored->date_s : stored->last_modified_s, since_s;

	if ((!stored->has_last_modified && !by_date) ||
	    !since_read(request, HTTP_NAME_IF_MODIFIED_SINCE, now_s, &since_s))
		return true;
	return modified_s > since_s;
}

enum precondition precondition_evaluate(const struct http_head *request,
					const struct validators *stored,
					enum precondition_judge judge, int64_t now_s)
{
	bool reads = request->method == HTTP_METHOD_GET || request->method == HTTP_METHOD_HEAD;
	bool named;

	if (stored->status < 200 || stored->status > 299)
		return PRECONDITION_PASSED;
	if (judge == PRECONDITION_BY_CACHE && !reads)
		return PRECONDITION_PASSED;
	if (judge == PRECONDITION_BY_ORIGIN && !origin_passes(request, stored, now_s))
		return PRECONDITION_FAILED;
	if (tags_compare(request, HTTP_NAME_IF_NONE_MATCH, stored, entity_tag_same_weakly,
			 &named)) {
		if (!named)
			return PRECONDITION_PASSED;
		return reads ? PRECONDITION_NOT_MODIFIED : PRECONDITION_FAILED;
	}
	if (reads && !is_modified_since(request, stored, judge, now_s))
		return PRECONDITION_NOT_MODIFIED;
	return PRECONDITION_PASSED;
}

bool precondition_takes_range(const struct http_head *request, const struct validators *stored,
			      int64_t now_s)
{
	struct entity_tag tag;
	struct span value;
	int64_t date_s;

	switch (field_find(request, HTTP_NAME_IF_RANGE, &value)) {
	case ABSENT:
		return true;
	case OFTEN:
		return false;
	case ONCE:
		break;
	}
	if (entity_tag_is_valid(value))
		return stored->has_etag && entity_tag_parse(value, &tag) &&
		       entity_tag_same_strongly(&tag, &stored->etag);
	return date_is_strong(stored) && http_date_parse(value, now_s, &date_s) &&
	       date_s == stored->last_modified_s;
}

/* ---- a 304 ---- */

enum likeness { UNLIKE, LIKE_WEAKLY, LIKE_STRONGLY };

/* Which of its validators an answer shares with a stored response: the entity tags come first. */
static enum likeness compare(const struct validators *answer, const struct validators *stored)
{
	bool both_tagged = answer->has_etag && stored->has_etag;
	bool one_date = answer->has_last_modified && stored->has_last_modified &&
			answer->last_modified_s == stored->last_modified_s;

	if (both_tagged && !entity_tag_same_weakly(&answer->etag, &stored->etag))
		return UNLIKE;
	if ((both_tagged && entity_tag_same_strongly(&answer->etag, &stored->etag)) ||
	    (one_date && date_is_strong(stored)))
		return LIKE_STRONGLY;
	return both_tagged || one_date ? LIKE_WEAKLY : UNLIKE;
}

static uint64_t selected_strongly(const struct validators *answer, const struct validators *stored,
				  size_t n_stored)
{
	uint64_t selected = 0;

	for (size_t i = 0; i < n_stored; i++) {
		if (compare(answer, &stored[i]) == LIKE_STRONGLY)
			selected |= UINT64_C(1) << i;
	}
	return selected;
}

/* The most recent of those that are alike. */
static uint64_t selected_weakly(const struct validators *answer, const struct validators *stored,
				size_t n_stored)
{
	size_t newest = n_stored;

	for (size_t i = 0; i < n_stored; i++) {
		if (compare(answer, &stored[i]) != UNLIKE &&
		    (newest == n_stored || stored[i].date_s > stored[newest].date_s))
			newest = i;
	}
	return newest < n_stored ? UINT64_C(1) << newest : 0;
}

uint64_t validators_selected(const struct validators *answer, const struct validators *stored,
			     size_t n_stored)
{
	MUST(n_stored <= PRECONDITION_MAX_STORED);
	if ((answer->has_etag && !answer->etag.weak) || date_is_strong(answer))
		return selected_strongly(answer, stored, n_stored);
	if (answer->has_etag || answer->has_last_modified)
		return selected_weakly(answer, stored, n_stored);
	return n_stored == 1;
}
