/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/body: what is written is read, in whatever pieces, from wherever, however
 * late; and what nobody can read any more is given back.
 */
#include "object_sample.h"

#include <errno.h>

#include "edge/cache/packed.h"

/* ---- both kinds --------------------------------------------------------------------------------
 */

static const struct kind {
	bool has_length;
	uint64_t length;
} kinds[] = {
	{ true, 0 },     { true, 1 },       { true, 4096 },     { true, 300000 }, { true, 1200000 },
	{ false, 0 },    { false, 1 },      { false, 4095 },    { false, 4096 },  { false, 4097 },
	{ false, 8192 }, { false, 300000 }, { false, 1200000 },
};

static struct cache_object *object_of_kind(const struct kind *kind)
{
	return sample_object((struct cache_object_setup){ .has_length = kind->has_length,
							  .length = kind->length });
}

static void a_reader_gets_all_that_is_written_as_it_comes(void **state)
{
	static const uint64_t pieces[] = { 7, 1000, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds) * ARRAY_LEN(pieces); i++) {
		const struct kind *kind = &kinds[i / ARRAY_LEN(pieces)];
		uint64_t piece = pieces[i % ARRAY_LEN(pieces)];
		struct cache_object *object = object_of_kind(kind);
		struct cache_writer writer;
		struct cache_reader reader;
		cache_writer_init(&writer, object);
		cache_reader_init(&reader, object, 0, UINT64_MAX);
		while (cache_body_filled(object) < kind->length) {
			uint64_t left = kind->length - cache_body_filled(object);
			sample_add(&writer, MIN(left, 60000), piece);
			assert_int_equal(sample_read(&reader), CACHE_READ_WAIT);
			assert_int_equal(reader.at, cache_body_filled(object));
		}
		assert_int_equal(sample_read(&reader), CACHE_READ_WAIT);
		assert_true(cache_writer_end(&writer));
		assert_int_equal(sample_read(&reader), CACHE_READ_END);
		assert_int_equal(object->length, kind->length);
		cache_reader_fini(&reader);
		cache_writer_fini(&writer);
		cache_object_unref(object);
	}
}

static void a_reader_begins_and_ends_where_it_is_told(void **state)
{
	static const struct {
		uint64_t from, end, at;
	} rows[] = {
		{ 0, 10, 10 },
		{ 10, 10, 10 },
		{ 4090, 4100, 4100 },
		{ 4096, 8192, 8192 },
		{ 20000, 20001, 20001 },
		{ 299999, 300000, 300000 },
		{ 299999, UINT64_MAX, 300000 },
		{ 300000, UINT64_MAX, 300000 },
		{ 1, 300001, 300000 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct cache_object *object = sample_whole(
			(struct cache_object_setup){ .has_length = i % 2, .length = 300000 },
			300000);
		struct cache_reader reader;
		cache_reader_init(&reader, object, rows[i / 2].from, rows[i / 2].end);
		assert_int_equal(sample_read(&reader), CACHE_READ_END);
		assert_int_equal(reader.at, rows[i / 2].at);
		cache_reader_fini(&reader);
		cache_object_unref(object);
	}
}

static void a_part_ends_before_the_body_is_whole(void **state)
{
	struct cache_object *object = sample_object((struct cache_object_setup){ 0 });
	struct cache_writer writer;
	struct cache_reader reader;

	(void)state;
	cache_writer_init(&writer, object);
	cache_reader_init(&reader, object, 50, 100);
	sample_add(&writer, 40, 40);
	assert_int_equal(sample_read(&reader), CACHE_READ_WAIT);
	assert_int_equal(reader.at, 50);
	sample_add(&writer, 40, 40);
	assert_int_equal(sample_read(&reader), CACHE_READ_WAIT);
	assert_int_equal(reader.at, 80);
	sample_add(&writer, 40, 40);
	assert_int_equal(sample_read(&reader), CACHE_READ_END);
	assert_int_equal(reader.at, 100);
	cache_writer_break(&writer);
	assert_int_equal(sample_read(&reader), CACHE_READ_END); /* it has what it wanted */
	cache_reader_fini(&reader);
	cache_writer_fini(&writer);
	cache_object_unref(object);
}

static void a_full_chain_stops_the_reader(void **state)
{
	struct cache_object *object = sample_whole((struct cache_object_setup){ 0 }, 6 << 20);
	struct cache_reader reader;
	struct chain chain = { 0 };
	uint64_t first;

	(void)state;
	cache_reader_init(&reader, object, 0, UINT64_MAX);
	assert_int_equal(cache_reader_take(&reader, &chain), CACHE_READ_FULL);
	assert_true(chain_full(&chain));
	first = reader.at;
	assert_int_equal(first, chain.bytes);
	assert_int_equal(cache_reader_take(&reader, &chain), CACHE_READ_FULL);
	assert_int_equal(reader.at, first);
	chain_clear(&chain);
	assert_int_equal(sample_read(&reader), CACHE_READ_END);
	assert_int_equal(reader.at, 6 << 20);
	cache_reader_fini(&reader);
	cache_object_unref(object);
}

static void bytes_in_a_chain_outlive_reader_and_object(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct cache_object *object = sample_whole(
			(struct cache_object_setup){ .has_length = i, .length = 10000 }, 10000);
		struct cache_reader reader;
		struct chain chain = { 0 };
		uint64_t at = 0;
		cache_reader_init(&reader, object, 0, UINT64_MAX);
		cache_object_unref(object);
		assert_int_equal(cache_reader_take(&reader, &chain), CACHE_READ_END);
		cache_reader_fini(&reader);
		while (!chain_empty(&chain)) {
			struct span part = chain_front(&chain);
			for (size_t b = 0; b < part.len; b++)
				assert_int_equal(part.at[b], sample_byte(at + b));
			at += part.len;
			chain_drop(&chain, part.len);
		}
		assert_int_equal(at, 10000);
	}
}

