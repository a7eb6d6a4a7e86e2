/* SPDX-License-Identifier: Apache-2.0
 *
 * handshake: one packet each way, both of the same form, told apart by what their signatures cover.
 */
#include "cluster/wire/handshake.h"

#include "cluster/wire/door.h"
#include "core/error.h"
#include "core/must.h"
#include "proto/cluster.pb-c.h"

enum {
	PLAIN_BYTES = HANDSHAKE_BYTES - SEAL_OVERHEAD_BYTES,
	/* The content's length stands before it; behind it are zeros. */
	CONTENT_MAX_BYTES = PLAIN_BYTES - 2,
	TO_SIGN_MAX_BYTES = 32 + KEYRING_TAG_BYTES + MEMBER_ID_BYTES + SEAL_SESSION_BYTES +
			    CRYPTO_KEY_BYTES + CRYPTO_HASH_BYTES,
};

const char *handshake_outcome_name(enum handshake_outcome outcome)
{
	switch (outcome) {
	case HANDSHAKE_OK:
		return "ok";
	case HANDSHAKE_OTHER_GROUP:
		return "other_group";
	case HANDSHAKE_NO_SECRET:
		return "no_secret";
	case HANDSHAKE_MALFORMED:
		return "malformed";
	case HANDSHAKE_CERTIFICATE:
		return "certificate";
	case HANDSHAKE_FORGED:
		return "forged";
	case HANDSHAKE_OURSELVES:
		return "ourselves";
	case HANDSHAKE_OTHER_SESSION:
		return "other_session";
	}
	UNREACHABLE();
}

/* `answers`: the HELLO that a WELCOME answers; empty for a HELLO. */
static int bytes_to_sign(const struct seal_header *header, struct span ephemeral,
			 struct span answers, uint8_t at[TO_SIGN_MAX_BYTES], size_t *ret_len)
{
	struct span domain = header->kind == SEAL_HELLO ? SPAN_LIT("meridian hello 1")
							: SPAN_LIT("meridian welcome 1");
	uint8_t hash[CRYPTO_HASH_BYTES];
	size_t len = 0;
	int r = crypto_sha256(answers, hash);

	if (r < 0)
		return err_pass(r);
	const struct span parts[] = {
		domain,
		span_of(header->group_tag, KEYRING_TAG_BYTES),
		span_of(header->sender.bytes, MEMBER_ID_BYTES),
		span_of(header->session, SEAL_SESSION_BYTES),
		ephemeral,
		span_of(hash, sizeof(hash)),
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		MUST(len + parts[i].len <= TO_SIGN_MAX_BYTES);
		memcpy(at + len, parts[i].at, parts[i].len);
		len += parts[i].len;
	}
	*ret_len = len;
	return 0;
}

static int make_packet(const struct handshake_self *self, const struct seal_header *header,
		       const uint8_t ephemeral[CRYPTO_KEY_BYTES], struct span answers,
		       uint8_t ret_packet[HANDSHAKE_BYTES])
{
	Meridian__Greeting greeting = MERIDIAN__GREETING__INIT;
	uint8_t to_sign[TO_SIGN_MAX_BYTES], signature[CRYPTO_SIGNATURE_BYTES];
	uint8_t plain[PLAIN_BYTES] = { 0 };
	size_t len = 0;
	int r = bytes_to_sign(header, span_of(ephemeral, CRYPTO_KEY_BYTES), answers, to_sign, &len);

	if (r == 0)
		r = sign_make(self->identity->key, span_of(to_sign, len), signature);
	if (r < 0)
		return err_pass(r);
	greeting.certificate = door_lend(identity_certificate(self->identity));
	greeting.ephemeral = door_lend(span_of(ephemeral, CRYPTO_KEY_BYTES));
	greeting.signature = door_lend(span_of(signature, sizeof(signature)));
	greeting.version_min = greeting.version_max = SEAL_VERSION;
	len = door_pack(&greeting.base, plain + 2, CONTENT_MAX_BYTES);
	MUST(len > 0); /* a certificate is at most CERTIFICATE_MAX_BYTES */
	plain[0] = (uint8_t)(len >> 8);
	plain[1] = (uint8_t)len;
	r = seal_for_group(self->keyring, header, span_of(plain, sizeof(plain)), ret_packet);
	return r < 0 ? err_pass(r) : 0;
}

static int outcome_of_seal(int outcome)
{
	if (outcome == SEAL_OTHER_GROUP)
		return HANDSHAKE_OTHER_GROUP;
	if (outcome == SEAL_NO_SECRET || outcome == SEAL_BROKEN)
		return HANDSHAKE_NO_SECRET;
	return HANDSHAKE_MALFORMED;
}

/* A packet from outside, its header read. */
struct incoming {
	const struct seal_header *header;
	struct span packet;
	struct span answers; /* the HELLO that a WELCOME answers */
	int64_t wall_s;
};

