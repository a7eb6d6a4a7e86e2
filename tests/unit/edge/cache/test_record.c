/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/record: what is written is read back, and nothing else is.
 */
#include "cache_test.h"

#include "core/rng.h"
#include "edge/cache/body.h"
#include "edge/cache/packed.h"
#include "edge/cache/record.h"

static const char *const lines[] = { "Content-Type: text/plain", "ETag: \"x\"" };
static const uint32_t tags[] = { 7, 0xffffffff };

static struct cache_object *object_make(struct arena *arena, bool with_trailers)
{
	struct http_head head = head_of_lines(arena, lines, ARRAY_LEN(lines));
	struct cache_object *object;
	struct cache_writer writer;

	head.status = 203;
	const struct cache_object_setup setup = {
		.key = SPAN_LIT("https://a/b\nhc"),
		.url_len = 11,
		.head = &head,
		.tags = tags,
		.n_tags = ARRAY_LEN(tags),
		.codable = true,
		.has_length = true,
		.life = { .born_s = -5, .stale_at_s = 60, .swr_s = 7, .sie_s = 8, .says = 9 },
	};
	assert_int_equal(cache_object_new(&setup, &object), 0);
	cache_writer_init(&writer, object);
	if (with_trailers)
		assert_int_equal(cache_writer_trailers(&writer, &head), 0);
	assert_true(cache_writer_end(&writer));
	return object;
}

static void object_comes_back_as_it_was(void **state)
{
	(void)state;
	for (int with_trailers = 0; with_trailers < 2; with_trailers++) {
		struct arena arena;
		struct buf out;
		struct cache_record record;
		struct http_head head;
		arena_init(&arena, 65536);
		buf_init(&out, 65536);
		struct cache_object *object = object_make(&arena, with_trailers);
		cache_record_write(object, &out);
		assert_false(out.failed);
		assert_true(cache_record_read(buf_span(&out), &record));
		assert_true(span_eq(record.key, SPAN_LIT("https://a/b\nhc")));
		assert_int_equal(record.url_len, 11);
		assert_int_equal(record.status, 203);
		assert_true(record.codable);
		assert_int_equal(record.n_tags, ARRAY_LEN(tags));
		assert_memory_equal(record.tags.at, tags, sizeof(tags));
		assert_int_equal(record.life.born_s, -5);
		assert_int_equal(record.life.stale_at_s, 60);
		assert_int_equal(record.life.swr_s, 7);
		assert_int_equal(record.life.sie_s, 8);
		assert_int_equal(record.life.says, 9);
		assert_int_equal(http_head_init(&head, &arena), 0);
		assert_int_equal(packed_read(record.head, &head), 0);
		assert_int_equal(head.n_fields, 2);
		assert_true(span_eq(head.fields[1].value, SPAN_LIT("\"x\"")));
		assert_int_equal(record.trailers.len > 0, with_trailers);
		cache_object_unref(object);
		buf_fini(&out);
		arena_fini(&arena);
	}
}

static void names_that_a_url_varies_by_come_back(void **state)
{
	struct buf out;
	struct cache_record record;

	(void)state;
	buf_init(&out, 65536);
	cache_record_write_vary(SPAN_LIT("https://a/b"), SPAN_LIT("#3,accept,cookie"), &out);
	assert_true(cache_record_read(buf_span(&out), &record));
	assert_int_equal(record.status, 0);
	assert_true(span_eq(record.key, SPAN_LIT("https://a/b")));
	assert_true(span_eq(record.head, SPAN_LIT("#3,accept,cookie")));
	buf_fini(&out);
}

/* Whatever is flipped or cut, what is read stays within the run. */
static void damaged_ones_are_refused_or_stay_within(void **state)
{
	struct arena arena;
	struct buf out;
	struct rng rng;

	(void)state;
	arena_init(&arena, 1 << 20);
	buf_init(&out, 65536);
	rng_seed(&rng, 1);
	struct cache_object *object = object_make(&arena, true);
	cache_record_write(object, &out);
	for (size_t i = 0; i < 20000; i++) {
		uint8_t copy[1024];
		struct cache_record record;
		size_t len = rng_below(&rng, 4) ? out.len : rng_below(&rng, out.len);
		assert_true(out.len <= sizeof(copy));
		memcpy(copy, out.at, len);
		for (size_t flips = rng_below(&rng, 4); len && flips; flips--)
			copy[rng_below(&rng, len)] ^= (uint8_t)(1u << rng_below(&rng, 8));
		if (!cache_record_read(span_of(copy, len), &record))
			continue;
		assert_int_equal(record.key.len + record.tags.len + record.head.len +
					 record.trailers.len,
				 len - (size_t)(record.key.at - copy));
		assert_true(record.url_len <= record.key.len);
	}
	cache_object_unref(object);
	buf_fini(&out);
	arena_fini(&arena);
}

static void ids_differ_as_keys_do(void **state)
{
	struct disk_id a = cache_record_id(SPAN_LIT("https://a/b"));
	struct disk_id again = cache_record_id(SPAN_LIT("https://a/b"));
	struct disk_id b = cache_record_id(SPAN_LIT("https://a/c"));

	(void)state;
	assert_memory_equal(&a, &again, sizeof(a));
	assert_memory_not_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object_comes_back_as_it_was),
		cmocka_unit_test(names_that_a_url_varies_by_come_back),
		cmocka_unit_test(damaged_ones_are_refused_or_stay_within),
		cmocka_unit_test(ids_differ_as_keys_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
