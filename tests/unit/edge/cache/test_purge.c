/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/purge: whom each kind means, for how long the log knows it, and what it says
 * of those who are older.
 */
#include "cache_test.h"

#include <errno.h>

#include "edge/cache/purge.h"

static struct purge_log *purges;

static int setup(void **state)
{
	(void)state;
	return purge_log_new(&purges);
}

static int teardown(void **state)
{
	(void)state;
	purge_log_free(purges);
	return 0;
}

static uint64_t add(enum purge_kind kind, bool soft, const char *text)
{
	const struct purge purge = { kind, soft, span_str(text) };
	uint64_t number;

	assert_int_equal(purge_add(purges, &purge, &number), 0);
	return number;
}

static enum purge_verdict judge(const char *url, const char *const *tags, size_t n_tags,
				uint64_t after)
{
	uint32_t hashes[4];
	uint64_t position = UINT64_MAX;

	for (size_t i = 0; i < n_tags; i++)
		hashes[i] = purge_tag_hash(span_str(tags[i]));
	const struct purge_subject subject = {
		.url = span_str(url),
		.url_hash = purge_url_hash(span_str(url)),
		.tags = hashes,
		.n_tags = n_tags,
	};
	enum purge_verdict verdict = purge_judge(purges, &subject, after, &position);
	assert_int_equal(position, purge_position(purges));
	return verdict;
}

