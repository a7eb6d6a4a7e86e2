/* SPDX-License-Identifier: Apache-2.0
 *
 * trace: ranks are drawn by Zipf and mapped to objects, a map that shifts rewrite.
 */
#include "trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "core/rng.h"

/* clang-format off */
const struct trace_family trace_families[] = {
	/* name              alpha  popular wonders scan     of    shift   loop  mixed */
	{ "zipf 0.7",        0.7,   60000,   0,     0,       0,      0,     0, 0 },
	{ "zipf 1.0",        1.0,   60000,   0,     0,       0,      0,     0, 0 },
	{ "wonders 30%",     0.9,   60000,  30,     0,       0,      0,     0, 1 },
	{ "wonders 60%",     0.9,   60000,  60,     0,       0,      0,     0, 1 },
	{ "scans",           0.9,   60000,  10, 30000,    8000,      0,     0, 1 },
	{ "shifts",          0.9,   60000,  10,     0,       0,  40000,     0, 1 },
	{ "loops",           0.9,   60000,  10,     0,       0,      0,  9000, 1 },
	{ "all of it",       0.9,   60000,  30, 60000,    8000,  60000,  5000, 1 },
	{ .name = NULL },
};
/* clang-format on */

static void *must_alloc(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	MUST(memory);
	return memory;
}

/* Sums of the chances of ranks, for a search. */
static double *zipf_sums(double alpha, uint32_t n)
{
	double *sums = must_alloc(n, sizeof(*sums)), sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sums[i] = sum += 1 / pow(i + 1, alpha);
	return sums;
}

static uint32_t zipf_draw(const double *sums, uint32_t n, struct rng *rng)
{
	double at = rng_unit(rng) * sums[n - 1];
	uint32_t low = 0, high = n - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (sums[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Log-normal, about 15 KiB in the middle of it all, 200 bytes to 8 MiB. */
static uint32_t size_draw(struct rng *rng)
{
	double normal = sqrt(-2 * log(1 - rng_unit(rng))) * cos(2 * M_PI * rng_unit(rng));
	double size = exp(9 + 1.6 * normal);

	return (uint32_t)fmin(fmax(size, 200), 8 << 20);
}

struct maker {
	const struct trace_family *family;
	struct trace *trace;
	struct rng rng;
	double *sums;
	uint32_t *popular; /* rank -> object */
	uint32_t n_fresh;  /* the next object that nobody has asked for */
	uint32_t loop_at, loop_from, scan_from;
};

/* A hundredth of the ranks, from the top to the bottom, get other objects. */
static void shift(struct maker *maker)
{
	for (uint32_t i = 0; i < maker->family->n_popular / 100; i++) {
		uint32_t a = zipf_draw(maker->sums, maker->family->n_popular, &maker->rng);
		uint32_t b = (uint32_t)rng_below(&maker->rng, maker->family->n_popular);
		uint32_t object = maker->popular[a];
		maker->popular[a] = maker->popular[b];
		maker->popular[b] = object;
	}
}

static uint32_t request_draw(struct maker *maker)
{
	const struct trace_family *family = maker->family;

	if (family->wonders_pct && rng_below(&maker->rng, 100) < family->wonders_pct)
		return maker->n_fresh++;
	if (family->loop_len && rng_below(&maker->rng, 10) == 0)
		return maker->loop_from + maker->loop_at++ % family->loop_len;
	return maker->popular[zipf_draw(maker->sums, family->n_popular, &maker->rng)];
}

static void fill(struct maker *maker)
{
	const struct trace_family *family = maker->family;
	struct trace *trace = maker->trace;
	size_t at = 0;

	while (at < trace->n) {
		if (family->shift_every && at % family->shift_every == 0)
			shift(maker);
		if (family->scan_every && at % family->scan_every == family->scan_every / 2) {
			for (uint32_t i = 0; i < family->scan_len && at < trace->n; i++)
				trace->ids[at++] = maker->scan_from + i;
			continue;
		}
		trace->ids[at++] = request_draw(maker);
	}
}

static void footprint_count(struct trace *trace)
{
	uint8_t *seen = must_alloc(trace->n_objects, 1);

	for (size_t i = 0; i < trace->n; i++) {
		if (!seen[trace->ids[i]])
			trace->footprint_bytes += trace->sizes[trace->ids[i]];
		seen[trace->ids[i]] = 1;
	}
	free(seen);
}

void trace_make(const struct trace_family *family, size_t n_requests, uint64_t seed,
		struct trace *ret_trace)
{
	struct maker maker = { .family = family, .trace = ret_trace };
	uint32_t n_named = family->n_popular + family->loop_len + family->scan_len;

	rng_seed(&maker.rng, seed);
	*ret_trace = (struct trace){ .ids = must_alloc(n_requests, sizeof(uint32_t)),
				     .n = n_requests,
				     .n_objects = n_named + (uint32_t)n_requests };
	ret_trace->sizes = must_alloc(ret_trace->n_objects, sizeof(uint32_t));
	for (uint32_t i = 0; i < ret_trace->n_objects; i++)
		ret_trace->sizes[i] = size_draw(&maker.rng);
	maker.sums = zipf_sums(family->alpha, family->n_popular);
	maker.popular = must_alloc(family->n_popular, sizeof(uint32_t));
	for (uint32_t i = 0; i < family->n_popular; i++)
		maker.popular[i] = i;
	maker.loop_from = family->n_popular;
	maker.scan_from = maker.loop_from + family->loop_len;
	maker.n_fresh = n_named;
	fill(&maker);
	footprint_count(ret_trace);
	free(maker.sums);
	free(maker.popular);
}

void trace_free(struct trace *trace)
{
	free(trace->ids);
	free(trace->sizes);
}
