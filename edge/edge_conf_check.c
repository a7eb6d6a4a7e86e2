/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_conf_check: what needs more than one key: names that must differ, names that must be there,
 * exactly one of several.
 */
#include <ctype.h>

#include "core/net/resolver.h"
#include "core/table.h"
#include "edge/edge_conf.h"
#include "edge/http/field_rules.h"

enum { MAX_POOLS_NAMED = 4096, HOST_BYTES = 256 };

/* Names seen, with what they are for: each may come once. */
struct name {
	UT_hash_handle hh;
	struct span text;
};

static void names_free(struct name **names)
{
	struct name *name, *next;

	TABLE_FOREACH (*names, name, next)
		TABLE_DELETE(*names, name);
}

static bool name_known(struct name *names, struct span text)
{
	struct name *name;

	TABLE_FIND(names, text, name);
	return name != NULL;
}

/* In the document's memory. False: it was there already. Without memory it passes. */
static bool name_add(struct conf *conf, struct name **names, struct span text)
{
	struct name *name;

	if (name_known(*names, text))
		return false;
	name = conf_alloc(conf, sizeof(*name));
	if (!name)
		return true;
	name->text = text;
	(void)TABLE_ADD(*names, name->text, name);
	return true;
}

static void name_check(struct conf *conf, struct name **names, const char *const *value,
		       const char *what)
{
	if (!*value)
		return;
	if (!(*value)[0])
		conf_fault(conf, value, "the name of a %s is empty", what);
	else if (!name_add(conf, names, span_str(*value)))
		conf_fault(conf, value, "there is another %s with the name \"%s\"", what, *value);
}

/* ---- what stands in messages: none may end a line that it is part of ---- */

static void field_value_check(struct conf *conf, const char *const *value)
{
	if (*value && ((*value)[0] == '\0' || !http_value_is_valid(span_str(*value))))
		conf_fault(conf, value,
			   "expected the value of a field: no control bytes, no blanks around it");
}

static bool is_host_byte(uint8_t byte)
{
	return isalnum(byte) || byte == '-' || byte == '_' || byte == '.' || byte == ':' ||
	       byte == '[' || byte == ']';
}

static bool is_host(struct span host)
{
	if (host.len == 0 || host.len >= HOST_BYTES || host.at[host.len - 1] == '.')
		return false;
	for (size_t i = 0; i < host.len; i++) {
		if (!is_host_byte(host.at[i]))
			return false;
	}
	return true;
}

static void path_check(struct conf *conf, const char *const *path, const char *what)
{
	if (!*path)
		return;
	if ((*path)[0] != '/')
		conf_fault(conf, path, "expected a %s that begins with \"/\"", what);
	else if (!http2_path_is_valid(span_str(*path)))
		conf_fault(conf, path,
			   "expected a %s as it is sent: blanks, quotes and the like as %%20, %%22",
			   what);
}

/* RFC 9110 7.8: a name, perhaps with a version. */
static void protocol_check(struct conf *conf, const char *const *protocol)
{
	if (!*protocol)
		return;
	struct span text = span_str(*protocol);
	size_t slash = span_find(text, '/');
	bool versioned = slash < text.len;
	if (!http_token_is_valid(span_first(text, slash)) ||
	    (versioned && !http_token_is_valid(span_from(text, slash + 1))))
		conf_fault(conf, protocol, "expected a protocol: \"websocket\", \"name/version\"");
}

/* ---- listeners ---------------------------------------------------------------------------------
 */

static void versions_check(struct conf *conf, const int *min_version, const int *max_version)
{
	if (*min_version > *max_version)
		conf_fault(conf, min_version, "the oldest version is newer than the newest");
}

static void listeners_check(struct conf *conf, const struct edge_conf *edge)
{
	CLEANUP(names_free) struct name *names = NULL;

	for (size_t i = 0; i < edge->n_listeners; i++) {
		const struct listener_section *listener = &edge->listeners[i];
		char text[ADDR_TEXT_MAX];
		name_check(conf, &names, &listener->name, "listener");
		for (size_t j = 0; j < i && listener->address.len; j++) {
			if (addr_port(&listener->address) != 0 &&
			    addr_eq(&edge->listeners[j].address, &listener->address))
				conf_fault(conf, &listener->address,
					   "another listener has the address %s",
					   addr_text(&listener->address, text));
		}
		if (listener->tls.set)
			versions_check(conf, &listener->tls.min_version,
				       &listener->tls.max_version);
		if (listener->tls.set && listener->tls.n_certificates == 0)
			conf_fault(conf, &listener->tls.certificates,
				   "expected at least one certificate");
	}
	if (edge->n_listeners == 0)
		conf_fault(conf, &edge->listeners, "expected at least one listener");
}

/* ---- error pages -------------------------------------------------------------------------------
 */

static void error_pages_check(struct conf *conf, const struct error_page_conf *pages, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!pages[i].file == !pages[i].body)
			conf_fault(conf, &pages[i].status, "expected either \"file\" or \"body\"");
		field_value_check(conf, &pages[i].content_type);
	}
}

