/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz: a datagram of gossip: as it comes from a stranger, and what lies in an envelope that
 * opened.
 */
#include "cluster/wire/links.h"
#include "cluster/wire/wire.h"
#include "core/must.h"
#include "tests/fuzz/fuzz_member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sent_bytes;

static void on_send(void *arg, const struct addr *to, struct span packet)
{
	(void)arg;
	(void)to;
	sent_bytes += packet.len;
}

static void on_deliver(void *arg, const struct member_id *from, const struct addr *addr,
		       struct span plain)
{
	(void)arg;
	(void)from;
	(void)addr;
	(void)plain;
	UNREACHABLE(); /* nobody here has a session */
}

static void on_met(void *arg, const struct proven_member *other, const struct addr *addr)
{
	(void)arg;
	(void)other;
	(void)addr;
	UNREACHABLE();
}

static void on_refused(void *arg, const struct addr *by, enum seal_hint why)
{
	(void)arg;
	(void)by;
	(void)why;
	UNREACHABLE(); /* we have greeted nobody */
}

static void on_rejected(void *arg, const struct addr *from, enum reject why)
{
	(void)arg;
	(void)from;
	MUST(reject_word(why));
}

static void fuzz_links(struct span packet)
{
	static const struct links_out out = { .send = on_send,
					      .deliver = on_deliver,
					      .met = on_met,
					      .refused = on_refused,
					      .rejected = on_rejected };
	static struct links *links;
	struct addr from;

	MUST(addr_parse(SPAN_LIT("192.0.2.1:7946"), &from));
	if (!links)
		MUST(links_new(fuzz_member_self(), &out, NULL, &links) == 0);
	sent_bytes = 0;
	links_receive(links, mono_read(), 1, &from, packet);
	MUST(sent_bytes <= packet.len);
}

/* What came in goes out and comes in again as the same bytes. */
static void fuzz_message(struct span bytes)
{
	static uint8_t first[SWIM_MAX_STREAM_BYTES], second[SWIM_MAX_STREAM_BYTES];
	struct swim_message message;
	struct door in, out;

	door_init(&in, SWIM_MAX_STREAM_BYTES);
	door_init(&out, SWIM_MAX_STREAM_BYTES);
	if (wire_decode(&in, bytes, &message) == WIRE_OK) {
		MUST(swim_message_ok(&message));
		size_t len = wire_encode(&out, &message, first, sizeof(first));
		if (len > 0) {
			MUST(wire_decode(&in, span_of(first, len), &message) == WIRE_OK);
			MUST(wire_encode(&out, &message, second, sizeof(second)) == len);
			MUST(memcmp(first, second, len) == 0);
		}
	}
	door_fini(&in);
	door_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_links(span_of(data, size));
	fuzz_message(span_of(data, size));
	return 0;
}
