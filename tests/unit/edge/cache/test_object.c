/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/object: what it is made of, what it weighs, whose body it borrows.
 */
#include "object_sample.h"

#include "edge/cache/packed.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void all_that_it_is_made_of_is_copied(void **state)
{
	static const char *const lines[] = { "Content-Type: text/html", "ETag: \"a\"" };
	struct http_head head = head_of_lines(&arena, lines, 2), again;
	char key[] = "http://h/a\nhx";
	uint32_t tags[] = { 7, 8, 9 };
	struct reuse_life life;

	(void)state;
	head.status = 404;
	struct cache_object *object = sample_object((struct cache_object_setup){
		.key = span_str(key),
		.url_len = 10,
		.stamp = 5,
		.head = &head,
		.tags = tags,
		.n_tags = 3,
		.life = { 100, 200, 300, 400, 1u << CACHE_NO_CACHE },
		.has_length = true,
		.length = 10,
	});
	memset(key, 0, sizeof(key));
	memset(tags, 0, sizeof(tags));
	assert_true(span_eq(cache_item_key(&object->item), SPAN_LIT("http://h/a\nhx")));
	assert_int_equal(object->url_len, 10);
	assert_int_equal(object->checked, 5);
	assert_int_equal(object->status, 404);
	assert_int_equal(object->n_tags, 3);
	assert_int_equal((uintptr_t)cache_object_tags(object) % sizeof(uint32_t), 0);
	assert_int_equal(cache_object_tags(object)[2], 9);
	assert_int_equal(http_head_init(&again, &arena), 0);
	assert_int_equal(packed_read(cache_object_head(object), &again), 0);
	assert_int_equal(again.n_fields, 2);
	assert_true(span_eq(again.fields[1].value, SPAN_LIT("\"a\"")));
	cache_object_life(object, &life);
	assert_int_equal(life.born_s, 100);
	assert_int_equal(life.stale_at_s, 200);
	assert_int_equal(life.swr_s, 300);
	assert_int_equal(life.sie_s, 400);
	assert_int_equal(life.says, 1u << CACHE_NO_CACHE);
	assert_true(object->validates);
	assert_int_equal(cache_object_body(object), CACHE_BODY_FILLING);
	cache_object_unref(object);
}

static void what_has_a_validator_can_be_asked_about(void **state)
{
	static const struct {
		const char *lines[2];
		bool validates;
	} rows[] = {
		{ { "ETag: \"a\"" }, true },
		{ { "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT" }, true },
		{ { "Content-Type: text/html" }, false },
		{ { NULL }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head head = head_of_lines(&arena, rows[i].lines, 2);
		struct cache_object *object =
			sample_object((struct cache_object_setup){ .head = &head });
		assert_int_equal(object->validates, rows[i].validates);
		cache_object_unref(object);
	}
}

static void what_is_small_is_in_one_piece_and_what_is_large_or_unsaid_in_segments(void **state)
{
	static const struct {
		bool has_length;
		uint64_t length;
		bool in_one;
	} rows[] = {
		{ true, 0, true },       { true, 1, true },
		{ true, 1 << 20, true }, { true, (1 << 20) + 1, false },
		{ false, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_object *object = sample_object((struct cache_object_setup){
			.has_length = rows[i].has_length, .length = rows[i].length });
		assert_int_equal(object->bytes != NULL, rows[i].in_one);
		assert_int_equal(object->first == NULL, rows[i].in_one);
		cache_object_unref(object);
	}
}

static void its_size_counts_all_of_its_memory(void **state)
{
	struct cache_object *small =
		sample_whole((struct cache_object_setup){ .has_length = true, .length = 100 }, 100);
	struct cache_object *large = sample_whole(
		(struct cache_object_setup){ .has_length = true, .length = 1100 }, 1100);
	struct cache_object *segments = sample_whole((struct cache_object_setup){ 0 }, 10000);
	uint64_t kept = 0;

	(void)state;
	assert_int_equal(cache_object_size(large) - cache_object_size(small), 1000);
	for (const struct cache_segment *at = segments->first; at; at = at->next)
		kept += at->size;
	assert_true(kept >= 10000);
	assert_true(cache_object_size(segments) >= cache_object_size(small) - 100 + kept);
	cache_object_unref(small);
	cache_object_unref(large);
	cache_object_unref(segments);
}

/* When it takes the place of the one that it borrows from, that one's memory is not free: nobody
 * else counts it. */
static void a_borrowed_body_weighs_as_much_as_an_own(void **state)
{
	struct cache_object *object = sample_whole((struct cache_object_setup){ 0 }, 100000);
	struct cache_object *borrower =
		sample_object((struct cache_object_setup){ .body_of = object });

	(void)state;
	assert_true(cache_object_size(borrower) > cache_object_size(object));
	assert_true(cache_object_size(borrower) < cache_object_size(object) + 4096);
	cache_object_unref(object);
	cache_object_unref(borrower);
}

static void coded_forms_weigh_too(void **state)
{
	struct cache_object *object = sample_whole((struct cache_object_setup){ 0 }, 10000);
	uint64_t before = cache_object_size(object);
	struct cache_object *borrower;
	struct cache_coded *coded;
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(cache_coded_new((enum cache_coding)0, span_of(text, sizeof(text)), &coded),
			 0);
	object->coded[0] = coded;
	assert_true(cache_object_size(object) >= before + coded->length);
	borrower = sample_object((struct cache_object_setup){ .body_of = object });
	assert_ptr_equal(borrower->coded[0], coded);
	assert_true(cache_object_size(borrower) >= cache_object_size(object));
	cache_object_unref(object);
	cache_object_unref(borrower);
}

static void a_borrower_reads_the_body_after_its_owner_has_gone(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 5000, 200000 };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(lengths); i++) {
		uint64_t length = lengths[i / 2];
		struct cache_object *object = sample_whole(
			(struct cache_object_setup){ .has_length = i % 2, .length = length },
			length);
		struct cache_object *borrower =
			sample_object((struct cache_object_setup){ .body_of = object });
		struct cache_object *second =
			sample_object((struct cache_object_setup){ .body_of = borrower });
		struct cache_reader reader;
		assert_ptr_equal(second->body_of, object); /* not a chain */
		cache_object_unref(object);
		cache_object_unref(borrower);
		assert_int_equal(cache_object_body(second), CACHE_BODY_WHOLE);
		assert_int_equal(second->length, length);
		cache_reader_init(&reader, second, 0, UINT64_MAX);
		cache_object_unref(second);
		assert_int_equal(sample_read(&reader), CACHE_READ_END);
		assert_int_equal(reader.at, length);
		cache_reader_fini(&reader);
	}
}

