/* SPDX-License-Identifier: Apache-2.0
 *
 * message: what members say to each other, as plain structs. cluster/wire turns them into bytes and
 * back; the core (cluster/swim/swim.h) sees nothing else.
 *
 * One message is one packet: a main part (`kind` and its fields) and its *riders*: claims, which
 * say who is alive, and facts, which say how they are. Any kind may carry riders. Both are signed
 * by who makes them and are forwarded byte for byte, so whoever forwards them can change nothing.
 * A message is read in this order: all claims, all facts, the main part.
 */
#pragma once

#include "cluster/view.h"

enum {
	SWIM_SIGNATURE_BYTES = 64,
	SWIM_MAX_CERTIFICATE_BYTES = 320,
	SWIM_MAX_FACT_BYTES = 8192,
	SWIM_MAX_FACTS = 64, /* of one member */
	SWIM_MAX_MEMBERS = 16384,
	SWIM_BUCKETS = 256, /* a member's is the first byte of its id */

	/* What a message may have, encoded and not yet sealed. 1,232 less 44 of the envelope. */
	SWIM_MAX_DATAGRAM_BYTES = 1188,
	SWIM_MAX_STREAM_BYTES = 256 * 1024,
	SWIM_MAX_RIDERS = 4096, /* claims, and as many facts; the door refuses more */

	/* No encoding may be longer than swim_claim_bytes() and so on say: the core fills packets
	 * by these. A unit test of cluster/wire holds it to that. */
	SWIM_HEAD_BYTES = 96,        /* the main part of all kinds but SYNC_OPEN */
	SWIM_OPEN_BYTES = 2560,      /* of SYNC_OPEN */
	SWIM_ALIVE_BYTES = 160,      /* and its certificate */
	SWIM_ACCUSATION_BYTES = 128, /* SUSPECT, DEAD */
	SWIM_LEFT_BYTES = 112,
	SWIM_FACT_BYTES = 128, /* and its bytes */
};

enum swim_claim_kind {
	SWIM_ALIVE = 0,   /* made by its subject */
	SWIM_SUSPECT = 1, /* made by an accuser */
	SWIM_DEAD = 2,    /* made by an accuser */
	SWIM_LEFT = 3,    /* made by its subject */
};

/* What is said of one member. Of two claims the later in the order (incarnation, kind) holds. */
struct swim_claim {
	enum swim_claim_kind kind;
	struct member_id subject;
	uint64_t incarnation; /* of the subject; at least 1 */

	/* SUSPECT, DEAD. ALIVE and LEFT: the subject. Whose signature it is. */
	struct member_id signer;
	/* SUSPECT: the signer was refused by TCP at the subject's address. */
	bool refused;

	/* ALIVE. The address is IPv4 or IPv6. */
	struct addr addr;
	uint8_t protocol_min, protocol_max; /* versions that the subject speaks */
	struct span certificate;            /* opaque here; 1 to SWIM_MAX_CERTIFICATE_BYTES */

	uint8_t signature[SWIM_SIGNATURE_BYTES]; /* over claim_signed_bytes() */

	/* DEAD, LEFT: how long the one who sends it has known; not signed: a hint for tombstones.
	 */
	uint32_t age_s;
};

/* Something that a member says of itself. Of two with the same owner and key the later in the
 * order (generation, version) holds. */
struct swim_fact {
	struct member_id owner;
	uint32_t key;
	uint64_t generation; /* the incarnation with which the owner's present life began */
	uint64_t version;    /* at least 1; counts up within a generation */
	struct span bytes;   /* opaque here; 0 to SWIM_MAX_FACT_BYTES */
	uint8_t signature[SWIM_SIGNATURE_BYTES]; /* over fact_signed_bytes() */
};

enum swim_kind {
	SWIM_PING = 1,      /* are you there? answered with ACK, the same way it came */
	SWIM_PING_REQ = 2,  /* ask `target` for me; answered with ACK or NACK */
	SWIM_ACK = 3,       /* with the seq of the PING or PING_REQ */
	SWIM_NACK = 4,      /* to a PING_REQ: I am well, but have no answer from the target yet */
	SWIM_GOSSIP = 5,    /* riders alone */
	SWIM_SYNC_OPEN = 6, /* what I know, as a hash a bucket; by TCP */
	SWIM_SYNC_DATA = 7, /* what I know in `buckets`; by TCP */
};

struct swim_message {
	enum swim_kind kind;
	uint32_t seq;            /* PING, PING_REQ, ACK, NACK */
	struct member_id target; /* PING: whom it is meant for (others do not answer); PING_REQ */
	/* SYNC_OPEN: SWIM_BUCKETS of them, borrowed. 0: nothing there. */
	const uint64_t *hashes;
	/* SYNC_DATA: bit b % 8 of byte b / 8: bucket b differs, and is in here. All zero in answer
	 * to an OPEN: nothing differs. */
	uint8_t buckets[SWIM_BUCKETS / 8];
	bool reply_wanted; /* SYNC_DATA: answer with yours of these buckets */

	const struct swim_claim *claims; /* riders; borrowed */
	size_t n_claims;
	const struct swim_fact *facts;
	size_t n_facts;
};

/* At most so many bytes in a packet. */
size_t swim_claim_bytes(const struct swim_claim *claim);
size_t swim_fact_bytes(const struct swim_fact *fact);

/* Is each field within the limits above? For the door, before the core sees it. */
bool swim_message_ok(const struct swim_message *message);

enum {
	SWIM_SIGNED_CLAIM_MAX = 512,
	SWIM_SIGNED_FACT_MAX = 64 + SWIM_MAX_FACT_BYTES,
};
/* The bytes that are signed: the same on every machine, for ever, whatever the encoding. They begin
 * with a word that tells claims from facts and from all else that the key signs. Return the length;
 * the message is within its limits. */
size_t claim_signed_bytes(const struct swim_claim *claim, uint8_t at[SWIM_SIGNED_CLAIM_MAX]);
size_t fact_signed_bytes(const struct swim_fact *fact, uint8_t at[SWIM_SIGNED_FACT_MAX]);

const char *swim_kind_name(enum swim_kind kind);
const char *swim_claim_kind_name(enum swim_claim_kind kind);
