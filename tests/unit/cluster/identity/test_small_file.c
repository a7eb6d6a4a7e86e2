/* SPDX-License-Identifier: Apache-2.0
 *
 * small_file: what is written is read again, modes are kept, and nothing is overwritten unasked.
 */
#include "tests/unit/cluster/fixture.h"

#include <sys/stat.h>

static void written_bytes_come_back(void **state)
{
	char *folder = fixture_folder();
	struct buf buf;

	(void)state;
	fixture_write(folder, "a", "first");
	fixture_write(folder, "a", "second");
	buf_init(&buf, 64);
	assert_int_equal(small_file_read(fixture_path(folder, "a"), &buf), 0);
	assert_string_equal(buf_text(&buf), "second");
	buf_fini(&buf);
	fixture_folder_free(folder);
}

static void too_long_a_file_is_refused(void **state)
{
	char *folder = fixture_folder();
	struct buf buf;

	(void)state;
	fixture_write(folder, "a", "0123456789");
	buf_init(&buf, 9);
	assert_int_equal(small_file_read(fixture_path(folder, "a"), &buf), -EFBIG);
	buf_fini(&buf);
	fixture_folder_free(folder);
}

static void create_never_overwrites(void **state)
{
	char *folder = fixture_folder();
	const char *path = fixture_path(folder, "a");

	(void)state;
	assert_int_equal(small_file_create(path, SPAN_LIT("x"), 0600), 0);
	assert_int_equal(small_file_create(path, SPAN_LIT("y"), 0600), -EEXIST);
	assert_int_equal(small_file_check_private(path), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(small_file_check_private(path), -EPERM);
	fixture_folder_free(folder);
}

static void missing_folder_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(small_file_write("/nonexistent/folder/file", SPAN_LIT("x"), 0600),
			 -ENOENT);
}

static void hex_is_strict(void **state)
{
	uint8_t bytes[2];
	char text[5];

	(void)state;
	assert_true(hex_read(SPAN_LIT("00ff"), bytes, 2));
	assert_int_equal(bytes[1], 255);
	hex_write(span_of(bytes, 2), text);
	assert_string_equal(text, "00ff");
	assert_false(hex_read(SPAN_LIT("00f"), bytes, 2));
	assert_false(hex_read(SPAN_LIT("00FF"), bytes, 2));
	assert_false(hex_read(SPAN_LIT("00f "), bytes, 2));
	assert_false(hex_read(SPAN_LIT("00ff0"), bytes, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_bytes_come_back),
		cmocka_unit_test(too_long_a_file_is_refused),
		cmocka_unit_test(create_never_overwrites),
		cmocka_unit_test(missing_folder_is_an_error),
		cmocka_unit_test(hex_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
