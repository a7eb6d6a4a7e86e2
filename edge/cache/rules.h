/* SPDX-License-Identifier: Apache-2.0
 *
 * rules: what a route's configuration says of caching, and the verdict on a response under it.
 * Compiled once with the configuration; then only read, by any thread.
 */
#pragma once

#include "core/var.h"
#include "edge/cache/coded.h"
#include "edge/cache/key.h"
#include "edge/cache/reuse.h"
#include "edge/cache/storable.h"

enum cache_set_cookie { CACHE_COOKIE_EXPLICIT, CACHE_COOKIE_REFUSE, CACHE_COOKIE_STRIP };

struct cache_valid_conf {
	const char *status; /* "200", "4xx", "any" */
	int64_t valid_ms;
};

struct cache_rules_conf {
	bool set;
	const char *store;
	struct cache_key_conf key;
	struct cache_valid_conf *valid;
	size_t n_valid;
	const char **bypass, **no_store; /* templates: true when neither empty nor "0" */
	size_t n_bypass, n_no_store;
	const char **ignore; /* names of fields of the response that have no say */
	size_t n_ignore;
	const char **targets; /* names of targeted fields, the first that is there counts */
	size_t n_targets;
	bool targets_set;
	bool requests;  /* the request's Cache-Control has a say */
	int set_cookie; /* enum cache_set_cookie */
	uint32_t min_uses;
	uint64_t max_object_bytes;
	int64_t swr_ms, sie_ms; /* where the response says neither yes nor no */
	int64_t pass_ms;
	uint32_t heuristic_pct;
	int64_t heuristic_max_ms;
	bool status_field; /* Cache-Status */
	const char **compress, **compress_types;
	size_t n_compress, n_compress_types;
	bool compress_types_set;
	uint64_t compress_min_bytes;
};

struct cache;
struct cache_rules;

/* A reference to the store is taken. The configuration is borrowed. Errors: -ENOMEM; -EINVAL with a
 * text in `reterr` (160 bytes). */
int cache_rules_new(const struct cache_rules_conf *conf, struct cache *store,
		    struct cache_rules **ret_rules, char *reterr);
void cache_rules_free(struct cache_rules *rules); /* NULL is fine */
const struct cache_rules_conf *cache_rules_conf(const struct cache_rules *rules);
struct cache *cache_rules_store(const struct cache_rules *rules);

/* Of a request: `facts` is the subject of the variables. */
bool cache_rules_bypass(const struct cache_rules *rules, void *facts, struct arena *arena);
bool cache_rules_no_store(const struct cache_rules *rules, void *facts, struct arena *arena);

/* Has the response's field of this name no say? */
bool cache_rules_ignore(const struct cache_rules *rules, struct span name);
/* Does a status speak of one request, which the next need not be like? */
bool cache_rules_is_of_request(uint16_t status);
/* May the response be stored, and how long does it live? `asked_at_s`: when the origin was asked.
 */
enum storable cache_rules_judge(const struct cache_rules *rules, const struct http_head *request,
				const struct http_head *response, int64_t asked_at_s, int64_t now_s,
				struct reuse_life *ret_life);
/* Is it worth a content coding, and may it have one (RFC 9110 7.7, 8.4)? */
bool cache_rules_codable(const struct cache_rules *rules, const struct http_head *response);
/* The best coding of those that the route makes and the client takes. False: none. */
bool cache_rules_coding(const struct cache_rules *rules, const struct http_head *request,
			enum cache_coding *ret_coding);

/* What cache_rules_strip() has taken out of a response. */
struct cache_stripped {
	struct http_head own; /* fields for the client alone that asked */
	uint32_t *tags;       /* hashes of its surrogate keys; in the arena */
	uint16_t n_tags;
};
/* Takes out what is not to be stored: Age, what no-cache="…" and private="…" name, surrogate keys,
 * by configuration cookies. Errors: -ENOBUFS. */
int cache_rules_strip(const struct cache_rules *rules, struct http_head *response,
		      struct arena *arena, struct cache_stripped *ret_stripped);
