/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/fill: what becomes of an origin's response on its way into the store.
 */
#include "cache_stage.h"

#define FRESH "Cache-Control: max-age=60"
/* 40 seconds too old when they come. */
#define STALE    "Cache-Control: max-age=60\nAge: 100\nETag: \"a\"\nContent-Length: 5"
#define SIE      "Cache-Control: max-age=60, stale-if-error=600\nAge: 100\nContent-Length: 5"
#define PART     65536
#define KEPT_MAX 100

static uint8_t part[PART];

static int part_make(void **state)
{
	(void)state;
	for (size_t i = 0; i < PART; i++)
		part[i] = (uint8_t)(i * 7 + i / 256);
	return 0;
}

static uint64_t parts_sum(size_t n)
{
	uint64_t sum = 0;

	while (n--)
		sum = stage_sum(sum, part, PART);
	return sum;
}

static void small_objects(struct cache_rules_conf *ret_rules)
{
	*ret_rules = usual_rules;
	ret_rules->max_object_bytes = KEPT_MAX;
}

/* ---- 304, and failures -------------------------------------------------------------------------
 */

static void answer_304_freshens_what_is_stored(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app",
		     STALE "\nX-Old: 1\nX-Both: old\nContent-Type: text/plain\n"
			   "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
		     "hello");
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 2);
	assert_true(origin_was_told(&stage.origin, "If-None-Match", "\"a\""));
	assert_true(origin_was_told(&stage.origin, "If-Modified-Since",
				    "Sun, 06 Nov 1994 08:49:37 GMT"));
	origin_heads(&stage.origin, 304,
		     "Cache-Control: max-age=60\nX-Both: new\nContent-Type: text/html");
	origin_ends(&stage.origin);
	guest_got(&guest, 200, "hello");
	guest_got_status(&guest, "meridian; fwd=stale; fwd-status=304");
	guest_got_field(&guest, "X-Old", "1");
	guest_got_field(&guest, "X-Both", "new");
	guest_got_field(&guest, "Content-Type", "text/plain");
	guest_got_field(&guest, "ETag", "\"a\"");
	guest_ends(&guest);
	stage_settle(&stage);
	stage_has(&stage, "/app", "hello");
	assert_int_equal(stage_n_asked(&stage), 2);
	stage_end(&stage);
}

static void freshened_twice_it_is_still_one_body(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", STALE, "hello");
	for (unsigned i = 0; i < 3; i++) {
		guest_comes(&guest, &stage, "/app");
		origin_is_asked(&stage, &stage.origin, 2 + i);
		origin_heads(&stage.origin, 304,
			     i < 2 ? "Cache-Control: max-age=60\nAge: 100" : FRESH);
		origin_ends(&stage.origin);
		guest_got(&guest, 200, "hello");
		guest_ends(&guest);
		stage_settle(&stage);
	}
	stage_has(&stage, "/app", "hello");
	stage_end(&stage);
}

static void stale_response_serves_when_the_origin_fails(void **state)
{
	struct stage stage;
	struct guest first, second;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", SIE, "stale");
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 2);
	origin_heads(&stage.origin, 503, "Content-Length: 100");
	guest_got(&first, 200, "stale");
	guest_got(&second, 200, "stale");
	guest_got_status(&first, "meridian; hit; detail=stale");
	guest_ends(&first);
	guest_ends(&second);
	assert_int_equal(stage.origin.n_cancelled, 1); /* nobody wants its page */

	guest_comes(&first, &stage, "/app"); /* no answer at all */
	origin_is_asked(&stage, &stage.origin, 3);
	origin_breaks(&stage.origin, REASON_ORIGIN_CLOSED);
	guest_got(&first, 200, "stale");
	guest_ends(&first);
	assert_int_equal(metric_read("meridian_edge_cache_stale_total", NULL), 3);
	stage_end(&stage);
}

static void failure_is_handed_on_where_nothing_stale_may_serve(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", STALE, "stale");
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 2);
	origin_heads(&stage.origin, 503, "Content-Length: 4");
	assert_true(origin_sends(&stage.origin, "page", 4, true));
	origin_ends(&stage.origin);
	guest_got(&guest, 503, "page");
	guest_ends(&guest);
	stage_end(&stage);
}

