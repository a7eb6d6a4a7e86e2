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

static inline EVP_PKEY *cert_key_read(const struct test_folder *folder, const char *name)
{
	char file[64], path[NET_TEST_PATH];

	snprintf(file, sizeof(file), "%.32s.key", name);
	FILE *in = fopen(test_file(folder, file, path), "r");
	assert_non_null(in);
	EVP_PKEY *key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	assert_non_null(key);
	fclose(in);
	return key;
}

static inline X509 *cert_read(const struct test_folder *folder, const char *name)
{
	char file[64], path[NET_TEST_PATH];

	snprintf(file, sizeof(file), "%.32s.crt", name);
	FILE *in = fopen(test_file(folder, file, path), "r");
	assert_non_null(in);
	X509 *cert = PEM_read_X509(in, NULL, NULL, NULL);
	assert_non_null(cert);
	fclose(in);
	return cert;
}

struct cert_wish {
	const char *cn;
	const char *sans;   /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
	const char *issuer; /* name of its files; NULL: signed by itself */
	const char *ocsp;   /* URL of a responder; NULL: none */
	const char *usage;  /* extended key usage; NULL: none */
	long serial;        /* 0: 1 */
	bool rsa, authority;
};

static inline void cert_extend(X509 *cert, int id, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, id, value);

	assert_non_null(ext);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static inline X509 *cert_body(const struct cert_wish *wish, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	char ocsp[128];

	assert_non_null(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), wish->serial ? wish->serial : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)wish->cn, -1, -1, 0);
	if (wish->sans)
		cert_extend(cert, NID_subject_alt_name, wish->sans);
	if (wish->authority)
		cert_extend(cert, NID_basic_constraints, "critical,CA:TRUE");
	snprintf(ocsp, sizeof(ocsp), "OCSP;URI:%s", wish->ocsp ? wish->ocsp : "");
	if (wish->usage)
		cert_extend(cert, NID_ext_key_usage, wish->usage);
	if (wish->ocsp)
		cert_extend(cert, NID_info_access, ocsp);
	return cert;
}

/* NAME.crt and NAME.key. */
static inline void cert_issue(const struct test_folder *folder, const char *name,
			      const struct cert_wish *wish)
{
	EVP_PKEY *key = wish->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

	assert_non_null(key);
	X509 *cert = cert_body(wish, key);
	X509 *issuer = wish->issuer ? cert_read(folder, wish->issuer) : NULL;
	EVP_PKEY *sign = wish->issuer ? cert_key_read(folder, wish->issuer) : NULL;
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	assert_true(X509_sign(cert, sign ? sign : key, EVP_sha256()) > 0);
	cert_write_files(folder, name, cert, key);
	X509_free(cert);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(sign);
}

/* FILE: a list of one revoked certificate of `issuer`; serial 0: of none. */
static inline void crl_make(const struct test_folder *folder, const char *file, const char *issuer,
			    long serial)
{
	char path[NET_TEST_PATH];
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *later = X509_gmtime_adj(NULL, 86400);
	X509 *cert = cert_read(folder, issuer);
	EVP_PKEY *key = cert_key_read(folder, issuer);

	assert_non_null(crl);
	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(cert));
	X509_CRL_set1_lastUpdate(crl, now);
	X509_CRL_set1_nextUpdate(crl, later);
	if (serial) {
		X509_REVOKED *revoked = X509_REVOKED_new();
		ASN1_INTEGER *number = ASN1_INTEGER_new();
		ASN1_INTEGER_set(number, serial);
		X509_REVOKED_set_serialNumber(revoked, number);
		X509_REVOKED_set_revocationDate(revoked, now);
		assert_int_equal(X509_CRL_add0_revoked(crl, revoked), 1);
		ASN1_INTEGER_free(number);
	}
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	FILE *out = fopen(test_file(folder, file, path), "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509_CRL(out, crl), 1);
	fclose(out);
	ASN1_TIME_free(now);
	ASN1_TIME_free(later);
	X509_CRL_free(crl);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* NAME.crt and NAME.key: signed by itself, for `sans` ("DNS:a.test,IP:127.0.0.1"; NULL: CN alone).
 */
static inline void cert_make(const struct test_folder *folder, const char *name, const char *cn,
			     const char *sans)
{
	const struct cert_wish wish = { .cn = cn, .sans = sans };

	cert_issue(folder, name, &wish);
}
