/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/lookup: when an origin is asked, for whom, and how often.
 */
#include "cache_stage.h"

#define FRESH "Cache-Control: max-age=60\nContent-Length: 5"
/* 40 seconds too old when it comes. */
#define STALE "Cache-Control: max-age=60\nAge: 100\nETag: \"a\"\nContent-Length: 5"

static void miss_is_stored_and_the_next_is_a_hit_without_an_origin(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	assert_int_equal(guest.client.n_heads, 0);
	origin_gives(&stage.origin, 200, FRESH, "hello");
	guest_got(&guest, 200, "hello");
	guest_got_status(&guest, "meridian; fwd=miss; stored");
	guest_got_field(&guest, "Via", "1.1 edge");
	guest_ends(&guest);
	stage_settle(&stage);
	stage_has(&stage, "/app", "hello");
	assert_int_equal(metric_read("meridian_edge_cache_misses_total", NULL), 1);
	assert_int_equal(metric_read("meridian_edge_cache_hits_total", NULL), 1);
	assert_int_equal(stage_ended("done"), 2);
	stage_end(&stage);
}

static void two_at_once_ask_the_origin_once_and_get_the_body_as_it_comes(void **state)
{
	struct stage stage;
	struct guest first, second;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, "Cache-Control: max-age=60");
	stage_settle(&stage);
	assert_int_equal(first.client.n_heads, 1);
	assert_int_equal(second.client.n_heads, 1);
	assert_true(origin_sends(&stage.origin, "hel", 3, false));
	stage_settle(&stage);
	assert_int_equal(first.client.body_len, 3);
	assert_int_equal(second.client.body_len, 3);
	assert_true(origin_sends(&stage.origin, "lo", 2, true));
	origin_ends(&stage.origin);
	guest_got(&first, 200, "hello");
	guest_got(&second, 200, "hello");
	guest_got_status(&second, "meridian; fwd=miss; collapsed");
	guest_ends(&first);
	guest_ends(&second);
	stage_has(&stage, "/app", "hello");
	assert_int_equal(stage_n_asked(&stage), 1);
	assert_int_equal(metric_read("meridian_edge_cache_collapsed_total", NULL), 1);
	stage_end(&stage);
}

static void first_one_leaves_and_the_second_gets_all(void **state)
{
	struct stage stage;
	struct guest first, second;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	guest_leaves(&first);
	assert_true(stage.origin.open);
	origin_gives(&stage.origin, 200, FRESH, "hello");
	guest_got(&second, 200, "hello");
	guest_ends(&second);

	guest_comes(&first, &stage, "/app/other"); /* while the body comes */
	guest_comes(&second, &stage, "/app/other");
	origin_is_asked(&stage, &stage.origin, 2);
	origin_heads(&stage.origin, 200, FRESH);
	assert_true(origin_sends(&stage.origin, "he", 2, false));
	stage_settle(&stage);
	guest_leaves(&first);
	assert_true(origin_sends(&stage.origin, "llo", 3, true));
	origin_ends(&stage.origin);
	guest_got(&second, 200, "hello");
	guest_ends(&second);
	stage_has(&stage, "/app/other", "hello");
	stage_end(&stage);
}

static void response_is_stored_though_nobody_waits_any_more(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	guest_leaves(&guest);
	origin_gives(&stage.origin, 200, FRESH, "hello");
	stage_settle(&stage);
	stage_has(&stage, "/app", "hello");
	stage_end(&stage);
}

