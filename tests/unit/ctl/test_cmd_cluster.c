/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_cluster: a cluster is made and a member admitted, from the command line.
 */
#include "tests/unit/cluster/fixture.h"
#include "tests/unit/ctl/fixture.h"

static void cluster_is_made_and_member_admitted(void **state)
{
	char *folder = fixture_folder();
	char line[1024], reterr[IDENTITY_ERROR_MAX];
	struct keyring keyring;
	struct identity *identity;

	(void)state;
	snprintf(line, sizeof(line), "cluster init %s/keys", folder);
	EXPECT(line, COMMAND_OK, "cluster.key ", "cluster.keys");
	EXPECT(line, COMMAND_FAILED, "cluster.key: ");
	snprintf(line, sizeof(line),
		 "cluster admit %s/keys --name a --region r --role edge,gtm --out %s/deep/er/a "
		 "--days 30",
		 folder, folder);
	EXPECT(line, COMMAND_OK, "admitted as a in r for 30 days");
	assert_int_equal(keyring_load(fixture_path(folder, "keys/cluster.keys"), &keyring, reterr),
			 0);
	assert_int_equal(identity_open(fixture_path(folder, "deep/er/a"), &keyring, time(NULL),
				       &identity, reterr),
			 0);
	assert_int_equal(identity->certificate.roles, ROLE_EDGE | ROLE_GTM);
	identity_close(identity);
	fixture_folder_free(folder);
}

static void wrong_words_are_named(void **state)
{
	(void)state;
	EXPECT("cluster", COMMAND_USAGE, "expected init or admit");
	EXPECT("cluster init", COMMAND_USAGE, "usage");
	EXPECT("cluster admit /nonexistent --name a", COMMAND_USAGE, "usage");
	EXPECT("cluster admit /nonexistent --name a --region r --role x --out /y", COMMAND_USAGE,
	       "no role 'x'");
	EXPECT("cluster admit /nonexistent --name a --region r --role gtm --out /y --days 0",
	       COMMAND_USAGE, "--days");
	EXPECT("cluster admit /nonexistent --name a --region r --role gtm --out /nonexistent/y",
	       COMMAND_FAILED, "/nonexistent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cluster_is_made_and_member_admitted),
		cmocka_unit_test(wrong_words_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
