/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/tls/ocsp: which answers are believed.
 */
#include "edge/tls/ocsp.h"

#include "tests/unit/edge/tls/authority.h"

static const char *const files[] = { "ca.crt",     "ca.key",     "mid.crt",      "mid.key",
				     "a.crt",      "a.key",      "b.crt",        "b.key",
				     "deputy.crt", "deputy.key", "stranger.crt", "stranger.key",
				     NULL };
static struct test_folder folder;

static void question_goes_to_whom_the_certificate_names(void **state)
{
	X509 *a = cert_read(&folder, "a"), *b = cert_read(&folder, "b");
	X509 *mid = cert_read(&folder, "mid");
	char url[OCSP_URL_BYTES] = "";
	struct buf request;

	(void)state;
	buf_init(&request, OCSP_MAX_BYTES);
	assert_int_equal(ocsp_ask(b, mid, url, &request), OCSP_NOBODY);
	assert_int_equal(request.len, 0);
	assert_int_equal(ocsp_ask(a, mid, url, &request), OCSP_ASK);
	assert_string_equal(url, "http://127.0.0.1:1/ocsp");
	const uint8_t *at = request.at;
	OCSP_REQUEST *read = d2i_OCSP_REQUEST(NULL, &at, (long)request.len);
	assert_non_null(read);
	assert_int_equal(OCSP_request_onereq_count(read), 1);
	OCSP_REQUEST_free(read);
	buf_fini(&request);
	X509_free(a);
	X509_free(b);
	X509_free(mid);
}

static void answers_are_believed_when_signed_for_it_and_in_time(void **state)
{
	static const struct {
		struct authority_answer answer;
		enum ocsp_outcome expected;
	} cases[] = {
		{ { "a", "mid", NULL, V_OCSP_CERTSTATUS_GOOD, -60, 3600 }, OCSP_GOOD },
		{ { "a", "mid", NULL, V_OCSP_CERTSTATUS_GOOD, -60, 0 }, OCSP_GOOD },
		{ { "a", "mid", "deputy", V_OCSP_CERTSTATUS_GOOD, -60, 3600 }, OCSP_GOOD },
		{ { "a", "mid", NULL, V_OCSP_CERTSTATUS_REVOKED, -60, 3600 }, OCSP_REVOKED },
		{ { "a", "mid", NULL, V_OCSP_CERTSTATUS_UNKNOWN, -60, 3600 }, OCSP_UNKNOWN },
		/* About another certificate; signed by who has no right to; too old; not yet. */
		{ { "b", "mid", NULL, V_OCSP_CERTSTATUS_GOOD, -60, 3600 }, OCSP_USELESS },
		{ { "a", "mid", "stranger", V_OCSP_CERTSTATUS_GOOD, -60, 3600 }, OCSP_USELESS },
		{ { "a", "mid", "b", V_OCSP_CERTSTATUS_GOOD, -60, 3600 }, OCSP_USELESS },
		{ { "a", "mid", NULL, V_OCSP_CERTSTATUS_GOOD, -3600, -60 }, OCSP_USELESS },
		{ { "a", "mid", NULL, V_OCSP_CERTSTATUS_GOOD, 3600, 7200 }, OCSP_USELESS },
	};
	X509 *a = cert_read(&folder, "a"), *mid = cert_read(&folder, "mid");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ocsp_validity validity = { 0 };
		const int64_t now_s = time(NULL);
		struct buf answer;
		buf_init(&answer, OCSP_MAX_BYTES);
		authority_answer(&folder, &cases[i].answer, &answer);
		enum ocsp_outcome outcome = ocsp_judge(a, mid, buf_span(&answer), now_s, &validity);
		if (outcome != cases[i].expected)
			fail_msg("case %zu: %d", i, outcome);
		if (outcome != OCSP_USELESS)
			assert_true(validity.until_s > now_s);
		buf_fini(&answer);
	}
	X509_free(a);
	X509_free(mid);
}

static void damaged_answers_are_useless(void **state)
{
	static const struct authority_answer right = { "a", "mid", NULL, V_OCSP_CERTSTATUS_GOOD,
						       -60, 3600 };
	X509 *a = cert_read(&folder, "a"), *mid = cert_read(&folder, "mid");
	struct ocsp_validity validity;
	struct buf answer;

	(void)state;
	buf_init(&answer, OCSP_MAX_BYTES);
	authority_answer(&folder, &right, &answer);
	for (size_t len = 0; len < answer.len; len++)
		assert_int_equal(ocsp_judge(a, mid, span_of(answer.at, len), time(NULL), &validity),
				 OCSP_USELESS);
	answer.at[answer.len - 1] ^= 1; /* of the signature */
	assert_int_equal(ocsp_judge(a, mid, buf_span(&answer), time(NULL), &validity),
			 OCSP_USELESS);
	answer.at[answer.len - 1] ^= 1;
	buf_add_byte(&answer, 0);
	assert_int_equal(ocsp_judge(a, mid, buf_span(&answer), time(NULL), &validity),
			 OCSP_USELESS);
	/* "Try later" of a responder that has nothing to say. */
	assert_int_equal(
		ocsp_judge(a, mid, SPAN_LIT("\x30\x03\x0a\x01\x03"), time(NULL), &validity),
		OCSP_USELESS);
	buf_fini(&answer);
	X509_free(a);
	X509_free(mid);
}

static int folder_make(void **state)
{
	static const struct {
		const char *name;
		struct cert_wish wish;
	} certs[] = {
		{ "ca", { .cn = "root", .authority = true } },
		{ "mid", { .cn = "intermediate", .issuer = "ca", .authority = true } },
		{ "stranger", { .cn = "another", .authority = true } },
		{ "a",
		  { .cn = "a", .issuer = "mid", .serial = 7, .ocsp = "http://127.0.0.1:1/ocsp" } },
		{ "b", { .cn = "b", .issuer = "mid", .serial = 8 } },
		{ "deputy",
		  { .cn = "deputy", .issuer = "mid", .serial = 9, .usage = "OCSPSigning" } },
	};

	(void)state;
	test_folder_make(&folder);
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		cert_issue(&folder, certs[i].name, &certs[i].wish);
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
		cmocka_unit_test(question_goes_to_whom_the_certificate_names),
		cmocka_unit_test(answers_are_believed_when_signed_for_it_and_in_time),
		cmocka_unit_test(damaged_answers_are_useless),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
