/* SPDX-License-Identifier: Apache-2.0
 *
 * scenario: what happens in a run. Each begins with a group that forms, and ends with a group that
 * agrees; between them is what it is about.
 */
#include "sim.h"

#include "core/must.h"
#include "core/obj.h"

enum {
	JOIN_BOUND_MS = 30000,
	REFUSED_BOUND_MS = 1500, /* from a kill to the last member's knowledge */
	SILENT_BOUND_MS = 16000, /* from a pulled plug */
	AGREE_BOUND_MS = 90000,  /* after faults have stopped */
	HEAL_BOUND_MS = 75000,   /* after a split has ended: all meet */
	NEWS_BOUND_MS = 12000,   /* a fact without faults */
};

void samples_add(struct samples *samples, int64_t ms)
{
	if (samples->n < KILL_SAMPLES)
		samples->ms[samples->n++] = ms;
}

static size_t any_host(struct world *world)
{
	return rng_below(&world->rng, world->n_hosts);
}

static void publish_some(struct world *world, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t host = any_host(world);

		if (host_up(&world->hosts[host]))
			world_publish(world, host, (uint32_t)rng_below(&world->rng, N_KEYS));
	}
}

static int64_t form(struct world *world)
{
	for (size_t i = 0; i < world->n_hosts; i++) {
		world_start(world, i, 1);
		world_run(world, (int64_t)rng_below(&world->rng, 200));
	}
	return check_until_agreed(world, JOIN_BOUND_MS, DISAGREEMENT);
}

static void run_clean(struct world *world, struct samples *samples)
{
	form(world);
	for (size_t i = 0; i < 60 && world->violated == KEPT; i++) {
		publish_some(world, 2);
		world_run(world, 1000);
	}
	samples_add(samples, check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT));
}

static void run_storm(struct world *world, struct samples *samples)
{
	for (size_t i = 0; i < world->n_hosts; i++)
		world_start(world, i, 1);
	samples_add(samples, check_until_agreed(world, JOIN_BOUND_MS, DISAGREEMENT));
}

/* Adds the time of each member; the last one's is held against the bound. */
static void wait_until_known(struct world *world, size_t gone, int64_t bound_ms,
			     struct samples *samples)
{
	mono_t began_at = world->now;
	bool known[MAX_HOSTS] = { false };
	size_t n_left = world->n_hosts - 1;

	while (world->violated == KEPT && n_left) {
		world_run(world, 5);
		int64_t ms = mono_diff_ms(world->now, began_at);
		for (size_t i = 0; i < world->n_hosts; i++) {
			if (i == gone || known[i] || !check_known_gone(world, gone, i))
				continue;
			known[i] = true;
			n_left--;
			samples_add(samples, ms);
		}
		if (n_left && ms >= bound_ms)
			violate(world, LATE_DETECTION,
				"%zu members do not know after %lld ms that host %zu is gone",
				n_left, (long long)ms, gone);
	}
}

static void run_kill(struct world *world, struct samples *samples)
{
	size_t gone = any_host(world);

	form(world);
	world_run(world, 5000 + (int64_t)rng_below(&world->rng, 3000));
	if (world->violated != KEPT)
		return;
	uint64_t incarnation = world->hosts[gone].top_incarnation;
	world_kill(world, gone);
	wait_until_known(world, gone, REFUSED_BOUND_MS, samples);
	world_run(world, 2000);
	world_start(world, gone, incarnation + 1);
	check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT);
}

static void run_silent(struct world *world, struct samples *samples)
{
	size_t gone = any_host(world);

	form(world);
	world_run(world, 40000 + (int64_t)rng_below(&world->rng, 3000));
	if (world->violated != KEPT)
		return;
	world_unplug(world, gone);
	wait_until_known(world, gone, SILENT_BOUND_MS, samples);
	world_run(world, 10000);
	world_replug(world, gone);
	check_until_agreed(world, AGREE_BOUND_MS, NOT_HEALED);
}

static void run_leave(struct world *world, struct samples *samples)
{
	size_t gone = any_host(world);

	form(world);
	world_run(world, 5000);
	if (world->violated != KEPT)
		return;
	world_leave(world, gone);
	wait_until_known(world, gone, REFUSED_BOUND_MS, samples);
	world_run(world, 1000);
	uint64_t incarnation = world->hosts[gone].top_incarnation;
	world_kill(world, gone);
	world_run(world, 5000);
	world_start(world, gone, incarnation + 1);
	check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT);
}

/* A process begins again with an empty disk, or one from a backup. */
static void run_disk(struct world *world, struct samples *samples)
{
	size_t gone = any_host(world);

	form(world);
	world_run(world, 5000);
	for (size_t i = 0; i < 3 && world->violated == KEPT; i++) {
		world_kill(world, gone);
		world_run(world, (int64_t)rng_below(&world->rng, 20000));
		world_start(world, gone, 1);
		samples_add(samples, check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT));
		world_run(world, 5000);
	}
}

static void run_split(struct world *world, struct samples *samples)
{
	form(world);
	world_run(world, 5000);
	world_split(world);
	for (size_t i = 0; i < 60 && world->violated == KEPT; i++) {
		publish_some(world, 1);
		world_run(world, 1000 + (int64_t)rng_below(&world->rng, 1000));
	}
	world_heal(world);
	samples_add(samples, check_until_agreed(world, HEAL_BOUND_MS, NOT_HEALED));
	world_run(world, 40000);
	check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT);
}

