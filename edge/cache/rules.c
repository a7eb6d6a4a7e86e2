/* SPDX-License-Identifier: Apache-2.0
 *
 * rules: first what the response says for itself, by the fields that have a say; then what the
 * configuration says for those that said nothing.
 */
#include "edge/cache/rules.h"

#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/store.h"
#include "edge/http/accept_encoding.h"
#include "edge/report/vars.h"

enum { MAX_TAGS = 256, RETERR_BYTES = 160 };

struct valid {
	uint16_t from, to; /* statuses, both included */
	int64_t valid_s;
};

struct cache_rules {
	const struct cache_rules_conf *conf;
	struct cache *store;       /* a reference */
	struct valid *valid;       /* owned, conf->n_valid of them */
	struct var_template **any; /* owned: those of bypass, then those of no_store */
};

static const struct http_head no_fields;
static const char *const usual_targets[] = { "CDN-Cache-Control" };

/* ---- made of the configuration -----------------------------------------------------------------
 */

static bool valid_read(const struct cache_valid_conf *conf, struct valid *ret_valid)
{
	struct span text = span_str(conf->status);
	uint64_t status;

	ret_valid->valid_s = conf->valid_ms / 1000;
	if (span_eq(text, SPAN_LIT("any"))) {
		ret_valid->from = 200;
		ret_valid->to = 599;
		return true;
	}
	if (text.len == 3 && span_ends(text, SPAN_LIT("xx")) && text.at[0] >= '2' &&
	    text.at[0] <= '5') {
		ret_valid->from = (uint16_t)((text.at[0] - '0') * 100);
		ret_valid->to = ret_valid->from + 99;
		return true;
	}
	if (!span_to_u64(text, 599, &status) || status < 200)
		return false;
	ret_valid->from = ret_valid->to = (uint16_t)status;
	return true;
}

static int templates_make(struct cache_rules *rules, char *reterr)
{
	const struct cache_rules_conf *conf = rules->conf;

	rules->any = calloc(conf->n_bypass + conf->n_no_store + 1, sizeof(struct var_template *));
	if (!rules->any)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < conf->n_bypass + conf->n_no_store; i++) {
		const char *text =
			i < conf->n_bypass ? conf->bypass[i] : conf->no_store[i - conf->n_bypass];
		int r = var_compile(edge_vars, span_str(text), &rules->any[i], reterr);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

int cache_rules_new(const struct cache_rules_conf *conf, struct cache *store,
		    struct cache_rules **ret_rules, char *reterr)
{
	struct cache_rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return err_new(-ENOMEM);
	rules->conf = conf;
	rules->store = store ? cache_ref(store) : NULL;
	rules->valid = calloc(conf->n_valid + 1, sizeof(*rules->valid));
	int r = rules->valid ? templates_make(rules, reterr) : err_new(-ENOMEM);
	for (size_t i = 0; r == 0 && i < conf->n_valid; i++) {
		if (valid_read(&conf->valid[i], &rules->valid[i]))
			continue;
		snprintf(reterr, RETERR_BYTES, "\"%.40s\" is no status: expected 200, 4xx or any",
			 conf->valid[i].status);
		r = err_new(-EINVAL);
	}
	if (r < 0) {
		cache_rules_free(rules);
		return err_pass(r);
	}
	*ret_rules = rules;
	return 0;
}

void cache_rules_free(struct cache_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; rules->any && i < rules->conf->n_bypass + rules->conf->n_no_store; i++)
		var_free(rules->any[i]);
	free(rules->any);
	free(rules->valid);
	cache_unref(rules->store);
	free(rules);
}

const struct cache_rules_conf *cache_rules_conf(const struct cache_rules *rules)
{
	return rules->conf;
}

struct cache *cache_rules_store(const struct cache_rules *rules)
{
	return rules->store;
}

/* ---- of a request ------------------------------------------------------------------------------
 */

