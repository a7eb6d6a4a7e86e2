/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static bool bucket_in(const struct swim_send *send, unsigned bucket)
{
	return send->message.buckets[bucket / 8] >> bucket % 8 & 1;
}

/* The hashes of the core, as it sends them. */
static void hashes_of(struct core *core, uint64_t hashes[SWIM_BUCKETS])
{
	assert_true(core_run(core, 20000, SWIM_SYNC_OPEN));
	memcpy(hashes, core_sent(core, SWIM_SYNC_OPEN, 0)->message.hashes,
	       SWIM_BUCKETS * sizeof(uint64_t));
}

static void a_group_is_asked_now_and_then(void **state)
{
	(void)state;
	struct core core = core_in_group(3);

	assert_true(core_run(&core, 20000, SWIM_SYNC_OPEN));
	const struct swim_send *open = core_sent(&core, SWIM_SYNC_OPEN, 0);
	assert_int_equal(open->via, SWIM_TCP);
	assert_non_null(core_claim_in(open, SWIM_ALIVE, CORE_SELF));
	assert_true(open->message.hashes[1] != 0);
	assert_true(open->message.hashes[50] == 0);
	core_free(&core);
}

static void differing_buckets_are_sent_and_no_others(void **state)
{
	(void)state;
	struct core core = core_in_group(3);
	uint64_t hashes[SWIM_BUCKETS];

	hashes_of(&core, hashes);
	hashes[2] ^= 1;
	core_receive(&core, 1, (struct swim_message){ .kind = SWIM_SYNC_OPEN, .hashes = hashes });
	const struct swim_send *data = core_sent(&core, SWIM_SYNC_DATA, 1);
	assert_true(data->message.reply_wanted);
	assert_true(bucket_in(data, 2));
	assert_false(bucket_in(data, 3));
	assert_non_null(core_claim_in(data, SWIM_ALIVE, 2));
	assert_null(core_claim_in(data, SWIM_ALIVE, 3));
	core_free(&core);
}

static void members_that_agree_say_so_in_few_bytes(void **state)
{
	(void)state;
	struct core core = core_in_group(3);
	uint64_t hashes[SWIM_BUCKETS];

	hashes_of(&core, hashes);
	core_receive(&core, 1, (struct swim_message){ .kind = SWIM_SYNC_OPEN, .hashes = hashes });
	const struct swim_send *data = core_sent(&core, SWIM_SYNC_DATA, 1);
	assert_int_equal(data->message.n_claims + data->message.n_facts, 0);
	assert_false(data->message.reply_wanted);
	core_free(&core);
}

static void reply_has_only_what_the_other_lacked(void **state)
{
	(void)state;
	struct core core = core_in_group(3);
	struct swim_claim claims[] = { core_alive(1, 1), core_alive(2, 1) };
	struct swim_message data = {
		.kind = SWIM_SYNC_DATA, .reply_wanted = true, .claims = claims, .n_claims = 2
	};

	core_hear(&core, 1, core_alive(1, 7));
	core_hear_fact(&core, 2, core_fact(2, 1, 1, 1, "new"));
	data.buckets[0] = 1 << 1 | 1 << 2;
	core_receive(&core, 3, data);
	const struct swim_send *reply = core_sent(&core, SWIM_SYNC_DATA, 3);
	assert_false(reply->message.reply_wanted);
	assert_int_equal(reply->message.n_claims, 1);
	assert_int_equal(reply->message.claims[0].incarnation, 7);
	assert_int_equal(reply->message.n_facts, 1);
	core_free(&core);
}

static void nothing_lacking_no_reply(void **state)
{
	(void)state;
	struct core core = core_in_group(3);
	struct swim_claim claim = core_alive(1, 1);
	struct swim_message data = {
		.kind = SWIM_SYNC_DATA, .reply_wanted = true, .claims = &claim, .n_claims = 1
	};

	data.buckets[0] = 1 << 1;
	core_receive(&core, 3, data);
	assert_null(core_sent(&core, SWIM_SYNC_DATA, 3));
	core_free(&core);
}

static void much_is_cut_into_messages_that_fit(void **state)
{
	(void)state;
	static uint8_t bytes[SWIM_MAX_FACT_BYTES];
	struct core core = core_in_group(3);
	uint64_t hashes[SWIM_BUCKETS] = { 0 };
	size_t n_facts = 0, n_messages = 0;

	for (uint32_t key = 0; key < SWIM_MAX_FACTS; key++)
		core_step(&core, &(struct swim_event){ .kind = SWIM_PUBLISH,
						       .key = key,
						       .bytes = span_of(bytes, sizeof(bytes)) });
	core_receive(&core, 1, (struct swim_message){ .kind = SWIM_SYNC_OPEN, .hashes = hashes });
	for (size_t i = 0; i < core.did.n_sends; i++) {
		const struct swim_message *message = &core.did.sends[i].message;
		size_t used = SWIM_HEAD_BYTES;

		if (message->kind != SWIM_SYNC_DATA)
			continue;
		for (size_t f = 0; f < message->n_facts; f++)
			used += swim_fact_bytes(&message->facts[f]);
		assert_in_range(used, 0, SWIM_MAX_STREAM_BYTES);
		n_facts += message->n_facts;
		n_messages++;
	}
	assert_int_equal(n_facts, SWIM_MAX_FACTS);
	assert_true(n_messages >= 3);
	core_free(&core);
}

static void stranger_is_asked_who_is_there(void **state)
{
	(void)state;
	struct core core = core_in_group(1);

	core_run(&core, 3000, 0);
	core_receive(&core, 50, (struct swim_message){ .kind = SWIM_GOSSIP });
	assert_non_null(core_sent(&core, SWIM_SYNC_OPEN, 50));
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_asked_now_and_then),
		cmocka_unit_test(differing_buckets_are_sent_and_no_others),
		cmocka_unit_test(members_that_agree_say_so_in_few_bytes),
		cmocka_unit_test(reply_has_only_what_the_other_lacked),
		cmocka_unit_test(nothing_lacking_no_reply),
		cmocka_unit_test(much_is_cut_into_messages_that_fit),
		cmocka_unit_test(stranger_is_asked_who_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
