/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/outlet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/net/outlet.h"
#include "core/obj.h"

static struct slab *slab;

static int setup(void **state)
{
	(void)state;
	return slab_new(4, &slab);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(slab_n_out(slab), 0);
	slab_free(slab);
	return 0;
}

static void text_and_short_bodies_are_one_slice(void **state)
{
	struct outlet out;
	struct chain body = { 0 };

	(void)state;
	outlet_init(&out, slab);
	outlet_text(&out, SPAN_LIT("head "));
	outlet_text(&out, SPAN_LIT(""));
	chain_push(&body, (struct slice){ (const uint8_t *)"short", 5, NULL });
	outlet_copy(&out, &body, 5);
	outlet_text(&out, SPAN_LIT(" tail"));
	assert_int_equal(out.chain.n, 1);
	assert_true(span_eq(chain_front(&out.chain), SPAN_LIT("head short tail")));
	assert_int_equal(out.n_queued, 15);
	assert_true(chain_empty(&body));
	outlet_fini(&out);
}

static void text_after_a_reference_begins_anew(void **state)
{
	struct outlet out;
	struct chain body = { 0 };

	(void)state;
	outlet_init(&out, slab);
	outlet_text(&out, SPAN_LIT("a"));
	chain_push(&body, (struct slice){ (const uint8_t *)"long", 4, NULL });
	outlet_move(&out, &body, 4);
	outlet_text(&out, SPAN_LIT("b"));
	outlet_text(&out, SPAN_LIT("c"));
	assert_int_equal(out.chain.n, 3);
	assert_int_equal(outlet_bytes(&out), 7);
	outlet_clear(&out);
	outlet_text(&out, SPAN_LIT("d")); /* not behind what was dropped */
	assert_true(span_eq(chain_front(&out.chain), SPAN_LIT("d")));
	outlet_fini(&out);
}

static void long_text_fills_block_after_block(void **state)
{
	static uint8_t text[40000];
	struct outlet out;

	(void)state;
	outlet_init(&out, slab);
	outlet_text(&out, span_of(text, sizeof(text)));
	assert_false(out.failed);
	assert_int_equal(outlet_bytes(&out), sizeof(text));
	assert_int_equal(slab_n_out(slab), 3);
	outlet_fini(&out);
}

static void failure_sticks(void **state)
{
	static uint8_t text[40000];
	struct outlet out;

	(void)state;
	outlet_init(&out, slab);
	outlet_text(&out, span_of(text, sizeof(text)));
	outlet_text(&out, span_of(text, sizeof(text))); /* of four blocks there is one left */
	assert_true(out.failed);
	size_t bytes = outlet_bytes(&out);
	outlet_text(&out, SPAN_LIT("x"));
	assert_null(outlet_room(&out, BLOCK_BYTES));
	assert_int_equal(outlet_bytes(&out), bytes);
	outlet_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_and_short_bodies_are_one_slice, setup,
						teardown),
		cmocka_unit_test_setup_teardown(text_after_a_reference_begins_anew, setup,
						teardown),
		cmocka_unit_test_setup_teardown(long_text_fills_block_after_block, setup, teardown),
		cmocka_unit_test_setup_teardown(failure_sticks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