/* ---- lengths that were said --------------------------------------------------------------------
 */

static void more_than_was_said_is_refused(void **state)
{
	static const uint64_t lengths[] = { 0, 5, 2 << 20 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct cache_object *object = sample_object(
			(struct cache_object_setup){ .has_length = true, .length = lengths[i] });
		struct cache_writer writer;
		cache_writer_init(&writer, object);
		sample_add(&writer, lengths[i], 4096);
		assert_int_equal(cache_writer_add(&writer, SPAN_LIT("x")), -EOVERFLOW);
		assert_int_equal(cache_body_filled(object), lengths[i]);
		assert_int_equal(cache_writer_add(&writer, SPAN_NONE), 0);
		assert_true(cache_writer_end(&writer));
		cache_writer_fini(&writer);
		cache_object_unref(object);
	}
}

static void less_than_was_said_is_broken(void **state)
{
	static const uint64_t lengths[] = { 5, 2 << 20 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct cache_object *object = sample_object(
			(struct cache_object_setup){ .has_length = true, .length = lengths[i] });
		struct cache_writer writer;
		struct cache_reader reader;
		cache_writer_init(&writer, object);
		cache_reader_init(&reader, object, 0, UINT64_MAX);
		sample_add(&writer, lengths[i] - 1, 4096);
		assert_false(cache_writer_end(&writer));
		assert_int_equal(cache_object_body(object), CACHE_BODY_BROKEN);
		assert_int_equal(sample_read(&reader), CACHE_READ_BROKEN);
		assert_int_equal(reader.at, lengths[i] - 1); /* what came was read */
		cache_reader_fini(&reader);
		cache_writer_fini(&writer);
		cache_object_unref(object);
	}
}

/* ---- a front that is let go --------------------------------------------------------------------
 */

/* Segments that somebody holds, from that one on. */
static size_t n_held(const struct cache_segment *from)
{
	size_t n = 0;

	for (; from; from = from->next)
		n++;
	return n;
}

static void readers_go_on_when_the_object_lets_go_of_its_front(void **state)
{
	static const uint64_t ahead[] = { 0, 100, 4096, 50000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ahead); i++) {
		struct cache_object *object = sample_object((struct cache_object_setup){ 0 });
		struct cache_writer writer;
		struct cache_reader slow, fast;
		cache_writer_init(&writer, object);
		cache_reader_init(&slow, object, 0, UINT64_MAX);
		cache_reader_init(&fast, object, 0, UINT64_MAX);
		sample_add(&writer, ahead[i], 1000);
		assert_int_equal(sample_read(&fast), CACHE_READ_WAIT);
		cache_writer_release(&writer);
		assert_null(object->first);
		cache_writer_release(&writer); /* once more does nothing */
		sample_add(&writer, 600000, 4096);
		assert_int_equal(sample_read(&fast), CACHE_READ_WAIT);
		assert_true(n_held(slow.segment) > n_held(fast.segment));
		assert_int_equal(sample_read(&slow), CACHE_READ_WAIT);
		assert_true(cache_writer_end(&writer));
		assert_int_equal(sample_read(&slow), CACHE_READ_END);
		assert_int_equal(slow.at, ahead[i] + 600000);
		cache_reader_fini(&slow);
		cache_writer_fini(&writer);
		cache_object_unref(object);
		assert_int_equal(sample_read(&fast), CACHE_READ_END);
		cache_reader_fini(&fast);
	}
}

