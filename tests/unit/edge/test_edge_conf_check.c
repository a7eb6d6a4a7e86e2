/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/edge_conf_check: each mistake is told at its line.
 */
#include "edge_test.h"

#include "edge/edge_conf.h"

enum { FILE_BYTES = 4096 };

/* A file that is right, but for what stands in place of its parts. */
struct parts {
	const char *listeners, *pools, *services, *rest;
};
static const struct parts right = {
	.listeners = "[{name: http, address: '127.0.0.1:80'}]",
	.pools = "[{name: app, origins: [{address: '127.0.0.1:81'}]}]",
	.services = "[{name: web, hosts: [a.example], routes: [{path: {prefix: /}, proxy: {pool: "
		    "app}}]}]",
	.rest = "{}",
};

static struct conf *check(const struct parts *parts)
{
	char text[FILE_BYTES];
	struct conf *conf;
	void *root;

	snprintf(text, sizeof(text),
		 "node: {name: n, region: r}\nlisteners: %s\npools: %s\nservices: %s\nforwarded: "
		 "%s\n",
		 parts->listeners, parts->pools, parts->services, parts->rest);
	assert_int_equal(conf_read_text(span_str(text), "/edge.yaml", &edge_section, &conf, &root),
			 0);
	edge_conf_check(conf, root);
	return conf;
}

static void right_file_has_no_errors(void **state)
{
	struct conf *conf = check(&right);

	(void)state;
	assert_int_equal(conf_n_errors(conf), 0);
	conf_free(conf);
}

