/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/resolver, against a name server of a few lines on the same loop.
 */
#include "core/net/resolver.h"

#include "core/cursor.h"
#include "tests/unit/core/net/net_test.h"

enum { TYPE_A = 1, TYPE_AAAA = 28, MAX_PACKET = 512 };

struct bench {
	struct loop *loop;
	struct resolver *resolver;
	struct loop_io server;
	bool silent;
	unsigned n_told, n_asked;
	struct resolved told;
	bool frees_when_told;
};

static void u16_put(uint8_t **at, unsigned value)
{
	*(*at)++ = (uint8_t)(value >> 8);
	*(*at)++ = (uint8_t)value;
}

static void record_put(uint8_t **at, unsigned type, unsigned ttl_s, struct span rdata)
{
	u16_put(at, 0xc00c); /* the name of the question */
	u16_put(at, type);
	u16_put(at, 1);
	u16_put(at, 0);
	u16_put(at, ttl_s);
	u16_put(at, (unsigned)rdata.len);
	memcpy(*at, rdata.at, rdata.len);
	*at += rdata.len;
}

/* Two A records and one AAAA for a.test; NXDOMAIN for the rest. */
static size_t answer_make(const uint8_t *question, size_t len, uint8_t *answer)
{
	struct cursor c = cursor_over(span_of(question, len));
	uint8_t label, *at = answer + len;
	unsigned n = 0;

	cursor_skip(&c, 12);
	bool known = span_starts(c.rest, SPAN_LIT("\1a\4test\0"));
	while ((label = cursor_u8(&c)))
		cursor_skip(&c, label);
	uint16_t type = cursor_u16(&c);
	cursor_skip(&c, 2);
	size_t end = cursor_offset(&c);
	assert_false(c.failed);
	memcpy(answer, question, end);
	at = answer + end;
	if (known && type == TYPE_A) {
		record_put(&at, TYPE_A, 300, SPAN_LIT("\300\0\2\1"));
		record_put(&at, TYPE_A, 60, SPAN_LIT("\300\0\2\2"));
		n = 2;
	} else if (known && type == TYPE_AAAA) {
		record_put(&at, TYPE_AAAA, 120,
			   SPAN_LIT("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
		n = 1;
	}
	uint8_t *head = answer + 2;
	u16_put(&head, known ? 0x8580 : 0x8583);
	u16_put(&head, 1);
	u16_put(&head, n);
	u16_put(&head, 0);
	u16_put(&head, 0);
	return (size_t)(at - answer);
}

static void on_server(void *arg)
{
	struct bench *bench = arg;
	uint8_t question[MAX_PACKET], answer[2 * MAX_PACKET];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);

	ssize_t n = recvfrom(bench->server.fd, question, sizeof(question), 0,
			     (struct sockaddr *)&from, &from_len);
	if (n <= 0)
		return;
	bench->n_asked++;
	if (bench->silent)
		return;
	size_t len = answer_make(question, (size_t)n, answer);
	assert_int_equal(
		sendto(bench->server.fd, answer, len, 0, (struct sockaddr *)&from, from_len), len);
}

static int bench_open(void **state)
{
	static struct bench bench;
	struct addr addr;
	socklen_t len = sizeof(addr.v4);
	char servers[ADDR_TEXT_MAX];

	bench = (struct bench){ .n_told = 0 };
	assert_int_equal(loop_new("test", &bench.loop), 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &addr));
	assert_int_equal(bind(fd, &addr.any, addr.len), 0);
	assert_int_equal(getsockname(fd, &addr.any, &len), 0);
	loop_io_init(&bench.server, bench.loop, fd, on_server, NULL, &bench);
	assert_int_equal(loop_io_want(&bench.server, true, false), 0);
	const struct resolver_conf conf = { .servers = addr_text(&addr, servers),
					    .timeout_ms = 300,
					    .tries = 2 };
	assert_int_equal(resolver_new(bench.loop, &conf, &bench.resolver), 0);
	*state = &bench;
	return 0;
}

static int bench_close(void **state)
{
	struct bench *bench = *state;

	resolver_free(bench->resolver);
	loop_io_stop(&bench->server);
	close(bench->server.fd);
	loop_free(bench->loop);
	return 0;
}

