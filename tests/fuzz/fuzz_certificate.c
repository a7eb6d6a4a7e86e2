/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz: a stranger's certificate: as it comes, and as the body of one that is rightly signed, so
 * that what lies behind the signature is reached too.
 */
#include <string.h>

#include "cluster/identity/certificate.h"
#include "cluster/wire/door.h"
#include "core/must.h"
#include "proto/cluster.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char domain[] = "meridian certificate 1";

static size_t sign_body(const struct sign_key *key, struct span body, uint8_t *at, size_t max)
{
	Meridian__Certificate outer = MERIDIAN__CERTIFICATE__INIT;
	uint8_t to_sign[sizeof(domain) - 1 + CERTIFICATE_MAX_BYTES];
	uint8_t signature[CRYPTO_SIGNATURE_BYTES];

	memcpy(to_sign, domain, sizeof(domain) - 1);
	if (body.len > 0)
		memcpy(to_sign + sizeof(domain) - 1, body.at, body.len);
	MUST(sign_make(key, span_of(to_sign, sizeof(domain) - 1 + body.len), signature) == 0);
	outer.body = door_lend(body);
	outer.signature = door_lend(span_of(signature, sizeof(signature)));
	return door_pack(&outer.base, at, max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sign_key *key;
	static struct verify_key *authority;
	uint8_t public_key[CRYPTO_KEY_BYTES], bytes[CERTIFICATE_MAX_BYTES];
	const uint8_t seed[CRYPTO_KEY_BYTES] = { 1 };
	struct certificate certificate;

	if (!key) {
		MUST(sign_key_new(seed, &key) == 0);
		sign_key_public(key, public_key);
		MUST(verify_key_new(public_key, &authority) == 0);
	}
	MUST(certificate_check(authority, span_of(data, size), 0, &certificate) > 0);
	if (size > CERTIFICATE_MAX_BYTES)
		return 0;
	size_t len = sign_body(key, span_of(data, size), bytes, sizeof(bytes));
	if (len > 0 && certificate_check(authority, span_of(bytes, len), 0, &certificate) == 0) {
		MUST(certificate_name_ok(span_str(certificate.name)));
		MUST(certificate_name_ok(span_str(certificate.region)));
		MUST(certificate.roles != 0);
	}
	return 0;
}
