/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/key: what counts and what does not, what a variant is, and that no two
 * requests that differ in what counts make the same key.
 */
#include "cache_test.h"

#include <errno.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/rng.h"
#include "edge/cache/key.h"
#include "edge/cache/purge.h"

enum { LINES = 4 };

static struct arena arena;
static const struct cache_key_conf usual = { .scheme = true, .host = true };

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

/* As a parser leaves it. */
static struct http_head request_of(const char *scheme, const char *authority, const char *target,
				   const char *const *lines)
{
	struct http_head head = head_of_lines(&arena, lines, LINES);

	head.method = HTTP_METHOD_GET;
	head.method_text = SPAN_LIT("GET");
	head.scheme = span_str(scheme);
	head.authority = span_str(authority);
	head.host = span_first(head.authority, span_find(head.authority, ':'));
	head.target = span_str(target);
	head.path = span_first(head.target, span_find(head.target, '?'));
	head.query = span_from(head.target, head.path.len + 1);
	return head;
}

static struct cache_key key_of(const struct cache_key_conf *conf, const struct http_head *request)
{
	struct cache_key key;

	assert_int_equal(cache_key_make(conf, request, &arena, &key), 0);
	assert_int_equal(key.hash, key.base_hash);
	assert_int_equal(key.base_len, key.text.len);
	assert_int_equal(key.base_hash, purge_url_hash(key.text));
	assert_int_equal(key.url_hash, purge_url_hash(span_first(key.text, key.url_len)));
	return key;
}

static void assert_text(struct span text, const char *wanted, size_t row)
{
	if (!span_eq(text, span_str(wanted)))
		fail_msg("row %zu: \"%.*s\" is not \"%s\"", row, SPAN_FMT(text), wanted);
}

/* ---- the URL -----------------------------------------------------------------------------------
 */

