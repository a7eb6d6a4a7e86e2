/* SPDX-License-Identifier: Apache-2.0
 *
 * links: three tables. A *link* is a member with whom a session stands; it keeps the session
 * before, too, for what is still on its way. A *greeting* is a HELLO of ours that waits for its
 * WELCOME. A *pending* session is one that we answered and that counts once a packet under its keys
 * came: until then the HELLO may have been a recording. Everything a stranger can make grow has a
 * limit, and he is never sent more than he sent.
 */
#include "cluster/wire/links_priv.h"
#include "core/error.h"

enum {
	HELLO_FIRST_WAIT_MS = 100, /* doubled with each try */
	HELLO_MAX_TRIES = 5,
	LINK_IDLE_MS = 10 * 60 * 1000,
};

int links_new(const struct handshake_self *self, const struct links_out *out, void *arg,
	      struct links **ret_links)
{
	struct links *links = OBJ_NEW(struct links, LINKS_KIND);

	if (!links)
		return err_new(-ENOMEM);
	int r = crypto_random(links->reset_session, sizeof(links->reset_session));
	if (r < 0) {
		OBJ_FREE(links);
		return err_pass(r);
	}
	links->self = self;
	links->out = out;
	links->arg = arg;
	links_answer_init(links);
	*ret_links = links;
	return 0;
}

static void link_drop(struct links *links, struct link *link)
{
	TABLE_DELETE(links->links, link);
	session_fini(&link->now);
	session_fini(&link->before);
	free(link);
}

static void greeting_drop(struct links *links, struct greeting *greeting)
{
	struct queued *queued, *next;

	TABLE_DELETE(links->greetings, greeting);
	STAILQ_FOREACH_SAFE (queued, &greeting->queue, entry, next)
		free(queued);
	handshake_wipe(&greeting->handshake);
	free(greeting);
}

void links_free(struct links *links)
{
	struct link *link, *next_link;
	struct greeting *greeting, *next_greeting;

	if (!links)
		return;
	MUST(links->kind == LINKS_KIND);
	TABLE_FOREACH (links->links, link, next_link)
		link_drop(links, link);
	TABLE_FOREACH (links->greetings, greeting, next_greeting)
		greeting_drop(links, greeting);
	while (!TAILQ_EMPTY(&links->pending))
		links_pending_drop(links, TAILQ_FIRST(&links->pending));
	OBJ_FREE(links);
}

static struct link *link_find(struct links *links, const struct member_id *id)
{
	struct link *link;

	TABLE_FIND(links->links, span_of(id->bytes, MEMBER_ID_BYTES), link);
	return link;
}

/* The least recently used one goes when all places are taken. */
static void make_room(struct links *links)
{
	struct link *link, *next, *oldest = NULL;

	if (TABLE_COUNT(links->links) < LINKS_MAX)
		return;
	TABLE_FOREACH (links->links, link, next) {
		if (!oldest || mono_before(link->used_at, oldest->used_at))
			oldest = link;
	}
	link_drop(links, oldest);
}

/* The session is moved, also on failure. */
static struct link *link_adopt(struct links *links, mono_t now, struct session *session,
			       const struct proven_member *other, const struct addr *addr)
{
	struct link *link = link_find(links, &session->other);

	if (link) {
		session_fini(&link->before);
		link->before = link->now;
	} else {
		make_room(links);
		link = calloc(1, sizeof(*link));
		if (link)
			link->id = session->other;
		if (!link ||
		    !TABLE_ADD(links->links, span_of(link->id.bytes, MEMBER_ID_BYTES), link)) {
			free(link);
			session_fini(session);
			return NULL;
		}
	}
	link->now = *session;
	*session = (struct session){ .key_id = 0 };
	link->addr = *addr;
	link->not_after_s = other->certificate.not_after_s;
	link->used_at = now;
	links->out->met(links->arg, other, addr);
	return link;
}