/* ---- pools -------------------------------------------------------------------------------------
 */

static void health_check_check(struct conf *conf, const struct health_check_conf *check)
{
	const char *const *host = &check->http.host;

	if (!check->set)
		return;
	path_check(conf, &check->http.path, "path");
	if (*host && !is_host(span_str(*host)))
		conf_fault(conf, host, "expected a host, with or without a port");
}

static void pool_tls_check(struct conf *conf, const struct pool_tls_conf *tls)
{
	if (!tls->set)
		return;
	versions_check(conf, &tls->min_version, &tls->max_version);
	if (tls->key && !tls->certificate)
		conf_fault(conf, &tls->key, "a key without a certificate");
	if (tls->server_name && !is_host(span_str(tls->server_name)))
		conf_fault(conf, &tls->server_name, "expected the name of a server");
}

static void pools_check(struct conf *conf, const struct edge_conf *edge)
{
	CLEANUP(names_free) struct name *names = NULL;

	for (size_t i = 0; i < edge->n_pools; i++) {
		const struct pool_conf *pool = &edge->pools[i];
		if (pool->proxy_protocol && pool->protocol != POOL_HTTP1)
			conf_fault(conf, &pool->proxy_protocol,
				   "a PROXY header names one client, and HTTP/2 serves many on a "
				   "connection: expected \"protocol: http1\"");
		name_check(conf, &names, &pool->name, "pool");
		if (pool->n_origins == 0)
			conf_fault(conf, &pool->origins, "expected at least one origin");
		health_check_check(conf, &pool->health_check);
		pool_tls_check(conf, &pool->tls);
	}
}

static void pool_name_check(struct conf *conf, const struct edge_conf *edge,
			    const char *const *name)
{
	const char *words[MAX_POOLS_NAMED];
	size_t n = 0;

	if (!*name)
		return;
	for (size_t i = 0; i < edge->n_pools && n < MAX_POOLS_NAMED; i++) {
		if (!edge->pools[i].name)
			continue;
		if (strcmp(edge->pools[i].name, *name) == 0)
			return;
		words[n++] = edge->pools[i].name;
	}
	const char *near = conf_nearest(*name, words, n);
	conf_fault(conf, name, "unknown pool \"%s\"%s%s%s", *name, near ? ": did you mean \"" : "",
		   near ? near : "", near ? "\"?" : "");
}

/* ---- services ----------------------------------------------------------------------------------
 */

/* A name, an IP, "*.name" or "*". */
static bool host_ok(struct span host)
{
	if (span_eq(host, SPAN_LIT("*")))
		return true;
	return is_host(span_starts(host, SPAN_LIT("*.")) ? span_from(host, 2) : host);
}

static struct span lower_case(struct conf *conf, struct span text)
{
	uint8_t *copy = conf_alloc(conf, text.len + 1);

	for (size_t i = 0; copy && i < text.len; i++)
		copy[i] = (uint8_t)tolower(text.at[i]);
	return copy ? span_of(copy, text.len) : text;
}

static void hosts_check(struct conf *conf, const struct service_conf *service, struct name **hosts)
{
	for (size_t i = 0; i < service->n_hosts; i++) {
		const char *const *host = &service->hosts[i];
		if (!*host)
			continue;
		if (!host_ok(span_str(*host)))
			conf_fault(conf, host,
				   "\"%s\" is no host: expected a name without port, "
				   "\"*.example.com\" or \"*\"",
				   *host);
		else if (!name_add(conf, hosts, lower_case(conf, span_str(*host))))
			conf_fault(conf, host, "the host \"%s\" is served already", *host);
	}
	if (service->n_hosts == 0)
		conf_fault(conf, &service->hosts, "expected at least one host");
}

static void action_check(struct conf *conf, const struct route_conf *route)
{
	const struct route_respond_conf *respond = &route->respond;
	const struct route_proxy_conf *proxy = &route->proxy;

	for (size_t i = 0; i < proxy->n_upgrade; i++)
		protocol_check(conf, &proxy->upgrade[i]);
	if (respond->set)
		field_value_check(conf, &respond->content_type);
	if (route->proxy.set == respond->set)
		conf_fault(conf, route, "expected exactly one of \"proxy\" and \"respond\"");
	if (respond->set && respond->body && respond->body[0] &&
	    (respond->status == 204 || respond->status == 304))
		conf_fault(conf, &respond->body, "a response with status %u has no body",
			   respond->status);
}

static void store_name_check(struct conf *conf, const struct edge_conf *edge,
			     const char *const *name)
{
	for (size_t i = 0; *name && i < edge->n_stores; i++) {
		if (edge->stores[i].name && strcmp(edge->stores[i].name, *name) == 0)
			return;
	}
	if (*name)
		conf_fault(conf, name, "unknown store \"%s\"", *name);
}

