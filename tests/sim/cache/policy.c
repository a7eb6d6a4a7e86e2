/* SPDX-License-Identifier: Apache-2.0
 *
 * policy: LRU, W-TinyLFU after Einziger et al. (a window of 1%, a main part in two segments, a
 * sketch that ages), the shipped S3-FIFO, and a bound that no policy can pass.
 */
#include "policy.h"

#include <stdlib.h>

#include <bsd/sys/queue.h>

#include "core/hash.h"
#include "core/must.h"
#include "core/obj.h"
#include "edge/cache/evict.h"

struct policy_tuning policy_tuning;

static void *must_alloc(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	MUST(memory);
	return memory;
}

static void hit(struct policy_result *result, uint32_t size)
{
	result->n_hits++;
	result->hit_bytes += size;
}

static uint64_t hash_of(uint32_t id)
{
	return hash_fixed(span_of(&id, sizeof(id)), 7);
}

/* ---- the one that ships ------------------------------------------------------------------------
 */

struct s3_item {
	struct evict_item evict;
	bool in;
};

static void s3_run(const struct trace *trace, uint64_t max_bytes, struct policy_result *ret)
{
	struct s3_item *items = must_alloc(trace->n_objects, sizeof(*items));
	struct evict_item *gone;
	struct evict evict;

	MUST(evict_init(&evict, max_bytes) == 0);
	if (policy_tuning.small_percent)
		evict.small_percent = policy_tuning.small_percent;
	if (policy_tuning.enough_uses)
		evict.enough_uses = (uint8_t)policy_tuning.enough_uses;
	for (size_t i = 0; i < trace->n; i++) {
		struct s3_item *item = &items[trace->ids[i]];
		uint32_t size = trace->sizes[trace->ids[i]];
		if (item->in) {
			hit(ret, size);
			if (!policy_tuning.no_touch)
				evict_touch(&item->evict);
			continue;
		}
		item->in = true;
		evict_add(&evict, &item->evict, hash_of(trace->ids[i]), size);
		while ((gone = evict_next(&evict)))
			CONTAINER_OF(gone, struct s3_item, evict)->in = false;
	}
	for (uint32_t i = 0; i < trace->n_objects; i++) {
		if (items[i].in)
			evict_remove(&evict, &items[i].evict);
	}
	evict_fini(&evict);
	free(items);
}

/* ---- lists by use ------------------------------------------------------------------------------
 */

enum place { OUT, WINDOW, PROBATION, PROTECTED, N_PLACES };

struct item {
	TAILQ_ENTRY(item) link;
	uint32_t id, size;
	enum place place;
};
TAILQ_HEAD(list, item);

struct lists {
	struct list lists[N_PLACES]; /* the oldest first */
	uint64_t bytes[N_PLACES];
};

static void lists_init(struct lists *lists)
{
	*lists = (struct lists){ .bytes = { 0 } };
	for (size_t i = 0; i < N_PLACES; i++)
		TAILQ_INIT(&lists->lists[i]);
}

static void item_move(struct lists *lists, struct item *item, enum place to)
{
	if (item->place != OUT) {
		TAILQ_REMOVE(&lists->lists[item->place], item, link);
		lists->bytes[item->place] -= item->size;
	}
	item->place = to;
	if (to == OUT)
		return;
	TAILQ_INSERT_TAIL(&lists->lists[to], item, link);
	lists->bytes[to] += item->size;
}

static struct item *items_new(const struct trace *trace)
{
	struct item *items = must_alloc(trace->n_objects, sizeof(*items));

	for (uint32_t i = 0; i < trace->n_objects; i++) {
		items[i].id = i;
		items[i].size = trace->sizes[i];
	}
	return items;
}

static void by_age(const struct trace *trace, uint64_t max_bytes, bool move,
		   struct policy_result *ret)
{
	struct item *items = items_new(trace);
	struct lists lists;

	lists_init(&lists);
	for (size_t i = 0; i < trace->n; i++) {
		struct item *item = &items[trace->ids[i]];
		if (item->place != OUT)
			hit(ret, item->size);
		if (item->place == OUT || move)
			item_move(&lists, item, WINDOW);
		while (lists.bytes[WINDOW] > max_bytes)
			item_move(&lists, TAILQ_FIRST(&lists.lists[WINDOW]), OUT);
	}
	free(items);
}

static void lru_run(const struct trace *trace, uint64_t max_bytes, struct policy_result *ret)
{
	by_age(trace, max_bytes, true, ret);
}

static void fifo_run(const struct trace *trace, uint64_t max_bytes, struct policy_result *ret)
{
	by_age(trace, max_bytes, false, ret);
}

/* ---- W-TinyLFU ---------------------------------------------------------------------------------
 */

enum { ROWS = 4, SKETCH = 1 << 18, COUNT_MAX = 15 };

struct sketch {
	uint8_t *counts; /* ROWS * SKETCH */
	uint32_t n_added, n_until_aged;
};

