/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/coder: coded bodies come by themselves, once, and are counted.
 */
#include "cache_test.h"

#include <unistd.h>

#include "core/clock.h"
#include "edge/cache/coder.h"
#include "edge/cache/store.h"

enum { BODY_BYTES = 20000, DEADLINE_MS = 20000 };

/* Stored, whole, and held by us. */
static struct cache_object *store_one(struct cache *cache, bool has_length)
{
	struct arena arena;
	struct http_head head;
	struct cache_object *object;
	struct cache_writer writer;

	arena_init(&arena, 65536);
	assert_int_equal(http_head_init(&head, &arena), 0);
	head.status = 200;
	const struct cache_object_setup setup = {
		.key = SPAN_LIT("http://a/b"),
		.url_len = 10,
		.head = &head,
		.codable = true,
		.has_length = has_length,
		.length = has_length ? BODY_BYTES : 0,
		.life = { .stale_at_s = 1000 },
	};
	assert_int_equal(cache_object_new(&setup, &object), 0);
	cache_writer_init(&writer, object);
	for (size_t i = 0; i < BODY_BYTES; i += 10)
		assert_int_equal(cache_writer_add(&writer, SPAN_LIT("0123456789")), 0);
	assert_true(cache_writer_end(&writer));
	cache_writer_fini(&writer);
	cache_store(cache, object, 0);
	arena_fini(&arena);
	return object;
}

static struct cache_coded *wait_for(struct cache *cache, struct cache_object *object)
{
	mono_t until = mono_add_ms(mono_read(), DEADLINE_MS);
	struct cache_coded *coded;

	while (!(coded = cache_coded_get(cache, object, CACHE_CODING_GZIP))) {
		assert_true(mono_before(mono_read(), until));
		usleep(1000);
	}
	return coded;
}

static void first_who_asks_gets_none_and_later_ones_do(void **state)
{
	const struct cache_conf conf = { .name = "c", .memory_bytes = 1 << 20 };

	(void)state;
	for (int has_length = 0; has_length < 2; has_length++) {
		struct cache *cache;
		assert_int_equal(cache_new(&conf, 0, &cache), 0);
		struct cache_object *object = store_one(cache, has_length);
		assert_null(cache_coded_get(cache, object, CACHE_CODING_GZIP));
		struct cache_coded *coded = wait_for(cache, object);
		assert_true(coded->length > 0 && coded->length < BODY_BYTES / 2);
		struct cache_coded *again = cache_coded_get(cache, object, CACHE_CODING_GZIP);
		assert_ptr_equal(coded, again); /* made once */
		cache_coded_unref(again);
		cache_coded_unref(coded);
		cache_object_unref(object);
		cache_unref(cache); /* the thread ends; nothing is left under way */
	}
}

static void coded_body_is_counted(void **state)
{
	const struct cache_conf conf = { .name = "c", .memory_bytes = 1 << 20 };
	mono_t until = mono_add_ms(mono_read(), DEADLINE_MS);
	struct cache_stats before, after;
	struct cache *cache;

	(void)state;
	assert_int_equal(cache_new(&conf, 0, &cache), 0);
	struct cache_object *object = store_one(cache, true);
	cache_stats(cache, &before);
	struct cache_coded *coded = wait_for(cache, object);
	do {
		cache_stats(cache, &after);
		assert_true(mono_before(mono_read(), until));
	} while (after.bytes < before.bytes + coded->length);
	cache_coded_unref(coded);
	cache_object_unref(object);
	cache_unref(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_who_asks_gets_none_and_later_ones_do),
		cmocka_unit_test(coded_body_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
