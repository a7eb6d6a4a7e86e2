/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/tls_server: keys of two types, sessions and their boundaries, certificates of
 * clients, refused settings.
 */
#include <sys/stat.h>

#include "tests/unit/core/net/tls_ends.h"

static const char *const files[] = { "ca.crt",  "ca.key",    "ec.crt",    "ec.key",    "rsa.crt",
				     "rsa.key", "other.crt", "other.key", "alice.crt", "alice.key",
				     "bob.crt", "bob.key",   "none.crl",  "bob.crl",   "now.crl",
				     "ca2.crt", "ca2.key",   "eve.crt",   "eve.key",   NULL };
static struct test_folder folder;
static char paths[16][NET_TEST_PATH];

/* The path of a file, for the length of a test. */
static const char *at(const char *name)
{
	static unsigned n;

	return test_file(&folder, name, paths[n++ % ARRAY_LEN(paths)]);
}

static struct tls_server_conf conf_of(const char *certificate, const char *key)
{
	return (struct tls_server_conf){ .certificate_file = at(certificate),
					 .key_file = at(key),
					 .min_version = TLS1_2_VERSION,
					 .max_version = TLS1_3_VERSION };
}

static struct tls_context *server_new(const struct tls_server_conf *conf)
{
	struct tls_context *tls = NULL;
	char error[256] = "";

	if (tls_server_new(conf, &tls, error) != 0)
		fail_msg("%s", error);
	return tls;
}

/* `name` NULL: without a certificate. */
static struct tls_context *client_new(const char *name)
{
	char certificate[64], key[64], error[256] = "";
	struct tls_context *tls = NULL;

	snprintf(certificate, sizeof(certificate), "%s.crt", name ? name : "");
	snprintf(key, sizeof(key), "%s.key", name ? name : "");
	const struct tls_client_conf conf = {
		.ca_file = at("ca.crt"),
		.certificate_file = name ? at(certificate) : NULL,
		.key_file = name ? at(key) : NULL,
	};
	if (tls_client_new(&conf, &tls, error) != 0)
		fail_msg("%s", error);
	return tls;
}

static int key_type(const struct ends *ends)
{
	return EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(ends->client)));
}

/* ---- two types of keys ---- */

static int type_for(struct tls_context *server, struct tls_context *client, const char *algorithms)
{
	char *list = strdup(algorithms); /* OpenSSL's macro wants it writable */
	struct ends ends;

	ends_open(&ends, server, client, "a.test");
	assert_int_equal(SSL_set1_sigalgs_list(ends.client, list), 1);
	free(list);
	ends_shake(&ends);
	assert_true(ends.done);
	int type = key_type(&ends);
	ends_close(&ends);
	return type;
}

static void clients_get_the_key_that_they_can_verify(void **state)
{
	const struct tls_server_conf conf = conf_of("ec.crt", "ec.key");
	const struct tls_client_conf trusting = { .insecure = true };
	struct tls_context *server = server_new(&conf), *client;
	char error[256] = "";

	(void)state;
	assert_int_equal(tls_server_add(server, at("rsa.crt"), at("rsa.key"), error), 0);
	assert_int_equal(tls_server_key_type(server), TLS_KEY_EC);
	assert_int_equal(tls_client_new(&trusting, &client, error), 0);
	assert_int_equal(type_for(server, client, "ECDSA+SHA256"), EVP_PKEY_EC);
	assert_int_equal(type_for(server, client, "ECDSA+SHA256:RSA-PSS+SHA256"), EVP_PKEY_EC);
	assert_int_equal(type_for(server, client, "RSA-PSS+SHA256"), EVP_PKEY_RSA);
	assert_int_equal(tls_server_add(server, at("rsa.crt"), at("ec.key"), error), -EINVAL);
	tls_unref(server);
	tls_unref(client);
}

/* ---- sessions ---- */

/* Does a session that `first` gave resume at `second`? */
static bool resumes(struct tls_context *first, struct tls_context *second,
		    struct tls_context *client, int version)
{
	struct tls_context *servers[] = { first, second };
	struct tls_resume *resume;
	bool reused = false;

