/* SPDX-License-Identifier: Apache-2.0
 *
 * content: what a member says of itself comes back as it was, and nonsense does not come in.
 */
#include "tests/unit/cluster/fixture.h"

#include <math.h>

#include "cluster/wire/content.h"
#include "proto/cluster.pb-c.h"

static int door_make(void **state)
{
	struct door *door = calloc(1, sizeof(*door));

	door_init(door, CONTENT_MAX_BYTES);
	*state = door;
	return 0;
}

static int door_drop(void **state)
{
	door_fini(*state);
	free(*state);
	return 0;
}

static void node_comes_back(void **state)
{
	struct content_node node = { .has_location = true,
				     .latitude = 53.35,
				     .longitude = -6.26,
				     .n_addresses = 2,
				     .capacity_rps = 20000,
				     .version = "0.1.0" },
			    back;
	uint8_t bytes[CONTENT_MAX_BYTES];

	assert_true(addr_parse_ip(SPAN_LIT("203.0.113.10"), &node.addresses[0]));
	assert_true(addr_parse_ip(SPAN_LIT("2001:db8::1"), &node.addresses[1]));
	size_t len = content_pack_node(&node, bytes);
	assert_true(content_unpack_node(*state, span_of(bytes, len), &back));
	assert_int_equal(back.n_addresses, 2);
	assert_true(addr_eq(&back.addresses[1], &node.addresses[1]));
	assert_true(back.has_location && back.longitude < -6.25);
	assert_int_equal(back.capacity_rps, 20000);
	assert_string_equal(back.version, "0.1.0");
}

static void node_that_makes_no_sense_is_refused(void **state)
{
	struct content_node node = { .has_location = true, .latitude = NAN }, back;
	uint8_t bytes[CONTENT_MAX_BYTES];

	assert_false(content_unpack_node(*state, span_of(bytes, content_pack_node(&node, bytes)),
					 &back));
	node.latitude = 91;
	assert_false(content_unpack_node(*state, span_of(bytes, content_pack_node(&node, bytes)),
					 &back));
	node.latitude = 0;
	snprintf(node.version, sizeof(node.version), "1\n2");
	assert_false(content_unpack_node(*state, span_of(bytes, content_pack_node(&node, bytes)),
					 &back));
	/* An address of three bytes; a latitude alone. */
	assert_false(content_unpack_node(*state,
					 SPAN_LIT("\x1a\x03"
						  "abc"),
					 &back));
	assert_false(content_unpack_node(*state, SPAN_LIT("\x09\0\0\0\0\0\0\0\0"), &back));
}

static void services_come_back(void **state)
{
	const struct view_service services[] = {
		{ .name = "web",
		  .health = HEALTH_UP,
		  .share_pct = 100,
		  .n_origins = 2,
		  .n_origins_up = 2 },
		{ .name = "api", .health = HEALTH_DOWN, .share_pct = 0, .n_origins = 3 },
	};
	struct view_service back[CONTENT_PAGE_SERVICES];
	struct view *view = view_new(0);
	uint8_t bytes[CONTENT_MAX_BYTES];
	size_t n = 9;

	size_t len = content_pack_services(services, 2, bytes);
	assert_true(content_unpack_services(*state, span_of(bytes, len), view, back, &n));
	assert_int_equal(n, 2);
	assert_string_equal(back[0].name, "web");
	assert_int_equal(back[0].share_pct, 100);
	assert_int_equal(back[1].health, HEALTH_DOWN);
	len = content_pack_services(services, 0, bytes);
	assert_true(content_unpack_services(*state, span_of(bytes, len), view, back, &n));
	assert_int_equal(n, 0);
	view_unref(view);
}

static void longest_page_fits(void **state)
{
	struct view_service services[CONTENT_PAGE_SERVICES], back[CONTENT_PAGE_SERVICES];
	char name[CONTENT_NAME_MAX + 1];
	struct view *view = view_new(0);
	uint8_t bytes[CONTENT_MAX_BYTES];
	size_t n;

	memset(name, 'n', sizeof(name) - 1);
	name[CONTENT_NAME_MAX] = '\0';
	for (size_t i = 0; i < CONTENT_PAGE_SERVICES; i++)
		services[i] = (struct view_service){ .name = name,
						     .health = HEALTH_DOWN,
						     .share_pct = 100,
						     .n_origins = UINT16_MAX,
						     .n_origins_up = UINT16_MAX };
	size_t len = content_pack_services(services, CONTENT_PAGE_SERVICES, bytes);
	assert_int_not_equal(len, 0);
	assert_true(content_unpack_services(*state, span_of(bytes, len), view, back, &n));
	assert_int_equal(n, CONTENT_PAGE_SERVICES);
	assert_int_equal(content_pack_services(services, CONTENT_PAGE_SERVICES + 1, bytes), 0);
	view_unref(view);
}

static void services_that_make_no_sense_are_refused(void **state)
{
	const struct view_service rows[] = {
		{ .name = "" },
		{ .name = "b\x7f" },
		{ .name = "b", .share_pct = 101 },
		{ .name = "b", .n_origins = 1, .n_origins_up = 2 },
		{ .name = "b", .health = (enum health_state)4 },
	};
	struct view_service back[CONTENT_PAGE_SERVICES];
	struct view *view = view_new(0);
	uint8_t bytes[CONTENT_MAX_BYTES];
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = content_pack_services(&rows[i], 1, bytes);

		assert_int_not_equal(len, 0);
		assert_false(content_unpack_services(*state, span_of(bytes, len), view, back, &n));
	}
	view_unref(view);
}

static void load_and_drain_come_back_whole_or_not_at_all(void **state)
{
	const struct content_load load = { 1234567, 89 };
	uint8_t bytes[CONTENT_MAX_BYTES];
	struct content_load back;
	bool draining = false;

	size_t len = content_pack_load(&load, bytes);
	assert_true(content_unpack_load(*state, span_of(bytes, len), &back));
	assert_int_equal(back.requests_per_second, 1234567);
	assert_int_equal(back.open_connections, 89);
	for (size_t i = 0; i < len; i++)
		assert_false(content_unpack_load(*state, span_of(bytes, i), &back));
	len = content_pack_drain(true, bytes);
	assert_true(content_unpack_drain(*state, span_of(bytes, len), &draining));
	assert_true(draining);
	assert_false(content_unpack_drain(*state, SPAN_NONE, &draining));
}

static void only_edges_speak_of_services_and_load(void **state)
{
	(void)state;
	assert_true(content_allowed(CONTENT_SERVICES, ROLE_EDGE));
	assert_false(content_allowed(CONTENT_SERVICES, ROLE_GTM));
	assert_false(content_allowed(CONTENT_LOAD, ROLE_GTM));
	assert_true(content_allowed(CONTENT_NODE, ROLE_GTM));
	assert_true(content_allowed(99, ROLE_GTM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_comes_back),
		cmocka_unit_test(node_that_makes_no_sense_is_refused),
		cmocka_unit_test(services_come_back),
		cmocka_unit_test(longest_page_fits),
		cmocka_unit_test(services_that_make_no_sense_are_refused),
		cmocka_unit_test(load_and_drain_come_back_whole_or_not_at_all),
		cmocka_unit_test(only_edges_speak_of_services_and_load),
	};

	return cmocka_run_group_tests(tests, door_make, door_drop);
}
