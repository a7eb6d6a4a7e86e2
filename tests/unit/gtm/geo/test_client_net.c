/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/geo/client_net.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct addr ip(const char *text)
{
	struct addr addr;

	assert_true(addr_parse_ip(span_str(text), &addr));
	return addr;
}

static void a_resolver_is_known_to_its_last_bit(void **state)
{
	(void)state;
	struct addr v4 = ip("192.0.2.7"), v6 = ip("2001:db8::7");
	struct client_net net = client_net_of_addr(&v4);
	assert_true(net.is_v4 && !net.from_ecs);
	assert_int_equal(net.bits, 128);
	assert_memory_equal(net.key + 12, "\xc0\x00\x02\x07", 4);
	net = client_net_of_addr(&v6);
	assert_false(net.is_v4);
	assert_memory_equal(net.key, "\x20\x01\x0d\xb8", 4);
}

static void a_client_subnet_goes_before_the_resolver(void **state)
{
	(void)state;
	struct addr resolver = ip("192.0.2.7");
	struct client_net net = client_net_of_ecs(1, 20, span_of("\xcb\x00\x70", 3), &resolver);
	assert_true(net.is_v4 && net.from_ecs);
	assert_int_equal(net.bits, 96 + 20);
	assert_int_equal(net.source_bits, 20);
	assert_memory_equal(net.key + 12, "\xcb\x00\x70\x00", 4);
	net = client_net_of_ecs(2, 32, span_of("\x20\x01\x0d\xb8", 4), &resolver);
	assert_false(net.is_v4);
	assert_int_equal(net.bits, 32);
}

static void a_client_that_hides_gets_the_resolvers_place(void **state)
{
	(void)state; /* RFC 7871 7.1.2 */
	struct addr resolver = ip("192.0.2.7");
	struct client_net net = client_net_of_ecs(1, 0, SPAN_NONE, &resolver);
	assert_true(net.from_ecs);
	assert_int_equal(net.source_bits, 0);
	assert_memory_equal(net.key + 12, "\xc0\x00\x02\x07", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_resolver_is_known_to_its_last_bit),
		cmocka_unit_test(a_client_subnet_goes_before_the_resolver),
		cmocka_unit_test(a_client_that_hides_gets_the_resolvers_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
