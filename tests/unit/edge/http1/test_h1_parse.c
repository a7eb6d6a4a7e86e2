/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_parse: heads by table, each with the clause that rules it; all of them also byte by byte.
 */
#include "edge/http1/h1_parse.h"

#include "tests/unit/edge/edge_test.h"

static struct arena arena;
static const struct h1_limits limits = { 200, 400, 8 };

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 4194304);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

struct result {
	int outcome;
	size_t len;
	struct http_head head;
	struct h1_parsed parsed;
};

static struct result finish(int outcome, struct span head, bool response, enum http_method method)
{
	struct result result = { .outcome = outcome, .len = head.len };

	if (outcome != H1_PARSED)
		return result;
	result.outcome = response ? h1_parse_response(head, method, &limits, &arena, &result.head,
						      &result.parsed)
				  : h1_parse_request(head, SPAN_LIT("http"), &limits, &arena,
						     &result.head, &result.parsed);
	return result;
}

static struct result at_once(struct span input, bool response, enum http_method method)
{
	struct h1_scan scan = { 0 };
	size_t len = 0;
	int r = h1_find_end(&scan, input, &limits, &len);

	/* Only before a request an empty line is passed over. */
	size_t start = response ? 0 : scan.start;
	return finish(r, r == H1_PARSED ? span_from(span_first(input, len), start) : SPAN_NONE,
		      response, method);
}

static struct result by_bytes(struct span input, bool response, enum http_method method)
{
	struct h1_scan scan = { 0 };
	size_t len = 0;
	int r = H1_NEED_MORE;

	for (size_t n = 0; n <= input.len && r == H1_NEED_MORE; n++)
		r = h1_find_end(&scan, span_first(input, n), &limits, &len);
	/* Only before a request an empty line is passed over. */
	size_t start = response ? 0 : scan.start;
	return finish(r, r == H1_PARSED ? span_from(span_first(input, len), start) : SPAN_NONE,
		      response, method);
}

static struct result parse(struct span input, bool response, enum http_method method)
{
	struct result a = at_once(input, response, method);
	struct result b = by_bytes(input, response, method);

	assert_int_equal(a.outcome, b.outcome);
	assert_int_equal(a.len, b.len);
	return a;
}

#define H    "Host: a.test\r\n"
#define LINE "GET / HTTP/1.1\r\n"

struct row {
	const char *clause;
	const char *input;
	int outcome;
};

