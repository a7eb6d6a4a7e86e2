/* SPDX-License-Identifier: Apache-2.0
 *
 * links: members on a wire made of memory, whose every packet can be kept, lost, or sent again.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/links.h"

enum { MAX_PACKETS = 64, MAX_TEXTS = 64 };

struct end;
struct flight {
	struct end *from;
	struct addr to;
	size_t len;
	uint8_t bytes[SEAL_MAX_DATAGRAM_BYTES];
};

struct world {
	char *folder;
	struct keyring keyring, other;
	mono_t now;
	struct flight flights[MAX_PACKETS];
	size_t n_flights, n_sent;
	struct end {
		struct world *world;
		struct addr addr;
		struct identity *identity;
		struct handshake_self self;
		struct links *links;
		char texts[MAX_TEXTS][32];
		struct member_id from[MAX_TEXTS];
		size_t n_texts;
		unsigned n_met, n_refused, n_rejected[N_REJECTS];
		enum seal_hint why;
	} a, b, m;
};

static void on_send(void *arg, const struct addr *to, struct span packet)
{
	struct end *end = arg;
	struct world *w = end->world;

	assert_true(w->n_flights < MAX_PACKETS && packet.len <= SEAL_MAX_DATAGRAM_BYTES);
	struct flight *flight = &w->flights[w->n_flights++];
	*flight = (struct flight){ .from = end, .to = *to, .len = packet.len };
	memcpy(flight->bytes, packet.at, packet.len);
	w->n_sent++;
}

static void on_deliver(void *arg, const struct member_id *from, const struct addr *addr,
		       struct span plain)
{
	struct end *end = arg;

	(void)addr;
	assert_true(end->n_texts < MAX_TEXTS);
	snprintf(end->texts[end->n_texts], sizeof(end->texts[0]), "%.*s", SPAN_FMT(plain));
	end->from[end->n_texts++] = *from;
}

static void on_met(void *arg, const struct proven_member *other, const struct addr *addr)
{
	(void)other;
	(void)addr;
	((struct end *)arg)->n_met++;
}

static void on_refused(void *arg, const struct addr *by, enum seal_hint why)
{
	(void)by;
	((struct end *)arg)->n_refused++;
	((struct end *)arg)->why = why;
}

static void on_rejected(void *arg, const struct addr *from, enum reject why)
{
	(void)from;
	((struct end *)arg)->n_rejected[why]++;
}

static const struct links_out out = {
	.send = on_send,
	.deliver = on_deliver,
	.met = on_met,
	.refused = on_refused,
	.rejected = on_rejected,
};

static void end_make(struct world *w, struct end *end, const char *name, const char *addr,
		     struct keyring *keyring)
{
	end->world = w;
	assert_true(addr_parse(span_str(addr), &end->addr));
	end->identity = fixture_identity(w->folder, name, keyring);
	end->self = (struct handshake_self){ keyring, end->identity };
	assert_int_equal(links_new(&end->self, &out, end, &end->links), 0);
}

static struct world *world_make(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->folder = fixture_folder();
	w->now = (mono_t){ INT64_C(5000000000) };
	w->keyring = fixture_authority(w->folder, "c");
	w->other = fixture_authority(w->folder, "c2");
	fixture_admit(w->folder, "c", "a", ROLE_EDGE);
	fixture_admit(w->folder, "c", "b", ROLE_EDGE);
	fixture_admit(w->folder, "c2", "m", ROLE_EDGE);
	end_make(w, &w->a, "a", "10.0.0.1:1", &w->keyring);
	end_make(w, &w->b, "b", "10.0.0.2:1", &w->keyring);
	end_make(w, &w->m, "m", "10.0.0.3:1", &w->other);
	return w;
}

static void world_drop(struct world *w)
{
	struct end *const ends[] = { &w->a, &w->b, &w->m };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		links_free(ends[i]->links);
		identity_close(ends[i]->identity);
	}
	fixture_folder_free(w->folder);
	free(w);
}

static struct end *end_at(struct world *w, const struct addr *addr)
{
	struct end *const ends[] = { &w->a, &w->b, &w->m };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		if (addr_eq(&ends[i]->addr, addr))
			return ends[i];
	}
	return NULL;
}

static void put(struct world *w, const struct flight *flight)
{
	struct end *to = end_at(w, &flight->to);

	if (to)
		links_receive(to->links, w->now, FIXTURE_NOW_S + 1, &flight->from->addr,
			      span_of(flight->bytes, flight->len));
}

/* All packets arrive, and what they cause, too. */
static void carry(struct world *w)
{
	for (int i = 0; w->n_flights > 0; i++) {
		struct flight flight = w->flights[0];

		assert_true(i < 200);
		memmove(w->flights, w->flights + 1, --w->n_flights * sizeof(w->flights[0]));
		put(w, &flight);
	}
}

