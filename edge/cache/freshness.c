/* SPDX-License-Identifier: Apache-2.0
 *
 * freshness: RFC 9111 4.2, line by line.
 */
#include "edge/cache/freshness.h"

#include "core/obj.h"
#include "edge/http/date.h"

/* A moment before all others, for what is no date. */
#define LONG_AGO_S INT64_C(0)

static bool date_of(const struct http_head *head, enum http_name id, int64_t now_s, int64_t *ret_s)
{
	const struct http_field *field = http_head_find(head, id);

	return field && http_date_parse(field->value, now_s, ret_s);
}

/* RFC 9111 5.1: of a list the first; what is no number counts as none. */
static int64_t age_of(const struct http_head *head)
{
	const struct http_field *field = http_head_find(head, HTTP_NAME_AGE);
	struct span text = field ? field->value : SPAN_NONE;
	int64_t age_s = 0;

	text = span_trim(span_first(text, span_find(text, ',')));
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 0;
		age_s = MIN(age_s * 10 + (text.at[i] - '0'), CACHE_FOREVER_S);
	}
	return age_s;
}

void freshness_read(const struct http_head *response, int64_t now_s, struct freshness *ret_fresh)
{
	struct freshness *fresh = ret_fresh;

	*fresh = (struct freshness){ .status = response->status, .age_s = age_of(response) };
	cache_control_init(&fresh->control);
	for (uint16_t i = 0; i < response->n_fields; i++) {
		if (response->fields[i].id == HTTP_NAME_CACHE_CONTROL)
			cache_control_read(&fresh->control, response->fields[i].value);
	}
	if (!date_of(response, HTTP_NAME_DATE, now_s, &fresh->date_s))
		fresh->date_s = now_s;
	fresh->has_expires = http_head_find(response, HTTP_NAME_EXPIRES) != NULL;
	if (!date_of(response, HTTP_NAME_EXPIRES, now_s, &fresh->expires_s))
		fresh->expires_s = LONG_AGO_S;
	fresh->has_last_modified =
		date_of(response, HTTP_NAME_LAST_MODIFIED, now_s, &fresh->last_modified_s);
}

bool freshness_status_is_heuristic(uint16_t status)
{
	static const uint16_t statuses[] = { 200, 203, 204, 206, 300, 301,
					     308, 404, 405, 410, 414, 501 };

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		if (statuses[i] == status)
			return true;
	}
	return false;
}

/* -1: there is no ground for a guess. */
static int64_t guess_s(const struct freshness *fresh, const struct freshness_heuristic *heuristic)
{
	bool allowed = freshness_status_is_heuristic(fresh->status) ||
		       cache_control_says(&fresh->control, CACHE_PUBLIC);
	int64_t unchanged_s = fresh->date_s - fresh->last_modified_s;

	if (!allowed || !heuristic->percent || !fresh->has_last_modified || unchanged_s < 0)
		return -1;
	return MIN(unchanged_s / 100 * heuristic->percent, heuristic->max_s);
}

int64_t freshness_lifetime_s(const struct freshness *fresh,
			     const struct freshness_heuristic *heuristic,
			     enum freshness_source *ret_source)
{
	const int64_t *times_s = fresh->control.times_s;
	int64_t guessed_s;

	*ret_source = FRESHNESS_S_MAXAGE;
	if (times_s[CACHE_S_MAXAGE] != CACHE_UNSAID)
		return times_s[CACHE_S_MAXAGE];
	*ret_source = FRESHNESS_MAX_AGE;
	if (times_s[CACHE_MAX_AGE] != CACHE_UNSAID)
		return times_s[CACHE_MAX_AGE];
	*ret_source = FRESHNESS_EXPIRES;
	if (fresh->has_expires)
		return MAX(fresh->expires_s - fresh->date_s, 0);
	guessed_s = guess_s(fresh, heuristic);
	*ret_source = guessed_s < 0 ? FRESHNESS_UNSAID : FRESHNESS_HEURISTIC;
	return MAX(guessed_s, 0);
}

int64_t freshness_initial_age_s(const struct freshness *fresh, int64_t asked_at_s,
				int64_t came_at_s)
{
	int64_t apparent_age_s = MAX(came_at_s - fresh->date_s, 0);
	int64_t delay_s = MAX(came_at_s - asked_at_s, 0); /* a clock may have been set back */

	return MAX(apparent_age_s, fresh->age_s + delay_s);
}

bool freshness_forbids_stale(const struct freshness *fresh)
{
	return cache_control_says(&fresh->control, CACHE_MUST_REVALIDATE) ||
	       cache_control_says(&fresh->control, CACHE_PROXY_REVALIDATE) ||
	       fresh->control.times_s[CACHE_S_MAXAGE] != CACHE_UNSAID;
}
