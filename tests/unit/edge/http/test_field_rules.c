/* SPDX-License-Identifier: Apache-2.0
 *
 * test_field_rules: by table, each row with the clause that rules it.
 */
#include "edge/http/field_rules.h"

#include "tests/unit/edge/edge_test.h"

struct row {
	const char *clause;
	struct span text;
	bool valid;
};

static void rows_check(const struct row *rows, size_t n_rows, bool (*valid)(struct span))
{
	for (size_t i = 0; i < n_rows; i++) {
		if (valid(rows[i].text) != rows[i].valid)
			fail_msg("%s: \"%.*s\"", rows[i].clause, SPAN_FMT(rows[i].text));
	}
}

/* clang-format off */
static const struct row name_rows[] = {
	{ "9113 8.2.1 a name",                SPAN_LIT("accept-language"), true },
	{ "9110 5.6.2 all of tchar",          SPAN_LIT("!#$%&'*+-.^_`|~09az"), true },
	{ "9113 8.2.1 empty",                 SPAN_LIT(""), false },
	{ "9113 8.2.1 upper case",            SPAN_LIT("Accept"), false },
	{ "9113 8.2.1 upper case at the end", SPAN_LIT("accepT"), false },
	{ "9113 8.2.1 a space",               SPAN_LIT("a b"), false },
	{ "9113 8.2.1 a space behind",        SPAN_LIT("a "), false },
	{ "9113 8.2.1 a colon",               SPAN_LIT("a:"), false },
	{ "9113 8.2.1 a pseudo-field",        SPAN_LIT(":path"), false },
	{ "9113 8.2.1 CR",                    SPAN_LIT("a\r"), false },
	{ "9113 8.2.1 LF",                    SPAN_LIT("a\nb"), false },
	{ "9113 8.2.1 NUL",                   SPAN_LIT("a\0b"), false },
	{ "9113 8.2.1 DEL",                   SPAN_LIT("a\x7f"), false },
	{ "9113 8.2.1 above ASCII",           SPAN_LIT("a\x80"), false },
};

static const struct row value_rows[] = {
	{ "9110 5.5 a value",                SPAN_LIT("text/html; q=1, \"x\""), true },
	{ "9110 5.5 empty",                  SPAN_LIT(""), true },
	{ "9110 5.5 obs-text",               SPAN_LIT("\xc3\xa4"), true },
	{ "9110 5.5 a tab inside",           SPAN_LIT("a\tb"), true },
	{ "9113 8.2.1 NUL",                  SPAN_LIT("a\0b"), false },
	{ "9113 8.2.1 CR",                   SPAN_LIT("a\rb"), false },
	{ "9113 8.2.1 LF",                   SPAN_LIT("a\nb"), false },
	{ "9113 8.2.1 CRLF and a field",     SPAN_LIT("aaaaaaaaaaaaaaaaaaaa\r\nx: y"), false },
	{ "9113 8.2.1 LF behind",            SPAN_LIT("a\n"), false },
	{ "9113 8.2.1 a space before",       SPAN_LIT(" a"), false },
	{ "9113 8.2.1 a space behind",       SPAN_LIT("a "), false },
	{ "9113 8.2.1 a tab before",         SPAN_LIT("\ta"), false },
	{ "9113 8.2.1 a tab behind",         SPAN_LIT("a\t"), false },
	{ "9113 8.2.1 a space alone",        SPAN_LIT(" "), false },
	{ "9110 5.5 another control",        SPAN_LIT("a\x01"), false },
	{ "9110 5.5 DEL",                    SPAN_LIT("a\x7f"), false },
};