static int check_greeting(const struct handshake_self *self, const struct incoming *in,
			  const Meridian__Greeting *greeting, struct proven_member *other)
{
	struct span bytes = door_bytes(&greeting->certificate);
	uint8_t to_sign[TO_SIGN_MAX_BYTES];
	struct verify_key *key = NULL;
	size_t len = 0;

	if (greeting->ephemeral.len != CRYPTO_KEY_BYTES || bytes.len > CERTIFICATE_MAX_BYTES)
		return HANDSHAKE_MALFORMED;
	int r = certificate_check(self->identity->authority, bytes, in->wall_s,
				  &other->certificate);
	if (r != CERTIFICATE_OK)
		return r < 0 ? err_pass(r) : HANDSHAKE_CERTIFICATE;
	memcpy(other->certificate_bytes, bytes.at, bytes.len);
	other->certificate_len = bytes.len;
	if (!member_id_equal(&other->certificate.id, &in->header->sender))
		return HANDSHAKE_FORGED;
	r = bytes_to_sign(in->header, door_bytes(&greeting->ephemeral), in->answers, to_sign, &len);
	if (r == 0)
		r = verify_key_new(other->certificate.public_key, &key);
	if (r < 0)
		return err_pass(r);
	bool genuine = verify_check(key, span_of(to_sign, len), door_bytes(&greeting->signature));
	verify_key_free(key);
	return genuine ? HANDSHAKE_OK : HANDSHAKE_FORGED;
}

/* Opens the packet and checks all that it says. */
static int open_packet(const struct handshake_self *self, const struct incoming *in,
		       uint8_t ret_ephemeral[CRYPTO_KEY_BYTES], struct proven_member *ret_other)
{
	uint8_t plain[PLAIN_BYTES];
	struct door door;

	if (in->packet.len != HANDSHAKE_BYTES)
		return HANDSHAKE_MALFORMED;
	int r = seal_open_for_group(self->keyring, in->header, in->packet, plain);
	if (r != SEAL_OK)
		return r < 0 ? err_pass(r) : outcome_of_seal(r);
	if (member_id_equal(&in->header->sender, &self->identity->certificate.id))
		return HANDSHAKE_OURSELVES;
	size_t len = (size_t)plain[0] << 8 | plain[1];
	if (len > CONTENT_MAX_BYTES)
		return HANDSHAKE_MALFORMED;
	door_init(&door, CONTENT_MAX_BYTES);
	const Meridian__Greeting *greeting = (void *)door_unpack(
		&door, &meridian__greeting__descriptor, span_of(plain + 2, len));
	r = greeting ? check_greeting(self, in, greeting, ret_other) : HANDSHAKE_MALFORMED;
	if (r == HANDSHAKE_OK)
		memcpy(ret_ephemeral, greeting->ephemeral.data, CRYPTO_KEY_BYTES);
	door_fini(&door);
	return r;
}

struct agreement {
	const uint8_t *private_key, *public_key;
	struct span hello, welcome;
	struct member_id initiator, responder;
};

/* Whoever changed a byte of either packet gets another key than the two have. */
static int agree(const struct handshake_self *self, const struct agreement *with,
		 struct session *session)
{
	const struct keyring_secret *secret = keyring_find(self->keyring, session->key_id);
	uint8_t both[2 * HANDSHAKE_BYTES], transcript[CRYPTO_HASH_BYTES];
	uint8_t keys[2 * CRYPTO_KEY_BYTES];
	struct session_secret agreed = { .initiator = with->initiator,
					 .responder = with->responder };

	MUST(secret && with->hello.len == HANDSHAKE_BYTES && with->welcome.len == HANDSHAKE_BYTES);
	memcpy(both, with->hello.at, HANDSHAKE_BYTES);
	memcpy(both + HANDSHAKE_BYTES, with->welcome.at, HANDSHAKE_BYTES);
	int r = crypto_sha256(span_of(both, sizeof(both)), transcript);
	if (r == 0)
		r = exchange_agree(with->private_key, with->public_key, keys);
	memcpy(keys + CRYPTO_KEY_BYTES, secret->bytes, CRYPTO_KEY_BYTES);
	if (r == 0)
		r = crypto_hkdf_sha256(
			span_of(keys, sizeof(keys)), span_of(transcript, sizeof(transcript)),
			SPAN_LIT("meridian session 1"), agreed.bytes, sizeof(agreed.bytes));
	crypto_wipe(keys, sizeof(keys));
	if (r == 0)
		r = session_init(session, &agreed, &self->identity->certificate.id);
	crypto_wipe(&agreed, sizeof(agreed));
	return r < 0 ? err_pass(r) : 0;
}

static struct session session_named(const struct handshake_self *self,
				    const uint8_t id[SEAL_SESSION_BYTES], uint8_t key_id)
{
	struct session session = { .key_id = key_id };

	memcpy(session.id, id, SEAL_SESSION_BYTES);
	memcpy(session.group_tag, self->keyring->group_tag, KEYRING_TAG_BYTES);
	return session;
}

static struct seal_header header_named(const struct handshake_self *self, enum seal_kind kind,
				       const uint8_t session[SEAL_SESSION_BYTES], uint8_t key_id)
{
	struct seal_header header = { .kind = kind, .key_id = key_id };

	memcpy(header.group_tag, self->keyring->group_tag, KEYRING_TAG_BYTES);
	memcpy(header.session, session, SEAL_SESSION_BYTES);
	header.sender = self->identity->certificate.id;
	return header;
}

