/* SPDX-License-Identifier: Apache-2.0
 *
 * key: text is gathered in the arena, one part after the other.
 */
#include "edge/cache/key.h"

#include <ctype.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/purge.h"
#include "edge/http/accept_encoding.h"

enum { MAX_VARY_NAMES = 32 };

/* ---- a growing text ----------------------------------------------------------------------------
 */

/* Two passes: the first counts, the second writes into memory of that size. */
struct writer {
	uint8_t *at; /* NULL: it counts */
	size_t len;
};

static void put(struct writer *writer, struct span bytes)
{
	if (writer->at && bytes.len)
		memcpy(writer->at + writer->len, bytes.at, bytes.len);
	writer->len += bytes.len;
}

static void put_lower(struct writer *writer, struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t c = (uint8_t)tolower(bytes.at[i]);
		put(writer, span_of(&c, 1));
	}
}

typedef void (*write_fn)(struct writer *writer, const void *what);

static int text_make(write_fn write, const void *what, struct arena *arena, struct span *ret_text)
{
	struct writer writer = { 0 };

	write(&writer, what);
	writer.at = arena_take_bytes(arena, writer.len);
	if (!writer.at)
		return err_new(-ENOBUFS);
	*ret_text = span_of(writer.at, writer.len);
	writer.len = 0;
	write(&writer, what);
	MUST(writer.len == ret_text->len);
	return 0;
}

/* ---- the URL -----------------------------------------------------------------------------------
 */

struct question {
	const struct cache_key_conf *conf;
	const struct http_head *request;
};

/* ":8080"; empty for none and for the scheme's own. */
static struct span port_of(const struct http_head *request)
{
	struct span authority = request->authority;
	size_t colon = authority.len;

	while (colon && authority.at[colon - 1] >= '0' && authority.at[colon - 1] <= '9')
		colon--;
	if (colon == 0 || colon == authority.len || authority.at[colon - 1] != ':')
		return SPAN_NONE;
	struct span port = span_from(authority, colon - 1);
	bool usual = span_eq(port, span_eq(request->scheme, SPAN_LIT("https")) ? SPAN_LIT(":443")
									       : SPAN_LIT(":80"));
	return usual ? SPAN_NONE : port;
}

static bool name_fits(struct span name, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct span pattern = span_str(patterns[i]);
		bool open = span_ends(pattern, SPAN_LIT("*"));
		if (open ? span_starts(name, span_first(pattern, pattern.len - 1))
			 : span_eq(name, pattern))
			return true;
	}
	return false;
}

static bool param_counts(const struct cache_key_conf *conf, struct span param)
{
	struct span name = span_first(param, span_find(param, '='));

	if (conf->n_query_only)
		return name_fits(name, conf->query_only, conf->n_query_only);
	return !name_fits(name, conf->query_except, conf->n_query_except);
}

/* '?' and what counts of the query, as it came. */
static void query_put(struct writer *writer, const struct question *question)
{
	const struct cache_key_conf *conf = question->conf;
	const struct http_head *request = question->request;
	struct span rest = request->query, param;
	bool any = false;

	if (conf->query == CACHE_QUERY_NONE)
		return;
	if (request->query.len == 0 || (!conf->n_query_only && !conf->n_query_except)) {
		put(writer, span_from(request->target, request->path.len));
		return;
	}
	while (span_cut(&rest, '&', &param)) {
		if (!param_counts(conf, param))
			continue;
		put(writer, any ? SPAN_LIT("&") : SPAN_LIT("?"));
		put(writer, param);
		any = true;
	}
}

static void authority_put(struct writer *writer, const void *what)
{
	const struct http_head *request = what;

	put(writer, request->host);
	put(writer, port_of(request));
}

static void url_put(struct writer *writer, const void *what)
{
	const struct question *question = what;
	const struct http_head *request = question->request;

	if (question->conf->scheme) {
		put(writer, request->scheme);
		put(writer, SPAN_LIT(":"));
	}
	put(writer, SPAN_LIT("//"));
	if (question->conf->host)
		authority_put(writer, request);
	put(writer, request->path);
	query_put(writer, question);
}

static void target_put(struct writer *writer, const void *what)
{
	const struct question *question = what;

	put(writer, question->request->path);
	query_put(writer, question);
}

int cache_key_authority(const struct http_head *request, struct arena *arena,
			struct span *ret_authority)
{
	return err_pass(text_make(authority_put, request, arena, ret_authority));
}