static bool any_holds(struct var_template *const *templates, size_t n, void *facts,
		      struct arena *arena)
{
	for (size_t i = 0; i < n; i++) {
		struct span value = var_expand(templates[i], facts, arena);
		/* Without room it holds: the origin is asked. */
		if (!value.at || (value.len && !span_eq(value, SPAN_LIT("0"))))
			return true;
	}
	return false;
}

bool cache_rules_bypass(const struct cache_rules *rules, void *facts, struct arena *arena)
{
	return any_holds(rules->any, rules->conf->n_bypass, facts, arena);
}

bool cache_rules_no_store(const struct cache_rules *rules, void *facts, struct arena *arena)
{
	return any_holds(rules->any + rules->conf->n_bypass, rules->conf->n_no_store, facts, arena);
}

/* ---- of a response -----------------------------------------------------------------------------
 */

bool cache_rules_ignore(const struct cache_rules *rules, struct span name)
{
	for (size_t i = 0; i < rules->conf->n_ignore; i++) {
		if (span_ieq(span_str(rules->conf->ignore[i]), name))
			return true;
	}
	return false;
}

/* The lines of one name, joined. Empty: there is none, or no room. */
static struct span joined_value(const struct http_head *head, struct span name, struct buf *text)
{
	for (uint16_t i = 0; i < head->n_fields; i++) {
		if (!span_ieq(head->fields[i].name, name))
			continue;
		if (text->len)
			buf_add(text, SPAN_LIT(","));
		buf_add(text, head->fields[i].value);
	}
	return text->failed ? SPAN_NONE : buf_span(text);
}

/* RFC 9213 2.2: the first targeted field that is there, and sound, says it all. */
static void targeted_read(const struct cache_rules *rules, const struct http_head *response,
			  struct freshness *fresh)
{
	const struct cache_rules_conf *conf = rules->conf;
	const char *const *names = conf->targets_set ? conf->targets : usual_targets;
	size_t n = conf->targets_set ? conf->n_targets : ARRAY_LEN(usual_targets);
	struct buf text;
	bool found = false;

	buf_init(&text, 4096);
	for (size_t i = 0; i < n && !found; i++) {
		struct cache_control control;
		buf_empty(&text);
		struct span value = joined_value(response, span_str(names[i]), &text);
		cache_control_init(&control);
		if (value.len == 0 || !cache_control_read_targeted(&control, value))
			continue;
		/* Lists of names in it pointed into the text. */
		control.no_cache_fields = control.private_fields = SPAN_NONE;
		fresh->control = control;
		fresh->has_expires = false;
		found = true;
	}
	buf_fini(&text);
}

static void said_read(const struct cache_rules *rules, const struct http_head *response,
		      int64_t now_s, struct freshness *fresh)
{
	freshness_read(response, now_s, fresh);
	if (rules->conf->n_ignore) {
		if (cache_rules_ignore(rules, SPAN_LIT("Cache-Control")))
			cache_control_init(&fresh->control);
		if (cache_rules_ignore(rules, SPAN_LIT("Expires")))
			fresh->has_expires = false;
		if (cache_rules_ignore(rules, SPAN_LIT("Age")))
			fresh->age_s = 0;
	}
	targeted_read(rules, response, fresh);
}

/* Whoever can send a request that is wrong could take a page from all. Stored where the response,
 * or the configuration by its number, says so. */
bool cache_rules_is_of_request(uint16_t status)
{
	return status == 400 || status == 406 || status == 408 ||
	       (status >= 411 && status <= 417) || (status >= 421 && status <= 431);
}

/* For a status that the response said nothing of. Below 0: nothing. */
static int64_t valid_s(const struct cache_rules *rules, uint16_t status)
{
	for (size_t i = 0; i < rules->conf->n_valid; i++) {
		const struct valid *valid = &rules->valid[i];
		if (valid->from != valid->to && cache_rules_is_of_request(status))
			continue;
		if (status >= valid->from && status <= valid->to)
			return rules->valid[i].valid_s;
	}
	return -1;
}

/* RFC 9111 7.3: a cookie is one person's, unless the origin says in so many words that others may
 * have it. */
