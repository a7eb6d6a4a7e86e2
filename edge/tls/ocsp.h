/* SPDX-License-Identifier: Apache-2.0
 *
 * ocsp: a question to an authority, whether a certificate of its own was revoked, and the judgement
 * of its answer (RFC 6960). No nonce: answers are for many readers. Any thread.
 */
#pragma once

#include "core/buf.h"

struct x509_st;

enum { OCSP_MAX_BYTES = 64 * 1024, OCSP_URL_BYTES = 512 };

enum ocsp_asking {
	OCSP_ASK = 0,
	OCSP_NOBODY = 1, /* the certificate names no responder */
};
/* Behind what `request` holds: what to send by POST. Errors: -ENOMEM, -EIO. */
int ocsp_ask(const struct x509_st *leaf, const struct x509_st *issuer, char ret_url[OCSP_URL_BYTES],
	     struct buf *request);

enum ocsp_outcome {
	OCSP_GOOD = 0,
	OCSP_REVOKED = 1,
	OCSP_UNKNOWN = 2, /* the authority does not know it */
	OCSP_USELESS = 3, /* no answer, not for this certificate, not signed for it, out of time */
};
struct ocsp_validity {
	int64_t from_s, until_s;
};
/* An enum ocsp_outcome; *ret_validity is not set when it is useless. */
enum ocsp_outcome ocsp_judge(struct x509_st *leaf, struct x509_st *issuer, struct span response,
			     int64_t now_s, struct ocsp_validity *ret_validity);
