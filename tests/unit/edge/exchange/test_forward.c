/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/forward: what is added to heads on their way through.
 */
#include "../edge_test.h"

#include "edge/exchange/forward.h"

static const struct forward_conf usual = { .x_forwarded_for = FORWARD_FOR_APPEND,
					   .x_forwarded_proto = true,
					   .x_forwarded_host = true,
					   .via = "edge" };

struct stage {
	struct arena arena;
	struct addr client;
	struct http_head request, out;
};

static void stage_open(struct stage *stage)
{
	arena_init(&stage->arena, 65536);
	assert_true(addr_parse(SPAN_LIT("203.0.113.7:99"), &stage->client));
	assert_int_equal(http_head_init(&stage->request, &stage->arena), 0);
	stage->request.method = HTTP_METHOD_GET;
	stage->request.scheme = SPAN_LIT("https");
	stage->request.authority = SPAN_LIT("www.example");
	stage->request.version_major = 1;
	stage->request.version_minor = 1;
}

static void forward(struct stage *stage, const struct forward_conf *conf)
{
	assert_int_equal(
		forward_request(conf, &stage->request, &stage->client, &stage->arena, &stage->out),
		0);
}

static void expect(const struct stage *stage, enum http_name id, const char *value)
{
	const struct http_field *field = http_head_find(&stage->out, id);

	if (!value) {
		assert_null(field);
		return;
	}
	assert_non_null(field);
	if (!span_eq(field->value, span_str(value)))
		fail_msg("%.*s, not %s", SPAN_FMT(field->value), value);
}

static void origin_learns_who_asked_and_how(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	forward(&stage, &usual);
	expect(&stage, HTTP_NAME_X_FORWARDED_FOR, "203.0.113.7");
	expect(&stage, HTTP_NAME_X_FORWARDED_PROTO, "https");
	expect(&stage, HTTP_NAME_X_FORWARDED_HOST, "www.example");
	expect(&stage, HTTP_NAME_VIA, "1.1 edge");
	expect(&stage, HTTP_NAME_X_REAL_IP, NULL);
	assert_int_equal(stage.request.n_fields, 0); /* the client's head stays as it is */
	arena_fini(&stage.arena);
}

static void address_goes_behind_all_that_came(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	assert_int_equal(
		http_head_add(&stage.request, HTTP_NAME_X_FORWARDED_FOR, SPAN_LIT("192.0.2.1")), 0);
	assert_int_equal(http_head_add(&stage.request, HTTP_NAME_X_FORWARDED_FOR,
				       SPAN_LIT("192.0.2.2, 192.0.2.3")),
			 0);
	forward(&stage, &usual);
	expect(&stage, HTTP_NAME_X_FORWARDED_FOR, "192.0.2.1, 192.0.2.2, 192.0.2.3, 203.0.113.7");
	assert_int_equal(stage.out.n_fields, 4);
	arena_fini(&stage.arena);
}

static void what_the_client_claims_is_replaced_or_dropped(void **state)
{
	const struct forward_conf replace = { .x_forwarded_for = FORWARD_FOR_REPLACE,
					      .x_real_ip = true,
					      .via = "" };
	struct stage stage;

	(void)state;
	stage_open(&stage);
	assert_int_equal(
		http_head_add(&stage.request, HTTP_NAME_X_FORWARDED_FOR, SPAN_LIT("1.1.1.1")), 0);
	assert_int_equal(
		http_head_add(&stage.request, HTTP_NAME_X_FORWARDED_PROTO, SPAN_LIT("http")), 0);
	assert_int_equal(http_head_add(&stage.request, HTTP_NAME_X_REAL_IP, SPAN_LIT("1.1.1.1")),
			 0);
	forward(&stage, &replace);
	expect(&stage, HTTP_NAME_X_FORWARDED_FOR, "203.0.113.7");
	expect(&stage, HTTP_NAME_X_REAL_IP, "203.0.113.7");
	expect(&stage, HTTP_NAME_VIA, NULL);
	forward(&stage, &usual);
	expect(&stage, HTTP_NAME_X_FORWARDED_PROTO, "https");
	arena_fini(&stage.arena);
}

static void hops_are_counted_for_options_and_trace_alone(void **state)
{
	static const struct {
		const char *hops, *left;
		enum http_method method;
		int outcome;
	} rows[] = {
		/* RFC 9110 7.6.2 */
		{ "0", NULL, HTTP_METHOD_OPTIONS, FORWARD_HOPS_NONE },
		{ "0", NULL, HTTP_METHOD_TRACE, FORWARD_HOPS_NONE },
		{ "3", "2", HTTP_METHOD_OPTIONS, FORWARD_HOPS_LEFT },
		{ "x", NULL, HTTP_METHOD_OPTIONS, FORWARD_HOPS_WRONG },
		{ "99999999999999999999", NULL, HTTP_METHOD_OPTIONS, FORWARD_HOPS_WRONG },
		{ "0", "0", HTTP_METHOD_GET, FORWARD_HOPS_LEFT },
		{ "x", "x", HTTP_METHOD_GET, FORWARD_HOPS_LEFT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage stage;
		stage_open(&stage);
		stage.request.method = rows[i].method;
		assert_int_equal(http_head_add(&stage.request, HTTP_NAME_MAX_FORWARDS,
					       span_str(rows[i].hops)),
				 0);
		assert_int_equal(forward_hops(&stage.request), rows[i].outcome);
		if (rows[i].left) {
			forward(&stage, &usual);
			expect(&stage, HTTP_NAME_MAX_FORWARDS, rows[i].left);
		}
		arena_fini(&stage.arena);
	}
}

static void response_gets_our_via_behind_the_others(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	stage.request.version_minor = 0; /* as if it were an old origin's response */
	assert_int_equal(http_head_add(&stage.request, HTTP_NAME_VIA, SPAN_LIT("1.1 inner")), 0);
	assert_int_equal(forward_response(&usual, &stage.request, &stage.arena), 0);
	assert_int_equal(stage.request.n_fields, 2);
	assert_true(span_eq(stage.request.fields[1].value, SPAN_LIT("1.0 edge")));
	arena_fini(&stage.arena);
}

static void full_arena_is_said(void **state)
{
	struct stage stage;
	struct arena none;

	(void)state;
	stage_open(&stage);
	arena_init(&none, 0);
	assert_true(forward_request(&usual, &stage.request, &stage.client, &none, &stage.out) < 0);
	arena_fini(&none);
	arena_fini(&stage.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origin_learns_who_asked_and_how),
		cmocka_unit_test(address_goes_behind_all_that_came),
		cmocka_unit_test(what_the_client_claims_is_replaced_or_dropped),
		cmocka_unit_test(hops_are_counted_for_options_and_trace_alone),
		cmocka_unit_test(response_gets_our_via_behind_the_others),
		cmocka_unit_test(full_arena_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
