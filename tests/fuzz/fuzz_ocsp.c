/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz: the answer of an OCSP responder, about a fixed certificate at a fixed time.
 */
#include <openssl/pem.h>

#include "core/must.h"
#include "edge/tls/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* clang-format off */
static const char issuer_pem[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBiTCCAS+gAwIBAgIUAj8O44FSrwtfsnMfddCFd2y6K2kwCgYIKoZIzj0EAwIw\n"
	"GTEXMBUGA1UEAwwOZnV6eiBhdXRob3JpdHkwIBcNMjYxMTIzMTA1MzA5WhgPMjEy\n"
	"NjEwMzAxMDUzMDlaMBkxFzAVBgNVBAMMDmZ1enogYXV0aG9yaXR5MFkwEwYHKoZI\n"
	"zj0CAQYIKoZIzj0DAQcDQgAEQrybmpr6iFfU2adKsPFEtD3cW3aCmYXtlw2AQ5FO\n"
	"zqsze+w/ZmqgH67PmflIuwhCVrx4VtdHx5P/juPIs/bASqNTMFEwHQYDVR0OBBYE\n"
	"FGNZHo3lLI6QBvB1K3vvaIAE12rMMB8GA1UdIwQYMBaAFGNZHo3lLI6QBvB1K3vv\n"
	"aIAE12rMMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgPUooVJ8f\n"
	"tqnSkaNOjckHzWUSW0UnNQTfBXZFzAcj6JoCIQCb7Url05/IHb1GupUlWYdSlLvu\n"
	"gq4fR5zgnN1qWdT0sg==\n"
	"-----END CERTIFICATE-----\n";
static const char leaf_pem[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBFjCBvQIBBzAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5mdXp6IGF1dGhvcml0\n"
	"eTAgFw0yNjExMjMxMDUzMDlaGA8yMTI2MTAzMDEwNTMwOVowFDESMBAGA1UEAwwJ\n"
	"ZnV6ei50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn71UG1kVTdSlTBC0\n"
	"+O4LvoxjW9KFRrEQBdyGOIh1YDw8HL0EDu3sYEwbYZd8dw6YOLRxP8r7IS9HMkMx\n"
	"ZcSNAjAKBggqhkjOPQQDAgNIADBFAiBftw9SGRoUW5m7yUbrnQg0qKNF5nLBiRgq\n"
	"4ScYtAJIkQIhAL6jtz70TQ7fmPK6ZeMei2f6RDUNbo6JHaMXFo8HcUR/\n"
	"-----END CERTIFICATE-----\n";
/* clang-format on */

enum { NOW_S = 1800000000 };

static X509 *read_pem(const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	MUST(certificate);
	BIO_free(bio);
	return certificate;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static X509 *issuer, *leaf;
	struct ocsp_validity validity = { 0 };

	if (!issuer) {
		issuer = read_pem(issuer_pem);
		leaf = read_pem(leaf_pem);
	}
	/* Only who has the key can make one that is believed. */
	if (ocsp_judge(leaf, issuer, span_of(data, size), NOW_S, &validity) != OCSP_USELESS)
		MUST(validity.until_s > NOW_S && validity.from_s <= validity.until_s);
	return 0;
}