static void a_url_has_its_scheme_host_and_port_as_the_rules_say(void **state)
{
	static const struct {
		bool scheme, host;
		const char *of, *authority, *target, *url;
	} rows[] = {
		{ true, true, "http", "h", "/a", "http://h/a" },
		{ true, true, "https", "h", "/a", "https://h/a" },
		{ false, true, "https", "h", "/a", "//h/a" },
		{ true, false, "http", "h", "/a", "http:///a" },
		{ false, false, "http", "h:99", "/a", "///a" },
		{ true, true, "http", "h:80", "/a", "http://h/a" },
		{ true, true, "https", "h:80", "/a", "https://h:80/a" },
		{ true, true, "https", "h:443", "/a", "https://h/a" },
		{ true, true, "http", "h:443", "/a", "http://h:443/a" },
		{ true, true, "http", "h:8080", "/a", "http://h:8080/a" },
		{ true, true, "http", "h:", "/a", "http://h/a" },
		{ true, true, "http", "", "/a", "http:///a" },
		{ true, true, "http", "h", "/", "http://h/" },
		{ true, true, "http", "h", "/A%2f", "http://h/A%2f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const char *const none[LINES] = { NULL };
		const struct cache_key_conf conf = { .scheme = rows[i].scheme,
						     .host = rows[i].host };
		struct http_head request =
			request_of(rows[i].of, rows[i].authority, rows[i].target, none);
		struct cache_key key = key_of(&conf, &request);
		struct span url;
		assert_text(key.text, rows[i].url, i);
		assert_int_equal(key.url_len, key.text.len);
		assert_int_equal(cache_key_url(&conf, &request, &arena, &url), 0);
		assert_true(span_eq(url, key.text));
	}
}

static void an_address_of_ipv6_keeps_its_colons(void **state)
{
	static const char *const none[LINES] = { NULL };
	struct http_head request = request_of("http", "[::1]:81", "/", none);

	(void)state;
	request.host = SPAN_LIT("[::1]");
	assert_text(key_of(&usual, &request).text, "http://[::1]:81/", 0);
	request.authority = SPAN_LIT("[::1]");
	assert_text(key_of(&usual, &request).text, "http://[::1]/", 1);
}

static void what_counts_of_a_query_is_in_the_key_and_reaches_the_origin(void **state)
{
	static const char *only[] = { "id", "p_*" }, *except[] = { "utm_*", "fbclid" };
	static const char *every[] = { "*" };
	static const struct {
		int query;
		const char **only;
		size_t n_only;
		const char **except;
		size_t n_except;
		const char *target, *counts;
	} rows[] = {
		/* clang-format off */
		{ CACHE_QUERY_ALL, NULL, 0, NULL, 0, "/a", "/a" },
		{ CACHE_QUERY_ALL, NULL, 0, NULL, 0, "/a?", "/a?" },
		{ CACHE_QUERY_ALL, NULL, 0, NULL, 0, "/a?b=1&&c", "/a?b=1&&c" },
		{ CACHE_QUERY_ALL, NULL, 0, NULL, 0, "/a?b?c", "/a?b?c" },
		{ CACHE_QUERY_NONE, NULL, 0, NULL, 0, "/a?b=1", "/a" },
		{ CACHE_QUERY_NONE, NULL, 0, NULL, 0, "/a?", "/a" },
		{ CACHE_QUERY_NONE, NULL, 0, NULL, 0, "/a", "/a" },
		{ CACHE_QUERY_ALL, only, 2, NULL, 0, "/a?id=1&x=2&p_a=3&p_=4", "/a?id=1&p_a=3&p_=4" },
		{ CACHE_QUERY_ALL, only, 2, NULL, 0, "/a?x=1&id=2", "/a?id=2" },
		{ CACHE_QUERY_ALL, only, 2, NULL, 0, "/a?ID=1&idx=2&%69d=3", "/a" },
		{ CACHE_QUERY_ALL, only, 2, NULL, 0, "/a?id", "/a?id" },
		{ CACHE_QUERY_ALL, only, 2, NULL, 0, "/a?id=1&id=2", "/a?id=1&id=2" },
		{ CACHE_QUERY_ALL, only, 2, NULL, 0, "/a", "/a" },
		{ CACHE_QUERY_ALL, NULL, 0, except, 2, "/a?utm_source=1&id=2&fbclid=3", "/a?id=2" },
		{ CACHE_QUERY_ALL, NULL, 0, except, 2, "/a?id=2&utm_=1", "/a?id=2" },
		{ CACHE_QUERY_ALL, NULL, 0, except, 2, "/a?utm_source=1", "/a" },
		{ CACHE_QUERY_ALL, NULL, 0, except, 2, "/a?fbclid2=1", "/a?fbclid2=1" },
		{ CACHE_QUERY_ALL, NULL, 0, except, 2, "/a", "/a" },
		{ CACHE_QUERY_ALL, NULL, 0, except, 2, "/a?", "/a?" },
		{ CACHE_QUERY_ALL, NULL, 0, except, 2, "/a?b&&c", "/a?b&&c" },
		{ CACHE_QUERY_ALL, NULL, 0, every, 1, "/a?b&c", "/a" },
		{ CACHE_QUERY_ALL, every, 1, NULL, 0, "/a?b&c", "/a?b&c" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const char *const none[LINES] = { NULL };
		const struct cache_key_conf conf = { .query = rows[i].query,
						     .query_only = rows[i].only,
						     .n_query_only = rows[i].n_only,
						     .query_except = rows[i].except,
						     .n_query_except = rows[i].n_except };
		struct http_head request = request_of("http", "h", rows[i].target, none);
		struct span target;
		struct cache_key key = key_of(&conf, &request);
		assert_text(span_from(key.text, 2), rows[i].counts, i);
		assert_int_equal(cache_key_target(&conf, &request, &arena, &target), 0);
		assert_text(target, rows[i].counts, i);
	}
}

/* ---- fields and cookies ------------------------------------------------------------------------
 */

static void the_fields_and_cookies_that_are_named_count(void **state)
{
	static const char *headers[] = { "X-A", "X-B" }, *cookies[] = { "s", "t" };
	static const struct {
		size_t n_headers, n_cookies;
		bool method;
		const char *lines[LINES];
		const char *rest;
	} rows[] = {
		/* clang-format off */
		{ 0, 0, false, { "X-A: 1", "Cookie: s=1" }, "" },
		{ 0, 0, true, { "X-A: 1" }, "\nmGET" },
		{ 1, 0, false, { "x-a: 1", "X-B: 2" }, "\nhx-a:1" },
		{ 2, 0, false, { "X-B: 2", "X-A: 1" }, "\nhx-a:1\nhx-b:2" },
		{ 2, 0, false, { "X-B: 1" }, "\nhx-a\nhx-b:1" },
		{ 2, 0, false, { "X-A: 1" }, "\nhx-a:1\nhx-b" },
		{ 1, 0, false, { "X-A:" }, "\nhx-a:" },
		{ 1, 0, false, { NULL }, "\nhx-a" },
		{ 1, 0, false, { "X-A: 1", "X-A: 2" }, "\nhx-a:1,2" },
		{ 1, 0, false, { "X-A: 1 ,\t2" }, "\nhx-a:1,2" },
		{ 1, 0, false, { "X-A: 2, 1" }, "\nhx-a:2,1" },
		{ 0, 1, false, { "Cookie: s=1; t=2" }, "\ncs;=1" },
		{ 0, 2, false, { "Cookie: t=2;s=1" }, "\ncs;=1\nct;=2" },
		{ 0, 1, false, { "Cookie: xs=1; s2=3" }, "\ncs" },
		{ 0, 1, false, { "Cookie: s" }, "\ncs;" },
		{ 0, 1, false, { "Cookie: s=" }, "\ncs;=" },
		{ 0, 1, false, { "Cookie: s=1; s=2" }, "\ncs;=1;=2" },
		{ 0, 1, false, { "Cookie: s=1", "cookie: s=2" }, "\ncs;=1;=2" },
		{ 0, 1, false, { "Cookie: S=1" }, "\ncs" },
		{ 1, 1, true, { "Cookie: s=1", "X-A: 1" }, "\nmGET\nhx-a:1\ncs;=1" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cache_key_conf conf = {
			.method = rows[i].method,
			.headers = headers,
			.n_headers = rows[i].n_headers,
			.cookies = cookies,
			.n_cookies = rows[i].n_cookies,
		};
		struct http_head request = request_of("http", "h", "/a", rows[i].lines);
		struct cache_key key = key_of(&conf, &request);
		assert_int_equal(key.url_len, 4);
		assert_text(span_from(key.text, 4), rows[i].rest, i);
	}
}

/* ---- variants ----------------------------------------------------------------------------------
 */

static void the_names_that_responses_vary_by_are_each_once_and_in_order(void **state)
{
	static const struct {
		const char *lines[LINES], *with, *names;
	} rows[] = {
		{ { NULL }, "", "" },
		{ { NULL }, "accept", "accept" },
		{ { "Vary: Accept" }, "", "accept" },
		{ { "Vary: Cookie, Accept" }, "", "accept,cookie" },
		{ { "Vary: Cookie", "vary: Accept", "Vary: cookie" }, "", "accept,cookie" },
		{ { "Vary: A" }, "#7,b", "#7,a,b" },
		{ { "Vary: a, ,, b ," }, "", "a,b" },
		{ { "Vary:" }, "", "" },
		{ { "Vary: ," }, "", "" },
		{ { "Vary: ab, a" }, "", "a,ab" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head response = head_of_lines(&arena, rows[i].lines, LINES);
		struct span names;
		assert_int_equal(
			cache_vary_names(&response, span_str(rows[i].with), &arena, &names), 0);
		assert_text(names, rows[i].names, i);
	}
}

static void more_names_than_anybody_sends_are_refused(void **state)
{
	struct http_head response;
	struct span names;
	char text[256] = "";

	(void)state;
	for (int i = 0; i < 32; i++)
		snprintf(text + strlen(text), 8, "n%d,", i);
	assert_int_equal(http_head_init(&response, &arena), 0);
	assert_int_equal(http_head_add(&response, HTTP_NAME_VARY, span_str(text)), 0);
	assert_int_equal(cache_vary_names(&response, SPAN_LIT("n0,n1"), &arena, &names), 0);
	assert_int_equal(cache_vary_names(&response, SPAN_LIT("other"), &arena, &names), -ENOBUFS);
}

static void a_variant_is_told_by_what_it_varies_by(void **state)
{
	static const struct {
		const char *vary, *lines[LINES], *rest;
	} rows[] = {
		/* clang-format off */
		{ "x-a", { NULL }, "\nvx-a" },
		{ "x-a", { "X-A:" }, "\nvx-a:" },
		{ "x-a", { "X-A: 1", "x-a: 2" }, "\nvx-a:1,2" },
		{ "x-a", { "X-A: b ,a" }, "\nvx-a:b,a" },
		{ "x-a,x-b", { "X-B: 1" }, "\nvx-a\nvx-b:1" },
		{ "user-agent", { "User-Agent: A" }, "\nvuser-agent:A" },
		{ "#7,x-a", { "X-A: 1" }, "\nv#7\nvx-a:1" },
		{ "accept", { "Accept: text/html, */*;q=0.8" }, "\nvaccept:text/html,*/*;q=0.8" },
		{ "accept", { "Accept: TEXT/html,*/*; q=0.8" }, "\nvaccept:text/html,*/*;q=0.8" },
		{ "accept-language", { "Accept-Language: DE,  en" }, "\nvaccept-language:de,en" },
		{ "accept-language", { "Accept-Language: en, de" }, "\nvaccept-language:en,de" },
		{ "x", { "X: \"a, b\", c" }, "\nvx:\"a, b\", c" },
		{ "accept-charset", { "Accept-Charset: utf-8", "Accept-Charset: B" }, "\nvaccept-charset:utf-8,b" },
		{ "accept-encoding", { "Accept-Encoding: gzip, br" }, "\nvaccept-encoding:br,gzip" },
		{ "accept-encoding", { "Accept-Encoding: br;q=1, GZIP" }, "\nvaccept-encoding:br,gzip" },
		{ "accept-encoding", { NULL }, "\nvaccept-encoding" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head request = request_of("http", "h", "/a", rows[i].lines);
		struct cache_key base = key_of(&usual, &request), key, again;
		assert_int_equal(
			cache_key_vary(&base, span_str(rows[i].vary), &request, &arena, &key), 0);
		assert_text(span_from(key.text, base.base_len), rows[i].rest, i);
		assert_true(span_starts(key.text, base.text));
		assert_int_equal(key.hash, purge_url_hash(key.text));
		assert_int_equal(key.base_hash, base.base_hash);
		assert_int_equal(key.url_hash, base.url_hash);
		/* Of a variant's key it makes the same: it begins at the URL's. */
		assert_int_equal(
			cache_key_vary(&key, span_str(rows[i].vary), &request, &arena, &again), 0);
		assert_true(span_eq(again.text, key.text));
	}
}

static void a_list_of_very_many_members_keeps_its_order(void **state)
{
	char text[512] = "";
	static const char *const none[LINES] = { NULL };
	struct http_head request = request_of("http", "h", "/a", none);
	struct cache_key base, key;

	(void)state;
	for (int i = 40; i > 0; i--)
		snprintf(text + strlen(text), 8, "m%d,", i);
	assert_int_equal(http_head_add_other(&request, SPAN_LIT("Accept"), span_str(text)), 0);
	base = key_of(&usual, &request);
	assert_int_equal(cache_key_vary(&base, SPAN_LIT("accept"), &request, &arena, &key), 0);
	assert_true(
		span_starts(span_from(key.text, base.base_len), SPAN_LIT("\nvaccept:m40,m39,")));
}

static void without_room_it_says_so(void **state)
{
	static const char *const none[LINES] = { NULL };
	static const char *except[] = { "x" };
	static const struct cache_key_conf conf = { .query_except = except, .n_query_except = 1 };
	struct http_head request = request_of("http", "host", "/path?query", none);
	struct cache_key base = key_of(&conf, &request), key;
	struct arena small;
	struct span text;

	(void)state;
	arena_init(&small, 4);
	assert_int_equal(cache_key_make(&conf, &request, &small, &key), -ENOBUFS);
	assert_int_equal(cache_key_url(&conf, &request, &small, &text), -ENOBUFS);
	assert_int_equal(cache_key_target(&conf, &request, &small, &text), -ENOBUFS);
	assert_int_equal(cache_key_vary(&base, SPAN_LIT("x"), &request, &small, &key), -ENOBUFS);
	assert_int_equal(cache_vary_names(&request, SPAN_LIT("abcde"), &small, &text), -ENOBUFS);
	arena_fini(&small);
}

/* ---- no two make the same ----------------------------------------------------------------------
 */

/* Parts with all that separates others. */
static const char *const odd[] = { "",  "a", "b", "a,b", "a, b", ",",   ";", "=", "a=b", ":",
				   "&", "?", "/", "hx",  "vx",   "//h", "#", "*", "m",   "c;" };

static const char *odd_one(struct rng *rng)
{
	return odd[rng_below(rng, ARRAY_LEN(odd))];
}

/* What of a request counts, written so that nothing can run into another: each with its length. */
static void part_note(struct buf *out, struct span part)
{
	buf_printf(out, "%zu:", part.len);
	buf_add(out, part);
}

static void list_note(struct buf *out, const struct http_head *request, const char *name)
{
	bool any = false, there = false;

	for (uint16_t i = 0; i < request->n_fields; i++) {
		struct span rest = request->fields[i].value, member;
		if (!span_ieq(request->fields[i].name, span_str(name)))
			continue;
		there = true;
		if (any && rest.len == 0) /* RFC 9110 5.6.1: an empty element is none */
			continue;
		for (; span_cut(&rest, ',', &member); any = true)
			part_note(out, span_trim(member));
	}
	buf_add_str(out, there ? "there|" : "absent|");
}

static void cookies_note(struct buf *out, const struct http_head *request, const char *name)
{
	for (uint16_t i = 0; i < request->n_fields; i++) {
		struct span rest = request->fields[i].value, pair;
		if (request->fields[i].id != HTTP_NAME_COOKIE)
			continue;
		while (span_cut(&rest, ';', &pair)) {
			pair = span_trim(pair);
			if (span_eq(span_first(pair, span_find(pair, '=')), span_str(name)))
				part_note(out, pair);
		}
	}
	buf_add_str(out, "|");
}

struct sample {
	struct span key, meaning;
};

static struct sample sample_make(struct rng *rng, struct buf *out)
{
	static const char *headers[] = { "x-a", "x-b" }, *cookies[] = { "a", "b" };
	static const char *const names[] = { "X-A", "x-b", "X-V", "x-w", "Cookie" };
	static const char *const none[LINES] = { NULL };
	static const struct cache_key_conf conf = { .scheme = true,
						    .host = true,
						    .method = true,
						    .headers = headers,
						    .n_headers = 2,
						    .cookies = cookies,
						    .n_cookies = 2 };
	struct cache_key base, key;
	struct http_head request =
		request_of(rng_below(rng, 2) ? "http" : "https", rng_below(rng, 2) ? "h" : "h:81",
			   arena_printf(&arena, "/%s%s", odd_one(rng), odd_one(rng)), none);

	request.method_text = span_str(rng_below(rng, 2) ? "GET" : "HEAD");
	for (uint64_t n = rng_below(rng, 4); n; n--) {
		const char *name = names[rng_below(rng, ARRAY_LEN(names))];
		assert_int_equal(
			http_head_add_other(&request, span_str(name), span_str(odd_one(rng))), 0);
	}
	base = key_of(&conf, &request);
	struct span vary = span_str(rng_below(rng, 2) ? "x-v,x-w" : "x-v");
	assert_int_equal(cache_key_vary(&base, vary, &request, &arena, &key), 0);
	buf_empty(out);
	part_note(out, request.scheme);
	part_note(out, request.authority);
	part_note(out, request.target);
	part_note(out, request.method_text);
	list_note(out, &request, "x-a");
	list_note(out, &request, "x-b");
	cookies_note(out, &request, "a");
	cookies_note(out, &request, "b");
	list_note(out, &request, "x-v");
	if (vary.len > 3)
		list_note(out, &request, "x-w");
	return (struct sample){ arena_copy(&arena, key.text), arena_copy(&arena, buf_span(out)) };
}

static void two_requests_make_the_same_key_if_and_only_if_they_mean_the_same(void **state)
{
	enum { SAMPLES = 1500 };
	static struct sample samples[SAMPLES];
	struct buf out;
	struct rng rng;
	size_t n_same = 0;

	(void)state;
	arena_fini(&arena);
	arena_init(&arena, 64 << 20);
	buf_init(&out, 4096);
	rng_seed(&rng, 4);
	for (size_t i = 0; i < SAMPLES; i++) {
		samples[i] = sample_make(&rng, &out);
		for (size_t j = 0; j < i; j++) {
			bool same_key = span_eq(samples[i].key, samples[j].key);
			n_same += same_key;
			if (same_key != span_eq(samples[i].meaning, samples[j].meaning))
				fail_msg("\"%.*s\": \"%.*s\", \"%.*s\"", SPAN_FMT(samples[i].key),
					 SPAN_FMT(samples[i].meaning),
					 SPAN_FMT(samples[j].meaning));
		}
	}
	assert_true(n_same > 0); /* else nothing was compared */
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_url_has_its_scheme_host_and_port_as_the_rules_say,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_of_ipv6_keeps_its_colons, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_counts_of_a_query_is_in_the_key_and_reaches_the_origin, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_fields_and_cookies_that_are_named_count, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			the_names_that_responses_vary_by_are_each_once_and_in_order, setup,
			teardown),
		cmocka_unit_test_setup_teardown(more_names_than_anybody_sends_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_variant_is_told_by_what_it_varies_by, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_list_of_very_many_members_keeps_its_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(without_room_it_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(
			two_requests_make_the_same_key_if_and_only_if_they_mean_the_same, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
