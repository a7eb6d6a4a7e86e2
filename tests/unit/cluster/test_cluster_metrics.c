/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_metrics: every reason has its counter.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/cluster_metrics.h"

static void rejects_are_counted_by_reason(void **state)
{
	struct cluster_metrics metrics;

	(void)state;
	assert_int_equal(cluster_metrics_init(&metrics), 0);
	cluster_metrics_rejected(&metrics, REJECT_OTHER_GROUP);
	cluster_metrics_rejected(&metrics, REJECT_FACT);
	metric_add(metrics.block, CLUSTER_METRIC_VIEWS, 3);
	assert_int_equal(metric_read("meridian_cluster_rejected_total", "reason=\"other_group\""),
			 1);
	assert_int_equal(metric_read("meridian_cluster_rejected_total", NULL), 2);
	assert_int_equal(metric_read("meridian_cluster_views_total", NULL), 3);
	cluster_metrics_fini(&metrics);
	cluster_metrics_fini(&metrics);
	metrics_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rejects_are_counted_by_reason) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