/* clang-format off */
static const struct row request_rows[] = {
	{ "9112 2.1 a request",                     LINE H "\r\n", H1_PARSED },
	{ "9112 2.1 not whole",                     LINE H "\r", H1_NEED_MORE },
	{ "9112 2.1 nothing",                       "", H1_NEED_MORE },
	{ "9112 2.2 one empty line before",         "\r\n" LINE H "\r\n", H1_PARSED },
	{ "9112 2.2 two empty lines before",        "\r\n\r\n" LINE H "\r\n", H1_MALFORMED },
	{ "9112 2.2 LF alone before",               "\n" LINE H "\r\n", H1_MALFORMED },
	{ "9112 2.2 LF ends the first line",        "GET / HTTP/1.1\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.2 LF ends a field line",          LINE "Host: a.test\n\r\n", H1_MALFORMED },
	{ "9112 2.2 LF ends the head",              LINE H "\n", H1_MALFORMED },
	{ "9112 2.2 bare CR in the first line",     "GET /\r HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.2 bare CR in a value",            LINE H "A: b\rc\r\n\r\n", H1_MALFORMED },
	{ "9112 2.2 CR CR LF",                      LINE H "A: b\r\r\n\r\n", H1_MALFORMED },
	{ "9112 2.2 space before the first field",  LINE " A: b\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.2 a TLS hello",                   "\x16\x03\x01", H1_MALFORMED },
	{ "9112 2.3 HTTP/1.0",                      "GET / HTTP/1.0\r\n\r\n", H1_PARSED },
	{ "9110 2.5 a higher minor",                "GET / HTTP/1.9\r\n" H "\r\n", H1_PARSED },
	{ "9112 2.3 HTTP/2's preface",              "PRI * HTTP/2.0\r\n\r\n", H1_VERSION },
	{ "9112 2.3 HTTP/3.0",                      "GET / HTTP/3.0\r\n" H "\r\n", H1_VERSION },
	{ "9112 2.3 two digits",                    "GET / HTTP/1.10\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.3 lower case",                    "GET / http/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.3 HTTP/0.9 said",                 "GET / HTTP/0.9\r\n" H "\r\n", H1_VERSION },
	{ "9112 2.3 no dot",                        "GET / HTTP/1,1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.3 no minor",                      "GET / HTTP/1.\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.3 another protocol",              "GET / HTTPS/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 2.3 none (HTTP/0.9)",               "GET /\r\n\r\n", H1_MALFORMED },
	{ "9112 3 two spaces",                      "GET  / HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 a tab",                           "GET\t/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 space behind",                    "GET / HTTP/1.1 \r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 space in the target",             "GET /a b HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 a tab behind the target",         "GET /\tHTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 no target",                       "GET HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 no method",                       " / HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 a method alone",                  "GET\r\n\r\n", H1_MALFORMED },
	{ "9112 3 a method and a space",            "GET \r\n\r\n", H1_MALFORMED },
	{ "9112 3 a form feed for the space",       "GET /\x0cHTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3 two requests in a line",          "GET / HTTP/1.1 GET / HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.1 method is no token",            "G(T / HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.1 unknown method",                "PURGE / HTTP/1.1\r\n" H "\r\n", H1_PARSED },
	{ "9112 3.1 method over any length",        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2 fragment",                      "GET /a#b HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2 control in the target",         "GET /a\x01 HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2 DEL in the target",             "GET /a\x7f HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2 raw UTF-8 in the target",       "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", H1_PARSED },
	{ "9112 3.2 bad percent is the origin's",   "GET /%zz HTTP/1.1\r\n" H "\r\n", H1_PARSED },
	{ "9112 3.2 no Host",                       LINE "\r\n", H1_MALFORMED },
	{ "9112 3.2 two Hosts",                     LINE H H "\r\n", H1_MALFORMED },
	{ "9112 3.2 two Hosts in 1.0",              "GET / HTTP/1.0\r\n" H H "\r\n", H1_MALFORMED },
	{ "9112 3.2 two Hosts that differ",         LINE H "Host: b.test\r\n\r\n", H1_MALFORMED },
	{ "9112 3.2 two Hosts, one empty",          LINE "Host:\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2 Host is a list",                LINE "Host: a.test, b.test\r\n\r\n", H1_MALFORMED },
	{ "9112 3.2 Host with userinfo",            LINE "Host: u@a.test\r\n\r\n", H1_MALFORMED },
	{ "9112 3.2 Host with a scheme",            LINE "Host: http://a.test\r\n\r\n", H1_MALFORMED },
	{ "9112 3.2 Host with a bad port",          LINE "Host: a.test:x\r\n\r\n", H1_MALFORMED },
	{ "9112 3.2 Host with a space",             LINE "Host: a test\r\n\r\n", H1_MALFORMED },
	{ "9112 5.1 Host, space before the colon",  LINE "Host : a.test\r\n\r\n", H1_MALFORMED },
	{ "9112 5.2 Host in a fold",                LINE "A: b\r\n Host: a.test\r\n\r\n", H1_MALFORMED },
	{ "9110 7.2 Host with a port",              LINE "Host: a.test:8080\r\n\r\n", H1_PARSED },
	{ "9110 7.2 Host of IPv6",                  LINE "Host: [::1]:8080\r\n\r\n", H1_PARSED },
	{ "3986 3.2.2 Host with an underscore",     LINE "Host: a_b.test\r\n\r\n", H1_PARSED },
	{ "3986 3.2.2 Host with an escape",         LINE "Host: a%2Db.test\r\n\r\n", H1_PARSED },
	{ "9112 3.2 empty Host",                    LINE "Host:\r\n\r\n", H1_MALFORMED },
	{ "9112 3.2 bad Host",                      LINE "Host: a/b\r\n\r\n", H1_MALFORMED },
	{ "9112 3.2 no form",                       "GET a HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.2 absolute",                    "GET http://a.test/x HTTP/1.1\r\n" H "\r\n", H1_PARSED },
	{ "9112 3.2.2 absolute, other case, port",  "GET HTTP://A.TEST:80/ HTTP/1.1\r\n" H "\r\n", H1_PARSED },
	{ "9112 3.2.2 absolute, another host",      "GET http://b.test/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.2 absolute, another port",      "GET http://a.test:81/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.2 absolute, no Host",           "GET http://a.test/ HTTP/1.1\r\n\r\n", H1_MALFORMED },
	{ "9110 4.2.4 userinfo",                    "GET http://u@a.test/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9110 4.2.1 absolute, empty host",        "GET http:///x HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.2 absolute, another scheme",    "GET ftp://a.test/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9110 7.4 absolute, https over plain",    "GET https://a.test/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.2 absolute, raw UTF-8",         "GET http://a.test/\xc3\xa4 HTTP/1.1\r\n" H "\r\n", H1_PARSED },
	{ "9112 3.2.2 absolute, raw UTF-8 in host", "GET http://\xc3\xa4.test/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.2 absolute, a backslash",       "GET http://a.test\\@b.test/ HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.3 CONNECT",                     "CONNECT a.test:443 HTTP/1.1\r\n" H "\r\n", H1_METHOD_REFUSED },
	{ "9112 3.2.3 authority-form otherwise",    "GET a.test:443 HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 3.2.4 OPTIONS *",                   "OPTIONS * HTTP/1.1\r\n" H "\r\n", H1_PARSED },
	{ "9112 3.2.4 GET *",                       "GET * HTTP/1.1\r\n" H "\r\n", H1_MALFORMED },
	{ "9112 5 no colon",                        LINE H "A\r\n\r\n", H1_MALFORMED },
	{ "9112 5 no name",                         LINE H ": b\r\n\r\n", H1_MALFORMED },
	{ "9112 5 name is no token",                LINE H "A(b): c\r\n\r\n", H1_MALFORMED },
	{ "9112 5.1 space before the colon",        LINE H "A : b\r\n\r\n", H1_MALFORMED },
	{ "9112 5.1 tab before the colon",          LINE H "A\t: b\r\n\r\n", H1_MALFORMED },
	{ "9112 5.2 folded",                        LINE H "A: b\r\n c\r\n\r\n", H1_MALFORMED },
	{ "9112 5.2 folded by a tab",               LINE H "A: b\r\n\tc\r\n\r\n", H1_MALFORMED },
	{ "9110 5.5 control in a value",            LINE H "A: b\x01\r\n\r\n", H1_MALFORMED },
	{ "9110 5.5 DEL in a value",                LINE H "A: b\x7f\r\n\r\n", H1_MALFORMED },
	{ "9110 5.5 obs-text in a value",           LINE H "A: \xc3\xa4\r\n\r\n", H1_PARSED },
	{ "9110 5.5 empty value",                   LINE H "A:\r\n\r\n", H1_PARSED },
	{ "9110 5.6.1 Connection is no list",       LINE H "Connection: a b\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 both lengths",                  LINE H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 both, in the other order",      LINE H "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 coding in 1.0",                 "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 chunked",                       LINE H "Transfer-Encoding: Chunked\r\n\r\n", H1_PARSED },
	{ "9112 6.1 unknown coding",                LINE H "Transfer-Encoding: gzip, chunked\r\n\r\n", H1_CODING_UNKNOWN },
	{ "9112 6.3 nearly chunked",                LINE H "Transfer-Encoding: xchunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 chunked twice",                 LINE H "Transfer-Encoding: chunked, chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 chunked not last",              LINE H "Transfer-Encoding: chunked, gzip\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 identity",                      LINE H "Transfer-Encoding: identity\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 identity last",                 LINE H "Transfer-Encoding: chunked, identity\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 identity before",               LINE H "Transfer-Encoding: identity, chunked\r\n\r\n", H1_CODING_UNKNOWN },
	{ "9112 6.3 chunked and a comma",           LINE H "Transfer-Encoding: chunked,\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 chunked and a word",            LINE H "Transfer-Encoding: chunked x\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 spaces around are none",        LINE H "Transfer-Encoding: \t chunked \t\r\n\r\n", H1_PARSED },
	{ "9112 6.1 form feed",                     LINE H "Transfer-Encoding: chunked\x0c\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 obs-text",                      LINE H "Transfer-Encoding: chunked\x85\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 bare CR in the value",          LINE H "Transfer-Encoding: x\rTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 bare LF in the value",          LINE H "Transfer-Encoding: x\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 5.2 folded coding",                 LINE H "Transfer-Encoding:\r\n chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 5.2 coding in a fold",              LINE H "A: b\r\n Transfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9110 5.1 control in the name",           LINE H "Transfer\x01-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9110 5.1 CR behind the name",            LINE H "Transfer-Encoding\r: chunked\r\n\r\n", H1_MALFORMED },
	{ "9110 5.1 obs-text in a name",            LINE H "\xc3\xa4: b\r\n\r\n", H1_MALFORMED },
	{ "9110 5.1 vertical tab before a name",    LINE H "\x0b" "Transfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 two lines",                     LINE H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 two lines, one unknown",        LINE H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 empty",                         LINE H "Transfer-Encoding:\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 empty member",                  LINE H "Transfer-Encoding: ,chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 parameter",                     LINE H "Transfer-Encoding: chunked;a=b\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 quoted",                        LINE H "Transfer-Encoding: \"chunked\"\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 vertical tab",                  LINE H "Transfer-Encoding: \x0b" "chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 space before the colon",        LINE H "Transfer-Encoding : chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.2 length",                        LINE H "Content-Length: 5\r\n\r\n", H1_PARSED },
	{ "9112 6.2 length, spaces around",         LINE H "Content-Length: \t5 \r\n\r\n", H1_PARSED },
	{ "9110 8.6 two alike",                     LINE H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 a list",                        LINE H "Content-Length: 5, 5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 plus",                          LINE H "Content-Length: +5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 minus",                         LINE H "Content-Length: -5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 space inside",                  LINE H "Content-Length: 5 5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 hex",                           LINE H "Content-Length: 0x5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 empty",                         LINE H "Content-Length:\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 empty list members",            LINE H "Content-Length: ,5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 two that differ",               LINE H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 one empty, one not",            LINE H "Content-Length:\r\nContent-Length: 6\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 other case of the name",        LINE H "content-length: 5\r\nCONTENT-LENGTH: 5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 exponent",                      LINE H "Content-Length: 1e1\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 fraction",                      LINE H "Content-Length: 5.0\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 vertical tab",                  LINE H "Content-Length: 5\x0b\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 quoted",                        LINE H "Content-Length: \"5\"\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 digits above ASCII",            LINE H "Content-Length: \xef\xbc\x95\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 zeros before",                  LINE H "Content-Length: 0000000000000000000000000005\r\n\r\n", H1_PARSED },
	{ "9112 5.1 space before the colon",        LINE H "Content-Length : 5\r\n\r\n", H1_MALFORMED },
	{ "9112 5.2 folded length",                 LINE H "Content-Length:\r\n 5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 the largest",                   LINE H "Content-Length: 9223372036854775807\r\n\r\n", H1_PARSED },
	{ "9110 8.6 above",                         LINE H "Content-Length: 9223372036854775808\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 overflow",                      LINE H "Content-Length: 18446744073709551621\r\n\r\n", H1_MALFORMED },
	{ "9110 10.1.1 100-continue",               LINE H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", H1_PARSED },
	{ "9110 10.1.1 another",                    LINE H "Expect: x\r\n\r\n", H1_EXPECTATION },
	{ "9110 5.4 eight fields",                  LINE H "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\n\r\n", H1_PARSED },
	{ "9110 5.4 nine fields",                   LINE H "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n\r\n", H1_HEAD_LARGE },
};
/* clang-format on */

static void requests_get_what_their_clause_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(request_rows); i++) {
		const struct row *row = &request_rows[i];
		struct result result = parse(span_str(row->input), false, HTTP_METHOD_OTHER);
		if (result.outcome != row->outcome)
			fail_msg("%s: %d, not %d", row->clause, result.outcome, row->outcome);
	}
}

/* Behind, in the middle and before; a CRLF in the place of one byte makes two lines, of which one
 * is no field. */
static void controls_are_refused_wherever_they_stand(void **state)
{
	static const char head[] = "GET /a?b HTTP/1.1\r\nHost: a.test\r\nAbc: d e\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(head) - 1; i++) {
		for (int byte = 0; byte < 256; byte++) {
			char copy[sizeof(head)];
			if ((byte >= 0x20 && byte != 0x7f) || byte == '\t' || head[i] == byte)
				continue;
			memcpy(copy, head, sizeof(head));
			copy[i] = (char)byte;
			int outcome =
				parse(span_of(copy, sizeof(head) - 1), false, HTTP_METHOD_OTHER)
					.outcome;
			if (outcome != H1_MALFORMED)
				fail_msg("%02x at %zu: %d", (unsigned)byte, i, outcome);
		}
	}
}

