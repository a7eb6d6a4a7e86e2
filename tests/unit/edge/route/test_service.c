/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/route/service: which service a host belongs to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/obj.h"
#include "edge/route/service.h"

static const struct route_pools no_pools = { .n = 0 };
static struct route_conf root = { .path = { "/" }, .respond = { true, 200, "", "" } };

struct row {
	const char *host, *service; /* NULL: none */
};

static void rows_check(const struct service_conf *confs, size_t n_confs, const struct row *rows,
		       size_t n_rows)
{
	struct service_map *map;

	assert_int_equal(service_map_new(confs, n_confs, &no_pools, &map), 0);
	for (size_t i = 0; i < n_rows; i++) {
		const struct service *service = service_find(map, span_str(rows[i].host));
		if (!rows[i].service) {
			assert_null(service);
			continue;
		}
		assert_non_null(service);
		assert_string_equal(service->conf->name, rows[i].service);
	}
	service_map_free(map);
}

static void exact_wins_over_wildcard_and_longer_over_shorter(void **state)
{
	const char *exact[] = { "WWW.example.com", "192.0.2.1", "[2001:db8::1]" };
	const char *near[] = { "*.api.example.com" };
	const char *far[] = { "*.example.com" };
	const struct service_conf confs[] = {
		{ .name = "far", .hosts = far, .n_hosts = 1, .routes = &root, .n_routes = 1 },
		{ .name = "near", .hosts = near, .n_hosts = 1, .routes = &root, .n_routes = 1 },
		{ .name = "exact", .hosts = exact, .n_hosts = 3, .routes = &root, .n_routes = 1 },
	};
	static const struct row rows[] = {
		{ "www.example.com", "exact" },
		{ "192.0.2.1", "exact" },
		{ "[2001:db8::1]", "exact" },
		{ "a.example.com", "far" },
		{ "a.b.example.com", "far" },
		{ "a.api.example.com", "near" },
		{ "api.example.com", "far" },
		{ "example.com", NULL },
		{ ".example.com", NULL },
		{ "example.org", NULL },
		{ "", NULL },
	};

	(void)state;
	rows_check(confs, ARRAY_LEN(confs), rows, ARRAY_LEN(rows));
}

static void star_takes_what_is_left(void **state)
{
	const char *one[] = { "one.example" };
	const char *rest[] = { "*" };
	const struct service_conf confs[] = {
		{ .name = "rest", .hosts = rest, .n_hosts = 1, .routes = &root, .n_routes = 1 },
		{ .name = "one", .hosts = one, .n_hosts = 1, .routes = &root, .n_routes = 1 },
	};
	static const struct row rows[] = {
		{ "one.example", "one" },
		{ "two.example", "rest" },
		{ "", "rest" },
	};

	(void)state;
	rows_check(confs, ARRAY_LEN(confs), rows, ARRAY_LEN(rows));
}

static void endless_host_is_nobodys(void **state)
{
	const char *hosts[] = { "*.example" };
	const struct service_conf conf = {
		.name = "s", .hosts = hosts, .n_hosts = 1, .routes = &root, .n_routes = 1
	};
	struct service_map *map;
	char host[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(host); i++)
		host[i] = i % 2 ? '.' : 'a';
	assert_int_equal(service_map_new(&conf, 1, &no_pools, &map), 0);
	assert_null(service_find(map, span_of(host, sizeof(host))));
	service_map_free(map);
	service_map_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_wins_over_wildcard_and_longer_over_shorter),
		cmocka_unit_test(star_takes_what_is_left),
		cmocka_unit_test(endless_host_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