	assert_int_equal(tls_resume_new(&resume), 0);
	for (int i = 0; i < 2; i++) {
		struct ends ends;
		ends_open(&ends, servers[i], client, "a.test");
		SSL_set_max_proto_version(ends.client, version);
		tls_resume_use(resume, ends.client);
		ends_shake(&ends);
		if (!ends.done)
			fail_msg("%s %s", ends.client_error, ends.server_error);
		ends_settle(&ends);
		reused = SSL_session_reused(ends.client);
		assert_int_equal(SSL_session_reused(ends.server), reused);
		SSL_shutdown(ends.client);
		ends_close(&ends);
	}
	tls_resume_unref(resume);
	return reused;
}

static void tickets_outlive_their_context_but_cross_no_boundary(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_server_conf conf = conf_of("ec.crt", "ec.key");
	struct tls_server_conf names = conf_of("other.crt", "other.key");
	struct tls_context *client = client_new(NULL);

	(void)state;
	assert_int_equal(tls_tickets_new(&conf.tickets), 0);
	names.tickets = conf.tickets;
	conf.policy = names.policy = "www";
	struct tls_context *a = server_new(&conf), *again = server_new(&conf);
	struct tls_context *other_names = server_new(&names);
	conf.policy = "intern";
	struct tls_context *other_policy = server_new(&conf);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		assert_true(resumes(a, a, client, versions[i]));
		assert_true(resumes(a, again, client, versions[i]));
		assert_false(resumes(a, other_names, client, versions[i]));
		assert_false(resumes(a, other_policy, client, versions[i]));
	}
	tls_tickets_unref(conf.tickets);
	tls_unref(a);
	tls_unref(again);
	tls_unref(other_names);
	tls_unref(other_policy);
	tls_unref(client);
}

static bool resumes_after_rotations(struct tls_context *server, struct tls_context *client,
				    struct tls_tickets *tickets, int n)
{
	struct tls_resume *resume;
	bool reused = false;

	assert_int_equal(tls_resume_new(&resume), 0);
	for (int i = 0; i < 2; i++) {
		struct ends ends;
		ends_open(&ends, server, client, "a.test");
		tls_resume_use(resume, ends.client);
		ends_shake(&ends);
		assert_true(ends.done);
		ends_settle(&ends);
		reused = SSL_session_reused(ends.client);
		assert_true(tls_resume_has(resume)); /* a resumption, too, brings the next */
		SSL_shutdown(ends.client);
		ends_close(&ends);
		for (int k = 0; k < n && i == 0; k++)
			assert_int_equal(tls_tickets_rotate(tickets), 0);
	}
	tls_resume_unref(resume);
	return reused;
}

static void ticket_opens_as_long_as_its_key_is_kept(void **state)
{
	struct tls_server_conf conf = conf_of("ec.crt", "ec.key");

	(void)state;
	assert_int_equal(tls_tickets_new(&conf.tickets), 0);
	struct tls_context *server = server_new(&conf), *client = client_new(NULL);
	for (int n = 0; n < TLS_TICKET_KEYS; n++)
		assert_true(resumes_after_rotations(server, client, conf.tickets, n));
	assert_false(resumes_after_rotations(server, client, conf.tickets, TLS_TICKET_KEYS));
	tls_tickets_unref(conf.tickets);
	tls_unref(server);
	tls_unref(client);
}

/* ---- certificates of clients ---- */

static bool enters(struct tls_context *server, const char *name, const char **ret_error)
{
	struct tls_context *client = client_new(name);
	struct ends ends;

	*ret_error = "";
	ends_open(&ends, server, client, "a.test");
	ends_shake(&ends);
	if (ends.server_error)
		*ret_error = ends.server_error;
	bool done = ends.done;
	ends_close(&ends);
	tls_unref(client);
	return done;
}

