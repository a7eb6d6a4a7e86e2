/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_out: text and bodies on their way out.
 */
#include "edge/http1/h1_out.h"

#include "tests/unit/edge/http1/wire.h"

static struct wire wire;
static struct h1_out out;
static struct chain body;

static int setup(void **state)
{
	(void)state;
	wire_init(&wire);
	wire_connect(&wire);
	h1_out_init(&out, wire.slab);
	body = (struct chain){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	chain_clear(&body);
	h1_out_fini(&out);
	conn_close(wire.conn);
	wire_fini(&wire);
	return 0;
}

static void expect(const char *text)
{
	assert_int_equal(h1_out_flush(&out, wire.conn, false), CONN_OK);
	wire_look(&wire);
	assert_string_equal(wire.got, text);
	wire_forget(&wire);
}

static void text_that_follows_text_is_one_slice(void **state)
{
	(void)state;
	h1_out_text(&out, SPAN_LIT("a: "));
	h1_out_number(&out, 0);
	h1_out_number(&out, UINT64_MAX);
	assert_int_equal(out.outlet.chain.n, 1);
	expect("a: 018446744073709551615");
	assert_int_equal(slab_n_out(wire.slab), 0);
}

static void stream_is_framed_in_chunks(void **state)
{
	(void)state;
	out.framing = HTTP_BODY_STREAM;
	wire_push(wire.slab, &body, "hello, this is");
	wire_push(wire.slab, &body, " it");
	assert_int_equal(h1_out_body(&out, &body, false), 0);
	assert_true(chain_empty(&body));
	assert_false(out.ended);
	expect("11\r\nhello, this is it\r\n");
	assert_int_equal(h1_out_body(&out, &body, true), 0);
	assert_true(out.ended);
	expect("0\r\n\r\n");
}

static void length_must_be_kept(void **state)
{
	(void)state;
	out.framing = HTTP_BODY_LENGTH;
	out.length_left = 4;
	wire_push(wire.slab, &body, "abcd");
	assert_int_equal(h1_out_body(&out, &body, true), 0);
	assert_true(out.ended);
	expect("abcd");

	h1_out_fini(&out);
	h1_out_init(&out, wire.slab);
	out.framing = HTTP_BODY_LENGTH;
	out.length_left = 3;
	wire_push(wire.slab, &body, "abcd");
	assert_int_equal(h1_out_body(&out, &body, true), -EMSGSIZE);
	assert_true(out.outlet.failed);

	chain_clear(&body);
	h1_out_init(&out, wire.slab);
	out.framing = HTTP_BODY_LENGTH;
	out.length_left = 3;
	assert_int_equal(h1_out_body(&out, &body, true), -EMSGSIZE);
}

static void body_of_none_is_dropped(void **state)
{
	(void)state;
	out.framing = HTTP_BODY_NONE;
	wire_push(wire.slab, &body, "abcd");
	assert_int_equal(h1_out_body(&out, &body, true), 0);
	assert_true(out.ended && chain_empty(&body) && h1_out_empty(&out));
}

static void pipe_leaves_behind_the_text_and_in_its_frame(void **state)
{
	struct splice_pool *pool;
	struct splice_pipe *pipe = wire_pipe(&pool, SPAN_LIT("hello"));

	(void)state;
	out.framing = HTTP_BODY_STREAM;
	h1_out_text(&out, SPAN_LIT("head "));
	assert_int_equal(h1_out_pipe(&out, pipe), 0);
	assert_false(h1_out_empty(&out) || h1_out_has_room(&out));
	expect("head 5\r\nhello\r\n");
	assert_int_equal(pipe->bytes, 0);
	assert_true(h1_out_empty(&out) && h1_out_has_room(&out));
	assert_int_equal(out.outlet.n_written, 5 + 3 + 5 + 2);
	assert_int_equal(h1_out_body(&out, &body, true), 0);
	expect("0\r\n\r\n");
	splice_give(pipe);
	splice_pool_free(pool);
}

static void pipe_counts_towards_the_length(void **state)
{
	struct splice_pool *pool;
	struct splice_pipe *pipe = wire_pipe(&pool, SPAN_LIT("hello"));

	(void)state;
	out.framing = HTTP_BODY_LENGTH;
	out.length_left = 7;
	assert_int_equal(h1_out_pipe(&out, pipe), 0);
	expect("hello");
	wire_push(wire.slab, &body, "ab");
	assert_int_equal(h1_out_body(&out, &body, true), 0);
	assert_true(out.ended);
	expect("ab");
	out.ended = false;
	out.length_left = 4;
	assert_int_equal(write(pipe->in, "hello", 5), 5);
	pipe->bytes = 5;
	assert_int_equal(h1_out_pipe(&out, pipe), -EMSGSIZE);
	assert_null(out.pipe);
	splice_give(pipe);
	splice_pool_free(pool);
}

static void full_output_leaves_the_rest_with_its_giver(void **state)
{
	size_t sent = 0, rounds = 0;

	(void)state;
	out.framing = HTTP_BODY_STREAM;
	wire_push_zeros(wire.slab, &body, 12 * (size_t)BLOCK_BYTES);
	while (!out.ended) {
		assert_int_equal(h1_out_body(&out, &body, true), 0);
		assert_true(out.outlet.chain.bytes <= H1_OUT_MAX_BYTES + BLOCK_BYTES);
		assert_true(out.ended || !h1_out_has_room(&out));
		sent += out.outlet.chain.bytes;
		while (h1_out_flush(&out, wire.conn, false) == CONN_BLOCKED)
			wire_look(&wire);
		rounds++;
	}
	wire_look(&wire);
	assert_true(rounds > 1);
	assert_int_equal(wire.n_got, sent);
	assert_true(wire_has(&wire, "\r\n0\r\n\r\n"));
}

static void short_message_is_one_slice(void **state)
{
	(void)state;
	out.framing = HTTP_BODY_STREAM;
	wire_push(wire.slab, &body, "a");
	assert_int_equal(h1_out_body(&out, &body, true), 0);
	assert_int_equal(out.outlet.chain.n, 1);
	expect("1\r\na\r\n0\r\n\r\n");
}

static void many_small_slices_do_not_overrun_the_chain(void **state)
{
	(void)state;
	out.framing = HTTP_BODY_STREAM;
	for (int i = 0; i < 20; i++) {
		wire_push_zeros(wire.slab, &body, OUTLET_COPY_BYTES + 1);
		assert_int_equal(h1_out_body(&out, &body, i == 19), 0);
		if (!chain_empty(&body))
			break;
	}
	assert_false(chain_empty(&body));
	assert_int_equal(h1_out_flush(&out, wire.conn, false), CONN_OK);
	assert_int_equal(h1_out_body(&out, &body, true), 0);
	assert_true(out.ended);
}

static void failure_sticks(void **state)
{
	struct slab *none;

	(void)state;
	assert_int_equal(slab_new(0, &none), 0);
	out.outlet.slab = none;
	h1_out_text(&out, SPAN_LIT("a"));
	assert_int_equal(h1_out_check(&out), -ENOMEM);
	out.outlet.slab = wire.slab;
	h1_out_text(&out, SPAN_LIT("b"));
	assert_int_equal(h1_out_check(&out), -ENOMEM);
	assert_true(h1_out_empty(&out));
	slab_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_that_follows_text_is_one_slice, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stream_is_framed_in_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(length_must_be_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(body_of_none_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(pipe_leaves_behind_the_text_and_in_its_frame, setup,
						teardown),
		cmocka_unit_test_setup_teardown(pipe_counts_towards_the_length, setup, teardown),
		cmocka_unit_test_setup_teardown(full_output_leaves_the_rest_with_its_giver, setup,
						teardown),
		cmocka_unit_test_setup_teardown(short_message_is_one_slice, setup, teardown),
		cmocka_unit_test_setup_teardown(many_small_slices_do_not_overrun_the_chain, setup,
						teardown),
		cmocka_unit_test_setup_teardown(failure_sticks, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
