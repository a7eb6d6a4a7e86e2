/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring: the file is read strictly, and each fault is named with its line.
 */
#include "tests/unit/cluster/fixture.h"

#include <sys/stat.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void printed_keyring_reads_back(void **state)
{
	struct keyring keyring = { .n_secrets = 2, .in_use = 1 }, again;
	char reterr[KEYRING_ERROR_MAX];
	struct buf text;

	(void)state;
	memset(keyring.cluster_public, 7, sizeof(keyring.cluster_public));
	keyring.secrets[0] = (struct keyring_secret){ .id = 1, .bytes = { 1 } };
	keyring.secrets[1] = (struct keyring_secret){ .id = 200, .bytes = { 2 } };
	assert_int_equal(keyring_derive(&keyring), 0);
	buf_init(&text, KEYRING_MAX_BYTES);
	keyring_print(&keyring, &text);
	assert_int_equal(keyring_parse(buf_span(&text), &again, reterr), 0);
	assert_int_equal(again.n_secrets, 2);
	assert_int_equal(again.in_use, 1);
	assert_memory_equal(again.cluster_public, keyring.cluster_public, 32);
	assert_memory_equal(again.secrets, keyring.secrets, 2 * sizeof(keyring.secrets[0]));
	assert_memory_equal(again.group_tag, keyring.group_tag, KEYRING_TAG_BYTES);
	assert_non_null(keyring_find(&again, 200));
	assert_null(keyring_find(&again, 3));
	buf_fini(&text);
}

static void each_fault_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "", "no `cluster`" },
		{ "cluster " HEX64, "no `secret`" },
		{ "cluster " HEX64 "\nsecret 1 " HEX64, "no `use`" },
		{ "cluster " HEX64 "\nsecret 1 " HEX64 "\nuse 2", "not there" },
		{ "cluster 12", "line 1: expected `cluster` and 64" },
		{ "cluster " HEX64 "\ncluster " HEX64, "line 2: a second `cluster`" },
		{ "\n# c\nsecret 0 " HEX64, "line 3: expected a number" },
		{ "secret 256 " HEX64, "expected a number" },
		{ "secret 1", "line 1: expected 64" },
		{ "secret", "line 1: expected `secret`" },
		{ "secret 1 " HEX64 " x", "line 1: expected 64" },
		{ "secret 1 " HEX64 "\nsecret 1 " HEX64, "line 2: a second secret" },
		{ "use x", "line 1: expected a number" },
		{ "use 1\nuse 1", "line 2: a second `use`" },
		{ "key 1", "line 1: expected `cluster`" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char reterr[KEYRING_ERROR_MAX] = "";
		struct keyring keyring;

		assert_int_equal(keyring_parse(span_str(rows[i].text), &keyring, reterr), -EINVAL);
		if (!strstr(reterr, rows[i].error))
			fail_msg("row %zu: '%s' has no '%s'", i, reterr, rows[i].error);
	}
}

static void more_than_eight_secrets_are_refused(void **state)
{
	char reterr[KEYRING_ERROR_MAX] = "";
	struct keyring keyring;
	struct buf text;

	(void)state;
	buf_init(&text, 2 * KEYRING_MAX_BYTES);
	for (int i = 1; i <= 9; i++)
		buf_printf(&text, "secret %d " HEX64 "\n", i);
	assert_int_equal(keyring_parse(buf_span(&text), &keyring, reterr), -EINVAL);
	assert_non_null(strstr(reterr, "line 9"));
	while (text.len <= KEYRING_MAX_BYTES)
		buf_add_str(&text, "#\n");
	assert_int_equal(keyring_parse(buf_span(&text), &keyring, reterr), -EINVAL);
	assert_non_null(strstr(reterr, "8 KiB"));
	buf_fini(&text);
}

static void file_that_others_may_read_is_refused(void **state)
{
	char *folder = fixture_folder();
	char reterr[KEYRING_ERROR_MAX] = "";
	struct keyring keyring;

	(void)state;
	fixture_write(folder, "k", "cluster " HEX64 "\nsecret 1 " HEX64 "\nuse 1\n");
	assert_int_equal(keyring_load(fixture_path(folder, "k"), &keyring, reterr), 0);
	assert_int_equal(chmod(fixture_path(folder, "k"), 0644), 0);
	assert_int_equal(keyring_load(fixture_path(folder, "k"), &keyring, reterr), -EPERM);
	assert_non_null(strstr(reterr, "chmod 600"));
	assert_int_equal(keyring_load(fixture_path(folder, "none"), &keyring, reterr), -ENOENT);
	fixture_folder_free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_keyring_reads_back),
		cmocka_unit_test(each_fault_is_named_with_its_line),
		cmocka_unit_test(more_than_eight_secrets_are_refused),
		cmocka_unit_test(file_that_others_may_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