static void clients_are_verified_as_demanded(void **state)
{
	struct tls_server_conf conf = conf_of("ec.crt", "ec.key");
	const char *error;

	(void)state;
	conf.client_ca_file = at("ca.crt");
	conf.client_crl_file = at("bob.crl");
	conf.client_required = true;
	struct tls_context *server = server_new(&conf);
	assert_true(enters(server, "alice", &error));
	assert_false(enters(server, "bob", &error));
	assert_string_equal(error, "certificate revoked");
	assert_false(enters(server, "eve", &error));
	assert_false(enters(server, NULL, &error));
	tls_unref(server);
	conf.client_required = false;
	server = server_new(&conf);
	assert_true(enters(server, NULL, &error));
	assert_false(enters(server, "bob", &error));
	assert_false(enters(server, "eve", &error));
	tls_unref(server);
}

static void copy(const char *from, const char *to)
{
	char text[4096];
	FILE *in = fopen(at(from), "r"), *out = fopen(at(to), "w");

	assert_non_null(in);
	assert_non_null(out);
	size_t n = fread(text, 1, sizeof(text), in);
	assert_int_equal(fwrite(text, 1, n, out), n);
	fclose(in);
	fclose(out);
}

static void new_revocation_ends_resumption(void **state)
{
	struct tls_server_conf conf = conf_of("ec.crt", "ec.key");
	struct tls_context *client = client_new("bob");

	(void)state;
	assert_int_equal(tls_tickets_new(&conf.tickets), 0);
	copy("none.crl", "now.crl");
	conf.client_ca_file = at("ca.crt");
	conf.client_crl_file = at("now.crl");
	struct tls_context *before = server_new(&conf);
	assert_true(resumes(before, before, client, TLS1_3_VERSION));
	struct tls_resume *resume;
	assert_int_equal(tls_resume_new(&resume), 0);
	struct ends ends;
	ends_open(&ends, before, client, "a.test");
	tls_resume_use(resume, ends.client);
	ends_shake(&ends);
	ends_settle(&ends);
	SSL_shutdown(ends.client);
	ends_close(&ends);
	assert_true(tls_resume_has(resume));
	copy("bob.crl", "now.crl");
	struct tls_context *after = server_new(&conf);
	ends_open(&ends, after, client, "a.test");
	tls_resume_use(resume, ends.client);
	ends_shake(&ends);
	assert_false(ends.done);
	assert_string_equal(ends.server_error, "certificate revoked");
	ends_close(&ends);
	tls_resume_unref(resume);
	tls_tickets_unref(conf.tickets);
	tls_unref(before);
	tls_unref(after);
	tls_unref(client);
}

/* ---- settings ---- */

/* To open a FIFO waits for somebody who writes: no reload, and no end, would ever come again. */
static void files_that_are_none_are_refused(void **state)
{
	struct tls_server_conf conf = { .certificate_file = at("fifo"),
					.key_file = at("ec.key"),
					.min_version = TLS1_2_VERSION,
					.max_version = TLS1_3_VERSION };
	struct tls_context *tls = NULL;
	char error[256] = "";

	(void)state;
	assert_int_equal(mkfifo(conf.certificate_file, 0600), 0);
	assert_int_equal(tls_server_new(&conf, &tls, error), -EINVAL);
	assert_non_null(strstr(error, "fifo: no regular file"));
	assert_int_equal(unlink(conf.certificate_file), 0);
}