static int link_send(struct links *links, struct link *link, const struct addr *addr,
		     struct span plain)
{
	uint8_t packet[SEAL_MAX_DATAGRAM_BYTES];
	int r = session_seal(&link->now, plain, packet);

	if (r < 0)
		return err_pass(r);
	links->out->send(links->arg, addr, span_of(packet, SEAL_OVERHEAD_BYTES + plain.len));
	return 0;
}

/* --- our greetings -------------------------------------------------------------------------- */

static void addr_key(const struct addr *addr, uint8_t key[ADDR_KEY_BYTES])
{
	struct span ip = addr_ip(addr);
	uint16_t port = addr_port(addr);

	memset(key, 0, ADDR_KEY_BYTES);
	MUST(ip.len > 0 && ip.len <= 16);
	memcpy(key, ip.at, ip.len);
	key[16] = (uint8_t)(port >> 8);
	key[17] = (uint8_t)port;
}

static struct greeting *greeting_find(struct links *links, const struct addr *addr)
{
	uint8_t key[ADDR_KEY_BYTES];
	struct greeting *greeting;

	addr_key(addr, key);
	TABLE_FIND(links->greetings, span_of(key, sizeof(key)), greeting);
	return greeting;
}

static void greet(struct links *links, struct greeting *greeting, mono_t now)
{
	greeting->next_at = mono_add_ms(now, (int64_t)HELLO_FIRST_WAIT_MS << greeting->n_tries);
	greeting->n_tries++;
	links->out->send(links->arg, &greeting->addr,
			 span_of(greeting->handshake.hello, HANDSHAKE_BYTES));
}

static int greeting_begin(struct links *links, mono_t now, const struct member_id *to,
			  const struct addr *addr, struct greeting **ret_greeting)
{
	struct greeting *greeting = calloc(1, sizeof(*greeting));

	if (!greeting)
		return err_new(-ENOMEM);
	STAILQ_INIT(&greeting->queue);
	greeting->addr = *addr;
	greeting->expects = to != NULL;
	if (to)
		greeting->expected = *to;
	addr_key(addr, greeting->key);
	int r = handshake_begin(links->self, &greeting->handshake);
	if (r == 0 &&
	    !TABLE_ADD(links->greetings, span_of(greeting->key, ADDR_KEY_BYTES), greeting))
		r = err_new(-ENOMEM);
	if (r < 0) {
		free(greeting);
		return err_pass(r);
	}
	greet(links, greeting, now);
	*ret_greeting = greeting;
	return 0;
}

static int enqueue(struct greeting *greeting, mono_t now, struct span plain)
{
	if (greeting->n_queued == LINKS_MAX_QUEUED)
		return LINKS_DROPPED;
	struct queued *queued = malloc(sizeof(*queued) + plain.len);
	if (!queued)
		return err_new(-ENOMEM);
	queued->at = now;
	queued->len = plain.len;
	if (plain.len > 0)
		memcpy(queued->bytes, plain.at, plain.len);
	STAILQ_INSERT_TAIL(&greeting->queue, queued, entry);
	greeting->n_queued++;
	return LINKS_WAITING;
}

int links_send(struct links *links, mono_t now, const struct member_id *to, const struct addr *addr,
	       struct span plain)
{
	struct link *link = to ? link_find(links, to) : NULL;

	MUST(links->kind == LINKS_KIND && plain.len <= SEAL_MAX_PLAIN_BYTES);
	if (link) {
		link->used_at = now;
		link->addr = *addr;
		int r = link_send(links, link, addr, plain);
		if (r != -EOVERFLOW)
			return r < 0 ? err_pass(r) : LINKS_SENT;
		link_drop(links, link); /* its counter is used up */
	}
	struct greeting *greeting = greeting_find(links, addr);
	if (!greeting) {
		if (TABLE_COUNT(links->greetings) >= LINKS_MAX_GREETINGS)
			return LINKS_DROPPED;
		int r = greeting_begin(links, now, to, addr, &greeting);
		if (r < 0)
			return err_pass(r);
	} else if (to && !greeting->expects) {
		greeting->expected = *to;
		greeting->expects = true;
	}
	return enqueue(greeting, now, plain);
}

