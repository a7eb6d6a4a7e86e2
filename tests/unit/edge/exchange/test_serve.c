/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/serve: what a client gets of a stored response.
 */
#include "cache_stage.h"

#define FRESH "Cache-Control: max-age=60"

static uint64_t age_of(const struct guest *guest)
{
	uint64_t age_s = UINT64_MAX;

	assert_true(span_to_u64(head_field(guest->client.head, "Age"), 1000000, &age_s));
	return age_s;
}

static void age_is_the_origins_and_the_time_since(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app"); /* of this moment: then there is none */
	origin_is_asked(&stage, &stage.origin, 1);
	origin_gives(&stage.origin, 200, FRESH, "hello");
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	guest_comes(&guest, &stage, "/app");
	guest_got(&guest, 200, "hello");
	assert_in_range(age_of(&guest), 0, 20);
	guest_ends(&guest);

	guest_comes(&guest, &stage, "/app/old");
	origin_is_asked(&stage, &stage.origin, 2);
	origin_gives(&stage.origin, 200, "Cache-Control: max-age=600\nAge: 300", "hello");
	guest_got(&guest, 200, "hello");
	assert_in_range(age_of(&guest), 300, 320);
	guest_ends(&guest);
	guest_comes(&guest, &stage, "/app/old");
	guest_got(&guest, 200, "hello");
	assert_in_range(age_of(&guest), 300, 320);
	guest_ends(&guest);
	stage_end(&stage);
}

static void cache_status_is_said_where_the_rules_want_it(void **state)
{
	struct cache_rules_conf rules = usual_rules;
	struct stage stage;
	struct guest guest;

	(void)state;
	rules.status_field = false;
	stage_open_with(&stage, &rules);
	stage_stores(&stage, "/app", FRESH, "hello");
	guest_comes(&guest, &stage, "/app");
	guest_got(&guest, 200, "hello");
	guest_got_field(&guest, "Cache-Status", NULL);
	guest_ends(&guest);
	stage_end(&stage);
}

static void head_is_answered_from_what_a_get_stored_and_stores_nothing(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_init(&guest, &stage, "/app");
	guest_method(&guest, HTTP_METHOD_HEAD);
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 1);
	assert_int_equal(stage.origin.asked.method, HTTP_METHOD_HEAD);
	stage.origin.setup.events->on_failed(stage.origin.setup.fetch, REASON_ORIGIN_CLOSED, false);
	stage.origin.open = false;
	conn_close(stage.origin.setup.conn);
	EDGE_LOOP_UNTIL(stage.loop, guest.client.ended);
	guest_ends(&guest);

	stage_stores(&stage, "/app", FRESH, "hello");
	guest_init(&guest, &stage, "/app");
	guest_method(&guest, HTTP_METHOD_HEAD);
	guest_begin(&guest);
	guest_got(&guest, 200, "");
	guest_got_status(&guest, "meridian; hit");
	assert_true(guest.client.head->has_length);
	assert_int_equal(guest.client.head->body_length, 5);
	assert_int_equal(guest.client.head->body, HTTP_BODY_NONE);
	guest_ends(&guest);
	assert_int_equal(stage_n_asked(&stage), 2);
	stage_end(&stage);
}

static void length_is_said_once_it_is_known(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, FRESH);
	EDGE_LOOP_UNTIL(stage.loop, guest.client.n_heads == 1);
	assert_int_equal(guest.client.head->body, HTTP_BODY_STREAM);
	assert_true(origin_sends(&stage.origin, "hello", 5, true));
	origin_ends(&stage.origin);
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	guest_comes(&guest, &stage, "/app");
	guest_got(&guest, 200, "hello");
	assert_int_equal(guest.client.head->body, HTTP_BODY_LENGTH);
	assert_int_equal(guest.client.head->body_length, 5);
	guest_ends(&guest);
	stage_end(&stage);
}