static void wrong_settings_are_named(void **state)
{
	static const struct {
		struct tls_server_conf conf;
		const char *text;
	} cases[] = {
		{ { .ciphers = "NOT-A-CIPHER" }, "NOT-A-CIPHER: no usable cipher" },
		{ { .ciphers = "NULL:aNULL:eNULL" }, "without encryption or authentication" },
		{ { .cipher_suites = "TLS_NONE" }, "TLS_NONE: not cipher suites of TLS 1.3" },
		{ { .groups = "X25519:nothing" }, "X25519:nothing: not a list of groups" },
		{ { .client_ca_file = "/nonexistent" }, "/nonexistent: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_server_conf conf = cases[i].conf;
		struct tls_context *tls = NULL;
		char error[256] = "";
		conf.certificate_file = at("ec.crt");
		conf.key_file = at("ec.key");
		conf.min_version = TLS1_2_VERSION;
		conf.max_version = TLS1_3_VERSION;
		assert_true(tls_server_new(&conf, &tls, error) < 0);
		assert_null(tls);
		if (!strstr(error, cases[i].text))
			fail_msg("'%s' has no '%s'", error, cases[i].text);
	}
}

static void order_is_ours_but_for_clients_that_need_chacha(void **state)
{
	const struct tls_server_conf conf = conf_of("ec.crt", "ec.key");
	static const struct {
		const char *offered, *agreed;
	} cases[] = {
		{ "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" },
		{ "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384" },
		{ "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		  "TLS_CHACHA20_POLY1305_SHA256" },
	};
	struct tls_context *server = server_new(&conf), *client = client_new(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ends ends;
		ends_open(&ends, server, client, "a.test");
		assert_int_equal(SSL_set_ciphersuites(ends.client, cases[i].offered), 1);
		ends_shake(&ends);
		assert_true(ends.done);
		assert_string_equal(SSL_get_cipher_name(ends.client), cases[i].agreed);
		ends_close(&ends);
	}
	tls_unref(server);
	tls_unref(client);
}

static void versions_and_weak_ciphers_are_refused(void **state)
{
	struct tls_server_conf conf = conf_of("ec.crt", "ec.key");
	struct tls_context *server = server_new(&conf), *client = client_new(NULL);
	struct ends ends;

	(void)state;
	ends_open(&ends, server, client, "a.test");
	SSL_set_max_proto_version(ends.client, TLS1_2_VERSION);
	assert_int_equal(SSL_set_cipher_list(ends.client, "ECDHE-ECDSA-AES128-SHA256"), 1);
	ends_shake(&ends);
	assert_false(ends.done);
	ends_close(&ends);
	tls_unref(server);
	conf.min_version = TLS1_3_VERSION;
	server = server_new(&conf);
	ends_open(&ends, server, client, "a.test");
	SSL_set_max_proto_version(ends.client, TLS1_2_VERSION);
	ends_shake(&ends);
	assert_false(ends.done);
	assert_string_equal(ends.server_error, "unsupported protocol");
	ends_close(&ends);
	tls_unref(server);
	tls_unref(client);
}

static int folder_make(void **state)
{
	static const struct {
		const char *name;
		struct cert_wish wish;
	} certs[] = {
		{ "ca", { .cn = "authority", .authority = true } },
		{ "ca2", { .cn = "another", .authority = true } },
		{ "ec", { .cn = "a.test", .sans = "DNS:a.test", .issuer = "ca" } },
		{ "rsa", { .cn = "a.test", .sans = "DNS:a.test", .rsa = true } },
		{ "other", { .cn = "b.test", .sans = "DNS:b.test,DNS:a.test", .issuer = "ca" } },
		{ "alice", { .cn = "alice", .issuer = "ca", .serial = 7 } },
		{ "bob", { .cn = "bob", .issuer = "ca", .serial = 8 } },
		{ "eve", { .cn = "eve", .issuer = "ca2", .serial = 9 } },
	};

	(void)state;
	test_folder_make(&folder);
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		cert_issue(&folder, certs[i].name, &certs[i].wish);
	crl_make(&folder, "none.crl", "ca", 0);
	crl_make(&folder, "bob.crl", "ca", 8);
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
		cmocka_unit_test(clients_get_the_key_that_they_can_verify),
		cmocka_unit_test(tickets_outlive_their_context_but_cross_no_boundary),
		cmocka_unit_test(ticket_opens_as_long_as_its_key_is_kept),
		cmocka_unit_test(clients_are_verified_as_demanded),
		cmocka_unit_test(new_revocation_ends_resumption),
		cmocka_unit_test(wrong_settings_are_named),
		cmocka_unit_test(files_that_are_none_are_refused),
		cmocka_unit_test(order_is_ours_but_for_clients_that_need_chacha),
		cmocka_unit_test(versions_and_weak_ciphers_are_refused),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
