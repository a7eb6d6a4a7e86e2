/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/resolve: names in parts, times to live, and what is known.
 */
#include "../edge_test.h"

#include "core/error.h"
#include "edge/origin/resolve.h"

static void server_is_split_into_host_and_port(void **state)
{
	static const struct {
		const char *server, *host; /* host NULL: none */
		uint16_t port;
	} rows[] = {
		{ "a.example:80", "a.example", 80 },
		{ "192.0.2.1:8080", "192.0.2.1", 8080 },
		{ "[2001:db8::1]:443", "2001:db8::1", 443 },
		{ "a.example", NULL, 0 },
		{ ":80", NULL, 0 },
		{ "a:", NULL, 0 },
		{ "a:0", NULL, 0 },
		{ "a:65536", NULL, 0 },
		{ "a:8o", NULL, 0 },
		{ "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span host;
		uint16_t port;
		bool ok = resolve_split(span_str(rows[i].server), &host, &port);
		assert_int_equal(ok, rows[i].host != NULL);
		if (!ok)
			continue;
		assert_true(span_eq(host, span_str(rows[i].host)));
		assert_int_equal(port, rows[i].port);
	}
}

static void ttl_is_kept_within_bounds(void **state)
{
	(void)state;
	assert_int_equal(resolve_ttl_ms(0, 300000), 1000);
	assert_int_equal(resolve_ttl_ms(30, 300000), 30000);
	assert_int_equal(resolve_ttl_ms(86400, 300000), 300000);
	assert_int_equal(resolve_ttl_ms(UINT32_MAX, 300000), 300000);
}

static void count(void *arg)
{
	(*(unsigned *)arg)++;
}

static void address_is_itself_with_its_port(void **state)
{
	struct loop *loop;
	struct resolver *resolver;
	struct resolve *resolve;
	unsigned n_changes = 0;
	size_t n;
	char text[ADDR_TEXT_MAX];
	const struct resolver_conf conf = { 0 };

	(void)state;
	assert_int_equal(loop_new("test", &loop), 0);
	assert_int_equal(resolver_new(loop, &conf, &resolver), 0);
	const struct resolve_setup setup = { .loop = loop,
					     .resolver = resolver,
					     .server = "127.0.0.9:81",
					     .max_ttl_ms = 1000,
					     .on_change = count,
					     .arg = &n_changes };
	assert_int_equal(resolve_start(&setup, &resolve), 0);
	assert_false(resolve_answered(resolve));
	EDGE_LOOP_UNTIL(loop, n_changes == 1);
	assert_true(resolve_answered(resolve));
	assert_string_equal(addr_text(&resolve_addrs(resolve, &n)[0], text), "127.0.0.9:81");
	assert_int_equal(n, 1);
	resolver_free(resolver);
	resolve_free(resolve);
	loop_free(loop);
}

static void failure_leaves_what_was_known(void **state)
{
	struct loop *loop;
	struct resolver *resolver;
	struct resolve *resolve;
	unsigned n_changes = 0;
	size_t n;
	struct addr nobody, known;
	int fd = edge_test_listen(&nobody); /* TCP alone: no name server answers there */
	char servers[ADDR_TEXT_MAX];
	const struct resolver_conf conf = { .servers = addr_text(&nobody, servers),
					    .timeout_ms = 50,
					    .tries = 1 };

	(void)state;
	assert_true(addr_parse(SPAN_LIT("192.0.2.7:80"), &known));
	assert_int_equal(loop_new("test", &loop), 0);
	assert_int_equal(resolver_new(loop, &conf, &resolver), 0);
	const struct resolve_setup setup = { .loop = loop,
					     .resolver = resolver,
					     .server = "origin.test:80",
					     .max_ttl_ms = 1000,
					     .known = &known,
					     .n_known = 1,
					     .on_change = count,
					     .arg = &n_changes };
	assert_int_equal(resolve_start(&setup, &resolve), 0);
	EDGE_LOOP_UNTIL(loop, resolve_answered(resolve));
	assert_true(addr_eq(&resolve_addrs(resolve, &n)[0], &known));
	assert_int_equal(n, 1);
	resolver_free(resolver);
	resolve_free(resolve);
	loop_free(loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_is_split_into_host_and_port),
		cmocka_unit_test(ttl_is_kept_within_bounds),
		cmocka_unit_test(address_is_itself_with_its_port),
		cmocka_unit_test(failure_leaves_what_was_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
