/* SPDX-License-Identifier: Apache-2.0
 *
 * test_h1_trailers: what is believed of the fields behind a body.
 */
#include "edge/http1/h1_trailers.h"

#include "tests/unit/edge/edge_test.h"

struct stand {
	struct slab *slab;
	struct arena arena;
	struct h1_in in;
};

static void stand_open(struct stand *stand)
{
	assert_int_equal(slab_new(4, &stand->slab), 0);
	arena_init(&stand->arena, 65536);
	h1_in_init(&stand->in, stand->slab);
}

static void stand_close(struct stand *stand)
{
	h1_in_fini(&stand->in);
	arena_fini(&stand->arena);
	assert_int_equal(slab_n_out(stand->slab), 0);
	slab_free(stand->slab);
}

static int take(struct stand *stand, const char *section, const struct http_head **ret_head)
{
	struct block *block = slab_take(stand->slab);

	assert_non_null(block);
	block->len = (uint32_t)strlen(section);
	memcpy(block->bytes, section, block->len);
	stand->in.trailers = block;
	return h1_trailers_take(&stand->in, &stand->arena, ret_head);
}

static void what_is_no_affair_of_a_trailer_is_dropped(void **state)
{
	static const char *const barred[] = {
		"Content-Length: 5",
		"Transfer-Encoding: chunked",
		"Host: a",
		"Connection: close",
		"Set-Cookie: a=b",
		"Authorization: Basic x",
		"TE: trailers",
		"Content-Type: a/b",
		"Trailer: a",
		"Content-Encoding: gzip",
		"Expect: tea",
		"Cache-Control: no-store",
		"Upgrade: websocket",
		"X-Forwarded-For: 192.0.2.1",
	};
	const struct http_head *head;
	struct stand stand;

	(void)state;
	stand_open(&stand);
	for (size_t i = 0; i < ARRAY_LEN(barred); i++) {
		char section[128];
		snprintf(section, sizeof(section), "%s\r\n", barred[i]);
		assert_int_equal(take(&stand, section, &head), H1_PARSED);
		if (head)
			fail_msg("%s was let through", barred[i]);
	}
	stand_close(&stand);
}

static void what_is_left_keeps_its_order(void **state)
{
	const struct http_head *head;
	struct stand stand;

	(void)state;
	stand_open(&stand);
	assert_int_equal(h1_trailers_take(&stand.in, &stand.arena, &head), H1_PARSED);
	assert_null(head);
	assert_int_equal(
		take(&stand, "grpc-status: 0\r\nHost: a\r\ngrpc-message: \t ok \r\n", &head),
		H1_PARSED);
	assert_non_null(head);
	assert_int_equal(head->n_fields, 2);
	assert_true(span_eq(head->fields[0].name, SPAN_LIT("grpc-status")));
	assert_true(span_eq(head->fields[1].value, SPAN_LIT("ok")));
	stand_close(&stand);
}

static void too_many_are_malformed(void **state)
{
	const struct http_head *head;
	char section[8192];
	struct stand stand;
	size_t n = 0;

	(void)state;
	stand_open(&stand);
	for (int i = 0; i < HTTP_MAX_FIELDS + 1; i++)
		n += (size_t)snprintf(section + n, sizeof(section) - n, "a: b\r\n");
	assert_int_equal(take(&stand, section, &head), H1_MALFORMED);
	assert_null(head);
	stand_close(&stand);
}

static void full_arena_is_an_error(void **state)
{
	const struct http_head *head;
	struct stand stand;

	(void)state;
	stand_open(&stand);
	stand.arena.max_bytes = 16;
	assert_int_equal(take(&stand, "a: b\r\n", &head), -ENOBUFS);
	stand_close(&stand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_affair_of_a_trailer_is_dropped),
		cmocka_unit_test(what_is_left_keeps_its_order),
		cmocka_unit_test(too_many_are_malformed),
		cmocka_unit_test(full_arena_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
