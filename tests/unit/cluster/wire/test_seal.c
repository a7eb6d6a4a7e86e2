/* SPDX-License-Identifier: Apache-2.0
 *
 * seal: a packet opens once, unchanged, for whom it was made, and never otherwise.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/seal.h"

static const struct member_id alice = { { 'a' } }, bob = { { 'b' } }, carol = { { 'c' } };

struct pair {
	struct session a, b;
};

static struct pair pair_make(uint8_t secret)
{
	struct session_secret sa = { .initiator = alice, .responder = bob }, sb;
	struct pair pair = { .a = { .key_id = 1 }, .b = { .key_id = 1 } };

	memset(sa.bytes, secret, sizeof(sa.bytes));
	sb = sa;
	pair.a.id[0] = pair.b.id[0] = secret;
	assert_int_equal(session_init(&pair.a, &sa, &alice), 0);
	assert_int_equal(session_init(&pair.b, &sb, &bob), 0);
	return pair;
}

static void pair_drop(struct pair *pair)
{
	session_fini(&pair->a);
	session_fini(&pair->b);
}

static int open_at(struct session *session, struct span packet, uint8_t *plain)
{
	struct seal_header header;
	int r = seal_read_header(packet, &header);

	return r == SEAL_OK ? session_open(session, &header, packet, plain) : r;
}

static void packet_opens_once(void **state)
{
	struct pair pair = pair_make(1);
	uint8_t packet[128], plain[128];
	struct span hello = SPAN_LIT("hello, bob");

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct span sealed = span_of(packet, SEAL_OVERHEAD_BYTES + hello.len);

		assert_int_equal(session_seal(&pair.a, hello, packet), 0);
		assert_int_equal(open_at(&pair.b, sealed, plain), SEAL_OK);
		assert_memory_equal(plain, hello.at, hello.len);
		assert_int_equal(open_at(&pair.b, sealed, plain), SEAL_REPLAYED);
		/* Its own packet thrown back at the sender opens nothing. */
		assert_int_equal(open_at(&pair.a, sealed, plain), SEAL_BROKEN);
	}
	pair_drop(&pair);
}

static void every_changed_or_missing_byte_is_noticed(void **state)
{
	struct pair pair = pair_make(1);
	uint8_t packet[64], plain[64];
	size_t len = SEAL_OVERHEAD_BYTES + 5;

	(void)state;
	assert_int_equal(session_seal(&pair.a, SPAN_LIT("12345"), packet), 0);
	for (size_t i = 0; i < len; i++) {
		packet[i] ^= 0x80;
		assert_int_not_equal(open_at(&pair.b, span_of(packet, len), plain), SEAL_OK);
		packet[i] ^= 0x80;
		assert_int_not_equal(open_at(&pair.b, span_of(packet, i), plain), SEAL_OK);
	}
	assert_int_equal(open_at(&pair.b, span_of(packet, len), plain), SEAL_OK);
	pair_drop(&pair);
}

static void sessions_cannot_be_mixed_up(void **state)
{
	struct pair one = pair_make(1), two = pair_make(2);
	struct session_secret secret = { .initiator = alice, .responder = carol };
	struct session other = { .key_id = 1 };
	uint8_t packet[64], plain[64];

	(void)state;
	memset(secret.bytes, 1,
	       sizeof(secret.bytes)); /* the same secret, another pair of members */
	assert_int_equal(session_init(&other, &secret, &carol), 0);
	assert_int_equal(session_seal(&one.a, SPAN_LIT("x"), packet), 0);
	struct span sealed = span_of(packet, SEAL_OVERHEAD_BYTES + 1);
	assert_int_equal(open_at(&two.b, sealed, plain), SEAL_BROKEN);
	assert_int_equal(open_at(&other, sealed, plain), SEAL_BROKEN);
	assert_int_equal(open_at(&one.b, sealed, plain), SEAL_OK);
	session_fini(&other);
	pair_drop(&one);
	pair_drop(&two);
}