static void each_mistake_is_told_at_its_line(void **state)
{
	static const struct {
		struct parts parts; /* NULL: the right one */
		unsigned line;
		const char *word;
	} rows[] = {
		{ { .listeners = "[]" }, 2, "at least one listener" },
		{ { .listeners = "[{name: a, address: '127.0.0.1:80'}, {name: a, address: "
				 "'127.0.0.1:81'}]" },
		  2,
		  "another listener with the name \"a\"" },
		{ { .listeners = "[{name: a, address: '127.0.0.1:80'}, {name: b, address: "
				 "'127.0.0.1:80'}]" },
		  2,
		  "the address 127.0.0.1:80" },
		{ { .listeners = "[{name: a, address: '127.0.0.1:80', tls: {certificates: []}}]" },
		  2,
		  "at least one certificate" },
		{ { .pools = "[{name: app, origins: []}]" }, 3, "at least one origin" },
		{ { .rest = "{request_id_header: 'a b'}" }, 5, "is no name of a field" },
		{ { .rest = "{request_id_header: cookie}" }, 5, "another meaning" },
		{ { .pools = "[{name: app, proxy_protocol: v2, protocol: http2, origins: "
			     "[{address: 'a:1'}]}]" },
		  3,
		  "protocol: http1" },
		{ { .services = "[{name: web, hosts: [a.example], error_pages: [{status: [502]}], "
				"routes: [{path: {prefix: /}, proxy: {pool: app}}]}]" },
		  4,
		  "either \"file\" or \"body\"" },
		{ { .pools = "[{name: app, origins: [{address: 'a:1'}]}, {name: app, origins: "
			     "[{address: 'a:1'}]}]" },
		  3,
		  "another pool with the name \"app\"" },
		{ { .pools =
			    "[{name: app, origins: [{address: 'a:1'}], health_check: {http: {path: "
			    "health}}}]" },
		  3,
		  "begins with \"/\"" },
		{ { .services =
			    "[{name: web, hosts: [a], routes: [{path: {prefix: /}, proxy: {pool: "
			    "ap}}]}]" },
		  4,
		  "unknown pool \"ap\": did you mean \"app\"?" },
		{ { .services =
			    "[{name: web, hosts: ['a:80/'], routes: [{path: {prefix: /}, proxy: "
			    "{pool: app}}]}]" },
		  4,
		  "is no host" },
		{ { .services =
			    "[{name: web, hosts: [A.example, a.example], routes: [{path: {prefix: "
			    "/}, proxy: {pool: app}}]}]" },
		  4,
		  "is served already" },
		{ { .services =
			    "[{name: web, hosts: [], routes: [{path: {prefix: /}, proxy: {pool: "
			    "app}}]}]" },
		  4,
		  "at least one host" },
		{ { .services = "[{name: web, hosts: [a], routes: []}]" },
		  4,
		  "at least one route" },
		{ { .services = "[{name: web, hosts: [a], routes: [{path: {prefix: app}, proxy: "
				"{pool: app}}]}]" },
		  4,
		  "prefix that begins with \"/\"" },
		{ { .services =
			    "[{name: web, hosts: [a], routes: [{path: {prefix: /}, respond: {}}, "
			    "{path: {prefix: /}, respond: {}}]}]" },
		  4,
		  "has the prefix \"/\"" },
		{ { .services = "[{name: web, hosts: [a], routes: [{path: {prefix: /}}]}]" },
		  4,
		  "exactly one of" },
		{ { .services = "[{name: web, hosts: [a], routes: [{path: {prefix: /}, respond: "
				"{status: 204, body: x}}]}]" },
		  4,
		  "no body" },
		{ { .rest = "{via: 'a b'}" }, 5, "no pseudonym" },
		{ { .services = "[{name: web, hosts: [a], routes: [{path: {prefix: /}, respond: "
				"{content_type: \"a\\r\\nEvil: 1\"}}]}]" },
		  4,
		  "the value of a field" },
		{ { .services = "[{name: web, hosts: [a], error_pages: [{status: [502], body: x, "
				"content_type: ' a'}], routes: [{path: {prefix: /}, proxy: {pool: "
				"app}}]}]" },
		  4,
		  "the value of a field" },
		{ { .services = "[{name: web, hosts: [a], routes: [{path: {prefix: \"/a b\"}, "
				"proxy: {pool: app}}]}]" },
		  4,
		  "a prefix as it is sent" },
		{ { .services = "[{name: web, hosts: [a], routes: [{path: {prefix: /}, proxy: "
				"{pool: app, upgrade: [\"x\\r\\ny\"]}}]}]" },
		  4,
		  "a protocol" },
		{ { .services = "[{name: web, hosts: [a], routes: [{path: {prefix: /}, proxy: "
				"{pool: app, upgrade: ['']}}]}]" },
		  4,
		  "a protocol" },
		{ { .pools =
			    "[{name: app, origins: [{address: 'a:1'}], health_check: {http: {path: "
			    "\"/a\\r\\nb\"}}}]" },
		  3,
		  "a path as it is sent" },
		{ { .pools =
			    "[{name: app, origins: [{address: 'a:1'}], health_check: {http: {host: "
			    "\"a\\r\\nb\"}}}]" },
		  3,
		  "a host" },
		{ { .pools = "[{name: app, origins: [{address: 'a:1'}], tls: {server_name: 'a "
			     "b'}}]" },
		  3,
		  "the name of a server" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct parts parts = {
			.listeners = rows[i].parts.listeners ?: right.listeners,
			.pools = rows[i].parts.pools ?: right.pools,
			.services = rows[i].parts.services ?: right.services,
			.rest = rows[i].parts.rest ?: right.rest,
		};
		struct conf *conf = check(&parts);
		const struct conf_error *error = conf_error_at(conf, 0);
		if (conf_n_errors(conf) != 1)
			fail_msg("%s: %zu errors", rows[i].word, conf_n_errors(conf));
		assert_int_equal(error->line, rows[i].line);
		if (!strstr(error->text, rows[i].word))
			fail_msg("\"%s\" does not say \"%s\"", error->text, rows[i].word);
		conf_free(conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_file_has_no_errors),
		cmocka_unit_test(each_mistake_is_told_at_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
