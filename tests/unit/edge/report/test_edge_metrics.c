/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/report/edge_metrics: every counter has its name, the reasons' too.
 */
#include "../edge_test.h"

#include "edge/report/edge_metrics.h"

static void blocks_of_workers_are_summed(void **state)
{
	struct metric_block *one, *two;

	(void)state;
	assert_int_equal(edge_metrics_new(&one), 0);
	assert_int_equal(edge_metrics_new(&two), 0);
	metric_add(one, EDGE_METRIC_REQUESTS, 2);
	metric_add(two, EDGE_METRIC_REQUESTS, 3);
	metric_move(one, EDGE_METRIC_CONNECTIONS_OPEN, 7);
	metric_move(two, EDGE_METRIC_CONNECTIONS_OPEN, -1);
	assert_int_equal(metric_read("meridian_edge_requests_total", NULL), 5);
	assert_int_equal(metric_read("meridian_edge_connections_open", NULL), 6);
	metric_block_free(one);
	metric_block_free(two);
	metrics_reset();
}

static void each_reason_has_a_counter_named_after_its_word(void **state)
{
	struct metric_block *block;
	struct buf text;

	(void)state;
	assert_int_equal(edge_metrics_new(&block), 0);
	edge_metrics_ended(block, REASON_ORIGIN_CLOSED);
	edge_metrics_ended(block, REASON_SHUTDOWN);
	assert_int_equal(metric_read("meridian_edge_ended_origin_closed_total", NULL), 1);
	assert_int_equal(metric_read("meridian_edge_ended_shutdown_total", NULL), 1);
	assert_int_equal(metric_read("meridian_edge_ended_done_total", NULL), 0);
	buf_init(&text, 1 << 20);
	metrics_render(&text);
	assert_non_null(strstr(buf_text(&text), "meridian_edge_ended_client_tls_total 0\n"));
	buf_fini(&text);
	metric_block_free(block);
	metrics_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_workers_are_summed),
		cmocka_unit_test(each_reason_has_a_counter_named_after_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