static void uncacheable_answer_is_handed_over_and_the_other_asks_for_himself(void **state)
{
	struct stage stage;
	struct guest first, second, third;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, "Cache-Control: no-store\nContent-Length: 5");
	assert_int_equal(first.client.n_heads, 1);
	guest_got_status(&first, "meridian; fwd=miss");
	guest_got_field(&first, "Via", "1.1 edge");
	origin_is_asked(&stage, &stage.more[0], 1);
	assert_int_equal(stage.origin.n_begun, 1); /* the same request, not a second */
	assert_true(origin_sends(&stage.origin, "first", 5, true));
	origin_ends(&stage.origin);
	guest_got(&first, 200, "first");
	guest_ends(&first);
	origin_gives(&stage.more[0], 200, "Cache-Control: no-store\nContent-Length: 6", "second");
	guest_got(&second, 200, "second");
	guest_got_status(&second, "meridian; fwd=miss");
	guest_ends(&second);

	/* For a while nobody waits for another's. */
	guest_comes(&first, &stage, "/app");
	guest_comes(&third, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 2);
	origin_is_asked(&stage, &stage.more[0], 2);
	guest_leaves(&first);
	guest_leaves(&third);
	assert_int_equal(metric_read("meridian_edge_cache_passed_total", NULL), 4);
	stage_end(&stage);
}

static void handed_over_body_waits_for_the_client(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_init(&guest, &stage, "/app");
	guest.client.room = 2;
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, "Cache-Control: private\nContent-Length: 5");
	stage_settle(&stage); /* the fill has ended */
	unsigned before = stage.origin.n_wants;
	assert_false(origin_sends(&stage.origin, "hello", 5, true));
	guest_reads(&guest, 100);
	assert_int_equal(stage.origin.n_wants, before + 1);
	assert_true(origin_offers(&stage.origin, true));
	origin_ends(&stage.origin);
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	stage_end(&stage);
}

static void leader_that_has_gone_takes_an_uncacheable_answer_along(void **state)
{
	struct stage stage;
	struct guest first, second;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	guest_leaves(&first);
	origin_heads(&stage.origin, 200, "Cache-Control: no-store\nContent-Length: 5");
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_cancelled == 1);
	EDGE_LOOP_UNTIL(stage.loop, stage_n_asked(&stage) == 2);
	struct stage_origin *origin = stage.origin.open ? &stage.origin : &stage.more[0];
	origin_gives(origin, 200, "Cache-Control: no-store\nContent-Length: 5", "hello");
	guest_got(&second, 200, "hello");
	guest_ends(&second);
	stage_end(&stage);
}

static void failure_of_the_origin_is_everybodys(void **state)
{
	struct stage stage;
	struct guest first, second;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_breaks(&stage.origin, REASON_ORIGIN_CLOSED);
	EDGE_LOOP_UNTIL(stage.loop, first.client.ended && second.client.ended);
	assert_int_equal(first.client.status, 502);
	assert_int_equal(second.client.status, 502);
	guest_ends(&first);
	guest_ends(&second);
	assert_int_equal(stage_ended("origin_closed"), 2);
	stage_end(&stage);
}

static void stale_response_serves_while_the_origin_is_asked_in_the_background(void **state)
{
	struct stage stage;
	struct guest guest, other;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app",
		     "Cache-Control: max-age=60, stale-while-revalidate=600\nAge: 100\n"
		     "ETag: \"a\"\nContent-Length: 3",
		     "old");
	guest_comes(&guest, &stage, "/app");
	guest_comes(&other, &stage, "/app");
	guest_got(&guest, 200, "old");
	guest_got_status(&guest, "meridian; hit; detail=stale");
	guest_got(&other, 200, "old");
	guest_ends(&guest);
	guest_ends(&other);
	origin_is_asked(&stage, &stage.origin, 2);
	assert_true(origin_was_told(&stage.origin, "If-None-Match", "\"a\""));
	origin_gives(&stage.origin, 200, FRESH, "fresh");
	stage_settle(&stage);
	stage_has(&stage, "/app", "fresh");
	assert_int_equal(stage_n_asked(&stage), 2);
	stage_end(&stage);
}

static void only_if_cached_is_504_without_an_origin(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_init(&guest, &stage, "/app");
	guest_says(&guest, "Cache-Control", "only-if-cached");
	guest_begin(&guest);
	EDGE_LOOP_UNTIL(stage.loop, guest.client.ended);
	assert_int_equal(guest.client.status, 504);
	guest_ends(&guest);
	assert_int_equal(stage_n_asked(&stage), 0);

	stage_stores(&stage, "/app", FRESH, "hello");
	guest_init(&guest, &stage, "/app");
	guest_says(&guest, "Cache-Control", "only-if-cached");
	guest_begin(&guest);
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	stage_end(&stage);
}