static bool cookie_may(const struct cache_rules *rules, const struct http_head *response,
		       enum freshness_source source)
{
	if (rules->conf->set_cookie == CACHE_COOKIE_STRIP ||
	    !http_head_find(response, HTTP_NAME_SET_COOKIE))
		return true;
	return rules->conf->set_cookie == CACHE_COOKIE_EXPLICIT && source >= FRESHNESS_EXPIRES;
}

enum storable cache_rules_judge(const struct cache_rules *rules, const struct http_head *request,
				const struct http_head *response, int64_t asked_at_s, int64_t now_s,
				struct reuse_life *ret_life)
{
	const struct cache_rules_conf *conf = rules->conf;
	const struct freshness_heuristic heuristic = { conf->heuristic_pct,
						       conf->heuristic_max_ms / 1000 };
	enum freshness_source source;
	struct freshness fresh;

	said_read(rules, response, now_s, &fresh);
	int64_t lifetime_s = freshness_lifetime_s(&fresh, &heuristic, &source);
	int64_t ours_s = source < FRESHNESS_EXPIRES ? valid_s(rules, response->status) : -1;
	if (ours_s >= 0) {
		lifetime_s = ours_s;
		fresh.control.times_s[CACHE_MAX_AGE] = ours_s; /* as if it had been said */
	}
	const struct reuse_grace grace = { conf->swr_ms / 1000, conf->sie_ms / 1000 };
	reuse_life_make(&fresh, lifetime_s, &grace, asked_at_s, now_s, ret_life);
	/* Of its fields Vary alone is asked for there. */
	const struct http_head *varies =
		cache_rules_ignore(rules, SPAN_LIT("Vary")) ? &no_fields : response;
	enum storable verdict = storable(request, varies, &fresh);
	if (verdict == STORABLE_NOT_WISHED && !conf->requests)
		verdict = STORABLE;
	if (verdict == STORABLE && !cookie_may(rules, response, source))
		return STORABLE_NOT_COOKIE;
	/* What is stale from the first moment, cannot be asked about, and may not serve so, is of
	 * no use. */
	bool validates = http_head_find(response, HTTP_NAME_ETAG) ||
			 http_head_find(response, HTTP_NAME_LAST_MODIFIED);
	if (verdict == STORABLE && !validates && ret_life->swr_s <= 0 && ret_life->sie_s <= 0 &&
	    (ret_life->stale_at_s <= now_s || (ret_life->says & 1u << CACHE_NO_CACHE)))
		return STORABLE_NOT_SAID;
	return verdict;
}

static void control_read(const struct http_head *response, struct cache_control *ret_control)
{
	cache_control_init(ret_control);
	for (uint16_t i = 0; i < response->n_fields; i++) {
		if (response->fields[i].id == HTTP_NAME_CACHE_CONTROL)
			cache_control_read(ret_control, response->fields[i].value);
	}
}

/* ---- content codings ---------------------------------------------------------------------------
 */

static const char *const usual_types[] = {
	"text/*",           "application/json",  "application/javascript", "application/xml",
	"application/wasm", "application/*+xml", "application/*+json",     "image/svg+xml",
	"font/ttf",         "font/otf",
};

/* One "*" may stand for anything. */
static bool type_fits(struct span type, struct span pattern)
{
	size_t star = span_find(pattern, '*');
	struct span before = span_first(pattern, star), after = span_from(pattern, star + 1);

	if (star == pattern.len)
		return span_ieq(type, pattern);
	return type.len >= before.len + after.len &&
	       span_ieq(span_first(type, before.len), before) &&
	       span_ieq(span_from(type, type.len - after.len), after);
}

static bool type_is_worth_it(const struct cache_rules_conf *conf, struct span type)
{
	const char *const *types = conf->compress_types_set ? conf->compress_types : usual_types;
	size_t n = conf->compress_types_set ? conf->n_compress_types : ARRAY_LEN(usual_types);

	type = span_trim(span_first(type, span_find(type, ';')));
	for (size_t i = 0; i < n; i++) {
		if (type_fits(type, span_str(types[i])))
			return true;
	}
	return false;
}