int cache_key_url(const struct cache_key_conf *conf, const struct http_head *request,
		  struct arena *arena, struct span *ret_url)
{
	const struct question question = { conf, request };

	return err_pass(text_make(url_put, &question, arena, ret_url));
}

int cache_key_target(const struct cache_key_conf *conf, const struct http_head *request,
		     struct arena *arena, struct span *ret_target)
{
	const struct question question = { conf, request };

	*ret_target = request->target;
	if (conf->query == CACHE_QUERY_ALL && !conf->n_query_only && !conf->n_query_except)
		return 0;
	return err_pass(text_make(target_put, &question, arena, ret_target));
}

/* ---- what else the rules name ------------------------------------------------------------------
 */

/* The fields of that name as one list (RFC 9110 5.3), without the spaces around commas. */
static void values_put(struct writer *writer, const struct http_head *request, struct span name)
{
	bool any = false;

	for (uint16_t i = 0; i < request->n_fields; i++) {
		struct span rest = request->fields[i].value, member;
		if (!span_ieq(request->fields[i].name, name))
			continue;
		if (any && rest.len == 0)
			continue;
		if (span_find(rest, '"') < rest.len) { /* a comma may stand within quotes */
			put(writer, any ? SPAN_LIT(",") : SPAN_NONE);
			put(writer, rest);
			any = true;
			continue;
		}
		while (span_cut(&rest, ',', &member)) {
			put(writer, any ? SPAN_LIT(",") : SPAN_NONE);
			put(writer, span_trim(member));
			any = true;
		}
	}
}

static bool has_field(const struct http_head *request, struct span name)
{
	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (span_ieq(request->fields[i].name, name))
			return true;
	}
	return false;
}

static void cookie_put(struct writer *writer, const struct http_head *request, struct span name)
{
	for (uint16_t i = 0; i < request->n_fields; i++) {
		struct span rest = request->fields[i].value, pair;
		if (request->fields[i].id != HTTP_NAME_COOKIE)
			continue;
		while (span_cut(&rest, ';', &pair)) {
			pair = span_trim(pair);
			if (!span_eq(span_first(pair, span_find(pair, '=')), name))
				continue;
			put(writer, SPAN_LIT(";"));
			put(writer, span_from(pair, name.len));
		}
	}
}

static void key_put(struct writer *writer, const void *what)
{
	const struct question *question = what;
	const struct cache_key_conf *conf = question->conf;

	url_put(writer, what);
	if (conf->method) {
		put(writer, SPAN_LIT("\nm"));
		put(writer, question->request->method_text);
	}
	/* With their names: other rules, after a reload or of another route, mean another key. */
	for (size_t i = 0; i < conf->n_headers; i++) {
		struct span name = span_str(conf->headers[i]);
		put(writer, SPAN_LIT("\nh"));
		put_lower(writer, name);
		if (!has_field(question->request, name))
			continue; /* absent is not empty */
		put(writer, SPAN_LIT(":"));
		values_put(writer, question->request, name);
	}
	for (size_t i = 0; i < conf->n_cookies; i++) {
		struct span name = span_str(conf->cookies[i]);
		put(writer, SPAN_LIT("\nc"));
		put(writer, name);
		cookie_put(writer, question->request, name);
	}
}

int cache_key_make(const struct cache_key_conf *conf, const struct http_head *request,
		   struct arena *arena, struct cache_key *ret_key)
{
	const struct question question = { conf, request };
	struct writer url = { 0 };

	int r = text_make(key_put, &question, arena, &ret_key->text);
	if (r < 0)
		return err_pass(r);
	url_put(&url, &question);
	ret_key->url_len = (uint32_t)url.len;
	ret_key->url_hash = purge_url_hash(span_first(ret_key->text, url.len));
	ret_key->base_len = (uint32_t)ret_key->text.len;
	ret_key->base_hash =
		url.len == ret_key->text.len ? ret_key->url_hash : purge_url_hash(ret_key->text);
	ret_key->hash = ret_key->base_hash;
	return 0;
}

/* ---- variants ----------------------------------------------------------------------------------
 */

/* Of these case and spaces mean nothing (RFC 9110 12.5). */
static bool is_preference(struct span name)
{
	return span_eq(name, SPAN_LIT("accept")) || span_eq(name, SPAN_LIT("accept-language")) ||
	       span_eq(name, SPAN_LIT("accept-charset"));
}

