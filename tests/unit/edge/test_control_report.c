/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/control_report: what the cluster would hear of a service.
 */
#include "edge_test.h"

#include "edge/control_priv.h"

/* A control of which only plan and origins are there. */
struct stage {
	struct control control;
	struct edge_plan plan;
	struct edge_conf edge;
	struct service_conf service;
	struct route_conf routes[2];
	struct origin_view view;
	struct origin_pool_fact pool;
	struct origin_fact facts[4];
};

static void stage_make(struct stage *stage, const char *states)
{
	*stage = (struct stage){ .control = { .kind = CONTROL_KIND } };
	stage->control.plan = &stage->plan;
	stage->control.origins = &stage->view;
	stage->plan.edge = &stage->edge;
	stage->edge.services = &stage->service;
	stage->edge.n_services = 1;
	stage->routes[0] = stage->routes[1] =
		(struct route_conf){ .proxy = { .set = true, .pool = "app" } };
	stage->service = (struct service_conf){
		.name = "web", .routes = stage->routes, .n_routes = 2, .degraded_below_pct = 50
	};
	stage->view.n_pools = 1;
	stage->view.pools = &stage->pool;
	stage->pool = (struct origin_pool_fact){
		.name = "app", .origins = stage->facts, .n_origins = strlen(states), .checked = true
	};
	for (size_t i = 0; states[i]; i++)
		stage->facts[i] = (struct origin_fact){
			.weight = 1,
			.state = states[i] == 'u'   ? ORIGIN_UP
				 : states[i] == 'd' ? ORIGIN_DOWN
						    : ORIGIN_UNKNOWN,
		};
}

static void health_follows_the_share_of_origins(void **state)
{
	static const struct {
		const char *states;
		enum health_state health;
		uint16_t share_pct, n_up;
	} rows[] = {
		{ "uuuu", HEALTH_UP, 100, 4 },      { "uudd", HEALTH_UP, 50, 2 },
		{ "uddd", HEALTH_DEGRADED, 25, 1 }, { "dddd", HEALTH_DOWN, 0, 0 },
		{ "????", HEALTH_UNKNOWN, 100, 4 }, { "?ddd", HEALTH_DEGRADED, 25, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage stage;
		stage_make(&stage, rows[i].states);
		struct service_report report = control_service_report(&stage.control, 0);
		assert_int_equal(report.health, rows[i].health);
		assert_int_equal(report.share_pct, rows[i].share_pct);
		assert_int_equal(report.n_origins_up, rows[i].n_up);
		assert_int_equal(report.n_origins, 4);
	}
}

static void pool_without_checks_counts_as_up(void **state)
{
	struct stage stage;

	(void)state;
	stage_make(&stage, "??");
	stage.pool.checked = false;
	assert_int_equal(control_service_report(&stage.control, 0).health, HEALTH_UP);
}

static void name_that_does_not_resolve_counts_as_down(void **state)
{
	struct stage stage;

	(void)state;
	stage_make(&stage, "");
	stage.pool.n_servers_unresolved = 1;
	stage.pool.unresolved_weight = 1;
	assert_int_equal(control_service_report(&stage.control, 0).health, HEALTH_DOWN);
}

static void service_that_answers_by_itself_is_up(void **state)
{
	struct stage stage;

	(void)state;
	stage_make(&stage, "dd");
	stage.routes[0] = stage.routes[1] = (struct route_conf){ .respond = { .set = true } };
	assert_int_equal(control_service_report(&stage.control, 0).health, HEALTH_UP);
	assert_int_equal(control_service_report(&stage.control, 0).share_pct, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_follows_the_share_of_origins),
		cmocka_unit_test(pool_without_checks_counts_as_up),
		cmocka_unit_test(name_that_does_not_resolve_counts_as_down),
		cmocka_unit_test(service_that_answers_by_itself_is_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
