/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http/accept_encoding: each row with its clause of RFC 9110.
 */
#include "edge/http/accept_encoding.h"

#include "tests/unit/edge/cache/cache_test.h"

enum { LINES = 3 };

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static struct accept_encoding accept_of(const char *const *lines)
{
	struct http_head request = head_of_lines(&arena, lines, LINES);
	struct accept_encoding accept;

	accept_encoding_read(&request, &accept);
	arena_empty(&arena);
	return accept;
}

static void ways_to_say_the_same_have_one_text(void **state)
{
	static const struct {
		const char *clause, *lines[LINES], *text;
	} rows[] = {
		/* clang-format off */
		{ "12.5.3 nothing said", { NULL }, "" },
		{ "12.5.3 none wanted", { "Accept-Encoding: " }, "" },
		{ "12.5.3", { "Accept-Encoding: gzip" }, "gzip" },
		{ "12.5.3", { "Accept-Encoding: gzip, deflate, br, zstd" }, "br,deflate,gzip,zstd" },
		{ "12.5.3 in any order", { "Accept-Encoding: zstd,br ,\tdeflate,, gzip" }, "br,deflate,gzip,zstd" },
		{ "12.5.3 several lines", { "Accept-Encoding: gzip", "accept-encoding: br" }, "br,gzip" },
		{ "12.5.3 unknown ones", { "Accept-Encoding: compress, gzip, sdch, dcb" }, "gzip" },
		{ "8.4.1 without case", { "Accept-Encoding: GZip, BR" }, "br,gzip" },
		{ "8.4.1.3", { "Accept-Encoding: x-gzip" }, "gzip" },
		{ "12.5.3 with weights", { "Accept-Encoding: br;q=1.0, gzip; q=0.8 , *;q=0.1" }, "br,deflate,gzip,zstd" },
		{ "12.4.2 refused", { "Accept-Encoding: gzip;q=0, br" }, "br" },
		{ "12.4.2 refused", { "Accept-Encoding: gzip;q=0.000" }, "" },
		{ "12.4.2 Q without case", { "Accept-Encoding: gzip;Q=0" }, "" },
		{ "12.4.2 hardly refused", { "Accept-Encoding: gzip;q=0.001" }, "gzip" },
		{ "12.5.3 any", { "Accept-Encoding: *" }, "br,deflate,gzip,zstd" },
		{ "12.5.3 any other", { "Accept-Encoding: *, gzip;q=0" }, "br,deflate,zstd" },
		{ "12.5.3 no other", { "Accept-Encoding: gzip, identity;q=1, *;q=0" }, "gzip" },
		{ "12.5.3 identity refused", { "Accept-Encoding: gzip, identity;q=0" }, "gzip,identity;q=0" },
		{ "12.5.3 identity refused by a star", { "Accept-Encoding: br, *;q=0" }, "br,identity;q=0" },
		{ "12.5.3 all refused", { "Accept-Encoding: *;q=0" }, "identity;q=0" },
		{ "12.5.3 the most that can be said", { "Accept-Encoding: *, identity;q=0" }, "br,deflate,gzip,zstd,identity;q=0" },
		{ "12.4.2 malformed", { "Accept-Encoding: gzip;q=2, br;q=x, zstd;q=, deflate;q=0.1234" }, "" },
		{ "12.4.2 malformed", { "Accept-Encoding: gzip;q=1.001, br;q=.5, zstd;level=3, deflate;" }, "" },
		{ "12.4.2 malformed", { "Accept-Encoding: gzip;q=-1, br;q=00.5, zstd;q = 1" }, "" },
		{ "12.4.2 a point alone", { "Accept-Encoding: gzip;q=0., br;q=1." }, "br" },
		{ "12.5.3 twice", { "Accept-Encoding: gzip, gzip;q=0" }, "" },
		{ "12.5.3 twice", { "Accept-Encoding: gzip;q=0", "Accept-Encoding: gzip" }, "" },
		{ "12.5.3 no commas", { "Accept-Encoding: gzip br" }, "" },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct accept_encoding accept = accept_of(rows[i].lines);
		char text[ACCEPT_ENCODING_TEXT_BYTES];
		accept_encoding_text(&accept, HTTP_CODINGS_ALL, text);
		if (strcmp(text, rows[i].text) != 0)
			fail_msg("%s, row %zu: '%s'", rows[i].clause, i, text);
	}
}

static void text_holds_none_but_those_that_matter(void **state)
{
	static const char *const lines[LINES] = { "Accept-Encoding: gzip, deflate, br, zstd" };
	struct accept_encoding accept = accept_of(lines);
	char text[ACCEPT_ENCODING_TEXT_BYTES];
	unsigned among = HTTP_CODING_BIT(HTTP_CODING_GZIP) | HTTP_CODING_BIT(HTTP_CODING_BR);

	(void)state;
	assert_true(span_eq(accept_encoding_text(&accept, among, text), SPAN_LIT("br,gzip")));
	assert_true(span_eq(accept_encoding_text(&accept, 0, text), SPAN_LIT("")));
}

static void weights_are_kept(void **state)
{
	static const char *const lines[LINES] = { "Accept-Encoding: gzip;q=0.5, br, *;q=0.25" };
	static const char *const plain[LINES] = { "Accept-Encoding: gzip;q=0.007" };
	struct accept_encoding accept = accept_of(lines);

	(void)state;
	assert_true(accept.said);
	assert_int_equal(accept.q_permille[HTTP_CODING_GZIP], 500);
	assert_int_equal(accept.q_permille[HTTP_CODING_BR], 1000);
	assert_int_equal(accept.q_permille[HTTP_CODING_ZSTD], 250);
	assert_int_equal(accept.q_permille[HTTP_CODING_IDENTITY], 250);
	accept = accept_of(plain);
	assert_int_equal(accept.q_permille[HTTP_CODING_GZIP], 7);
	assert_int_equal(accept.q_permille[HTTP_CODING_IDENTITY], 1);
	assert_int_equal(accept.takes,
			 HTTP_CODING_BIT(HTTP_CODING_GZIP) | HTTP_CODING_BIT(HTTP_CODING_IDENTITY));
}

static void who_says_nothing_is_known_by_it(void **state)
{
	static const char *const none[LINES] = { NULL };
	static const char *const empty[LINES] = { "Accept-Encoding:" };

	(void)state;
	assert_false(accept_of(none).said);
	assert_true(accept_of(empty).said);
	assert_int_equal(accept_of(none).takes, HTTP_CODING_BIT(HTTP_CODING_IDENTITY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ways_to_say_the_same_have_one_text, setup,
						teardown),
		cmocka_unit_test_setup_teardown(text_holds_none_but_those_that_matter, setup,
						teardown),
		cmocka_unit_test_setup_teardown(weights_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(who_says_nothing_is_known_by_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
