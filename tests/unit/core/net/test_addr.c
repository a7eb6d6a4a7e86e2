/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/addr.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/net/addr.h"

#include "core/obj.h"

static struct addr must_parse(const char *text)
{
	struct addr addr = { 0 };

	assert_true(addr_parse(span_str(text), &addr));
	return addr;
}

static struct prefix must_prefix(const char *text)
{
	struct prefix prefix = { { 0 }, 0, 0 };

	assert_true(prefix_parse(span_str(text), &prefix));
	return prefix;
}

static void addresses_are_written_as_they_were_read(void **state)
{
	static const char *const texts[] = { "192.0.2.1:80", "0.0.0.0:0", "[::]:443",
					     "[2001:db8::1]:65535", "unix:/run/x.sock" };
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct addr addr = must_parse(texts[i]);
		assert_string_equal(addr_text(&addr, text), texts[i]);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"80",
		"192.0.2.1",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"::1:443",
		"[::1]",
		"[::1]443",
		"[::1:443",
		"1.2.3:80",
		"1.2.3.4.5:80",
		"unix:",
		"[]:1",
		"[1.2.3.4]:1",
		"host:80",
		"192.0.2.1:+80",
		"192.0.2.1: 80",
		" 1.2.3.4:80",
		"1.2.3.4:000080",
	};
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (addr_parse(span_str(texts[i]), &addr))
			fail_msg("was read: %s", texts[i]);
	assert_false(addr_parse(SPAN_NONE, &addr));
	assert_false(addr_parse(SPAN_LIT("1.2.3.4\0:80"), &addr));
	assert_false(addr_parse(SPAN_LIT("unix:/a\0b"), &addr));
}

static void unix_path_has_the_length_that_fits(void **state)
{
	char text[5 + 108 + 1] = "unix:";
	char out[ADDR_TEXT_MAX];
	struct addr addr;

	(void)state;
	memset(text + 5, 'a', 107);
	assert_true(addr_parse(span_str(text), &addr));
	assert_string_equal(addr_text(&addr, out), text);
	assert_true(addr_is_loopback(&addr));
	text[5 + 107] = 'a';
	assert_false(addr_parse(span_of(text, 5 + 108), &addr));
}

static void ip_alone_has_port_zero(void **state)
{
	char text[IP_TEXT_MAX];
	struct addr addr;

	(void)state;
	assert_true(addr_parse_ip(SPAN_LIT("2001:db8::1"), &addr));
	assert_int_equal(addr_port(&addr), 0);
	assert_string_equal(addr_ip_text(&addr, text), "2001:db8::1");
	assert_true(addr_parse_ip(SPAN_LIT("[::1]"), &addr));
	assert_true(addr_is_loopback(&addr));
	assert_true(addr_parse_ip(SPAN_LIT("127.9.9.9"), &addr));
	assert_true(addr_is_loopback(&addr));
	assert_false(addr_parse_ip(SPAN_LIT("127.0.0.1:80"), &addr));
}

static void mapped_address_counts_as_ipv4(void **state)
{
	struct addr mapped = must_parse("[::ffff:192.0.2.1]:80");
	struct addr plain = must_parse("192.0.2.1:80");
	struct prefix prefix = must_prefix("192.0.2.0/24");
	char text[IP_TEXT_MAX];

	(void)state;
	assert_true(addr_eq(&mapped, &plain));
	assert_int_equal(addr_ip(&mapped).len, 4);
	assert_true(prefix_has(&prefix, &mapped));
	assert_string_equal(addr_ip_text(&mapped, text), "192.0.2.1");
	prefix = must_prefix("::ffff:192.0.2.0/120");
	assert_string_equal(prefix_text(&prefix, text), "192.0.2.0/24");
}

