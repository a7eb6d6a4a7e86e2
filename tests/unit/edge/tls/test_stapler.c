/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/tls/stapler: a responder of the test's own answers on loopback; a handshake in
 * memory shows what clients get.
 */
#include "edge/tls/stapler.h"

#include <stdio.h>
#include <sys/socket.h>

#include "tests/unit/core/net/tls_ends.h"
#include "tests/unit/edge/edge_test.h"
#include "tests/unit/edge/tls/authority.h"

static const char *const files[] = { "ca.crt", "ca.key", "a.crt", "a.key", "a.pem", NULL };

/* One answer a connection. */
struct responder {
	struct loop_io io, asker;
	struct buf answer;
	unsigned n_asked;
	bool sulks;
};

struct stage {
	struct loop *loop;
	struct test_folder folder;
	struct responder responder;
	struct stapler *stapler;
	struct tls_context *server, *client;
};

static void on_question(void *arg)
{
	struct responder *responder = arg;
	char head[256], request[4096];
	int fd = responder->asker.fd;
	ssize_t n = recv(fd, request, sizeof(request), 0); /* it fits a segment */

	assert_true(n > 0);
	int len = snprintf(head, sizeof(head),
			   "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			   responder->sulks ? "503 No" : "200 OK", responder->answer.len);
	assert_int_equal(send(fd, head, (size_t)len, MSG_NOSIGNAL), len);
	assert_int_equal(send(fd, responder->answer.at, responder->answer.len, MSG_NOSIGNAL),
			 responder->answer.len);
	loop_io_stop(&responder->asker);
	close(fd);
	responder->n_asked++;
}

static void on_asker(void *arg)
{
	struct responder *responder = arg;
	int fd = accept(responder->io.fd, NULL, NULL);

	assert_true(fd >= 0);
	loop_io_init(&responder->asker, responder->io.loop, fd, on_question, NULL, responder);
	assert_int_equal(loop_io_want(&responder->asker, true, false), 0);
}

static void answer_set(struct stage *stage, int status, int until_s)
{
	const struct authority_answer answer = { "a", "ca", NULL, status, -60, until_s };

	buf_empty(&stage->responder.answer);
	authority_answer(&stage->folder, &answer, &stage->responder.answer);
}

/* The certificate and its issuer in one file, as an authority gives them. */
static void bundle(struct stage *stage)
{
	static const char *const parts[] = { "a.crt", "ca.crt", "a.key" };
	char path[NET_TEST_PATH], text[8192];
	FILE *out = fopen(test_file(&stage->folder, "a.pem", path), "w");

	assert_non_null(out);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		FILE *in = fopen(test_file(&stage->folder, parts[i], path), "r");
		assert_non_null(in);
		size_t n = fread(text, 1, sizeof(text), in);
		assert_int_equal(fwrite(text, 1, n, out), n);
		fclose(in);
	}
	fclose(out);
}

static struct tls_context *server_new(const struct stage *stage)
{
	char certificate[NET_TEST_PATH], error[256];
	const struct tls_server_conf conf = {
		.certificate_file = test_file(&stage->folder, "a.pem", certificate),
		.min_version = TLS1_2_VERSION,
		.max_version = TLS1_3_VERSION,
	};
	struct tls_context *tls;

	assert_int_equal(tls_server_new(&conf, &tls, error), 0);
	return tls;
}

static int stage_open(void **state)
{
	static struct stage stage;
	const struct tls_client_conf client = { .insecure = true };
	struct cert_wish ca = { .cn = "root", .authority = true };
	struct addr addr;
	char url[64], error[256];

	stage = (struct stage){ .loop = NULL };
	assert_int_equal(loop_new("test", &stage.loop), 0);
	test_folder_make(&stage.folder);
	int fd = edge_test_listen(&addr);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", addr_port(&addr));
	struct cert_wish a = { .cn = "a.test", .sans = "DNS:a.test", .issuer = "ca", .ocsp = url };
	cert_issue(&stage.folder, "ca", &ca);
	cert_issue(&stage.folder, "a", &a);
	bundle(&stage);
	buf_init(&stage.responder.answer, 65536);
	loop_io_init(&stage.responder.io, stage.loop, fd, on_asker, NULL, &stage.responder);
	assert_int_equal(loop_io_want(&stage.responder.io, true, false), 0);
	assert_int_equal(stapler_new(stage.loop, &stage.stapler), 0);
	stage.server = server_new(&stage);
	assert_int_equal(tls_client_new(&client, &stage.client, error), 0);
	*state = &stage;
	return 0;
}

