/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http/multipart: RFC 9110 14.6.
 */
#include "edge/http/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/obj.h"

static const char content[] = "0123456789abcdefghij";
enum { CONTENT_BYTES = sizeof(content) - 1 };

static const struct range_set two = { .ranges = { { 0, 4 }, { 18, 19 } }, .n = 2 };

static struct arena arena;
static struct rng rng;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	rng_seed(&rng, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

/* The body as it would be sent. */
static void body_add(const struct multipart *multipart, const struct range_set *set,
		     struct buf *body)
{
	for (size_t i = 0; i < set->n; i++) {
		buf_add(body, multipart->before[i]);
		buf_add(body, span_of(content + set->ranges[i].first,
				      (size_t)range_bytes(set->ranges[i])));
	}
	buf_add(body, multipart->closing);
	assert_false(body->failed);
}

/* What it must be: each '@' of `text` is the boundary. */
static void expected_add(struct span text, struct span boundary, struct buf *expected)
{
	struct span part;

	while (span_cut(&text, '@', &part)) {
		buf_add(expected, part);
		if (text.at)
			buf_add(expected, boundary);
	}
	assert_false(expected->failed);
}

static void body_expect(struct span content_type, const char *text)
{
	const struct span prefix = SPAN_LIT("multipart/byteranges; boundary=");
	struct multipart multipart;
	struct buf body, expected;

	assert_int_equal(
		multipart_compose(&two, content_type, CONTENT_BYTES, &rng, &arena, &multipart), 0);
	assert_true(span_starts(multipart.content_type, prefix));
	struct span boundary = span_from(multipart.content_type, prefix.len);
	assert_int_equal(boundary.len, 32);
	buf_init(&body, 4096);
	buf_init(&expected, 4096);
	body_add(&multipart, &two, &body);
	expected_add(span_str(text), boundary, &expected);
	assert_string_equal(buf_text(&body), buf_text(&expected));
	assert_int_equal(multipart.length, buf_span(&expected).len);
	buf_fini(&expected);
	buf_fini(&body);
}

static void body_is_as_the_clause_shows_it_and_as_long_as_was_said(void **state)
{
	(void)state;
	body_expect(SPAN_LIT("application/pdf"), "--@\r\n"
						 "Content-Type: application/pdf\r\n"
						 "Content-Range: bytes 0-4/20\r\n"
						 "\r\n"
						 "01234\r\n"
						 "--@\r\n"
						 "Content-Type: application/pdf\r\n"
						 "Content-Range: bytes 18-19/20\r\n"
						 "\r\n"
						 "ij\r\n"
						 "--@--\r\n");
}

static void parts_of_what_has_no_type_have_none(void **state)
{
	(void)state;
	body_expect(SPAN_NONE, "--@\r\n"
			       "Content-Range: bytes 0-4/20\r\n"
			       "\r\n"
			       "01234\r\n"
			       "--@\r\n"
			       "Content-Range: bytes 18-19/20\r\n"
			       "\r\n"
			       "ij\r\n"
			       "--@--\r\n");
}

static void boundaries_are_drawn_anew(void **state)
{
	struct multipart one, other;

	(void)state;
	assert_int_equal(multipart_compose(&two, SPAN_NONE, CONTENT_BYTES, &rng, &arena, &one), 0);
	assert_int_equal(multipart_compose(&two, SPAN_NONE, CONTENT_BYTES, &rng, &arena, &other),
			 0);
	assert_false(span_eq(one.content_type, other.content_type));
	assert_int_equal(one.length, other.length);
}

static void full_arena_says_no_wherever_it_ends(void **state)
{
	struct multipart multipart;
	size_t room = 0;
	int r = -ENOBUFS;

	(void)state;
	for (; r == -ENOBUFS && room < 4096; room++) {
		struct arena small;
		arena_init(&small, room);
		r = multipart_compose(&two, SPAN_LIT("a/b"), CONTENT_BYTES, &rng, &small,
				      &multipart);
		arena_fini(&small);
	}
	assert_int_equal(r, 0);
	assert_true(room > 100);
}

static void length_that_cannot_be_counted_is_refused(void **state)
{
	const struct range_set vast = {
		.ranges = { { 0, UINT64_MAX - 300 }, { UINT64_MAX - 200, UINT64_MAX - 1 } }, .n = 2
	};
	struct multipart multipart;

	(void)state;
	assert_int_equal(multipart_compose(&vast, SPAN_NONE, UINT64_MAX, &rng, &arena, &multipart),
			 -EOVERFLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			body_is_as_the_clause_shows_it_and_as_long_as_was_said, setup, teardown),
		cmocka_unit_test_setup_teardown(parts_of_what_has_no_type_have_none, setup,
						teardown),
		cmocka_unit_test_setup_teardown(boundaries_are_drawn_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(full_arena_says_no_wherever_it_ends, setup,
						teardown),
		cmocka_unit_test_setup_teardown(length_that_cannot_be_counted_is_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