static void each_kind_means_those_that_it_names(void **state)
{
	static const struct {
		enum purge_kind kind;
		const char *text, *url, *tag;
		bool meant;
	} rows[] = {
		{ PURGE_URL, "http://h/a", "http://h/a", NULL, true },
		{ PURGE_URL, "http://h/a", "http://h/ab", NULL, false },
		{ PURGE_URL, "http://h/ab", "http://h/a", NULL, false },
		{ PURGE_URL, "http://h/a", "http://h/A", NULL, false },
		{ PURGE_URL, "http://h/a", "http://h/a?", NULL, false },
		{ PURGE_PREFIX, "http://h/a", "http://h/a", NULL, true },
		{ PURGE_PREFIX, "http://h/a", "http://h/ab", NULL, true },
		{ PURGE_PREFIX, "http://h/ab", "http://h/a", NULL, false },
		{ PURGE_PREFIX, "h/a", "http://h/a", NULL, false },
		{ PURGE_PREFIX, "", "http://h/a", NULL, true },
		{ PURGE_TAG, "t", "http://h/a", "t", true },
		{ PURGE_TAG, "t", "http://h/a", "T", false },
		{ PURGE_TAG, "t", "http://h/a", NULL, false },
		{ PURGE_TAG, "http://h/a", "http://h/a", NULL, false },
		{ PURGE_ALL, "", "http://h/a", NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		bool soft = i % 2, meant = rows[i / 2].meant;
		uint64_t number = add(rows[i / 2].kind, soft, rows[i / 2].text);
		enum purge_verdict verdict = judge(rows[i / 2].url, &rows[i / 2].tag,
						   rows[i / 2].tag != NULL, number - 1);
		enum purge_verdict wanted = soft ? PURGE_SOFT : PURGE_HARD;
		if (verdict != (meant ? wanted : PURGE_SPARED))
			fail_msg("row %zu: %d", i / 2, (int)verdict);
	}
}

static void any_tag_of_several_is_enough(void **state)
{
	static const char *const tags[] = { "a", "b", "c" };

	(void)state;
	add(PURGE_TAG, false, "c");
	assert_int_equal(judge("http://h/", tags, 3, 0), PURGE_HARD);
	assert_int_equal(judge("http://h/", tags, 2, 0), PURGE_SPARED);
}

static void whose_tags_nobody_knows_may_have_any(void **state)
{
	uint64_t position;
	const struct purge_subject subject = { .url = SPAN_LIT("http://h/"), .tags_unknown = true };

	(void)state;
	add(PURGE_URL, false, "http://h/a");
	assert_int_equal(purge_judge(purges, &subject, 0, &position), PURGE_SPARED);
	add(PURGE_TAG, true, "c");
	assert_int_equal(purge_judge(purges, &subject, 0, &position), PURGE_SOFT);
}

static void only_what_came_since_counts(void **state)
{
	(void)state;
	assert_int_equal(purge_position(purges), 0);
	assert_int_equal(judge("http://h/a", NULL, 0, 0), PURGE_SPARED);
	assert_int_equal(add(PURGE_URL, false, "http://h/a"), 1);
	assert_int_equal(purge_position(purges), 1);
	assert_int_equal(judge("http://h/a", NULL, 0, 0), PURGE_HARD);
	assert_int_equal(judge("http://h/a", NULL, 0, 1), PURGE_SPARED);
	assert_int_equal(add(PURGE_URL, false, "http://h/b"), 2);
	assert_int_equal(judge("http://h/a", NULL, 0, 1), PURGE_SPARED);
	assert_int_equal(judge("http://h/b", NULL, 0, 1), PURGE_HARD);
}

static void a_hard_one_among_soft_ones_wins(void **state)
{
	(void)state;
	add(PURGE_URL, true, "http://h/a");
	add(PURGE_ALL, false, "");
	add(PURGE_URL, true, "http://h/a");
	add(PURGE_URL, true, "http://h/b");
	assert_int_equal(judge("http://h/a", NULL, 0, 0), PURGE_HARD);
	assert_int_equal(judge("http://h/a", NULL, 0, 1), PURGE_HARD);
	assert_int_equal(judge("http://h/a", NULL, 0, 2), PURGE_SOFT);
	assert_int_equal(judge("http://h/a", NULL, 0, 3), PURGE_SPARED);
}

/* Who is older than the log reaches is asked about, not thrown away. */
static void who_is_older_than_the_log_is_stale(void **state)
{
	(void)state;
	for (size_t i = 0; i < PURGE_KEPT; i++)
		add(PURGE_URL, false, "http://h/other");
	assert_int_equal(judge("http://h/a", NULL, 0, 0), PURGE_SPARED); /* all are there */
	add(PURGE_URL, false, "http://h/other");
	assert_int_equal(judge("http://h/a", NULL, 0, 0), PURGE_SOFT);
	assert_int_equal(judge("http://h/a", NULL, 0, 1), PURGE_SPARED);
	assert_int_equal(judge("http://h/other", NULL, 0, 0), PURGE_HARD); /* it is known */
	for (size_t i = 0; i < 3 * PURGE_KEPT; i++)
		add(PURGE_URL, true, "http://h/more");
	assert_int_equal(judge("http://h/other", NULL, 0, PURGE_KEPT), PURGE_SOFT);
	assert_int_equal(judge("http://h/a", NULL, 0, purge_position(purges) - PURGE_KEPT),
			 PURGE_SPARED);
	assert_int_equal(judge("http://h/a", NULL, 0, purge_position(purges) - PURGE_KEPT - 1),
			 PURGE_SOFT);
}

static void the_oldest_that_is_kept_still_counts(void **state)
{
	uint64_t number = add(PURGE_PREFIX, false, "http://h/");

	(void)state;
	for (size_t i = 1; i < PURGE_KEPT; i++)
		add(PURGE_TAG, false, "t");
	assert_int_equal(judge("http://h/a", NULL, 0, number - 1), PURGE_HARD);
	add(PURGE_TAG, false, "t");
	assert_int_equal(judge("http://h/a", NULL, 0, number - 1), PURGE_SOFT);
}

static void numbers_of_another_life_may_have_gaps(void **state)
{
	const struct purge all = { PURGE_ALL, false, SPAN_NONE };
	const struct purge url = { PURGE_URL, false, SPAN_LIT("http://h/a") };

	(void)state;
	assert_int_equal(purge_restore(purges, &all, 1000), 0);
	assert_int_equal(purge_restore(purges, &url, 2000), 0);
	assert_int_equal(purge_restore(purges, &all, 2000), 0); /* a file that says it twice */
	assert_int_equal(purge_restore(purges, &all, 1500), 0);
	assert_int_equal(purge_position(purges), 2000);
	assert_int_equal(judge("http://h/b", NULL, 0, 0), PURGE_HARD);
	assert_int_equal(judge("http://h/b", NULL, 0, 999), PURGE_HARD);
	assert_int_equal(judge("http://h/b", NULL, 0, 1000), PURGE_SPARED);
	assert_int_equal(judge("http://h/a", NULL, 0, 1500), PURGE_HARD);
	assert_int_equal(judge("http://h/a", NULL, 0, 2000), PURGE_SPARED);
	assert_int_equal(add(PURGE_URL, false, "http://h/c"), 2001);
}

static void note(struct buf *out, const struct purge *purge, uint64_t number)
{
	buf_printf(out, "%llu:%d%d%.*s ", (unsigned long long)number, (int)purge->kind, purge->soft,
		   SPAN_FMT(purge->text));
}

static void all_that_is_kept_can_be_read_in_order(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(purge_each(purges, note, &out), 0);
	add(PURGE_URL, false, "u");
	add(PURGE_PREFIX, true, "p");
	add(PURGE_TAG, true, "t");
	add(PURGE_ALL, false, "");
	assert_int_equal(purge_each(purges, note, &out), 4);
	assert_string_equal(buf_text(&out), "1:00u 2:11p 3:21t 4:30 ");
	for (size_t i = 0; i < PURGE_KEPT; i++)
		add(PURGE_URL, false, "v");
	buf_empty(&out);
	assert_int_equal(purge_each(purges, note, &out), PURGE_KEPT);
	assert_true(span_starts(buf_span(&out), SPAN_LIT("5:00v 6:00v ")));
	buf_fini(&out);
}

static void a_text_that_is_too_long_is_refused_and_changes_nothing(void **state)
{
	static uint8_t text[PURGE_MAX_BYTES + 1];
	struct purge purge = { PURGE_PREFIX, false, span_of(text, sizeof(text)) };
	uint64_t number = 0;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int kind = PURGE_URL; kind <= PURGE_ALL; kind++) {
		purge.kind = (enum purge_kind)kind;
		assert_int_equal(purge_add(purges, &purge, &number), -EMSGSIZE);
	}
	assert_int_equal(purge_position(purges), 0);
	purge.text.len--;
	assert_int_equal(purge_add(purges, &purge, &number), 0);
	assert_int_equal(number, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_kind_means_those_that_it_names, setup,
						teardown),
		cmocka_unit_test_setup_teardown(any_tag_of_several_is_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(whose_tags_nobody_knows_may_have_any, setup,
						teardown),
		cmocka_unit_test_setup_teardown(only_what_came_since_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hard_one_among_soft_ones_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_older_than_the_log_is_stale, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_oldest_that_is_kept_still_counts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(numbers_of_another_life_may_have_gaps, setup,
						teardown),
		cmocka_unit_test_setup_teardown(all_that_is_kept_can_be_read_in_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_text_that_is_too_long_is_refused_and_changes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
