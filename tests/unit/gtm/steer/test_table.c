/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/steer/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/gtm/steer/world.h"

static const struct steer_site *site(struct world *w, size_t region)
{
	return &w->table->rows[0].sites[region];
}

static void a_site_says_why_it_is_up_or_down(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 2, HEALTH_UP);
	world_edges(w, "us-east", 1, HEALTH_DOWN);
	world_build(w);
	assert_string_equal(site(w, 0)->why, "up");
	assert_string_equal(site(w, 1)->why, "its edges say it does not work");
	assert_string_equal(site(w, 2)->why, "no edge has named the service");
	w->view->members[0].state = w->view->members[1].state = MEMBER_DEAD;
	world_build(w);
	assert_string_equal(site(w, 0)->why, "no live edge");
	world_free(w);
}

static void share_is_weighed_by_capacity(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	world_edges(w, "eu-west", 1, HEALTH_DOWN);
	w->view->members[0].capacity_rps = 100;
	w->view->members[1].capacity_rps = 900;
	world_build(w);
	assert_int_equal(site(w, 0)->share_pct, 10);
	assert_false(site(w, 0)->up);
	world_free(w);
}

static void a_suspect_is_used_until_it_is_dead(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	w->view->members[0].state = MEMBER_SUSPECT;
	world_build(w);
	assert_true(site(w, 0)->up);
	world_free(w);
}

static void refused_addresses_are_counted(void **state)
{
	(void)state;
	struct world *w = world_new();
	world_edges(w, "eu-west", 1, HEALTH_UP);
	w->view->members[0].addresses[0] = world_ip("203.0.113.40"); /* that is us-east's */
	world_build(w);
	assert_int_equal(site(w, 0)->n_refused, 1);
	assert_int_equal(site(w, 0)->families[STEER_A].n_edges, 0);
	steer_table_log_changes(NULL, w->table);
	world_free(w);
}

static void static_addresses_are_always_up(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct addr fixed = world_ip("192.0.2.9");
	w->regions[2].static_addresses = &fixed;
	w->regions[2].n_static_addresses = 1;
	world_build(w);
	assert_string_equal(world_choose(w, "193.1.0.1"), "ap-southeast");
	world_free(w);
}

static void every_bucket_has_its_edges_in_each_rows_range(void **state)
{
	(void)state;
	struct world *w = world_new();
	w->name.n_answers = 3;
	world_edges(w, "eu-west", 5, HEALTH_UP);
	world_build(w);
	const struct steer_site_family *family = &site(w, 0)->families[STEER_A];
	assert_int_equal(family->n_picks, 3);
	for (unsigned b = 0; b < STEER_BUCKETS; b++) {
		const uint16_t *row = family->buckets + b * 3;
		assert_true(row[0] < 5 && row[1] < 5 && row[2] < 5);
		assert_true(row[0] != row[1] && row[1] != row[2] && row[0] != row[2]);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_says_why_it_is_up_or_down),
		cmocka_unit_test(share_is_weighed_by_capacity),
		cmocka_unit_test(a_suspect_is_used_until_it_is_dead),
		cmocka_unit_test(refused_addresses_are_counted),
		cmocka_unit_test(static_addresses_are_always_up),
		cmocka_unit_test(every_bucket_has_its_edges_in_each_rows_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
