/* SPDX-License-Identifier: Apache-2.0
 *
 * test_grpc: who is a client of gRPC, and what it hears.
 */
#include "edge/exchange/grpc.h"

#include "core/obj.h"
#include "tests/unit/edge/edge_test.h"

static void content_type_tells(void **state)
{
	static const struct {
		const char *type;
		bool is;
	} rows[] = {
		{ "application/grpc", true },     { "application/grpc+proto", true },
		{ "Application/gRPC;a=b", true }, { "application/grpc-web", false },
		{ "application/grpcx", false },   { "application/json", false },
		{ "application/grp", false },
	};
	struct arena arena;
	struct http_head head;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(http_head_init(&head, &arena), 0);
	assert_false(grpc_is(&head));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			http_head_set(&head, HTTP_NAME_CONTENT_TYPE, span_str(rows[i].type)), 0);
		if (grpc_is(&head) != rows[i].is)
			fail_msg("%s", rows[i].type);
	}
	arena_fini(&arena);
}

static void codes_are_those_of_the_mapping(void **state)
{
	static const unsigned rows[][2] = { { 400, 13 }, { 401, 16 }, { 403, 7 },  { 404, 12 },
					    { 429, 14 }, { 502, 14 }, { 503, 14 }, { 504, 14 },
					    { 413, 2 },  { 500, 2 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(grpc_code(rows[i][0]), rows[i][1]);
}

static void message_is_percent_encoded(void **state)
{
	struct arena arena;
	struct http_head head;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(http_head_init(&head, &arena), 0);
	assert_int_equal(grpc_refuse(&head, 503, "100% \xc3\xa9\n"), 0);
	assert_int_equal(head.n_fields, 3);
	assert_true(span_eq(head.fields[0].value, SPAN_LIT("application/grpc")));
	assert_true(span_eq(head.fields[1].name, SPAN_LIT("grpc-status")));
	assert_true(span_eq(head.fields[1].value, SPAN_LIT("14")));
	assert_true(span_eq(head.fields[2].value, SPAN_LIT("100%25 %C3%A9%0A")));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_type_tells),
		cmocka_unit_test(codes_are_those_of_the_mapping),
		cmocka_unit_test(message_is_percent_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
