/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/client: who asks, and under which number.
 */
#include "../edge_test.h"

#include "edge/exchange/client.h"

static void hops_are_read_from_the_right_up_to_the_first_stranger(void **state)
{
	static const struct {
		const char *peer, *forwarded_for, *forwarded, *client;
	} rows[] = {
		{ "192.0.2.1:5", NULL, NULL, "192.0.2.1" },
		/* A stranger's word for others is worth nothing. */
		{ "192.0.2.1:5", "203.0.113.9", NULL, "192.0.2.1" },
		{ "10.0.0.1:5", NULL, NULL, "10.0.0.1" },
		{ "10.0.0.1:5", "203.0.113.9", NULL, "203.0.113.9" },
		{ "10.0.0.1:5", "1.1.1.1, 203.0.113.9", NULL, "203.0.113.9" },
		{ "10.0.0.1:5", "1.1.1.1, 203.0.113.9, 10.0.0.2", NULL, "203.0.113.9" },
		{ "10.0.0.1:5", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3" },
		{ "10.0.0.1:5", "203.0.113.9:1234", NULL, "203.0.113.9" },
		{ "10.0.0.1:5", "[2001:db8::1]:80", NULL, "2001:db8::1" },
		{ "10.0.0.1:5", "2001:db8::1", NULL, "2001:db8::1" },
		/* What is no address ends the walk: the hop before it stands. */
		{ "10.0.0.1:5", "203.0.113.9, unknown", NULL, "10.0.0.1" },
		{ "10.0.0.1:5", "203.0.113.9, ,10.0.0.2", NULL, "10.0.0.2" },
		{ "10.0.0.1:5", "", NULL, "10.0.0.1" },
		/* RFC 7239 */
		{ "10.0.0.1:5", NULL, "for=203.0.113.9;proto=https", "203.0.113.9" },
		{ "10.0.0.1:5", NULL, "for=1.1.1.1, For=\"[2001:db8::2]:4711\";by=x",
		  "2001:db8::2" },
		{ "10.0.0.1:5", NULL, "for=_hidden", "10.0.0.1" },
		{ "10.0.0.1:5", "203.0.113.9", "for=1.1.1.1", "203.0.113.9" },
		/* 4: a quoted value may hold what looks like another hop. */
		{ "10.0.0.1:5", NULL, "for=203.0.113.9;host=\"a, for=1.1.1.1\"", "203.0.113.9" },
		{ "10.0.0.1:5", NULL, "host=\"a;for=1.1.1.1\";for=203.0.113.9", "203.0.113.9" },
		{ "10.0.0.1:5", NULL, "host=\"\\\";for=1.1.1.1\";for=203.0.113.9", "203.0.113.9" },
		{ "10.0.0.1:5", NULL, "for=1.1.1.1;host=\"x, for=203.0.113.9", "203.0.113.9" },
		{ "10.0.0.1:5", NULL, "for=1.1.1.1, for=203.0.113.9;host=\"\\\", for=2.2.2.2\"",
		  "203.0.113.9" },
		{ "10.0.0.1:5", NULL, "for=203.0.113.9;host=\"\\", "203.0.113.9" },
	};
	struct prefix trusted;
	const struct client_conf conf = { .trusted = &trusted, .n_trusted = 1 };
	char text[IP_TEXT_MAX];

	(void)state;
	assert_true(prefix_parse(SPAN_LIT("10.0.0.0/8"), &trusted));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head head;
		struct client client;
		struct arena arena;
		struct addr peer;
		struct rng rng;
		arena_init(&arena, 65536);
		rng_seed(&rng, 1);
		assert_int_equal(http_head_init(&head, &arena), 0);
		assert_true(addr_parse(span_str(rows[i].peer), &peer));
		if (rows[i].forwarded_for)
			http_head_add(&head, HTTP_NAME_X_FORWARDED_FOR,
				      span_str(rows[i].forwarded_for));
		if (rows[i].forwarded)
			http_head_add(&head, HTTP_NAME_FORWARDED, span_str(rows[i].forwarded));
		assert_int_equal(client_find(&conf, &head, &peer, &rng, &arena, &client), 0);
		addr_ip_text(client.addr, text);
		if (strcmp(text, rows[i].client) != 0)
			fail_msg("row %zu: %s, not %s", i, text, rows[i].client);
		arena_fini(&arena);
	}
}