static void compact_is_the_same_in_one_piece(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 4096, 4097, 8192, 8193, 250000 };
	uint32_t tags[] = { 7, 8 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct cache_object *object = sample_whole(
			(struct cache_object_setup){
				.key = SPAN_LIT("http://h/a\nhx"),
				.url_len = 10,
				.stamp = 5,
				.tags = tags,
				.n_tags = 2,
				.life = { 100, 200, 300, 400, 1u << CACHE_NO_CACHE },
				.codable = true,
			},
			lengths[i]);
		struct cache_object *copy;
		struct cache_reader reader;
		struct reuse_life life;
		cache_object_ref(object); /* somebody reads it meanwhile */
		assert_int_equal(cache_object_compact(object, &copy), 0);
		cache_object_unref(object);
		cache_object_unref(object);
		assert_true(span_eq(cache_item_key(&copy->item), SPAN_LIT("http://h/a\nhx")));
		assert_int_equal(copy->url_len, 10);
		assert_int_equal(copy->checked, 5);
		assert_int_equal(copy->item.hash, purge_url_hash(SPAN_LIT("http://h/a\nhx")));
		assert_int_equal(copy->url_hash, purge_url_hash(SPAN_LIT("http://h/a")));
		assert_int_equal(cache_object_tags(copy)[1], 8);
		assert_int_equal(copy->status, 200);
		assert_true(copy->codable);
		cache_object_life(copy, &life);
		assert_int_equal(life.born_s, 100);
		assert_int_equal(life.stale_at_s, 200);
		assert_int_equal(life.sie_s, 400);
		assert_null(copy->first);
		assert_int_equal(cache_object_body(copy), CACHE_BODY_WHOLE);
		cache_reader_init(&reader, copy, 0, UINT64_MAX);
		assert_int_equal(sample_read(&reader), CACHE_READ_END);
		assert_int_equal(reader.at, lengths[i]);
		cache_reader_fini(&reader);
		cache_object_unref(copy);
	}
}

static void a_soft_purge_makes_it_stale_now_and_never_fresher(void **state)
{
	struct cache_object *object = sample_object((struct cache_object_setup){ 0 });
	struct reuse_life life;

	(void)state;
	cache_object_expire(object, SAMPLE_BORN_S + 10);
	cache_object_life(object, &life);
	assert_int_equal(life.stale_at_s, SAMPLE_BORN_S + 10);
	cache_object_expire(object, SAMPLE_BORN_S + 20);
	cache_object_life(object, &life);
	assert_int_equal(life.stale_at_s, SAMPLE_BORN_S + 10);
	assert_int_equal(life.born_s, SAMPLE_BORN_S);
	cache_object_unref(object);
}

/* "max-stale" without a number is 2^31. */
static void times_that_do_not_fit_are_cut(void **state)
{
	struct cache_object *object = sample_object((struct cache_object_setup){
		.life = { 100, 200, CACHE_FOREVER_S, CACHE_FOREVER_S, 0 } });

	(void)state;
	assert_int_equal(object->swr_s, INT32_MAX);
	assert_int_equal(object->sie_s, INT32_MAX);
	cache_object_unref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_that_it_is_made_of_is_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_a_validator_can_be_asked_about, setup,
						teardown),
		cmocka_unit_test(
			what_is_small_is_in_one_piece_and_what_is_large_or_unsaid_in_segments),
		cmocka_unit_test(its_size_counts_all_of_its_memory),
		cmocka_unit_test(a_borrowed_body_weighs_as_much_as_an_own),
		cmocka_unit_test(coded_forms_weigh_too),
		cmocka_unit_test(a_borrower_reads_the_body_after_its_owner_has_gone),
		cmocka_unit_test(compact_is_the_same_in_one_piece),
		cmocka_unit_test(a_soft_purge_makes_it_stale_now_and_never_fresher),
		cmocka_unit_test(times_that_do_not_fit_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