static void window_is_1024_wide_and_each_counter_counts_once(void **state)
{
	struct replay_window window = { 0 };

	(void)state;
	assert_false(replay_window_has(&window, 5));
	replay_window_mark(&window, 5);
	assert_true(replay_window_has(&window, 5));
	assert_false(replay_window_has(&window, 4));
	replay_window_mark(&window, 1028);
	assert_false(replay_window_has(&window, 1027));
	assert_true(replay_window_has(&window, 5));
	assert_true(replay_window_has(&window, 4)); /* too old to tell */
	assert_false(replay_window_has(&window, 6));
	replay_window_mark(&window, 6);
	assert_true(replay_window_has(&window, 6));
	replay_window_mark(&window, 1000000);
	assert_true(replay_window_has(&window, 1000000 - 1024));
	assert_false(replay_window_has(&window, 1000000 - 1023));
	replay_window_mark(&window, SEAL_MAX_COUNTER);
	assert_true(replay_window_has(&window, SEAL_MAX_COUNTER));
	assert_false(replay_window_has(&window, SEAL_MAX_COUNTER - 1));
}

static void counters_run_out_instead_of_repeating(void **state)
{
	struct pair pair = pair_make(1);
	uint8_t packet[64];

	(void)state;
	pair.a.next_counter = SEAL_MAX_COUNTER;
	assert_int_equal(session_seal(&pair.a, SPAN_LIT("x"), packet), 0);
	assert_int_equal(session_seal(&pair.a, SPAN_LIT("x"), packet), -EOVERFLOW);
	pair_drop(&pair);
}

static void group_packets_need_group_and_secret(void **state)
{
	struct keyring ours = { .n_secrets = 1, .secrets = { { .id = 1, .bytes = { 1 } } } };
	struct keyring other_secret = ours, other_id = ours, other_group = ours;
	struct seal_header header = { .kind = SEAL_HELLO, .key_id = 1, .sender = alice }, seen;
	uint8_t packet[64], plain[64];
	struct span sealed = span_of(packet, SEAL_OVERHEAD_BYTES + 2);

	(void)state;
	other_secret.secrets[0].bytes[0] = 2;
	other_id.secrets[0].id = 2;
	other_group.group_tag[0] = 1;
	assert_int_equal(seal_for_group(&ours, &header, SPAN_LIT("hi"), packet), 0);
	assert_int_equal(seal_read_header(sealed, &seen), SEAL_OK);
	assert_int_equal(seal_open_for_group(&other_secret, &seen, sealed, plain), SEAL_BROKEN);
	assert_int_equal(seal_open_for_group(&other_id, &seen, sealed, plain), SEAL_NO_SECRET);
	assert_int_equal(seal_open_for_group(&other_group, &seen, sealed, plain), SEAL_OTHER_GROUP);
	assert_int_equal(seal_open_for_group(&ours, &seen, sealed, plain), SEAL_OK);
	/* A packet of one kind is not taken for another. */
	packet[0] = (uint8_t)(SEAL_VERSION << 4 | SEAL_RESET);
	assert_int_equal(seal_read_header(sealed, &seen), SEAL_OK);
	assert_int_equal(seal_open_for_group(&ours, &seen, sealed, plain), SEAL_BROKEN);
}

static void other_versions_and_kinds_are_told_apart(void **state)
{
	uint8_t packet[SEAL_OVERHEAD_BYTES] = { 0 };
	struct seal_header header;

	(void)state;
	assert_int_equal(seal_read_header(span_of(packet, sizeof(packet)), &header),
			 SEAL_OTHER_VERSION);
	packet[0] = SEAL_VERSION << 4;
	assert_int_equal(seal_read_header(span_of(packet, sizeof(packet)), &header),
			 SEAL_MALFORMED);
	packet[0] = SEAL_VERSION << 4 | 15;
	assert_int_equal(seal_read_header(span_of(packet, sizeof(packet)), &header),
			 SEAL_MALFORMED);
	packet[0] = SEAL_VERSION << 4 | SEAL_HINT;
	assert_int_equal(seal_read_header(span_of(packet, sizeof(packet)), &header),
			 SEAL_MALFORMED);
	assert_int_equal(seal_read_header(span_of(packet, SEAL_HEADER_BYTES), &header), SEAL_OK);
	for (int i = SEAL_OK; i <= SEAL_REPLAYED; i++)
		assert_non_null(seal_outcome_name((enum seal_outcome)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_opens_once),
		cmocka_unit_test(every_changed_or_missing_byte_is_noticed),
		cmocka_unit_test(sessions_cannot_be_mixed_up),
		cmocka_unit_test(window_is_1024_wide_and_each_counter_counts_once),
		cmocka_unit_test(counters_run_out_instead_of_repeating),
		cmocka_unit_test(group_packets_need_group_and_secret),
		cmocka_unit_test(other_versions_and_kinds_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
