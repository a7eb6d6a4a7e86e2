/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/steer/steer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "gtm/geo/geo.h"
#include "tests/unit/gtm/steer/world.h"

static void the_nearest_region_answers(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_edges(w, "us-east", 1, HEALTH_UP);
	world_edges(w, "ap-southeast", 1, HEALTH_UP);
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "eu-west");
	assert_string_equal(world_choose(w, "128.8.0.1"), "us-east");
	assert_string_equal(world_choose(w, "165.21.0.1"), "ap-southeast");
	assert_string_equal(world_choose(w, "10.0.0.1"),
			    "eu-west"); /* unknown: the first configured */
	world_free(w);
}

static void a_region_whose_edges_say_down_is_passed_over(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 2, HEALTH_DOWN);
	world_edges(w, "us-east", 1, HEALTH_UP);
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "us-east");
	world_free(w);
}

static void one_working_edge_of_two_keeps_its_region_up(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_edges(w, "eu-west", 1, HEALTH_DOWN);
	world_edges(w, "us-east", 1, HEALTH_UP);
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "eu-west");
	world_free(w);
}

static void one_working_edge_of_ten_does_not(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_edges(w, "eu-west", 9, HEALTH_DOWN);
	world_edges(w, "us-east", 1, HEALTH_UP);
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "us-east");
	world_free(w);
}

static void the_dead_do_not_count_against_their_region(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_edges(w, "eu-west", 9, HEALTH_UP);
	for (size_t i = 1; i < 10; i++)
		w->view->members[i].state = MEMBER_DEAD;
	world_edges(w, "us-east", 1, HEALTH_UP);
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "eu-west");
	assert_int_equal(world_distinct(w), 1);
	world_free(w);
}

static void a_draining_edge_leaves_the_answers_at_once(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 2, HEALTH_UP);
	w->view->members[0].draining = true;
	world_build(w);
	assert_int_equal(world_distinct(w), 1);
	world_free(w);
}

static void when_all_are_down_all_count_as_up(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_DOWN);
	world_edges(w, "us-east", 1, HEALTH_UP);
	w->view->members[1].state = MEMBER_DEAD;
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "eu-west");
	assert_string_equal(world_choose(w, "128.8.0.1"), "us-east");
	world_free(w);
}

static void fail_open_spares_what_an_operator_drained(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_DOWN);
	world_edges(w, "us-east", 1, HEALTH_DOWN);
	w->view->members[0].draining = true;
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "us-east");
	world_free(w);
}

static void an_address_that_is_not_allowed_is_not_answered(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	w->view->members[0].addresses[0] = world_ip("198.51.100.66");
	world_edges(w, "us-east", 1, HEALTH_UP);
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "us-east");
	world_free(w);
}

static void a_gtm_cannot_answer_for_a_region(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	w->view->members[0].roles = ROLE_GTM;
	world_edges(w, "us-east", 1, HEALTH_UP);
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "us-east");
	world_free(w);
}

static void before_anything_is_known_there_is_the_fallback_or_nothing(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_build(w);
	struct steer_answer answer;
	struct client_net net = world_client("193.1.0.1");
	assert_int_equal(steer_choose(w->table, 0, 1, &net, &answer), STEER_NOTHING);

	struct addr fallback[] = { world_ip("192.0.2.1"), world_ip("2001:db8::1") };
	w->name.fallback = fallback;
	w->name.n_fallback = 2;
	world_build(w);
	assert_int_equal(steer_choose(w->table, 0, 1, &net, &answer), STEER_CHOSEN);
	assert_int_equal(answer.n_images, 1);
	assert_int_equal(answer.region, -1);
	assert_int_equal(answer.images[0]->type, 1);
	world_free(w);
}

static void a_family_that_nobody_has_is_nodata(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_build(w);
	struct steer_answer answer;
	struct client_net net = world_client("193.1.0.1");
	assert_int_equal(steer_choose(w->table, 0, 28, &net, &answer), STEER_CHOSEN);
	assert_int_equal(answer.n_images, 0);
	world_free(w);
}

