/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_purge: a request is made of the URL, and goes the way of a client's: host, service, route,
 * key.
 */
#include "edge/edge_purge.h"

#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/http/host.h"
#include "edge/route/service.h"

enum { ARENA_MAX_BYTES = 64 * 1024 };

static int refuse(char *reterr, const char *text)
{
	snprintf(reterr, EDGE_PURGE_ERROR_MAX, "%s", text);
	return err_new(-EINVAL);
}

/* "https://host/path?query" as a request. The scheme is left empty for "//host/path". */
static int request_read(struct span url, struct arena *arena, struct http_head *ret_head,
			char *reterr)
{
	struct http_head *head = ret_head;
	size_t slashes = 0;
	struct http_host host;

	*head = (struct http_head){ .method = HTTP_METHOD_GET, .method_text = SPAN_LIT("GET") };
	while (slashes + 1 < url.len && !(url.at[slashes] == '/' && url.at[slashes + 1] == '/'))
		slashes++;
	head->scheme = span_first(url, slashes ? slashes - 1 : 0);
	bool schemed =
		span_eq(head->scheme, SPAN_LIT("http")) || span_eq(head->scheme, SPAN_LIT("https"));
	if (slashes + 2 > url.len || (slashes && (!schemed || url.at[slashes - 1] != ':')))
		return refuse(reterr,
			      "expected https://host/path, http://host/path or //host/path");
	url = span_from(url, slashes + 2);
	head->authority = span_first(url, span_find(url, '/'));
	head->target = span_from(url, head->authority.len);
	if (head->target.len == 0)
		head->target = SPAN_LIT("/");
	head->path = span_first(head->target, span_find(head->target, '?'));
	head->query = span_from(head->target, head->path.len + 1);
	int r = http_host_parse(head->authority, arena, &host);
	if (r < 0)
		return err_pass(r);
	if (r != HTTP_HOST_OK)
		return refuse(reterr, "the URL has no host");
	head->authority = host.authority;
	head->host = host.host;
	return 0;
}

static int one_add(const struct cache_rules *rules, const struct edge_purge *purge,
		   const struct http_head *request, struct arena *arena)
{
	struct cache_key_conf conf = cache_rules_conf(rules)->key;
	struct purge record = { purge->kind, purge->soft, SPAN_NONE };
	uint64_t number;

	if (purge->kind == PURGE_PREFIX)
		conf.query = CACHE_QUERY_NONE;
	int r = cache_key_url(&conf, request, arena, &record.text);
	if (r == 0)
		r = cache_purge(cache_rules_store(rules), &record, &number);
	return err_pass(r);
}

/* For a client that comes by http, and for one that comes by https, unless the URL says which. */
static int schemes_add(const struct cache_rules *rules, const struct edge_purge *purge,
		       const struct http_head *request, struct arena *arena, unsigned *n)
{
	static const struct span schemes[] = { { (const uint8_t *)"https", 5 },
					       { (const uint8_t *)"http", 4 } };
	struct http_head asked = *request;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(schemes); i++) {
		if (request->scheme.len && !span_eq(request->scheme, schemes[i]))
			continue;
		asked.scheme = schemes[i];
		r = one_add(rules, purge, &asked, arena);
		*n += r == 0;
	}
	return err_pass(r);
}

/* A prefix may reach over several routes. */
static bool may_hold(const struct route *route, const struct edge_purge *purge, struct span path)
{
	return purge->kind == PURGE_URL || span_starts(route->prefix, path) ||
	       span_starts(path, route->prefix);
}

static int url_purge(const struct edge_plan *plan, const struct edge_purge *purge,
		     struct arena *arena, unsigned *n, char *reterr)
{
	struct http_head request;
	int r = request_read(purge->text, arena, &request, reterr);

	if (r < 0)
		return err_pass(r);
	const struct service *service = service_find(plan->services, request.host);
	if (!service)
		return refuse(reterr, "no service is configured for this host");
	const struct route *route = route_find(&service->routes, request.path);
	for (size_t i = 0; r == 0 && i < service->routes.n_routes; i++) {
		const struct route *one = &service->routes.routes[i];
		if (!one->cache || (purge->kind == PURGE_URL && one != route) ||
		    !may_hold(one, purge, request.path))
			continue;
		r = schemes_add(one->cache, purge, &request, arena, n);
	}
	return err_pass(r);
}

static int stores_purge(const struct edge_plan *plan, const struct edge_purge *purge, unsigned *n)
{
	const struct purge record = { purge->kind, purge->soft, purge->text };
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->edge->n_stores; i++) {
		uint64_t number;
		r = cache_purge(plan->caches[i], &record, &number);
		*n += r == 0;
	}
	return err_pass(r);
}

int edge_purge(const struct edge_plan *plan, const struct edge_purge *purge, unsigned *ret_n,
	       char *reterr)
{
	struct arena arena;
	int r;

	*ret_n = 0;
	reterr[0] = '\0';
	if (purge->kind == PURGE_TAG || purge->kind == PURGE_ALL)
		return err_pass(stores_purge(plan, purge, ret_n));
	arena_init(&arena, ARENA_MAX_BYTES);
	r = url_purge(plan, purge, &arena, ret_n, reterr);
	arena_fini(&arena);
	return err_pass(r);
}
