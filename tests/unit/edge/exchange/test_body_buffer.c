/* SPDX-License-Identifier: Apache-2.0
 *
 * test_body_buffer: what is put in comes out again, in as few blocks as it needs.
 */
#include "edge/exchange/body_buffer.h"

#include "tests/unit/edge/edge_test.h"

static void push(struct chain *chain, const void *at, size_t len)
{
	chain_push(chain, (struct slice){ at, (uint32_t)len, NULL });
}

static void bytes_come_out_as_they_went_in(void **state)
{
	static uint8_t bytes[40 * BLOCK_BYTES + 7];
	struct body_buffer buffer;
	struct chain chain = { 0 };
	struct slab *slab;
	size_t n_out = 0;
	bool last = false;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	assert_int_equal(slab_new(64, &slab), 0);
	body_buffer_init(&buffer, slab, sizeof(bytes));
	for (size_t at = 0; at < sizeof(bytes);) {
		size_t n = at % 1000 + 1;
		n = n < sizeof(bytes) - at ? n : sizeof(bytes) - at;
		push(&chain, bytes + at, n);
		assert_int_equal(body_buffer_take(&buffer, &chain), BODY_BUFFER_OK);
		assert_true(chain_empty(&chain));
		at += n;
	}
	assert_int_equal(slab_n_out(slab), 41);
	while (!last || !chain_empty(&buffer.front)) {
		struct chain *front = body_buffer_give(&buffer, &last);
		struct span part = span_first(chain_front(front), 5000);
		assert_true(part.len > 0);
		assert_memory_equal(part.at, bytes + n_out, part.len);
		n_out += part.len;
		chain_drop(front, part.len);
	}
	assert_int_equal(n_out, sizeof(bytes));
	body_buffer_fini(&buffer);
	assert_int_equal(slab_n_out(slab), 0);
	slab_free(slab);
}

static void more_than_it_may_hold_is_refused(void **state)
{
	struct body_buffer buffer;
	struct chain chain = { 0 };
	struct slab *slab;

	(void)state;
	assert_int_equal(slab_new(4, &slab), 0);
	body_buffer_init(&buffer, slab, 5);
	push(&chain, "abc", 3);
	assert_int_equal(body_buffer_take(&buffer, &chain), BODY_BUFFER_OK);
	push(&chain, "def", 3);
	assert_int_equal(body_buffer_take(&buffer, &chain), BODY_BUFFER_FULL);
	chain_clear(&chain);
	push(&chain, "de", 2);
	assert_int_equal(body_buffer_take(&buffer, &chain), BODY_BUFFER_OK);
	body_buffer_fini(&buffer);
	slab_free(slab);
}

static void without_a_block_it_says_so(void **state)
{
	struct body_buffer buffer;
	struct chain chain = { 0 };
	struct slab *slab;

	(void)state;
	assert_int_equal(slab_new(0, &slab), 0);
	body_buffer_init(&buffer, slab, 100);
	push(&chain, "abc", 3);
	assert_int_equal(body_buffer_take(&buffer, &chain), -ENOMEM);
	chain_clear(&chain);
	body_buffer_fini(&buffer);
	slab_free(slab);
}

static void empty_body_has_one_last_piece(void **state)
{
	struct body_buffer buffer;
	struct slab *slab;
	bool last = false;

	(void)state;
	assert_int_equal(slab_new(1, &slab), 0);
	body_buffer_init(&buffer, slab, 100);
	assert_true(chain_empty(body_buffer_give(&buffer, &last)));
	assert_true(last);
	body_buffer_fini(&buffer);
	slab_free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(more_than_it_may_hold_is_refused),
		cmocka_unit_test(without_a_block_it_says_so),
		cmocka_unit_test(empty_body_has_one_last_piece),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
