/* SPDX-License-Identifier: Apache-2.0
 *
 * meridian-sim: runs scenarios over many seeds.
 *
 *     meridian-sim SCENARIO [--members N] [--seeds N] [--first K] [--wan] [--delay-ms MS]
 *                  [--break WHAT --expect INVARIANT] [--verbose]
 *
 * Ends with 0 when every invariant held in every run, or, with --expect, when that one was violated
 * in at least one run and no other one in any. Else it says which seed to run again.
 */
#include "sim.h"

#include <stdlib.h>

#include "core/must.h"
#include "core/obj.h"

struct options {
	const struct scenario *scenario;
	uint64_t n_members, n_seeds, first, delay_ms;
	enum breakage breakage;
	const char *expect;
	bool wan, verbose;
};

static const char *const break_words[] = {
#define X(NAME, word) word,
	BREAKS(X)
#undef X
};

static int usage(void)
{
	fprintf(stderr,
		"usage: meridian-sim SCENARIO [--members N] [--seeds N] [--first K] [--wan]\n"
		"       [--delay-ms MS] [--break WHAT --expect INVARIANT] [--verbose]\n");
	for (size_t i = 0; i < n_scenarios; i++)
		fprintf(stderr, "  %-8s %s\n", scenarios[i].name, scenarios[i].what);
	return 64;
}

static bool read_breakage(const char *word, enum breakage *ret_breakage)
{
	for (size_t i = 0; i < ARRAY_LEN(break_words); i++) {
		if (strcmp(word, break_words[i]) == 0) {
			*ret_breakage = (enum breakage)i;
			return true;
		}
	}
	return false;
}

static bool read_number(const char *text, uint64_t *ret_number)
{
	return text && span_to_u64(span_str(text), UINT32_MAX, ret_number);
}

/* One option; *i is moved past its value. */
static bool read_option(struct options *options, char **argv, int *i)
{
	const char *word = argv[*i];

	if (strcmp(word, "--wan") == 0)
		return options->wan = true;
	if (strcmp(word, "--verbose") == 0)
		return options->verbose = true;
	const char *value = argv[++*i];
	if (!value)
		return false;
	if (strcmp(word, "--members") == 0)
		return read_number(value, &options->n_members);
	if (strcmp(word, "--seeds") == 0)
		return read_number(value, &options->n_seeds);
	if (strcmp(word, "--first") == 0)
		return read_number(value, &options->first);
	if (strcmp(word, "--delay-ms") == 0)
		return read_number(value, &options->delay_ms);
	if (strcmp(word, "--break") == 0)
		return read_breakage(value, &options->breakage);
	options->expect = value;
	return strcmp(word, "--expect") == 0;
}

static bool read_options(struct options *options, int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < n_scenarios; i++)
		if (strcmp(argv[1], scenarios[i].name) == 0)
			options->scenario = &scenarios[i];
	for (int i = 2; i < argc; i++)
		if (!read_option(options, argv, &i))
			return false;
	return options->scenario && options->n_members >= 2 && options->n_members <= MAX_HOSTS;
}

static int compare_ms(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_samples(const struct options *options, struct samples *samples)
{
	if (samples->n == 0)
		return;
	qsort(samples->ms, samples->n, sizeof(samples->ms[0]), compare_ms);
	printf("%s, %llu members: p50 %lld ms, p99 %lld ms, most %lld ms, of %zu samples\n",
	       options->scenario->name, (unsigned long long)options->n_members,
	       (long long)samples->ms[samples->n / 2],
	       (long long)samples->ms[samples->n * 99 / 100],
	       (long long)samples->ms[samples->n - 1], samples->n);
}

struct totals {
	uint64_t n_steps, n_datagrams, n_streams, n_violated, n_other, n_false_deaths, bytes;
	int64_t host_ms;
};

static void run_seed(const struct options *options, uint64_t seed, struct samples *samples,
		     struct totals *totals)
{
	struct world world;

	world_init(&world, seed, options->n_members, options->breakage);
	world.verbose = options->verbose;
	if (options->wan)
		world.conf = swim_conf_wan;
	if (options->delay_ms)
		world.max_delay_us = (uint32_t)options->delay_ms * 1000;
	mono_t began_at = world.now;
	options->scenario->run(&world, samples);

	totals->n_steps += world.n_steps;
	totals->n_datagrams += world.n_datagrams;
	totals->n_streams += world.n_streams;
	totals->n_false_deaths += world.n_false_deaths;
	totals->bytes += world.datagram_bytes;
	totals->host_ms += mono_diff_ms(world.now, began_at) * (int64_t)world.n_hosts;
	if (world.violated != KEPT) {
		const char *name = invariant_name(world.violated);

		totals->n_violated++;
		totals->n_other += !options->expect || strcmp(options->expect, name) != 0;
		printf("seed %llu: invariant violated: %s: %s, at %.3f s\n",
		       (unsigned long long)seed, name, world.why,
		       (double)world.now.ns / 1e9 - 1000);
	}
	world_fini(&world);
}

int main(int argc, char **argv)
{
	struct options options = { .n_members = 8, .n_seeds = 10, .first = 1 };
	struct totals totals = { 0 };

	if (!read_options(&options, argc, argv))
		return usage();
	struct samples samples = { .ms = calloc(KILL_SAMPLES, sizeof(int64_t)) };
	MUST(samples.ms);
	for (uint64_t i = 0; i < options.n_seeds; i++)
		run_seed(&options, options.first + i, &samples, &totals);
	print_samples(&options, &samples);
	free(samples.ms);
	printf("%llu runs, %llu violated; %llu steps, %llu datagrams, %llu streams\n",
	       (unsigned long long)options.n_seeds, (unsigned long long)totals.n_violated,
	       (unsigned long long)totals.n_steps, (unsigned long long)totals.n_datagrams,
	       (unsigned long long)totals.n_streams);
	printf("%llu false deaths; at most %lld bytes a second of datagrams from each member\n",
	       (unsigned long long)totals.n_false_deaths,
	       (long long)totals.bytes * MS_PER_S / (totals.host_ms + 1));
	if (options.expect)
		return totals.n_violated > 0 && totals.n_other == 0 ? 0 : 1;
	return totals.n_violated == 0 ? 0 : 1;
}
