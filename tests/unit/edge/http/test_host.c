/* SPDX-License-Identifier: Apache-2.0
 *
 * test_host: the value of Host.
 */
#include "edge/http/host.h"

#include "tests/unit/edge/edge_test.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 16384);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void hosts_are_read_into_their_parts(void **state)
{
	static const struct {
		const char *text, *authority, *host;
		uint16_t port;
	} cases[] = {
		{ "a.test", "a.test", "a.test", 0 },
		{ "A.Test:8080", "A.Test:8080", "a.test", 8080 },
		{ "a.test:", "a.test", "a.test", 0 }, /* RFC 3986 3.2.3 */
		{ "a.test.", "a.test.", "a.test", 0 },
		{ "127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", 1 },
		{ "[::1]", "[::1]", "[::1]", 0 },
		{ "[2001:DB8::1]:443", "[2001:DB8::1]:443", "[2001:db8::1]", 443 },
		{ "under_score", "under_score", "under_score", 0 },
		/* RFC 3986 3.2.2: escapes and sub-delims belong to reg-name */
		{ "a%2Db.test", "a%2Db.test", "a%2db.test", 0 },
		{ "a!$&'()*+,;=b", "a!$&'()*+,;=b", "a!$&'()*+,;=b", 0 },
		{ "xn--4ca.test", "xn--4ca.test", "xn--4ca.test", 0 },
		{ "-a-.test", "-a-.test", "-a-.test", 0 },
		{ "[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]", 80 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_host host;
		assert_int_equal(http_host_parse(span_str(cases[i].text), &arena, &host),
				 HTTP_HOST_OK);
		assert_true(span_eq(host.authority, span_str(cases[i].authority)));
		assert_true(span_eq(host.host, span_str(cases[i].host)));
		assert_int_equal(host.port, cases[i].port);
	}
}

static void what_is_no_host_is_refused(void **state)
{
	static const char *const cases[] = {
		"",          ".",
		"a..b",      ".a",
		"a b",       "a/b",
		"a@b",       "a%",
		"a<b>",      "a:b",
		"a:80:81",   "a:65536",
		"a:0",       "a:-1",
		"a:+1",      "[::1",
		"::1",       "[::1]x",
		"[a]",       "[]",
		"[::1]:x",   "a%4",
		"a\x80",     "a\x7f",
		"a\tb",      "a:000080",
		"http://a",  "a?b",
		"[1.2.3.4]", "a%g0",
		"%",         "a#b",
		"[v1.a]",    "[fe80::1%251]",
		"a\\b",      "a\"b",
		"a|b",       "[]:80",
		":80",       "[::1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_host host;
		if (http_host_parse(span_str(cases[i]), &arena, &host) != HTTP_HOST_BAD)
			fail_msg("\"%s\" was taken", cases[i]);
	}
}

static void each_byte_of_a_name_is_what_reg_name_says(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		uint8_t text[] = { 'a', (uint8_t)i, 'b' };
		bool upper = i >= 'A' && i <= 'Z';
		bool alnum = upper || (i >= 'a' && i <= 'z') || (i >= '0' && i <= '9');
		/* RFC 3986 2.2, 2.3, 3.2.2 */
		bool fits = alnum || (i && strchr("-._~!$&'()*+,;=", i));
		struct http_host host;
		int r = http_host_parse(span_of(text, sizeof(text)), &arena, &host);
		assert_int_equal(r, fits ? HTTP_HOST_OK : HTTP_HOST_BAD);
		if (fits)
			assert_int_equal(host.host.at[1], upper ? i | 0x20 : i);
	}
}

static void absent_port_is_the_usual_one(void **state)
{
	struct http_host a, b;

	(void)state;
	assert_int_equal(http_host_parse(SPAN_LIT("A.test"), &arena, &a), HTTP_HOST_OK);
	assert_int_equal(http_host_parse(SPAN_LIT("a.test.:443"), &arena, &b), HTTP_HOST_OK);
	assert_true(http_host_same(&a, &b, SPAN_LIT("https")));
	assert_false(http_host_same(&a, &b, SPAN_LIT("http")));
	assert_int_equal(http_host_parse(SPAN_LIT("b.test"), &arena, &b), HTTP_HOST_OK);
	assert_false(http_host_same(&a, &b, SPAN_LIT("http")));
}

static void full_arena_is_an_error(void **state)
{
	struct arena small;
	struct http_host host;

	(void)state;
	arena_init(&small, 4);
	assert_int_equal(http_host_parse(SPAN_LIT("a.test"), &small, &host), -ENOBUFS);
	arena_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hosts_are_read_into_their_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_host_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(each_byte_of_a_name_is_what_reg_name_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(absent_port_is_the_usual_one, setup, teardown),
		cmocka_unit_test(full_arena_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
