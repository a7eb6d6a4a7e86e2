/* SPDX-License-Identifier: Apache-2.0
 *
 * authority: makes answers of an OCSP responder.
 */
#pragma once

#include <openssl/ocsp.h>

#include <time.h>

#include "core/buf.h"
#include "tests/unit/core/net/net_test.h"

struct authority_answer {
	const char *about, *issuer; /* names of their files */
	const char *signer;         /* NULL: the issuer */
	int status;                 /* V_OCSP_CERTSTATUS_… */
	int from_s, until_s;        /* from now; until_s 0: it does not say */
};

/* DER, behind what `out` holds. */
static inline void authority_answer(const struct test_folder *folder,
				    const struct authority_answer *answer, struct buf *out)
{
	const char *by = answer->signer ? answer->signer : answer->issuer;
	X509 *leaf = cert_read(folder, answer->about), *issuer = cert_read(folder, answer->issuer);
	X509 *signer = cert_read(folder, by);
	EVP_PKEY *key = cert_key_read(folder, by);
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);
	ASN1_TIME *from = X509_gmtime_adj(NULL, answer->from_s);
	ASN1_TIME *until = answer->until_s ? X509_gmtime_adj(NULL, answer->until_s) : NULL;
	ASN1_TIME *revoked = answer->status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL;
	uint8_t *der = NULL;

	assert_non_null(OCSP_basic_add1_status(basic, id, answer->status, 0, revoked, from, until));
	assert_int_equal(OCSP_basic_sign(basic, signer, key, EVP_sha256(), NULL,
					 answer->signer ? 0 : OCSP_NOCERTS),
			 1);
	OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	int len = i2d_OCSP_RESPONSE(response, &der);
	assert_true(len > 0);
	buf_add(out, span_of(der, (size_t)len));
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_free(leaf);
	X509_free(issuer);
	X509_free(signer);
	EVP_PKEY_free(key);
}
