/* SPDX-License-Identifier: Apache-2.0
 *
 * certificate: what the cluster key signed is believed, and nothing else is.
 */
#include "tests/unit/cluster/fixture.h"

struct authority {
	struct sign_key *key;
	struct verify_key *verify;
};

static struct authority authority_make(void)
{
	uint8_t seed[CRYPTO_KEY_BYTES], public_key[CRYPTO_KEY_BYTES];
	struct authority a;

	assert_int_equal(sign_key_generate(seed), 0);
	assert_int_equal(sign_key_new(seed, &a.key), 0);
	sign_key_public(a.key, public_key);
	assert_int_equal(verify_key_new(public_key, &a.verify), 0);
	return a;
}

static void authority_drop(struct authority *a)
{
	sign_key_free(a->key);
	verify_key_free(a->verify);
}

static const struct certificate good = {
	.public_key = { 1, 2, 3 },
	.name = "eu-west-1a",
	.region = "eu-west",
	.roles = ROLE_EDGE,
	.not_before_s = FIXTURE_NOW_S,
	.not_after_s = FIXTURE_NOW_S + 1000,
	.serial = 9,
};

static void issued_certificate_is_believed(void **state)
{
	struct authority a = authority_make();
	uint8_t bytes[CERTIFICATE_MAX_BYTES];
	struct certificate seen;
	size_t len;

	(void)state;
	assert_int_equal(certificate_issue(a.key, &good, bytes, &len), 0);
	assert_int_equal(certificate_check(a.verify, span_of(bytes, len), FIXTURE_NOW_S, &seen), 0);
	assert_string_equal(seen.name, "eu-west-1a");
	assert_string_equal(seen.region, "eu-west");
	assert_int_equal(seen.roles, ROLE_EDGE);
	assert_int_equal(seen.serial, 9);
	struct member_id id;
	assert_int_equal(member_id_of(good.public_key, &id), 0);
	assert_true(member_id_equal(&id, &seen.id));
	authority_drop(&a);
}

static void certificate_of_another_authority_is_forged(void **state)
{
	struct authority a = authority_make(), b = authority_make();
	uint8_t bytes[CERTIFICATE_MAX_BYTES];
	struct certificate seen;
	size_t len;

	(void)state;
	assert_int_equal(certificate_issue(b.key, &good, bytes, &len), 0);
	assert_int_equal(certificate_check(a.verify, span_of(bytes, len), FIXTURE_NOW_S, &seen),
			 CERTIFICATE_FORGED);
	authority_drop(&a);
	authority_drop(&b);
}

static void every_changed_or_missing_byte_is_noticed(void **state)
{
	struct authority a = authority_make();
	uint8_t bytes[CERTIFICATE_MAX_BYTES];
	struct certificate seen;
	size_t len;

	(void)state;
	assert_int_equal(certificate_issue(a.key, &good, bytes, &len), 0);
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= 1;
		assert_int_not_equal(
			certificate_check(a.verify, span_of(bytes, len), FIXTURE_NOW_S, &seen), 0);
		bytes[i] ^= 1;
		assert_int_not_equal(
			certificate_check(a.verify, span_of(bytes, i), FIXTURE_NOW_S, &seen), 0);
	}
	authority_drop(&a);
}

static void times_are_kept_with_some_slack_before(void **state)
{
	struct authority a = authority_make();
	uint8_t bytes[CERTIFICATE_MAX_BYTES];
	struct certificate seen;
	size_t len;

	(void)state;
	assert_int_equal(certificate_issue(a.key, &good, bytes, &len), 0);
	struct span s = span_of(bytes, len);
	assert_int_equal(certificate_check(a.verify, s, FIXTURE_NOW_S + 1000, &seen), 0);
	assert_int_equal(certificate_check(a.verify, s, FIXTURE_NOW_S + 1001, &seen),
			 CERTIFICATE_EXPIRED);
	assert_int_equal(
		certificate_check(a.verify, s, FIXTURE_NOW_S - CERTIFICATE_CLOCK_SLACK_S, &seen),
		0);
	assert_int_equal(certificate_check(a.verify, s,
					   FIXTURE_NOW_S - CERTIFICATE_CLOCK_SLACK_S - 1, &seen),
			 CERTIFICATE_EARLY);
	authority_drop(&a);
}

static void bad_names_and_roles_are_not_signed(void **state)
{
	static const char *const names[] = { "", "-a", "A", "a b", "a/b", "\xc3\xa9" };
	struct authority a = authority_make();
	uint8_t bytes[CERTIFICATE_MAX_BYTES];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct certificate bad = good;

		snprintf(bad.name, sizeof(bad.name), "%s", names[i]);
		assert_int_equal(certificate_issue(a.key, &bad, bytes, &len), -EINVAL);
	}
	struct certificate bad = good;
	bad.roles = 0;
	assert_int_equal(certificate_issue(a.key, &bad, bytes, &len), -EINVAL);
	bad.roles = 8;
	assert_int_equal(certificate_issue(a.key, &bad, bytes, &len), -EINVAL);
	authority_drop(&a);
}

static void longest_certificate_fits(void **state)
{
	struct authority a = authority_make();
	uint8_t bytes[CERTIFICATE_MAX_BYTES];
	struct certificate big = good;
	size_t len;

	(void)state;
	memset(big.name, 'n', sizeof(big.name) - 1);
	memset(big.region, 'r', sizeof(big.region) - 1);
	big.serial = UINT64_MAX;
	big.not_after_s = INT64_MAX;
	assert_int_equal(certificate_issue(a.key, &big, bytes, &len), 0);
	authority_drop(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(issued_certificate_is_believed),
		cmocka_unit_test(certificate_of_another_authority_is_forged),
		cmocka_unit_test(every_changed_or_missing_byte_is_noticed),
		cmocka_unit_test(times_are_kept_with_some_slack_before),
		cmocka_unit_test(bad_names_and_roles_are_not_signed),
		cmocka_unit_test(longest_certificate_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