/* ---- bodies ------------------------------------------------------------------------------------
 */

static void origin_that_breaks_off_breaks_the_clients_end_and_nothing_is_stored(void **state)
{
	static const char *const heads[] = { FRESH "\nContent-Length: 10", FRESH };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct stage stage;
		struct guest first, second;

		stage_open_with(&stage, &usual_rules);
		guest_comes(&first, &stage, "/app");
		guest_comes(&second, &stage, "/app");
		origin_is_asked(&stage, &stage.origin, 1);
		origin_heads(&stage.origin, 200, heads[i]);
		assert_true(origin_sends(&stage.origin, "hello", 5, false));
		stage_settle(&stage);
		origin_breaks(&stage.origin, REASON_ORIGIN_CLOSED);
		EDGE_LOOP_UNTIL(stage.loop, first.client.n_aborts && second.client.n_aborts);
		assert_int_equal(first.client.body_len, 5);
		assert_int_equal(first.client.abort_reason, REASON_ORIGIN_CLOSED);
		guest_ends(&first);
		guest_ends(&second);
		stage_settle(&stage);
		stage_stores(&stage, "/app", FRESH, "again");
		stage_end(&stage);
	}
}

static void body_of_another_length_than_was_said_is_broken(void **state)
{
	static const char *const bodies[] = { "hell", "hello!" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct stage stage;
		struct guest guest;

		stage_open_with(&stage, &usual_rules);
		guest_comes(&guest, &stage, "/app");
		origin_is_asked(&stage, &stage.origin, 1);
		origin_heads(&stage.origin, 200, FRESH "\nContent-Length: 5");
		origin_sends(&stage.origin, bodies[i], strlen(bodies[i]), true);
		EDGE_LOOP_UNTIL(stage.loop, guest.client.n_aborts == 1);
		guest_ends(&guest);
		if (stage.origin.open)
			origin_ends(&stage.origin);
		stage_settle(&stage);
		stage_stores(&stage, "/app", FRESH, "again");
		stage_end(&stage);
	}
}

static void response_that_is_said_to_be_too_large_passes(void **state)
{
	struct cache_rules_conf rules;
	struct stage stage;
	struct guest guest;

	(void)state;
	small_objects(&rules);
	stage_open_with(&stage, &rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, FRESH "\nContent-Length: 65536");
	guest_got_status(&guest, "meridian; fwd=miss");
	stage_settle(&stage);
	assert_true(origin_sends(&stage.origin, part, PART, true));
	origin_ends(&stage.origin);
	assert_int_equal(guest.client.body_len, PART);
	assert_true(guest.client.body_sum == parts_sum(1));
	guest_ends(&guest);
	assert_int_equal(stage_n_asked(&stage), 1);
	stage_end(&stage);
}

/* All of it as far as it is taken. */
static void send_parts(struct stage_origin *origin, size_t *n_sent, size_t n)
{
	while (*n_sent < n) {
		++*n_sent;
		if (!origin_sends(origin, part, PART, *n_sent == n))
			return;
	}
}

static void slow_reader_of_what_outgrows_pauses_the_fill_and_goes_on(void **state)
{
	enum { PARTS = 64 };
	struct cache_rules_conf rules;
	struct stage stage;
	struct guest slow, quick;
	size_t n_sent = 0;

	(void)state;
	small_objects(&rules);
	stage_open_with(&stage, &rules);
	guest_init(&slow, &stage, "/app");
	slow.client.room = PART;
	guest_begin(&slow);
	guest_comes(&quick, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, FRESH);
	stage_settle(&stage);
	send_parts(&stage.origin, &n_sent, PARTS);
	assert_in_range(n_sent, 16, 32); /* a window's worth */
	stage_settle(&stage);
	assert_int_equal(slow.client.body_len, PART);
	assert_true(quick.client.body_len >= (size_t)16 * PART);
	unsigned n_pauses = 0;
	while (!slow.client.ended) {
		unsigned n_wants = stage.origin.n_wants;
		guest_reads(&slow, PART);
		stage_settle(&stage);
		if (!stage.origin.open || stage.origin.n_wants == n_wants)
			continue;
		n_pauses++;
		if (!origin_offers(&stage.origin, n_sent == PARTS))
			continue;
		send_parts(&stage.origin, &n_sent, PARTS);
		if (n_sent == PARTS && chain_empty(&stage.origin.left))
			origin_ends(&stage.origin);
	}
	assert_true(n_pauses >= 2);
	EDGE_LOOP_UNTIL(stage.loop, quick.client.ended);
	assert_int_equal(slow.client.body_len, PARTS * PART);
	assert_true(slow.client.body_sum == parts_sum(PARTS));
	assert_true(quick.client.body_sum == parts_sum(PARTS));
	guest_ends(&slow);
	guest_ends(&quick);
	stage_settle(&stage);
	stage_stores(&stage, "/app", FRESH, "small");
	stage_end(&stage);
}

