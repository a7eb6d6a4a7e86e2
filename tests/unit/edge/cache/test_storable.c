/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/storable: each row with its clause of RFC 9111.
 */
#include "cache_test.h"

#include "edge/cache/storable.h"

enum { LINES = 4 };

static void only_what_the_clauses_allow_is_stored(void **state)
{
	static const struct {
		const char *clause;
		enum http_method method;
		const char *request[LINES];
		uint16_t status;
		const char *response[LINES];
		enum storable verdict;
	} rows[] = {
		/* clang-format off */
		{ "3 a status that allows it", HTTP_METHOD_GET, { NULL }, 200, { NULL }, STORABLE },
		{ "3 HEAD", HTTP_METHOD_HEAD, { NULL }, 200, { "Cache-Control: max-age=1" }, STORABLE },
		{ "3 method", HTTP_METHOD_POST, { NULL }, 200, { "Cache-Control: max-age=1" }, STORABLE_NOT_METHOD },
		{ "3 method", HTTP_METHOD_OTHER, { NULL }, 200, { "Cache-Control: max-age=1" }, STORABLE_NOT_METHOD },
		{ "3 final", HTTP_METHOD_GET, { NULL }, 103, { "Cache-Control: max-age=1" }, STORABLE_NOT_STATUS },
		{ "3.3 a part", HTTP_METHOD_GET, { NULL }, 206, { "Cache-Control: max-age=1" }, STORABLE_NOT_STATUS },
		{ "3 what another stored response is", HTTP_METHOD_GET, { NULL }, 304, { "Cache-Control: max-age=1" }, STORABLE_NOT_STATUS },
		{ "3 no status that allows a guess", HTTP_METHOD_GET, { NULL }, 302, { NULL }, STORABLE_NOT_SAID },
		{ "3 max-age says so", HTTP_METHOD_GET, { NULL }, 302, { "Cache-Control: max-age=1" }, STORABLE },
		{ "3 s-maxage says so", HTTP_METHOD_GET, { NULL }, 302, { "Cache-Control: s-maxage=1" }, STORABLE },
		{ "3 Expires says so", HTTP_METHOD_GET, { NULL }, 302, { "Expires: 0" }, STORABLE },
		{ "3 public says so", HTTP_METHOD_GET, { NULL }, 302, { "Cache-Control: public" }, STORABLE },
		{ "3 an unknown status", HTTP_METHOD_GET, { NULL }, 299, { "Cache-Control: max-age=1" }, STORABLE },
		{ "5.2.2.3 not understood", HTTP_METHOD_GET, { NULL }, 299, { "Cache-Control: max-age=1, must-understand" }, STORABLE_NOT_STATUS },
		{ "5.2.2.3 understood", HTTP_METHOD_GET, { NULL }, 200, { "Cache-Control: max-age=1, must-understand, no-store" }, STORABLE },
		{ "5.2.2.5", HTTP_METHOD_GET, { NULL }, 200, { "Cache-Control: max-age=1, no-store" }, STORABLE_NOT_NO_STORE },
		{ "5.2.2.5 a second line", HTTP_METHOD_GET, { NULL }, 200, { "Cache-Control: max-age=1", "Cache-Control: No-Store" }, STORABLE_NOT_NO_STORE },
		{ "5.2.1.5 of the request", HTTP_METHOD_GET, { "Cache-Control: no-store" }, 200, { NULL }, STORABLE_NOT_WISHED },
		{ "5.2.2.7", HTTP_METHOD_GET, { NULL }, 200, { "Cache-Control: private, max-age=1" }, STORABLE_NOT_PRIVATE },
		{ "5.2.2.7 fields alone", HTTP_METHOD_GET, { NULL }, 200, { "Cache-Control: private=\"set-cookie\", max-age=1" }, STORABLE },
		{ "5.2.2.4 stored, and asked for each time", HTTP_METHOD_GET, { NULL }, 200, { "Cache-Control: no-cache" }, STORABLE },
		{ "3.5", HTTP_METHOD_GET, { "Authorization: x" }, 200, { "Cache-Control: max-age=1" }, STORABLE_NOT_AUTHORIZED },
		{ "3.5 public", HTTP_METHOD_GET, { "Authorization: x" }, 200, { "Cache-Control: public" }, STORABLE },
		{ "3.5 s-maxage", HTTP_METHOD_GET, { "Authorization: x" }, 200, { "Cache-Control: s-maxage=1" }, STORABLE },
		{ "3.5 must-revalidate", HTTP_METHOD_GET, { "Authorization: x" }, 200, { "Cache-Control: must-revalidate" }, STORABLE },
		{ "4.1 Vary", HTTP_METHOD_GET, { NULL }, 200, { "Vary: Accept" }, STORABLE },
		{ "4.1 Vary: *", HTTP_METHOD_GET, { NULL }, 200, { "Vary: *" }, STORABLE_NOT_VARY },
		{ "4.1 * among others", HTTP_METHOD_GET, { NULL }, 200, { "Vary: Accept", "Vary: Cookie, *" }, STORABLE_NOT_VARY },
		/* clang-format on */
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head request = head_of_lines(&arena, rows[i].request, LINES);
		struct http_head response = head_of_lines(&arena, rows[i].response, LINES);
		struct freshness fresh;
		request.method = rows[i].method;
		response.status = rows[i].status;
		freshness_read(&response, 784111777, &fresh);
		enum storable verdict = storable(&request, &response, &fresh);
		if (verdict != rows[i].verdict)
			fail_msg("%s, row %zu: %s", rows[i].clause, i, storable_word(verdict));
		arena_empty(&arena);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_clauses_allow_is_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
