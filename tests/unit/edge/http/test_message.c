/* SPDX-License-Identifier: Apache-2.0
 *
 * test_message: the fields of a head, and HTTP's words.
 */
#include "edge/http/message.h"

#include "tests/unit/edge/edge_test.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void names_are_found_without_case_and_others_are_others(void **state)
{
	(void)state;
	for (unsigned id = 1; id < HTTP_N_NAMES; id++)
		assert_int_equal(http_name_lookup(http_name_text((enum http_name)id)), id);
	assert_int_equal(http_name_lookup(SPAN_LIT("x-fOrWaRdEd-fOr")), HTTP_NAME_X_FORWARDED_FOR);
	assert_int_equal(http_name_lookup(SPAN_LIT("Hosts")), HTTP_NAME_OTHER);
	assert_int_equal(http_name_lookup(SPAN_LIT("Hos")), HTTP_NAME_OTHER);
	assert_int_equal(http_name_lookup(SPAN_NONE), HTTP_NAME_OTHER);
}

static void names_differ_by_case_alone(void **state)
{
	(void)state;
	for (unsigned id = 1; id < HTTP_N_NAMES; id++) {
		struct span text = http_name_text((enum http_name)id);
		uint8_t copy[64];
		assert_in_range(text.len, 1, sizeof(copy));
		memcpy(copy, text.at, text.len);
		struct span name = span_of(copy, text.len);
		for (size_t i = 0; i < text.len; i++) {
			for (int byte = 0; byte < 256; byte++) {
				copy[i] = (uint8_t)byte;
				bool same = span_ieq(name, text);
				assert_int_equal(http_name_lookup(name) == id, same);
			}
			copy[i] = text.at[i];
		}
	}
}

static void methods_are_found_with_case(void **state)
{
	(void)state;
	assert_int_equal(http_method_lookup(SPAN_LIT("GET")), HTTP_METHOD_GET);
	assert_int_equal(http_method_lookup(SPAN_LIT("get")), HTTP_METHOD_OTHER); /* RFC 9110 9.1 */
	assert_int_equal(http_method_lookup(SPAN_LIT("PURGE")), HTTP_METHOD_OTHER);
	assert_true(span_eq(http_method_text(HTTP_METHOD_PATCH), SPAN_LIT("PATCH")));
	assert_true(http_method_is_safe(HTTP_METHOD_HEAD));
	assert_false(http_method_is_safe(HTTP_METHOD_PUT));
	assert_true(http_method_is_idempotent(HTTP_METHOD_PUT));
	assert_false(http_method_is_idempotent(HTTP_METHOD_POST));
	assert_false(http_method_is_idempotent(HTTP_METHOD_OTHER));
}

static void statuses_know_their_words_and_their_bodies(void **state)
{
	(void)state;
	assert_true(span_eq(http_status_reason(431), SPAN_LIT("Request Header Fields Too Large")));
	assert_int_equal(http_status_reason(299).len, 0);
	assert_int_equal(http_status_reason(999).len, 0);
	assert_true(http_status_has_body(200));
	assert_false(http_status_has_body(204));
	assert_false(http_status_has_body(304));
	assert_false(http_status_has_body(103));
}

static void fields_are_added_found_set_and_removed(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(http_head_init(&head, &arena), 0);
	assert_null(http_head_find(&head, HTTP_NAME_VIA));
	assert_int_equal(http_head_add(&head, HTTP_NAME_VIA, SPAN_LIT("a")), 0);
	assert_int_equal(http_head_add_other(&head, SPAN_LIT("x-one"), SPAN_LIT("1")), 0);
	assert_int_equal(http_head_add_other(&head, SPAN_LIT("via"), SPAN_LIT("b")), 0);
	assert_int_equal(head.n_fields, 3);
	assert_true(span_eq(http_head_find(&head, HTTP_NAME_VIA)->value, SPAN_LIT("a")));
	assert_int_equal(http_head_set(&head, HTTP_NAME_VIA, SPAN_LIT("c")), 0);
	assert_int_equal(head.n_fields, 2);
	assert_true(span_eq(head.fields[1].value, SPAN_LIT("c")));
	http_head_remove_other(&head, SPAN_LIT("X-ONE"));
	http_head_remove_other(&head, SPAN_LIT("x-two"));
	assert_int_equal(head.n_fields, 1);
	http_head_remove_other(&head, SPAN_LIT("VIA"));
	assert_int_equal(head.n_fields, 0);
}

static void fields_grow_up_to_the_limit(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(http_head_init(&head, &arena), 0);
	for (int i = 0; i < HTTP_MAX_FIELDS; i++) {
		char *name = arena_printf(&arena, "x-%d", i);
		assert_int_equal(http_head_add_other(&head, span_str(name), SPAN_LIT("v")), 0);
	}
	assert_int_equal(http_head_add(&head, HTTP_NAME_VIA, SPAN_LIT("a")), -ENOBUFS);
	assert_int_equal(head.n_fields, HTTP_MAX_FIELDS);
	assert_true(span_eq(head.fields[0].name, SPAN_LIT("x-0")));
	assert_true(span_eq(head.fields[HTTP_MAX_FIELDS - 1].name, SPAN_LIT("x-99")));
}

static void full_arena_says_no_and_the_head_stays(void **state)
{
	struct arena small;
	struct http_head head;
	int r = 0, n = 0;

	(void)state;
	arena_init(&small, 1500);
	assert_int_equal(http_head_init(&head, &small), 0);
	for (; r == 0; n++)
		r = http_head_add(&head, HTTP_NAME_COOKIE, SPAN_LIT("a"));
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(head.n_fields, n - 1);
	arena_fini(&small);
}

