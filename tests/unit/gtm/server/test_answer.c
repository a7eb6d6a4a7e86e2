/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/server/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/obj.h"
#include "gtm/server/query.h"
#include "tests/unit/gtm/server/dns_stage.h"

#define SOA "n:example.test 6 ns1.example.test"

enum { TXT = 16 };

struct row {
	const char *clause;
	const char *name;
	uint16_t type;
	unsigned rcode;
	bool aa;
	const char *records;
};

/* clang-format off */
static const struct row rows[] = {
	{ "RFC 1035 3.3.13", "example.test",       DNS_TYPE_SOA, RCODE_NOERROR,  true,  "a:example.test 6 ns1.example.test" },
	{ "RFC 1035 3.3.11", "example.test",       DNS_TYPE_NS,  RCODE_NOERROR,  true,  "a:example.test 2 ns1.example.test; a:example.test 2 ns2.example.test" },
	{ "RFC 1035 4.1",    "www.example.test",   DNS_TYPE_A,   RCODE_NOERROR,  true,  "a:www.example.test 1 192.0.2.80" },
	{ "RFC 3596 2.2",    "www.example.test",   DNS_TYPE_AAAA, RCODE_NOERROR, true,  "a:www.example.test 28 2001:db8::80" },
	{ "RFC 4343 3",      "WwW.eXample.TEST",   DNS_TYPE_A,   RCODE_NOERROR,  true,  "a:WwW.eXample.TEST 1 192.0.2.80" },
	{ "RFC 2308 2.2",    "www.example.test",   TXT,          RCODE_NOERROR,  true,  SOA },
	{ "RFC 2308 2.1",    "no.example.test",    DNS_TYPE_A,   RCODE_NXDOMAIN, true,  SOA },
	{ "RFC 8020 2",      "no.www.example.test", DNS_TYPE_A,  RCODE_NXDOMAIN, true,  SOA },
	{ "RFC 8020 2",      "b.empty.example.test", DNS_TYPE_A, RCODE_NOERROR,  true,  SOA },
	{ "RFC 4592 2.2.2",  "empty.example.test", DNS_TYPE_A,   RCODE_NOERROR,  true,  SOA },
	{ "RFC 4592 2.2.1",  "x.wild.example.test", TXT,         RCODE_NOERROR,  true,  "a:x.wild.example.test 16 any" },
	{ "RFC 4592 2.2.1",  "x.y.wild.example.test", TXT,       RCODE_NOERROR,  true,  "a:x.y.wild.example.test 16 any" },
	{ "RFC 4592 2.2.1",  "x.wild.example.test", DNS_TYPE_A,  RCODE_NOERROR,  true,  SOA },
	{ "RFC 4592 2.2.1",  "*.wild.example.test", TXT,         RCODE_NOERROR,  true,  "a:*.wild.example.test 16 any" },
	{ "RFC 4592 2.2.1",  "below.wild.example.test", TXT,     RCODE_NOERROR,  true,  SOA },
	{ "RFC 4592 3.3.1",  "x.below.wild.example.test", TXT,   RCODE_NXDOMAIN, true,  SOA },
	{ "RFC 4592 2.2.2",  "host.wild.example.test", TXT,      RCODE_NOERROR,  true,  SOA },
	{ "RFC 4592 3.3.1",  "x.host.wild.example.test", TXT,    RCODE_NXDOMAIN, true,  SOA },
	{ "RFC 4592 3.3.1",  "x.*.wild.example.test", TXT,       RCODE_NXDOMAIN, true,  SOA },
	{ "RFC 1034 4.3.2",  "alias.example.test", DNS_TYPE_A,   RCODE_NOERROR,  true,  "a:alias.example.test 5 www.example.test; a:www.example.test 1 192.0.2.80" },
	{ "RFC 1034 3.6.2",  "alias2.example.test", DNS_TYPE_A,  RCODE_NOERROR,  true,  "a:alias2.example.test 5 alias.example.test; a:alias.example.test 5 www.example.test; a:www.example.test 1 192.0.2.80" },
	{ "RFC 1034 3.6.2",  "alias.example.test", DNS_TYPE_CNAME, RCODE_NOERROR, true, "a:alias.example.test 5 www.example.test" },
	{ "RFC 6604 3",      "dangling.example.test", DNS_TYPE_A, RCODE_NXDOMAIN, true, "a:dangling.example.test 5 nobody.example.test; " SOA },
	{ "RFC 2308 2.2",    "nodata.example.test", DNS_TYPE_A,  RCODE_NOERROR,  true,  "a:nodata.example.test 5 txt.example.test; " SOA },
	{ "RFC 1034 4.3.2",  "out.example.test",   DNS_TYPE_A,   RCODE_NOERROR,  true,  "a:out.example.test 5 www.example.net" },
	{ "RFC 1034 4.3.2",  "tochild.example.test", DNS_TYPE_A, RCODE_NOERROR,  true,  "a:tochild.example.test 5 www.child.example.test" },
	{ "RFC 1034 4.3.2",  "child.example.test", DNS_TYPE_A,   RCODE_NOERROR,  false, "n:child.example.test 2 ns.child.example.test; n:child.example.test 2 ns.example.net; x:ns.child.example.test 1 192.0.2.90; x:ns.child.example.test 28 2001:db8::90" },
	{ "RFC 1034 4.2.1",  "x.y.child.example.test", DNS_TYPE_A, RCODE_NOERROR, false, "n:child.example.test 2 ns.child.example.test; n:child.example.test 2 ns.example.net; x:ns.child.example.test 1 192.0.2.90; x:ns.child.example.test 28 2001:db8::90" },
	{ "RFC 1034 4.2.1",  "ns.child.example.test", DNS_TYPE_A, RCODE_NOERROR, false, "n:child.example.test 2 ns.child.example.test; n:child.example.test 2 ns.example.net; x:ns.child.example.test 1 192.0.2.90; x:ns.child.example.test 28 2001:db8::90" },
	{ "RFC 8482 4.1",    "www.example.test",   DNS_TYPE_ANY, RCODE_NOERROR,  true,  "a:www.example.test 1 192.0.2.80" },
	{ "RFC 5936 2.2.1",  "example.test",       DNS_TYPE_AXFR, RCODE_REFUSED, false, "" },
	{ "RFC 1995 2",      "example.test",       DNS_TYPE_IXFR, RCODE_REFUSED, false, "" },
	{ "RFC 1035 4.1.1",  "example.net",        DNS_TYPE_A,   RCODE_REFUSED,  false, "" },
	{ "RFC 1035 4.1.1",  "xexample.test",      DNS_TYPE_A,   RCODE_REFUSED,  false, "" },
	{ "RFC 1035 4.1.1",  "test",               DNS_TYPE_A,   RCODE_REFUSED,  false, "" },
	{ "RFC 1035 4.1.1",  "",                   DNS_TYPE_NS,  RCODE_REFUSED,  false, "" },
	{ "DESIGN steering", "www.geo.example.test", DNS_TYPE_A, RCODE_NOERROR,  true,  "a:www.geo.example.test 1 192.0.2.1" },
	{ "DESIGN steering", "www.geo.example.test", DNS_TYPE_AAAA, RCODE_NOERROR, true, SOA },
	{ "DESIGN steering", "www.geo.example.test", TXT,        RCODE_NOERROR,  true,  SOA },
	{ "DESIGN steering", "togeo.example.test", DNS_TYPE_A,   RCODE_NOERROR,  true,  "a:togeo.example.test 5 www.geo.example.test; a:www.geo.example.test 1 192.0.2.1" },
};
/* clang-format on */