int handshake_begin(const struct handshake_self *self, struct handshake *ret_handshake)
{
	const struct keyring *keyring = self->keyring;
	struct handshake begun = { .key_id = keyring->secrets[keyring->in_use].id };
	uint8_t public_key[CRYPTO_KEY_BYTES];
	int r = crypto_random(begun.session, sizeof(begun.session));

	if (r == 0)
		r = exchange_generate(begun.private_key, public_key);
	if (r < 0)
		return err_pass(r);
	struct seal_header header = header_named(self, SEAL_HELLO, begun.session, begun.key_id);
	r = make_packet(self, &header, public_key, SPAN_NONE, begun.hello);
	if (r == 0)
		*ret_handshake = begun;
	crypto_wipe(&begun, sizeof(begun));
	return r < 0 ? err_pass(r) : 0;
}

/* The same HELLO may come twice, with our first answer forgotten between: so the WELCOME's counter,
 * its nonce, is drawn. */
static int draw_counter(uint64_t *ret_counter)
{
	uint64_t drawn;
	int r = crypto_random(&drawn, sizeof(drawn));

	if (r < 0)
		return err_pass(r);
	*ret_counter = drawn & SEAL_MAX_COUNTER;
	return 0;
}

static int welcome(const struct handshake_self *self, const struct seal_header *hello_header,
		   struct agreement *with, uint8_t packet[HANDSHAKE_BYTES], struct session *session)
{
	uint8_t private_key[CRYPTO_KEY_BYTES], public_key[CRYPTO_KEY_BYTES];
	struct seal_header header =
		header_named(self, SEAL_WELCOME, hello_header->session, hello_header->key_id);
	int r = draw_counter(&header.counter);

	if (r == 0)
		r = exchange_generate(private_key, public_key);
	if (r == 0)
		r = make_packet(self, &header, public_key, with->hello, packet);
	if (r < 0)
		return err_pass(r);
	with->private_key = private_key;
	with->welcome = span_of(packet, HANDSHAKE_BYTES);
	*session = session_named(self, hello_header->session, hello_header->key_id);
	r = agree(self, with, session);
	with->private_key = NULL;
	crypto_wipe(private_key, sizeof(private_key));
	return r < 0 ? err_pass(r) : 0;
}

int handshake_answer(const struct handshake_self *self, struct span hello, int64_t wall_s,
		     uint8_t ret_welcome[HANDSHAKE_BYTES], struct session *ret_session,
		     struct proven_member *ret_other)
{
	uint8_t ephemeral[CRYPTO_KEY_BYTES], packet[HANDSHAKE_BYTES];
	struct proven_member other;
	struct seal_header header;
	struct session session;

	if (seal_read_header(hello, &header) != SEAL_OK || header.kind != SEAL_HELLO)
		return HANDSHAKE_MALFORMED;
	const struct incoming in = { .header = &header, .packet = hello, .wall_s = wall_s };
	int r = open_packet(self, &in, ephemeral, &other);
	if (r != HANDSHAKE_OK)
		return r;
	struct agreement with = { .public_key = ephemeral,
				  .hello = hello,
				  .initiator = header.sender,
				  .responder = self->identity->certificate.id };
	r = welcome(self, &header, &with, packet, &session);
	if (r < 0)
		return err_pass(r);
	memcpy(ret_welcome, packet, sizeof(packet));
	*ret_session = session;
	*ret_other = other;
	return HANDSHAKE_OK;
}

int handshake_finish(const struct handshake_self *self, const struct handshake *handshake,
		     struct span welcome_packet, int64_t wall_s, struct session *ret_session,
		     struct proven_member *ret_other)
{
	struct span hello = span_of(handshake->hello, HANDSHAKE_BYTES);
	uint8_t ephemeral[CRYPTO_KEY_BYTES];
	struct proven_member other;
	struct seal_header header;

	if (seal_read_header(welcome_packet, &header) != SEAL_OK || header.kind != SEAL_WELCOME)
		return HANDSHAKE_MALFORMED;
	if (memcmp(header.session, handshake->session, SEAL_SESSION_BYTES) != 0 ||
	    header.key_id != handshake->key_id)
		return HANDSHAKE_OTHER_SESSION;
	const struct incoming in = {
		.header = &header, .packet = welcome_packet, .answers = hello, .wall_s = wall_s
	};
	int r = open_packet(self, &in, ephemeral, &other);
	if (r != HANDSHAKE_OK)
		return r;
	struct agreement with = { .private_key = handshake->private_key,
				  .public_key = ephemeral,
				  .hello = hello,
				  .welcome = welcome_packet,
				  .initiator = self->identity->certificate.id,
				  .responder = header.sender };
	struct session session = session_named(self, header.session, header.key_id);
	r = agree(self, &with, &session);
	if (r < 0)
		return err_pass(r);
	*ret_session = session;
	*ret_other = other;
	return HANDSHAKE_OK;
}

void handshake_wipe(struct handshake *handshake)
{
	crypto_wipe(handshake, sizeof(*handshake));
}
