/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/route/route: which prefix wins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/route/route.h"

static const char *const pool_names[] = { "app", "files" };
static const struct route_pools pools = { .names = pool_names, .n = ARRAY_LEN(pool_names) };

static struct route_conf proxy(const char *prefix, const char *pool)
{
	return (struct route_conf){ .path = { prefix }, .proxy = { .set = true, .pool = pool } };
}

static void longest_prefix_wins_whatever_the_order(void **state)
{
	const struct route_conf confs[] = {
		proxy("/", "app"),
		proxy("/static/", "files"),
		proxy("/static/app/", "app"),
		{ .path = { "/health" }, .respond = { true, 200, "ok\n", "text/plain" } },
	};
	static const struct {
		const char *path, *prefix;
	} rows[] = {
		{ "/", "/" },
		{ "/x", "/" },
		{ "/static", "/" },
		{ "/static/", "/static/" },
		{ "/static/a", "/static/" },
		{ "/static/app/a", "/static/app/" },
		{ "/healthy", "/health" },
		{ "/healt", "/" },
	};
	struct route_table table;

	(void)state;
	assert_int_equal(route_table_init(&table, confs, ARRAY_LEN(confs), &pools), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct route *route = route_find(&table, span_str(rows[i].path));
		assert_non_null(route);
		assert_string_equal(route->conf->path.prefix, rows[i].prefix);
	}
	assert_int_equal(route_find(&table, SPAN_LIT("/static/"))->pool, 1);
	assert_int_equal(route_find(&table, SPAN_LIT("/health"))->action, ROUTE_RESPOND);
	route_table_fini(&table);
}

static void path_that_no_prefix_fits_has_no_route(void **state)
{
	const struct route_conf confs[] = { proxy("/app", "app") };
	struct route_table table;

	(void)state;
	assert_int_equal(route_table_init(&table, confs, 1, &pools), 0);
	assert_null(route_find(&table, SPAN_LIT("/")));
	assert_null(route_find(&table, SPAN_LIT("/ap")));
	assert_null(route_find(&table, SPAN_NONE));
	route_table_fini(&table);
	route_table_fini(&table);
}

static void pool_that_is_not_there_is_refused(void **state)
{
	const struct route_conf confs[] = { proxy("/", "nowhere") };
	struct route_table table;

	(void)state;
	assert_int_equal(route_table_init(&table, confs, 1, &pools), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_prefix_wins_whatever_the_order),
		cmocka_unit_test(path_that_no_prefix_fits_has_no_route),
		cmocka_unit_test(pool_that_is_not_there_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
