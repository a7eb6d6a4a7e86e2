/* SPDX-License-Identifier: Apache-2.0
 *
 * test_certs: which certificate serves which name.
 */
#include "edge/tls/certs.h"

#include "tests/unit/core/net/net_test.h"

static struct test_folder folder;
static struct cert_set *set;

static int add(const char *name, char *reterr)
{
	char file[64], certificate[NET_TEST_PATH], key[NET_TEST_PATH];

	snprintf(file, sizeof(file), "%s.crt", name);
	test_file(&folder, file, certificate);
	snprintf(file, sizeof(file), "%s.key", name);
	test_file(&folder, file, key);
	return cert_set_add(set, certificate, key, reterr);
}

static int group_setup(void **state)
{
	(void)state;
	test_folder_make(&folder);
	cert_make(&folder, "one", "one.test", "DNS:one.test,DNS:Both.test");
	cert_make(&folder, "two", "two.test", "DNS:two.test,DNS:both.test,DNS:*.wild.test");
	cert_make(&folder, "cn", "named.test", NULL);
	return 0;
}

static int group_teardown(void **state)
{
	static const char *const names[] = { "one.crt", "one.key", "two.crt", "two.key", "rsa.crt",
					     "rsa.key", "cn.crt",  "cn.key",  NULL };

	(void)state;
	test_folder_remove(&folder, names);
	return 0;
}

static void open_set(bool strict)
{
	const struct cert_set_conf conf = { .strict_sni = strict };
	char why[CERT_ERROR_TEXT];

	assert_int_equal(cert_set_new(&conf, &set), 0);
	assert_null(cert_set_context(set));
	assert_int_equal(add("one", why), 0);
	assert_int_equal(add("two", why), 0);
	assert_int_equal(add("cn", why), 0);
	assert_int_equal(cert_set_count(set), 3);
}

static const struct tls_context *find(const char *name)
{
	return cert_set_find(set, span_str(name));
}

static void names_find_their_certificate(void **state)
{
	(void)state;
	open_set(false);
	const struct tls_context *one = cert_set_context(set), *two = find("two.test");
	assert_non_null(two);
	assert_ptr_not_equal(one, two);
	assert_ptr_equal(find("one.test"), one);
	assert_ptr_equal(find("one.test."), one);
	assert_ptr_equal(find("both.test"), one); /* who came first */
	assert_ptr_equal(find("a.wild.test"), two);
	assert_ptr_equal(find("named.test"), cert_set_find(set, SPAN_LIT("named.test")));
	assert_ptr_not_equal(find("named.test"), one);
	/* Unknown: the first. A wildcard is one label, neither none nor two. */
	assert_ptr_equal(find(""), one);
	assert_ptr_equal(find("wild.test"), one);
	assert_ptr_equal(find("a.b.wild.test"), one);
	assert_ptr_equal(find(".wild.test"), one);
	cert_set_unref(set);
}

static void another_kind_of_key_joins_the_same_names(void **state)
{
	static const struct cert_wish rsa = { .cn = "one.test",
					      .sans = "DNS:both.test,DNS:one.test",
					      .rsa = true };
	const struct cert_set_conf conf = { 0 };
	char why[CERT_ERROR_TEXT];

	(void)state;
	cert_issue(&folder, "rsa", &rsa);
	assert_int_equal(cert_set_new(&conf, &set), 0);
	assert_int_equal(add("one", why), 0);
	assert_int_equal(add("two", why), 0);
	assert_int_equal(add("rsa", why), 0);
	assert_int_equal(cert_set_count(set), 2);
	assert_int_equal(tls_server_count(cert_set_at(set, 0)), 2);
	assert_ptr_equal(find("one.test"), cert_set_at(set, 0));
	/* A third of a kind that is there stands alone, for names that nobody has. */
	assert_int_equal(add("rsa", why), 0);
	assert_int_equal(cert_set_count(set), 3);
	assert_int_equal(tls_server_count(cert_set_at(set, 0)), 2);
	cert_set_unref(set);
}

static void strict_set_refuses_unknown_names(void **state)
{
	(void)state;
	open_set(true);
	assert_non_null(find("two.test"));
	assert_null(find(""));
	assert_null(find("three.test"));
	cert_set_unref(set);
}

static void bad_file_is_named_and_changes_nothing(void **state)
{
	const struct cert_set_conf conf = { 0 };
	char certificate[NET_TEST_PATH], key[NET_TEST_PATH], why[CERT_ERROR_TEXT];

	(void)state;
	assert_int_equal(cert_set_new(&conf, &set), 0);
	assert_int_equal(add("none", why), -ENOENT);
	assert_non_null(strstr(why, "none.crt"));
	test_file(&folder, "one.crt", certificate);
	test_file(&folder, "two.key", key);
	assert_int_equal(cert_set_add(set, certificate, key, why), -EINVAL);
	assert_int_equal(cert_set_count(set), 0);
	assert_null(find("one.test"));
	assert_int_equal(add("one", why), 0);
	cert_set_unref(set);
}

static void set_lives_until_its_last_reference(void **state)
{
	(void)state;
	open_set(false);
	assert_ptr_equal(cert_set_ref(set), set);
	cert_set_unref(set);
	assert_non_null(find("one.test"));
	cert_set_unref(set);
	cert_set_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_find_their_certificate),
		cmocka_unit_test(another_kind_of_key_joins_the_same_names),
		cmocka_unit_test(strict_set_refuses_unknown_names),
		cmocka_unit_test(bad_file_is_named_and_changes_nothing),
		cmocka_unit_test(set_lives_until_its_last_reference),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
