/* SPDX-License-Identifier: Apache-2.0
 *
 * reuse: first what forbids, then how stale it is, then how stale it may be.
 */
#include "edge/cache/reuse.h"

#include "core/obj.h"

void reuse_read_request(const struct http_head *request, struct cache_control *ret_control)
{
	const struct http_field *pragma = http_head_find(request, HTTP_NAME_PRAGMA);

	cache_control_init(ret_control);
	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (request->fields[i].id == HTTP_NAME_CACHE_CONTROL)
			cache_control_read(ret_control, request->fields[i].value);
	}
	if (!ret_control->any && pragma && cache_control_names(pragma->value, SPAN_LIT("no-cache")))
		ret_control->says |= 1u << CACHE_NO_CACHE;
}

/* RFC 9111 5.2.2.4, 5.2.1.4: whoever says no-cache wants the origin's word each time. */
static bool must_ask(const struct reuse_stored *stored, const struct cache_control *request)
{
	return cache_control_says(&stored->fresh->control, CACHE_NO_CACHE) ||
	       (request && cache_control_says(request, CACHE_NO_CACHE));
}

/* Below 0: for so many seconds more it is fresh enough for this client (RFC 9111 5.2.1.1, 5.2.1.3).
 */
static int64_t staleness_s(const struct reuse_stored *stored, const struct cache_control *request)
{
	int64_t lifetime_s = stored->lifetime_s, spare_s = 0;

	if (request && request->times_s[CACHE_MAX_AGE] != CACHE_UNSAID)
		lifetime_s = MIN(lifetime_s, request->times_s[CACHE_MAX_AGE]);
	if (request && request->times_s[CACHE_MIN_FRESH] != CACHE_UNSAID)
		spare_s = request->times_s[CACHE_MIN_FRESH];
	return stored->age_s + spare_s - lifetime_s;
}

/* RFC 9111 4.2: fresh while its lifetime exceeds its age. */
static bool is_stale_by(int64_t staleness, int64_t allowed_s)
{
	return staleness >= 0 && staleness >= allowed_s;
}

/* The response's own word before the configuration's. */
static int64_t said_or(const struct reuse_stored *stored, enum cache_time what)
{
	int64_t said_s = stored->fresh->control.times_s[what];

	return said_s != CACHE_UNSAID ? said_s : stored->grace_s;
}

enum reuse reuse_judge(const struct reuse_stored *stored, const struct cache_control *request)
{
	int64_t staleness = staleness_s(stored, request);
	int64_t max_stale_s = request ? request->times_s[CACHE_MAX_STALE] : CACHE_UNSAID;

	if (must_ask(stored, request))
		return REUSE_ASK;
	if (staleness < 0)
		return REUSE_FRESH;
	if (freshness_forbids_stale(stored->fresh))
		return REUSE_ASK;
	if (max_stale_s != CACHE_UNSAID && !is_stale_by(staleness, max_stale_s))
		return REUSE_FRESH; /* stale, and good enough for who asks */
	/* The client's own wishes for freshness are not for us to overrule. */
	bool is_picky = request && (request->times_s[CACHE_MAX_AGE] != CACHE_UNSAID ||
				    request->times_s[CACHE_MIN_FRESH] != CACHE_UNSAID);
	if (!is_picky && !is_stale_by(staleness, said_or(stored, CACHE_SWR)))
		return REUSE_STALE;
	return REUSE_ASK;
}

bool reuse_after_failure(const struct reuse_stored *stored, const struct cache_control *request)
{
	int64_t staleness = stored->age_s - stored->lifetime_s;
	int64_t allowed_s = said_or(stored, CACHE_SIE);

	if (must_ask(stored, request) || freshness_forbids_stale(stored->fresh))
		return false;
	if (request && request->times_s[CACHE_SIE] != CACHE_UNSAID)
		allowed_s = MAX(allowed_s, request->times_s[CACHE_SIE]); /* RFC 5861 4: either */
	return !is_stale_by(staleness, allowed_s);
}