static int stage_close(void **state)
{
	struct stage *stage = *state;

	stapler_free(stage->stapler);
	loop_io_stop(&stage->responder.io);
	close(stage->responder.io.fd);
	buf_fini(&stage->responder.answer);
	tls_unref(stage->server);
	tls_unref(stage->client);
	loop_free(stage->loop);
	test_folder_remove(&stage->folder, files);
	return 0;
}

/* Does a client that asks get this answer? `answer` empty: none. */
static bool is_told(const struct stage *stage, struct tls_context *server, struct span answer)
{
	const uint8_t *at = NULL;
	struct ends ends;

	ends_open(&ends, server, stage->client, "a.test");
	SSL_set_tlsext_status_type(ends.client, TLSEXT_STATUSTYPE_ocsp);
	ends_shake(&ends);
	assert_true(ends.done);
	long len = SSL_get_tlsext_status_ocsp_resp(ends.client, &at);
	bool same = span_eq(span_of(at, len > 0 ? (size_t)len : 0), answer);
	ends_close(&ends);
	return same;
}

static void good_answer_is_stapled_and_outlives_the_context(void **state)
{
	struct stage *stage = *state;

	answer_set(stage, V_OCSP_CERTSTATUS_GOOD, 3600);
	assert_true(is_told(stage, stage->server, SPAN_NONE));
	assert_int_equal(stapler_set(stage->stapler, &stage->server, 1), 0);
	LOOP_UNTIL(stage->loop, is_told(stage, stage->server, buf_span(&stage->responder.answer)));
	struct tls_context *renewed = server_new(stage);
	assert_int_equal(stapler_set(stage->stapler, &renewed, 1), 0);
	assert_true(is_told(stage, renewed, buf_span(&stage->responder.answer)));
	assert_int_equal(stage->responder.n_asked, 1);
	tls_unref(renewed);
}

static void answer_is_renewed_before_its_end_and_kept_when_that_fails(void **state)
{
	struct stage *stage = *state;

	answer_set(stage, V_OCSP_CERTSTATUS_GOOD, 4);
	assert_int_equal(stapler_set(stage->stapler, &stage->server, 1), 0);
	LOOP_UNTIL(stage->loop, is_told(stage, stage->server, buf_span(&stage->responder.answer)));
	stage->responder.sulks = true;
	LOOP_UNTIL(stage->loop, stage->responder.n_asked == 2);
	/* A little later it has been read; and a little later the old one is out of time. */
	LOOP_UNTIL(stage->loop, is_told(stage, stage->server, SPAN_NONE));
}

static void bad_news_are_not_for_clients(void **state)
{
	static const int statuses[] = { V_OCSP_CERTSTATUS_REVOKED, V_OCSP_CERTSTATUS_UNKNOWN };
	struct stage *stage = *state;

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		answer_set(stage, statuses[i], 3600);
		assert_int_equal(stapler_set(stage->stapler, &stage->server, 1), 0);
		unsigned before = stage->responder.n_asked;
		LOOP_UNTIL(stage->loop, stage->responder.n_asked > before);
		for (int turn = 0; turn < 20; turn++)
			assert_int_equal(loop_turn(stage->loop, 1), 0);
		assert_true(is_told(stage, stage->server, SPAN_NONE));
		assert_int_equal(stapler_set(stage->stapler, NULL, 0), 0); /* forget */
	}
}

static void waits_fit_the_answer_and_the_failures(void **state)
{
	(void)state;
	assert_int_equal(stapler_refresh_s(1000, 1000 + 7200), 3600);
	assert_int_equal(stapler_refresh_s(1000, 1000 + 30 * 86400), 86400);
	assert_int_equal(stapler_refresh_s(1000, 1001), 1);
	assert_int_equal(stapler_retry_s(1), 30);
	assert_int_equal(stapler_retry_s(2), 60);
	assert_int_equal(stapler_retry_s(100), 3600);
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(good_answer_is_stapled_and_outlives_the_context),
		STAGE_TEST(answer_is_renewed_before_its_end_and_kept_when_that_fails),
		STAGE_TEST(bad_news_are_not_for_clients),
		cmocka_unit_test(waits_fit_the_answer_and_the_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
