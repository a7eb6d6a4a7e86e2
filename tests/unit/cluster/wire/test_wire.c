/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: every message comes back as it was; what is cut or odd does not come in; packets of
 * released versions (tests/data/wire) still do.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/wire.h"
#include "proto/cluster.pb-c.h"

static const struct member_id one = { { 1, 2, 3, 4, 5, 6, 7, 8 } }, two = { { 0xff, 0xfe } };
static const uint8_t certificate[SWIM_MAX_CERTIFICATE_BYTES] = { 'c', 'r', 't' };
static const uint8_t fact_bytes[SWIM_MAX_FACT_BYTES] = { 'f' };

static int door_make(void **state)
{
	struct door *door = calloc(1, sizeof(*door));

	door_init(door, SWIM_MAX_STREAM_BYTES);
	*state = door;
	return 0;
}

static int door_drop(void **state)
{
	door_fini(*state);
	free(*state);
	return 0;
}

static struct swim_claim claim_of(enum swim_claim_kind kind, bool v6)
{
	struct swim_claim claim = { .kind = kind,
				    .subject = one,
				    .incarnation = 77,
				    .signer = one,
				    .signature = { 0xaa, [63] = 0xbb } };

	if (kind == SWIM_SUSPECT || kind == SWIM_DEAD)
		claim.signer = two;
	claim.refused = kind == SWIM_SUSPECT;
	if (kind == SWIM_DEAD || kind == SWIM_LEFT)
		claim.age_s = 1000;
	if (kind == SWIM_ALIVE) {
		assert_true(
			addr_parse(v6 ? SPAN_LIT("[2001:db8::1]:65535") : SPAN_LIT("10.0.0.1:7946"),
				   &claim.addr));
		claim.protocol_min = 1;
		claim.protocol_max = 2;
		claim.certificate = span_of(certificate, 150);
	}
	return claim;
}

static void expect_same_claim(const struct swim_claim *a, const struct swim_claim *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_memory_equal(&a->subject, &b->subject, sizeof(a->subject));
	assert_memory_equal(&a->signer, &b->signer, sizeof(a->signer));
	assert_int_equal(a->incarnation, b->incarnation);
	assert_int_equal(a->refused, b->refused);
	assert_int_equal(a->age_s, b->age_s);
	assert_int_equal(a->protocol_min, b->protocol_min);
	assert_int_equal(a->protocol_max, b->protocol_max);
	assert_true(a->kind != SWIM_ALIVE || addr_eq(&a->addr, &b->addr));
	assert_true(span_eq(a->certificate, b->certificate));
	assert_memory_equal(a->signature, b->signature, SWIM_SIGNATURE_BYTES);
}

static void expect_same(const struct swim_message *a, const struct swim_message *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->seq, b->seq);
	assert_memory_equal(&a->target, &b->target, sizeof(a->target));
	assert_int_equal(a->hashes != NULL, b->hashes != NULL);
	if (a->hashes)
		assert_memory_equal(a->hashes, b->hashes, SWIM_BUCKETS * sizeof(uint64_t));
	assert_memory_equal(a->buckets, b->buckets, sizeof(a->buckets));
	assert_int_equal(a->reply_wanted, b->reply_wanted);
	assert_int_equal(a->n_claims, b->n_claims);
	for (size_t i = 0; i < a->n_claims; i++)
		expect_same_claim(&a->claims[i], &b->claims[i]);
	assert_int_equal(a->n_facts, b->n_facts);
	for (size_t i = 0; i < a->n_facts; i++) {
		assert_memory_equal(&a->facts[i].owner, &b->facts[i].owner, MEMBER_ID_BYTES);
		assert_int_equal(a->facts[i].key, b->facts[i].key);
		assert_int_equal(a->facts[i].generation, b->facts[i].generation);
		assert_int_equal(a->facts[i].version, b->facts[i].version);
		assert_true(span_eq(a->facts[i].bytes, b->facts[i].bytes));
		assert_memory_equal(a->facts[i].signature, b->facts[i].signature,
				    SWIM_SIGNATURE_BYTES);
	}
}

struct sample {
	uint64_t hashes[SWIM_BUCKETS];
	struct swim_claim claims[5];
	struct swim_fact facts[2];
	struct swim_message messages[7];
};
static const char *const names[] = { "ping",   "ping_req",  "ack",      "nack",
				     "gossip", "sync_open", "sync_data" };

