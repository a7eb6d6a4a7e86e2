/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/exchange/serve_part: conditions and ranges of what is stored, or on its way.
 */
#include "cache_stage.h"

#include "edge/http/range.h"

#define HEAD                                                                                       \
	"Cache-Control: max-age=60\nETag: \"a\"\nContent-Type: text/plain\n"                       \
	"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"

enum { LONG_BYTES = 1000, LARGE_BYTES = 3 << 20 };

static char longer[LONG_BYTES + 1];

static int longer_make(void **state)
{
	(void)state;
	for (size_t i = 0; i < LONG_BYTES; i++)
		longer[i] = (char)('a' + i % 26);
	return 0;
}

static void guest_asks(struct guest *guest, struct stage *stage, const char *name,
		       const char *value)
{
	guest_init(guest, stage, "/app");
	guest_says(guest, name, value);
	guest_begin(guest);
}

static void single_range_is_a_part(void **state)
{
	static const struct {
		const char *range, *content_range, *body;
		unsigned status;
	} rows[] = {
		{ "bytes=1-2", "bytes 1-2/5", "el", 206 },
		{ "bytes=3-", "bytes 3-4/5", "lo", 206 },
		{ "bytes=-1", "bytes 4-4/5", "o", 206 },
		{ "bytes=0-99", "bytes 0-4/5", "hello", 206 },
		{ "bytes=5-", "bytes */5", "", 416 },
		{ "bytes=2-1", NULL, "hello", 200 },
		{ "lines=1-2", NULL, "hello", 200 },
	};
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", HEAD "\nContent-Length: 5", "hello");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		guest_asks(&guest, &stage, "Range", rows[i].range);
		guest_got(&guest, rows[i].status, rows[i].body);
		guest_got_field(&guest, "Content-Range", rows[i].content_range);
		guest_got_field(&guest, "Content-Type",
				rows[i].status == 416 ? NULL : "text/plain");
		guest_got_status(&guest, "meridian; hit");
		if (rows[i].status != 416)
			assert_int_equal(guest.client.head->body_length, strlen(rows[i].body));
		guest_ends(&guest);
	}
	assert_int_equal(stage_n_asked(&stage), 1);
	stage_end(&stage);
}

/* What a client takes the parts to be: their places, in the order in which they come. */
static void multipart_is(const struct guest *guest, const struct range *ranges, size_t n)
{
	struct span type = head_field(guest->client.head, "Content-Type");
	struct span begin = SPAN_LIT("multipart/byteranges; boundary=");
	char text[STAGE_BODY_BYTES];
	int len = 0;

	assert_true(span_starts(type, begin));
	struct span boundary = span_from(type, begin.len);
	for (size_t i = 0; i < n; i++) {
		unsigned first = (unsigned)ranges[i].first, last = (unsigned)ranges[i].last;
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"%s--%.*s\r\nContent-Type: text/plain\r\n"
				"Content-Range: bytes %u-%u/%d\r\n\r\n%.*s",
				i ? "\r\n" : "", SPAN_FMT(boundary), first, last, LONG_BYTES,
				(int)(last - first + 1), longer + first);
	}
	len += snprintf(text + len, sizeof(text) - (size_t)len, "\r\n--%.*s--\r\n",
			SPAN_FMT(boundary));
	assert_int_equal(guest->client.status, 206);
	assert_int_equal(guest->client.body_len, len);
	assert_memory_equal(guest->client.body, text, len);
	assert_int_equal(guest->client.head->body_length, len);
}

static void several_ranges_are_parts_in_the_order_that_was_asked_for(void **state)
{
	static const struct {
		const char *range;
		struct range parts[3];
		size_t n;
	} rows[] = {
		{ "bytes=0-0,500-509", { { 0, 0 }, { 500, 509 } }, 2 },
		{ "bytes=0-0,300-309,-2", { { 0, 0 }, { 300, 309 }, { 998, 999 } }, 3 },
		{ "bytes=900-901,0-1", { { 900, 901 }, { 0, 1 } }, 2 },
	};
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", HEAD "\nContent-Length: 1000", longer);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		guest_asks(&guest, &stage, "Range", rows[i].range);
		EDGE_LOOP_UNTIL(stage.loop, guest.client.ended);
		multipart_is(&guest, rows[i].parts, rows[i].n);
		guest_ends(&guest);

		guest_init(&guest, &stage, "/app"); /* byte by byte */
		guest_says(&guest, "Range", rows[i].range);
		guest.client.room = 0;
		guest_begin(&guest);
		EDGE_LOOP_UNTIL(stage.loop, guest.client.n_heads == 1);
		while (!guest.client.ended)
			guest_reads(&guest, 1);
		multipart_is(&guest, rows[i].parts, rows[i].n);
		guest_ends(&guest);
	}
	stage_end(&stage);
}

