/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/chain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/chain.h"

#include <string.h>

#include "core/obj.h"

static int make_slab(void **state)
{
	return slab_new(64, (struct slab **)state);
}

static int free_slab(void **state)
{
	slab_free(*state); /* checks that no block is out */
	return 0;
}

static struct block *filled_block(struct slab *slab, const char *text)
{
	struct block *block = slab_take(slab);

	assert_non_null(block);
	block->len = (uint32_t)strlen(text);
	memcpy(block->bytes, text, block->len);
	return block;
}

/* Adds the text as a block of its own. */
static void push_text(struct chain *chain, struct slab *slab, const char *text)
{
	struct block *block = filled_block(slab, text);

	chain_push_block(chain, block, 0, block->len);
	block_unref(block);
}

static const char *chain_text(const struct chain *chain)
{
	static char text[4096];
	struct iovec iov[CHAIN_SLICES];
	size_t len = 0;
	int n = chain_iov(chain, iov, CHAIN_SLICES);

	for (int i = 0; i < n; i++) {
		memcpy(text + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	text[len] = 0;
	assert_int_equal(len, chain->bytes);
	return text;
}

static void slab_has_a_limit_and_reuses_blocks(void **state)
{
	struct slab *slab = NULL;

	(void)state;
	assert_int_equal(slab_new(2, &slab), 0);
	struct block *a = slab_take(slab), *b = slab_take(slab);
	assert_non_null(a);
	assert_non_null(b);
	assert_null(slab_take(slab));
	assert_int_equal(slab_n_out(slab), 2);
	block_unref(a);
	assert_int_equal(slab_n_out(slab), 1);
	assert_ptr_equal(slab_take(slab), a);
	assert_int_equal(a->len, 0);
	block_unref(a);
	block_unref(b);
	slab_free(slab);
	slab_free(NULL);
}

static void chain_keeps_its_blocks_alive(void **state)
{
	struct slab *slab = *state;
	struct chain chain = { 0 };

	push_text(&chain, slab, "hello ");
	push_text(&chain, slab, "world");
	assert_string_equal(chain_text(&chain), "hello world");
	assert_true(span_eq(chain_front(&chain), SPAN_LIT("hello ")));
	assert_int_equal(slab_n_out(slab), 2);
	chain_drop(&chain, 6);
	assert_int_equal(slab_n_out(slab), 1);
	chain_drop(&chain, 2);
	assert_string_equal(chain_text(&chain), "rld");
	chain_clear(&chain);
	assert_true(chain_empty(&chain));
	assert_int_equal(chain_front(&chain).len, 0);
	assert_int_equal(slab_n_out(slab), 0);
}

static void adjacent_bytes_of_one_block_become_one_slice(void **state)
{
	struct slab *slab = *state;
	struct chain chain = { 0 };
	struct block *block = filled_block(slab, "abcdef");

	chain_push_block(&chain, block, 0, 2);
	chain_push_block(&chain, block, 2, 2);
	assert_int_equal(chain.n, 1);
	chain_push_block(&chain, block, 5, 1);
	assert_int_equal(chain.n, 2);
	assert_string_equal(chain_text(&chain), "abcdf");
	block_unref(block);
	chain_clear(&chain);
}

static void empty_slice_leaves_no_trace(void **state)
{
	struct slab *slab = *state;
	struct chain chain = { 0 };
	struct block *block = filled_block(slab, "");

	chain_push_block(&chain, block, 0, 0);
	assert_true(chain_empty(&chain));
	block_unref(block);
	assert_int_equal(slab_n_out(slab), 0);
}

static void moving_splits_a_slice_where_it_must(void **state)
{
	struct slab *slab = *state;
	struct chain from = { 0 }, to = { 0 };

	push_text(&from, slab, "abcd");
	push_text(&from, slab, "efgh");
	assert_int_equal(chain_move(&to, &from, 6), 6);
	assert_string_equal(chain_text(&to), "abcdef");
	assert_string_equal(chain_text(&from), "gh");
	assert_int_equal(chain_move(&to, &from, SIZE_MAX), 2);
	assert_string_equal(chain_text(&to), "abcdefgh");
	assert_int_equal(to.n, 2); /* the split halves met again */
	assert_true(chain_empty(&from));
	assert_int_equal(chain_move(&to, &from, 5), 0);
	chain_clear(&to);
}

static void full_chain_takes_no_more(void **state)
{
	struct slab *slab = *state;
	struct chain from = { 0 }, to = { 0 };

	for (int i = 0; i < CHAIN_SLICES; i++) {
		assert_false(chain_full(&to));
		push_text(&to, slab, "x");
	}
	assert_true(chain_full(&to));
	push_text(&from, slab, "y");
	assert_int_equal(chain_move(&to, &from, 10), 0);
	chain_drop(&to, 1);
	assert_int_equal(chain_move(&to, &from, 10), 1); /* round the ring's end */
	assert_string_equal(chain_text(&to), "xxxxxxxxxxxxxxxy");
	struct iovec iov[3];
	assert_int_equal(chain_iov(&to, iov, 3), 3);
	chain_clear(&to);
}

struct shared_body {
	struct slice_owner owner;
	bool is_released;
};

static void release_shared(struct slice_owner *owner)
{
	CONTAINER_OF(owner, struct shared_body, owner)->is_released = true;
}

static void shared_owner_and_static_bytes_travel_too(void **state)
{
	static const char bytes[] = "static";
	struct shared_body body = { .owner = { 1, true, release_shared } };
	struct chain a = { 0 }, b = { 0 };

	(void)state;
	chain_push(&a, (struct slice){ (const uint8_t *)bytes, 6, NULL });
	slice_owner_ref(&body.owner);
	chain_push(&a, (struct slice){ (const uint8_t *)"shared", 6, &body.owner });
	slice_owner_unref(&body.owner);
	assert_int_equal(chain_move(&b, &a, 9), 9);
	assert_string_equal(chain_text(&b), "staticsha");
	chain_clear(&a);
	assert_false(body.is_released);
	chain_clear(&b);
	assert_true(body.is_released);
	slice_owner_ref(NULL);
	slice_owner_unref(NULL);
}

static void squeezed_chain_holds_the_same_in_fewer_blocks(void **state)
{
	struct slab *slab = *state;
	struct chain chain = { 0 };

	for (int i = 0; i < 6; i++)
		push_text(&chain, slab, "crumb ");
	assert_int_equal(slab_n_out(slab), 6);
	assert_true(chain_squeeze(&chain, slab));
	assert_int_equal(chain.n, 1);
	assert_int_equal(slab_n_out(slab), 1);
	assert_string_equal(chain_text(&chain), "crumb crumb crumb crumb crumb crumb ");
	chain_clear(&chain);
}

#define SLAB_TEST(test) cmocka_unit_test_setup_teardown(test, make_slab, free_slab)

static void last_eighth_of_a_slab_is_scarce(void **state)
{
	struct block *blocks[16];
	struct slab *slab;

	(void)state;
	assert_int_equal(slab_new(16, &slab), 0);
	for (size_t i = 0; i < 16; i++) {
		assert_int_equal(slab_is_scarce(slab), i >= 14);
		blocks[i] = slab_take(slab);
		assert_non_null(blocks[i]);
	}
	for (size_t i = 0; i < 16; i++)
		block_unref(blocks[i]);
	assert_false(slab_is_scarce(slab));
	slab_free(slab);
}

static void slab_that_ran_short_is_so_until_half_is_free(void **state)
{
	struct block *blocks[16];
	struct slab *slab;

	(void)state;
	assert_int_equal(slab_new(16, &slab), 0);
	for (size_t i = 0; i < 16; i++) {
		assert_int_equal(slab_ran_short(slab), i >= 14);
		assert_int_equal(slab_is_tight(slab), i >= 8);
		assert_true(slab_has_block(slab));
		blocks[i] = slab_take(slab);
	}
	assert_false(slab_has_block(slab));
	for (size_t i = 0; i < 16; i++) {
		assert_int_equal(slab_ran_short(slab), i <= 8);
		block_unref(blocks[i]);
	}
	slab_free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_eighth_of_a_slab_is_scarce),
		cmocka_unit_test(slab_that_ran_short_is_so_until_half_is_free),
		cmocka_unit_test(slab_has_a_limit_and_reuses_blocks),
		SLAB_TEST(chain_keeps_its_blocks_alive),
		SLAB_TEST(adjacent_bytes_of_one_block_become_one_slice),
		SLAB_TEST(empty_slice_leaves_no_trace),
		SLAB_TEST(moving_splits_a_slice_where_it_must),
		SLAB_TEST(full_chain_takes_no_more),
		SLAB_TEST(squeezed_chain_holds_the_same_in_fewer_blocks),
		cmocka_unit_test(shared_owner_and_static_bytes_travel_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
