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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
