/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_dns_query: any packet gets silence or a well-formed answer with its id that is not longer
 * than the asker takes.
 */
#include "core/obj.h"
#include "gtm/server/query.h"
#include "tests/unit/gtm/server/dns_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct stage *stage, struct span packet, enum answer_transport transport)
{
	static uint8_t out[ANSWER_MAX];
	struct query query = { 0 };
	struct reply reply;
	int outcome = query_parse(packet, &query);
	size_t room = transport == ANSWER_UDP ? DNS_MAX_UDP : ANSWER_MAX;
	size_t len = answer_make(&stage->serving, packet, &stage->resolver, transport, out, room);

	MUST((len == 0) == (outcome == QUERY_IGNORE));
	if (len == 0)
		return;
	MUST(len <= (transport == ANSWER_UDP ? query.udp_bytes : room));
	MUST(reply_parse(span_of(out, len), &reply));
	MUST(reply.id == (packet.at[0] << 8 | packet.at[1]));
	MUST(reply.has_opt == query.has_edns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stage *stage;

	if (!stage)
		stage = stage_new();
	check(stage, span_of(data, size), ANSWER_UDP);
	check(stage, span_of(data, size), ANSWER_TCP);
	return 0;
}