static void request_with_no_cache_asks_the_origin_and_renews_what_is_stored(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", FRESH, "hello");
	guest_init(&guest, &stage, "/app");
	guest_says(&guest, "Cache-Control", "no-cache");
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 2);
	origin_gives(&stage.origin, 200, FRESH, "fresh");
	guest_got(&guest, 200, "fresh");
	guest_got_status(&guest, "meridian; fwd=bypass");
	guest_ends(&guest);
	stage_settle(&stage);
	stage_has(&stage, "/app", "fresh");
	stage_end(&stage);
}

static void clients_wishes_count_for_nothing_where_the_rules_say_so(void **state)
{
	struct cache_rules_conf rules = usual_rules;
	struct stage stage;
	struct guest guest;

	(void)state;
	rules.requests = false;
	stage_open_with(&stage, &rules);
	stage_stores(&stage, "/app", FRESH, "hello");
	guest_init(&guest, &stage, "/app");
	guest_says(&guest, "Cache-Control", "no-cache");
	guest_begin(&guest);
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	stage_end(&stage);
}

static void bypass_asks_the_origin_and_stores_and_no_store_does_not(void **state)
{
	static const char *refresh[] = { "$header_x_refresh" }, *secret[] = { "$header_x_secret" };
	struct cache_rules_conf rules = usual_rules;
	struct stage stage;
	struct guest guest;

	(void)state;
	rules.bypass = refresh;
	rules.no_store = secret;
	rules.n_bypass = rules.n_no_store = 1;
	stage_open_with(&stage, &rules);
	stage_stores(&stage, "/app", FRESH, "hello");
	guest_init(&guest, &stage, "/app");
	guest_says(&guest, "X-Refresh", "1");
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 2);
	origin_gives(&stage.origin, 200, FRESH, "fresh");
	guest_got(&guest, 200, "fresh");
	guest_got_status(&guest, "meridian; fwd=bypass");
	guest_ends(&guest);
	stage_settle(&stage);
	stage_has(&stage, "/app", "fresh");

	guest_init(&guest, &stage, "/app/secret");
	guest_says(&guest, "X-Secret", "1");
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 3);
	origin_gives(&stage.origin, 200, FRESH, "quiet");
	guest_got(&guest, 200, "quiet");
	guest_got_status(&guest, "meridian; fwd=bypass");
	guest_ends(&guest);
	stage_stores(&stage, "/app/secret", FRESH, "aloud"); /* it was not there */
	stage_end(&stage);
}

static void who_stores_nothing_does_not_renew_what_is_stale(void **state)
{
	static const char *secret[] = { "$header_x_secret" };
	struct cache_rules_conf rules = usual_rules;
	struct stage stage;
	struct guest guest;

	(void)state;
	rules.no_store = secret;
	rules.n_no_store = 1;
	rules.swr_ms = 600000;
	stage_open_with(&stage, &rules);
	stage_stores(&stage, "/app", STALE, "stale");
	for (unsigned i = 1; i <= 2; i++) {
		guest_init(&guest, &stage, "/app");
		guest_says(&guest, i == 1 ? "X-Secret" : "X-Open", "1");
		guest_begin(&guest);
		guest_got(&guest, 200, "stale");
		guest_ends(&guest);
		EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_begun == i);
	}
	origin_gives(&stage.origin, 200, FRESH, "fresh");
	stage_settle(&stage);
	stage_has(&stage, "/app", "fresh");
	stage_end(&stage);
}