static int say(struct end *from, struct end *to, bool by_id, const char *text)
{
	return links_send(from->links, from->world->now,
			  by_id ? &to->identity->certificate.id : NULL, &to->addr, span_str(text));
}

static void first_message_arrives_behind_a_greeting(void **state)
{
	struct world *w = world_make();

	(void)state;
	assert_int_equal(say(&w->a, &w->b, false, "one"), LINKS_WAITING);
	assert_int_equal(say(&w->a, &w->b, true, "two"), LINKS_WAITING);
	assert_int_equal(w->n_flights, 1); /* a single HELLO */
	carry(w);
	assert_int_equal(w->b.n_texts, 2);
	assert_string_equal(w->b.texts[0], "one");
	assert_true(member_id_equal(&w->b.from[1], &w->a.identity->certificate.id));
	assert_int_equal(w->a.n_met, 1);
	assert_int_equal(w->b.n_met, 1);
	assert_int_equal(say(&w->b, &w->a, true, "back"), LINKS_SENT);
	carry(w);
	assert_string_equal(w->a.texts[0], "back");
	world_drop(w);
}

static void both_may_greet_at_once(void **state)
{
	struct world *w = world_make();

	(void)state;
	assert_int_equal(say(&w->a, &w->b, true, "from a"), LINKS_WAITING);
	assert_int_equal(say(&w->b, &w->a, true, "from b"), LINKS_WAITING);
	carry(w);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(say(&w->a, &w->b, true, "a"), LINKS_SENT);
		assert_int_equal(say(&w->b, &w->a, true, "b"), LINKS_SENT);
		carry(w);
	}
	assert_int_equal(w->a.n_texts, 4);
	assert_int_equal(w->b.n_texts, 4);
	world_drop(w);
}

static void recorded_packets_do_nothing(void **state)
{
	struct world *w = world_make();
	struct flight hello, data;

	(void)state;
	(void)say(&w->a, &w->b, true, "one");
	hello = w->flights[0];
	carry(w);
	(void)say(&w->a, &w->b, true, "two");
	data = w->flights[0];
	carry(w);
	put(w, &data);
	assert_int_equal(w->b.n_texts, 2);
	assert_int_equal(w->b.n_rejected[REJECT_REPLAYED], 1);
	/* The HELLO, later: an answer no longer than itself, and no new session. */
	w->now = mono_add_ms(w->now, 10000);
	links_tick(w->b.links, w->now);
	put(w, &hello);
	assert_int_equal(w->n_flights, 1);
	assert_true(w->flights[0].len <= hello.len);
	carry(w);
	assert_int_equal(w->b.n_met, 1);
	assert_int_equal(w->a.n_rejected[REJECT_UNASKED], 1);
	assert_int_equal(say(&w->b, &w->a, true, "still there"), LINKS_SENT);
	carry(w);
	assert_string_equal(w->a.texts[0], "still there");
	world_drop(w);
}

static void lost_greeting_is_said_again_then_given_up(void **state)
{
	struct world *w = world_make();

	(void)state;
	(void)say(&w->a, &w->b, true, "late");
	w->n_flights = 0;
	w->now = mono_add_ms(w->now, 100);
	links_tick(w->a.links, w->now);
	assert_int_equal(w->n_flights, 1);
	carry(w);
	assert_string_equal(w->b.texts[0], "late");
	links_forget(w->a.links, &w->b.identity->certificate.id);
	(void)say(&w->a, &w->b, true, "never");
	size_t before = w->n_sent;
	for (int i = 0; i < 200; i++) {
		w->n_flights = 0;
		w->now = mono_add_ms(w->now, 50);
		links_tick(w->a.links, w->now);
	}
	assert_int_equal(w->n_sent - before, 4); /* five tries, the first is before */
	world_drop(w);
}

static void restarted_member_is_greeted_again(void **state)
{
	struct world *w = world_make();

	(void)state;
	(void)say(&w->a, &w->b, true, "one");
	carry(w);
	links_free(w->b.links);
	assert_int_equal(links_new(&w->b.self, &out, &w->b, &w->b.links), 0);
	(void)say(&w->a, &w->b, true, "this one is too short for a reset?");
	carry(w);
	assert_int_equal(w->b.n_rejected[REJECT_NO_SESSION], 1);
	assert_int_equal(w->a.n_met, 2);
	(void)say(&w->a, &w->b, true, "two");
	carry(w);
	assert_string_equal(w->b.texts[w->b.n_texts - 1], "two");
	world_drop(w);
}

