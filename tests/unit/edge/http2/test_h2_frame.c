/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_frame.
 */
#include "../edge_test.h"

#include "edge/http2/h2_frame.h"

static void header_is_read_as_it_was_written(void **state)
{
	const struct h2_header header = { 0x123456, H2_DATA, 0x09, 0x7fffffff };
	uint8_t bytes[H2_HEADER_BYTES];

	(void)state;
	h2_header_put(bytes, &header);
	struct h2_header again = h2_header_read(span_of(bytes, sizeof(bytes)));
	assert_true(again.length == header.length && again.type == header.type &&
		    again.flags == header.flags && again.stream_id == header.stream_id);
	bytes[5] |= 0x80; /* RFC 9113 4.1: the reserved bit is passed over */
	assert_int_equal(h2_header_read(span_of(bytes, sizeof(bytes))).stream_id, 0x7fffffff);
}

static void lengths_and_streams_are_checked_by_type(void **state)
{
	static const struct {
		struct h2_header header;
		enum h2_error error;
	} rows[] = {
		{ { 16384, H2_DATA, 0, 1 }, H2_NO_ERROR },
		{ { 16385, H2_DATA, 0, 1 }, H2_FRAME_SIZE_ERROR },   /* 4.2 */
		{ { 1, H2_DATA, 0, 0 }, H2_PROTOCOL_ERROR },         /* 6.1 */
		{ { 1, H2_HEADERS, 0, 0 }, H2_PROTOCOL_ERROR },      /* 6.2 */
		{ { 5, H2_PRIORITY, 0, 1 }, H2_NO_ERROR },           /* 6.3 */
		{ { 4, H2_PRIORITY, 0, 1 }, H2_FRAME_SIZE_ERROR },   /* 6.3 */
		{ { 4, H2_RST_STREAM, 0, 0 }, H2_PROTOCOL_ERROR },   /* 6.4 */
		{ { 3, H2_RST_STREAM, 0, 1 }, H2_FRAME_SIZE_ERROR }, /* 6.4 */
		{ { 6, H2_SETTINGS, 0, 0 }, H2_NO_ERROR },           /* 6.5 */
		{ { 7, H2_SETTINGS, 0, 0 }, H2_FRAME_SIZE_ERROR },   /* 6.5 */
		{ { 6, H2_SETTINGS, H2_FLAG_ACK, 0 }, H2_FRAME_SIZE_ERROR },
		{ { 6, H2_SETTINGS, 0, 1 }, H2_PROTOCOL_ERROR }, /* 6.5 */
		{ { 8, H2_PING, 0, 1 }, H2_PROTOCOL_ERROR },     /* 6.7 */
		{ { 6, H2_PING, 0, 0 }, H2_FRAME_SIZE_ERROR },   /* 6.7 */
		{ { 7, H2_GOAWAY, 0, 0 }, H2_FRAME_SIZE_ERROR },
		{ { 8, H2_GOAWAY, 0, 1 }, H2_PROTOCOL_ERROR },          /* 6.8 */
		{ { 4, H2_WINDOW_UPDATE, 0, 0 }, H2_NO_ERROR },         /* 6.9 */
		{ { 4, H2_WINDOW_UPDATE, 0, 1 }, H2_NO_ERROR },         /* 6.9 */
		{ { 5, H2_WINDOW_UPDATE, 0, 0 }, H2_FRAME_SIZE_ERROR }, /* 6.9 */
		{ { 0, H2_CONTINUATION, 0, 0 }, H2_PROTOCOL_ERROR },    /* 6.10 */
		{ { 4, H2_PRIORITY_UPDATE, 0, 1 }, H2_PROTOCOL_ERROR }, /* RFC 9218 7.1 */
		{ { 3, 0x0a, 0, 0 }, H2_NO_ERROR },                     /* 5.5: unknown */
		{ { 3, 0xff, 0xff, 7 }, H2_NO_ERROR },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum h2_error error = h2_header_check(&rows[i].header);
		if (error != rows[i].error)
			fail_msg("row %zu: %d", i, (int)error);
	}
}

static void long_block_goes_on_in_continuations(void **state)
{
	static uint8_t block[40000];
	struct outlet out;
	struct slab *slab;
	size_t frames = 0;

	(void)state;
	assert_int_equal(slab_new(16, &slab), 0);
	outlet_init(&out, slab);
	h2_put_headers(&out, 5, span_of(block, sizeof(block)), true);
	assert_false(out.failed);
	while (!chain_empty(&out.chain)) {
		struct h2_header header = h2_header_read(chain_front(&out.chain));
		assert_int_equal(header.type, frames ? H2_CONTINUATION : H2_HEADERS);
		assert_int_equal(header.stream_id, 5);
		assert_int_equal(header.flags & H2_FLAG_END_HEADERS, frames == 2 ? 4 : 0);
		if (frames == 0)
			assert_true(header.flags & H2_FLAG_END_STREAM);
		chain_drop(&out.chain, H2_HEADER_BYTES + header.length);
		frames++;
	}
	assert_int_equal(frames, 3);
	outlet_fini(&out);
	slab_free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_read_as_it_was_written),
		cmocka_unit_test(lengths_and_streams_are_checked_by_type),
		cmocka_unit_test(long_block_goes_on_in_continuations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