bool cache_rules_codable(const struct cache_rules *rules, const struct http_head *response)
{
	const struct http_field *type = http_head_find(response, HTTP_NAME_CONTENT_TYPE);
	struct cache_control control;

	if (!rules->conf->n_compress || response->status != 200 || !type ||
	    (response->has_length && response->body_length < rules->conf->compress_min_bytes))
		return false;
	for (uint16_t i = 0; i < response->n_fields; i++) {
		if (span_ieq(response->fields[i].name, SPAN_LIT("Content-Encoding")))
			return false;
	}
	control_read(response, &control);
	return !cache_control_says(&control, CACHE_NO_TRANSFORM) &&
	       type_is_worth_it(rules->conf, type->value);
}

bool cache_rules_coding(const struct cache_rules *rules, const struct http_head *request,
			enum cache_coding *ret_coding)
{
	static const enum http_coding https[CACHE_N_CODINGS] = {
		[CACHE_CODING_BR] = HTTP_CODING_BR,
		[CACHE_CODING_GZIP] = HTTP_CODING_GZIP,
	};
	struct accept_encoding accept;
	unsigned best = 0;

	accept_encoding_read(request, &accept);
	for (size_t i = 0; accept.said && i < rules->conf->n_compress; i++) {
		enum cache_coding coding;
		if (!cache_coding_find(span_str(rules->conf->compress[i]), &coding) ||
		    !(accept.takes & HTTP_CODING_BIT(https[coding])) ||
		    accept.q_permille[https[coding]] <= best)
			continue; /* of equals the one that is named first */
		best = accept.q_permille[https[coding]];
		*ret_coding = coding;
	}
	return best > 0;
}

/* ---- what is stored ----------------------------------------------------------------------------
 */

static bool is_tag_field(struct span name)
{
	return span_ieq(name, SPAN_LIT("Surrogate-Key")) || span_ieq(name, SPAN_LIT("Cache-Tag"));
}

struct tags {
	uint32_t hashes[MAX_TAGS];
	uint16_t n;
};

/* Surrogate-Key has spaces between, Cache-Tag commas; neither occurs in a tag. */
static void tags_read(struct tags *tags, struct span list)
{
	struct span rest = list, part, tag;

	while (span_cut(&rest, ',', &part)) {
		while (span_cut(&part, ' ', &tag)) {
			tag = span_trim(tag);
			if (tag.len && tags->n < MAX_TAGS)
				tags->hashes[tags->n++] = purge_tag_hash(tag);
		}
	}
}

/* One client's: who asked gets it, and nobody else. */
static bool is_own(const struct cache_rules *rules, const struct cache_control *control,
		   const struct http_field *field)
{
	if (field->id == HTTP_NAME_SET_COOKIE && rules->conf->set_cookie == CACHE_COOKIE_STRIP)
		return true;
	return cache_control_names(control->no_cache_fields, field->name) ||
	       cache_control_names(control->private_fields, field->name);
}

int cache_rules_strip(const struct cache_rules *rules, struct http_head *response,
		      struct arena *arena, struct cache_stripped *ret_stripped)
{
	struct cache_stripped *stripped = ret_stripped;
	struct tags tags = { .n = 0 };
	struct cache_control control;
	uint16_t n = 0;

	control_read(response, &control);
	int r = http_head_init(&stripped->own, arena);
	for (uint16_t i = 0; r == 0 && i < response->n_fields; i++) {
		const struct http_field field = response->fields[i];
		if (is_tag_field(field.name))
			tags_read(&tags, field.value);
		else if (is_own(rules, &control, &field))
			r = http_head_add_found(&stripped->own, field);
		else if (field.id != HTTP_NAME_AGE)
			response->fields[n++] = field;
	}
	if (r < 0)
		return err_pass(r);
	response->n_fields = n;
	stripped->n_tags = tags.n;
	stripped->tags = arena_take(arena, tags.n * sizeof(uint32_t) + 1);
	if (!stripped->tags)
		return err_new(-ENOBUFS);
	memcpy(stripped->tags, tags.hashes, tags.n * sizeof(uint32_t));
	return 0;
}