static int span_compare(struct span a, struct span b)
{
	int order = memcmp(a.at, b.at, MIN(a.len, b.len));

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Inserts in order. False: there is no room. */
static bool sorted_add(struct span *members, size_t *n, size_t max, struct span member)
{
	size_t at = *n;

	if (*n == max)
		return false;
	while (at && span_compare(members[at - 1], member) > 0) {
		members[at] = members[at - 1];
		at--;
	}
	members[at] = member;
	(*n)++;
	return true;
}

/* In the order that they came: equal weights or not, some servers take the first (RFC 9110 12.5.4).
 */
static void preference_put(struct writer *writer, const struct http_head *request, struct span name)
{
	bool any = false;

	for (uint16_t i = 0; i < request->n_fields; i++) {
		struct span rest = request->fields[i].value, member;
		if (!span_ieq(request->fields[i].name, name))
			continue;
		while (span_cut(&rest, ',', &member)) {
			member = span_trim(member);
			if (member.len == 0)
				continue;
			put(writer, any ? SPAN_LIT(",") : SPAN_NONE);
			for (struct span part; span_cut(&member, ' ', &part);)
				put_lower(writer, part);
			any = true;
		}
	}
}

/* Which codings are taken, whatever the words. */
static void encodings_put(struct writer *writer, const struct http_head *request)
{
	char text[ACCEPT_ENCODING_TEXT_BYTES];
	struct accept_encoding accept;

	accept_encoding_read(request, &accept);
	put(writer, accept_encoding_text(&accept, HTTP_CODINGS_ALL, text));
}

struct variant {
	const struct cache_key *key;
	const struct http_head *request;
	struct span vary;
};

static void variant_put(struct writer *writer, const void *what)
{
	const struct variant *variant = what;
	struct span rest = variant->vary, name;

	put(writer, span_first(variant->key->text, variant->key->base_len));
	while (span_cut(&rest, ',', &name)) {
		put(writer, SPAN_LIT("\nv"));
		put(writer, name);
		if (!has_field(variant->request, name))
			continue;
		put(writer, SPAN_LIT(":"));
		if (span_eq(name, SPAN_LIT("accept-encoding")))
			encodings_put(writer, variant->request);
		else if (is_preference(name))
			preference_put(writer, variant->request, name);
		else
			values_put(writer, variant->request, name);
	}
}

int cache_key_vary(const struct cache_key *key, struct span vary, const struct http_head *request,
		   struct arena *arena, struct cache_key *ret_key)
{
	const struct variant variant = { key, request, vary };
	struct span text = SPAN_NONE;

	int r = text_make(variant_put, &variant, arena, &text);
	if (r < 0)
		return err_pass(r);
	*ret_key = *key;
	ret_key->text = text;
	ret_key->hash = purge_url_hash(text);
	return 0;
}

struct names {
	struct span names[MAX_VARY_NAMES];
	size_t n;
	bool full;
};

static void name_add(struct names *names, struct span name, struct arena *arena)
{
	uint8_t *copy = arena_take_bytes(arena, name.len);

	for (size_t i = 0; copy && i < name.len; i++)
		copy[i] = (uint8_t)tolower(name.at[i]);
	struct span lower = span_of(copy, name.len);
	for (size_t i = 0; copy && i < names->n; i++) {
		if (span_eq(names->names[i], lower))
			return;
	}
	names->full |= !copy || !sorted_add(names->names, &names->n, MAX_VARY_NAMES, lower);
}

static void names_add(struct names *names, struct span list, struct arena *arena)
{
	struct span name;

	while (span_cut(&list, ',', &name)) {
		name = span_trim(name);
		if (name.len)
			name_add(names, name, arena);
	}
}

static void names_put(struct writer *writer, const void *what)
{
	const struct names *names = what;

	for (size_t i = 0; i < names->n; i++) {
		put(writer, i ? SPAN_LIT(",") : SPAN_NONE);
		put(writer, names->names[i]);
	}
}

int cache_vary_names(const struct http_head *response, struct span with, struct arena *arena,
		     struct span *ret_names)
{
	struct names names = { .n = 0 };

	names_add(&names, with, arena);
	for (uint16_t i = 0; i < response->n_fields; i++) {
		if (response->fields[i].id == HTTP_NAME_VARY)
			names_add(&names, response->fields[i].value, arena);
	}
	if (names.full)
		return err_new(-ENOBUFS);
	if (names.n == 0) {
		*ret_names = SPAN_NONE;
		return 0;
	}
	return err_pass(text_make(names_put, &names, arena, ret_names));
}
