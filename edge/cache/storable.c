/* SPDX-License-Identifier: Apache-2.0
 *
 * storable: the conditions of RFC 9111 3, each of which must hold, the cheapest first.
 */
#include "edge/cache/storable.h"

#include "core/obj.h"

const char *storable_word(enum storable verdict)
{
	static const char *const words[] = {
#define X(ID, word) word,
		STORABLE_VERDICTS(X)
#undef X
	};

	MUST((size_t)verdict < ARRAY_LEN(words));
	return words[verdict];
}

/* Whose rules for caching we obey (RFC 9111 3, 5.2.2.3). 206 and 304 are parts of something else.
 */
static bool is_understood(uint16_t status)
{
	return freshness_status_is_heuristic(status) || status == 302 || status == 303 ||
	       status == 307 || status == 400 || status == 403 || (status >= 500 && status <= 504);
}

static bool status_may(const struct freshness *fresh)
{
	bool must_understand = cache_control_says(&fresh->control, CACHE_MUST_UNDERSTAND);

	if (fresh->status < 200 || fresh->status == 206 || fresh->status == 304)
		return false;
	return is_understood(fresh->status) || !must_understand;
}

/* must-understand comes with a no-store for those who do not know it (RFC 9111 5.2.2.3). */
static bool says_no_store(const struct freshness *fresh)
{
	return cache_control_says(&fresh->control, CACHE_NO_STORE) &&
	       !(cache_control_says(&fresh->control, CACHE_MUST_UNDERSTAND) &&
		 is_understood(fresh->status));
}

static bool request_says_no_store(const struct http_head *request)
{
	struct cache_control control;

	cache_control_init(&control);
	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (request->fields[i].id == HTTP_NAME_CACHE_CONTROL)
			cache_control_read(&control, request->fields[i].value);
	}
	return cache_control_says(&control, CACHE_NO_STORE);
}

/* RFC 9111 3.5: only what says that others may have it, too. */
static bool authorization_may(const struct http_head *request, const struct freshness *fresh)
{
	if (!http_head_find(request, HTTP_NAME_AUTHORIZATION))
		return true;
	return cache_control_says(&fresh->control, CACHE_PUBLIC) ||
	       cache_control_says(&fresh->control, CACHE_MUST_REVALIDATE) ||
	       fresh->control.times_s[CACHE_S_MAXAGE] != CACHE_UNSAID;
}

static bool varies_by_anything(const struct http_head *response)
{
	for (uint16_t i = 0; i < response->n_fields; i++) {
		if (response->fields[i].id == HTTP_NAME_VARY &&
		    cache_control_names(response->fields[i].value, SPAN_LIT("*")))
			return true;
	}
	return false;
}

/* Something must say so: a time, public, or a status that allows a guess. */
static bool is_said(const struct freshness *fresh)
{
	return fresh->control.times_s[CACHE_S_MAXAGE] != CACHE_UNSAID ||
	       fresh->control.times_s[CACHE_MAX_AGE] != CACHE_UNSAID || fresh->has_expires ||
	       cache_control_says(&fresh->control, CACHE_PUBLIC) ||
	       freshness_status_is_heuristic(fresh->status);
}

enum storable storable(const struct http_head *request, const struct http_head *response,
		       const struct freshness *fresh)
{
	if (request->method != HTTP_METHOD_GET && request->method != HTTP_METHOD_HEAD)
		return STORABLE_NOT_METHOD;
	if (!status_may(fresh))
		return STORABLE_NOT_STATUS;
	if (says_no_store(fresh))
		return STORABLE_NOT_NO_STORE;
	if (cache_control_says(&fresh->control, CACHE_PRIVATE))
		return STORABLE_NOT_PRIVATE;
	if (!authorization_may(request, fresh))
		return STORABLE_NOT_AUTHORIZED;
	if (varies_by_anything(response))
		return STORABLE_NOT_VARY;
	if (!is_said(fresh))
		return STORABLE_NOT_SAID;
	return request_says_no_store(request) ? STORABLE_NOT_WISHED : STORABLE;
}