static void field_names_check(struct conf *conf, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i] && !http_token_is_valid(span_str(names[i])))
			conf_fault(conf, &names[i], "\"%s\" is no name of a field", names[i]);
	}
}

static void cache_check(struct conf *conf, const struct edge_conf *edge,
			const struct route_conf *route)
{
	const struct cache_rules_conf *cache = &route->cache;
	struct cache_rules *rules = NULL;
	char reterr[160] = "";

	if (!cache->set)
		return;
	if (!route->proxy.set)
		conf_fault(conf, cache, "there is nothing to store without \"proxy\"");
	store_name_check(conf, edge, &cache->store);
	if (cache->key.n_query_only && cache->key.n_query_except)
		conf_fault(conf, &cache->key.query_except,
			   "\"query_only\" says already which parameters count");
	field_names_check(conf, cache->key.headers, cache->key.n_headers);
	field_names_check(conf, cache->ignore, cache->n_ignore);
	field_names_check(conf, cache->targets, cache->n_targets);
	for (size_t i = 0; i < cache->n_compress; i++) {
		enum cache_coding coding;
		if (cache->compress[i] && !cache_coding_find(span_str(cache->compress[i]), &coding))
			conf_fault(conf, &cache->compress[i],
				   "\"%s\" is no coding that is made here: expected br or gzip",
				   cache->compress[i]);
	}
	if (cache_rules_new(cache, NULL, &rules, reterr) < 0)
		conf_fault(conf, cache, "%s", reterr[0] ? reterr : "out of memory");
	cache_rules_free(rules);
}

static void stores_check(struct conf *conf, const struct edge_conf *edge)
{
	CLEANUP(names_free) struct name *names = NULL;

	for (size_t i = 0; i < edge->n_stores; i++)
		name_check(conf, &names, &edge->stores[i].name, "store");
}

static void routes_check(struct conf *conf, const struct edge_conf *edge,
			 const struct service_conf *service)
{
	CLEANUP(names_free) struct name *prefixes = NULL;

	for (size_t i = 0; i < service->n_routes; i++) {
		const struct route_conf *route = &service->routes[i];
		const char *const *prefix = &route->path.prefix;
		path_check(conf, prefix, "prefix");
		if (*prefix && !name_add(conf, &prefixes, span_str(*prefix)))
			conf_fault(conf, prefix,
				   "another route of this service has the prefix \"%s\"", *prefix);
		action_check(conf, route);
		cache_check(conf, edge, route);
		if (route->proxy.set)
			pool_name_check(conf, edge, &route->proxy.pool);
	}
	if (service->n_routes == 0)
		conf_fault(conf, &service->routes, "expected at least one route");
}

static void services_check(struct conf *conf, const struct edge_conf *edge)
{
	CLEANUP(names_free) struct name *names = NULL;
	CLEANUP(names_free) struct name *hosts = NULL;

	for (size_t i = 0; i < edge->n_services; i++) {
		const struct service_conf *service = &edge->services[i];
		name_check(conf, &names, &service->name, "service");
		hosts_check(conf, service, &hosts);
		routes_check(conf, edge, service);
	}
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

static void via_check(struct conf *conf, const struct forward_conf *forwarded)
{
	for (const char *at = forwarded->via; at && *at; at++) {
		if (isalnum((unsigned char)*at) || strchr("-._", *at))
			continue;
		conf_fault(
			conf, &forwarded->via,
			"\"%s\" is no pseudonym: expected letters, digits, \"-\", \"_\" and \".\"",
			forwarded->via);
		return;
	}
}

/* Names that mean something else here would be taken out and put in by two. */
static void request_id_check(struct conf *conf, const struct forward_conf *forwarded)
{
	const char *const *header = &forwarded->client.request_id_header;
	struct span name = span_str(*header);
	enum http_name id = http_name_lookup(name);

	if (!*header)
		return;
	if (!http_token_is_valid(name))
		conf_fault(conf, header, "\"%s\" is no name of a field", *header);
	else if (id != HTTP_NAME_OTHER && id != HTTP_NAME_X_REQUEST_ID)
		conf_fault(conf, header, "\"%s\" is a field with another meaning", *header);
}

void edge_conf_check(struct conf *conf, const struct edge_conf *edge)
{
	node_section_check(conf, &edge->node);
	if (edge->cluster.set)
		cluster_section_check(conf, &edge->cluster.conf);
	admin_section_check(conf, &edge->admin);
	log_section_check(conf, &edge->log);
	process_section_check(conf, &edge->process);
	listeners_check(conf, edge);
	pools_check(conf, edge);
	stores_check(conf, edge);
	services_check(conf, edge);
	error_pages_check(conf, edge->error_pages, edge->n_error_pages);
	for (size_t i = 0; i < edge->n_services; i++)
		error_pages_check(conf, edge->services[i].error_pages,
				  edge->services[i].n_error_pages);
	via_check(conf, &edge->forwarded);
	request_id_check(conf, &edge->forwarded);
}
