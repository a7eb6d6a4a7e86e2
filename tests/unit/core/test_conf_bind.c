/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/conf_bind: the tree becomes structs, and what does not fit is said at its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/core/conf_sample.h"

static struct conf *conf;
static struct sample_root *root;

static void read_text(const char *text)
{
	void *at = NULL;

	assert_int_equal(conf_read_text(span_str(text), "x.yaml", &sample_section, &conf, &at), 0);
	root = at;
}

static int teardown(void **state)
{
	(void)state;
	conf_free(conf);
	conf = NULL;
	return 0;
}

static void all_types_are_bound(void **state)
{
	char text[ADDR_TEXT_MAX];

	(void)state;
	read_text("name: eu-1\n"
		  "is_on: No\n"
		  "n_workers: \"16\"\n"
		  "rate: 30/m\n"
		  "listen: '[::1]:443'\n"
		  "ip: 192.0.2.7\n"
		  "network: 2001:db8::/32\n"
		  "join: gtm-1.example.net:7946\n"
		  "limits: {body: 16KiB, rate: 2/s, share: 0.25}\n"
		  "hosts: [a.example, b.example]\n"
		  "trusted: [10.0.0.0/8]\n"
		  "ports: [1, 2, 3]\n"
		  "pools:\n"
		  "  - name: app\n"
		  "    balance: least_connections\n"
		  "    timeout: 250ms\n"
		  "    origins:\n"
		  "      - {address: 'app-1:80', weight: 3}\n"
		  "      - address: 192.0.2.1:80\n");
	assert_int_equal(conf_n_errors(conf), 0);
	assert_string_equal(root->name, "eu-1");
	assert_false(root->is_on);
	assert_int_equal(root->n_workers, 16);
	assert_true(root->rate_set && root->rate == 0.5);
	assert_string_equal(addr_text(&root->listen, text), "[::1]:443");
	assert_string_equal(addr_ip_text(&root->ip, text), "192.0.2.7");
	assert_string_equal(prefix_text(&root->network, text), "2001:db8::/32");
	assert_string_equal(root->join, "gtm-1.example.net:7946");
	assert_int_equal(root->limits.body_bytes, 16384);
	assert_true(root->limits.rate_per_s == 2 && root->limits.share == 0.25);
	assert_int_equal(root->n_hosts, 2);
	assert_string_equal(root->hosts[1], "b.example");
	assert_int_equal(root->n_trusted, 1);
	assert_string_equal(prefix_text(&root->trusted[0], text), "10.0.0.0/8");
	assert_int_equal(root->n_ports, 3);
	assert_int_equal(root->ports[2], 3);
	assert_int_equal(root->n_pools, 1);
	assert_int_equal(root->pools[0].balance, SAMPLE_LEAST_CONNECTIONS);
	assert_int_equal(root->pools[0].timeout_ms, 250);
	assert_int_equal(root->pools[0].n_origins, 2);
	assert_int_equal(root->pools[0].origins[0].weight, 3);
	assert_int_equal(root->pools[0].origins[1].weight, 1);
	assert_false(root->tls.set);
}

static void defaults_hold_in_sections_that_are_not_there(void **state)
{
	(void)state;
	read_text("name: a\n");
	assert_int_equal(conf_n_errors(conf), 0);
	assert_true(root->is_on);
	assert_int_equal(root->n_workers, 4);
	assert_int_equal(root->limits.body_bytes, 1 << 20);
	assert_true(root->limits.rate_per_s == 100);
	assert_int_equal(root->tls.lifetime_ms, 3600000);
	assert_false(root->tls.set);
	assert_false(root->rate_set);
	assert_null(root->pools);
}

