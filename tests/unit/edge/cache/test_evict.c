/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/cache/evict: the account of bytes, who goes and who stays, and random operations
 * beside a plain model of the same rules.
 */
#include "cache_test.h"

#include "core/rng.h"
#include "edge/cache/evict.h"

/* Hashes of different items in different sets of ghosts, and with different tags. */
static uint64_t hash_of(uint64_t n)
{
	return n * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t drain(struct evict *evict)
{
	size_t n = 0;

	evict_set_max(evict, 0);
	while (evict_next(evict))
		n++;
	assert_int_equal(evict_bytes(evict), 0);
	return n;
}

static void the_account_of_bytes_is_exact(void **state)
{
	struct evict evict;
	struct evict_item items[3] = { 0 };

	(void)state;
	assert_int_equal(evict_init(&evict, 1000), 0);
	assert_int_equal(evict_bytes(&evict), 0);
	evict_add(&evict, &items[0], hash_of(0), 10);
	evict_add(&evict, &items[1], hash_of(1), 200);
	evict_add(&evict, &items[2], hash_of(2), 0);
	assert_int_equal(evict_bytes(&evict), 210);
	assert_null(evict_next(&evict));
	evict_remove(&evict, &items[1]);
	assert_int_equal(evict_bytes(&evict), 10);
	evict_remove(&evict, &items[0]);
	evict_remove(&evict, &items[2]);
	assert_int_equal(evict_bytes(&evict), 0);
	evict_fini(&evict);
}

static void nobody_goes_while_there_is_room_and_the_oldest_first(void **state)
{
	struct evict evict;
	struct evict_item items[4] = { 0 };

	(void)state;
	assert_int_equal(evict_init(&evict, 300), 0);
	for (size_t i = 0; i < 3; i++) {
		evict_add(&evict, &items[i], hash_of(i), 100);
		assert_null(evict_next(&evict));
	}
	evict_add(&evict, &items[3], hash_of(3), 100);
	assert_ptr_equal(evict_next(&evict), &items[0]);
	assert_int_equal(evict_bytes(&evict), 300);
	assert_null(evict_next(&evict));
	evict_remove(&evict, &items[2]); /* in the midst */
	evict_remove(&evict, &items[1]);
	evict_remove(&evict, &items[3]);
	evict_fini(&evict);
}

static void one_hit_wonders_do_not_push_out_who_was_asked_for(void **state)
{
	enum { USED = 50, WONDERS = 5000 };
	static struct evict_item used[USED], wonders[WONDERS];
	struct evict evict;
	size_t n_gone = 0;

	(void)state;
	assert_int_equal(evict_init(&evict, 100 * 100), 0);
	for (size_t i = 0; i < USED; i++) {
		evict_add(&evict, &used[i], hash_of(i), 100);
		evict_touch(&used[i]);
	}
	for (size_t i = 0; i < WONDERS; i++) {
		evict_add(&evict, &wonders[i], hash_of(1000 + i), 100);
		for (struct evict_item *gone; (gone = evict_next(&evict)); n_gone++)
			assert_true(gone >= wonders && gone < wonders + WONDERS);
		assert_true(evict_bytes(&evict) <= 100 * 100);
	}
	assert_int_equal(n_gone, USED + WONDERS - 100);
	for (size_t i = 0; i < USED; i++)
		assert_int_equal(used[i].queue, EVICT_MAIN);
	drain(&evict);
	evict_fini(&evict);
}

static void one_that_comes_back_goes_to_the_main_queue(void **state)
{
	struct evict evict;
	struct evict_item items[3] = { 0 };

	(void)state;
	assert_int_equal(evict_init(&evict, 100), 0);
	evict_add(&evict, &items[0], hash_of(7), 100);
	evict_add(&evict, &items[1], hash_of(8), 100);
	assert_ptr_equal(evict_next(&evict), &items[0]);
	assert_int_equal(items[0].queue, EVICT_SMALL);
	evict_add(&evict, &items[2], hash_of(7), 0);
	assert_int_equal(items[2].queue, EVICT_MAIN);
	evict_remove(&evict, &items[2]);
	evict_add(&evict, &items[2], hash_of(7), 0); /* it is remembered once */
	assert_int_equal(items[2].queue, EVICT_SMALL);
	evict_remove(&evict, &items[1]);
	evict_remove(&evict, &items[2]);
	evict_fini(&evict);
}

static void who_went_long_ago_is_forgotten(void **state)
{
	enum { OTHERS = 2000 };
	static struct evict_item others[OTHERS];
	struct evict evict;
	struct evict_item first = { 0 }, again = { 0 };

	(void)state;
	assert_int_equal(evict_init(&evict, 100), 0);
	evict_add(&evict, &first, hash_of(1 << 20), 100);
	for (size_t i = 0; i < OTHERS; i++) {
		evict_add(&evict, &others[i], hash_of(i), 100);
		assert_non_null(evict_next(&evict));
	}
	evict_add(&evict, &again, hash_of(1 << 20), 100);
	assert_int_equal(again.queue, EVICT_SMALL);
	drain(&evict);
	evict_fini(&evict);
}

/* Each use gives another round, up to three. */
static void in_the_main_queue_uses_are_rounds(void **state)
{
	struct evict evict;
	struct evict_item items[2] = { 0 };

	(void)state;
	assert_int_equal(evict_init(&evict, 200), 0);
	for (size_t i = 0; i < 2; i++) {
		evict_add(&evict, &items[i], hash_of(i), 100);
		evict_touch(&items[i]);
	}
	evict_set_max(&evict, 199); /* both go on to the main queue, the first goes */
	assert_ptr_equal(evict_next(&evict), &items[0]);
	assert_int_equal(items[1].queue, EVICT_MAIN);
	evict_add(&evict, &items[0], hash_of(100), 50);
	evict_touch(&items[0]);
	for (size_t i = 0; i < 10; i++)
		evict_touch(&items[1]);
	assert_int_equal(items[1].uses, 3);
	evict_set_max(&evict, 149);
	assert_ptr_equal(evict_next(&evict), &items[0]); /* promoted, then the first without uses */
	assert_int_equal(items[1].uses, 2);
	evict_remove(&evict, &items[1]);
	evict_fini(&evict);
}

static void a_lower_maximum_holds_at_once(void **state)
{
	static struct evict_item items[100];
	struct evict evict;
	size_t n = 0;

	(void)state;
	assert_int_equal(evict_init(&evict, 100 * 10), 0);
	for (size_t i = 0; i < 100; i++)
		evict_add(&evict, &items[i], hash_of(i), 10);
	assert_null(evict_next(&evict));
	evict_set_max(&evict, 305);
	while (evict_next(&evict))
		n++;
	assert_int_equal(n, 70);
	assert_int_equal(evict_bytes(&evict), 300);
	assert_int_equal(drain(&evict), 30);
	evict_fini(&evict);
}

static void one_that_is_larger_than_all_goes_itself(void **state)
{
	struct evict evict;
	struct evict_item kept[2] = { 0 }, large = { 0 };

	(void)state;
	assert_int_equal(evict_init(&evict, 100), 0);
	for (size_t i = 0; i < 2; i++) {
		evict_add(&evict, &kept[i], hash_of(i), 30);
		evict_touch(&kept[i]);
	}
	evict_add(&evict, &large, hash_of(9), 1000);
	assert_ptr_equal(evict_next(&evict), &large);
	assert_null(evict_next(&evict));
	assert_int_equal(evict_bytes(&evict), 60);
	evict_remove(&evict, &kept[0]);
	evict_remove(&evict, &kept[1]);
	evict_fini(&evict);
}

/* ---- beside a plain model ----------------------------------------------------------------------
 */

/* The same rules with arrays and long ways: two lists, and the numbers of those who went. */
enum { ITEMS = 200, MODEL_MAX = 10000 };

struct model {
	size_t lists[EVICT_N_QUEUES][ITEMS], n[EVICT_N_QUEUES];
	uint64_t bytes[EVICT_N_QUEUES];
	uint64_t item_bytes[ITEMS];
	unsigned uses[ITEMS];
	bool in[ITEMS];
	uint32_t went[ITEMS]; /* 0: not among the ghosts */
	uint32_t n_gone;
};

static void model_push(struct model *model, size_t queue, size_t item)
{
	model->lists[queue][model->n[queue]++] = item;
	model->bytes[queue] += model->item_bytes[item];
}

static void model_cut(struct model *model, size_t queue, size_t item)
{
	size_t n = 0;

	for (size_t i = 0; i < model->n[queue]; i++) {
		if (model->lists[queue][i] != item)
			model->lists[queue][n++] = model->lists[queue][i];
		else
			model->bytes[queue] -= model->item_bytes[item];
	}
	model->n[queue] = n;
}

/* ITEMS: nobody. */
static size_t model_next(struct model *model, uint64_t max_bytes, uint64_t small_percent)
{
	while (model->bytes[0] + model->bytes[1] > max_bytes) {
		bool small = model->bytes[EVICT_SMALL] > max_bytes / 100 * small_percent ||
			     !model->n[EVICT_MAIN];
		size_t queue = small ? EVICT_SMALL : EVICT_MAIN;
		size_t item = model->lists[queue][0];
		unsigned uses = model->uses[item];
		model_cut(model, queue, item);
		if (uses == 0) {
			if (small)
				model->went[item] = ++model->n_gone;
			model->in[item] = false;
			return item;
		}
		model->uses[item] = small ? 0 : uses - 1;
		model_push(model, EVICT_MAIN, item);
	}
	return ITEMS;
}

static void model_add(struct model *model, size_t item, uint64_t bytes)
{
	size_t span = model->n[EVICT_SMALL] + model->n[EVICT_MAIN];
	bool known = model->went[item] && model->n_gone - model->went[item] < span;

	model->item_bytes[item] = bytes;
	model->uses[item] = 0;
	model->in[item] = true;
	model->went[item] = 0;
	model_push(model, known ? EVICT_MAIN : EVICT_SMALL, item);
}

static void one_step(struct evict *evict, struct evict_item *items, struct model *model,
		     struct rng *rng)
{
	size_t item = rng_below(rng, ITEMS);
	uint64_t bytes = rng_below(rng, 400);

	if (!model->in[item]) {
		evict_add(evict, &items[item], hash_of(item), bytes);
		model_add(model, item, bytes);
	} else if (rng_below(rng, 8) == 0) {
		model->in[item] = false;
		evict_remove(evict, &items[item]);
		model_cut(model, EVICT_SMALL, item);
		model_cut(model, EVICT_MAIN, item);
	} else {
		evict_touch(&items[item]);
		model->uses[item] = MIN(model->uses[item] + 1, 3);
	}
}

static void random_operations_agree_with_a_plain_model(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct evict evict;
		static struct evict_item items[ITEMS];
		static struct model model;
		struct rng rng;
		uint64_t max_bytes = MODEL_MAX;
		memset(items, 0, sizeof(items));
		memset(&model, 0, sizeof(model));
		rng_seed(&rng, seed);
		assert_int_equal(evict_init(&evict, max_bytes), 0);
		for (size_t step = 0; step < 5000; step++) {
			if (rng_below(&rng, 500) == 0) {
				max_bytes = 100 + rng_below(&rng, MODEL_MAX);
				evict_set_max(&evict, max_bytes);
			}
			one_step(&evict, items, &model, &rng);
			for (;;) {
				struct evict_item *gone = evict_next(&evict);
				size_t wanted = model_next(&model, max_bytes, evict.small_percent);
				assert_ptr_equal(gone, wanted < ITEMS ? &items[wanted] : NULL);
				if (!gone)
					break;
			}
			assert_int_equal(evict.bytes[EVICT_SMALL], model.bytes[EVICT_SMALL]);
			assert_int_equal(evict.bytes[EVICT_MAIN], model.bytes[EVICT_MAIN]);
		}
		drain(&evict);
		evict_fini(&evict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_account_of_bytes_is_exact),
		cmocka_unit_test(nobody_goes_while_there_is_room_and_the_oldest_first),
		cmocka_unit_test(one_hit_wonders_do_not_push_out_who_was_asked_for),
		cmocka_unit_test(one_that_comes_back_goes_to_the_main_queue),
		cmocka_unit_test(who_went_long_ago_is_forgotten),
		cmocka_unit_test(in_the_main_queue_uses_are_rounds),
		cmocka_unit_test(a_lower_maximum_holds_at_once),
		cmocka_unit_test(one_that_is_larger_than_all_goes_itself),
		cmocka_unit_test(random_operations_agree_with_a_plain_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