static const struct row path_rows[] = {
	{ "9113 8.3.1 a path",               SPAN_LIT("/a?b=c"), true },
	{ "9113 8.3.1 the root",             SPAN_LIT("/"), true },
	{ "9113 8.3.1 OPTIONS",              SPAN_LIT("*"), true },
	{ "9113 8.3.1 bytes above ASCII",    SPAN_LIT("/\xc3\xa4"), true },
	{ "9113 8.3.1 empty",                SPAN_LIT(""), false },
	{ "9113 8.3.1 no slash",             SPAN_LIT("a"), false },
	{ "9113 8.3.1 a query alone",        SPAN_LIT("?a"), false },
	{ "9113 8.3.1 more than a star",     SPAN_LIT("*a"), false },
	{ "9113 8.3.1 absolute",             SPAN_LIT("http://a/"), false },
	{ "9113 8.3.1 a fragment",           SPAN_LIT("/a#b"), false },
	{ "9113 10.3 a space",               SPAN_LIT("/a HTTP/1.1"), false },
	{ "9113 10.3 CR LF",                 SPAN_LIT("/a\r\nx: y"), false },
	{ "9113 10.3 NUL",                   SPAN_LIT("/a\0"), false },
	{ "9113 10.3 a tab",                 SPAN_LIT("/\ta"), false },
	{ "9113 10.3 DEL",                   SPAN_LIT("/\x7f"), false },
	{ "9113 10.3 a space far behind",    SPAN_LIT("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "), false },
};

static const struct row token_rows[] = {
	{ "9110 9.1 a method",               SPAN_LIT("GET"), true },
	{ "9110 9.1 another case",           SPAN_LIT("purge"), true },
	{ "9110 9.1 empty",                  SPAN_LIT(""), false },
	{ "9113 10.3 a space",               SPAN_LIT("GET /"), false },
	{ "9113 10.3 CR LF",                 SPAN_LIT("GET\r\n"), false },
};

static const struct {
	const char *clause;
	const char *name, *value;
	bool refused;
} connection_rows[] = {
	{ "9113 8.2.2 Connection",           "connection", "close", true },
	{ "9113 8.2.2 Keep-Alive",           "keep-alive", "", true },
	{ "9113 8.2.2 Proxy-Connection",     "proxy-connection", "keep-alive", true },
	{ "9113 8.2.2 Transfer-Encoding",    "transfer-encoding", "chunked", true },
	{ "9113 8.2.2 Upgrade",              "upgrade", "h2c", true },
	{ "9113 3.2.1 HTTP2-Settings",       "http2-settings", "AAMAAABk", true },
	{ "9113 8.2.2 TE with a coding",     "te", "trailers, deflate", true },
	{ "9113 8.2.2 TE empty",             "te", "", true },
	{ "9113 8.2.2 TE: trailers",         "te", "trailers", false },
	{ "9110 5.1 another",                "trailer", "x", false },
	{ "9110 5.1 one without a number",   "x-connection", "close", false },
};

static const struct {
	const char *clause, *name;
	bool barred;
} trailer_rows[] = {
	{ "9110 6.5.1 framing",              "Content-Length", true },
	{ "9110 6.5.1 framing",              "Transfer-Encoding", true },
	{ "9110 6.5.1 framing",              "trailer", true },
	{ "9110 6.5.1 routing",              "Host", true },
	{ "9110 6.5.1 routing",              "Max-Forwards", true },
	{ "9110 6.5.1 routing",              "X-Forwarded-For", true },
	{ "9110 6.5.1 routing",              "x-forwarded-anything", true },
	{ "9110 6.5.1 routing",              "Forwarded", true },
	{ "9110 6.5.1 modifier",             "If-None-Match", true },
	{ "9110 6.5.1 modifier",             "if-range", true },
	{ "9110 6.5.1 modifier",             "Range", true },
	{ "9110 6.5.1 modifier",             "Cache-Control", true },
	{ "9110 6.5.1 modifier",             "Expect", true },
	{ "9110 6.5.1 modifier",             "TE", true },
	{ "9110 6.5.1 authentication",       "Authorization", true },
	{ "9110 6.5.1 authentication",       "Proxy-Authorization", true },
	{ "9110 6.5.1 authentication",       "WWW-Authenticate", true },
	{ "9110 6.5.1 authentication",       "Cookie", true },
	{ "9110 6.5.1 authentication",       "SET-COOKIE", true },
	{ "9110 6.5.1 control data",         "Age", true },
	{ "9110 6.5.1 control data",         "Date", true },
	{ "9110 6.5.1 control data",         "Expires", true },
	{ "9110 6.5.1 control data",         "Location", true },
	{ "9110 6.5.1 control data",         "Retry-After", true },
	{ "9110 6.5.1 control data",         "Vary", true },
	{ "9110 6.5.1 form of the content",  "Content-Type", true },
	{ "9110 6.5.1 form of the content",  "Content-Encoding", true },
	{ "9110 6.5.1 form of the content",  "Content-Range", true },
	{ "9110 7.6.1 the connection's",     "Connection", true },
	{ "9110 7.6.1 the connection's",     "Upgrade", true },
	{ "9110 8.8.3 a tag of the content", "ETag", false },
	{ "9530 2 a digest of the content",  "Content-Digest", false },
	{ "gRPC",                            "grpc-status", false },
	{ "gRPC",                            "grpc-message", false },
	{ "Server-Timing",                   "Server-Timing", false },
	{ "9110 6.5 another",                "x-checksum", false },
};
/* clang-format on */