static int set_up(void **state)
{
	*state = stage_new();
	return 0;
}

static int tear_down(void **state)
{
	stage_free(*state);
	return 0;
}

static void each_question_has_the_answer_of_its_rfc(void **state)
{
	char text[2048];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct reply reply;
		print_message("%s: %s %u\n", row->clause, row->name, row->type);
		stage_ask(*state, &(struct ask){ .name = row->name, .type = row->type }, &reply);
		assert_int_equal(reply.id, 0x5157);
		assert_int_equal(reply.rcode, row->rcode);
		assert_int_equal(reply.aa, row->aa);
		assert_false(reply.tc);
		assert_false(reply.has_opt);
		assert_true(reply.flags & 0x0100);
		assert_string_equal(reply.question, row->name);
		assert_string_equal(reply_text(&reply, text, sizeof(text)), row->records);
	}
}

static void a_denial_lives_for_the_soa_minimum(void **state)
{
	struct reply reply; /* RFC 2308 5 */

	stage_ask(*state, &(struct ask){ .name = "no.example.test", .type = 1 }, &reply);
	assert_int_equal(reply.records[0].ttl_s, 300);
}

static void a_loop_of_cnames_ends(void **state)
{
	struct reply reply; /* RFC 1034 3.6.2 */

	stage_ask(*state, &(struct ask){ .name = "loop1.example.test", .type = 1 }, &reply);
	assert_int_equal(reply.rcode, RCODE_NOERROR);
	assert_in_range(reply.n_records, 2, 8);
}

