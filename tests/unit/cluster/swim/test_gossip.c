/* SPDX-License-Identifier: Apache-2.0 */
#include "core_fixture.h"

static void news_goes_out_so_often_and_then_rests(void **state)
{
	(void)state;
	struct core core = core_in_group(9);
	size_t n_told = 0;

	core_run(&core, 3000, 0); /* the group itself has been told */
	core_step(&core, &(struct swim_event){
				 .kind = SWIM_PUBLISH, .key = 1, .bytes = SPAN_LIT("news") });
	do {
		for (size_t i = 0; i < core.did.n_sends; i++)
			n_told += core.did.sends[i].message.n_facts;
	} while (core_run(&core, 1000, SWIM_GOSSIP) || core_run(&core, 200, SWIM_PING));
	assert_in_range(n_told, 1, swim_spread_times(&swim_conf_region, 10));
	core_free(&core);
}

static void large_fact_goes_by_tcp(void **state)
{
	(void)state;
	static uint8_t bytes[SWIM_MAX_FACT_BYTES];
	struct core core = core_in_group(3);

	core_step(&core, &(struct swim_event){ .kind = SWIM_PUBLISH,
					       .key = 1,
					       .bytes = span_of(bytes, sizeof(bytes)) });
	for (size_t i = 0; i < 20; i++) {
		for (size_t s = 0; s < core.did.n_sends; s++) {
			const struct swim_send *send = &core.did.sends[s];

			if (send->message.kind == SWIM_GOSSIP && send->message.n_facts) {
				assert_int_equal(send->via, SWIM_TCP);
				core_free(&core);
				return;
			}
		}
		core_run(&core, 200, SWIM_GOSSIP);
	}
	fail_msg("it was never sent");
}

static void alone_there_is_nothing_to_do(void **state)
{
	(void)state;
	struct core core = core_new();

	assert_false(core_run(&core, 5000, SWIM_GOSSIP));
	core_free(&core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(news_goes_out_so_often_and_then_rests),
		cmocka_unit_test(large_fact_goes_by_tcp),
		cmocka_unit_test(alone_there_is_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