static void flush(struct links *links, struct greeting *greeting, struct link *link, mono_t now)
{
	struct queued *queued;

	if (greeting->expects && !member_id_equal(&greeting->expected, &link->id))
		return; /* another lives there now: what we had to say was not for it */
	STAILQ_FOREACH (queued, &greeting->queue, entry) {
		if (mono_diff_ms(now, queued->at) <= LINKS_QUEUED_MS)
			(void)link_send(links, link, &greeting->addr,
					span_of(queued->bytes, queued->len));
	}
}

static struct greeting *greeting_of_session(struct links *links, const struct seal_header *header)
{
	struct greeting *greeting, *next;

	TABLE_FOREACH (links->greetings, greeting, next) {
		if (memcmp(greeting->handshake.session, header->session, SEAL_SESSION_BYTES) == 0)
			return greeting;
	}
	return NULL;
}

static void on_welcome(struct links *links, mono_t now, int64_t wall_s, const struct addr *from,
		       const struct seal_header *header, struct span packet)
{
	struct greeting *greeting = greeting_of_session(links, header);
	struct proven_member other;
	struct session session;

	if (!greeting) {
		links_reject(links, from, REJECT_UNASKED);
		return;
	}
	int r = handshake_finish(links->self, &greeting->handshake, packet, wall_s, &session,
				 &other);
	if (r != HANDSHAKE_OK) {
		if (r > 0)
			links_reject(links, from, reject_of_handshake(r));
		return;
	}
	struct link *link = link_adopt(links, now, &session, &other, &greeting->addr);
	if (link)
		flush(links, greeting, link, now);
	greeting_drop(links, greeting);
}

static void on_hint(struct links *links, const struct addr *from, const struct seal_header *header)
{
	struct greeting *greeting = greeting_of_session(links, header);

	if (!greeting || header->key_id < SEAL_HINT_GROUP ||
	    header->key_id > SEAL_HINT_CERTIFICATE) {
		links_reject(links, from, REJECT_UNASKED);
		return;
	}
	if (!greeting->told)
		links->out->refused(links->arg, &greeting->addr, (enum seal_hint)header->key_id);
	greeting->told = true;
}

/* Does it speak of a packet that we sent just now? An old one, recorded, does not. */
static bool reset_is_fresh(const struct link *link, const uint8_t plain[RESET_PLAIN_BYTES])
{
	uint64_t counter = 0;

	for (size_t i = 0; i < 6; i++)
		counter = counter << 8 | plain[SEAL_SESSION_BYTES + i];
	return memcmp(plain, link->now.id, SEAL_SESSION_BYTES) == 0 &&
	       counter < link->now.next_counter &&
	       link->now.next_counter - counter <= SEAL_REPLAY_WINDOW;
}

static void on_reset(struct links *links, mono_t now, const struct addr *from,
		     const struct seal_header *header, struct span packet)
{
	struct link *link = link_find(links, &header->sender);
	uint8_t plain[RESET_PLAIN_BYTES];
	struct greeting *greeting;

	if (packet.len != RESET_BYTES || !link) {
		links_reject(links, from,
			     packet.len != RESET_BYTES ? REJECT_MALFORMED : REJECT_UNASKED);
		return;
	}
	int r = seal_open_for_group(links->self->keyring, header, packet, plain);
	if (r != SEAL_OK) {
		if (r > 0)
			links_reject(links, from, reject_of_seal(r));
		return;
	}
	if (!reset_is_fresh(link, plain)) {
		links_reject(links, from, REJECT_REPLAYED);
		return;
	}
	/* To where we send, not to where this came from: it may have been passed on by anybody. */
	if (!greeting_find(links, &link->addr) &&
	    TABLE_COUNT(links->greetings) < LINKS_MAX_GREETINGS)
		(void)greeting_begin(links, now, &link->id, &link->addr, &greeting);
}