static void response_is_stored_at_the_nth_use(void **state)
{
	struct cache_rules_conf rules = usual_rules;
	struct stage stage;

	(void)state;
	rules.min_uses = 3;
	stage_open_with(&stage, &rules);
	for (int i = 0; i < 3; i++)
		stage_stores(&stage, "/app", FRESH, "hello");
	assert_int_equal(stage.origin.n_begun, 3);
	stage_has(&stage, "/app", "hello");
	assert_int_equal(metric_read("meridian_edge_cache_bypassed_total", NULL), 2);
	stage_end(&stage);
}

static void follower_with_another_variant_asks_for_himself(void **state)
{
	struct stage stage;
	struct guest english, german, again;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_init(&english, &stage, "/app");
	guest_init(&german, &stage, "/app");
	guest_init(&again, &stage, "/app");
	guest_says(&english, "Accept-Language", "en");
	guest_says(&german, "Accept-Language", "de");
	guest_says(&again, "Accept-Language", "en");
	guest_begin(&english);
	guest_begin(&german);
	guest_begin(&again);
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, "Vary: Accept-Language\n" FRESH);
	origin_is_asked(&stage, &stage.more[0], 1);
	assert_true(origin_was_told(&stage.more[0], "Accept-Language", "de"));
	assert_true(origin_sends(&stage.origin, "hello", 5, true));
	origin_ends(&stage.origin);
	origin_gives(&stage.more[0], 200, "Vary: Accept-Language\n" FRESH, "hallo");
	guest_got(&english, 200, "hello");
	guest_got(&german, 200, "hallo");
	guest_got(&again, 200, "hello");
	guest_ends(&english);
	guest_ends(&german);
	guest_ends(&again);
	stage_settle(&stage);

	guest_init(&german, &stage, "/app");
	guest_says(&german, "Accept-Language", "de");
	guest_begin(&german);
	guest_got(&german, 200, "hallo");
	guest_got_status(&german, "meridian; hit");
	guest_ends(&german);
	assert_int_equal(stage_n_asked(&stage), 2);
	stage_end(&stage);
}

static void unsafe_request_that_succeeds_invalidates(void **state)
{
	static const struct {
		const char *fields;
		unsigned status;
		bool url, named; /* are still there */
	} rows[] = {
		{ "", 204, false, true },
		{ "", 500, true, true },
		{ "Location: /app/named", 201, false, false },
		{ "Content-Location: http://www.example/app/named", 200, false, false },
		{ "Location: http://other.example/app/named", 201, false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage stage;
		struct guest guest;

		stage_open_with(&stage, &usual_rules);
		stage_stores(&stage, "/app", FRESH, "hello");
		stage_stores(&stage, "/app/named", FRESH, "named");
		guest_init(&guest, &stage, "/app");
		guest_method(&guest, HTTP_METHOD_POST);
		guest_begin(&guest);
		origin_is_asked(&stage, &stage.origin, 3);
		origin_heads(&stage.origin, rows[i].status, rows[i].fields);
		if (stage.origin.open && rows[i].status != 204)
			assert_true(origin_sends(&stage.origin, "x", 1, true));
		origin_ends(&stage.origin);
		guest_got(&guest, rows[i].status, rows[i].status == 204 ? "" : "x");
		guest_ends(&guest);
		if (rows[i].url)
			stage_has(&stage, "/app", "hello");
		else
			stage_stores(&stage, "/app", FRESH, "again");
		if (rows[i].named)
			stage_has(&stage, "/app/named", "named");
		else
			stage_stores(&stage, "/app/named", FRESH, "again");
		stage_end(&stage);
	}
}

static void what_is_on_its_way_while_a_post_succeeds_is_not_stored(void **state)
{
	struct stage stage;
	struct guest guest, post;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	guest_init(&post, &stage, "/app");
	guest_method(&post, HTTP_METHOD_POST);
	guest_begin(&post);
	origin_is_asked(&stage, &stage.more[0], 1);
	origin_gives(&stage.more[0], 204, "", "");
	guest_got(&post, 204, "");
	guest_ends(&post);
	origin_gives(&stage.origin, 200, FRESH, "hello");
	guest_got(&guest, 200, "hello");
	guest_ends(&guest);
	stage_settle(&stage);
	stage_stores(&stage, "/app", FRESH, "after");
	stage_end(&stage);
}

static void part_and_condition_of_a_client_do_not_reach_the_origin(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_init(&guest, &stage, "/app");
	guest_says(&guest, "Range", "bytes=0-0");
	guest_says(&guest, "If-None-Match", "\"mine\"");
	guest_says(&guest, "X-Original-URL", "/other");
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 1);
	assert_true(origin_was_told(&stage.origin, "Range", NULL));
	assert_true(origin_was_told(&stage.origin, "If-None-Match", NULL));
	assert_true(origin_was_told(&stage.origin, "X-Original-URL", NULL));
	origin_gives(&stage.origin, 200, FRESH, "hello");
	guest_got(&guest, 206, "h");
	guest_ends(&guest);
	stage_end(&stage);
}

