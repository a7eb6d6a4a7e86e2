/* SPDX-License-Identifier: Apache-2.0
 *
 * key: what a stored response is found by, as text. First its URL, as far as the rules say that it
 * counts, which is what purges name; then the fields and cookies that the rules name; then, once it
 * is known that responses of this URL vary, those that they vary by (RFC 9111 4.1).
 *
 * The parts cannot run into each other: no part holds a line's end, and each begins with one.
 * The whole key is compared at each hit. Pure.
 */
#pragma once

#include "edge/http/message.h"

enum cache_query { CACHE_QUERY_ALL, CACHE_QUERY_NONE };

struct cache_key_conf {
	bool scheme, host, method;
	int query;                               /* enum cache_query */
	const char **query_only, **query_except; /* names; "utm_*" for all that begin so */
	size_t n_query_only, n_query_except;
	const char **headers, **cookies; /* names */
	size_t n_headers, n_cookies;
};

struct cache_key {
	struct span text;  /* in the arena */
	uint32_t url_len;  /* of it, what purges name */
	uint32_t base_len; /* of it, what stands before what responses vary by */
	uint64_t url_hash, base_hash, hash;
};

/* Errors: -ENOBUFS. */
int cache_key_make(const struct cache_key_conf *conf, const struct http_head *request,
		   struct arena *arena, struct cache_key *ret_key);
/* The target that the origin gets: without the parameters that do not count, so that what is not in
 * the key cannot be in the answer. Errors: -ENOBUFS. */
int cache_key_target(const struct cache_key_conf *conf, const struct http_head *request,
		     struct arena *arena, struct span *ret_target);
/* host[:port] as the key has it, whatever the client's letters, dots and usual ports. Errors:
 * -ENOBUFS. */
int cache_key_authority(const struct http_head *request, struct arena *arena,
			struct span *ret_authority);
/* Goes on from the URL's key to a variant's. `vary`: names in lower case, a comma between. Errors:
 * -ENOBUFS. */
int cache_key_vary(const struct cache_key *key, struct span vary, const struct http_head *request,
		   struct arena *arena, struct cache_key *ret_key);
/* The names of all Vary fields, and of those in `with`: lower case, sorted, each once. Errors:
 * -ENOBUFS. */
int cache_vary_names(const struct http_head *response, struct span with, struct arena *arena,
		     struct span *ret_names);
/* For a purge: the URL's part of the key that the rules make of it. Errors: -ENOBUFS. */
int cache_key_url(const struct cache_key_conf *conf, const struct http_head *request,
		  struct arena *arena, struct span *ret_url);
