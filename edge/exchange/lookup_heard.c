/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup_heard: what an origin has told one client makes what is stored untrue.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/packed.h"
#include "edge/exchange/lookup.h"

static void url_invalidate(struct exchange *x, const struct http_head *request)
{
	const struct cache_rules *rules = x->route->cache;
	struct http_head stored = *request;
	struct cache_key key;

	stored.method =
		HTTP_METHOD_GET; /* whose responses are stored: the method may be in the key */
	stored.method_text = SPAN_LIT("GET");
	if (cache_key_make(&cache_rules_conf(rules)->key, &stored, x->arena, &key) == 0)
		cache_invalidate(cache_rules_store(rules), &key);
}

/* A URL of the same server that the response names (RFC 9111 4.4). */
static void named_invalidate(struct exchange *x, struct span url)
{
	struct http_head request = *x->request;
	size_t colon = span_find(url, ':');
	struct span rest = span_from(url, colon + 1);

	if (span_eq(span_first(url, colon), request.scheme) && span_starts(rest, SPAN_LIT("//"))) {
		rest = span_from(rest, 2);
		size_t slash = span_find(rest, '/');
		if (!span_ieq(span_first(rest, slash), request.authority))
			return;
		url = span_from(rest, slash);
	}
	if (!span_starts(url, SPAN_LIT("/")) || span_starts(url, SPAN_LIT("//")))
		return;
	request.target = span_first(url, span_find(url, '#'));
	request.path = span_first(request.target, span_find(request.target, '?'));
	request.query = span_from(request.target, request.path.len + 1);
	url_invalidate(x, &request);
}

static struct span value_of(const struct http_head *head, enum http_name id)
{
	const struct http_field *field = http_head_find(head, id);

	return field ? field->value : SPAN_NONE;
}

/* Is it of another representation than the one that is stored? */
static bool head_differs(struct exchange *x, const struct http_head *response)
{
	const struct cache_object *stored = x->lookup ? x->lookup->stored : NULL;
	struct http_head head;

	if (!stored || response->status != 200 || stored->status != 200 ||
	    http_head_init(&head, x->arena) < 0 ||
	    packed_read(cache_object_head(stored), &head) < 0)
		return false;
	return (response->has_length && response->body_length != stored->length) ||
	       !span_eq(value_of(response, HTTP_NAME_ETAG), value_of(&head, HTTP_NAME_ETAG)) ||
	       !span_eq(value_of(response, HTTP_NAME_LAST_MODIFIED),
			value_of(&head, HTTP_NAME_LAST_MODIFIED));
}

void lookup_heard(struct exchange *x, const struct http_head *response)
{
	struct span location = value_of(response, HTTP_NAME_LOCATION);
	struct span content = value_of(response, HTTP_NAME_CONTENT_LOCATION);

	if (x->request->method == HTTP_METHOD_HEAD && head_differs(x, response))
		url_invalidate(x, x->request);
	if (http_method_is_safe(x->request->method) || response->status >= 400)
		return;
	url_invalidate(x, x->request);
	if (location.len)
		named_invalidate(x, location);
	if (content.len)
		named_invalidate(x, content);
}
