/* SPDX-License-Identifier: Apache-2.0
 *
 * authority: a cluster is made once; a member is admitted, and admitted again without losing its
 * key.
 */
#include "tests/unit/cluster/fixture.h"

static void second_init_touches_nothing(void **state)
{
	char *folder = fixture_folder();
	char reterr[IDENTITY_ERROR_MAX] = "";
	struct keyring first = fixture_authority(folder, "c"), again;

	(void)state;
	assert_int_equal(authority_init(fixture_path(folder, "c"), reterr), -EEXIST);
	assert_non_null(strstr(reterr, "cluster.key"));
	assert_int_equal(keyring_load(fixture_path(fixture_path(folder, "c"), "cluster.keys"),
				      &again, reterr),
			 0);
	assert_memory_equal(first.secrets, again.secrets, sizeof(first.secrets));
	assert_int_equal(
		small_file_check_private(fixture_path(fixture_path(folder, "c"), "cluster.key")),
		0);
	fixture_folder_free(folder);
}

static void renewal_keeps_the_identity(void **state)
{
	char *folder = fixture_folder();
	struct keyring keyring = fixture_authority(folder, "c");

	(void)state;
	fixture_admit(folder, "c", "m", ROLE_EDGE);
	struct identity *first = fixture_identity(folder, "m", &keyring);
	fixture_admit(folder, "c", "m", ROLE_GTM);
	struct identity *second = fixture_identity(folder, "m", &keyring);
	assert_true(member_id_equal(&first->certificate.id, &second->certificate.id));
	assert_int_equal(second->certificate.roles, ROLE_GTM);
	assert_int_equal(second->certificate.serial, first->certificate.serial + 1);
	identity_close(first);
	identity_close(second);
	fixture_folder_free(folder);
}

static void wrong_admission_is_refused(void **state)
{
	char *folder = fixture_folder();
	char reterr[IDENTITY_ERROR_MAX] = "";
	struct admission admission = { .name = "Bad Name", .region = "r", .roles = 1, .days = 1 };
	struct member_id id;

	(void)state;
	(void)fixture_authority(folder, "c");
	const char *authority = fixture_path(folder, "c"), *member = fixture_path(folder, "m");
	assert_int_equal(authority_admit(authority, member, &admission, &id, reterr), -EINVAL);
	assert_non_null(strstr(reterr, "a name is"));
	admission.name = "m";
	admission.region = "R";
	assert_int_equal(authority_admit(authority, member, &admission, &id, reterr), -EINVAL);
	admission.region = "r";
	admission.days = 0;
	assert_int_equal(authority_admit(authority, member, &admission, &id, reterr), -EINVAL);
	admission.days = 1;
	admission.roles = 64;
	assert_int_equal(authority_admit(authority, member, &admission, &id, reterr), -EINVAL);
	admission.roles = ROLE_GTM;
	assert_int_equal(authority_admit("/nonexistent", member, &admission, &id, reterr), -ENOENT);
	assert_non_null(strstr(reterr, "/nonexistent"));
	fixture_folder_free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_init_touches_nothing),
		cmocka_unit_test(renewal_keeps_the_identity),
		cmocka_unit_test(wrong_admission_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