static void on_told(const struct resolved *resolved, void *arg)
{
	struct bench *bench = arg;

	bench->n_told++;
	bench->told = *resolved;
	if (bench->frees_when_told)
		resolver_free(TAKE(bench->resolver));
}

static void ask(struct bench *bench, const char *name)
{
	assert_int_equal(resolver_ask(bench->resolver, name, on_told, bench), 0);
	assert_int_equal(bench->n_told, 0); /* never from inside */
	LOOP_UNTIL(bench->loop, bench->n_told);
	assert_int_equal(bench->n_told, 1);
}

static void name_gives_ipv4_then_ipv6_and_the_least_ttl(void **state)
{
	struct bench *bench = *state;
	char text[IP_TEXT_MAX];

	ask(bench, "a.test");
	assert_int_equal(bench->told.r, 0);
	assert_int_equal(bench->told.n_addrs, 3);
	assert_int_equal(bench->told.ttl_s, 60);
	assert_string_equal(addr_ip_text(&bench->told.addrs[0], text), "192.0.2.1");
	assert_string_equal(addr_ip_text(&bench->told.addrs[1], text), "192.0.2.2");
	assert_string_equal(addr_ip_text(&bench->told.addrs[2], text), "2001:db8::1");
	assert_int_equal(addr_port(&bench->told.addrs[0]), 0);
}

static void unknown_name_is_enoent(void **state)
{
	struct bench *bench = *state;

	ask(bench, "b.test.");
	assert_int_equal(bench->told.r, -ENOENT);
	assert_int_equal(bench->told.n_addrs, 0);
}

static void literal_is_answered_as_itself_without_a_question(void **state)
{
	struct bench *bench = *state;
	char text[IP_TEXT_MAX];

	ask(bench, "2001:db8::7");
	assert_int_equal(bench->told.r, 0);
	assert_int_equal(bench->told.ttl_s, UINT32_MAX);
	assert_string_equal(addr_ip_text(&bench->told.addrs[0], text), "2001:db8::7");
	assert_int_equal(bench->n_asked, 0);
}

static void silent_server_is_a_timeout(void **state)
{
	struct bench *bench = *state;

	bench->silent = true;
	ask(bench, "a.test.");
	assert_int_equal(bench->told.r, -ETIMEDOUT);
	assert_true(bench->n_asked >= 2);
}

static void localhost_comes_from_the_hosts_file(void **state)
{
	struct bench *bench = *state;

	ask(bench, "localhost");
	assert_int_equal(bench->told.r, 0);
	assert_true(addr_is_loopback(&bench->told.addrs[0]));
	assert_int_equal(bench->n_asked, 0);
}

static void freed_resolver_forgets_its_questions(void **state)
{
	struct bench *bench = *state;

	bench->silent = true;
	assert_int_equal(resolver_ask(bench->resolver, "a.test", on_told, bench), 0);
	assert_int_equal(resolver_ask(bench->resolver, "192.0.2.1", on_told, bench), 0);
	resolver_free(TAKE(bench->resolver));
	assert_int_equal(loop_turn(bench->loop, 10), 0);
	assert_int_equal(bench->n_told, 0);
}

static void resolver_may_be_freed_when_it_tells(void **state)
{
	struct bench *bench = *state;

	bench->frees_when_told = true;
	ask(bench, "a.test");
	assert_null(bench->resolver);
}

static void bad_server_list_is_refused(void **state)
{
	struct bench *bench = *state;
	struct resolver *resolver = NULL;
	const struct resolver_conf conf = { .servers = "not an address" };

	assert_int_equal(resolver_new(bench->loop, &conf, &resolver), -EINVAL);
	assert_null(resolver);
}

int main(void)
{
#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		BENCH_TEST(name_gives_ipv4_then_ipv6_and_the_least_ttl),
		BENCH_TEST(unknown_name_is_enoent),
		BENCH_TEST(literal_is_answered_as_itself_without_a_question),
		BENCH_TEST(silent_server_is_a_timeout),
		BENCH_TEST(localhost_comes_from_the_hosts_file),
		BENCH_TEST(freed_resolver_forgets_its_questions),
		BENCH_TEST(resolver_may_be_freed_when_it_tells),
		BENCH_TEST(bad_server_list_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
