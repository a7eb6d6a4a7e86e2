/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/tls: contexts, apart from connections. Handshakes are made in memory.
 */
#include "core/net/tls.h"

#include <pthread.h>

#include "tests/unit/core/net/tls_ends.h"

static const char *const files[] = { "a.crt",  "a.key",  "b.crt", "b.key",
				     "cn.crt", "cn.key", "junk",  NULL };
static struct test_folder folder;
static const uint8_t alpn_h1[] = "\x08http/1.1", alpn_both[] = "\x02h2\x08http/1.1";

static struct tls_context *server_of(const char *name, const uint8_t *alpn, size_t alpn_len)
{
	char certificate[NET_TEST_PATH], key[NET_TEST_PATH], file[64], error[256] = "";
	struct tls_context *tls = NULL;

	snprintf(file, sizeof(file), "%.32s.crt", name);
	test_file(&folder, file, certificate);
	snprintf(file, sizeof(file), "%.32s.key", name);
	test_file(&folder, file, key);
	const struct tls_server_conf conf = { .certificate_file = certificate,
					      .key_file = key,
					      .min_version = TLS1_2_VERSION,
					      .max_version = TLS1_3_VERSION,
					      .alpn = alpn,
					      .alpn_len = alpn_len };
	if (tls_server_new(&conf, &tls, error) != 0)
		fail_msg("%s", error);
	return tls;
}

static struct tls_context *client_of(const char *ca_name)
{
	char ca[NET_TEST_PATH], file[64], error[256] = "";
	struct tls_context *tls = NULL;

	snprintf(file, sizeof(file), "%.32s.crt", ca_name);
	const struct tls_client_conf conf = { .ca_file = test_file(&folder, file, ca) };
	if (tls_client_new(&conf, &tls, error) != 0)
		fail_msg("%s", error);
	return tls;
}

static void handshake_of_verified_name_succeeds_with_tls_1_3(void **state)
{
	struct tls_context *server = server_of("a", NULL, 0), *client = client_of("a");
	struct ends ends;

	(void)state;
	ends_open(&ends, server, client, "a.test");
	ends_shake(&ends);
	assert_true(ends.done);
	assert_string_equal(SSL_get_version(ends.client), "TLSv1.3");
	ends_close(&ends);
	ends_open(&ends, server, client, "127.0.0.1");
	ends_shake(&ends);
	assert_true(ends.done);
	assert_null(SSL_get_servername(ends.server, TLSEXT_NAMETYPE_host_name));
	ends_close(&ends);
	tls_unref(server);
	tls_unref(client);
}

static void wrong_name_and_unknown_authority_are_told_as_text(void **state)
{
	struct tls_context *server = server_of("a", NULL, 0), *client = client_of("a");
	struct tls_context *stranger = client_of("b");
	struct ends ends;

	(void)state;
	ends_open(&ends, server, client, "other.test");
	ends_shake(&ends);
	assert_false(ends.done);
	assert_non_null(ends.client_error);
	assert_string_equal(ends.client_error, "hostname mismatch");
	ends_close(&ends);
	ends_open(&ends, server, stranger, "a.test");
	ends_shake(&ends);
	assert_non_null(ends.client_error);
	assert_non_null(strstr(ends.client_error, "self-signed"));
	ends_close(&ends);
	tls_unref(server);
	tls_unref(client);
	tls_unref(stranger);
}

static void alpn_follows_the_servers_preference(void **state)
{
	struct tls_context *server = server_of("a", alpn_both, sizeof(alpn_both) - 1);
	struct tls_context *client = client_of("a");
	const uint8_t *agreed;
	unsigned len;
	struct ends ends;

	(void)state;
	ends_open(&ends, server, client, "a.test");
	SSL_set_alpn_protos(ends.client, (const uint8_t *)"\x08http/1.1\x02h2", 12);
	ends_shake(&ends);
	assert_true(ends.done);
	SSL_get0_alpn_selected(ends.client, &agreed, &len);
	assert_true(span_eq(span_of(agreed, len), SPAN_LIT("h2")));
	ends_close(&ends);
	tls_unref(server);
	tls_unref(client);
}

