/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/tls_resume: what a client keeps of a server.
 */
#include "tests/unit/core/net/tls_ends.h"

static const char *const files[] = { "a.crt", "a.key", NULL };
static struct test_folder folder;

struct pair {
	struct tls_context *server, *client;
	struct tls_resume *resume;
};

static void pair_open(struct pair *pair)
{
	char certificate[NET_TEST_PATH], key[NET_TEST_PATH], error[256];
	const struct tls_server_conf server = { .certificate_file =
							test_file(&folder, "a.crt", certificate),
						.key_file = test_file(&folder, "a.key", key),
						.min_version = TLS1_2_VERSION,
						.max_version = TLS1_3_VERSION };
	const struct tls_client_conf client = { .ca_file = certificate };

	assert_int_equal(tls_server_new(&server, &pair->server, error), 0);
	assert_int_equal(tls_client_new(&client, &pair->client, error), 0);
	assert_int_equal(tls_resume_new(&pair->resume), 0);
}

static void pair_close(struct pair *pair)
{
	tls_resume_unref(pair->resume);
	tls_unref(pair->server);
	tls_unref(pair->client);
}

/* Was it resumed? */
static bool meet(struct pair *pair, int version, bool reset)
{
	struct ends ends;

	ends_open(&ends, pair->server, pair->client, "a.test");
	SSL_set_max_proto_version(ends.client, version);
	tls_resume_use(pair->resume, ends.client);
	ends_shake(&ends);
	assert_true(ends.done);
	ends_settle(&ends);
	bool reused = SSL_session_reused(ends.client);
	if (!reset)
		SSL_shutdown(ends.client);
	ends_close(&ends);
	return reused;
}

static void next_connection_resumes(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct pair pair;
		pair_open(&pair);
		assert_false(tls_resume_has(pair.resume));
		assert_false(meet(&pair, versions[i], false));
		assert_true(tls_resume_has(pair.resume));
		assert_true(meet(&pair, versions[i], false));
		assert_true(meet(&pair, versions[i], false));
		pair_close(&pair);
	}
}

static void broken_connection_takes_its_session_along(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair);
	assert_false(meet(&pair, TLS1_2_VERSION, true)); /* RFC 5246 7.2.2 */
	assert_false(tls_resume_has(pair.resume));
	assert_false(meet(&pair, TLS1_2_VERSION, false));
	pair_close(&pair);
}

static void references_are_counted(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair);
	meet(&pair, TLS1_3_VERSION, false);
	assert_ptr_equal(tls_resume_ref(pair.resume), pair.resume);
	tls_resume_unref(pair.resume);
	assert_true(tls_resume_has(pair.resume));
	tls_resume_unref(NULL);
	pair_close(&pair);
}

static int folder_make(void **state)
{
	(void)state;
	test_folder_make(&folder);
	cert_make(&folder, "a", "a.test", "DNS:a.test");
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
		cmocka_unit_test(next_connection_resumes),
		cmocka_unit_test(broken_connection_takes_its_session_along),
		cmocka_unit_test(references_are_counted),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
