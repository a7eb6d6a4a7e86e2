/* SPDX-License-Identifier: Apache-2.0
 *
 * identity: a folder that fits is opened; one that does not says why; incarnations only grow.
 */
#include "tests/unit/cluster/fixture.h"

#include <sys/stat.h>

static void each_life_has_a_higher_incarnation(void **state)
{
	char *folder = fixture_folder();
	struct keyring keyring = fixture_authority(folder, "c");
	uint64_t last = 0;

	(void)state;
	fixture_admit(folder, "c", "m", ROLE_EDGE);
	for (int life = 0; life < 3; life++) {
		struct identity *identity = fixture_identity(folder, "m", &keyring);

		assert_true(identity->incarnation > last);
		last = identity->incarnation + 5000;
		assert_int_equal(identity_raise_incarnation(identity, last), 0);
		assert_int_equal(identity_raise_incarnation(identity, 1), 0);
		assert_int_equal(identity->incarnation, last);
		identity_close(identity);
	}
	fixture_folder_free(folder);
}

static void expect_fault(const char *folder, const struct keyring *keyring, int64_t wall_s,
			 const char *text)
{
	char reterr[IDENTITY_ERROR_MAX] = "";
	struct identity *identity;

	assert_true(identity_open(fixture_path(folder, "m"), keyring, wall_s, &identity, reterr) <
		    0);
	if (!strstr(reterr, text))
		fail_msg("'%s' has no '%s'", reterr, text);
}

static void folder_that_does_not_fit_says_why(void **state)
{
	char *folder = fixture_folder();
	struct keyring keyring = fixture_authority(folder, "c");
	struct keyring other = fixture_authority(folder, "c2");
	int64_t now_s = FIXTURE_NOW_S + 1;

	(void)state;
	expect_fault(folder, &keyring, now_s, "member.key");
	fixture_admit(folder, "c", "m", ROLE_EDGE);
	expect_fault(folder, &other, now_s, "not signed by this cluster's key");
	expect_fault(folder, &keyring, now_s + (FIXTURE_DAYS + 1) * INT64_C(86400), "expired");
	fixture_write(fixture_path(folder, "m"), "incarnation", "many\n");
	expect_fault(folder, &keyring, now_s, "expected a number");
	fixture_write(fixture_path(folder, "m"), "incarnation", "7\n");
	assert_int_equal(chmod(fixture_path(fixture_path(folder, "m"), "member.key"), 0644), 0);
	expect_fault(folder, &keyring, now_s, "chmod 600");
	fixture_admit(folder, "c", "other", ROLE_EDGE);
	assert_int_equal(rename(fixture_path(fixture_path(folder, "other"), "member.key"),
				fixture_path(fixture_path(folder, "m"), "member.key")),
			 0);
	expect_fault(folder, &keyring, now_s, "for another key");
	fixture_write(fixture_path(folder, "m"), "member.key", "zz\n");
	expect_fault(folder, &keyring, now_s, "64 hexadecimal");
	fixture_folder_free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_life_has_a_higher_incarnation),
		cmocka_unit_test(folder_that_does_not_fit_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
