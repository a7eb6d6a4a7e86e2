/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/geo/geo.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/rng.h"

static const struct geo_place regions[] = { { 53.35, -6.26, true },
					    { 38.95, -77.45, true },
					    { 1.35, 103.82, true } };
static const struct geo_conf bundled = { .database = "deploy/geo/country.mmdb" };

static int load(void **state)
{
	struct geo_ranking *ranking;
	int r = geo_ranking_new(&bundled, regions, 3, &ranking);
	*state = r == 0 ? ranking : NULL;
	return r;
}

static int unload(void **state)
{
	geo_ranking_unref(*state);
	return 0;
}

static struct client_net client(const char *text)
{
	struct addr addr;

	assert_true(addr_parse_ip(span_str(text), &addr));
	return client_net_of_addr(&addr);
}

static void clients_of_three_continents_are_ranked_nearest_first(void **state)
{
	static const struct {
		const char *ip;
		uint8_t order[3];
	} rows[] = {
		{ "193.1.0.1", { 0, 1, 2 } },     { "128.8.0.1", { 1, 0, 2 } },
		{ "165.21.0.1", { 2, 0, 1 } },    { "2001:770::1", { 0, 1, 2 } },
		{ "2620:0:860::1", { 1, 0, 2 } },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client_net net = client(rows[i].ip);
		struct geo_match match = geo_rank(*state, &net);
		assert_non_null(match.order);
		if (memcmp(match.order, rows[i].order, 3) != 0)
			fail_msg("%s: %d %d %d", rows[i].ip, match.order[0], match.order[1],
				 match.order[2]);
		assert_true(match.scope_bits > 0 && match.scope_bits <= (net.is_v4 ? 32 : 128));
	}
}

static void an_address_that_nobody_has_is_unknown(void **state)
{
	struct client_net net = client("10.1.2.3");
	assert_null(geo_rank(*state, &net).order);
	net = client("fd00::1");
	assert_null(geo_rank(*state, &net).order);
}

static void the_scope_is_the_widest_prefix_of_one_order(void **state)
{
	struct rng rng;
	rng_seed(&rng, 7);
	unsigned n_narrowest = 0;
	for (int i = 0; i < 20000; i++) {
		struct client_net net = { .is_v4 = true, .bits = 128 };
		uint32_t key = (uint32_t)rng_u64(&rng);
		memcpy(net.key + 12, &key, 4);
		struct geo_match match = geo_rank(*state, &net);

		struct client_net inside = net; /* the last bit of the scope's outside flipped */
		for (unsigned bit = match.scope_bits; bit < 32; bit++)
			inside.key[12 + bit / 8] ^= (uint8_t)((rng_u64(&rng) & 1) << (7 - bit % 8));
		assert_ptr_equal(geo_rank(*state, &inside).order, match.order);
		if (match.scope_bits == 0)
			continue;
		/* One bit wider would hold another order, or a place that splits further. */
		struct client_net beside = net;
		unsigned last = match.scope_bits - 1;
		beside.key[12 + last / 8] ^= (uint8_t)(1 << (7 - last % 8));
		struct geo_match other = geo_rank(*state, &beside);
		assert_true(other.order != match.order || other.scope_bits > match.scope_bits);
		n_narrowest += match.scope_bits > 8;
	}
	assert_true(n_narrowest > 100);
}

static void the_database_says_the_country_and_the_distance(void **state)
{
	struct client_net net = client("193.1.0.1");
	struct geo_origin origin;
	geo_locate(*state, &net, &origin);
	assert_string_equal(origin.country, "IE");
	assert_true(origin.km[0] < 300 && origin.km[1] > 5000 && origin.km[2] > 10000);
}

static void a_region_without_a_place_comes_last(void **state)
{
	(void)state;
	struct geo_place places[] = { { 0 }, regions[2], regions[0] };
	struct geo_ranking *ranking;
	assert_int_equal(geo_ranking_new(&bundled, places, 3, &ranking), 0);
	struct client_net net = client("193.1.0.1");
	assert_memory_equal(geo_rank(ranking, &net).order, "\2\1\0", 3);
	geo_ranking_unref(ranking);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	(void)state;
	struct geo_ranking *ranking;
	struct geo_conf missing = { .database = "/nonexistent/geo.mmdb" };
	struct geo_conf wrong = { .database = "CMakeLists.txt" };
	assert_int_equal(geo_ranking_new(&missing, regions, 3, &ranking), -ENOENT);
	assert_int_equal(geo_ranking_new(&wrong, regions, 3, &ranking), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_of_three_continents_are_ranked_nearest_first),
		cmocka_unit_test(an_address_that_nobody_has_is_unknown),
		cmocka_unit_test(the_scope_is_the_widest_prefix_of_one_order),
		cmocka_unit_test(the_database_says_the_country_and_the_distance),
		cmocka_unit_test(a_region_without_a_place_comes_last),
		cmocka_unit_test(a_file_that_is_no_database_is_refused),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
