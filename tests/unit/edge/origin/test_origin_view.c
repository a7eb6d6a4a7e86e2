/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/origin/origin_view: identities and shares.
 */
#include "../edge_test.h"

#include "edge/origin/origin_view.h"

static struct origin_fact fact(uint32_t weight, enum origin_state state)
{
	return (struct origin_fact){ .weight = weight, .state = state };
}

static void share_counts_weights_and_what_is_unresolved(void **state)
{
	struct origin_fact facts[] = { fact(3, ORIGIN_UP), fact(1, ORIGIN_DOWN),
				       fact(2, ORIGIN_UNKNOWN) };
	const struct origin_pool_fact pool = {
		.origins = facts, .n_origins = 3, .n_servers_unresolved = 1, .unresolved_weight = 4
	};
	struct origin_share share = { 0 };

	(void)state;
	assert_int_equal(origin_share_pct(&share), 100);
	origin_share_add(&share, &pool);
	assert_int_equal(share.n_origins, 4);
	assert_int_equal(share.n_up, 2);
	assert_int_equal(share.n_pending, 0);
	assert_int_equal(origin_share_pct(&share), 50);
}

static void identity_depends_on_pool_server_and_address(void **state)
{
	struct addr one, two, other_port;

	(void)state;
	assert_true(addr_parse(SPAN_LIT("192.0.2.1:80"), &one));
	assert_true(addr_parse(SPAN_LIT("192.0.2.2:80"), &two));
	assert_true(addr_parse(SPAN_LIT("192.0.2.1:81"), &other_port));
	uint64_t id = origin_id("app", "a:80", &one);
	assert_int_equal(id, origin_id("app", "a:80", &one));
	assert_int_not_equal(id, origin_id("app", "a:80", &two));
	assert_int_not_equal(id, origin_id("app", "b:80", &one));
	assert_int_not_equal(id, origin_id("web", "a:80", &one));
	assert_int_not_equal(id, origin_id("app", "a:80", &other_port));
}

static void pool_is_found_by_name(void **state)
{
	struct origin_view *view = origin_view_new(2);

	(void)state;
	assert_non_null(view);
	view->pools[0].name = "a";
	view->pools[1].name = "b";
	assert_ptr_equal(origin_view_pool(view, "b"), &view->pools[1]);
	assert_null(origin_view_pool(view, "c"));
	origin_view_unref(view);
	origin_view_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share_counts_weights_and_what_is_unresolved),
		cmocka_unit_test(identity_depends_on_pool_server_and_address),
		cmocka_unit_test(pool_is_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
