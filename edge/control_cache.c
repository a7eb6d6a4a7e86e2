/* SPDX-License-Identifier: Apache-2.0
 *
 * control_cache: the stores from the control thread: what is purged or unused is looked for, a
 * little at a time; numbers are shown; sizes follow the configuration.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/control_priv.h"

enum { SWEEP_MS = 50, SWEEP_STEPS = 8 };

static void on_sweep(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);
	const struct edge_plan *plan = control->plan;
	struct cache_stats stats, sum = { 0 };

	for (size_t i = 0; i < plan->edge->n_stores; i++) {
		for (unsigned step = 0; step < SWEEP_STEPS; step++) {
			if (cache_sweep(plan->caches[i], loop_wall_s(control->loop)))
				break;
		}
		cache_stats(plan->caches[i], &stats);
		sum.n_objects += stats.n_objects;
		sum.bytes += stats.bytes;
		sum.n_flights += stats.n_flights;
	}
	metric_set(control->metrics, CONTROL_METRIC_CACHE_OBJECTS, (int64_t)sum.n_objects);
	metric_set(control->metrics, CONTROL_METRIC_CACHE_BYTES, (int64_t)sum.bytes);
	metric_set(control->metrics, CONTROL_METRIC_CACHE_FLIGHTS, (int64_t)sum.n_flights);
	loop_timer_set(&control->sweep, mono_add_ms(loop_now(control->loop), SWEEP_MS));
}

/* Workers do not know them yet. */
static void stores_open(struct control *control)
{
	const struct edge_plan *plan = control->plan;

	for (size_t i = 0; i < plan->edge->n_stores; i++)
		cache_open_disk(plan->caches[i], &plan->edge->stores[i],
				loop_wall_s(control->loop));
}

void control_cache_start(struct control *control)
{
	stores_open(control);
	loop_timer_init(&control->sweep, control->loop, on_sweep, control);
	if (control->plan->edge->n_stores)
		on_sweep(control);
}

void control_cache_taken(struct control *control)
{
	const struct edge_plan *plan = control->plan;

	stores_open(control);
	for (size_t i = 0; i < plan->edge->n_stores; i++)
		cache_set_conf(plan->caches[i], &plan->edge->stores[i]);
	if (plan->edge->n_stores)
		on_sweep(control);
	else
		loop_timer_stop(&control->sweep);
}

int control_purge(struct control *control, const struct edge_purge *purge, unsigned *ret_n,
		  char *reterr)
{
	int r = edge_purge(control->plan, purge, ret_n, reterr);

	if (r == 0)
		LOG_INFO("cache.purge", kv_uint("kind", (uint64_t)purge->kind),
			 kv_span("what", purge->text), kv_bool("soft", purge->soft),
			 kv_uint("records", *ret_n));
	return err_pass(r);
}