static uint8_t *count_at(const struct sketch *sketch, uint32_t id, uint32_t row)
{
	uint64_t hash = hash_fixed(span_of(&id, sizeof(id)), row);

	return &sketch->counts[row * SKETCH + hash % SKETCH];
}

static uint32_t frequency(const struct sketch *sketch, uint32_t id)
{
	uint32_t least = COUNT_MAX;

	for (uint32_t row = 0; row < ROWS; row++)
		least = MIN(least, *count_at(sketch, id, row));
	return least;
}

static void sketch_add(struct sketch *sketch, uint32_t id)
{
	for (uint32_t row = 0; row < ROWS; row++) {
		uint8_t *count = count_at(sketch, id, row);
		*count = (uint8_t)MIN(*count + 1, COUNT_MAX);
	}
	if (++sketch->n_added < sketch->n_until_aged)
		return;
	sketch->n_added /= 2;
	for (size_t i = 0; i < (size_t)ROWS * SKETCH; i++)
		sketch->counts[i] /= 2;
}

/* One that leaves the window takes the places of those that are asked for less. */
static void admit(struct lists *lists, const struct sketch *sketch, struct item *candidate,
		  uint64_t main_bytes)
{
	uint32_t wanted = frequency(sketch, candidate->id);

	item_move(lists, candidate, OUT);
	while (lists->bytes[PROBATION] + lists->bytes[PROTECTED] + candidate->size > main_bytes) {
		struct item *victim = TAILQ_FIRST(&lists->lists[PROBATION]);
		if (!victim)
			victim = TAILQ_FIRST(&lists->lists[PROTECTED]);
		if (!victim || frequency(sketch, victim->id) >= wanted)
			return;
		item_move(lists, victim, OUT);
	}
	item_move(lists, candidate, PROBATION);
}

static void tinylfu_run(const struct trace *trace, uint64_t max_bytes, struct policy_result *ret)
{
	struct item *items = items_new(trace);
	struct sketch sketch = { .counts = must_alloc((size_t)ROWS * SKETCH, 1) };
	uint64_t window_bytes = max_bytes / 100, main_bytes = max_bytes - window_bytes;
	struct lists lists;

	sketch.n_until_aged = (uint32_t)MAX(max_bytes / 20000 * 10, 1000);
	lists_init(&lists);
	for (size_t i = 0; i < trace->n; i++) {
		struct item *item = &items[trace->ids[i]];
		sketch_add(&sketch, item->id);
		if (item->place != OUT)
			hit(ret, item->size);
		if (item->place == OUT || item->place == WINDOW)
			item_move(&lists, item, WINDOW);
		else
			item_move(&lists, item, PROTECTED);
		while (lists.bytes[PROTECTED] > main_bytes / 5 * 4)
			item_move(&lists, TAILQ_FIRST(&lists.lists[PROTECTED]), PROBATION);
		while (lists.bytes[WINDOW] > window_bytes)
			admit(&lists, &sketch, TAILQ_FIRST(&lists.lists[WINDOW]), main_bytes);
	}
	free(sketch.counts);
	free(items);
}

/* ---- the bound ---------------------------------------------------------------------------------
 */

/* A hit needs its object's bytes from the request before until this one. Whoever knows the future
 * can do no better than to take the cheapest of these, as if room could be moved about in time
 * (PFOO-L, Berger et al. 2018): where all sizes are equal, that is close to Belady's. */
struct interval {
	double cost;
	uint32_t size;
};

static int cheaper(const void *a, const void *b)
{
	double left = ((const struct interval *)a)->cost,
	       right = ((const struct interval *)b)->cost;

	return (left > right) - (left < right);
}

static void bound_run(const struct trace *trace, uint64_t max_bytes, struct policy_result *ret)
{
	struct interval *intervals = must_alloc(trace->n, sizeof(*intervals));
	size_t *last = must_alloc(trace->n_objects, sizeof(*last)), n = 0;
	double room = (double)max_bytes * (double)trace->n;

	for (size_t i = 0; i < trace->n; i++) {
		uint32_t id = trace->ids[i], size = trace->sizes[id];
		if (last[id] && size <= max_bytes)
			intervals[n++] =
				(struct interval){ (double)size * (double)(i + 1 - last[id]),
						   size };
		last[id] = i + 1;
	}
	qsort(intervals, n, sizeof(*intervals), cheaper);
	for (size_t i = 0; i < n && room >= intervals[i].cost; i++) {
		room -= intervals[i].cost;
		hit(ret, intervals[i].size);
	}
	free(intervals);
	free(last);
}

const struct policy policies[] = {
	{ .name = "S3-FIFO", .run = s3_run }, { .name = "W-TinyLFU", .run = tinylfu_run },
	{ .name = "LRU", .run = lru_run },    { .name = "FIFO", .run = fifo_run },
	{ "bound", bound_run, true },         { .name = NULL },
};