static void parts_may_go_backwards_through_a_large_body(void **state)
{
	uint8_t *bytes = malloc(LARGE_BYTES);
	struct stage stage;
	struct guest guest;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', LARGE_BYTES);
	for (size_t i = 0; i < 4; i++) {
		bytes[i] = (uint8_t) "head"[i];
		bytes[LARGE_BYTES - 4 + i] = (uint8_t) "last"[i];
	}
	stage_open_with(&stage, &usual_rules);
	guest_comes(&guest, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, HEAD "\nContent-Length: 3145728");
	assert_true(origin_sends(&stage.origin, bytes, LARGE_BYTES, true));
	origin_ends(&stage.origin);
	EDGE_LOOP_UNTIL(stage.loop, guest.client.ended);
	guest_ends(&guest);
	stage_settle(&stage);
	guest_asks(&guest, &stage, "Range", "bytes=-4,0-3");
	EDGE_LOOP_UNTIL(stage.loop, guest.client.ended);
	assert_int_equal(guest.client.status, 206);
	guest.client.body[MIN(guest.client.body_len, STAGE_BODY_BYTES - 1)] = '\0';
	const char *last = strstr(guest.client.body, "\r\n\r\nlast\r\n");
	assert_non_null(last);
	assert_non_null(strstr(last, "\r\n\r\nhead\r\n"));
	guest_ends(&guest);
	stage_end(&stage);
	free(bytes);
}

static void part_of_what_is_on_its_way_comes_when_it_is_there(void **state)
{
	struct stage stage;
	struct guest first, early, late, both;
	static const struct range parts[] = { { 0, 1 }, { 900, 901 } };

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_comes(&first, &stage, "/app");
	guest_asks(&early, &stage, "Range", "bytes=0-1");
	guest_asks(&late, &stage, "Range", "bytes=998-999");
	guest_asks(&both, &stage, "Range", "bytes=0-1,900-901");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, HEAD "\nContent-Length: 1000");
	assert_true(origin_sends(&stage.origin, longer, 500, false));
	guest_got(&early, 206, "ab");
	stage_settle(&stage);
	assert_int_equal(late.client.n_heads, 1);
	assert_int_equal(late.client.body_len, 0);
	assert_true(both.client.body_len > 0);
	assert_true(origin_sends(&stage.origin, longer + 500, 500, true));
	origin_ends(&stage.origin);
	guest_got(&late, 206, longer + 998);
	guest_got(&first, 200, longer);
	EDGE_LOOP_UNTIL(stage.loop, both.client.ended);
	multipart_is(&both, parts, 2);
	guest_ends(&first);
	guest_ends(&early);
	guest_ends(&late);
	guest_ends(&both);
	assert_int_equal(stage_n_asked(&stage), 1);
	stage_end(&stage);
}

static void what_cannot_be_cut_while_it_comes_is_sent_whole(void **state)
{
	static const struct {
		const char *fields, *range;
	} rows[] = {
		{ HEAD, "bytes=0-1" }, /* without a length */
		{ HEAD "\nContent-Length: 1000", "bytes=900-901,0-1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage stage;
		struct guest guest;

		stage_open_with(&stage, &usual_rules);
		guest_asks(&guest, &stage, "Range", rows[i].range);
		origin_is_asked(&stage, &stage.origin, 1);
		origin_heads(&stage.origin, 200, rows[i].fields);
		EDGE_LOOP_UNTIL(stage.loop, guest.client.n_heads == 1);
		assert_true(origin_sends(&stage.origin, longer, LONG_BYTES, true));
		origin_ends(&stage.origin);
		guest_got(&guest, 200, longer);
		guest_ends(&guest);
		stage_end(&stage);
	}
}

/* It is whole by the time that the head is made, but its front was let go of: only who has begun to
 * read has it, and he cannot go back. */
static void parts_of_what_has_outgrown_do_not_go_backwards(void **state)
{
	struct cache_rules_conf rules = usual_rules;
	uint8_t *bytes = malloc(LARGE_BYTES);
	struct stage stage;
	struct guest first, second;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', LARGE_BYTES);
	rules.max_object_bytes = 1;
	stage_open_with(&stage, &rules);
	guest_comes(&first, &stage, "/app");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, HEAD);
	stage_settle(&stage);
	guest_asks(&second, &stage, "Range", "bytes=-1,0-0");
	assert_true(origin_sends(&stage.origin, bytes, LARGE_BYTES, true));
	origin_ends(&stage.origin);
	EDGE_LOOP_UNTIL(stage.loop, first.client.ended && second.client.ended);
	assert_int_equal(second.client.status, 200);
	assert_int_equal(second.client.body_len, LARGE_BYTES);
	guest_ends(&first);
	guest_ends(&second);
	stage_end(&stage);
	free(bytes);
}