static void slow_reader_that_leaves_lets_the_fill_go_on(void **state)
{
	struct cache_rules_conf rules;
	struct stage stage;
	struct guest slow, quick;
	size_t n_sent = 0;

	(void)state;
	small_objects(&rules);
	stage_open_with(&stage, &rules);
	guest_init(&slow, &stage, "/app");
	slow.client.room = 0;
	guest_begin(&slow);
	guest_comes(&quick, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, FRESH);
	stage_settle(&stage);
	send_parts(&stage.origin, &n_sent, 20);
	assert_false(chain_empty(&stage.origin.left));
	stage_settle(&stage);
	unsigned n_wants = stage.origin.n_wants;
	guest_leaves(&slow);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_wants == n_wants + 1);
	assert_true(origin_offers(&stage.origin, n_sent == 20));
	send_parts(&stage.origin, &n_sent, 20);
	origin_ends(&stage.origin);
	EDGE_LOOP_UNTIL(stage.loop, quick.client.ended);
	assert_true(quick.client.body_sum == parts_sum(20));
	guest_ends(&quick);
	stage_end(&stage);
}

static void what_outgrows_ends_when_nobody_reads_it(void **state)
{
	struct cache_rules_conf rules;
	struct stage stage;
	struct guest guest;
	size_t n_sent = 0;

	(void)state;
	small_objects(&rules);
	stage_open_with(&stage, &rules);
	guest_init(&guest, &stage, "/app");
	guest.client.room = 0;
	guest_begin(&guest);
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, FRESH);
	stage_settle(&stage);
	send_parts(&stage.origin, &n_sent, 20); /* it pauses */
	guest_leaves(&guest);
	stage_settle(&stage);
	if (stage.origin.open)
		origin_offers(&stage.origin, false);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_cancelled == 1);
	stage_end(&stage);
}

static void slow_readers_of_what_is_stored_take_no_room_from_what_is_on_its_way(void **state)
{
	static const char fields[] = FRESH "\nContent-Length: 6291456";
	enum { PARTS = 96 };
	struct stage stage;
	struct guest slow, next;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	for (unsigned i = 0; i < 2; i++) {
		struct guest *guest = i ? &next : &slow;
		guest_init(guest, &stage, i ? "/app/next" : "/app");
		guest->client.room = 1;
		guest_begin(guest);
		origin_is_asked(&stage, &stage.origin, i + 1);
		origin_heads(&stage.origin, 200, fields);
		EDGE_LOOP_UNTIL(stage.loop, guest->client.n_heads == 1);
		guest_got_status(guest, "meridian; fwd=miss; stored");
		for (unsigned n = 1; n <= PARTS; n++)
			assert_true(origin_sends(&stage.origin, part, PART, n == PARTS));
		origin_ends(&stage.origin);
		stage_settle(&stage);
	}
	guest_leaves(&slow);
	guest_leaves(&next);
	stage_end(&stage);
}

/* On another worker, say: the word that there is a head is still on its way. */
static void late_reader_of_what_has_outgrown_asks_for_himself(void **state)
{
	struct cache_rules_conf rules;
	struct stage stage;
	struct guest first, late;

	(void)state;
	small_objects(&rules);
	stage_open_with(&stage, &rules);
	guest_comes(&first, &stage, "/app");
	guest_init(&late, &stage, "/app");
	late.client.room = 1;
	guest_begin(&late);
	origin_is_asked(&stage, &stage.origin, 1);
	guest_leaves(&first);
	origin_heads(&stage.origin, 200, FRESH);
	assert_true(origin_sends(&stage.origin, part, PART, false));
	origin_is_asked(&stage, &stage.origin, 2);
	assert_int_equal(stage.origin.n_cancelled, 1);
	origin_heads(&stage.origin, 200, FRESH);
	assert_false(origin_sends(&stage.origin, "hello", 5, true));
	guest_reads(&late, 100);
	assert_true(origin_offers(&stage.origin, true));
	origin_ends(&stage.origin);
	guest_got(&late, 200, "hello");
	guest_got_status(&late, "meridian; fwd=miss");
	guest_ends(&late);
	stage_end(&stage);
}