static void trailers_are_taken_by_who_says_so(void **state)
{
	static const struct {
		const char *input;
		bool takes;
	} cases[] = {
		{ LINE H "TE: trailers\r\nConnection: TE\r\n\r\n", true },
		{ LINE H "TE: deflate;q=0.5, Trailers\r\nConnection: TE\r\n\r\n", true },
		{ LINE H "TE: gzip\r\nTE: trailers\r\n\r\n", true },
		{ LINE H "TE: gzip\r\nConnection: TE\r\n\r\n", false },
		{ LINE H "TE: xtrailers\r\n\r\n", false },
		{ LINE H "\r\n", false },
		{ "GET / HTTP/1.0\r\nTE: trailers\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct result result = parse(span_str(cases[i].input), false, HTTP_METHOD_OTHER);
		assert_int_equal(result.outcome, H1_PARSED);
		assert_int_equal(result.head.takes_trailers, cases[i].takes);
		assert_int_equal(result.head.n_fields, 0);
	}
}

static void trailer_field_stays_and_what_speaks_of_the_connection_goes(void **state)
{
	struct result result =
		parse(SPAN_LIT(LINE H "Trailer: X-Sum\r\nHTTP2-Settings: AA\r\n"
				      "Keep-Alive: 5\r\nProxy-Connection: x\r\n\r\n"),
		      false, HTTP_METHOD_OTHER);

	(void)state;
	assert_int_equal(result.outcome, H1_PARSED);
	assert_int_equal(result.head.n_fields, 1);
	assert_true(
		span_eq(http_head_find(&result.head, HTTP_NAME_TRAILER)->value, SPAN_LIT("X-Sum")));
}

static void nul_is_refused_wherever_it_stands(void **state)
{
	static const char head[] = "GET /ab HTTP/1.1\r\nHost: a.test\r\nA: bcd\r\n\r\n";
	static const char end[] = "\r\n\r\n"; /* for when it hits the head's own */

	(void)state;
	for (size_t i = 0; i < sizeof(head) - 1; i++) {
		char copy[sizeof(head) + sizeof(end)];
		snprintf(copy, sizeof(copy), "%s%s", head, end);
		copy[i] = 0;
		struct span input = span_of(copy, sizeof(head) + sizeof(end) - 2);
		assert_int_equal(parse(input, false, HTTP_METHOD_OTHER).outcome, H1_MALFORMED);
	}
}

static void head_is_neutral(void **state)
{
	struct result result = parse(SPAN_LIT("POST /a/b?c=d?e HTTP/1.1\r\n"
					      "hOST: A.Test.:8080\r\n"
					      "Connection: X-Secret , close\r\n"
					      "X-Secret: 1\r\n"
					      "TE: trailers\r\n"
					      "Keep-Alive: 5\r\n"
					      "Content-Length: 7\r\n"
					      "Accept: \t text/*; q=1 \r\n\r\nbody"),
				     false, HTTP_METHOD_OTHER);
	const struct http_head *head = &result.head;

	(void)state;
	assert_int_equal(result.outcome, H1_PARSED);
	assert_int_equal(head->method, HTTP_METHOD_POST);
	assert_true(span_eq(head->target, SPAN_LIT("/a/b?c=d?e")));
	assert_true(span_eq(head->path, SPAN_LIT("/a/b")));
	assert_true(span_eq(head->query, SPAN_LIT("c=d?e")));
	assert_true(span_eq(head->authority, SPAN_LIT("A.Test.:8080")));
	assert_true(span_eq(head->host, SPAN_LIT("a.test")));
	assert_true(span_eq(head->scheme, SPAN_LIT("http")));
	assert_int_equal(head->body, HTTP_BODY_LENGTH);
	assert_int_equal(head->body_length, 7);
	assert_false(result.parsed.keep_alive);
	assert_int_equal(head->n_fields, 1);
	struct http_field field = head->fields ? head->fields[0] : (struct http_field){ 0 };
	assert_true(span_eq(field.name, SPAN_LIT("Accept")));
	assert_true(span_eq(field.value, SPAN_LIT("text/*; q=1")));
}

static void absolute_form_becomes_origin_form(void **state)
{
	static const struct {
		const char *line, *target, *query;
	} cases[] = {
		{ "GET http://a.test/x?y HTTP/1.1\r\n", "/x?y", "y" },
		{ "GET http://a.test HTTP/1.1\r\n", "/", "" },
		{ "GET http://a.test?y HTTP/1.1\r\n", "/?y", "y" },
		{ "OPTIONS http://a.test HTTP/1.1\r\n", "*", "" }, /* RFC 9112 3.2.4 */
		{ "OPTIONS http://a.test/ HTTP/1.1\r\n", "/", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[200];
		snprintf(text, sizeof(text), "%s" H "\r\n", cases[i].line);
		struct result result = parse(span_str(text), false, HTTP_METHOD_OTHER);
		assert_int_equal(result.outcome, H1_PARSED);
		assert_true(span_eq(result.head.target, span_str(cases[i].target)));
		assert_true(span_eq(result.head.query, span_str(cases[i].query)));
	}
	struct result old =
		parse(SPAN_LIT("GET http://b.test:81/ HTTP/1.0\r\n\r\n"), false, HTTP_METHOD_OTHER);
	assert_true(span_eq(old.head.host, SPAN_LIT("b.test")));
	assert_true(span_eq(old.head.authority, SPAN_LIT("b.test:81")));
}

static void connection_lives_on_as_the_version_says(void **state)
{
	static const struct {
		const char *input;
		bool keep;
	} cases[] = {
		{ LINE H "\r\n", true },
		{ LINE H "Connection: keep-alive, Close\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			parse(span_str(cases[i].input), false, HTTP_METHOD_OTHER).parsed.keep_alive,
			cases[i].keep);
}

static void expectation_and_upgrade_count_where_they_mean_something(void **state)
{
	(void)state;
	assert_true(parse(SPAN_LIT(LINE H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
			  false, HTTP_METHOD_OTHER)
			    .head.expects_continue);
	assert_false(
		parse(SPAN_LIT(LINE H "Expect: 100-continue\r\n\r\n"), false, HTTP_METHOD_OTHER)
			.head.expects_continue);
	struct result result =
		parse(SPAN_LIT(LINE H "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), false,
		      HTTP_METHOD_OTHER);
	assert_true(span_eq(result.head.upgrade, SPAN_LIT("websocket")));
	assert_int_equal(result.head.n_fields, 0);
	result = parse(SPAN_LIT(LINE H "Upgrade: websocket\r\n\r\n"), false, HTTP_METHOD_OTHER);
	assert_int_equal(result.head.upgrade.len, 0);
}

/* Puts `words` into `text` at `at`. */
static void put(char *text, size_t at, const char *words)
{
	for (; *words; words++)
		text[at++] = *words;
}

static void long_lines_and_heads_have_their_own_answers(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'a', sizeof(text));
	put(text, 0, "GET /");
	assert_int_equal(parse(span_of(text, 600), false, HTTP_METHOD_OTHER).outcome, H1_URI_LONG);
	assert_int_equal(parse(span_of(text, 200), false, HTTP_METHOD_OTHER).outcome, H1_NEED_MORE);
	put(text, 0, LINE H "A: ");
	assert_int_equal(parse(span_of(text, 600), false, HTTP_METHOD_OTHER).outcome,
			 H1_HEAD_LARGE);
	put(text, 395, "\r\n\r\n\r\n");
	assert_int_equal(parse(span_of(text, 600), false, HTTP_METHOD_OTHER).outcome, H1_PARSED);
	put(text, 395, "aa\r\n\r\n");
	assert_int_equal(parse(span_of(text, 600), false, HTTP_METHOD_OTHER).outcome,
			 H1_HEAD_LARGE);
}

static void too_many_connection_options_are_refused(void **state)
{
	char text[400];

	(void)state;
	snprintf(text, sizeof(text), "%s%.*s\r\n\r\n", LINE H "Connection: ", 66,
		 "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,");
	assert_int_equal(parse(span_str(text), false, HTTP_METHOD_OTHER).outcome, H1_HEAD_LARGE);
}

#define OK "HTTP/1.1 200 OK\r\n"

/* clang-format off */
static const struct row response_rows[] = {
	{ "9112 4 a response",              OK "\r\n", H1_PARSED },
	{ "9112 4 no reason",               "HTTP/1.1 200 \r\n\r\n", H1_PARSED },
	{ "9112 4 no space behind",         "HTTP/1.1 200\r\n\r\n", H1_PARSED },
	{ "9112 4 no space between",        "HTTP/1.1 200OK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 a tab behind",            "HTTP/1.1 200\tOK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 a tab before",            "HTTP/1.1\t200 OK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 no status",               "HTTP/1.1\r\n\r\n", H1_MALFORMED },
	{ "9112 4 no status but a space",   "HTTP/1.1 \r\n\r\n", H1_MALFORMED },
	{ "9112 2.2 an empty line before",  "\r\n" OK "\r\n", H1_MALFORMED },
	{ "9112 2.2 bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 garbage",                 "ICY 200 OK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 two digits",              "HTTP/1.1 20 OK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 four digits",             "HTTP/1.1 2000 OK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 signed",                  "HTTP/1.1 +20 OK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 two spaces",              "HTTP/1.1  200 OK\r\n\r\n", H1_MALFORMED },
	{ "9110 15 below 100",              "HTTP/1.1 099 OK\r\n\r\n", H1_MALFORMED },
	{ "9110 15 600",                    "HTTP/1.1 600 OK\r\n\r\n", H1_MALFORMED },
	{ "9112 4 control in the reason",   "HTTP/1.1 200 O\x01\r\n\r\n", H1_MALFORMED },
	{ "9112 4 obs-text in the reason",  "HTTP/1.1 200 \xc3\xa4\r\n\r\n", H1_PARSED },
	{ "9112 2.3 HTTP/2.0",              "HTTP/2.0 200 OK\r\n\r\n", H1_MALFORMED },
	{ "9112 2.2 LF alone",              "HTTP/1.1 200 OK\n\n", H1_MALFORMED },
	{ "9110 15.2.2 101",                "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", H1_PARSED },
	{ "9110 15.2.1 100",                "HTTP/1.1 100 C\r\n\r\n", H1_PARSED },
	{ "9112 6.3 both lengths",          OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 unknown coding",        OK "Transfer-Encoding: gzip\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 coding in 1.0",         "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 what nobody knows",     OK "Transfer-Encoding: foo\r\n\r\n", H1_PARSED },
	{ "9112 6.3 and a length",          OK "Transfer-Encoding: foo\r\nContent-Length: 5\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 two of them",           OK "Transfer-Encoding: foo, bar\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 nearly chunked",        OK "Transfer-Encoding: xchunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 nearly, with a length", OK "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n", H1_MALFORMED },
	{ "9112 6.3 chunked not last",      OK "Transfer-Encoding: chunked, gzip\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 chunked twice",         OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9112 6.1 100 with a coding",     "HTTP/1.1 100 C\r\nTransfer-Encoding: chunked\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 103 with a length",     "HTTP/1.1 103 E\r\nContent-Length: 5\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 100 with none, said",   "HTTP/1.1 100 C\r\nContent-Length: 0\r\n\r\n", H1_PARSED },
	{ "9110 8.6 length and a sign",     OK "Content-Length: +1\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 a list of lengths",     OK "Content-Length: 1, 1\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 overflow",              OK "Content-Length: 18446744073709551616\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 bad length of 204",     "HTTP/1.1 204 N\r\nContent-Length: x\r\n\r\n", H1_MALFORMED },
	{ "9112 5.1 space before a colon",  OK "A : b\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 bad length",            OK "Content-Length: x\r\n\r\n", H1_MALFORMED },
	{ "9110 8.6 two lengths",           OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", H1_MALFORMED },
	{ "9112 5.2 folded",                OK "A: b\r\n c\r\n\r\n", H1_MALFORMED },
};
/* clang-format on */

static void responses_get_what_their_clause_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(response_rows); i++) {
		const struct row *row = &response_rows[i];
		struct result result = parse(span_str(row->input), true, HTTP_METHOD_GET);
		if (result.outcome != row->outcome)
			fail_msg("%s: %d, not %d", row->clause, result.outcome, row->outcome);
	}
}

static void response_bodies_follow_the_order_of_rfc_9112_6_3(void **state)
{
	static const struct {
		const char *input;
		enum http_method method;
		enum http_body body;
		uint64_t length;
		bool has_length, keep;
	} cases[] = {
		{ OK "Content-Length: 5\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_LENGTH, 5, true,
		  true },
		{ OK "Content-Length: 0\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, 0, true, true },
		{ OK "Content-Length: 5\r\n\r\n", HTTP_METHOD_HEAD, HTTP_BODY_NONE, 5, true, true },
		{ OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_STREAM, 0,
		  false, true },
		{ OK "Transfer-Encoding: foo\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_UNTIL_CLOSE, 0,
		  false, false },
		{ OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_HEAD, HTTP_BODY_NONE, 0,
		  false, true },
		{ OK "\r\n", HTTP_METHOD_GET, HTTP_BODY_UNTIL_CLOSE, 0, false, false },
		{ OK "Connection: close\r\nContent-Length: 1\r\n\r\n", HTTP_METHOD_GET,
		  HTTP_BODY_LENGTH, 1, true, false },
		/* RFC 9110 8.6: it may not say so, and may send it */
		{ "HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, 5,
		  false, false },
		{ "HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, 0,
		  false, true },
		{ "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_GET,
		  HTTP_BODY_NONE, 0, false, false },
		{ "HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_GET,
		  HTTP_BODY_NONE, 0, false, true },
		{ "HTTP/1.1 205 R\r\nContent-Length: 0\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, 0,
		  true, true },
		{ "HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, 5,
		  true, true },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_LENGTH,
		  5, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct result result = parse(span_str(cases[i].input), true, cases[i].method);
		assert_int_equal(result.outcome, H1_PARSED);
		assert_int_equal(result.head.body, cases[i].body);
		assert_int_equal(result.head.body_length, cases[i].length);
		assert_int_equal(result.head.has_length, cases[i].has_length);
		assert_int_equal(result.parsed.keep_alive, cases[i].keep);
	}
}

static void full_arena_is_an_error_not_an_outcome(void **state)
{
	struct arena small;
	struct http_head head;
	struct h1_parsed parsed;

	(void)state;
	arena_init(&small, 100);
	assert_int_equal(h1_parse_request(SPAN_LIT(LINE H "\r\n"), SPAN_LIT("http"), &limits,
					  &small, &head, &parsed),
			 -ENOBUFS);
	arena_fini(&small);
}

static void each_outcome_has_a_reason_with_a_status(void **state)
{
	(void)state;
	for (int i = H1_MALFORMED; i <= H1_EXPECTATION; i++)
		assert_in_range(reason_status(h1_outcome_reason((enum h1_outcome)i)), 400, 505);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_get_what_their_clause_says),
		cmocka_unit_test(nul_is_refused_wherever_it_stands),
		cmocka_unit_test(controls_are_refused_wherever_they_stand),
		cmocka_unit_test(trailers_are_taken_by_who_says_so),
		cmocka_unit_test(trailer_field_stays_and_what_speaks_of_the_connection_goes),
		cmocka_unit_test(head_is_neutral),
		cmocka_unit_test(absolute_form_becomes_origin_form),
		cmocka_unit_test(connection_lives_on_as_the_version_says),
		cmocka_unit_test(expectation_and_upgrade_count_where_they_mean_something),
		cmocka_unit_test(long_lines_and_heads_have_their_own_answers),
		cmocka_unit_test(too_many_connection_options_are_refused),
		cmocka_unit_test(responses_get_what_their_clause_says),
		cmocka_unit_test(response_bodies_follow_the_order_of_rfc_9112_6_3),
		cmocka_unit_test(full_arena_is_an_error_not_an_outcome),
		cmocka_unit_test(each_outcome_has_a_reason_with_a_status),
	};
	struct CMUnitTest with_arena[ARRAY_LEN(tests)];

	for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
		with_arena[i] = tests[i];
		with_arena[i].setup_func = setup;
		with_arena[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(with_arena, NULL, NULL);
}