/* A quarter is stopped and goes on, as when a machine swaps. */
static void run_pause(struct world *world, struct samples *samples)
{
	bool stopped[MAX_HOSTS] = { false };

	form(world);
	world_run(world, 5000);
	for (size_t i = 0; i < world->n_hosts / 4 + 1 && world->violated == KEPT; i++) {
		size_t host = any_host(world);

		if (!stopped[host])
			world_stop(world, host);
		stopped[host] = true;
	}
	world_run(world, 1000 + (int64_t)rng_below(&world->rng, 30000));
	for (size_t i = 0; i < world->n_hosts; i++)
		if (stopped[i])
			world_continue(world, i);
	samples_add(samples, check_until_agreed(world, AGREE_BOUND_MS, DISAGREEMENT));
}

static void run_forge(struct world *world, struct samples *samples)
{
	uint64_t n_forged = 0;

	(void)samples;
	form(world);
	world_run(world, 40000);
	for (size_t i = 0; i < 400 && world->violated == KEPT; i++) {
		size_t from = any_host(world), to = any_host(world);

		if (from != to)
			forge_send(world, from, to);
		world_run(world, 50);
	}
	check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT);
	for (size_t i = 0; i < world->n_hosts; i++)
		n_forged += swim_counter(world->hosts[i].swim, SWIM_N_CLAIMS_FORGED) +
			    swim_counter(world->hosts[i].swim, SWIM_N_FACTS_FORGED);
	if (n_forged == 0)
		violate(world, FORGERY, "nobody has noticed a forgery");
}

static void one_fault(struct world *world)
{
	size_t host = any_host(world);
	struct host *victim = &world->hosts[host];

	switch (rng_below(&world->rng, 8)) {
	case 0:
	case 1:
		if (victim->running)
			world_kill(world, host);
		return;
	case 2:
	case 3:
		if (!victim->running)
			world_start(world, host,
				    rng_below(&world->rng, 4) ? victim->top_incarnation + 1 : 1);
		return;
	case 4:
		if (victim->unplugged)
			world_replug(world, host);
		else
			world_unplug(world, host);
		return;
	case 5:
		if (victim->running && victim->stopped)
			world_continue(world, host);
		else if (victim->running)
			world_stop(world, host);
		return;
	case 6:
		if (world->cut)
			world_heal(world);
		else
			world_split(world);
		return;
	default:
		world->loss = 0.3 * rng_unit(&world->rng);
		world->lossless = false;
		return;
	}
}

static void end_faults(struct world *world)
{
	world->loss = world->doubling = world->reorder = 0;
	if (world->cut)
		world_heal(world);
	for (size_t i = 0; i < world->n_hosts; i++) {
		struct host *host = &world->hosts[i];

		if (host->unplugged)
			world_replug(world, i);
		/* Nobody finds a group whose seeds are all gone. */
		if (!host->running && (i < world->n_seeds || rng_below(&world->rng, 2)))
			world_start(world, i, host->top_incarnation + 1);
		else if (host->stopped)
			world_continue(world, i);
	}
}

static void run_chaos(struct world *world, struct samples *samples)
{
	world->lossless = false;
	form(world);
	world->doubling = 0.1 * rng_unit(&world->rng);
	world->reorder = 0.2 * rng_unit(&world->rng);
	for (size_t i = 0; i < 60 && world->violated == KEPT; i++) {
		one_fault(world);
		publish_some(world, 1);
		world_run(world, 200 + (int64_t)rng_below(&world->rng, 3000));
	}
	end_faults(world);
	samples_add(samples, check_until_agreed(world, AGREE_BOUND_MS, DISAGREEMENT));
}

static void run_lossy(struct world *world, struct samples *samples)
{
	form(world);
	world->lossless = false;
	world->loss = 0.25;
	world->doubling = 0.05;
	world->reorder = 0.2;
	for (size_t i = 0; i < 60 && world->violated == KEPT; i++) {
		publish_some(world, 1);
		world_run(world, 1000);
	}
	world->loss = 0;
	samples_add(samples, check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT));
}

/* A group at peace, with one in it who lies under its own name: that must not be enough. */
static void run_accuser(struct world *world, struct samples *samples)
{
	size_t n_accusers = world->breakage == BREAK_ACCUSERS ? 2 : 1;

	(void)samples;
	form(world);
	world_run(world, 40000);
	for (size_t i = 0; i < 20 && world->violated == KEPT; i++) {
		forge_accuse(world, n_accusers, 2 + rng_below(&world->rng, world->n_hosts - 2),
			     2 + rng_below(&world->rng, world->n_hosts - 2));
		world_run(world, 500);
	}
	check_until_agreed(world, NEWS_BOUND_MS, DISAGREEMENT);
}

const struct scenario scenarios[] = {
	{ "clean", "a group at peace; ms until the last fact is everywhere", run_clean },
	{ "storm", "all join at once; ms until all know all", run_storm },
	{ "kill", "a process is killed, and comes back; ms until a member knows", run_kill },
	{ "silent", "a plug is pulled, and put back; ms until a member knows", run_silent },
	{ "leave", "a member leaves, and comes back; ms until a member knows", run_leave },
	{ "disk", "a member comes back without its disk; ms until all agree", run_disk },
	{ "split", "a minute and a half in two halves; ms until all agree", run_split },
	{ "pause", "a quarter is stopped for a while; ms until all agree", run_pause },
	{ "forge", "false claims and facts", run_forge },
	{ "accuser", "one member accuses the healthy", run_accuser },
	{ "lossy", "a quarter of all datagrams is lost; ms until all agree", run_lossy },
	{ "chaos", "everything at once; ms until all agree", run_chaos },
};
const size_t n_scenarios = ARRAY_LEN(scenarios);