static void names_in_http2_are_tokens_in_lower_case(void **state)
{
	(void)state;
	rows_check(name_rows, ARRAY_LEN(name_rows), http2_name_is_valid);
}

static void values_hold_nothing_that_ends_a_line(void **state)
{
	(void)state;
	rows_check(value_rows, ARRAY_LEN(value_rows), http_value_is_valid);
}

static void paths_hold_nothing_that_ends_a_target(void **state)
{
	(void)state;
	rows_check(path_rows, ARRAY_LEN(path_rows), http2_path_is_valid);
}

static void tokens_are_tokens(void **state)
{
	(void)state;
	rows_check(token_rows, ARRAY_LEN(token_rows), http_token_is_valid);
}

static void fields_of_a_connection_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(connection_rows); i++) {
		struct span name = span_str(connection_rows[i].name);
		if (http2_field_is_connection_specific(http_name_lookup(name), name,
						       span_str(connection_rows[i].value)) !=
		    connection_rows[i].refused)
			fail_msg("%s", connection_rows[i].clause);
	}
}

static void trailers_say_nothing_that_should_have_been_said_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(trailer_rows); i++) {
		struct span name = span_str(trailer_rows[i].name);
		if (http_field_is_barred_from_trailers(http_name_lookup(name), name) !=
		    trailer_rows[i].barred)
			fail_msg("%s: %s", trailer_rows[i].clause, trailer_rows[i].name);
	}
}

static void connection_may_name_what_is_not_for_all_readers(void **state)
{
	static const struct {
		const char *name;
		bool for_all;
	} rows[] = {
		{ "cache-control", true },    { "COOKIE", true },
		{ "Content-Language", true }, { "user-agent", true },
		{ "X-Forwarded-Ssl", true },  { "if-range", true },
		{ "x-mine", false },          { "accept", false },
		{ "x-forwarded", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span name = span_str(rows[i].name);
		if (http_field_is_end_to_end(http_name_lookup(name), name) != rows[i].for_all)
			fail_msg("%s", rows[i].name);
	}
}

static void authority_gives_the_host_alone(void **state)
{
	struct arena arena;
	struct span host;

	(void)state;
	arena_init(&arena, 4096);
	assert_true(http_authority_parse(SPAN_LIT("A.Test:8443"), &arena, &host));
	assert_true(span_eq(host, SPAN_LIT("a.test")));
	assert_false(http_authority_parse(SPAN_LIT("user@a.test"), &arena, &host));
	assert_false(http_authority_parse(SPAN_LIT(""), &arena, &host));
	assert_false(http_authority_parse(SPAN_LIT("a.test\r\nx: y"), &arena, &host));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_in_http2_are_tokens_in_lower_case),
		cmocka_unit_test(values_hold_nothing_that_ends_a_line),
		cmocka_unit_test(paths_hold_nothing_that_ends_a_target),
		cmocka_unit_test(tokens_are_tokens),
		cmocka_unit_test(fields_of_a_connection_are_refused),
		cmocka_unit_test(trailers_say_nothing_that_should_have_been_said_before),
		cmocka_unit_test(connection_may_name_what_is_not_for_all_readers),
		cmocka_unit_test(authority_gives_the_host_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