static void field_that_proxies_do_not_write_is_not_read(void **state)
{
	static const struct {
		enum client_from from;
		const char *client;
	} rows[] = {
		{ CLIENT_FROM_ANY, "203.0.113.1" },
		{ CLIENT_FROM_X_FORWARDED_FOR, "203.0.113.1" },
		{ CLIENT_FROM_FORWARDED, "203.0.113.2" },
	};
	struct prefix trusted;
	struct addr peer;

	(void)state;
	assert_true(prefix_parse(SPAN_LIT("10.0.0.0/8"), &trusted));
	assert_true(addr_parse(SPAN_LIT("10.0.0.1:5"), &peer));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct client_conf conf = { .from = rows[i].from,
						  .trusted = &trusted,
						  .n_trusted = 1 };
		char text[IP_TEXT_MAX];
		struct http_head head;
		struct client client;
		struct arena arena;
		struct rng rng;
		arena_init(&arena, 65536);
		rng_seed(&rng, 1);
		assert_int_equal(http_head_init(&head, &arena), 0);
		http_head_add(&head, HTTP_NAME_X_FORWARDED_FOR, SPAN_LIT("203.0.113.1"));
		http_head_add(&head, HTTP_NAME_FORWARDED, SPAN_LIT("for=203.0.113.2"));
		assert_int_equal(client_find(&conf, &head, &peer, &rng, &arena, &client), 0);
		assert_string_equal(addr_ip_text(client.addr, text), rows[i].client);
		arena_fini(&arena);
	}
}

static struct span id_of(const struct client_conf *conf, const char *peer_text, const char *said)
{
	static struct arena arena;
	static struct addr peer;
	struct http_head head;
	struct client client;
	struct rng rng;

	arena_fini(&arena);
	arena_init(&arena, 65536);
	rng_seed(&rng, 7);
	assert_int_equal(http_head_init(&head, &arena), 0);
	assert_true(addr_parse(span_str(peer_text), &peer));
	if (said)
		http_head_add(&head, HTTP_NAME_X_REQUEST_ID, span_str(said));
	assert_int_equal(client_find(conf, &head, &peer, &rng, &arena, &client), 0);
	return client.id;
}

static void number_is_made_or_kept(void **state)
{
	struct prefix trusted;
	struct client_conf conf = { .trusted = &trusted,
				    .n_trusted = 1,
				    .request_id = true,
				    .request_id_accept = REQUEST_ID_TRUSTED,
				    .request_id_header = "X-Request-ID" };

	(void)state;
	assert_true(prefix_parse(SPAN_LIT("10.0.0.0/8"), &trusted));
	assert_int_equal(id_of(&conf, "192.0.2.1:1", NULL).len, 32);
	assert_int_equal(id_of(&conf, "192.0.2.1:1", "theirs").len, 32);
	assert_true(span_eq(id_of(&conf, "10.0.0.1:1", "theirs"), SPAN_LIT("theirs")));
	assert_int_equal(id_of(&conf, "10.0.0.1:1", "two words").len, 32);
	conf.request_id_accept = REQUEST_ID_ALWAYS;
	assert_true(span_eq(id_of(&conf, "192.0.2.1:1", "a-b_c.9"), SPAN_LIT("a-b_c.9")));
	conf.request_id_accept = REQUEST_ID_NEVER;
	assert_int_equal(id_of(&conf, "10.0.0.1:1", "theirs").len, 32);
	conf.request_id_accept = REQUEST_ID_ALWAYS;
	conf.request_id_header = "x-correlation-id"; /* what else is said is nothing to us */
	assert_int_equal(id_of(&conf, "192.0.2.1:1", "theirs").len, 32);
	conf.request_id = false;
	assert_int_equal(id_of(&conf, "10.0.0.1:1", "theirs").len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hops_are_read_from_the_right_up_to_the_first_stranger),
		cmocka_unit_test(field_that_proxies_do_not_write_is_not_read),
		cmocka_unit_test(number_is_made_or_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