static void same_texts(const struct http_head *a, const struct http_head *b)
{
	assert_true(span_eq(a->method_text, b->method_text) && span_eq(a->scheme, b->scheme));
	assert_true(span_eq(a->authority, b->authority) && span_eq(a->host, b->host));
	assert_true(span_eq(a->target, b->target) && span_eq(a->path, b->path));
	assert_true(span_eq(a->query, b->query) && span_eq(a->upgrade, b->upgrade));
	assert_true(span_eq(a->reason, b->reason));
	assert_int_equal(a->n_fields, b->n_fields);
	for (uint16_t i = 0; i < a->n_fields; i++) {
		assert_int_equal(a->fields[i].id, b->fields[i].id);
		assert_true(span_eq(a->fields[i].name, b->fields[i].name));
		assert_true(span_eq(a->fields[i].value, b->fields[i].value));
	}
}

/* All of its text in that arena. */
static struct http_head head_in(struct arena *in)
{
	struct http_head head;

	assert_int_equal(http_head_init(&head, in), 0);
	head.method_text = arena_copy(in, SPAN_LIT("GET"));
	head.scheme = arena_copy(in, SPAN_LIT("https"));
	head.authority = arena_copy(in, SPAN_LIT("h:1"));
	head.host = arena_copy(in, SPAN_LIT("h"));
	head.target = arena_copy(in, SPAN_LIT("/a?b"));
	head.path = arena_copy(in, SPAN_LIT("/a"));
	head.query = arena_copy(in, SPAN_LIT("b"));
	head.upgrade = arena_copy(in, SPAN_LIT("websocket"));
	head.reason = arena_copy(in, SPAN_LIT("Fine"));
	head.status = 299;
	head.body = HTTP_BODY_LENGTH;
	head.body_length = 7;
	for (int i = 0; i < 30; i++)
		assert_int_equal(http_head_add_other(&head, arena_copy(in, SPAN_LIT("x-some")),
						     arena_copy(in, SPAN_LIT("value"))),
				 0);
	assert_int_equal(http_head_add(&head, HTTP_NAME_ETAG, arena_copy(in, SPAN_LIT("\"a\""))),
			 0);
	return head;
}

static void a_copy_lives_in_another_arena(void **state)
{
	struct http_head head, copy, wanted = head_in(&arena);
	struct arena other;

	(void)state;
	arena_init(&other, 65536);
	head = head_in(&other);
	assert_int_equal(http_head_copy(&head, &arena, &copy), 0);
	arena_fini(&other);
	same_texts(&copy, &wanted);
	assert_int_equal(copy.status, 299);
	assert_int_equal(copy.body, HTTP_BODY_LENGTH);
	assert_int_equal(copy.body_length, 7);
	assert_ptr_equal(copy.arena, &arena);
}

static void a_copy_grows_apart_from_the_first(void **state)
{
	struct http_head head, copy;

	(void)state;
	assert_int_equal(http_head_init(&head, &arena), 0);
	assert_int_equal(http_head_add_other(&head, SPAN_LIT("x-some"), SPAN_LIT("1")), 0);
	assert_int_equal(http_head_copy(&head, &arena, &copy), 0);
	while (copy.n_fields < HTTP_MAX_FIELDS)
		assert_int_equal(http_head_add_other(&copy, SPAN_LIT("x"), SPAN_LIT("2")), 0);
	assert_int_equal(http_head_add_other(&copy, SPAN_LIT("x"), SPAN_LIT("2")), -ENOBUFS);
	http_head_remove_other(&copy, SPAN_LIT("x-some"));
	assert_int_equal(head.n_fields, 1);
	assert_true(span_eq(head.fields[0].value, SPAN_LIT("1")));
	/* One that is full can be copied, too. */
	assert_int_equal(http_head_add_other(&copy, SPAN_LIT("x"), SPAN_LIT("2")), 0);
	assert_int_equal(http_head_copy(&copy, &arena, &head), 0);
	assert_int_equal(head.n_fields, HTTP_MAX_FIELDS);
}

static void a_copy_without_room_says_so(void **state)
{
	struct http_head head, copy;
	int r = -ENOBUFS;

	(void)state;
	assert_int_equal(http_head_init(&head, &arena), 0);
	head.host = SPAN_LIT("host");
	head.target = SPAN_LIT("/target");
	assert_int_equal(http_head_add_other(&head, SPAN_LIT("x-some"), SPAN_LIT("value")), 0);
	for (size_t room = 0; r < 0; room++) {
		struct arena small;
		assert_in_range(room, 0, 4096);
		arena_init(&small, room);
		r = http_head_copy(&head, &small, &copy);
		assert_true(r == 0 || r == -ENOBUFS);
		arena_fini(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_without_case_and_others_are_others),
		cmocka_unit_test(names_differ_by_case_alone),
		cmocka_unit_test(methods_are_found_with_case),
		cmocka_unit_test(statuses_know_their_words_and_their_bodies),
		cmocka_unit_test_setup_teardown(fields_are_added_found_set_and_removed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(fields_grow_up_to_the_limit, setup, teardown),
		cmocka_unit_test(full_arena_says_no_and_the_head_stays),
		cmocka_unit_test_setup_teardown(a_copy_lives_in_another_arena, setup, teardown),
		cmocka_unit_test_setup_teardown(a_copy_grows_apart_from_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_copy_without_room_says_so, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
