/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/crypto, against the vectors of the standards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/net/crypto.h"

#include <stdio.h>
#include <stdlib.h>

/* Hex to bytes; returns how many. */
static size_t unhex(const char *hex, uint8_t *at)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };
		at[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static void assert_hex(const uint8_t *at, const char *hex)
{
	uint8_t expected[256];
	size_t n = unhex(hex, expected);

	assert_memory_equal(at, expected, n);
}

static void sha256_gives_the_digest_of_fips_180(void **state)
{
	uint8_t hash[CRYPTO_HASH_BYTES];

	(void)state;
	assert_int_equal(crypto_sha256(SPAN_LIT("abc"), hash), 0);
	assert_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(crypto_sha256(SPAN_NONE, hash), 0);
	assert_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void sha1_and_base64_give_what_rfc_6455_says(void **state)
{
	uint8_t hash[CRYPTO_SHA1_BYTES];
	char text[CRYPTO_BASE64_BYTES(CRYPTO_SHA1_BYTES)];

	(void)state;
	assert_int_equal(crypto_sha1(SPAN_LIT("dGhlIHNhbXBsZSBub25jZQ=="
					      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
				     hash),
			 0);
	crypto_base64(span_of(hash, sizeof(hash)), text);
	assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	crypto_base64(SPAN_LIT("fo"), text);
	assert_string_equal(text, "Zm8=");
	crypto_base64(SPAN_NONE, text);
	assert_string_equal(text, "");
}

static void hkdf_gives_the_keys_of_rfc_5869(void **state)
{
	uint8_t secret[22], salt[13], info[10], key[42];

	(void)state;
	memset(secret, 0x0b, sizeof(secret));
	unhex("000102030405060708090a0b0c", salt);
	unhex("f0f1f2f3f4f5f6f7f8f9", info);
	assert_int_equal(crypto_hkdf_sha256(span_of(secret, 22), span_of(salt, 13),
					    span_of(info, 10), key, sizeof(key)),
			 0);
	assert_hex(key, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
			"34007208d5b887185865");
	assert_int_equal(
		crypto_hkdf_sha256(span_of(secret, 22), SPAN_NONE, SPAN_NONE, key, sizeof(key)), 0);
	assert_hex(key, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
			"9d201395faa4b61a96c8");
}

static void signature_is_that_of_rfc_8032_and_verifies(void **state)
{
	uint8_t seed[32], public_key[32], signature[CRYPTO_SIGNATURE_BYTES];
	struct sign_key *key = NULL;
	struct verify_key *verify = NULL;

	(void)state;
	unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed);
	assert_int_equal(sign_key_new(seed, &key), 0);
	sign_key_public(key, public_key);
	assert_hex(public_key, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
	assert_int_equal(sign_make(key, SPAN_LIT("\x72"), signature), 0);
	assert_hex(signature, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
			      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");

	assert_int_equal(verify_key_new(public_key, &verify), 0);
	assert_true(verify_check(verify, SPAN_LIT("\x72"), span_of(signature, 64)));
	assert_false(verify_check(verify, SPAN_LIT("\x73"), span_of(signature, 64)));
	assert_false(verify_check(verify, SPAN_LIT("\x72"), span_of(signature, 63)));
	signature[5] ^= 1;
	assert_false(verify_check(verify, SPAN_LIT("\x72"), span_of(signature, 64)));
	sign_key_free(key);
	verify_key_free(verify);
}

static void empty_text_can_be_signed_with_a_fresh_key(void **state)
{
	uint8_t seed[32], public_key[32], signature[CRYPTO_SIGNATURE_BYTES];
	struct sign_key *key = NULL;
	struct verify_key *verify = NULL;

	(void)state;
	assert_int_equal(sign_key_generate(seed), 0);
	assert_int_equal(sign_key_new(seed, &key), 0);
	sign_key_public(key, public_key);
	assert_int_equal(sign_make(key, SPAN_NONE, signature), 0);
	assert_int_equal(verify_key_new(public_key, &verify), 0);
	assert_true(verify_check(verify, SPAN_NONE, span_of(signature, 64)));
	sign_key_free(key);
	verify_key_free(verify);
	sign_key_free(NULL);
	verify_key_free(NULL);
}

static void both_sides_agree_on_one_secret(void **state)
{
	uint8_t private_a[32], public_a[32], private_b[32], public_b[32], a[32], b[32];

	(void)state;
	assert_int_equal(exchange_generate(private_a, public_a), 0);
	assert_int_equal(exchange_generate(private_b, public_b), 0);
	assert_int_equal(exchange_agree(private_a, public_b, a), 0);
	assert_int_equal(exchange_agree(private_b, public_a, b), 0);
	assert_memory_equal(a, b, 32);

	/* RFC 7748, section 5.2 */
	unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", private_a);
	unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", public_b);
	assert_int_equal(exchange_agree(private_a, public_b, a), 0);
	assert_hex(a, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

static void public_key_of_small_order_is_refused(void **state)
{
	uint8_t private_a[32], public_a[32], public_b[32] = { 0 }, a[32];

	(void)state;
	assert_int_equal(exchange_generate(private_a, public_a), 0);
	assert_true(exchange_agree(private_a, public_b, a) < 0);
}

static void sealed_bytes_open_with_key_nonce_and_header_alone(void **state)
{
	static const uint8_t nonce[CRYPTO_NONCE_BYTES] = { 1, 2, 3 },
			     other[CRYPTO_NONCE_BYTES] = { 9 };
	uint8_t key[32] = { 7 }, bytes[5 + CRYPTO_TAG_BYTES] = "hello", out[sizeof(bytes)];
	struct span header = SPAN_LIT("head");
	struct aead *aead = NULL, *wrong = NULL;

	(void)state;
	assert_int_equal(aead_new(key, &aead), 0);
	key[0] = 8;
	assert_int_equal(aead_new(key, &wrong), 0);
	assert_int_equal(aead_seal(aead, nonce, header, span_of(bytes, 5), bytes), 0);
	assert_memory_not_equal(bytes, "hello", 5);

	struct span sealed = span_of(bytes, sizeof(bytes));
	for (int round = 0; round < 2; round++) {
		assert_false(aead_open(wrong, nonce, header, sealed, out));
		assert_false(aead_open(aead, other, header, sealed, out));
		assert_false(aead_open(aead, nonce, SPAN_LIT("heaD"), sealed, out));
		assert_false(aead_open(aead, nonce, header, span_first(sealed, 15), out));
		assert_false(aead_open(aead, nonce, header, span_first(sealed, 20), out));
		assert_true(aead_open(aead, nonce, header, sealed, out));
		assert_memory_equal(out, "hello", 5);
	}
	assert_true(aead_open(aead, nonce, header, sealed, bytes)); /* in place */
	assert_memory_equal(bytes, "hello", 5);
	aead_free(aead);
	aead_free(wrong);
	aead_free(NULL);
}

static void sealing_gives_the_bytes_of_the_gcm_specification(void **state)
{
	static const uint8_t zeros[32];
	uint8_t out[32];
	struct aead *aead = NULL;

	(void)state;
	assert_int_equal(aead_new(zeros, &aead), 0);
	assert_int_equal(aead_seal(aead, zeros, SPAN_NONE, SPAN_NONE, out), 0);
	assert_hex(out, "530f8afbc74536b9a963b4f1c4cb738b");
	assert_int_equal(aead_seal(aead, zeros, SPAN_NONE, span_of(zeros, 16), out), 0);
	assert_hex(out, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
	aead_free(aead);
}

static void comparison_sees_each_difference(void **state)
{
	uint8_t secret[4] = { 1, 2, 3, 4 };

	(void)state;
	assert_true(crypto_equal(SPAN_LIT("abc"), SPAN_LIT("abc")));
	assert_false(crypto_equal(SPAN_LIT("abc"), SPAN_LIT("abd")));
	assert_false(crypto_equal(SPAN_LIT("abc"), SPAN_LIT("ab")));
	assert_true(crypto_equal(SPAN_NONE, SPAN_NONE));
	crypto_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, "\0\0\0\0", 4);
}

static void random_numbers_differ(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_int_equal(crypto_random(a, sizeof(a)), 0);
	assert_int_equal(crypto_random(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_digest_of_fips_180),
		cmocka_unit_test(sha1_and_base64_give_what_rfc_6455_says),
		cmocka_unit_test(hkdf_gives_the_keys_of_rfc_5869),
		cmocka_unit_test(signature_is_that_of_rfc_8032_and_verifies),
		cmocka_unit_test(empty_text_can_be_signed_with_a_fresh_key),
		cmocka_unit_test(both_sides_agree_on_one_secret),
		cmocka_unit_test(public_key_of_small_order_is_refused),
		cmocka_unit_test(sealed_bytes_open_with_key_nonce_and_header_alone),
		cmocka_unit_test(sealing_gives_the_bytes_of_the_gcm_specification),
		cmocka_unit_test(comparison_sees_each_difference),
		cmocka_unit_test(random_numbers_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