/* One message of each kind, with riders of all kinds. */
static void sample_make(struct sample *s)
{
	*s = (struct sample){ .hashes = { 1, [255] = UINT64_MAX } };
	for (int kind = SWIM_ALIVE; kind <= SWIM_LEFT; kind++)
		s->claims[kind] = claim_of((enum swim_claim_kind)kind, false);
	s->claims[4] = claim_of(SWIM_ALIVE, true);
	s->facts[0] = (struct swim_fact){ .owner = one,
					  .key = 3,
					  .generation = 5,
					  .version = 6,
					  .bytes = SPAN_LIT("fact"),
					  .signature = { 1 } };
	s->facts[1] = (struct swim_fact){ .owner = two, .generation = 1, .version = 1 };
	for (int kind = SWIM_PING; kind <= SWIM_SYNC_DATA; kind++)
		s->messages[kind - 1] = (struct swim_message){ .kind = (enum swim_kind)kind,
							       .claims = s->claims,
							       .n_claims = 5,
							       .facts = s->facts,
							       .n_facts = 2 };
	for (int kind = SWIM_PING; kind <= SWIM_NACK; kind++)
		s->messages[kind - 1].seq = 0xdeadbeef;
	s->messages[SWIM_PING - 1].target = two;
	s->messages[SWIM_PING_REQ - 1].target = two;
	s->messages[SWIM_SYNC_OPEN - 1].hashes = s->hashes;
	s->messages[SWIM_SYNC_DATA - 1].buckets[31] = 0x80;
	s->messages[SWIM_SYNC_DATA - 1].reply_wanted = true;
}

static void every_message_comes_back(void **state)
{
	static uint8_t bytes[SWIM_MAX_STREAM_BYTES];
	struct swim_message back;
	struct sample s;

	sample_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(s.messages); i++) {
		size_t len = wire_encode(*state, &s.messages[i], bytes, sizeof(bytes));

		assert_int_not_equal(len, 0);
		assert_int_equal(wire_encode(*state, &s.messages[i], bytes, len - 1), 0);
		assert_int_equal(wire_decode(*state, span_of(bytes, len), &back), WIRE_OK);
		expect_same(&s.messages[i], &back);
	}
}

static void every_truncated_prefix_is_refused_or_has_fewer_riders(void **state)
{
	static uint8_t bytes[SWIM_MAX_STREAM_BYTES];
	struct swim_message back;
	struct sample s;

	sample_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(s.messages); i++) {
		size_t len = wire_encode(*state, &s.messages[i], bytes, sizeof(bytes));

		for (size_t cut = 0; cut < len; cut++) {
			/* The seal authenticates the length, so a cut at a rider's end cannot come
			 * in. */
			if (wire_decode(*state, span_of(bytes, cut), &back) == WIRE_OK)
				assert_true(back.n_claims < 5 || back.n_facts < 2);
		}
	}
}

static void changed_bytes_do_no_harm(void **state)
{
	static uint8_t bytes[SWIM_MAX_STREAM_BYTES];
	struct swim_message back;
	struct sample s;

	sample_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(s.messages); i++) {
		size_t len = wire_encode(*state, &s.messages[i], bytes, sizeof(bytes));

		for (size_t at = 0; at < len; at++) {
			for (unsigned bit = 0; bit < 8; bit++) {
				bytes[at] ^= (uint8_t)(1 << bit);
				if (wire_decode(*state, span_of(bytes, len), &back) == WIRE_OK)
					assert_true(swim_message_ok(&back));
				bytes[at] ^= (uint8_t)(1 << bit);
			}
		}
	}
}

/* The core fills packets by these sizes. */
static void encodings_are_no_longer_than_the_core_counts(void **state)
{
	static uint8_t bytes[SWIM_MAX_STREAM_BYTES];
	struct swim_claim claims[] = { claim_of(SWIM_ALIVE, true), claim_of(SWIM_SUSPECT, true),
				       claim_of(SWIM_DEAD, true), claim_of(SWIM_LEFT, true) };
	struct swim_fact fact = { .owner = two,
				  .key = UINT32_MAX,
				  .generation = UINT64_MAX,
				  .version = UINT64_MAX,
				  .bytes = span_of(fact_bytes, sizeof(fact_bytes)) };
	struct sample s;

	sample_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(s.messages); i++) {
		struct swim_message *message = &s.messages[i];
		size_t head = message->kind == SWIM_SYNC_OPEN ? SWIM_OPEN_BYTES : SWIM_HEAD_BYTES;

		message->n_claims = message->n_facts = 0;
		message->seq = message->kind <= SWIM_NACK ? UINT32_MAX : 0;
		size_t len = wire_encode(*state, message, bytes, sizeof(bytes));
		assert_true(len > 0 && len <= head);
		for (size_t k = 0; k < ARRAY_LEN(claims); k++) {
			claims[k].incarnation = UINT64_MAX;
			claims[k].age_s = k >= 2 ? UINT32_MAX : 0;
			claims[k].protocol_max = UINT8_MAX;
			if (k == 0)
				claims[k].certificate = span_of(certificate, sizeof(certificate));
			message->claims = &claims[k];
			message->n_claims = 1;
			assert_true(wire_encode(*state, message, bytes, sizeof(bytes)) - len <=
				    swim_claim_bytes(&claims[k]));
		}
		message->n_claims = 0;
		message->facts = &fact;
		message->n_facts = 1;
		assert_true(wire_encode(*state, message, bytes, sizeof(bytes)) - len <=
			    swim_fact_bytes(&fact));
	}
}

