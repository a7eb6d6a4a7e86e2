/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/tls_peer: what a certificate says, and which hosts a connection is for.
 */
#include "tests/unit/core/net/tls_ends.h"

static const char *const files[] = {
	"ca.crt", "ca.key", "a.crt", "a.key", "me.crt", "me.key", NULL
};
static struct test_folder folder;

struct meeting {
	struct tls_context *server, *client;
	struct ends ends;
};

/* `name`: SNI, or an IP address: none. */
static void meet(struct meeting *meeting, const char *name, bool shown)
{
	char files_at[5][NET_TEST_PATH], error[256];
	const struct tls_server_conf server = {
		.certificate_file = test_file(&folder, "a.crt", files_at[0]),
		.key_file = test_file(&folder, "a.key", files_at[1]),
		.client_ca_file = test_file(&folder, "ca.crt", files_at[2]),
		.min_version = TLS1_2_VERSION,
		.max_version = TLS1_3_VERSION,
	};
	const struct tls_client_conf client = {
		.insecure = true,
		.certificate_file = shown ? test_file(&folder, "me.crt", files_at[3]) : NULL,
		.key_file = test_file(&folder, "me.key", files_at[4]),
	};

	assert_int_equal(tls_server_new(&server, &meeting->server, error), 0);
	assert_int_equal(tls_client_new(&client, &meeting->client, error), 0);
	ends_open(&meeting->ends, meeting->server, meeting->client, name);
	ends_shake(&meeting->ends);
	assert_true(meeting->ends.done);
}

static void part(struct meeting *meeting)
{
	ends_close(&meeting->ends);
	tls_unref(meeting->server);
	tls_unref(meeting->client);
}

static void shown_certificate_can_be_read(void **state)
{
	struct meeting meeting;
	struct tls_peer peer;
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	meet(&meeting, "a.test", true);
	assert_true(tls_peer_read(meeting.ends.server, &arena, &peer));
	assert_true(span_eq(peer.subject, SPAN_LIT("CN=me\\, myself")));
	assert_true(span_eq(peer.issuer, SPAN_LIT("CN=authority")));
	assert_true(span_eq(peer.serial, SPAN_LIT("ff")));
	assert_int_equal(peer.fingerprint.len, 64);
	assert_true(span_starts(peer.der_base64, SPAN_LIT("MII")));
	part(&meeting);
	meet(&meeting, "a.test", false);
	assert_false(tls_peer_read(meeting.ends.server, &arena, &peer));
	assert_int_equal(peer.subject.len, 0);
	part(&meeting);
	arena_fini(&arena);
}

static void connection_is_for_the_hosts_of_its_certificate(void **state)
{
	static const struct {
		const char *asked, *host;
		bool covers;
	} cases[] = {
		{ "a.test", "a.test", true },
		{ "a.test", "b.test", true }, /* the certificate holds it, too */
		{ "a.test", "x.wild.test", true },
		{ "a.test", "x.y.wild.test", false },
		{ "a.test", "wild.test", false },
		{ "a.test", "c.test", false },
		{ "a.test", "127.0.0.1", true },
		{ "a.test", "127.0.0.2", false },
		{ "a.test", "[::1]", true },
		{ "a.test", "[::2]", false },
		/* Asked for what nobody has, or for nothing. */
		{ "unknown.test", "c.test", true },
		{ "127.0.0.1", "c.test", true },
		{ "127.0.0.2", "127.0.0.2", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct span host = span_str(cases[i].host);
		struct meeting meeting;
		meet(&meeting, cases[i].asked, false);
		const SSL *ssl = meeting.ends.server;
		if ((tls_ssl_asked(ssl, host) || tls_ssl_covers(ssl, host)) != cases[i].covers)
			fail_msg("%s with %s", cases[i].host, cases[i].asked);
		part(&meeting);
	}
}

static int folder_make(void **state)
{
	static const struct cert_wish ca = { .cn = "authority", .authority = true };
	static const struct cert_wish a = {
		.cn = "a.test",
		.issuer = "ca",
		.sans = "DNS:a.test,DNS:b.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1",
	};
	static const struct cert_wish me = { .cn = "me, myself", .issuer = "ca", .serial = 255 };

	(void)state;
	test_folder_make(&folder);
	cert_issue(&folder, "ca", &ca);
	cert_issue(&folder, "a", &a);
	cert_issue(&folder, "me", &me);
	return 0;
}

static int folder_remove(void **state)
{
	(void)state;
	test_folder_remove(&folder, files);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shown_certificate_can_be_read),
		cmocka_unit_test(connection_is_for_the_hosts_of_its_certificate),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
