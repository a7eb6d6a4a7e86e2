/* SPDX-License-Identifier: Apache-2.0
 *
 * certificate: body and signature are two byte strings, and the signature is over the body as it
 * was sent, so that fields which a later version adds stay signed for those who do not know them.
 */
#include "cluster/identity/certificate.h"

#include "cluster/wire/door.h"
#include "core/error.h"
#include "core/obj.h"
#include "proto/cluster.pb-c.h"

/* A signature by the cluster key is over this and the body: it can be taken for nothing else. */
static const char certificate_domain[] = "meridian certificate 1";
enum { SIGNED_MAX_BYTES = sizeof(certificate_domain) - 1 + CERTIFICATE_MAX_BYTES };

int member_id_of(const uint8_t public_key[CRYPTO_KEY_BYTES], struct member_id *ret_id)
{
	uint8_t hash[CRYPTO_HASH_BYTES];
	int r = crypto_sha256(span_of(public_key, CRYPTO_KEY_BYTES), hash);

	if (r < 0)
		return err_pass(r);
	memcpy(ret_id->bytes, hash, MEMBER_ID_BYTES);
	return 0;
}

bool certificate_name_ok(struct span name)
{
	if (name.len == 0 || name.len >= CERTIFICATE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.at[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || (c != '-' && c != '_' && c != '.')))
			return false;
	}
	return true;
}

static bool roles_ok(unsigned roles)
{
	return roles != 0 && (roles & ~(unsigned)(ROLE_EDGE | ROLE_GTM)) == 0;
}

static struct span signed_bytes(struct span body, uint8_t at[SIGNED_MAX_BYTES])
{
	size_t n = sizeof(certificate_domain) - 1;

	MUST(body.len <= CERTIFICATE_MAX_BYTES);
	memcpy(at, certificate_domain, n);
	if (body.len > 0)
		memcpy(at + n, body.at, body.len);
	return span_of(at, n + body.len);
}

int certificate_issue(const struct sign_key *authority, const struct certificate *certificate,
		      uint8_t ret_bytes[CERTIFICATE_MAX_BYTES], size_t *ret_len)
{
	Meridian__CertificateBody body = MERIDIAN__CERTIFICATE_BODY__INIT;
	Meridian__Certificate outer = MERIDIAN__CERTIFICATE__INIT;
	uint8_t packed[CERTIFICATE_MAX_BYTES], to_sign[SIGNED_MAX_BYTES];
	uint8_t signature[CRYPTO_SIGNATURE_BYTES];

	if (!certificate_name_ok(span_str(certificate->name)) ||
	    !certificate_name_ok(span_str(certificate->region)) || !roles_ok(certificate->roles))
		return err_new(-EINVAL);
	body.public_key = door_lend(span_of(certificate->public_key, CRYPTO_KEY_BYTES));
	body.name = door_lend(span_str(certificate->name));
	body.region = door_lend(span_str(certificate->region));
	body.roles = certificate->roles;
	body.not_before_s = certificate->not_before_s;
	body.not_after_s = certificate->not_after_s;
	body.serial = certificate->serial;
	size_t body_len = door_pack(&body.base, packed, sizeof(packed));
	if (body_len == 0)
		return err_new(-EINVAL);
	int r = sign_make(authority, signed_bytes(span_of(packed, body_len), to_sign), signature);
	if (r < 0)
		return err_pass(r);
	outer.body = door_lend(span_of(packed, body_len));
	outer.signature = door_lend(span_of(signature, sizeof(signature)));
	size_t len = door_pack(&outer.base, ret_bytes, CERTIFICATE_MAX_BYTES);
	if (len == 0)
		return err_new(-EINVAL);
	*ret_len = len;
	return 0;
}

const char *certificate_outcome_text(enum certificate_outcome outcome)
{
	switch (outcome) {
	case CERTIFICATE_OK:
		return "good";
	case CERTIFICATE_MALFORMED:
		return "malformed";
	case CERTIFICATE_FORGED:
		return "not signed by this cluster's key";
	case CERTIFICATE_EXPIRED:
		return "expired";
	case CERTIFICATE_EARLY:
		return "not valid yet";
	}
	UNREACHABLE();
}

/* False: a field is not what it must be. */
static bool copy_body(const Meridian__CertificateBody *body, struct certificate *certificate)
{
	struct span name = door_bytes(&body->name), region = door_bytes(&body->region);

	if (body->public_key.len != CRYPTO_KEY_BYTES || !certificate_name_ok(name) ||
	    !certificate_name_ok(region) || !roles_ok(body->roles))
		return false;
	*certificate = (struct certificate){
		.roles = body->roles,
		.not_before_s = body->not_before_s,
		.not_after_s = body->not_after_s,
		.serial = body->serial,
	};
	memcpy(certificate->public_key, body->public_key.data, CRYPTO_KEY_BYTES);
	memcpy(certificate->name, name.at, name.len);
	memcpy(certificate->region, region.at, region.len);
	return true;
}

static int check_times(const struct certificate *certificate, int64_t wall_s)
{
	if (wall_s > certificate->not_after_s)
		return CERTIFICATE_EXPIRED;
	if (certificate->not_before_s > wall_s &&
	    certificate->not_before_s - wall_s > CERTIFICATE_CLOCK_SLACK_S)
		return CERTIFICATE_EARLY;
	return CERTIFICATE_OK;
}

static int check_with(struct door *door, const struct verify_key *authority, struct span bytes,
		      struct certificate *certificate)
{
	uint8_t packed[CERTIFICATE_MAX_BYTES], to_sign[SIGNED_MAX_BYTES];
	const Meridian__Certificate *outer =
		(void *)door_unpack(door, &meridian__certificate__descriptor, bytes);

	if (!outer || outer->body.len > sizeof(packed) || outer->body.len == 0)
		return CERTIFICATE_MALFORMED;
	struct span body_bytes = span_of(packed, outer->body.len);
	memcpy(packed, outer->body.data, outer->body.len);
	if (!verify_check(authority, signed_bytes(body_bytes, to_sign),
			  door_bytes(&outer->signature)))
		return CERTIFICATE_FORGED;
	const Meridian__CertificateBody *body =
		(void *)door_unpack(door, &meridian__certificate_body__descriptor, body_bytes);
	if (!body || !copy_body(body, certificate))
		return CERTIFICATE_MALFORMED;
	return CERTIFICATE_OK;
}

int certificate_check(const struct verify_key *authority, struct span bytes, int64_t wall_s,
		      struct certificate *ret_certificate)
{
	struct certificate certificate;
	struct door door;

	if (bytes.len == 0 || bytes.len > CERTIFICATE_MAX_BYTES)
		return CERTIFICATE_MALFORMED;
	door_init(&door, CERTIFICATE_MAX_BYTES);
	int r = check_with(&door, authority, bytes, &certificate);
	door_fini(&door);
	if (r != CERTIFICATE_OK)
		return r;
	r = member_id_of(certificate.public_key, &certificate.id);
	if (r < 0)
		return err_pass(r);
	*ret_certificate = certificate;
	return check_times(&certificate, wall_s);
}