static void what_does_not_fit_sets_tc(void **state)
{
	struct reply reply; /* RFC 2181 9, RFC 6891 6.2.3 */
	struct ask ask = { .name = "big.example.test", .type = TXT };

	stage_ask(*state, &ask, &reply);
	assert_true(reply.tc);
	assert_int_equal(reply.n_records, 0);
	assert_true(reply.len <= 512);
	ask.edns = true;
	stage_ask(*state, &ask, &reply);
	assert_false(reply.tc);
	assert_int_equal(reply.n_records, 6);
	ask.udp_bytes = 100; /* below 512 counts as 512 */
	stage_ask(*state, &ask, &reply);
	assert_true(reply.tc && reply.has_opt);
	assert_true(reply.len <= 512);
}

static void edns_of_another_version_is_badvers(void **state)
{
	struct reply reply; /* RFC 6891 6.1.3 */

	stage_ask(
		*state,
		&(struct ask){ .name = "www.example.test", .type = 1, .edns = true, .version = 1 },
		&reply);
	assert_int_equal(reply.rcode, RCODE_BADVERS);
	assert_int_equal(reply.n_records, 0);
}

static void a_client_subnet_steers_and_comes_back_with_a_scope(void **state)
{
	struct reply reply; /* RFC 7871 7.2.1 */
	struct ask ask = { .name = "www.geo.example.test",
			   .type = 1,
			   .edns = true,
			   .options = "00080007000118008008"
				      "00" }; /* 128.8.0.0/24 */

	stage_ask(*state, &ask, &reply);
	assert_string_equal(reply.records[0].data, "198.51.100.1");
	assert_int_equal(reply.options_len, 11);
	assert_memory_equal(reply.options, "\0\x08\0\x07\0\1\x18", 7);
	assert_in_range(reply.options[7], 1, 24);
	assert_memory_equal(reply.options + 8, "\x80\x08\0", 3);

	ask.name = "www.example.test"; /* not tailored: scope 0 */
	stage_ask(*state, &ask, &reply);
	assert_int_equal(reply.options_len, 11);
	assert_int_equal(reply.options[7], 0);
}

static void a_malformed_client_subnet_is_formerr(void **state)
{
	/* RFC 7871 6 and 7.1.2: address too long, bits past the prefix, a scope, no such family,
	 * twice */
	static const char *const wrong[] = { "000800080001180080080000",
					     "00080007000117008008"
					     "01",
					     "00080007000118188008"
					     "00",
					     "00080007000318008008"
					     "00",
					     "00080004000100000008000400010000",
					     "0008000200"
					     "01" };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct reply reply;
		struct ask ask = {
			.name = "www.geo.example.test", .type = 1, .edns = true, .options = wrong[i]
		};
		print_message("%s\n", wrong[i]);
		stage_ask(*state, &ask, &reply);
		assert_int_equal(reply.rcode, RCODE_FORMERR);
		assert_true(reply.has_opt);
	}
}

static void a_name_with_nothing_known_is_servfail_and_says_why(void **state)
{
	struct stage *stage = *state; /* RFC 8914 4.15 */
	struct steer_table *steer;
	struct reply reply;
	char text[256];

	for (size_t i = 0; i < 2; i++)
		stage->regions[i].n_static_addresses = 0;
	assert_int_equal(steer_table_new(&stage->conf, stage->geo, NULL, &steer), 0);
	stage->serving.steer = steer;
	stage_ask(stage, &(struct ask){ .name = "dark.geo.example.test", .type = 1, .edns = true },
		  &reply);
	stage->serving.steer = stage->steer;
	snapshot_unref(steer_table_snapshot(steer));
	assert_int_equal(reply.rcode, RCODE_SERVFAIL);
	assert_false(reply.aa);
	assert_string_equal(reply_text(&reply, text, sizeof(text)), "");
	assert_int_equal(reply.options_len, 6);
	assert_memory_equal(reply.options, "\0\x0f\0\x02\0\x0e", 6);
}

