/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/edge_purge: what an operator writes becomes the keys of the stores that may hold
 * it.
 */
#include "edge_test.h"

#include "edge/edge_purge.h"

static struct edge_plan *plan_read(void)
{
	static const char text[] =
		"node: {name: n, region: r}\n"
		"listeners: [{name: http, address: '127.0.0.1:80'}]\n"
		"pools: [{name: app, origins: [{address: '127.0.0.1:81'}]}]\n"
		"stores: [{name: one}, {name: two}]\n"
		"services:\n"
		"  - name: web\n"
		"    hosts: [a.example]\n"
		"    routes:\n"
		"      - {path: {prefix: /}, proxy: {pool: app}}\n"
		"      - {path: {prefix: /one/}, proxy: {pool: app}, cache: {store: one}}\n"
		"      - {path: {prefix: /one/q/}, proxy: {pool: app}, cache: {store: one, key: "
		"{query_only: [id]}}}\n"
		"      - {path: {prefix: /two/}, proxy: {pool: app}, cache: {store: two, key: "
		"{scheme: false}}}\n";
	struct edge_plan *plan;
	struct buf errors;
	char path[64];

	edge_test_file(path, text);
	buf_init(&errors, 65536);
	assert_int_equal(edge_plan_read(path, NULL, &errors, &plan), EDGE_PLAN_MADE);
	buf_fini(&errors);
	unlink(path);
	return plan;
}

/* Stores an object under this URL; *ret_key: how it is found. */
static void store(struct cache *cache, const char *url, struct arena *arena)
{
	struct http_head head;
	struct cache_object *object;
	struct cache_writer writer;

	assert_int_equal(http_head_init(&head, arena), 0);
	head.status = 200;
	const struct cache_object_setup setup = {
		.key = span_str(url),
		.url_len = (uint32_t)strlen(url),
		.hash = purge_url_hash(span_str(url)),
		.url_hash = purge_url_hash(span_str(url)),
		.head = &head,
		.has_length = true,
		.life = { .stale_at_s = 1 << 30 },
	};
	assert_int_equal(cache_object_new(&setup, &object), 0);
	cache_writer_init(&writer, object);
	assert_true(cache_writer_end(&writer));
	cache_store(cache, object, 1);
	cache_object_unref(object);
}

static bool is_stored(struct cache *cache, const char *url, struct arena *arena)
{
	struct cache_key key = { .text = span_str(url),
				 .url_len = (uint32_t)strlen(url),
				 .base_len = (uint32_t)strlen(url),
				 .url_hash = purge_url_hash(span_str(url)),
				 .base_hash = purge_url_hash(span_str(url)),
				 .hash = purge_url_hash(span_str(url)) };
	struct http_head request;
	struct cache_found found;

	assert_int_equal(http_head_init(&request, arena), 0);
	assert_int_equal(cache_find(cache, &key, &request, arena, 1, &found), 0);
	bool is = found.object != NULL;
	cache_object_unref(found.object);
	return is;
}

static void urls_become_keys(void **state)
{
	static const struct {
		enum purge_kind kind;
		const char *text;
		unsigned n, store; /* the store that held it */
		const char *gone;  /* NULL: nothing */
	} rows[] = {
		{ PURGE_URL, "https://a.example/one/x", 1, 0, "https://a.example/one/x" },
		{ PURGE_URL, "//a.example/one/x", 2, 0, "http://a.example/one/x" },
		{ PURGE_URL, "https://A.example:443/one/x?y", 1, 0, "https://a.example/one/x?y" },
		{ PURGE_URL, "http://a.example:8080/one/x", 1, 0, "http://a.example:8080/one/x" },
		{ PURGE_URL, "https://a.example/one/q/z?id=1&u=2", 1, 0,
		  "https://a.example/one/q/z?id=1" },
		{ PURGE_URL, "https://a.example/two/x", 1, 1, "//a.example/two/x" },
		{ PURGE_URL, "https://a.example/elsewhere", 0, 0, NULL },
		{ PURGE_PREFIX, "https://a.example/one/", 2, 0, "https://a.example/one/q/z?id=1" },
		{ PURGE_PREFIX, "https://a.example/", 3, 1, "//a.example/two/x" },
		{ PURGE_TAG, "t", 2, 0, NULL },
		{ PURGE_ALL, "1", 2, 1, "//a.example/two/x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct edge_plan *plan = plan_read();
		struct edge_purge purge = { rows[i].kind, false, span_str(rows[i].text) };
		char reterr[EDGE_PURGE_ERROR_MAX];
		struct arena arena;
		unsigned n;
		arena_init(&arena, 1 << 20);
		struct cache *cache = plan->caches[rows[i].store];
		store(cache, "http://a.example/other", &arena);
		if (rows[i].gone)
			store(cache, rows[i].gone, &arena);
		assert_int_equal(edge_purge(plan, &purge, &n, reterr), 0);
		assert_int_equal(n, rows[i].n);
		if (rows[i].gone)
			assert_false(is_stored(cache, rows[i].gone, &arena));
		assert_int_equal(is_stored(cache, "http://a.example/other", &arena),
				 rows[i].kind != PURGE_ALL);
		arena_fini(&arena);
		edge_plan_unref(plan);
	}
}

static void what_is_no_url_is_told(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
		{ "a.example/x", "expected" },
		{ "ftp://a.example/x", "expected" },
		{ "", "expected" },
		{ "/", "expected" },
		{ "https:/a.example/", "expected" },
		{ "https:///x", "no host" },
		{ "https://b.example/x", "no service" },
	};
	struct edge_plan *plan = plan_read();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct edge_purge purge = { PURGE_URL, false, span_str(rows[i].text) };
		char reterr[EDGE_PURGE_ERROR_MAX];
		unsigned n;
		assert_int_equal(edge_purge(plan, &purge, &n, reterr), -EINVAL);
		if (!strstr(reterr, rows[i].word))
			fail_msg("%s: %s", rows[i].text, reterr);
	}
	edge_plan_unref(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_become_keys),
		cmocka_unit_test(what_is_no_url_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
