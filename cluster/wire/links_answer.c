/* SPDX-License-Identifier: Apache-2.0
 *
 * links_answer: what strangers get: at most so much a second, and never more than they sent. A
 * HELLO makes a *pending* session, which counts once a packet under its keys came: until then it
 * may have been a recording.
 */
#include "cluster/wire/links_priv.h"

enum {
	PENDING_MS = 5000,
	ANSWERS_PER_S = 200, /* a HELLO costs us four operations on curves */
	RESETS_PER_S = 200,
	HINTS_PER_S = 20,
};

static bool bucket_take(struct bucket *bucket, mono_t now, double per_s)
{
	double earned = (double)mono_diff_us(now, bucket->at) * per_s / 1e6;

	bucket->tokens = MIN(per_s, bucket->tokens + MAX(earned, 0.0));
	bucket->at = now;
	if (bucket->tokens < 1)
		return false;
	bucket->tokens -= 1;
	return true;
}

void links_answer_init(struct links *links)
{
	links->answers.tokens = ANSWERS_PER_S;
	links->resets.tokens = RESETS_PER_S;
	links->hints.tokens = HINTS_PER_S;
	TAILQ_INIT(&links->pending);
}

void links_pending_drop(struct links *links, struct pending *pending)
{
	TAILQ_REMOVE(&links->pending, pending, entry);
	MUST(links->n_pending > 0);
	links->n_pending--;
	session_fini(&pending->session);
	free(pending);
}

static void send_hint(struct links *links, mono_t now, const struct addr *to,
		      const struct seal_header *hello, enum seal_hint why)
{
	struct seal_header header = { .kind = SEAL_HINT, .key_id = (uint8_t)why };
	uint8_t packet[SEAL_HEADER_BYTES];

	if (!bucket_take(&links->hints, now, HINTS_PER_S))
		return;
	memcpy(header.group_tag, links->self->keyring->group_tag, KEYRING_TAG_BYTES);
	memcpy(header.session, hello->session, SEAL_SESSION_BYTES);
	header.sender = links->self->identity->certificate.id;
	seal_write_header(&header, packet);
	links->out->send(links->arg, to, span_of(packet, sizeof(packet)));
}

struct pending *links_pending_find(struct links *links, const struct seal_header *header)
{
	struct pending *pending;

	TAILQ_FOREACH (pending, &links->pending, entry) {
		if (memcmp(pending->session.id, header->session, SEAL_SESSION_BYTES) == 0 &&
		    member_id_equal(&pending->session.other, &header->sender))
			return pending;
	}
	return NULL;
}

static void refuse_hello(struct links *links, mono_t now, const struct addr *from,
			 const struct seal_header *header, int outcome)
{
	enum reject why = reject_of_handshake(outcome);
	int hint = reject_hint(why);

	links_reject(links, from, why);
	if (hint != 0)
		send_hint(links, now, from, header, (enum seal_hint)hint);
}

void links_answer_hello(struct links *links, mono_t now, int64_t wall_s, const struct addr *from,
			const struct seal_header *header, struct span packet)
{
	struct pending *pending = links_pending_find(links, header);

	if (packet.len != HANDSHAKE_BYTES) {
		links_reject(links, from, REJECT_MALFORMED);
		return;
	}
	if (!pending) {
		if (!bucket_take(&links->answers, now, ANSWERS_PER_S)) {
			links_reject(links, from, REJECT_BUSY);
			return;
		}
		pending = calloc(1, sizeof(*pending));
		if (!pending)
			return;
		int r = handshake_answer(links->self, packet, wall_s, pending->welcome,
					 &pending->session, &pending->other);
		if (r != HANDSHAKE_OK) {
			free(pending);
			if (r > 0)
				refuse_hello(links, now, from, header, r);
			return;
		}
		if (links->n_pending == LINKS_MAX_PENDING)
			links_pending_drop(links, TAILQ_FIRST(&links->pending));
		pending->until = mono_add_ms(now, PENDING_MS);
		TAILQ_INSERT_TAIL(&links->pending, pending, entry);
		links->n_pending++;
	}
	links->out->send(links->arg, from, span_of(pending->welcome, HANDSHAKE_BYTES));
}

void links_answer_reset(struct links *links, mono_t now, const struct addr *to,
			const struct seal_header *refused, size_t refused_len)
{
	const struct keyring *keyring = links->self->keyring;
	struct seal_header header = { .kind = SEAL_RESET,
				      .key_id = keyring->secrets[keyring->in_use].id };
	uint8_t plain[RESET_PLAIN_BYTES], packet[RESET_BYTES];

	if (refused_len < sizeof(packet) || !bucket_take(&links->resets, now, RESETS_PER_S))
		return;
	memcpy(header.group_tag, keyring->group_tag, KEYRING_TAG_BYTES);
	memcpy(header.session, links->reset_session, SEAL_SESSION_BYTES);
	header.sender = links->self->identity->certificate.id;
	header.counter = links->reset_counter++;
	memcpy(plain, refused->session, SEAL_SESSION_BYTES);
	for (size_t i = 0; i < 6; i++)
		plain[SEAL_SESSION_BYTES + i] = (uint8_t)(refused->counter >> (8 * (5 - i)));
	if (seal_for_group(keyring, &header, span_of(plain, sizeof(plain)), packet) == 0)
		links->out->send(links->arg, to, span_of(packet, sizeof(packet)));
}
