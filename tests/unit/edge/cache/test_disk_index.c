/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/disk_index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge/cache/disk_index.h"

#include "core/error.h"
#include "core/obj.h"
#include "core/rng.h"

enum { MANY = 20000 };

static int begin(void **state)
{
	static struct disk_index index;

	*state = &index;
	return disk_index_init(&index, MANY);
}

static int end(void **state)
{
	disk_index_fini(*state);
	return 0;
}

static struct disk_entry entry_of(uint64_t n)
{
	struct disk_entry entry = {
		.stamp = n * 3,
		.body_bytes = DISK_BODY_BYTES_MAX - n,
		.offset = (n % 1000) * DISK_ALIGN_BYTES,
		.segment = UINT32_MAX - (uint32_t)(n / 1000),
		.head_bytes = DISK_HEAD_BYTES_MAX - (uint32_t)n,
	};

	memcpy(entry.id.bytes, &n, sizeof(n));
	memcpy(entry.id.bytes + 8, &n, sizeof(n));
	return entry;
}

static void expect_found(struct disk_index *index, const struct disk_entry *entry, bool used)
{
	struct disk_entry found;

	assert_true(disk_index_find(index, &entry->id, &found));
	assert_true(found.stamp == entry->stamp && found.body_bytes == entry->body_bytes &&
		    found.offset == entry->offset && found.segment == entry->segment &&
		    found.head_bytes == entry->head_bytes && found.used == used);
}

static void everything_that_was_put_is_found_until_it_is_removed(void **state)
{
	struct disk_index *index = *state;
	struct disk_entry entry, found;

	for (uint64_t n = 0; n < MANY; n++) {
		entry = entry_of(n);
		assert_true(disk_index_put(index, &entry));
	}
	assert_true(disk_index_count(index) == MANY);
	for (uint64_t n = 0; n < MANY; n++) {
		entry = entry_of(n);
		expect_found(index, &entry, false);
		if (n % 3 == 0)
			assert_true(disk_index_remove(index, &entry.id));
		assert_true(n % 3 || !disk_index_remove(index, &entry.id));
	}
	for (uint64_t n = 0; n < MANY; n++) {
		entry = entry_of(n);
		assert_int_equal(disk_index_find(index, &entry.id, &found), n % 3 != 0);
	}
	disk_index_clear(index);
	entry = entry_of(1);
	assert_false(disk_index_find(index, &entry.id, &found));
	assert_true(disk_index_count(index) == 0);
	assert_true(disk_index_put(index, &entry));
	expect_found(index, &entry, false);
}

static void newer_takes_the_place_of_the_older(void **state)
{
	struct disk_index *index = *state;
	struct disk_entry old = entry_of(1), new = entry_of(2), found;

	new.id = old.id;
	assert_true(disk_index_put(index, &old));
	assert_true(disk_index_use(index, &old.id, &found));
	expect_found(index, &old, true);
	assert_true(disk_index_put(index, &new));
	expect_found(index, &new, false);
	assert_true(disk_index_count(index) == 1);
}

static void place_is_compared_when_it_is_told(void **state)
{
	struct disk_index *index = *state;
	struct disk_entry entry = entry_of(1), other = entry_of(2), found;

	other.id = entry.id;
	assert_true(disk_index_put(index, &entry));
	assert_true(disk_index_use(index, &entry.id, &found));
	assert_false(disk_index_remove_at(index, &other));
	assert_false(disk_index_move(index, &other, &entry));
	assert_true(disk_index_move(index, &entry, &other));
	expect_found(index, &other, false);
	assert_false(disk_index_remove_at(index, &entry));
	assert_true(disk_index_remove_at(index, &other));
	assert_true(disk_index_count(index) == 0);
}

static void load_keeps_the_newest_and_obeys_tombstones(void **state)
{
	struct disk_index *index = *state;
	struct disk_entry entries[100], found;

	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		entries[i] = entry_of(i);
	entries[50].id = entries[10].id;
	entries[60].id = entries[20].id;
	entries[60].is_tombstone = true;
	entries[70].id = entries[20].id;
	entries[80].id = entries[30].id;
	entries[80].is_tombstone = true;
	assert_true(disk_index_load(index, entries, ARRAY_LEN(entries)));
	expect_found(index, &entries[50], false);
	expect_found(index, &entries[70], false);
	expect_found(index, &entries[99], false);
	assert_false(disk_index_find(index, &entries[30].id, &found));
	assert_true(disk_index_count(index) == 100 - 5);
}

static void full_index_says_so_and_keeps_what_it_has(void **state)
{
	struct disk_index *index = *state;
	struct disk_entry first = entry_of(0), entry = first;
	uint64_t n = 0;

	assert_true(disk_index_has_room(index, &first.id, 100));
	for (; disk_index_put(index, &entry); entry = entry_of(++n))
		assert_true(n < 10 * MANY);
	assert_true(n > MANY);
	assert_false(disk_index_has_room(index, &entry.id, 0));
	assert_false(disk_index_load(index, &entry, 1));
	expect_found(index, &first, false);
	assert_true(disk_index_put(index, &first)); /* needs no room */
}

struct worker {
	struct disk_index *index;
	uint64_t seed;
	pthread_t thread;
};

static void *use_and_remove(void *arg)
{
	struct worker *worker = arg;
	struct disk_entry found;
	struct rng rng;

	rng_seed(&rng, worker->seed);
	for (unsigned i = 0; i < MANY; i++) {
		struct disk_entry entry = entry_of(rng_below(&rng, 100));
		if (disk_index_use(worker->index, &entry.id, &found))
			MUST(found.stamp == entry.stamp && found.segment == entry.segment);
		if (i % 4 == 0)
			(void)disk_index_put(worker->index, &entry);
		if (i % 4 == 2)
			(void)disk_index_remove(worker->index, &entry.id);
	}
	return NULL;
}

static void many_threads_may_use_it_at_once(void **state)
{
	struct worker workers[4];

	for (uint64_t i = 0; i < ARRAY_LEN(workers); i++) {
		workers[i] = (struct worker){ .index = *state, .seed = i };
		assert_int_equal(
			pthread_create(&workers[i].thread, NULL, use_and_remove, &workers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		pthread_join(workers[i].thread, NULL);
	assert_true(disk_index_count(*state) <= 100);
}

static void too_many_records_are_refused(void **state)
{
	struct disk_index index;

	(void)state;
	assert_int_equal(disk_index_init(&index, UINT64_MAX / 2), -EINVAL);
}

#define INDEX_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INDEX_TEST(everything_that_was_put_is_found_until_it_is_removed),
		INDEX_TEST(newer_takes_the_place_of_the_older),
		INDEX_TEST(place_is_compared_when_it_is_told),
		INDEX_TEST(load_keeps_the_newest_and_obeys_tombstones),
		INDEX_TEST(full_index_says_so_and_keeps_what_it_has),
		INDEX_TEST(many_threads_may_use_it_at_once),
		cmocka_unit_test(too_many_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
