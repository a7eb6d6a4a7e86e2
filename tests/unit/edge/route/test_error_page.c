/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/route/error_page.
 */
#include "../edge_test.h"

#include "edge/route/error_page.h"

static void page_is_found_by_its_status(void **state)
{
	uint32_t down[] = { 502, 503 }, gone[] = { 404 };
	char path[64];
	edge_test_file(path, "from a file");
	const struct error_page_conf confs[] = {
		{ .status = down, .n_status = 2, .file = path, .content_type = "text/plain" },
		{ .status = gone, .n_status = 1, .body = "gone: $path", .intercept = true },
	};
	char why[ERROR_PAGE_TEXT];
	struct error_pages *pages;
	struct span text;
	size_t item;

	(void)state;
	assert_int_equal(error_pages_new(confs, ARRAY_LEN(confs), &pages, &item, why), 0);
	const struct error_page *page = error_pages_find(pages, 503);
	assert_non_null(page);
	assert_true(var_constant(page->body, &text) && span_eq(text, SPAN_LIT("from a file")));
	assert_string_equal(page->content_type, "text/plain");
	assert_false(page->intercept);
	assert_true(error_pages_find(pages, 404)->intercept);
	assert_null(error_pages_find(pages, 500));
	assert_null(error_pages_find(NULL, 404));
	error_pages_free(pages);
	error_pages_free(NULL);
	unlink(path);
}

static void what_is_wrong_is_said(void **state)
{
	uint32_t status[] = { 404 };
	const struct error_page_conf no_file[] = {
		{ .status = status, .n_status = 1, .body = "fine" },
		{ .status = status, .n_status = 1, .file = "/nonexistent" },
	};
	const struct error_page_conf no_variable = { .status = status,
						     .n_status = 1,
						     .body = "$nosuch" };
	char why[ERROR_PAGE_TEXT];
	struct error_pages *pages;
	size_t item = 7;

	(void)state;
	assert_int_equal(error_pages_new(no_file, 2, &pages, &item, why), -ENOENT);
	assert_int_equal(item, 1);
	assert_non_null(strstr(why, "/nonexistent"));
	assert_int_equal(error_pages_new(&no_variable, 1, &pages, &item, why), -EINVAL);
	assert_int_equal(item, 0);
	assert_non_null(strstr(why, "nosuch"));
}

static void pages_have_a_largest_size(void **state)
{
	static char text[ERROR_PAGE_MAX_BYTES + 2];
	uint32_t status[] = { 404 };
	char path[64], why[ERROR_PAGE_TEXT];
	const struct error_page_conf file = { .status = status, .n_status = 1, .file = path };
	const struct error_page_conf body = { .status = status, .n_status = 1, .body = text };
	struct error_pages *pages;
	size_t item;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	edge_test_file(path, text);
	assert_int_equal(error_pages_new(&file, 1, &pages, &item, why), -EFBIG);
	unlink(path);
	text[ERROR_PAGE_MAX_BYTES] = '\0';
	edge_test_file(path, text);
	assert_int_equal(error_pages_new(&file, 1, &pages, &item, why), 0);
	error_pages_free(pages);
	unlink(path);
	memcpy(text, "$path ", 6);
	assert_int_equal(error_pages_new(&body, 1, &pages, &item, why), -EFBIG);
	assert_non_null(strstr(why, "with variables"));
	text[ERROR_PAGE_MAX_VARIABLE_BYTES] = '\0';
	assert_int_equal(error_pages_new(&body, 1, &pages, &item, why), 0);
	error_pages_free(pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_is_found_by_its_status),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(pages_have_a_largest_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