static void map_takes_names_of_the_users_choosing(void **state)
{
	char text[IP_TEXT_MAX];

	(void)state;
	read_text("name: a\n"
		  "fallback:\n"
		  "  api.example.com: [203.0.113.10, '2001:db8::1']\n"
		  "  b.example.com: []\n"
		  "valid: {200: 60m, \"404\": 0}\n");
	assert_int_equal(conf_n_errors(conf), 0);
	assert_int_equal(root->n_fallback, 2);
	assert_string_equal(root->fallback[0].name, "api.example.com");
	assert_int_equal(root->fallback[0].n_addresses, 2);
	assert_string_equal(addr_ip_text(&root->fallback[0].addresses[1], text), "2001:db8::1");
	assert_int_equal(root->fallback[1].n_addresses, 0);
	assert_int_equal(root->n_valid, 2);
	assert_string_equal(root->valid[0].status, "200");
	assert_int_equal(root->valid[0].ttl_ms, 3600000);
	assert_int_equal(root->valid[1].ttl_ms, 0);
}

struct fault_case {
	const char *text;
	unsigned line, column;
	const char *error;
};

static void what_does_not_fit_is_said_at_its_place(void **state)
{
	static const struct fault_case cases[] = {
		{ "{name: a, pools: [{name: x, origins: [], timeout: 30 parsecs}]}", 1, 51,
		  "expected a duration such as 30s, found \"30 parsecs\"" },
		{ "name: a\npools:\n- name: x\n  origins: []\n  timeout: 5ms", 5, 12,
		  "expected a duration: 10ms to 1m, found \"5ms\"" },
		{ "name: a\nn_workers: 1000", 2, 12,
		  "expected a whole number: 1 to 256, found \"1000\"" },
		{ "name: a\nn_workers: -1", 2, 12,
		  "expected a whole number: 1 to 256, found \"-1\"" },
		{ "name: a\nn_workers:", 2, 11,
		  "expected a whole number: 1 to 256, found nothing" },
		{ "name: a\nlimits: {body: 1}", 2, 16,
		  "expected a size: at least 1KiB, found \"1\"" },
		{ "name: a\nlimits: {share: 1.5}", 2, 17,
		  "expected a number: 0 to 1, found \"1.5\"" },
		{ "name: a\nlimits: {rate: 0/s}", 2, 16,
		  "expected a rate: 0.1/s to 1000/s, found \"0/s\"" },
		{ "name: [a]", 1, 7, "expected text, found a list" },
		{ "name: ~", 1, 7, "expected text, found nothing" },
		{ "name: {a: b}", 1, 7, "expected text, found a section of keys and values" },
		{ "name: \"a\\0b\"", 1, 7, "the text holds a zero byte" },
		{ "name: a\nis_on: maybe", 2, 8, "expected yes or no, found \"maybe\"" },
		{ "name: a\nlimits: [1]", 2, 1,
		  "expected a section of keys and values, found a list" },
		{ "name: a\nlimits:", 2, 1,
		  "expected a section of keys and values, found nothing" },
		{ "name: a\nhosts: a", 2, 1, "expected a list, found \"a\"" },
		{ "name: a\nhosts: {a: b}", 2, 1,
		  "expected a list, found a section of keys and values" },
		{ "name: a\nfallback: [a]", 2, 1,
		  "expected a section of names and values, found a list" },
		{ "name: a\nfallback:\n  b: 1", 3, 6, "expected a list, found \"1\"" },
		{ "name: a\nfallback:\n  b: [1, 1]", 3, 7,
		  "expected an IP address such as 192.0.2.1 or 2001:db8::1, found \"1\"" },
		{ "name: a\nfallback:\n  b: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, 1.1.1.5]", 3, 3,
		  "expected at most 4 items, found 5" },
		{ "name: a\nvalid:\n  b: {x: y}", 3, 3,
		  "expected a duration such as 30s, found a section of keys and values" },
		{ "name: a\nlisten: 1.2.3.4", 2, 9,
		  "expected an address and port such as 192.0.2.1:443, [::1]:443 or "
		  "unix:/run/x.sock, found \"1.2.3.4\"" },
		{ "name: a\nnetwork: 10.0.0.1/8", 2, 10,
		  "expected a prefix such as 10.0.0.0/8, with no bits set past its length, found "
		  "\"10.0.0.1/8\"" },
		{ "name: a\njoin: host", 2, 7,
		  "expected a host or an address with its port such as app.example.com:8080, found "
		  "\"host\"" },
		{ "name: a\nstate: ''", 2, 8, "expected a path, found \"\"" },
		{ "{name: a, pools: [{name: x, origins: [], balance: least_conections}]}", 1, 51,
		  "expected one of round_robin, least_connections, random, found "
		  "\"least_conections\": did you mean least_connections?" },
		{ "{name: a, pools: [{name: x, origins: [], balance: [random]}]}", 1, 51,
		  "expected one of round_robin, least_connections, random, found a list" },
		{ "name: a\nlimit: {}", 2, 1, "unknown key \"limit\": did you mean \"limits\"?" },
		{ "name: a\nlimits:\n  zzzzzzzz: 1", 3, 3,
		  "unknown key \"zzzzzzzz\": expected one of body, rate, share" },
		{ "name: a\nname: b", 2, 1, "\"name\" is given twice: first on line 1" },
		{ "name: a\nvalid:\n  x: 1s\n  y: 1s\n  x: 2s", 5, 3,
		  "\"x\" is given twice: first on line 3" },
		{ "name: a\n[b]: c", 2, 1, "expected a key" },
		{ "name: a\n'': c", 2, 1, "expected a key" },
		{ "name: a\nvalid: {[]: 1s}", 2, 9, "expected a key" },
		{ "name: a\ntls:\n  lifetime: 1s", 2, 1, "\"certificate\" is missing: PEM" },
		{ "name: a\npools:\n- name: x\n- name: y\n  origins: []", 3, 3,
		  "\"origins\" is missing: servers" },
		{ "[a]", 1, 1, "expected a section of keys and values, found a list" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		read_text(cases[i].text);
		const struct conf_error *error = conf_error_at(conf, 0);
		assert_non_null(error);
		assert_string_equal(error->text, cases[i].error);
		assert_int_equal(error->line, cases[i].line);
		assert_int_equal(error->column, cases[i].column);
		conf_free(conf);
		conf = NULL;
	}
}

static void wrong_value_leaves_the_default(void **state)
{
	(void)state;
	read_text("{name: a, n_workers: many, limits: {body: 1}, ports: [1, x, 3]}");
	assert_int_equal(conf_n_errors(conf), 3);
	assert_int_equal(root->n_workers, 4);
	assert_int_equal(root->limits.body_bytes, 1 << 20);
	assert_int_equal(root->n_ports, 2);
	assert_int_equal(root->ports[1], 3);
}

static void all_errors_are_found_in_the_order_of_lines(void **state)
{
	(void)state;
	read_text("nam: a\n"
		  "pools:\n"
		  "  - name: x\n"
		  "    timeout: soon\n"
		  "    origins:\n"
		  "      - {adress: 'h:1'}\n"
		  "n_workers: 0\n");
	/* name is missing (1), unknown nam (1), timeout (4), adress (6), address is missing (6), 0
	 * (7) */
	assert_int_equal(conf_n_errors(conf), 6);
	for (size_t i = 1; i < conf_n_errors(conf); i++)
		assert_true(conf_error_at(conf, i - 1)->line <= conf_error_at(conf, i)->line);
	assert_int_equal(conf_error_at(conf, 5)->line, 7);
}

static void section_that_is_given_is_marked(void **state)
{
	(void)state;
	read_text("{name: a, tls: {certificate: /x}}");
	assert_int_equal(conf_n_errors(conf), 0);
	assert_true(root->tls.set);
	assert_string_equal(root->tls.certificate, "/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_types_are_bound, teardown),
		cmocka_unit_test_teardown(defaults_hold_in_sections_that_are_not_there, teardown),
		cmocka_unit_test_teardown(map_takes_names_of_the_users_choosing, teardown),
		cmocka_unit_test_teardown(what_does_not_fit_is_said_at_its_place, teardown),
		cmocka_unit_test_teardown(wrong_value_leaves_the_default, teardown),
		cmocka_unit_test_teardown(all_errors_are_found_in_the_order_of_lines, teardown),
		cmocka_unit_test_teardown(section_that_is_given_is_marked, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