static void alpn_without_a_common_protocol_is_refused(void **state)
{
	struct tls_context *server = server_of("a", alpn_h1, sizeof(alpn_h1) - 1);
	struct tls_context *client = client_of("a");
	struct ends ends;

	(void)state;
	ends_open(&ends, server, client, "a.test");
	SSL_set_alpn_protos(ends.client,
			    (const uint8_t *)"\x03"
					     "foo",
			    4);
	ends_shake(&ends);
	assert_false(ends.done);
	assert_non_null(ends.client_error);
	assert_non_null(strstr(ends.client_error, "no application protocol"));
	ends_close(&ends);
	tls_unref(server);
	tls_unref(client);
}

struct chooser {
	struct tls_context *by_name;
	char seen[256];
};

static struct tls_context *choose(struct span name, void *arg)
{
	struct chooser *chooser = arg;

	snprintf(chooser->seen, sizeof(chooser->seen), "%.*s", SPAN_FMT(name));
	return chooser->by_name;
}

static void sni_changes_certificate_and_alpn(void **state)
{
	struct tls_context *a = server_of("a", NULL, 0);
	struct tls_context *b = server_of("b", alpn_h1, sizeof(alpn_h1) - 1);
	struct tls_context *client = client_of("b");
	struct chooser chooser = { .by_name = b };
	const uint8_t *agreed;
	unsigned len;
	struct ends ends;

	(void)state;
	tls_server_set_sni(a, choose, &chooser);
	ends_open(&ends, a, client, "B.test");
	SSL_set_alpn_protos(ends.client, alpn_both, sizeof(alpn_both) - 1);
	assert_false(end_step(ends.client, &ends.client_error));
	assert_false(end_step(ends.server, &ends.server_error));
	tls_unref(b); /* the connection keeps what it was given */
	ends_shake(&ends);
	if (!ends.done)
		fail_msg("%s", ends.client_error);
	assert_string_equal(chooser.seen, "b.test");
	SSL_get0_alpn_selected(ends.client, &agreed, &len);
	assert_true(span_eq(span_of(agreed, len), SPAN_LIT("http/1.1")));
	ends_close(&ends);
	tls_unref(a);
	tls_unref(client);
}

static void refused_sni_ends_the_handshake(void **state)
{
	struct tls_context *a = server_of("a", NULL, 0), *client = client_of("a");
	struct chooser chooser = { .by_name = NULL };
	struct ends ends;

	(void)state;
	tls_server_set_sni(a, choose, &chooser);
	ends_open(&ends, a, client, "a.test");
	ends_shake(&ends);
	assert_false(ends.done);
	assert_non_null(ends.client_error);
	assert_non_null(strstr(ends.client_error, "unrecognized name"));
	ends_close(&ends);
	tls_unref(a);
	tls_unref(client);
}

static void client_of_tls_1_2_gets_an_intermediate_cipher(void **state)
{
	struct tls_context *server = server_of("a", NULL, 0), *client = client_of("a");
	struct ends ends;

	(void)state;
	ends_open(&ends, server, client, "a.test");
	SSL_set_max_proto_version(ends.client, TLS1_2_VERSION);
	ends_shake(&ends);
	assert_true(ends.done);
	assert_string_equal(SSL_get_cipher_name(ends.client), "ECDHE-ECDSA-AES128-GCM-SHA256");
	ends_close(&ends);
	tls_unref(server);
	tls_unref(client);
}

