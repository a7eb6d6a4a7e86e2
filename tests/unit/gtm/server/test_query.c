/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/server/query.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/gtm/server/dns_stage.h"

static void a_name_keeps_its_case_and_has_a_lower_one(void **state)
{
	(void)state; /* RFC 4343 */
	uint8_t packet[512];
	struct query query = { 0 };
	size_t len = stage_query(&(struct ask){ .name = "WWW.Test", .type = 28 }, packet, 512);

	assert_int_equal(query_parse(span_of(packet, len), &query), QUERY_OK);
	assert_int_equal(query.id, 0x5157);
	assert_int_equal(query.type, 28);
	assert_int_equal(query.class, 1);
	assert_true(query.recursion_desired);
	assert_int_equal(query.name_len, 10);
	assert_memory_equal(query.name, "\3www\4test", 10);
	assert_memory_equal(query.asked.at, "\3WWW\4Test", 10);
	assert_int_equal(query.udp_bytes, 512);
	assert_false(query.has_edns);
}

static void edns_says_how_much_fits_within_bounds(void **state)
{
	(void)state; /* RFC 6891 6.2.3 */
	static const uint16_t sizes[][2] = {
		{ 1, 512 }, { 512, 512 }, { 900, 900 }, { 1232, 1232 }, { 65535, 1232 }
	};

	for (size_t i = 0; i < 5; i++) {
		uint8_t packet[512];
		struct query query = { 0 };
		struct ask ask = { .name = "a", .type = 1, .edns = true, .udp_bytes = sizes[i][0] };
		size_t len = stage_query(&ask, packet, 512);
		assert_int_equal(query_parse(span_of(packet, len), &query), QUERY_OK);
		assert_int_equal(query.udp_bytes, sizes[i][1]);
	}
}

static void a_client_subnet_is_read(void **state)
{
	(void)state; /* RFC 7871 6 */
	uint8_t packet[512];
	struct query query = { 0 };
	struct ask ask = { .name = "a",
			   .type = 1,
			   .edns = true,
			   .options = "000a0002ffff00080006000114000a1430" };
	size_t len = stage_query(&ask, packet, 512);

	assert_int_equal(query_parse(span_of(packet, len), &query), QUERY_FORMERR);
	ask.options = "000a0002ffff00080007000114000a1430";
	len = stage_query(&ask, packet, 512);
	assert_int_equal(query_parse(span_of(packet, len), &query), QUERY_OK);
	assert_true(query.has_ecs);
	assert_int_equal(query.ecs_family, 1);
	assert_int_equal(query.ecs_source_bits, 20);
	assert_memory_equal(query.ecs_bytes.at, "\x0a\x14\x30", 3);
}

static void a_name_of_255_bytes_is_the_longest(void **state)
{
	(void)state; /* RFC 1035 2.3.4 */
	uint8_t packet[400] = { 0, 1, 0, 0, 0, 1 };
	struct query query = { 0 };

	for (size_t i = 0; i < 127; i++) {
		packet[12 + 2 * i] = 1;
		packet[13 + 2 * i] = 'a';
	}
	packet[12 + 254 + 2] = 1;
	packet[12 + 254 + 4] = 1;
	assert_int_equal(query_parse(span_of(packet, 12 + 255 + 4), &query), QUERY_OK);
	assert_int_equal(query.name_len, 255);
	packet[12 + 254] = 1;
	packet[12 + 255] = 'a';
	packet[12 + 256] = 0;
	assert_int_equal(query_parse(span_of(packet, 12 + 257 + 4), &query), QUERY_FORMERR);
	assert_int_equal(query.name_len, 0);
}

static void bytes_behind_the_last_record_are_an_error(void **state)
{
	(void)state;
	uint8_t packet[512];
	struct query query = { 0 };
	size_t len = stage_query(&(struct ask){ .name = "a", .type = 1 }, packet, 512);

	packet[len] = 0;
	assert_int_equal(query_parse(span_of(packet, len + 1), &query), QUERY_FORMERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_keeps_its_case_and_has_a_lower_one),
		cmocka_unit_test(edns_says_how_much_fits_within_bounds),
		cmocka_unit_test(a_client_subnet_is_read),
		cmocka_unit_test(a_name_of_255_bytes_is_the_longest),
		cmocka_unit_test(bytes_behind_the_last_record_are_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
