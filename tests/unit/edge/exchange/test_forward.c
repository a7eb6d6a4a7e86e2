/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/forward: what is added to heads on their way through.
 */
#include "../edge_test.h"

#include <sys/socket.h>

#include "edge/exchange/forward.h"

static const struct forward_conf usual = { .x_forwarded_for = FORWARD_FOR_APPEND,
					   .x_forwarded_proto = true,
					   .x_forwarded_host = true,
					   .via = "edge" };

struct stage {
	struct arena arena;
	struct addr peer;
	struct client client;
	struct loop *loop;
	struct conn *conn;
	int other_end;
	struct http_head request, out;
};

static void on_nothing(struct conn *conn, void *arg)
{
	(void)conn, (void)arg;
}

static void stage_open(struct stage *stage)
{
	static const struct conn_events events = { on_nothing, on_nothing, on_nothing, on_nothing,
						   on_nothing };
	int fds[2];

	*stage = (struct stage){ .loop = NULL };
	arena_init(&stage->arena, 65536);
	assert_true(addr_parse(SPAN_LIT("203.0.113.7:99"), &stage->peer));
	stage->client = (struct client){ .addr = &stage->peer };
	assert_int_equal(loop_new("test", &stage->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	stage->other_end = fds[1];
	assert_int_equal(
		conn_accept(stage->loop, fds[0], &stage->peer, NULL, &events, NULL, &stage->conn),
		0);
	assert_int_equal(http_head_init(&stage->request, &stage->arena), 0);
	stage->request.method = HTTP_METHOD_GET;
	stage->request.scheme = SPAN_LIT("https");
	stage->request.authority = SPAN_LIT("www.example");
	stage->request.version_major = 1;
	stage->request.version_minor = 1;
}

static void stage_close(struct stage *stage)
{
	conn_close(stage->conn);
	close(stage->other_end);
	loop_free(stage->loop);
	arena_fini(&stage->arena);
}

static void forward(struct stage *stage, const struct forward_conf *conf)
{
	assert_int_equal(forward_request(conf, &stage->request, &stage->client, stage->conn,
					 &stage->arena, &stage->out),
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
	stage_close(&stage);
}

static void address_goes_behind_what_a_trusted_one_said(void **state)
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
	expect(&stage, HTTP_NAME_X_FORWARDED_FOR, "203.0.113.7"); /* anyone may say anything */
	stage.client.trusted = true;
	forward(&stage, &usual);
	expect(&stage, HTTP_NAME_X_FORWARDED_FOR, "192.0.2.1, 192.0.2.2, 192.0.2.3, 203.0.113.7");
	assert_int_equal(stage.out.n_fields, 4);
	stage_close(&stage);
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
	stage_close(&stage);
}

static void trusted_proxy_is_believed(void **state)
{
	const struct forward_conf conf = { .x_forwarded_proto = true,
					   .x_forwarded_host = true,
					   .x_forwarded_port = true,
					   .x_real_ip = true,
					   .forwarded = true,
					   .client = { .request_id = true,
						       .request_id_header = "X-Trace" },
					   .via = "" };
	struct stage stage;
	struct addr real;

	(void)state;
	stage_open(&stage);
	assert_true(addr_parse_ip(SPAN_LIT("2001:db8::7"), &real));
	stage.client = (struct client){ .addr = &real, .trusted = true, .id = SPAN_LIT("abc") };
	assert_int_equal(
		http_head_add(&stage.request, HTTP_NAME_X_FORWARDED_PROTO, SPAN_LIT("http")), 0);
	assert_int_equal(http_head_add(&stage.request, HTTP_NAME_FORWARDED, SPAN_LIT("for=_x")), 0);
	assert_int_equal(http_head_add_other(&stage.request, SPAN_LIT("x_trace"), SPAN_LIT("1")),
			 0);
	forward(&stage, &conf);
	expect(&stage, HTTP_NAME_X_FORWARDED_PROTO, "http");
	expect(&stage, HTTP_NAME_X_FORWARDED_HOST, "www.example");
	expect(&stage, HTTP_NAME_X_REAL_IP, "2001:db8::7");
	assert_true(span_eq(stage.out.fields[stage.out.n_fields - 1].name, SPAN_LIT("X-Trace")));
	assert_true(span_eq(stage.out.fields[stage.out.n_fields - 1].value, SPAN_LIT("abc")));
	assert_int_equal(stage.out.n_fields, 7); /* x_trace has gone, X-Forwarded-For came */
	expect(&stage, HTTP_NAME_FORWARDED,
	       "for=_x, for=203.0.113.7;by=unix;proto=https;host=\"www.example\"");
	stage_close(&stage);
}

static void claims_about_certificates_are_dropped(void **state)
{
	const struct forward_conf conf = { .client_certificate = true, .via = "" };
	struct stage stage;

	(void)state;
	stage_open(&stage);
	assert_int_equal(http_head_add_other(&stage.request, SPAN_LIT("x-ssl-client-verify"),
					     SPAN_LIT("SUCCESS")),
			 0);
	assert_int_equal(
		http_head_add_other(&stage.request, SPAN_LIT("Client-Cert"), SPAN_LIT(":x:")), 0);
	assert_int_equal(http_head_add_other(&stage.request, SPAN_LIT("X_SSL_Client_Verify"),
					     SPAN_LIT("SUCCESS")),
			 0);
	assert_int_equal(http_head_add_other(&stage.request, SPAN_LIT("X-Mine"), SPAN_LIT("1")), 0);
	forward(&stage, &conf);
	assert_int_equal(stage.out.n_fields, 2); /* X-Mine, X-Forwarded-For */
	stage_close(&stage);
}

/* What is left of a field after the way through. */
static void claims_of_strangers_go_whatever_we_write(void **state)
{
	static const struct {
		const char *name;
		bool from_stranger, from_trusted; /* it passes */
	} rows[] = {
		{ "X-Forwarded-For", false, true },
		{ "X-Forwarded-Proto", false, true },
		{ "X-Forwarded-Host", false, true },
		{ "X-Forwarded-Port", false, true },
		{ "X-Forwarded-Prefix", false, true },
		{ "x-forwarded-ssl", false, true },
		{ "X-Real-IP", false, true },
		{ "Forwarded", false, true },
		/* An origin may take them for those above, and so may a proxy let them through. */
		{ "X_Forwarded_For", false, false },
		{ "X-Forwarded_Proto", false, false },
		{ "x_real_ip", false, false },
		/* We write none. */
		{ "X-Request-ID", true, true },
		{ "X_Request_ID", true, true },
		{ "Client-Cert", true, true },
		{ "X-Forwarded", true, true },
		{ "X-Mine", true, true },
	};
	const struct forward_conf silent = { .x_forwarded_for = FORWARD_FOR_OFF, .via = "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage stage;
		struct span name = span_str(rows[i].name);
		const struct http_field field = { name, SPAN_LIT("1.1.1.1"),
						  (uint16_t)http_name_lookup(name) };
		stage_open(&stage);
		assert_int_equal(http_head_add_found(&stage.request, field), 0);
		forward(&stage, &silent);
		if (stage.out.n_fields != rows[i].from_stranger)
			fail_msg("%s of a stranger", rows[i].name);
		stage.client.trusted = true;
		forward(&stage, &silent);
		if (stage.out.n_fields != rows[i].from_trusted)
			fail_msg("%s of a trusted one", rows[i].name);
		stage_close(&stage);
	}
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
		stage_close(&stage);
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
	stage_close(&stage);
}

static void full_arena_is_said(void **state)
{
	struct stage stage;
	struct arena none;

	(void)state;
	stage_open(&stage);
	arena_init(&none, 0);
	assert_true(forward_request(&usual, &stage.request, &stage.client, stage.conn, &none,
				    &stage.out) < 0);
	arena_fini(&none);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origin_learns_who_asked_and_how),
		cmocka_unit_test(address_goes_behind_what_a_trusted_one_said),
		cmocka_unit_test(what_the_client_claims_is_replaced_or_dropped),
		cmocka_unit_test(trusted_proxy_is_believed),
		cmocka_unit_test(claims_about_certificates_are_dropped),
		cmocka_unit_test(claims_of_strangers_go_whatever_we_write),
		cmocka_unit_test(hops_are_counted_for_options_and_trace_alone),
		cmocka_unit_test(response_gets_our_via_behind_the_others),
		cmocka_unit_test(full_arena_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