/* --- data ----------------------------------------------------------------------------------- */

static bool same_session(const struct session *session, const struct seal_header *header)
{
	return session->receive && memcmp(session->id, header->session, SEAL_SESSION_BYTES) == 0;
}

static int open_pending(struct links *links, mono_t now, const struct addr *from,
			const struct seal_header *header, struct span packet, uint8_t *plain)
{
	struct pending *pending = links_pending_find(links, header);

	if (!pending)
		return -ENOENT;
	int r = session_open(&pending->session, header, packet, plain);
	if (r == SEAL_OK) {
		(void)link_adopt(links, now, &pending->session, &pending->other, from);
		links_pending_drop(links, pending);
	}
	return r;
}

static void on_data(struct links *links, mono_t now, int64_t wall_s, const struct addr *from,
		    const struct seal_header *header, struct span packet)
{
	struct link *link = link_find(links, &header->sender);
	uint8_t plain[SEAL_MAX_PLAIN_BYTES];
	int r;

	if (link && wall_s > link->not_after_s) {
		links_reject(links, from, REJECT_CERTIFICATE);
		link_drop(links, link);
		return;
	}
	if (link && same_session(&link->now, header))
		r = session_open(&link->now, header, packet, plain);
	else if (link && same_session(&link->before, header))
		r = session_open(&link->before, header, packet, plain);
	else
		r = open_pending(links, now, from, header, packet, plain);
	if (r == -ENOENT) {
		links_reject(links, from, REJECT_NO_SESSION);
		links_answer_reset(links, now, from, header, packet.len);
	} else if (r != SEAL_OK) {
		links_reject(links, from, reject_of_seal(r));
	} else {
		if (link)
			link->used_at = now;
		links->out->deliver(links->arg, &header->sender, from,
				    span_of(plain, packet.len - SEAL_OVERHEAD_BYTES));
	}
}

void links_receive(struct links *links, mono_t now, int64_t wall_s, const struct addr *from,
		   struct span packet)
{
	struct seal_header header;

	MUST(links->kind == LINKS_KIND);
	int r = packet.len > SEAL_MAX_DATAGRAM_BYTES ? SEAL_MALFORMED
						     : seal_read_header(packet, &header);
	if (r != SEAL_OK) {
		links_reject(links, from, reject_of_seal(r));
		return;
	}
	switch (header.kind) {
	case SEAL_HELLO:
		links_answer_hello(links, now, wall_s, from, &header, packet);
		return;
	case SEAL_WELCOME:
		on_welcome(links, now, wall_s, from, &header, packet);
		return;
	case SEAL_DATA:
		on_data(links, now, wall_s, from, &header, packet);
		return;
	case SEAL_RESET:
		on_reset(links, now, from, &header, packet);
		return;
	case SEAL_HINT:
		on_hint(links, from, &header);
		return;
	}
	UNREACHABLE();
}

void links_tick(struct links *links, mono_t now)
{
	struct greeting *greeting, *next_greeting;
	struct link *link, *next_link;

	MUST(links->kind == LINKS_KIND);
	TABLE_FOREACH (links->greetings, greeting, next_greeting) {
		if (mono_before(now, greeting->next_at))
			continue;
		if (greeting->n_tries >= HELLO_MAX_TRIES)
			greeting_drop(links, greeting);
		else
			greet(links, greeting, now);
	}
	while (!TAILQ_EMPTY(&links->pending) &&
	       mono_before(TAILQ_FIRST(&links->pending)->until, now))
		links_pending_drop(links, TAILQ_FIRST(&links->pending));
	TABLE_FOREACH (links->links, link, next_link) {
		if (mono_diff_ms(now, link->used_at) > LINK_IDLE_MS)
			link_drop(links, link);
	}
}

void links_forget(struct links *links, const struct member_id *member)
{
	struct link *link = link_find(links, member);

	if (link)
		link_drop(links, link);
}