static void if_range_decides_whether_a_part_will_do(void **state)
{
	static const struct {
		const char *value;
		unsigned status;
	} rows[] = {
		{ "\"a\"", 206 },
		{ "\"b\"", 200 },
		{ "W/\"a\"", 200 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 206 },
		{ "Sun, 06 Nov 1994 08:49:38 GMT", 200 },
	};
	struct stage stage;
	struct guest guest;
	char head[512];

	(void)state;
	stage_open_with(&stage, &usual_rules);
	time_t now_s = (time_t)loop_wall_s(stage.loop);
	struct tm tm;
	assert_true(strftime(head, sizeof(head),
			     HEAD "\nContent-Length: 5\nDate: %a, %d %b %Y %H:%M:%S GMT",
			     gmtime_r(&now_s, &tm)) > 0);
	stage_stores(&stage, "/app", head, "hello");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		guest_init(&guest, &stage, "/app");
		guest_says(&guest, "Range", "bytes=0-0");
		guest_says(&guest, "If-Range", rows[i].value);
		guest_begin(&guest);
		guest_got(&guest, rows[i].status, rows[i].status == 206 ? "h" : "hello");
		guest_ends(&guest);
	}
	stage_end(&stage);
}

static void who_has_it_already_hears_304(void **state)
{
	static const struct {
		const char *name, *value;
		unsigned status;
	} rows[] = {
		{ "If-None-Match", "\"a\"", 304 },
		{ "If-None-Match", "\"b\", W/\"a\"", 304 },
		{ "If-None-Match", "*", 304 },
		{ "If-None-Match", "\"b\"", 200 },
		{ "If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 304 },
		{ "If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 200 },
		{ "If-Match", "\"b\"", 200 }, /* the origin's alone */
	};
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app",
		     "Cache-Control: max-age=60\nETag: \"a\"\nContent-Type: text/plain\n"
		     "Content-Location: /it\nVary: Accept\n"
		     "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nContent-Length: 5",
		     "hello");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool whole = rows[i].status == 200;
		guest_asks(&guest, &stage, rows[i].name, rows[i].value);
		guest_got(&guest, rows[i].status, whole ? "hello" : "");
		guest_got_field(&guest, "ETag", "\"a\"");
		guest_got_field(&guest, "Vary", "Accept");
		guest_got_field(&guest, "Content-Location", "/it");
		guest_got_field(&guest, "Cache-Control", "max-age=60");
		guest_got_field(&guest, "Content-Type", whole ? "text/plain" : NULL);
		assert_int_equal(guest.client.head->body,
				 whole ? HTTP_BODY_LENGTH : HTTP_BODY_NONE);
		guest_ends(&guest);
	}
	assert_int_equal(stage_n_asked(&stage), 1);
	stage_end(&stage);
}

static void who_has_it_already_hears_so_while_it_comes(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	guest_asks(&guest, &stage, "If-None-Match", "\"a\"");
	origin_is_asked(&stage, &stage.origin, 1);
	origin_heads(&stage.origin, 200, "Cache-Control: max-age=60\nETag: \"a\"");
	guest_got(&guest, 304, "");
	assert_true(origin_sends(&stage.origin, "hello", 5, true));
	origin_ends(&stage.origin);
	guest_ends(&guest);
	stage_settle(&stage);
	stage_has(&stage, "/app", "hello");
	stage_end(&stage);
}

static void only_a_200_has_parts_and_conditions(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	for (int round = 0; round < 2; round++) {
		guest_init(&guest, &stage, "/app");
		guest_says(&guest, "Range", "bytes=0-0");
		guest_says(&guest, "If-None-Match", "\"a\"");
		guest_begin(&guest);
		if (round == 0) {
			origin_is_asked(&stage, &stage.origin, 1);
			origin_gives(&stage.origin, 404,
				     "Cache-Control: max-age=60\nETag: \"a\"\nContent-Length: 4",
				     "none");
		}
		guest_got(&guest, 404, "none");
		guest_ends(&guest);
		stage_settle(&stage);
	}
	assert_int_equal(stage_n_asked(&stage), 1);
	stage_end(&stage);
}

static void head_has_no_parts(void **state)
{
	struct stage stage;
	struct guest guest;

	(void)state;
	stage_open_with(&stage, &usual_rules);
	stage_stores(&stage, "/app", "Cache-Control: max-age=60\nContent-Length: 5", "hello");
	guest_init(&guest, &stage, "/app");
	guest_method(&guest, HTTP_METHOD_HEAD);
	guest_says(&guest, "Range", "bytes=0-0");
	guest_begin(&guest);
	guest_got(&guest, 200, "");
	guest_got_field(&guest, "Content-Range", NULL);
	assert_int_equal(guest.client.head->body_length, 5);
	guest_ends(&guest);
	stage_end(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_range_is_a_part),
		cmocka_unit_test(several_ranges_are_parts_in_the_order_that_was_asked_for),
		cmocka_unit_test(parts_may_go_backwards_through_a_large_body),
		cmocka_unit_test(part_of_what_is_on_its_way_comes_when_it_is_there),
		cmocka_unit_test(what_cannot_be_cut_while_it_comes_is_sent_whole),
		cmocka_unit_test(parts_of_what_has_outgrown_do_not_go_backwards),
		cmocka_unit_test(if_range_decides_whether_a_part_will_do),
		cmocka_unit_test(who_has_it_already_hears_304),
		cmocka_unit_test(who_has_it_already_hears_so_while_it_comes),
		cmocka_unit_test(only_a_200_has_parts_and_conditions),
		cmocka_unit_test(head_has_no_parts),
	};

	return cmocka_run_group_tests(tests, longer_make, NULL);
}