/* It asks an origin no more than the configuration does; its own word is that the origin has
 * failed. */
static void client_may_allow_what_is_stale_when_the_origin_fails(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", STALE, "stale");
	guest_init(&guest, &stage, "/app");
	guest_says(&guest, "Cache-Control", "stale-if-error=600");
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 2);
	origin_breaks(&stage.origin, REASON_ORIGIN_CLOSED);
	guest_got(&guest, 200, "stale");
	guest_got_status(&guest, "meridian; hit; detail=stale");
	guest_ends(&guest);
	assert_int_equal(stage_n_asked(&stage), 2);
	stage_end(&stage);
}

static void request_that_takes_too_long_is_refused_while_it_waits(void **state)
{
	struct stage stage;
	struct guest first, second;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	stage.world.total_timeout_ms = 1;
	guest_comes(&second, &stage, "/app");
	EDGE_LOOP_UNTIL(stage.loop, second.client.ended);
	assert_int_equal(second.client.status, 504);
	guest_ends(&second);
	origin_is_asked(&stage, &stage.origin, 1);
	origin_gives(&stage.origin, 200, FRESH, "hello");
	guest_got(&first, 200, "hello");
	guest_ends(&first);
	stage_end(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(miss_is_stored_and_the_next_is_a_hit_without_an_origin),
		cmocka_unit_test(two_at_once_ask_the_origin_once_and_get_the_body_as_it_comes),
		cmocka_unit_test(first_one_leaves_and_the_second_gets_all),
		cmocka_unit_test(response_is_stored_though_nobody_waits_any_more),
		cmocka_unit_test(uncacheable_answer_is_handed_over_and_the_other_asks_for_himself),
		cmocka_unit_test(handed_over_body_waits_for_the_client),
		cmocka_unit_test(leader_that_has_gone_takes_an_uncacheable_answer_along),
		cmocka_unit_test(failure_of_the_origin_is_everybodys),
		cmocka_unit_test(stale_response_serves_while_the_origin_is_asked_in_the_background),
		cmocka_unit_test(only_if_cached_is_504_without_an_origin),
		cmocka_unit_test(request_with_no_cache_asks_the_origin_and_renews_what_is_stored),
		cmocka_unit_test(clients_wishes_count_for_nothing_where_the_rules_say_so),
		cmocka_unit_test(bypass_asks_the_origin_and_stores_and_no_store_does_not),
		cmocka_unit_test(who_stores_nothing_does_not_renew_what_is_stale),
		cmocka_unit_test(response_is_stored_at_the_nth_use),
		cmocka_unit_test(follower_with_another_variant_asks_for_himself),
		cmocka_unit_test(unsafe_request_that_succeeds_invalidates),
		cmocka_unit_test(what_is_on_its_way_while_a_post_succeeds_is_not_stored),
		cmocka_unit_test(part_and_condition_of_a_client_do_not_reach_the_origin),
		cmocka_unit_test(client_may_allow_what_is_stale_when_the_origin_fails),
		cmocka_unit_test(request_that_takes_too_long_is_refused_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