static void failed_server(const char *certificate, const char *key, int expected, const char *text)
{
	char certificate_path[NET_TEST_PATH], key_path[NET_TEST_PATH], error[256] = "";
	struct tls_context *tls = NULL;
	const struct tls_server_conf conf = {
		.certificate_file = test_file(&folder, certificate, certificate_path),
		.key_file = test_file(&folder, key, key_path),
		.min_version = TLS1_2_VERSION,
		.max_version = TLS1_3_VERSION,
	};

	assert_int_equal(tls_server_new(&conf, &tls, error), expected);
	assert_null(tls);
	if (!strstr(error, text))
		fail_msg("'%s' has no '%s'", error, text);
}

static void what_is_wrong_with_a_file_is_said_with_its_name(void **state)
{
	char path[NET_TEST_PATH];

	(void)state;
	FILE *out = fopen(test_file(&folder, "junk", path), "w");
	assert_non_null(out);
	fputs("no certificate\n", out);
	fclose(out);
	failed_server("absent", "a.key", -ENOENT, "absent: ");
	failed_server("junk", "a.key", -EINVAL, "junk: no certificate in PEM form");
	failed_server("a.crt", "junk", -EINVAL, "junk: no private key");
	failed_server("a.crt", "b.key", -EINVAL, "b.key: no private key of this certificate");
}

struct names {
	char text[256];
};

static void on_name(struct span name, void *arg)
{
	struct names *names = arg;
	size_t len = strlen(names->text);

	snprintf(names->text + len, sizeof(names->text) - len, "%.*s ", SPAN_FMT(name));
}

static void names_come_from_the_certificate_in_lower_case(void **state)
{
	struct tls_context *a = server_of("a", NULL, 0), *cn = server_of("cn", NULL, 0);
	struct names names = { "" };

	(void)state;
	tls_server_names(a, on_name, &names);
	assert_string_equal(names.text, "a.test *.wild.test ");
	names.text[0] = 0;
	tls_server_names(cn, on_name, &names);
	assert_string_equal(names.text, "only-cn.test ");
	tls_unref(a);
	tls_unref(cn);
}

struct shared {
	struct tls_context *server, *client;
	unsigned n_done;
};

static void *shake_often(void *arg)
{
	struct shared *shared = arg;

	for (int i = 0; i < 20; i++) {
		struct ends ends;
		ends_open(&ends, shared->server, shared->client, "a.test");
		ends_shake(&ends);
		shared->n_done += ends.done;
		ends_close(&ends);
		tls_unref(tls_ref(shared->server));
	}
	return NULL;
}

static void threads_share_one_context(void **state)
{
	struct tls_context *server = server_of("a", NULL, 0), *client = client_of("a");
	struct shared shared[2] = { { server, client, 0 }, { server, client, 0 } };
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, shake_often, &shared[i]), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(shared[i].n_done, 20);
	}
	tls_unref(server);
	tls_unref(client);
}

static int folder_make(void **state)
{
	(void)state;
	test_folder_make(&folder);
	cert_make(&folder, "a", "a.test", "DNS:A.test,DNS:*.wild.test,IP:127.0.0.1");
	cert_make(&folder, "b", "b.test", "DNS:b.test");
	cert_make(&folder, "cn", "Only-CN.test", NULL);
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
		cmocka_unit_test(handshake_of_verified_name_succeeds_with_tls_1_3),
		cmocka_unit_test(wrong_name_and_unknown_authority_are_told_as_text),
		cmocka_unit_test(alpn_follows_the_servers_preference),
		cmocka_unit_test(alpn_without_a_common_protocol_is_refused),
		cmocka_unit_test(sni_changes_certificate_and_alpn),
		cmocka_unit_test(refused_sni_ends_the_handshake),
		cmocka_unit_test(client_of_tls_1_2_gets_an_intermediate_cipher),
		cmocka_unit_test(what_is_wrong_with_a_file_is_said_with_its_name),
		cmocka_unit_test(names_come_from_the_certificate_in_lower_case),
		cmocka_unit_test(threads_share_one_context),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