static void edges_share_a_region_by_their_capacity(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 2, HEALTH_UP);
	w->view->members[0].capacity_rps = 3000;
	w->view->members[1].capacity_rps = 1000;
	world_build(w);
	unsigned n_first = 0;
	for (unsigned i = 0; i < 65536; i++) {
		struct client_net net = world_client("193.0.0.0");
		net.key[13] = (uint8_t)(i >> 8);
		net.key[14] = (uint8_t)i;
		struct steer_answer answer;
		steer_choose(w->table, 0, 1, &net, &answer);
		n_first += world_is_image_of(answer.images[0], &w->view->members[0]);
	}
	assert_in_range(n_first, 65536 * 68 / 100, 65536 * 82 / 100);
	world_free(w);
}

static void an_edge_that_leaves_moves_its_own_clients_alone(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 4, HEALTH_UP);
	world_build(w);
	const struct view_member *before[512];
	for (unsigned i = 0; i < 512; i++)
		before[i] = world_edge_for(w, i);
	w->view->members[2].draining = true;
	world_build(w);
	for (unsigned i = 0; i < 512; i++) {
		const struct view_member *after = world_edge_for(w, i);
		if (before[i] != &w->view->members[2])
			assert_ptr_equal(after, before[i]);
		else
			assert_ptr_not_equal(after, &w->view->members[2]);
	}
	world_free(w);
}

static void several_answers_are_distinct_edges(void **state)
{
	(void)state;
	struct world *w = world_new();
	w->name.n_answers = 3;
	world_edges(w, "eu-west", 2, HEALTH_UP);
	world_build(w);
	struct steer_answer answer;
	struct client_net net = world_client("193.1.0.1");
	assert_int_equal(steer_choose(w->table, 0, 1, &net, &answer), STEER_CHOSEN);
	assert_int_equal(answer.n_images, 2);
	assert_ptr_not_equal(answer.images[0], answer.images[1]);
	world_free(w);
}

static void two_gtms_with_one_view_choose_alike(void **state)
{
	(void)state;
	struct world *a = world_new(), *b = world_new();
	world_edges(a, "eu-west", 3, HEALTH_UP);
	world_edges(b, "eu-west", 3, HEALTH_UP);
	world_build(a);
	world_build(b);
	for (unsigned i = 0; i < 512; i++)
		assert_string_equal(world_edge_for(a, i)->name, world_edge_for(b, i)->name);
	world_free(a);
	world_free(b);
}

static void a_hidden_client_gets_scope_zero(void **state)
{
	(void)state; /* RFC 7871 7.2.1: the scope is not longer than 0 then */
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_build(w);
	struct addr resolver = world_ip("193.1.0.1");
	struct client_net net = client_net_of_ecs(1, 0, SPAN_NONE, &resolver);
	struct steer_answer answer;
	steer_choose(w->table, 0, 1, &net, &answer);
	assert_int_equal(answer.scope_bits, 0);
	net = client_net_of_ecs(1, 24, span_of("\xc1\x01\x00", 3), &resolver);
	steer_choose(w->table, 0, 1, &net, &answer);
	assert_true(answer.scope_bits > 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_region_answers),
		cmocka_unit_test(a_region_whose_edges_say_down_is_passed_over),
		cmocka_unit_test(one_working_edge_of_two_keeps_its_region_up),
		cmocka_unit_test(one_working_edge_of_ten_does_not),
		cmocka_unit_test(the_dead_do_not_count_against_their_region),
		cmocka_unit_test(a_draining_edge_leaves_the_answers_at_once),
		cmocka_unit_test(when_all_are_down_all_count_as_up),
		cmocka_unit_test(fail_open_spares_what_an_operator_drained),
		cmocka_unit_test(an_address_that_is_not_allowed_is_not_answered),
		cmocka_unit_test(a_gtm_cannot_answer_for_a_region),
		cmocka_unit_test(before_anything_is_known_there_is_the_fallback_or_nothing),
		cmocka_unit_test(a_family_that_nobody_has_is_nodata),
		cmocka_unit_test(edges_share_a_region_by_their_capacity),
		cmocka_unit_test(an_edge_that_leaves_moves_its_own_clients_alone),
		cmocka_unit_test(several_answers_are_distinct_edges),
		cmocka_unit_test(two_gtms_with_one_view_choose_alike),
		cmocka_unit_test(a_hidden_client_gets_scope_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
