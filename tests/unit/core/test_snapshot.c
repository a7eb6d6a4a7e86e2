/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/snapshot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/snapshot.h"

#include <stdlib.h>

#include "core/obj.h"

/* Publishes a row of snapshots to readers in threads of their own, as a configuration is. */
enum { N_READERS = 3, N_PUBLISHED = 200 };

struct table {
	struct snapshot snapshot;
	unsigned number;
	unsigned copy; /* the same number: a torn table shows */
};

static _Atomic unsigned n_freed;

static void free_table(struct snapshot *snapshot)
{
	struct table *table = CONTAINER_OF(snapshot, struct table, snapshot);

	MUST(table->number == table->copy);
	atomic_fetch_add(&n_freed, 1);
	free(table);
}

static struct table *make_table(unsigned number)
{
	struct table *table = calloc(1, sizeof(*table));

	MUST(table);
	snapshot_init(&table->snapshot, free_table);
	table->number = table->copy = number;
	return table;
}

struct reader {
	struct loop *loop;
	struct mailbox mailbox;
	struct table *table; /* what it reads now */
	pthread_t thread;
};

static void on_table(struct snapshot *snapshot, void *arg)
{
	struct reader *reader = arg;
	struct table *table = CONTAINER_OF(snapshot, struct table, snapshot);

	MUST(loop_is_mine(reader->loop));
	MUST(!reader->table || table->number > reader->table->number);
	if (reader->table)
		snapshot_unref(&reader->table->snapshot);
	reader->table = table;
	if (table->number == N_PUBLISHED)
		loop_stop(reader->loop);
}

static void *read_tables(void *arg)
{
	MUST(loop_run(((struct reader *)arg)->loop) == 0);
	return NULL;
}

static void reader_open(struct reader *reader)
{
	*reader = (struct reader){ 0 };
	assert_int_equal(loop_new("reader", &reader->loop), 0);
	assert_int_equal(mailbox_open(&reader->mailbox, reader->loop), 0);
}

static void reader_close(struct reader *reader)
{
	mailbox_close(&reader->mailbox);
	loop_free(reader->loop);
	if (reader->table)
		snapshot_unref(&reader->table->snapshot);
}

static void last_reference_frees(void **state)
{
	struct table *table = make_table(1);

	(void)state;
	atomic_store(&n_freed, 0);
	assert_ptr_equal(snapshot_ref(&table->snapshot), &table->snapshot);
	snapshot_unref(&table->snapshot);
	assert_int_equal(atomic_load(&n_freed), 0);
	snapshot_unref(&table->snapshot);
	assert_int_equal(atomic_load(&n_freed), 1);
	snapshot_unref(NULL);
}

static void every_reader_gets_each_snapshot_and_all_are_freed(void **state)
{
	static struct reader readers[N_READERS];

	(void)state;
	atomic_store(&n_freed, 0);
	for (int i = 0; i < N_READERS; i++) {
		reader_open(&readers[i]);
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_tables, &readers[i]),
				 0);
	}
	for (unsigned number = 1; number <= N_PUBLISHED; number++) {
		struct table *table = make_table(number);
		for (int i = 0; i < N_READERS; i++)
			assert_int_equal(snapshot_post(&readers[i].mailbox,
						       snapshot_ref(&table->snapshot), on_table,
						       &readers[i]),
					 0);
		snapshot_unref(&table->snapshot);
	}
	for (int i = 0; i < N_READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].table->number, N_PUBLISHED);
	}
	for (int i = 0; i < N_READERS; i++)
		reader_close(&readers[i]);
	assert_int_equal(atomic_load(&n_freed), N_PUBLISHED);
}

static void snapshot_that_nobody_reads_is_freed(void **state)
{
	struct reader reader;

	(void)state;
	atomic_store(&n_freed, 0);
	reader_open(&reader);
	assert_int_equal(
		snapshot_post(&reader.mailbox, &make_table(1)->snapshot, on_table, &reader), 0);
	reader_close(&reader);
	assert_int_equal(atomic_load(&n_freed), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_reference_frees),
		cmocka_unit_test(every_reader_gets_each_snapshot_and_all_are_freed),
		cmocka_unit_test(snapshot_that_nobody_reads_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