static void body_is_not_wanted_before_those_who_wait_have_begun_to_read(void **state)
{
	struct cache_rules_conf rules;
	struct stage stage;
	struct guest first, second;

	(void)state;
	small_objects(&rules);
	stage_open_with(&stage, &rules);
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, FRESH);
	assert_int_equal(stage.origin.n_wants, 0);
	EDGE_LOOP_UNTIL(stage.loop, stage.origin.n_wants == 1);
	assert_true(origin_sends(&stage.origin, part, PART, true));
	origin_ends(&stage.origin);
	EDGE_LOOP_UNTIL(stage.loop, first.client.ended && second.client.ended);
	assert_true(first.client.body_sum == parts_sum(1));
	assert_true(second.client.body_sum == parts_sum(1));
	guest_ends(&first);
	guest_ends(&second);
	assert_int_equal(stage_n_asked(&stage), 1);
	stage_end(&stage);
}

static void worker_that_ends_takes_its_fills_along(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app"); /* waits for a head */
	origin_is_asked(&stage, &stage.origin, 1);
	guest_leaves(&guest);
	guest_comes(&guest, &stage, "/app/other"); /* waits for the rest */
	origin_is_asked(&stage, &stage.more[0], 1);
	origin_heads(&stage.more[0], 200, FRESH);
	assert_true(origin_sends(&stage.more[0], "hello", 5, false));
	stage_settle(&stage);
	guest_leaves(&guest);
	exchange_env_fini(&stage.env);
	assert_false(stage.origin.open || stage.more[0].open);
	assert_int_equal(stage.world.n_refs, 1);
	stage_end(&stage);
}

static void interim_responses_are_the_first_ones(void **state)
{
	struct stage stage;
	struct guest first, second;
	struct http_head early = { .status = 103, .version_major = 1, .version_minor = 1 };

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	guest_comes(&second, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	stage.origin.setup.events->on_interim(stage.origin.setup.fetch, &early);
	assert_int_equal(first.client.interim_status, 103);
	assert_int_equal(second.client.n_interim, 0);
	guest_leaves(&first);
	stage.origin.setup.events->on_interim(stage.origin.setup.fetch, &early);
	origin_gives(&stage.origin, 200, FRESH, "hello");
	guest_got(&second, 200, "hello");
	guest_ends(&second);
	stage_end(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_304_freshens_what_is_stored),
		cmocka_unit_test(freshened_twice_it_is_still_one_body),
		cmocka_unit_test(stale_response_serves_when_the_origin_fails),
		cmocka_unit_test(failure_is_handed_on_where_nothing_stale_may_serve),
		cmocka_unit_test(
			origin_that_breaks_off_breaks_the_clients_end_and_nothing_is_stored),
		cmocka_unit_test(body_of_another_length_than_was_said_is_broken),
		cmocka_unit_test(response_that_is_said_to_be_too_large_passes),
		cmocka_unit_test(slow_reader_of_what_outgrows_pauses_the_fill_and_goes_on),
		cmocka_unit_test(slow_reader_that_leaves_lets_the_fill_go_on),
		cmocka_unit_test(what_outgrows_ends_when_nobody_reads_it),
		cmocka_unit_test(
			slow_readers_of_what_is_stored_take_no_room_from_what_is_on_its_way),
		cmocka_unit_test(late_reader_of_what_has_outgrown_asks_for_himself),
		cmocka_unit_test(body_is_not_wanted_before_those_who_wait_have_begun_to_read),
		cmocka_unit_test(worker_that_ends_takes_its_fills_along),
		cmocka_unit_test(interim_responses_are_the_first_ones),
	};

	return cmocka_run_group_tests(tests, part_make, NULL);
}
