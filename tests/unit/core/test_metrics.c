/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/metrics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/metrics.h"

#include <pthread.h>
#include <string.h>

#include "core/obj.h"

enum { REQUESTS, IN_FLIGHT, DURATION, N_DEFS };

/* The order of the table is not the order of the names. */
static const struct metric_def defs[N_DEFS] = {
	[REQUESTS] = { "test_requests_total", METRIC_COUNTER, "Requests that were answered." },
	[IN_FLIGHT] = { "test_in_flight", METRIC_GAUGE, "Requests under way." },
	[DURATION] = { "test_duration_seconds", METRIC_HISTOGRAM, "How long a request took." },
};

static const struct metric_def other_defs[] = {
	{ "test_requests_total", METRIC_COUNTER, "Requests that were answered." },
};

static int reset(void **state)
{
	(void)state;
	metrics_reset();
	assert_int_equal(metric_read("test_requests_total", NULL), 0);
	return 0;
}

static struct metric_block *block_of(const char *labels)
{
	struct metric_block *block = NULL;

	assert_int_equal(metric_block_new(defs, N_DEFS, labels, &block), 0);
	return block;
}

static const char *render(struct buf *buf)
{
	buf_init(buf, 1 << 20);
	metrics_render(buf);
	assert_non_null(buf_text(buf));
	return buf_text(buf);
}

static void blocks_of_equal_labels_are_summed(void **state)
{
	struct metric_block *a = block_of("pool=\"app\""), *b = block_of("pool=\"app\"");
	struct metric_block *c = block_of("pool=\"web\"");

	(void)state;
	metric_add(a, REQUESTS, 2);
	metric_add(b, REQUESTS, 3);
	metric_add(c, REQUESTS, 10);
	metric_move(a, IN_FLIGHT, -4);
	metric_move(b, IN_FLIGHT, 1);
	metric_set(c, IN_FLIGHT, 7);
	assert_int_equal(metric_read("test_requests_total", "pool=\"app\""), 5);
	assert_int_equal(metric_read("test_requests_total", NULL), 15);
	assert_int_equal(metric_read("test_in_flight", "pool=\"app\""), -3);
	assert_int_equal(metric_read("test_in_flight", NULL), 4);
	assert_int_equal(metric_read("test_nothing", NULL), 0);
	metric_block_free(a);
	metric_block_free(b);
	metric_block_free(c);
	metric_block_free(NULL);
}

static void freed_block_leaves_its_counters_and_takes_its_gauges(void **state)
{
	struct metric_block *a = block_of(NULL), *b = block_of(NULL);

	(void)state;
	metric_add(a, REQUESTS, 2);
	metric_set(a, IN_FLIGHT, 5);
	metric_observe_us(a, DURATION, 1);
	metric_set(b, IN_FLIGHT, 1);
	metric_block_free(a);
	assert_int_equal(metric_read("test_requests_total", ""), 2);
	assert_int_equal(metric_read("test_duration_seconds", ""), 1);
	assert_int_equal(metric_read("test_in_flight", ""), 1);
	metric_block_free(b);
	b = block_of(NULL);
	metric_add(b, REQUESTS, 1);
	assert_int_equal(metric_read("test_requests_total", ""), 3);
	metric_block_free(b);
}

static void text_is_sorted_and_explains_each_name_once(void **state)
{
	struct metric_block *b = block_of("pool=\"b\""), *a = block_of("pool=\"a\""), *other;
	struct buf buf;

	(void)state;
	assert_int_equal(metric_block_new(other_defs, 1, "pool=\"a\"", &other), 0);
	metric_add(a, REQUESTS, 1);
	metric_add(other, REQUESTS, 5); /* declared twice: one series */
	metric_add(b, REQUESTS, 2);
	metric_set(a, IN_FLIGHT, -3);
	const char *text = render(&buf);
	const char *gauge = strstr(text, "# HELP test_in_flight Requests under way.\n"
					 "# TYPE test_in_flight gauge\n"
					 "test_in_flight{pool=\"a\"} -3\n"
					 "test_in_flight{pool=\"b\"} 0\n"
					 "# HELP test_requests_total Requests that were "
					 "answered.\n"
					 "# TYPE test_requests_total counter\n"
					 "test_requests_total{pool=\"a\"} 6\n"
					 "test_requests_total{pool=\"b\"} 2\n");
	assert_non_null(gauge);
	assert_ptr_equal(strstr(text, "# HELP test_duration_seconds"), text);
	buf_fini(&buf);
	metric_block_free(a);
	metric_block_free(b);
	metric_block_free(other);
}

