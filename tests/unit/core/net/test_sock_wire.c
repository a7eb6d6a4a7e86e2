/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/sock_wire: messages of a take-over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/net/sock_priv.h"

#include "core/obj.h"

static struct sock_fact fact_of(const char *purpose, enum sock_type type, unsigned slot,
				const char *asked, const char *bound)
{
	struct sock_fact fact = { .type = type, .slot = slot };

	memcpy(fact.purpose, purpose, strlen(purpose));
	assert_true(addr_parse(span_str(asked), &fact.asked));
	assert_true(addr_parse(span_str(bound), &fact.bound));
	return fact;
}

/* A batch with one fact of each family. */
static void batch_fill(struct buf *out)
{
	const struct sock_fact facts[] = {
		fact_of("http", SOCK_TYPE_STREAM, 0, "127.0.0.1:0", "127.0.0.1:4711"),
		fact_of("dns", SOCK_TYPE_DATAGRAM, 3, "[2001:db8::1]:53", "[2001:db8::1]:53"),
		fact_of("admin", SOCK_TYPE_STREAM, 0, "unix:/run/a.sock", "unix:/run/a.sock"),
	};

	buf_init(out, SOCK_MESSAGE_MAX);
	sock_batch_write(out, (struct sock_batch){ .n = ARRAY_LEN(facts), .more = true });
	for (size_t i = 0; i < ARRAY_LEN(facts); i++)
		sock_fact_write(out, &facts[i]);
	assert_false(out->failed);
}

static void batch_is_read_as_it_was_written(void **state)
{
	static struct sock_fact facts[SOCK_BATCH_MAX];
	struct sock_batch batch;
	char text[ADDR_TEXT_MAX];
	struct buf out;

	(void)state;
	batch_fill(&out);
	assert_true(sock_batch_read(buf_span(&out), &batch, facts));
	assert_int_equal(batch.n, 3);
	assert_true(batch.more);
	assert_string_equal(facts[0].purpose, "http");
	assert_string_equal(addr_text(&facts[0].asked, text), "127.0.0.1:0");
	assert_string_equal(addr_text(&facts[0].bound, text), "127.0.0.1:4711");
	assert_int_equal(facts[1].type, SOCK_TYPE_DATAGRAM);
	assert_int_equal(facts[1].slot, 3);
	assert_string_equal(addr_text(&facts[1].bound, text), "[2001:db8::1]:53");
	assert_string_equal(addr_text(&facts[2].bound, text), "unix:/run/a.sock");
	buf_fini(&out);
}

static void every_truncation_and_addition_is_refused(void **state)
{
	static struct sock_fact facts[SOCK_BATCH_MAX];
	struct sock_batch batch;
	struct buf out;

	(void)state;
	batch_fill(&out);
	for (size_t len = 0; len < out.len; len++)
		assert_false(sock_batch_read(span_of(out.at, len), &batch, facts));
	buf_add_byte(&out, 0);
	assert_false(sock_batch_read(buf_span(&out), &batch, facts));
	buf_fini(&out);
}

static void batch_with_a_number_out_of_range_is_refused(void **state)
{
	/* Offset and value: magic, version, type, number (two bytes), more, length of purpose,
	 * type. */
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = { { 0, 0 }, { 4, 9 },  { 5, 3 }, { 5, 0 },  { 6, 1 }, { 7, 2 },
		     { 8, 2 }, { 9, 32 }, { 9, 0 }, { 14, 2 }, { 19, 7 } };
	static struct sock_fact facts[SOCK_BATCH_MAX];
	struct sock_batch batch;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		batch_fill(&out);
		out.at[rows[i].at] = rows[i].value;
		if (sock_batch_read(buf_span(&out), &batch, facts))
			fail_msg("row %zu was read", i);
		buf_fini(&out);
	}
}

static void empty_batch_that_promises_more_is_refused(void **state)
{
	struct sock_fact fact;
	struct sock_batch batch;
	struct buf out;

	(void)state;
	buf_init(&out, SOCK_MESSAGE_MAX);
	sock_batch_write(&out, (struct sock_batch){ .n = 0, .more = true });
	assert_false(sock_batch_read(buf_span(&out), &batch, &fact));
	buf_empty(&out);
	sock_batch_write(&out, (struct sock_batch){ .n = 0, .more = false });
	assert_true(sock_batch_read(buf_span(&out), &batch, &fact));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batch_is_read_as_it_was_written),
		cmocka_unit_test(every_truncation_and_addition_is_refused),
		cmocka_unit_test(batch_with_a_number_out_of_range_is_refused),
		cmocka_unit_test(empty_batch_that_promises_more_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
