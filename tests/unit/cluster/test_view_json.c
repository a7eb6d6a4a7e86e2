/* SPDX-License-Identifier: Apache-2.0
 *
 * view_json: what meridianctl and people read of a view.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/cluster.h"

static void all_of_a_member_is_shown(void **state)
{
	struct view *view = view_new(1);
	struct view_member *m = view->members;

	(void)state;
	*m = (struct view_member){ .id = { { 0xab } },
				   .name = "e1",
				   .region = "eu-west",
				   .roles = ROLE_EDGE | ROLE_GTM,
				   .state = MEMBER_SUSPECT,
				   .incarnation = 7,
				   .has_location = true,
				   .latitude = 1.5,
				   .capacity_rps = 100,
				   .load_rps = 50,
				   .draining = true,
				   .version = "0.1.0",
				   .n_addresses = 1 };
	assert_true(addr_parse_ip(SPAN_LIT("203.0.113.10"), &m->addresses[0]));
	assert_true(addr_parse(SPAN_LIT("10.0.0.1:7946"), &m->gossip_addr));
	m->services = view_services(view, 1);
	m->n_services = 1;
	m->services[0] =
		(struct view_service){ .name = "api", .health = HEALTH_UP, .share_pct = 50 };
	CLEANUP(json_drop) json_t *json = view_to_json(view);
	struct buf text;
	buf_init(&text, 4096);
	json_into(&text, json_array_get(json_object_get(json, "members"), 0));
	static const char *const parts[] = { "\"ab00000000000000\"", "\"eu-west\"",
					     "[\"edge\",\"gtm\"]",   "\"suspect\"",
					     "\"10.0.0.1:7946\"",    "[\"203.0.113.10\"]",
					     "\"latitude\":1.5",     "\"draining\":true",
					     "\"load_rps\":50",      "\"share_pct\":50" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!strstr(buf_text(&text), parts[i]))
			fail_msg("no %s in %s", parts[i], buf_text(&text));
	}
	buf_fini(&text);
	view_unref(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_of_a_member_is_shown) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