static void histogram_counts_up_to_each_bound(void **state)
{
	static const uint64_t seen_us[] = { 0, 50, 51, 1500, 60000000, 60000001 };
	struct metric_block *block = block_of(NULL);
	struct buf buf;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen_us); i++)
		metric_observe_us(block, DURATION, seen_us[i]);
	const char *text = render(&buf);
	assert_non_null(strstr(text, "# TYPE test_duration_seconds histogram\n"
				     "test_duration_seconds_bucket{le=\"0.00005\"} 2\n"
				     "test_duration_seconds_bucket{le=\"0.0001\"} 3\n"));
	assert_non_null(strstr(text, "{le=\"0.001\"} 3\n"
				     "test_duration_seconds_bucket{le=\"0.002\"} 4\n"));
	assert_non_null(strstr(text, "{le=\"60\"} 5\n"
				     "test_duration_seconds_bucket{le=\"+Inf\"} 6\n"
				     "test_duration_seconds_sum 120.001602\n"
				     "test_duration_seconds_count 6\n"));
	assert_non_null(strstr(text, "\ntest_in_flight 0\n")); /* no labels, no braces */
	buf_fini(&buf);
	metric_block_free(block);
}

static void labelled_histogram_puts_the_bound_behind_the_labels(void **state)
{
	struct metric_block *block = block_of("pool=\"a\"");
	struct buf buf;

	(void)state;
	const char *text = render(&buf);
	assert_non_null(strstr(text, "test_duration_seconds_bucket{pool=\"a\",le=\"0.05\"} 0\n"));
	assert_non_null(strstr(text, "test_duration_seconds_sum{pool=\"a\"} 0.000000\n"));
	buf_fini(&buf);
	metric_block_free(block);
}

static void text_that_does_not_fit_is_said_to_fail(void **state)
{
	struct metric_block *block = block_of(NULL);
	struct buf buf;

	(void)state;
	buf_init(&buf, 100);
	metrics_render(&buf);
	assert_null(buf_text(&buf));
	buf_fini(&buf);
	metric_block_free(block);
}

enum { N_THREADS = 4, N_COUNTED = 20000 };

static void *count_many(void *arg)
{
	struct metric_block *block = NULL;

	(void)arg;
	MUST(metric_block_new(defs, N_DEFS, "worker=\"x\"", &block) == 0);
	for (int i = 0; i < N_COUNTED; i++) {
		metric_add(block, REQUESTS, 1);
		metric_move(block, IN_FLIGHT, i % 2 ? 1 : -1);
		metric_observe_us(block, DURATION, (uint64_t)i);
	}
	metric_block_free(block);
	return NULL;
}

static void threads_count_while_others_read(void **state)
{
	pthread_t threads[N_THREADS];
	int64_t last = 0;

	(void)state;
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	for (int i = 0; i < 20; i++) {
		struct buf buf;
		render(&buf);
		buf_fini(&buf);
		int64_t now = metric_read("test_requests_total", NULL);
		assert_true(now >= last); /* a counter never goes back */
		last = now;
	}
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_read("test_requests_total", NULL), N_THREADS * N_COUNTED);
	assert_int_equal(metric_read("test_duration_seconds", NULL), N_THREADS * N_COUNTED);
	assert_int_equal(metric_read("test_in_flight", NULL), 0);
}

#define METRIC_TEST(test) cmocka_unit_test_teardown(test, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		METRIC_TEST(blocks_of_equal_labels_are_summed),
		METRIC_TEST(freed_block_leaves_its_counters_and_takes_its_gauges),
		METRIC_TEST(text_is_sorted_and_explains_each_name_once),
		METRIC_TEST(histogram_counts_up_to_each_bound),
		METRIC_TEST(labelled_histogram_puts_the_bound_behind_the_labels),
		METRIC_TEST(text_that_does_not_fit_is_said_to_fail),
		METRIC_TEST(threads_count_while_others_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
