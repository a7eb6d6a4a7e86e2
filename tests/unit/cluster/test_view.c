/* SPDX-License-Identifier: Apache-2.0
 *
 * view: members and services are found by name and id.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/view.h"

static void members_and_services_are_found(void **state)
{
	struct view *view = view_new(2);
	char name[] = "edge-1";

	(void)state;
	view->members[0] = (struct view_member){ .id = { { 1 } }, .name = view_str(view, name) };
	view->members[1] = (struct view_member){ .id = { { 2 } } };
	name[0] = 'x';
	view->members[1].services = view_services(view, 2);
	view->members[1].n_services = 2;
	view->members[1].services[0].name = view_str(view, "api");
	view->members[1].services[1].name = view_str(view, "web");
	assert_string_equal(view_member_by_id(view, &(struct member_id){ { 1 } })->name, "edge-1");
	assert_null(view_member_by_id(view, &(struct member_id){ { 3 } }));
	assert_ptr_equal(view_service_by_name(&view->members[1], "web"),
			 &view->members[1].services[1]);
	assert_null(view_service_by_name(&view->members[0], "web"));
	view_unref(view_ref(view));
	view_unref(view);
	view_unref(NULL);
}

static void empty_view_has_nobody(void **state)
{
	struct view *view = view_new(0);

	(void)state;
	assert_null(view_member_by_id(view, &(struct member_id){ { 1 } }));
	assert_null(view_new(SIZE_MAX / 2));
	view_unref(view);
}

static void every_state_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(member_state_name(MEMBER_ALIVE), "alive");
	assert_string_equal(member_state_name(MEMBER_SUSPECT), "suspect");
	assert_string_equal(member_state_name(MEMBER_DEAD), "dead");
	assert_string_equal(member_state_name(MEMBER_LEFT), "left");
	assert_string_equal(health_state_name(HEALTH_UNKNOWN), "unknown");
	assert_string_equal(health_state_name(HEALTH_UP), "up");
	assert_string_equal(health_state_name(HEALTH_DEGRADED), "degraded");
	assert_string_equal(health_state_name(HEALTH_DOWN), "down");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_services_are_found),
		cmocka_unit_test(empty_view_has_nobody),
		cmocka_unit_test(every_state_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
