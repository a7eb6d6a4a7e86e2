/* SPDX-License-Identifier: Apache-2.0
 *
 * seeds: addresses and names become addresses; what cannot be resolved does not hold up the rest.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/seeds.h"

struct told {
	struct addr addrs[SEEDS_MAX_ADDRS];
	size_t n;
	unsigned n_times;
};

static void on_seeds(const struct addr *addrs, size_t n, void *arg)
{
	struct told *told = arg;

	memcpy(told->addrs, addrs, n * sizeof(addrs[0]));
	told->n = n;
	told->n_times++;
}

static void names_and_addresses_are_told_once(void **state)
{
	const char *join[] = { "127.0.0.1:7946", "localhost:7947", "[::1]:7946", "127.0.0.1:7946",
			       "bad" };
	struct told told = { .n = 0 };
	bool has_name = false;
	struct loop *loop;
	struct seeds *seeds;

	(void)state;
	assert_int_equal(loop_new("test", &loop), 0);
	assert_int_equal(seeds_new(loop, join, ARRAY_LEN(join), on_seeds, &told, &seeds), 0);
	for (int i = 0; i < 1000 && told.n_times == 0; i++)
		loop_turn(loop, 10);
	assert_int_equal(told.n_times, 1);
	assert_true(told.n >= 3);
	for (size_t i = 0; i < told.n; i++)
		has_name |= addr_port(&told.addrs[i]) == 7947 && addr_is_loopback(&told.addrs[i]);
	assert_true(has_name);
	seeds_free(seeds);
	seeds_free(NULL);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_and_addresses_are_told_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