static void recorded_reset_is_not_believed(void **state)
{
	struct world *w = world_make();

	(void)state;
	(void)say(&w->a, &w->b, true, "one");
	carry(w);
	links_free(w->b.links);
	assert_int_equal(links_new(&w->b.self, &out, &w->b, &w->b.links), 0);
	(void)say(&w->a, &w->b, true, "0123456789012345");
	put(w, &w->flights[0]);
	struct flight reset = w->flights[1];
	assert_true(reset.len <= w->flights[0].len);
	carry(w);
	unsigned met = w->a.n_met;
	put(w, &reset);
	carry(w);
	assert_int_equal(w->a.n_met, met);
	assert_int_equal(w->a.n_rejected[REJECT_REPLAYED], 1);
	world_drop(w);
}

static void member_of_another_cluster_is_refused_counted_and_told(void **state)
{
	struct world *w = world_make();

	(void)state;
	(void)say(&w->m, &w->a, false, "let me in");
	size_t hello_len = w->flights[0].len;
	put(w, &w->flights[0]);
	assert_int_equal(w->flights[1].len, SEAL_HEADER_BYTES);
	assert_true(w->flights[1].len < hello_len);
	carry(w);
	assert_int_equal(w->a.n_texts, 0);
	assert_int_equal(w->a.n_met, 0);
	assert_true(w->a.n_rejected[REJECT_OTHER_GROUP] > 0);
	assert_int_equal(w->m.n_refused, 1);
	assert_int_equal(w->m.why, SEAL_HINT_GROUP);
	world_drop(w);
}

static void hint_that_answers_nothing_is_ignored(void **state)
{
	struct world *w = world_make();
	struct seal_header header = { .kind = SEAL_HINT, .key_id = SEAL_HINT_GROUP };
	struct flight forged = { .from = &w->m, .to = w->a.addr, .len = SEAL_HEADER_BYTES };

	(void)state;
	seal_write_header(&header, forged.bytes);
	(void)say(&w->a, &w->b, true, "one");
	put(w, &forged);
	assert_int_equal(w->a.n_refused, 0);
	assert_int_equal(w->a.n_rejected[REJECT_UNASKED], 1);
	world_drop(w);
}

static void message_for_one_is_not_said_to_another(void **state)
{
	struct world *w = world_make();
	struct member_id stranger = { { 1, 2, 3 } };

	(void)state;
	assert_int_equal(links_send(w->a.links, w->now, &stranger, &w->b.addr, SPAN_LIT("secret")),
			 LINKS_WAITING);
	carry(w);
	assert_int_equal(w->a.n_met, 1);
	assert_int_equal(w->b.n_texts, 0);
	world_drop(w);
}

static void strangers_make_nothing_grow_without_end(void **state)
{
	struct world *w = world_make();
	struct addr addr = w->b.addr;
	unsigned n_dropped = 0;

	(void)state;
	for (uint16_t port = 1000; port < 1000 + LINKS_MAX_GREETINGS + 20; port++) {
		addr_set_port(&addr, port);
		n_dropped +=
			links_send(w->a.links, w->now, NULL, &addr, SPAN_LIT("x")) == LINKS_DROPPED;
		w->n_flights = 0;
	}
	assert_int_equal(n_dropped, 20);
	for (int i = 0; i < 250; i++) {
		struct handshake handshake;
		struct flight flight = { .from = &w->a, .to = w->b.addr, .len = HANDSHAKE_BYTES };

		assert_int_equal(handshake_begin(&w->a.self, &handshake), 0);
		memcpy(flight.bytes, handshake.hello, HANDSHAKE_BYTES);
		put(w, &flight);
		w->n_flights = 0;
	}
	assert_int_equal(w->b.n_rejected[REJECT_BUSY], 50);
	world_drop(w);
}

static void garbage_is_counted_and_dropped(void **state)
{
	struct world *w = world_make();
	struct flight flight = { .from = &w->m, .to = w->a.addr };

	(void)state;
	for (size_t len = 0; len < 100; len++) {
		for (unsigned kind = 0; kind < 16; kind++) {
			flight.len = len;
			flight.bytes[0] = (uint8_t)(SEAL_VERSION << 4 | kind);
			put(w, &flight);
		}
	}
	assert_true(w->n_flights <= 42); /* one RESET for each that is no shorter */
	assert_int_equal(w->a.n_texts, 0);
	assert_true(w->a.n_rejected[REJECT_MALFORMED] > 100);
	world_drop(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_message_arrives_behind_a_greeting),
		cmocka_unit_test(both_may_greet_at_once),
		cmocka_unit_test(recorded_packets_do_nothing),
		cmocka_unit_test(lost_greeting_is_said_again_then_given_up),
		cmocka_unit_test(restarted_member_is_greeted_again),
		cmocka_unit_test(recorded_reset_is_not_believed),
		cmocka_unit_test(member_of_another_cluster_is_refused_counted_and_told),
		cmocka_unit_test(hint_that_answers_nothing_is_ignored),
		cmocka_unit_test(message_for_one_is_not_said_to_another),
		cmocka_unit_test(strangers_make_nothing_grow_without_end),
		cmocka_unit_test(garbage_is_counted_and_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
