/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/edge_conf: a whole file is read, and has the defaults that the manual states.
 */
#include "edge_test.h"

#include "edge/edge_conf.h"

static const char whole[] =
	"node: {name: eu-west-1a, region: eu-west, addresses: [203.0.113.10]}\n"
	"workers: 2\n"
	"listeners:\n"
	"  - {name: http, address: '127.0.0.1:80'}\n"
	"  - name: https\n"
	"    address: '[::1]:443'\n"
	"    tls: {certificates: [{certificate: a.crt, key: a.key}], min_version: '1.3'}\n"
	"pools:\n"
	"  - name: app\n"
	"    origins: [{address: 'app.internal:8080', weight: 3}, {address: '192.0.2.1:80'}]\n"
	"    health_check: {http: {path: /health, expect: [200, 204]}, interval: 500ms}\n"
	"    tls: {ca: ca.pem, server_name: app.internal}\n"
	"services:\n"
	"  - name: web\n"
	"    hosts: [www.example, '*.www.example']\n"
	"    routes:\n"
	"      - {path: {prefix: /}, proxy: {pool: app}}\n"
	"      - {path: {prefix: /health}, respond: {body: 'ok'}}\n"
	"timeouts: {client_header: 5s}\n"
	"access_log: {format: json}\n"
	"resolver: {servers: ['127.0.0.1:53']}\n";

static struct conf *read_text(const char *text, const struct edge_conf **ret_edge)
{
	struct conf *conf;
	void *root;

	assert_int_equal(
		conf_read_text(span_str(text), "/x/edge.yaml", &edge_section, &conf, &root), 0);
	*ret_edge = root;
	return conf;
}

static void whole_file_is_read(void **state)
{
	const struct edge_conf *edge;
	struct conf *conf = read_text(whole, &edge);

	(void)state;
	assert_int_equal(conf_n_errors(conf), 0);
	assert_int_equal(edge->workers, 2);
	assert_int_equal(edge->n_listeners, 2);
	assert_false(edge->listeners[0].tls.set);
	assert_int_equal(edge->listeners[1].tls.min_version, 0x0304);
	assert_string_equal(edge->listeners[1].tls.certificates[0].key, "/x/a.key");
	assert_int_equal(edge->pools[0].origins[0].weight, 3);
	assert_int_equal(edge->pools[0].health_check.interval_ms, 500);
	assert_int_equal(edge->pools[0].health_check.http.expect[1], 204);
	assert_true(pool_uses_tls(&edge->pools[0]));
	assert_true(edge->services[0].routes[0].proxy.set);
	assert_false(edge->services[0].routes[0].respond.set);
	assert_int_equal(edge->services[0].routes[1].respond.status, 200);
	assert_int_equal(edge->timeouts.client_header_ms, 5000);
	assert_false(edge->cluster.set);
	assert_true(edge->access_log.set);
	conf_free(conf);
}

static void what_is_not_said_has_its_default(void **state)
{
	const struct edge_conf *edge;
	struct conf *conf = read_text(whole, &edge);

	(void)state;
	assert_int_equal(edge->pools[0].connect_timeout_ms, 2000);
	assert_int_equal(edge->pools[0].origins[1].weight, 1);
	assert_int_equal(edge->pools[0].retries, 2);
	assert_int_equal(edge->timeouts.keep_alive_ms, 75000);
	assert_int_equal(edge->timeouts.total_ms, 0);
	assert_int_equal(edge->limits.request_head_bytes, 16384);
	assert_int_equal(edge->forwarded.x_forwarded_for, FORWARD_FOR_APPEND);
	assert_string_equal(edge->forwarded.via, "meridian");
	assert_int_equal(edge->services[0].degraded_below_pct, 50);
	assert_int_equal(edge->resolver.max_ttl_ms, 300000);
	conf_free(conf);
}

static void every_key_has_help(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	conf_print_reference(&edge_section, &text);
	assert_non_null(strstr(buf_text(&text), "first_byte_timeout"));
	assert_non_null(strstr(buf_text(&text), "drain_notice"));
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file_is_read),
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(every_key_has_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
