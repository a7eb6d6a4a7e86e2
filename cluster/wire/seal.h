/* SPDX-License-Identifier: Apache-2.0
 *
 * seal: the envelope of all that members send each other, and the sessions under which it is
 * sealed.
 *
 *     version and kind 1 · key id 1 · group tag 4 · sender 8 · session 8 · counter 6 · … · tag 16
 *
 * The 28 bytes of the header are authenticated with the content. Keys are made per sender and
 * session, so the counter alone is the nonce and never repeats under a key.
 * docs/mechanism/envelope.md says why it is so. One thread at a time.
 */
#pragma once

#include "cluster/identity/keyring.h"
#include "cluster/view.h"

enum {
	SEAL_VERSION = 1,
	SEAL_HEADER_BYTES = 28,
	SEAL_OVERHEAD_BYTES = SEAL_HEADER_BYTES + CRYPTO_TAG_BYTES,
	SEAL_SESSION_BYTES = 8,
	SEAL_MAX_DATAGRAM_BYTES = 1232, /* never fragmented: IPv6's least MTU less its headers */
	SEAL_MAX_PLAIN_BYTES = SEAL_MAX_DATAGRAM_BYTES - SEAL_OVERHEAD_BYTES,
	SEAL_REPLAY_WINDOW = 1024,
};
#define SEAL_MAX_COUNTER ((UINT64_C(1) << 48) - 1)

enum seal_kind {
	SEAL_HELLO = 1,   /* who I am, and a fresh key; under the group's secret */
	SEAL_WELCOME = 2, /* likewise, in answer */
	SEAL_DATA = 3,    /* under the pair's own keys */
	SEAL_RESET = 4,   /* I have no such session: say hello; under the group's secret */
	SEAL_HINT = 5,    /* not sealed, a header alone: why your hello is refused; to be logged, no
			     more */
};

struct seal_header {
	enum seal_kind kind;
	uint8_t key_id; /* of a secret in the keyring; in a hint: enum seal_hint */
	uint8_t group_tag[KEYRING_TAG_BYTES];
	struct member_id sender;
	uint8_t session[SEAL_SESSION_BYTES];
	uint64_t counter; /* 48 bits */
};

enum seal_hint { SEAL_HINT_GROUP = 1, SEAL_HINT_SECRET = 2, SEAL_HINT_CERTIFICATE = 3 };

enum seal_outcome {
	SEAL_OK = 0,
	SEAL_MALFORMED = 1, /* too short, or no kind of ours */
	SEAL_OTHER_VERSION = 2,
	SEAL_OTHER_GROUP = 3, /* another cluster's */
	SEAL_NO_SECRET = 4,   /* a key id that we do not have */
	SEAL_BROKEN = 5,      /* does not open: other secret, or changed on the way */
	SEAL_REPLAYED = 6,    /* seen before, or too old to tell */
};
const char *seal_outcome_name(enum seal_outcome outcome); /* for logs and metrics: "other_group" */

/* SEAL_OK, MALFORMED or OTHER_VERSION. */
int seal_read_header(struct span packet, struct seal_header *ret_header);
void seal_write_header(const struct seal_header *header, uint8_t at[SEAL_HEADER_BYTES]);

/* Under the group's secret: for what comes before a session stands. `purpose` tells kinds apart.
 * `at` gets SEAL_OVERHEAD_BYTES + plain.len bytes; plain may not lie in it. A (key id, sender,
 * session, kind, counter) is used once. Errors: -EIO, -ENOMEM. */
int seal_for_group(const struct keyring *keyring, const struct seal_header *header,
		   struct span plain, uint8_t *at);
/* Opens into `ret_plain` (packet.len - SEAL_OVERHEAD_BYTES). SEAL_OK, OTHER_GROUP, NO_SECRET,
 * BROKEN. */
int seal_open_for_group(const struct keyring *keyring, const struct seal_header *header,
			struct span packet, uint8_t *ret_plain);

struct replay_window {
	uint64_t next; /* one above the highest that was seen */
	uint64_t bits[SEAL_REPLAY_WINDOW / 64];
};
/* Seen before or out of the window: true. Looks only. */
bool replay_window_has(const struct replay_window *window, uint64_t counter);
void replay_window_mark(struct replay_window *window, uint64_t counter);

/* A session between two members: a key each way. */
struct session {
	struct member_id self, other;
	uint8_t id[SEAL_SESSION_BYTES];
	uint8_t group_tag[KEYRING_TAG_BYTES];
	uint8_t key_id;
	struct aead *send, *receive; /* owned */
	uint64_t next_counter;
	struct replay_window window;
};

struct session_secret {
	uint8_t bytes[CRYPTO_KEY_BYTES]; /* what both have agreed on; wiped by session_init() */
	struct member_id initiator, responder;
};
/* Errors: -EIO, -ENOMEM. id, group_tag and key_id are set by the caller before. */
int session_init(struct session *session, struct session_secret *secret,
		 const struct member_id *self);
void session_fini(struct session *session); /* a zeroed one is fine */
/* `at` gets SEAL_OVERHEAD_BYTES + plain.len bytes; plain may not lie in it. Errors: -EIO;
 * -EOVERFLOW (2^48 packets: make a new session). */
int session_seal(struct session *session, struct span plain, uint8_t *at);
/* Opens into `ret_plain` and moves the replay window. SEAL_OK, BROKEN, REPLAYED. */
int session_open(struct session *session, const struct seal_header *header, struct span packet,
		 uint8_t *ret_plain);
