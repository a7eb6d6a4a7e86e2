/* SPDX-License-Identifier: Apache-2.0
 *
 * reuse: first what forbids, then how stale it is, then how stale it may be.
 *
 * s-maxage forbids to serve what is stale as proxy-revalidate does (RFC 9111 5.2.2.10), but not
 * what the same response allows by name: `s-maxage=1, stale-while-revalidate=59` means both.
 */
#include "edge/cache/reuse.h"

#include "core/obj.h"

#define SAYS(what) (1u << CACHE_##what)

void reuse_read_request(const struct http_head *request, struct cache_control *ret_control)
{
	const struct http_field *pragma = http_head_find(request, HTTP_NAME_PRAGMA);

	cache_control_init(ret_control);
	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (request->fields[i].id == HTTP_NAME_CACHE_CONTROL)
			cache_control_read(ret_control, request->fields[i].value);
	}
	if (!ret_control->any && pragma && cache_control_names(pragma->value, SPAN_LIT("no-cache")))
		ret_control->says |= SAYS(NO_CACHE);
}

/* The response's own word before the configuration's. */
static int64_t allowed_s(const struct freshness *fresh, enum cache_time what, int64_t grace_s)
{
	int64_t said_s = fresh->control.times_s[what];

	if (said_s != CACHE_UNSAID)
		return said_s;
	return freshness_forbids_stale(fresh) ? 0 : grace_s;
}

void reuse_life_make(const struct freshness *fresh, int64_t lifetime_s,
		     const struct reuse_grace *grace, int64_t asked_at_s, int64_t now_s,
		     struct reuse_life *ret_life)
{
	int64_t age_s = freshness_initial_age_s(fresh, asked_at_s, now_s);
	uint32_t says = fresh->control.says & (SAYS(NO_CACHE) | SAYS(MUST_REVALIDATE));

	if (cache_control_says(&fresh->control, CACHE_PROXY_REVALIDATE))
		says |= SAYS(MUST_REVALIDATE);
	if (freshness_forbids_stale(fresh))
		says |= SAYS(PROXY_REVALIDATE);
	*ret_life = (struct reuse_life){
		.born_s = now_s - age_s,
		.stale_at_s = now_s - age_s + lifetime_s,
		.swr_s = allowed_s(fresh, CACHE_SWR, grace->swr_s),
		.sie_s = allowed_s(fresh, CACHE_SIE, grace->sie_s),
		.says = says,
	};
}

int64_t reuse_age_s(const struct reuse_life *life, int64_t now_s)
{
	return MAX(now_s - life->born_s, 0);
}

/* RFC 9111 5.2.2.4, 5.2.1.4: whoever says no-cache wants the origin's word each time. */
static bool must_ask(const struct reuse_life *life, const struct cache_control *request)
{
	return (life->says & SAYS(NO_CACHE)) ||
	       (request && cache_control_says(request, CACHE_NO_CACHE));
}

/* Below 0: for so many seconds more it is fresh enough for this client (RFC 9111 5.2.1.1, 5.2.1.3).
 */
static int64_t staleness_s(const struct reuse_life *life, int64_t now_s,
			   const struct cache_control *request)
{
	int64_t staleness = now_s - life->stale_at_s;

	if (request && request->times_s[CACHE_MAX_AGE] != CACHE_UNSAID)
		staleness =
			MAX(staleness, reuse_age_s(life, now_s) - request->times_s[CACHE_MAX_AGE]);
	if (request && request->times_s[CACHE_MIN_FRESH] != CACHE_UNSAID)
		staleness += request->times_s[CACHE_MIN_FRESH];
	return staleness;
}

enum reuse reuse_judge(const struct reuse_life *life, int64_t now_s,
		       const struct cache_control *request)
{
	int64_t staleness = staleness_s(life, now_s, request);
	int64_t max_stale_s = request ? request->times_s[CACHE_MAX_STALE] : CACHE_UNSAID;

	if (must_ask(life, request))
		return REUSE_ASK;
	if (staleness < 0) /* RFC 9111 4.2: fresh while its lifetime exceeds its age */
		return REUSE_FRESH;
	if (life->says & SAYS(MUST_REVALIDATE))
		return REUSE_ASK;
	if (staleness < max_stale_s && !(life->says & SAYS(PROXY_REVALIDATE)))
		return REUSE_FRESH; /* stale, and good enough for who asks */
	/* The client's own wishes for freshness are not for us to overrule. */
	bool is_picky = request && (request->times_s[CACHE_MAX_AGE] != CACHE_UNSAID ||
				    request->times_s[CACHE_MIN_FRESH] != CACHE_UNSAID);
	return !is_picky && staleness < life->swr_s ? REUSE_STALE : REUSE_ASK;
}

bool reuse_after_failure(const struct reuse_life *life, int64_t now_s,
			 const struct cache_control *request)
{
	int64_t limit_s = life->sie_s;

	if (must_ask(life, request) || (life->says & SAYS(MUST_REVALIDATE)))
		return false;
	/* RFC 5861 4: either may say so. */
	if (request && !(life->says & SAYS(PROXY_REVALIDATE)))
		limit_s = MAX(limit_s, request->times_s[CACHE_SIE]);
	return now_s - life->stale_at_s < limit_s;
}
