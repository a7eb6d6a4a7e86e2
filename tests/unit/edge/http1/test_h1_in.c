/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_in: reading into a block, and decoding out of it by reference.
 */
#include "edge/http1/h1_in.h"

#include "tests/unit/edge/http1/wire.h"

static void block_is_held_only_while_bytes_are_left(void **state)
{
	struct wire wire;
	struct h1_in in;
	bool more;

	(void)state;
	wire_init(&wire);
	wire_connect(&wire);
	h1_in_init(&in, wire.slab);
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), CONN_BLOCKED);
	assert_int_equal(slab_n_out(wire.slab), 0);
	wire_say(&wire, "abcdef");
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), CONN_OK);
	assert_false(more);
	h1_in_use(&in, 2);
	assert_true(span_eq(h1_in_left(&in), SPAN_LIT("cdef")));
	h1_in_use(&in, 4);
	assert_int_equal(slab_n_out(wire.slab), 0);
	wire_hang_up(&wire);
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), CONN_EOF);
	h1_in_fini(&in);
	conn_close(wire.conn);
	wire_fini(&wire);
}

static void body_is_decoded_as_far_as_the_chain_has_room(void **state)
{
	struct wire wire;
	struct h1_in in;
	bool more;

	(void)state;
	wire_init(&wire);
	wire_connect(&wire);
	h1_in_init(&in, wire.slab);
	h1_body_init(&in.decoder, HTTP_BODY_STREAM, 0);
	for (int i = 0; i < CHAIN_SLICES + 4; i++)
		wire_say(&wire, "1\r\na\r\n");
	wire_say(&wire, "0\r\n\r\nrest");
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), CONN_OK);
	assert_int_equal(h1_in_decode(&in), H1_BODY_MORE);
	assert_int_equal(in.body.bytes, CHAIN_SLICES);
	chain_clear(&in.body);
	assert_int_equal(h1_in_decode(&in), H1_BODY_END);
	assert_int_equal(in.body.bytes, 4);
	assert_true(span_eq(h1_in_left(&in), SPAN_LIT("rest")));
	h1_in_fini(&in);
	assert_int_equal(slab_n_out(wire.slab), 0);
	conn_close(wire.conn);
	wire_fini(&wire);
}

static void what_is_left_moves_to_the_front_when_the_block_is_full(void **state)
{
	struct wire wire;
	struct h1_in in;
	struct slice held;
	bool more;

	(void)state;
	wire_init(&wire);
	wire_connect(&wire);
	h1_in_init(&in, wire.slab);
	struct chain zeros = { 0 };
	wire_push_zeros(wire.slab, &zeros, BLOCK_BYTES);
	wire_send(&wire, chain_front(&zeros));
	chain_clear(&zeros);
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), CONN_OK);
	assert_true(more);
	assert_false(h1_in_has_room(&in));
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), CONN_BLOCKED);
	/* A slice still refers to the block: another one is taken. */
	chain_push_block(&zeros, in.block, 0, 10);
	held = zeros.slices[0];
	h1_in_use(&in, BLOCK_BYTES - 3);
	wire_say(&wire, "x");
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), CONN_OK);
	assert_true(span_eq(h1_in_left(&in), SPAN_LIT("000x")));
	assert_true(held.at != in.block->bytes);
	assert_int_equal(slab_n_out(wire.slab), 2);
	chain_clear(&zeros);
	h1_in_fini(&in);
	conn_close(wire.conn);
	wire_fini(&wire);
}

static void empty_slab_is_an_error(void **state)
{
	struct wire wire;
	struct h1_in in;
	struct slab *none;
	bool more;

	(void)state;
	wire_init(&wire);
	wire_connect(&wire);
	assert_int_equal(slab_new(0, &none), 0);
	h1_in_init(&in, none);
	assert_int_equal(h1_in_read(&in, wire.conn, false, &more), -ENOMEM);
	h1_in_fini(&in);
	slab_free(none);
	conn_close(wire.conn);
	wire_fini(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_is_held_only_while_bytes_are_left),
		cmocka_unit_test(body_is_decoded_as_far_as_the_chain_has_room),
		cmocka_unit_test(what_is_left_moves_to_the_front_when_the_block_is_full),
		cmocka_unit_test(empty_slab_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