/* The leak checker sees what stays, the address sanitizer what goes too early. */
static void what_all_have_read_is_given_back_as_it_is_written(void **state)
{
	struct cache_object *object = sample_object((struct cache_object_setup){ 0 });
	struct cache_writer writer;
	struct cache_reader reader;

	(void)state;
	cache_writer_init(&writer, object);
	cache_reader_init(&reader, object, 0, UINT64_MAX);
	cache_writer_release(&writer);
	for (size_t i = 0; i < 100; i++) {
		sample_add(&writer, 40000, 4096);
		assert_int_equal(sample_read(&reader), CACHE_READ_WAIT);
		assert_true(n_held(reader.segment) <= 2);
		assert_true(reader.segment->owner.n_refs <= 3);
	}
	cache_reader_fini(&reader);
	sample_add(&writer, 4 << 20, 4096); /* for nobody */
	cache_writer_break(&writer);
	cache_writer_fini(&writer);
	cache_object_unref(object);
}

static void a_body_in_one_piece_keeps_its_front(void **state)
{
	struct cache_object *object =
		sample_object((struct cache_object_setup){ .has_length = true, .length = 100 });
	struct cache_writer writer;
	struct cache_reader reader;

	(void)state;
	cache_writer_init(&writer, object);
	cache_writer_release(&writer);
	sample_add(&writer, 100, 10);
	assert_true(cache_writer_end(&writer));
	cache_writer_fini(&writer);
	cache_reader_init(&reader, object, 0, UINT64_MAX);
	assert_int_equal(sample_read(&reader), CACHE_READ_END);
	cache_reader_fini(&reader);
	cache_object_unref(object);
}

static void a_long_chain_of_segments_goes_without_recursion(void **state)
{
	struct cache_object *object = sample_object((struct cache_object_setup){ 0 });
	struct cache_segment *last = object->first;

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		struct cache_segment *next = cache_segment_new(0);
		assert_non_null(next);
		last->next = next;
		last = next;
	}
	cache_object_unref(object);
}

/* ---- trailers ----------------------------------------------------------------------------------
 */

static void trailers_are_kept_once_and_copied(void **state)
{
	static const char *const lines[] = { "X-Sum: 1" }, *const others[] = { "X-Sum: 2" };
	struct cache_object *object = sample_object((struct cache_object_setup){ 0 });
	struct cache_writer writer;
	struct http_head none, head, again;
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	head = head_of_lines(&arena, lines, 1);
	none = head_of_lines(&arena, lines, 0);
	cache_writer_init(&writer, object);
	uint64_t before = cache_object_size(object);
	assert_int_equal(cache_writer_trailers(&writer, &none), 0);
	assert_null(object->trailers);
	assert_int_equal(cache_writer_trailers(&writer, &head), 0);
	assert_true(cache_object_size(object) > before);
	head = head_of_lines(&arena, others, 1);
	assert_int_equal(cache_writer_trailers(&writer, &head), 0);
	assert_int_equal(http_head_init(&again, &arena), 0);
	assert_int_equal(
		packed_read(span_of(object->trailers->bytes, object->trailers->len), &again), 0);
	assert_int_equal(again.n_fields, 1);
	assert_true(span_eq(again.fields[0].value, SPAN_LIT("1")));
	assert_true(cache_writer_end(&writer));
	cache_writer_fini(&writer);
	cache_object_unref(object);
	arena_fini(&arena);
}

static void zeroed_ones_may_be_finished(void **state)
{
	struct cache_writer writer = { 0 };
	struct cache_reader reader = { 0 };

	(void)state;
	cache_writer_fini(&writer);
	cache_reader_fini(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gets_all_that_is_written_as_it_comes),
		cmocka_unit_test(a_reader_begins_and_ends_where_it_is_told),
		cmocka_unit_test(a_part_ends_before_the_body_is_whole),
		cmocka_unit_test(a_full_chain_stops_the_reader),
		cmocka_unit_test(bytes_in_a_chain_outlive_reader_and_object),
		cmocka_unit_test(more_than_was_said_is_refused),
		cmocka_unit_test(less_than_was_said_is_broken),
		cmocka_unit_test(readers_go_on_when_the_object_lets_go_of_its_front),
		cmocka_unit_test(what_all_have_read_is_given_back_as_it_is_written),
		cmocka_unit_test(a_body_in_one_piece_keeps_its_front),
		cmocka_unit_test(a_long_chain_of_segments_goes_without_recursion),
		cmocka_unit_test(trailers_are_kept_once_and_copied),
		cmocka_unit_test(zeroed_ones_may_be_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
