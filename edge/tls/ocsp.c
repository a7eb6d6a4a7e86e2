/* SPDX-License-Identifier: Apache-2.0
 *
 * ocsp: the issuer alone is trusted: an answer is signed by it, or by who it has named for that in
 * a certificate.
 */
#include "edge/tls/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <time.h>

#include "core/error.h"
#include "core/obj.h"

enum {
	/* Clocks differ. */
	SKEW_S = 300,
	/* Of an answer that does not say when the next one comes. */
	USUAL_VALIDITY_S = 3600,
};

static void response_drop(OCSP_RESPONSE **response)
{
	OCSP_RESPONSE_free(*response);
}

static void basic_drop(OCSP_BASICRESP **basic)
{
	OCSP_BASICRESP_free(*basic);
}

static void id_drop(OCSP_CERTID **id)
{
	OCSP_CERTID_free(*id);
}

/* ---- asking ---- */

static bool url_find(const X509 *leaf, char url[OCSP_URL_BYTES])
{
	union {
		const X509 *in;
		X509 *out; /* it is only read */
	} certificate = { .in = leaf };
	STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(certificate.out);
	bool found = false;

	for (int i = 0; i < sk_OPENSSL_STRING_num(urls) && !found; i++) {
		struct span text = span_str(sk_OPENSSL_STRING_value(urls, i));
		found = text.len < OCSP_URL_BYTES && (span_starts(text, SPAN_LIT("http://")) ||
						      span_starts(text, SPAN_LIT("https://")));
		if (found) {
			memcpy(url, text.at, text.len);
			url[text.len] = '\0';
		}
	}
	X509_email_free(urls);
	return found;
}

static bool request_write(const X509 *leaf, const X509 *issuer, struct buf *out)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);
	uint8_t *der = NULL;
	int len = -1;

	if (request && id && OCSP_request_add0_id(request, id)) {
		id = NULL; /* it is the request's now */
		len = i2d_OCSP_REQUEST(request, &der);
	}
	if (len > 0)
		buf_add(out, span_of(der, (size_t)len));
	OPENSSL_free(der);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(request);
	return len > 0 && !out->failed;
}

int ocsp_ask(const X509 *leaf, const X509 *issuer, char ret_url[OCSP_URL_BYTES],
	     struct buf *request)
{
	if (!url_find(leaf, ret_url))
		return OCSP_NOBODY;
	if (!request_write(leaf, issuer, request)) {
		ERR_clear_error();
		return err_new(request->failed ? -ENOMEM : -EIO);
	}
	return OCSP_ASK;
}

/* ---- judging ---- */

static OCSP_BASICRESP *basic_read(struct span bytes)
{
	const uint8_t *at = bytes.at;
	CLEANUP(response_drop)
	OCSP_RESPONSE *response =
		bytes.len <= OCSP_MAX_BYTES ? d2i_OCSP_RESPONSE(NULL, &at, (long)bytes.len) : NULL;

	if (!response || at != bytes.at + bytes.len ||
	    OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return NULL;
	return OCSP_response_get1_basic(response);
}

static bool signed_for(OCSP_BASICRESP *basic, X509 *issuer, int64_t now_s)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *known = sk_X509_new_null();
	bool ok = store && known && X509_STORE_add_cert(store, issuer) == 1 &&
		  sk_X509_push(known, issuer) > 0;

	if (ok) {
		/* It may be no root. */
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
		X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), now_s);
		ok = OCSP_basic_verify(basic, known, store, 0) == 1;
	}
	sk_X509_free(known);
	X509_STORE_free(store);
	return ok;
}

static bool time_read(const ASN1_GENERALIZEDTIME *text, int64_t *ret_s)
{
	struct tm parts;

	if (!text || ASN1_TIME_to_tm(text, &parts) != 1)
		return false;
	*ret_s = timegm(&parts);
	return true;
}

static bool in_time(const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *until,
		    int64_t now_s, struct ocsp_validity *validity)
{
	if (!time_read(from, &validity->from_s))
		return false;
	if (!until)
		validity->until_s = now_s + USUAL_VALIDITY_S;
	else if (!time_read(until, &validity->until_s))
		return false;
	return validity->from_s <= now_s + SKEW_S && now_s < validity->until_s &&
	       validity->from_s <= validity->until_s;
}

static enum ocsp_outcome judge(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now_s,
			       struct ocsp_validity *validity)
{
	ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
	CLEANUP(id_drop) OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);
	int status = V_OCSP_CERTSTATUS_UNKNOWN;

	if (!id || !signed_for(basic, issuer, now_s) ||
	    OCSP_resp_find_status(basic, id, &status, NULL, NULL, &from, &until) != 1 ||
	    !in_time(from, until, now_s, validity))
		return OCSP_USELESS;
	switch (status) {
	case V_OCSP_CERTSTATUS_GOOD:
		return OCSP_GOOD;
	case V_OCSP_CERTSTATUS_REVOKED:
		return OCSP_REVOKED;
	default:
		return OCSP_UNKNOWN;
	}
}

enum ocsp_outcome ocsp_judge(X509 *leaf, X509 *issuer, struct span response, int64_t now_s,
			     struct ocsp_validity *ret_validity)
{
	struct ocsp_validity validity = { 0 };
	CLEANUP(basic_drop) OCSP_BASICRESP *basic = basic_read(response);
	enum ocsp_outcome outcome =
		basic ? judge(basic, leaf, issuer, now_s, &validity) : OCSP_USELESS;

	ERR_clear_error();
	if (outcome != OCSP_USELESS)
		*ret_validity = validity;
	return outcome;
}
