/* SPDX-License-Identifier: Apache-2.0
 *
 * net_test: what the tests of core/net share: a loop that turns until something is true, a folder
 * that goes away, and certificates that are made on the spot.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>

#include "core/loop.h"
#include "core/obj.h"

enum { NET_TEST_PATIENCE_MS = 10000, NET_TEST_PATH = 128 };

/* Turns the loop until cond holds; the test fails when it does not in time. */
#define LOOP_UNTIL(loop, cond)                                                                     \
	do {                                                                                       \
		mono_t until_ = mono_add_ms(mono_read(), NET_TEST_PATIENCE_MS);                    \
		while (!(cond) && mono_before(mono_read(), until_))                                \
			assert_int_equal(loop_turn((loop), 100), 0);                               \
		assert_true(cond);                                                                 \
	} while (0)

struct test_folder {
	char path[NET_TEST_PATH];
};

static inline void test_folder_make(struct test_folder *folder)
{
	snprintf(folder->path, sizeof(folder->path), "/tmp/meridian-test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static inline const char *test_file(const struct test_folder *folder, const char *name, char *path)
{
	snprintf(path, NET_TEST_PATH, "%.80s/%.40s", folder->path, name);
	return path;
}

static inline void test_folder_remove(const struct test_folder *folder, const char *const *names)
{
	char path[NET_TEST_PATH];

	for (; *names; names++)
		unlink(test_file(folder, *names, path));
	assert_int_equal(rmdir(folder->path), 0);
}

static inline void cert_write_files(const struct test_folder *folder, const char *name, X509 *cert,
				    EVP_PKEY *key)
{
	char file[64], path[NET_TEST_PATH];

	snprintf(file, sizeof(file), "%.32s.crt", name);
	FILE *out = fopen(test_file(folder, file, path), "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509(out, cert), 1);
	fclose(out);
	snprintf(file, sizeof(file), "%.32s.key", name);
	out = fopen(test_file(folder, file, path), "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(out);
}

/* NAME.crt and NAME.key: signed by itself, for `sans` ("DNS:a.test,IP:127.0.0.1"; NULL: CN alone).
 */
static inline void cert_make(const struct test_folder *folder, const char *name, const char *cn,
			     const char *sans)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	assert_non_null(key);
	assert_non_null(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
				   0);
	X509_set_issuer_name(cert, subject);
	if (sans) {
		X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, sans);
		assert_non_null(ext);
		X509_add_ext(cert, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	cert_write_files(folder, name, cert, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}