static void unknown_kinds_are_told_apart(void **state)
{
	Meridian__Message message = MERIDIAN__MESSAGE__INIT;
	struct swim_message back;
	uint8_t bytes[64];

	message.kind = 200;
	size_t len = door_pack(&message.base, bytes, sizeof(bytes));
	assert_int_equal(wire_decode(*state, span_of(bytes, len), &back), WIRE_UNKNOWN);
	message.kind = SWIM_PING; /* without its seq and target */
	len = door_pack(&message.base, bytes, sizeof(bytes));
	assert_int_equal(wire_decode(*state, span_of(bytes, len), &back), WIRE_MALFORMED);
	message.kind = SWIM_SYNC_DATA;
	len = door_pack(&message.base, bytes, sizeof(bytes));
	assert_int_equal(wire_decode(*state, span_of(bytes, len), &back), WIRE_MALFORMED);
	assert_int_equal(wire_decode(*state, SPAN_NONE, &back), WIRE_MALFORMED);
}

static void most_riders_that_fit_come_in_and_more_do_not(void **state)
{
	static struct swim_fact facts[SWIM_MAX_RIDERS + 1];
	uint8_t *bytes = malloc(2 * SWIM_MAX_STREAM_BYTES);
	struct swim_message message = { .kind = SWIM_GOSSIP, .facts = facts }, back;
	struct door big;

	(void)state;
	door_init(&big, 4 * SWIM_MAX_STREAM_BYTES);
	for (size_t i = 0; i < ARRAY_LEN(facts); i++)
		facts[i] = (struct swim_fact){ .owner = one, .generation = 1, .version = 1 };
	for (message.n_facts = 1000;; message.n_facts += 200) {
		size_t len = wire_encode(&big, &message, bytes, 2 * SWIM_MAX_STREAM_BYTES);
		bool fits = len <= SWIM_MAX_STREAM_BYTES;

		assert_int_equal(wire_decode(&big, span_of(bytes, len), &back) == WIRE_OK, fits);
		if (!fits)
			break;
	}
	door_fini(&big);
	free(bytes);
}

/* MERIDIAN_GOLDEN=write makes them: once for each released version, never again. */
static void golden_packets_still_come_in(void **state)
{
	bool write = getenv("MERIDIAN_GOLDEN") != NULL;
	static uint8_t bytes[SWIM_MAX_STREAM_BYTES];
	struct swim_message back;
	struct sample s;

	sample_make(&s);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[256];
		struct buf golden;

		snprintf(path, sizeof(path), "tests/data/wire/1/%s", names[i]);
		if (write) {
			size_t len = wire_encode(*state, &s.messages[i], bytes, sizeof(bytes));
			assert_int_equal(small_file_create(path, span_of(bytes, len), 0644), 0);
		}
		buf_init(&golden, SWIM_MAX_STREAM_BYTES);
		assert_int_equal(small_file_read(path, &golden), 0);
		assert_int_equal(wire_decode(*state, buf_span(&golden), &back), WIRE_OK);
		expect_same(&s.messages[i], &back);
		buf_fini(&golden);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_comes_back),
		cmocka_unit_test(every_truncated_prefix_is_refused_or_has_fewer_riders),
		cmocka_unit_test(changed_bytes_do_no_harm),
		cmocka_unit_test(encodings_are_no_longer_than_the_core_counts),
		cmocka_unit_test(unknown_kinds_are_told_apart),
		cmocka_unit_test(most_riders_that_fit_come_in_and_more_do_not),
		cmocka_unit_test(golden_packets_still_come_in),
	};

	return cmocka_run_group_tests(tests, door_make, door_drop);
}
