/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/geo/prefix_tree.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>

#include "core/rng.h"

/* A tree over 32-bit keys in which value v stands at every address whose first `depth` bits are v.
 */
static prefix_part complete(struct prefix_tree *tree, unsigned depth, uint32_t value)
{
	prefix_part zero, one, whole;

	if (depth == 0)
		return prefix_tree_leaf(value);
	zero = complete(tree, depth - 1, value << 1);
	one = complete(tree, depth - 1, value << 1 | 1);
	assert_int_equal(prefix_tree_join(tree, zero, one, &whole), 0);
	return whole;
}

static struct prefix_match match32(const struct prefix_tree *tree, uint32_t key)
{
	uint8_t bytes[4] = { (uint8_t)(key >> 24), (uint8_t)(key >> 16), (uint8_t)(key >> 8),
			     (uint8_t)key };

	return prefix_tree_match(tree, bytes, 32);
}

static void a_match_gives_the_value_and_the_depth_of_its_leaf(void **state)
{
	(void)state;
	struct prefix_tree *tree;
	assert_int_equal(prefix_tree_new(1 << 20, &tree), 0);
	prefix_part deep = complete(tree, 10, 0), root = deep;
	/* Below 0.0.0.0/10 lies the complete tree; everything beside it is 5000 + its depth. */
	for (unsigned depth = 10; depth > 0; depth--)
		assert_int_equal(
			prefix_tree_join(tree, root, prefix_tree_leaf(5000 + depth), &root), 0);
	assert_int_equal(prefix_tree_finish(tree, root), 0);

	struct prefix_match found = match32(tree, 0x80000000u);
	assert_int_equal(found.value, 5001);
	assert_int_equal(found.depth, 1);
	found = match32(tree, 0x00400000u);
	assert_int_equal(found.value, 5010);
	assert_int_equal(found.depth, 10);
	found = match32(tree, 0x003ff000u);
	assert_int_equal(found.value, 1023);
	assert_int_equal(found.depth, 20);
	found = match32(tree, 0x00000fffu);
	assert_int_equal(found.value, 0);
	prefix_tree_free(tree);
}

static void equal_neighbours_are_one_leaf(void **state)
{
	(void)state;
	struct prefix_tree *tree;
	prefix_part root = prefix_tree_leaf(7);
	assert_int_equal(prefix_tree_new(1 << 20, &tree), 0);
	for (int i = 0; i < 32; i++)
		assert_int_equal(prefix_tree_join(tree, root, root, &root), 0);
	assert_int_equal(prefix_tree_finish(tree, root), 0);
	assert_int_equal(prefix_tree_n_nodes(tree), 0);
	struct prefix_match found = match32(tree, 0xdeadbeef);
	assert_int_equal(found.value, 7);
	assert_int_equal(found.depth, 0);
	prefix_tree_free(tree);
}

static void every_address_inside_the_depth_has_the_same_value(void **state)
{
	(void)state;
	struct prefix_tree *tree;
	struct rng rng;
	rng_seed(&rng, 20261123);
	assert_int_equal(prefix_tree_new(1 << 20, &tree), 0);
	prefix_part root = complete(tree, 12, 0);
	for (unsigned depth = 0; depth < 12; depth++) {
		prefix_part leaf = prefix_tree_leaf((uint32_t)rng_below(&rng, 3));
		if (rng_below(&rng, 2))
			assert_int_equal(prefix_tree_join(tree, leaf, root, &root), 0);
		else
			assert_int_equal(prefix_tree_join(tree, root, leaf, &root), 0);
	}
	assert_int_equal(prefix_tree_finish(tree, root), 0);
	for (int i = 0; i < 100000; i++) {
		uint32_t key = (uint32_t)rng_u64(&rng);
		struct prefix_match found = match32(tree, key);
		uint32_t mask = found.depth ? UINT32_MAX << (32 - found.depth) : 0;
		uint32_t near = (key & mask) | ((uint32_t)rng_u64(&rng) & ~mask);
		struct prefix_match other = match32(tree, near);
		assert_int_equal(found.value, other.value);
		assert_int_equal(found.depth, other.depth);
	}
	prefix_tree_free(tree);
}

static void a_full_tree_says_no(void **state)
{
	(void)state;
	struct prefix_tree *tree;
	prefix_part part;
	assert_int_equal(prefix_tree_new(1, &tree), 0);
	assert_int_equal(prefix_tree_join(tree, prefix_tree_leaf(1), prefix_tree_leaf(2), &part),
			 0);
	assert_int_equal(prefix_tree_join(tree, part, prefix_tree_leaf(2), &part), -ENOBUFS);
	prefix_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_match_gives_the_value_and_the_depth_of_its_leaf),
		cmocka_unit_test(equal_neighbours_are_one_leaf),
		cmocka_unit_test(every_address_inside_the_depth_has_the_same_value),
		cmocka_unit_test(a_full_tree_says_no),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