static void a_referral_whose_glue_does_not_fit_sets_tc(void **state)
{
	struct stage *stage = *state; /* RFC 9471 2 */
	struct zone_set *zones;
	struct reply reply;
	char text[4096] = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n";

	for (unsigned i = 0; i < 9; i++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used,
			 "kid NS n%u.kid\nn%u.kid A 192.0.2.9\nn%u.kid AAAA 2001:db8::1\n", i, i,
			 i);
	}
	assert_int_equal(zone_set_new(&zones), 0);
	assert_int_equal(zone_set_add(zones, stage_zone("glue.test", text, NULL, 0)), 0);
	stage->serving.zones = zones;
	stage_ask(stage, &(struct ask){ .name = "kid.glue.test", .type = 1 }, &reply);
	assert_true(reply.tc);
	stage_ask(stage, &(struct ask){ .name = "kid.glue.test", .type = 1, .edns = true }, &reply);
	assert_false(reply.tc);
	assert_int_equal(reply.n_records, 27);
	stage->serving.zones = stage->zones;
	snapshot_unref(zone_set_snapshot(zones));
}

static void over_tcp_a_packet_may_be_long(void **state)
{
	struct stage *stage = *state; /* RFC 1035 4.2.2 */
	static uint8_t out[ANSWER_MAX];
	uint8_t packet[512];
	struct reply reply;
	size_t len = stage_query(&(struct ask){ .name = "big.example.test", .type = TXT }, packet,
				 sizeof(packet));

	size_t n = answer_make(&stage->serving, span_of(packet, len), &stage->resolver, ANSWER_TCP,
			       out, sizeof(out));
	assert_true(reply_parse(span_of(out, n), &reply));
	assert_false(reply.tc);
	assert_int_equal(reply.n_records, 6);
}

static void what_is_no_query_gets_what_it_deserves(void **state)
{
	struct stage *stage = *state; /* RFC 1035 4.1.1, RFC 9619 4 */
	uint8_t packet[512], out[1232];
	struct reply reply;
	size_t len = stage_query(&(struct ask){ .name = "www.example.test", .type = 1 }, packet,
				 sizeof(packet));
	static const struct {
		size_t at;
		uint8_t byte;
		int rcode; /* -1: silence */
	} changes[] = { { 2, 0x81, -1 },           { 2, 0x21, RCODE_NOTIMP },
			{ 5, 2, RCODE_FORMERR },   { 5, 0, RCODE_FORMERR },
			{ 7, 1, RCODE_FORMERR },   { 9, 1, RCODE_FORMERR },
			{ 11, 1, RCODE_FORMERR },  { 12, 0xc0, RCODE_FORMERR },
			{ 12, 64, RCODE_FORMERR }, { 33, 3, RCODE_REFUSED } };

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		uint8_t changed[512];
		memcpy(changed, packet, len);
		changed[changes[i].at] = changes[i].byte;
		size_t n = answer_make(&stage->serving, span_of(changed, len), &stage->resolver,
				       ANSWER_UDP, out, sizeof(out));
		print_message("byte %zu = %u\n", changes[i].at, changes[i].byte);
		assert_int_equal(n == 0, changes[i].rcode < 0);
		if (n == 0)
			continue;
		assert_true(reply_parse(span_of(out, n), &reply));
		assert_int_equal(reply.rcode, changes[i].rcode);
	}
	for (size_t n = 0; n < len; n++) {
		size_t got = answer_make(&stage->serving, span_of(packet, n), &stage->resolver,
					 ANSWER_UDP, out, sizeof(out));
		assert_int_equal(got > 0, n >= 12);
		assert_true(got == 0 || (out[3] & 15) == RCODE_FORMERR);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_question_has_the_answer_of_its_rfc),
		cmocka_unit_test(a_denial_lives_for_the_soa_minimum),
		cmocka_unit_test(a_loop_of_cnames_ends),
		cmocka_unit_test(what_does_not_fit_sets_tc),
		cmocka_unit_test(edns_of_another_version_is_badvers),
		cmocka_unit_test(a_client_subnet_steers_and_comes_back_with_a_scope),
		cmocka_unit_test(a_malformed_client_subnet_is_formerr),
		cmocka_unit_test(a_name_with_nothing_known_is_servfail_and_says_why),
		cmocka_unit_test(a_referral_whose_glue_does_not_fit_sets_tc),
		cmocka_unit_test(over_tcp_a_packet_may_be_long),
		cmocka_unit_test(what_is_no_query_gets_what_it_deserves),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
