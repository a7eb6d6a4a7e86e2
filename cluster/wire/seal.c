/* SPDX-License-Identifier: Apache-2.0
 *
 * seal: headers, keys and the replay window. Nothing in here knows what is inside a packet, or when
 * one is sent.
 */
#include "cluster/wire/seal.h"

#include "core/cursor.h"
#include "core/error.h"
#include "core/must.h"

static void write_uint(uint8_t *at, uint64_t value, size_t n_bytes)
{
	for (size_t i = n_bytes; i > 0; i--) {
		at[i - 1] = (uint8_t)value;
		value >>= 8;
	}
}

static void nonce_of(uint64_t counter, uint8_t nonce[CRYPTO_NONCE_BYTES])
{
	MUST(counter <= SEAL_MAX_COUNTER);
	write_uint(nonce, counter, CRYPTO_NONCE_BYTES);
}

static struct span header_of(struct span packet)
{
	return span_first(packet, SEAL_HEADER_BYTES);
}

const char *seal_outcome_name(enum seal_outcome outcome)
{
	switch (outcome) {
	case SEAL_OK:
		return "ok";
	case SEAL_MALFORMED:
		return "malformed";
	case SEAL_OTHER_VERSION:
		return "other_version";
	case SEAL_OTHER_GROUP:
		return "other_group";
	case SEAL_NO_SECRET:
		return "no_secret";
	case SEAL_BROKEN:
		return "broken";
	case SEAL_REPLAYED:
		return "replayed";
	}
	UNREACHABLE();
}

int seal_read_header(struct span packet, struct seal_header *ret_header)
{
	struct cursor cursor = cursor_over(packet);
	uint8_t version_kind = cursor_u8(&cursor);
	struct seal_header header = { .kind = (enum seal_kind)(version_kind & 15) };

	header.key_id = cursor_u8(&cursor);
	struct span tag = cursor_bytes(&cursor, KEYRING_TAG_BYTES);
	struct span sender = cursor_bytes(&cursor, MEMBER_ID_BYTES);
	struct span session = cursor_bytes(&cursor, SEAL_SESSION_BYTES);
	header.counter = cursor_uint(&cursor, 6);
	if (cursor.failed)
		return SEAL_MALFORMED;
	if (version_kind >> 4 != SEAL_VERSION)
		return SEAL_OTHER_VERSION;
	if (header.kind < SEAL_HELLO || header.kind > SEAL_HINT)
		return SEAL_MALFORMED;
	if (header.kind == SEAL_HINT ? cursor.rest.len != 0 : cursor.rest.len < CRYPTO_TAG_BYTES)
		return SEAL_MALFORMED;
	memcpy(header.group_tag, tag.at, tag.len);
	memcpy(header.sender.bytes, sender.at, sender.len);
	memcpy(header.session, session.at, session.len);
	*ret_header = header;
	return SEAL_OK;
}

void seal_write_header(const struct seal_header *header, uint8_t at[SEAL_HEADER_BYTES])
{
	at[0] = (uint8_t)(SEAL_VERSION << 4 | (int)header->kind);
	at[1] = header->key_id;
	memcpy(at + 2, header->group_tag, KEYRING_TAG_BYTES);
	memcpy(at + 6, header->sender.bytes, MEMBER_ID_BYTES);
	memcpy(at + 14, header->session, SEAL_SESSION_BYTES);
	write_uint(at + 22, header->counter, 6);
}

/* The key of one kind of packet, one sender, one session. */
static int group_aead(const struct keyring_secret *secret, const struct seal_header *header,
		      struct aead **ret_aead)
{
	static const char info[] = "meridian group key 1";
	uint8_t salt[1 + MEMBER_ID_BYTES + SEAL_SESSION_BYTES], key[CRYPTO_KEY_BYTES];

	salt[0] = (uint8_t)header->kind;
	memcpy(salt + 1, header->sender.bytes, MEMBER_ID_BYTES);
	memcpy(salt + 1 + MEMBER_ID_BYTES, header->session, SEAL_SESSION_BYTES);
	int r = crypto_hkdf_sha256(span_of(secret->bytes, CRYPTO_KEY_BYTES),
				   span_of(salt, sizeof(salt)), span_of(info, sizeof(info) - 1),
				   key, sizeof(key));
	if (r == 0)
		r = aead_new(key, ret_aead);
	crypto_wipe(key, sizeof(key));
	return r < 0 ? err_pass(r) : 0;
}

int seal_for_group(const struct keyring *keyring, const struct seal_header *header,
		   struct span plain, uint8_t *at)
{
	const struct keyring_secret *secret = keyring_find(keyring, header->key_id);
	uint8_t nonce[CRYPTO_NONCE_BYTES];
	struct aead *aead = NULL;

	MUST(secret);
	MUST(memcmp(header->group_tag, keyring->group_tag, KEYRING_TAG_BYTES) == 0);
	int r = group_aead(secret, header, &aead);
	if (r < 0)
		return err_pass(r);
	seal_write_header(header, at);
	nonce_of(header->counter, nonce);
	r = aead_seal(aead, nonce, span_of(at, SEAL_HEADER_BYTES), plain, at + SEAL_HEADER_BYTES);
	aead_free(aead);
	return r < 0 ? err_pass(r) : 0;
}