static void equality_looks_at_address_and_port(void **state)
{
	struct addr a = must_parse("192.0.2.1:80"), b = must_parse("192.0.2.1:81");
	struct addr c = must_parse("unix:/a"), d = must_parse("unix:/b");
	struct addr link_1 = must_parse("[fe80::1]:1"), link_2 = link_1;

	(void)state;
	assert_false(addr_eq(&a, &b));
	assert_true(addr_ip_eq(&a, &b));
	assert_false(addr_eq(&a, &c));
	assert_false(addr_eq(&c, &d));
	assert_true(addr_eq(&c, &c));
	link_2.v6.sin6_scope_id = 2;
	assert_false(addr_eq(&link_1, &link_2));
}

static void sockaddr_and_bytes_give_the_same_address(void **state)
{
	struct addr a = must_parse("[2001:db8::9]:53");
	struct addr b = addr_from_sockaddr(&a.any, a.len);
	struct addr c = addr_from_ip(addr_ip(&a), 53);
	struct addr none = addr_from_ip(SPAN_LIT("abc"), 53);
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_true(addr_eq(&a, &b));
	assert_true(addr_eq(&a, &c));
	assert_int_equal(none.len, 0);
	assert_string_equal(addr_text(&none, text), "-");
	none = addr_from_sockaddr(&a.any, sizeof(a.v4));
	assert_int_equal(none.len, 0);
}

static void prefix_has_what_shares_its_bits(void **state)
{
	struct prefix net = must_prefix("10.32.0.0/11"), all = must_prefix("0.0.0.0/0");
	struct prefix v6 = must_prefix("2001:db8::/33");
	struct addr in = must_parse("10.63.255.255:1"), out = must_parse("10.64.0.0:1");
	struct addr in6 = must_parse("[2001:db8:7fff::1]:1"),
		    out6 = must_parse("[2001:db8:8000::]:1");

	(void)state;
	assert_true(prefix_has(&net, &in));
	assert_false(prefix_has(&net, &out));
	assert_true(prefix_has(&all, &out));
	assert_false(prefix_has(&all, &in6));
	assert_true(prefix_has(&v6, &in6));
	assert_false(prefix_has(&v6, &out6));
	assert_true(prefix_covers(&all, &net));
	assert_false(prefix_covers(&net, &all));
	assert_false(prefix_covers(&all, &v6));
}

static void prefix_with_bits_past_its_length_is_refused(void **state)
{
	static const char *const texts[] = { "10.0.0.1/8",
					     "10.0.0.0/33",
					     "2001:db8::1/64",
					     "::/129",
					     "10.0.0.0/",
					     "10.0.0.0/0008",
					     "/8",
					     "",
					     "[::1]/128",
					     "::ffff:1.2.3.4/95" };
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (prefix_parse(span_str(texts[i]), &prefix))
			fail_msg("was read: %s", texts[i]);
}

static void prefix_is_cut_to_fewer_bits(void **state)
{
	struct addr addr = must_parse("192.0.2.255:1");
	struct prefix prefix = prefix_of(&addr, 24);
	char text[PREFIX_TEXT_MAX];

	(void)state;
	assert_string_equal(prefix_text(&prefix, text), "192.0.2.0/24");
	prefix = prefix_cut(prefix, 23);
	assert_string_equal(prefix_text(&prefix, text), "192.0.2.0/23");
	prefix = prefix_cut(prefix, 0);
	assert_string_equal(prefix_text(&prefix, text), "0.0.0.0/0");
	prefix = prefix_of(&addr, 128);
	assert_string_equal(prefix_text(&prefix, text), "192.0.2.255/32");
	prefix = must_prefix("2001:db8::1");
	assert_int_equal(prefix.bits, 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_written_as_they_were_read),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(unix_path_has_the_length_that_fits),
		cmocka_unit_test(ip_alone_has_port_zero),
		cmocka_unit_test(mapped_address_counts_as_ipv4),
		cmocka_unit_test(equality_looks_at_address_and_port),
		cmocka_unit_test(sockaddr_and_bytes_give_the_same_address),
		cmocka_unit_test(prefix_has_what_shares_its_bits),
		cmocka_unit_test(prefix_with_bits_past_its_length_is_refused),
		cmocka_unit_test(prefix_is_cut_to_fewer_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