static void other_statuses_serve_as_they_came(void **state)
{
	static const struct {
		unsigned status;
		const char *body;
	} rows[] = { { 404, "none" }, { 301, "there" }, { 204, "" }, { 200, "" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *fields = i == 3 ? FRESH "\nContent-Length: 0" : FRESH;
		struct stage stage;
		struct guest guest;

		stage_open_with(&stage, &usual_rules);
		for (int round = 0; round < 2; round++) {
			guest_comes(&guest, &stage, "/app");
			if (round == 0) {
				origin_is_asked(&stage, &stage.origin, 1);
				origin_gives(&stage.origin, rows[i].status, fields, rows[i].body);
			}
			guest_got(&guest, rows[i].status, rows[i].body);
			guest_ends(&guest);
			stage_settle(&stage);
		}
		assert_int_equal(stage_n_asked(&stage), 1);
		stage_end(&stage);
	}
}

/* "hello", and a trailer behind it. */
static void origin_gives_trailers(struct stage_origin *origin, const char *fields)
{
	struct http_head *trailers;

	origin_heads(origin, 200, fields);
	assert_true(origin_sends(origin, "hel", 3, false));
	trailers = ARENA_NEW(origin->setup.arena, struct http_head);
	assert_non_null(trailers);
	assert_int_equal(http_head_init(trailers, origin->setup.arena), 0);
	assert_int_equal(http_head_add_other(trailers, SPAN_LIT("X-Sum"), SPAN_LIT("1")), 0);
	origin->setup.events->on_trailers(origin->setup.fetch, trailers);
	assert_true(origin_sends(origin, "lo", 2, true));
	origin_ends(origin);
}

static void trailers_are_replayed(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	for (int round = 0; round < 2; round++) {
		guest_comes(&guest, &stage, "/app");
		if (round == 0) {
			origin_is_asked(&stage, &stage.origin, 1);
			origin_gives_trailers(&stage.origin, FRESH);
		}
		guest_got(&guest, 200, "hello");
		assert_int_equal(guest.client.n_trailers, 1);
		guest_ends(&guest);
		stage_settle(&stage);
	}
	guest_init(&guest, &stage, "/app"); /* they are not a part's */
	guest_says(&guest, "Range", "bytes=1-2");
	guest_begin(&guest);
	guest_got(&guest, 206, "el");
	assert_int_equal(guest.client.n_trailers_set, 0);
	guest_ends(&guest);
	assert_int_equal(stage_n_asked(&stage), 1);
	stage_end(&stage);
}

static void trailers_outlast_a_304(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_gives_trailers(&stage.origin, FRESH "\nAge: 100\nETag: \"a\"");
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	stage_settle(&stage);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 2);
	origin_heads(&stage.origin, 304, FRESH);
	origin_ends(&stage.origin);
	guest_got(&guest, 200, "hello");
	assert_int_equal(guest.client.n_trailers, 1);
	guest_ends(&guest);
	stage_end(&stage);
}

static void slow_client_is_told_the_trailers_once(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_gives_trailers(&stage.origin, FRESH);
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	stage_settle(&stage);
	guest_init(&guest, &stage, "/app");
	guest.client.room = 0;
	guest_begin(&guest);
	EDGE_LOOP_UNTIL(stage.loop, guest.client.n_heads == 1);
	size_t used_bytes = guest.arena.used_bytes;
	while (!guest.client.ended)
		guest_reads(&guest, 1);
	assert_int_equal(guest.client.n_trailers_set, 1);
	assert_int_equal(guest.arena.used_bytes, used_bytes);
	guest_ends(&guest);
	stage_end(&stage);
}

enum { LARGE_BYTES = 3 << 20 };

static void slow_client_gets_a_large_body_at_its_pace(void **state)
{
	static const char *const heads[] = { FRESH, FRESH "\nContent-Length: 3145728" };
	uint8_t *bytes = malloc(LARGE_BYTES);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < LARGE_BYTES; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 4099);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct stage stage;
		struct guest guest;

		stage_open_with(&stage, &usual_rules);
		guest_comes(&guest, &stage, "/app");
		origin_is_asked(&stage, &stage.origin, 1);
		origin_heads(&stage.origin, 200, heads[i]);
		assert_true(origin_sends(&stage.origin, bytes, LARGE_BYTES, true));
		origin_ends(&stage.origin);
		EDGE_LOOP_UNTIL(stage.loop, guest.client.ended);
		guest_ends(&guest);
		stage_settle(&stage);
		guest_init(&guest, &stage, "/app");
		guest.client.room = 0;
		guest_begin(&guest);
		EDGE_LOOP_UNTIL(stage.loop, guest.client.n_heads == 1);
		guest_got_status(&guest, "meridian; hit");
		while (!guest.client.ended)
			guest_reads(&guest, 100003);
		assert_int_equal(guest.client.body_len, LARGE_BYTES);
		assert_true(guest.client.body_sum == stage_sum(0, bytes, LARGE_BYTES));
		guest_ends(&guest);
		stage_end(&stage);
	}
	free(bytes);
}

static void client_may_go_and_time_may_end_while_a_body_comes(void **state)
{
	struct stage stage;
	struct guest first, second;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, FRESH);
	assert_true(origin_sends(&stage.origin, "hel", 3, false));
	stage.world.total_timeout_ms = 1;
	guest_comes(&second, &stage, "/app");
	EDGE_LOOP_UNTIL(stage.loop, second.client.n_aborts == 1);
	assert_int_equal(second.client.abort_reason, REASON_TOTAL_TIMEOUT);
	guest_ends(&second);
	guest_leaves(&first);
	assert_true(origin_sends(&stage.origin, "lo", 2, true));
	origin_ends(&stage.origin);
	stage.world.total_timeout_ms = 0;
	stage_settle(&stage);
	stage_has(&stage, "/app", "hello");
	stage_end(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(age_is_the_origins_and_the_time_since),
		cmocka_unit_test(cache_status_is_said_where_the_rules_want_it),
		cmocka_unit_test(head_is_answered_from_what_a_get_stored_and_stores_nothing),
		cmocka_unit_test(length_is_said_once_it_is_known),
		cmocka_unit_test(other_statuses_serve_as_they_came),
		cmocka_unit_test(trailers_are_replayed),
		cmocka_unit_test(trailers_outlast_a_304),
		cmocka_unit_test(slow_client_is_told_the_trailers_once),
		cmocka_unit_test(slow_client_gets_a_large_body_at_its_pace),
		cmocka_unit_test(client_may_go_and_time_may_end_while_a_body_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