int seal_open_for_group(const struct keyring *keyring, const struct seal_header *header,
			struct span packet, uint8_t *ret_plain)
{
	const struct keyring_secret *secret = keyring_find(keyring, header->key_id);
	uint8_t nonce[CRYPTO_NONCE_BYTES];
	struct aead *aead = NULL;

	MUST(packet.len >= SEAL_OVERHEAD_BYTES);
	if (memcmp(header->group_tag, keyring->group_tag, KEYRING_TAG_BYTES) != 0)
		return SEAL_OTHER_GROUP;
	if (!secret)
		return SEAL_NO_SECRET;
	int r = group_aead(secret, header, &aead);
	if (r < 0)
		return err_pass(r);
	nonce_of(header->counter, nonce);
	bool opened = aead_open(aead, nonce, header_of(packet),
				span_from(packet, SEAL_HEADER_BYTES), ret_plain);
	aead_free(aead);
	return opened ? SEAL_OK : SEAL_BROKEN;
}

bool replay_window_has(const struct replay_window *window, uint64_t counter)
{
	if (counter >= window->next)
		return false;
	if (window->next - counter > SEAL_REPLAY_WINDOW)
		return true;
	size_t bit = counter % SEAL_REPLAY_WINDOW;
	return (window->bits[bit / 64] >> (bit % 64) & 1) != 0;
}

void replay_window_mark(struct replay_window *window, uint64_t counter)
{
	/* What the window slides over was not seen; past its whole width nothing was. */
	if (counter >= window->next && counter - window->next >= SEAL_REPLAY_WINDOW) {
		memset(window->bits, 0, sizeof(window->bits));
		window->next = counter;
	}
	while (window->next <= counter) {
		size_t bit = window->next % SEAL_REPLAY_WINDOW;

		window->bits[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
		window->next++;
	}
	size_t bit = counter % SEAL_REPLAY_WINDOW;
	window->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static int derive(const struct session_secret *secret, const struct member_id *from,
		  const struct member_id *to, struct aead **ret_aead)
{
	uint8_t info[2 * MEMBER_ID_BYTES], key[CRYPTO_KEY_BYTES];

	memcpy(info, from->bytes, MEMBER_ID_BYTES);
	memcpy(info + MEMBER_ID_BYTES, to->bytes, MEMBER_ID_BYTES);
	int r = crypto_hkdf_sha256(span_of(secret->bytes, CRYPTO_KEY_BYTES),
				   SPAN_LIT("meridian session key 1"), span_of(info, sizeof(info)),
				   key, sizeof(key));
	if (r == 0)
		r = aead_new(key, ret_aead);
	crypto_wipe(key, sizeof(key));
	return r < 0 ? err_pass(r) : 0;
}

int session_init(struct session *session, struct session_secret *secret,
		 const struct member_id *self)
{
	bool initiated = memcmp(self->bytes, secret->initiator.bytes, MEMBER_ID_BYTES) == 0;

	session->self = *self;
	session->other = initiated ? secret->responder : secret->initiator;
	MUST(memcmp(session->other.bytes, self->bytes, MEMBER_ID_BYTES) != 0);
	session->send = session->receive = NULL;
	session->next_counter = 0;
	session->window = (struct replay_window){ 0 };
	int r = derive(secret, &session->self, &session->other, &session->send);
	if (r == 0)
		r = derive(secret, &session->other, &session->self, &session->receive);
	crypto_wipe(secret->bytes, sizeof(secret->bytes));
	if (r < 0)
		session_fini(session);
	return r < 0 ? err_pass(r) : 0;
}

void session_fini(struct session *session)
{
	aead_free(session->send);
	aead_free(session->receive);
	session->send = session->receive = NULL;
}

int session_seal(struct session *session, struct span plain, uint8_t *at)
{
	struct seal_header header = { .kind = SEAL_DATA, .key_id = session->key_id };
	uint8_t nonce[CRYPTO_NONCE_BYTES];

	MUST(session->send);
	if (session->next_counter > SEAL_MAX_COUNTER)
		return err_new(-EOVERFLOW);
	memcpy(header.group_tag, session->group_tag, KEYRING_TAG_BYTES);
	header.sender = session->self;
	memcpy(header.session, session->id, SEAL_SESSION_BYTES);
	header.counter = session->next_counter++;
	seal_write_header(&header, at);
	nonce_of(header.counter, nonce);
	int r = aead_seal(session->send, nonce, span_of(at, SEAL_HEADER_BYTES), plain,
			  at + SEAL_HEADER_BYTES);
	return r < 0 ? err_pass(r) : 0;
}

int session_open(struct session *session, const struct seal_header *header, struct span packet,
		 uint8_t *ret_plain)
{
	uint8_t nonce[CRYPTO_NONCE_BYTES];

	MUST(session->receive && packet.len >= SEAL_OVERHEAD_BYTES);
	if (replay_window_has(&session->window, header->counter))
		return SEAL_REPLAYED;
	nonce_of(header->counter, nonce);
	if (!aead_open(session->receive, nonce, header_of(packet),
		       span_from(packet, SEAL_HEADER_BYTES), ret_plain))
		return SEAL_BROKEN;
	replay_window_mark(&session->window, header->counter);
	return SEAL_OK;
}
