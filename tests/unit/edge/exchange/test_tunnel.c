/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tunnel: what is asked for, and what counts as an answer to it.
 */
#include "edge/exchange/tunnel.h"

#include "core/obj.h"
#include "tests/unit/edge/edge_test.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct heads {
	struct arena arena;
	struct http_head request, upstream, response;
};

static int setup(void **state)
{
	struct heads *heads = calloc(1, sizeof(*heads));

	assert_non_null(heads);
	arena_init(&heads->arena, 65536);
	assert_int_equal(http_head_init(&heads->request, &heads->arena), 0);
	assert_int_equal(http_head_init(&heads->upstream, &heads->arena), 0);
	assert_int_equal(http_head_init(&heads->response, &heads->arena), 0);
	heads->request.version_major = 1;
	heads->request.upgrade = SPAN_LIT("websocket");
	heads->response.version_major = 1;
	heads->response.status = 101;
	heads->response.body = HTTP_BODY_TUNNEL;
	*state = heads;
	return 0;
}

static int teardown(void **state)
{
	struct heads *heads = *state;

	arena_fini(&heads->arena);
	free(heads);
	return 0;
}

static void add(struct http_head *head, const char *name, const char *value)
{
	assert_int_equal(http_head_add_other(head, span_str(name), span_str(value)), 0);
}

static struct span value_of(const struct http_head *head, const char *name)
{
	for (uint16_t i = 0; i < head->n_fields; i++) {
		if (span_ieq(head->fields[i].name, span_str(name)))
			return head->fields[i].value;
	}
	return SPAN_NONE;
}

static int judge(struct heads *heads)
{
	return tunnel_judge(&heads->request, &heads->upstream, &heads->response, &heads->arena);
}

static void route_decides_which_protocols_pass(void **state)
{
	const char *names[] = { "chat/2", "websocket" };
	const struct route_proxy_conf usual = { .set = true };
	const struct route_proxy_conf none = { .set = true, .upgrade_set = true };
	const struct route_proxy_conf two = { .upgrade = names,
					      .n_upgrade = 2,
					      .upgrade_set = true };
	const struct {
		const struct route_proxy_conf *proxy;
		const char *asked, *chosen;
	} rows[] = {
		{ &usual, "websocket", "websocket" },
		{ &usual, "WebSocket", "WebSocket" },
		{ &usual, "h2c", "" },
		{ &usual, "h2c, websocket", "websocket" },
		{ &usual, "", "" },
		{ &usual, ", ,", "" },
		{ &none, "websocket", "" },
		{ &two, "h3 , CHAT/2", "CHAT/2" },
	};
	struct heads *heads = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		heads->request.upgrade = span_str(rows[i].asked);
		assert_true(span_eq(tunnel_choose(rows[i].proxy, &heads->request),
				    span_str(rows[i].chosen)));
	}
	heads->request.upgrade = SPAN_LIT("websocket");
	heads->request.body = HTTP_BODY_STREAM;
	assert_int_equal(tunnel_choose(&usual, &heads->request).len, 0);
}

static void key_of_the_client_goes_on_and_another_is_made_when_there_is_none(void **state)
{
	struct heads *heads = *state;

	assert_int_equal(tunnel_ask(&heads->upstream, SPAN_LIT("websocket"), &heads->arena), 0);
	assert_int_equal(value_of(&heads->upstream, "sec-websocket-key").len, 24);
	assert_int_equal(http_head_init(&heads->upstream, &heads->arena), 0);
	add(&heads->upstream, "Sec-WebSocket-Key", KEY);
	assert_int_equal(tunnel_ask(&heads->upstream, SPAN_LIT("websocket"), &heads->arena), 0);
	assert_int_equal(heads->upstream.n_fields, 1);
	assert_true(span_eq(heads->upstream.upgrade, SPAN_LIT("websocket")));
	assert_int_equal(http_head_init(&heads->upstream, &heads->arena), 0);
	assert_int_equal(tunnel_ask(&heads->upstream, SPAN_LIT("chat/2"), &heads->arena), 0);
	assert_int_equal(heads->upstream.n_fields, 0);
}

static void answer_must_fit_the_key(void **state)
{
	struct heads *heads = *state;

	heads->upstream.upgrade = SPAN_LIT("websocket");
	add(&heads->request, "Sec-WebSocket-Key", KEY);
	add(&heads->upstream, "Sec-WebSocket-Key", KEY);
	assert_int_equal(judge(heads), TUNNEL_BROKEN);
	add(&heads->response, "Sec-WebSocket-Accept", ACCEPT);
	assert_int_equal(judge(heads), TUNNEL_OPEN);
	assert_true(span_eq(value_of(&heads->response, "Sec-WebSocket-Accept"), SPAN_LIT(ACCEPT)));
	assert_true(span_eq(heads->response.upgrade, SPAN_LIT("websocket")));
	heads->upstream.fields[0].value = SPAN_LIT("AAAAAAAAAAAAAAAAAAAAAA==");
	assert_int_equal(judge(heads), TUNNEL_BROKEN);
}

static void client_without_a_key_hears_no_answer_to_one(void **state)
{
	struct heads *heads = *state;

	heads->request.version_major = 2;
	heads->upstream.upgrade = SPAN_LIT("websocket");
	add(&heads->upstream, "Sec-WebSocket-Key", KEY);
	add(&heads->response, "Sec-WebSocket-Accept", ACCEPT);
	assert_int_equal(judge(heads), TUNNEL_OPEN);
	assert_int_equal(heads->response.n_fields, 0);
}

static void origin_of_http_2_has_no_key_but_the_client_gets_its_answer(void **state)
{
	struct heads *heads = *state;

	heads->upstream.upgrade = SPAN_LIT("websocket");
	heads->response.version_major = 2;
	add(&heads->request, "Sec-WebSocket-Key", KEY);
	assert_int_equal(judge(heads), TUNNEL_OPEN);
	assert_true(span_eq(value_of(&heads->response, "Sec-WebSocket-Accept"), SPAN_LIT(ACCEPT)));
}

static void tunnel_that_nobody_asked_for_is_broken(void **state)
{
	struct heads *heads = *state;

	assert_int_equal(judge(heads), TUNNEL_BROKEN);
}

static void success_that_is_no_tunnel_would_mislead_a_client_of_http_2(void **state)
{
	struct heads *heads = *state;

	heads->upstream.upgrade = SPAN_LIT("websocket");
	heads->response.body = HTTP_BODY_LENGTH;
	heads->response.status = 200;
	assert_int_equal(judge(heads), TUNNEL_NONE);
	heads->request.version_major = 2;
	assert_int_equal(judge(heads), TUNNEL_BROKEN);
	heads->response.status = 403;
	assert_int_equal(judge(heads), TUNNEL_NONE);
}

#define TUNNEL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TUNNEL_TEST(route_decides_which_protocols_pass),
		TUNNEL_TEST(key_of_the_client_goes_on_and_another_is_made_when_there_is_none),
		TUNNEL_TEST(answer_must_fit_the_key),
		TUNNEL_TEST(client_without_a_key_hears_no_answer_to_one),
		TUNNEL_TEST(origin_of_http_2_has_no_key_but_the_client_gets_its_answer),
		TUNNEL_TEST(tunnel_that_nobody_asked_for_is_broken),
		TUNNEL_TEST(success_that_is_no_tunnel_would_mislead_a_client_of_http_2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
