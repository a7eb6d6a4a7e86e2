/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/proxy_protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/net/proxy_protocol.h"
#include "core/obj.h"

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void lines_of_version_1(void **state)
{
	static const struct {
		const char *text;
		int outcome;
		const char *from, *to; /* NULL: local */
	} rows[] = {
		{ "PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\nGET", PROXY_PARSED,
		  "192.0.2.1:1234", "198.51.100.2:443" },
		{ "PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n", PROXY_PARSED, "[2001:db8::1]:0",
		  "[2001:db8::2]:65535" },
		{ "PROXY UNKNOWN\r\n", PROXY_PARSED, NULL, NULL },
		{ "PROXY UNKNOWN ff:: ee:: 1 2\r\n", PROXY_PARSED, NULL, NULL },
		{ "", PROXY_NEED_MORE, NULL, NULL },
		{ "PRO", PROXY_NEED_MORE, NULL, NULL },
		{ "PROXY TCP4 192.0.2.1", PROXY_NEED_MORE, NULL, NULL },
		{ "GET / HTTP/1.1\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4 192.0.2.1 198.51.100.2 1234\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4 192.0.2.1 198.51.100.2 1234 65536\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY SCTP 192.0.2.1 198.51.100.2 1 2\r\n", PROXY_MALFORMED, NULL, NULL },
		{ "PROXY TCP4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  PROXY_MALFORMED, NULL, NULL },
	};
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxy_header header;
		int r = proxy_parse(span_str(rows[i].text), &header);
		if (r != rows[i].outcome)
			fail_msg("row %zu: outcome %d", i, r);
		if (r != PROXY_PARSED)
			continue;
		assert_int_equal(header.local, !rows[i].from);
		if (header.local)
			continue;
		assert_string_equal(addr_text(&header.from, text), rows[i].from);
		assert_string_equal(addr_text(&header.to, text), rows[i].to);
	}
}

static int parse_v2(const char *tail, size_t len, struct proxy_header *ret_header)
{
	uint8_t bytes[512];

	memcpy(bytes, V2_SIGNATURE, 12);
	memcpy(bytes + 12, tail, len);
	return proxy_parse(span_of(bytes, 12 + len), ret_header);
}
#define PARSE_V2(tail, header) parse_v2(tail, sizeof(tail) - 1, header)

static void headers_of_version_2(void **state)
{
	struct proxy_header header;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(
		PARSE_V2("\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\x04\xd2\x01\xbbrest", &header),
		PROXY_PARSED);
	assert_string_equal(addr_text(&header.from, text), "192.0.2.1:1234");
	assert_string_equal(addr_text(&header.to, text), "198.51.100.2:443");
	assert_int_equal(header.len, 28);
	/* A TLV that nobody knows; LOCAL; UNSPEC. */
	assert_int_equal(PARSE_V2("\x21\x11\0\x10\xc0\0\2\1\xc6\x33\x64\2\x04\xd2\x01\xbb\xee\0\1x",
				  &header),
			 PROXY_PARSED);
	assert_int_equal(PARSE_V2("\x20\x11\0\0", &header), PROXY_PARSED);
	assert_true(header.local);
	assert_int_equal(PARSE_V2("\x21\0\0\2xy", &header), PROXY_PARSED);
	assert_true(header.local);
	/* Cut, too short for its family, another version, another command, a TLV too long. */
	assert_int_equal(PARSE_V2("\x21\x11\0\x0c\xc0\0\2", &header), PROXY_NEED_MORE);
	assert_int_equal(PARSE_V2("\x21", &header), PROXY_NEED_MORE);
	assert_int_equal(PARSE_V2("\x21\x11\0\4\xc0\0\2\1", &header), PROXY_MALFORMED);
	assert_int_equal(PARSE_V2("\x11\x11\0\0", &header), PROXY_MALFORMED);
	assert_int_equal(PARSE_V2("\x22\x11\0\0", &header), PROXY_MALFORMED);
	assert_int_equal(PARSE_V2("\x21\x99\0\0", &header), PROXY_MALFORMED);
	assert_int_equal(PARSE_V2("\x21\x11\xff\xff", &header), PROXY_MALFORMED);
	assert_int_equal(
		PARSE_V2("\x21\x11\0\x0f\xc0\0\2\1\xc6\x33\x64\2\x04\xd2\x01\xbb\xee\0\1", &header),
		PROXY_MALFORMED);
}

static void checksum_is_checked(void **state)
{
	/* 32 bytes of zeros have the CRC-32C 8a9136aa (RFC 3720 B.4); this header's was computed
	 * with another implementation. */
	static const char good[] =
		"\x21\x11\0\x13\xc0\0\2\1\xc6\x33\x64\2\x04\xd2\x01\xbb\3\0\4\x3f\x39\x34\x85";
	char bad[sizeof(good)];
	struct proxy_header header;

	(void)state;
	assert_int_equal(PARSE_V2(good, &header), PROXY_PARSED);
	memcpy(bad, good, sizeof(good));
	bad[4] ^= 1;
	assert_int_equal(parse_v2(bad, sizeof(bad) - 1, &header), PROXY_MALFORMED);
}

static void what_is_written_is_read_again(void **state)
{
	static const char *const pairs[][2] = {
		{ "192.0.2.1:1", "198.51.100.2:65535" },
		{ "[2001:db8::1]:80", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535" },
		{ "192.0.2.1:1", "[2001:db8::1]:2" }, /* as a proxy's client by X-Forwarded-For */
		{ "[2001:db8::1]:2", "192.0.2.1:1" },
		{ "192.0.2.1:1", "unix:/a" }, /* unknown */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		for (int version = PROXY_V1; version <= PROXY_V2; version++) {
			uint8_t bytes[PROXY_WRITE_BYTES];
			struct proxy_header header;
			struct addr from, to;
			assert_true(addr_parse(span_str(pairs[i][0]), &from));
			assert_true(addr_parse(span_str(pairs[i][1]), &to));
			size_t len = proxy_write((enum proxy_version)version, &from, &to, bytes);
			assert_int_equal(proxy_parse(span_of(bytes, len), &header), PROXY_PARSED);
			assert_int_equal(header.len, len);
			assert_int_equal(header.local, i == 4);
			assert_true(header.local ||
				    (addr_eq(&header.from, &from) && addr_eq(&header.to, &to)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_version_1),
		cmocka_unit_test(headers_of_version_2),
		cmocka_unit_test(checksum_is_checked),
		cmocka_unit_test(what_is_written_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
