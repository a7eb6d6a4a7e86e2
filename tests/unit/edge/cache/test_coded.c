/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/coded: bodies in a content coding.
 */
#include "cache_test.h"

#include <zlib.h>

#include "edge/cache/coded.h"

enum { BODY_BYTES = 50000 };

static void body_fill(uint8_t *body, size_t len, bool noise)
{
	uint32_t state = 1;

	for (size_t i = 0; i < len; i++) {
		state = state * 1664525 + 1013904223;
		body[i] = noise ? (uint8_t)(state >> 24) : (uint8_t) "<p>again</p>\n"[i % 13];
	}
}

static void gzip_is_read_by_others(void **state)
{
	static uint8_t body[BODY_BYTES], out[BODY_BYTES + 1];
	struct cache_coded *coded;
	z_stream stream = { .next_out = out, .avail_out = sizeof(out) };

	(void)state;
	body_fill(body, sizeof(body), false);
	assert_int_equal(cache_coded_new(CACHE_CODING_GZIP, span_of(body, sizeof(body)), &coded),
			 0);
	assert_true(coded->length > 0 && coded->length < sizeof(body) / 10);
	assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
	stream.next_in = coded->bytes;
	stream.avail_in = (uInt)coded->length;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	inflateEnd(&stream);
	assert_int_equal(stream.total_out, sizeof(body));
	assert_memory_equal(out, body, sizeof(body));
	cache_coded_unref(coded);
}

static void brotli_is_smaller_yet(void **state)
{
	static uint8_t body[BODY_BYTES];
	struct cache_coded *gzip, *br;

	(void)state;
	body_fill(body, sizeof(body), false);
	assert_int_equal(cache_coded_new(CACHE_CODING_GZIP, span_of(body, sizeof(body)), &gzip), 0);
	assert_int_equal(cache_coded_new(CACHE_CODING_BR, span_of(body, sizeof(body)), &br), 0);
	assert_true(br->length > 0 && br->length < gzip->length);
	cache_coded_unref(gzip);
	cache_coded_unref(br);
}

static void what_does_not_shrink_has_no_coded_form(void **state)
{
	static uint8_t body[BODY_BYTES];

	(void)state;
	body_fill(body, sizeof(body), true);
	for (int coding = 0; coding < CACHE_N_CODINGS; coding++) {
		struct cache_coded *coded;
		assert_int_equal(cache_coded_new((enum cache_coding)coding,
						 span_of(body, sizeof(body)), &coded),
				 0);
		assert_int_equal(coded->length, 0);
		cache_coded_unref(coded);
	}
}

static void codings_have_names(void **state)
{
	enum cache_coding coding;

	(void)state;
	assert_true(cache_coding_find(SPAN_LIT("GZIP"), &coding));
	assert_int_equal(coding, CACHE_CODING_GZIP);
	assert_true(span_eq(cache_coding_name(CACHE_CODING_BR), SPAN_LIT("br")));
	assert_false(cache_coding_find(SPAN_LIT("zstd"), &coding));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_is_read_by_others),
		cmocka_unit_test(brotli_is_smaller_yet),
		cmocka_unit_test(what_does_not_shrink_has_no_coded_form),
		cmocka_unit_test(codings_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
