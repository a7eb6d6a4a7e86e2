/* SPDX-License-Identifier: Apache-2.0
 *
 * world: hosts and their lives. It plays process, kernel and disk around the core: what the core
 * asks to be kept is kept before anything is sent, a stopped process finds at its return what the
 * kernel has held for it, a killed one's lines are closed.
 */
#include "sim.h"

#include "core/must.h"
#include "core/obj.h"

enum { FALL_BACK_MS = 20000 };

static const struct swim_env **envs_of(struct world *world)
{
	return (const struct swim_env **)(void *)(world->hosts + world->n_hosts);
}

void world_init(struct world *world, uint64_t seed, size_t n_hosts, enum breakage breakage)
{
	*world = (struct world){
		.seed = seed,
		.conf = swim_conf_region,
		.breakage = breakage,
		.n_hosts = n_hosts,
		.n_seeds = MIN(n_hosts, (size_t)2),
		.max_delay_us = 2000,
		.lossless = true,
		.now = { INT64_C(1000000000000) },
	};
	MUST(n_hosts >= 2 && n_hosts <= MAX_HOSTS);
	rng_seed(&world->rng, seed);
	world->hosts = calloc(n_hosts, sizeof(struct host) + sizeof(struct swim_env *));
	MUST(world->hosts);
	for (size_t i = 0; i < n_hosts; i++) {
		struct host *host = &world->hosts[i];
		uint64_t lot = hash_fixed(span_of(&i, sizeof(i)), seed);
		uint8_t ip[4] = { 10, (uint8_t)((i + 1) >> 16), (uint8_t)((i + 1) >> 8),
				  (uint8_t)(i + 1) };

		memcpy(host->id.bytes, &lot, MEMBER_ID_BYTES);
		host->addr = addr_from_ip(span_of(ip, 4), 7946);
		host->troubled_at = world->now;
		host->seen = calloc(n_hosts, sizeof(struct seen));
		host->held = calloc(MAX_HELD, sizeof(struct held));
		MUST(host->seen && host->held);
		forge_certificate(world, host);
	}
}

static void end_life(struct world *world, size_t i)
{
	struct host *host = &world->hosts[i];

	swim_free(host->swim);
	host->swim = NULL;
	forge_env_free(envs_of(world)[i]);
	envs_of(world)[i] = NULL;
	for (size_t h = 0; h < host->n_held; h++)
		free(host->held[h].message);
	host->n_held = 0;
	host->n_kept = 0;
	host->running = host->stopped = false;
}

void world_fini(struct world *world)
{
	for (size_t i = 0; i < world->n_hosts; i++) {
		end_life(world, i);
		free(world->hosts[i].seen);
		free(world->hosts[i].held);
	}
	for (size_t i = 0; i < world->n_heap; i++)
		free(world->heap[i].message);
	free(world->heap);
	free(world->hosts);
}

size_t world_host_of(const struct world *world, const struct member_id *id)
{
	for (size_t i = 0; i < world->n_hosts; i++)
		if (memcmp(world->hosts[i].id.bytes, id->bytes, MEMBER_ID_BYTES) == 0)
			return i;
	UNREACHABLE();
}

static void keep_lines(struct world *world, size_t i, const struct swim_actions *actions)
{
	struct host *host = &world->hosts[i];
	size_t n_old = host->n_kept;
	struct swim_keep_line old[SWIM_MAX_KEPT];

	memcpy(old, host->kept, sizeof(old));
	memcpy(host->kept, actions->keep, sizeof(old));
	host->n_kept = actions->n_keep;
	for (size_t k = 0; k < host->n_kept; k++) {
		bool had = false;

		for (size_t o = 0; o < n_old; o++)
			had |= memcmp(old[o].id.bytes, host->kept[k].id.bytes, MEMBER_ID_BYTES) ==
			       0;
		if (!had)
			net_dial(world, i, &host->kept[k]);
	}
}

void world_step(struct world *world, size_t i, const struct swim_event *event)
{
	struct host *host = &world->hosts[i];
	struct swim_actions actions;

	swim_step(host->swim, world->now, event, &actions);
	world->n_steps++;
	if (actions.incarnation_raised)
		host->top_incarnation = MAX(host->top_incarnation, actions.incarnation);
	check_step(world, i, &actions);
	for (size_t s = 0; s < actions.n_sends; s++)
		net_send(world, i, &actions.sends[s]);
	if (actions.keep_changed)
		keep_lines(world, i, &actions);
	if (host->timer_at.ns != actions.next_at.ns) {
		struct coming timer = {
			.at = actions.next_at, .kind = COMING_TIMER, .host = i, .life = host->life
		};

		host->timer_at = actions.next_at;
		net_push(world, &timer);
	}
}

static void begin_life(struct world *world, size_t i, uint64_t incarnation)
{
	struct host *host = &world->hosts[i];
	struct swim_self self = {
		.id = host->id,
		.addr = host->addr,
		.certificate = span_of(host->certificate, sizeof(host->certificate)),
		.incarnation = incarnation,
	};

	envs_of(world)[i] = forge_env(world, i);
	int r = swim_new(&world->conf, envs_of(world)[i], &self, rng_u64(&world->rng), &host->swim);
	MUST(r == 0);
	host->running = true;
	host->life++;
	host->timer_at = MONO_ZERO;
}

static void look_for_seeds(struct world *world, size_t i)
{
	struct addr seeds[2];
	struct swim_event event = { .kind = SWIM_SEEDS, .seeds = seeds, .n_seeds = world->n_seeds };

	for (size_t s = 0; s < world->n_seeds; s++)
		seeds[s] = world->hosts[s].addr;
	world_step(world, i, &event);
}

void world_start(struct world *world, size_t i, uint64_t incarnation)
{
	struct host *host = &world->hosts[i];

	MUST(!host->running);
	begin_life(world, i, incarnation);
	host->lost_disk |= incarnation <= host->top_incarnation;
	host->disk_incarnation = incarnation;
	host->top_incarnation = MAX(host->top_incarnation, incarnation);
	host->troubled_at = host->began_at = world->now;
	memset(host->seen, 0, world->n_hosts * sizeof(struct seen));
	look_for_seeds(world, i);
	for (uint32_t key = 0; key < N_KEYS; key++)
		world_publish(world, i, key);
}

void world_kill(struct world *world, size_t i)
{
	struct host *host = &world->hosts[i];

	end_life(world, i);
	host->troubled_at = world->now;
	for (size_t o = 0; o < world->n_hosts; o++)
		for (size_t k = 0; k < world->hosts[o].n_kept; k++)
			if (world_host_of(world, &world->hosts[o].kept[k].id) == i)
				net_line_lost(world, o, i);
}

void world_unplug(struct world *world, size_t i)
{
	world->hosts[i].unplugged = true;
	world->hosts[i].troubled_at = world->now;
}

void world_replug(struct world *world, size_t i)
{
	world->hosts[i].unplugged = false;
	world->hosts[i].troubled_at = world->now;
}

void world_stop(struct world *world, size_t i)
{
	world->hosts[i].stopped = true;
	world->hosts[i].troubled_at = world->now;
}

static void take_event(struct world *world, size_t i, struct swim_event *event,
		       struct swim_message *message)
{
	event->message = message;
	world_step(world, i, event);
	free(message);
}

void world_continue(struct world *world, size_t i)
{
	struct host *host = &world->hosts[i];
	struct swim_event tick = { .kind = SWIM_TICK };

	host->stopped = false;
	host->troubled_at = world->now;
	world_step(world, i, &tick);
	for (size_t h = 0; h < host->n_held; h++)
		take_event(world, i, &host->held[h].event, host->held[h].message);
	host->n_held = 0;
}

void world_split(struct world *world)
{
	world->cut = true;
	for (size_t i = 0; i < world->n_hosts; i++) {
		world->hosts[i].side = (int)rng_below(&world->rng, 2);
		world->hosts[i].troubled_at = world->now;
	}
	world->hosts[0].side = 0;
	world->hosts[1].side = 1;
}

void world_heal(struct world *world)
{
	world->cut = false;
	for (size_t i = 0; i < world->n_hosts; i++)
		world->hosts[i].troubled_at = world->now;
}

void world_publish(struct world *world, size_t i, uint32_t key)
{
	struct host *host = &world->hosts[i];
	uint8_t content[64];

	host->sequence[key]++;
	size_t len = fact_content(i, key, host->sequence[key], content);
	struct swim_event event = { .kind = SWIM_PUBLISH,
				    .key = key,
				    .bytes = span_of(content, len) };
	world_step(world, i, &event);
}

void world_leave(struct world *world, size_t i)
{
	struct swim_event event = { .kind = SWIM_LEAVE };

	world->hosts[i].troubled_at = world->now;
	world_step(world, i, &event);
}

/* BREAK_STORE: the process runs on with the memory that it had at its start; check.c is not told.
 */
static void fall_back(struct world *world, size_t i)
{
	struct host *host = &world->hosts[i];

	end_life(world, i);
	host->troubled_at = world->now;
	begin_life(world, i, host->disk_incarnation);
	look_for_seeds(world, i);
	for (uint32_t key = 0; key < N_KEYS; key++) {
		uint64_t sequence = host->sequence[key];

		host->sequence[key] = 0;
		world_publish(world, i, key);
		host->sequence[key] = MAX(sequence, host->sequence[key]);
	}
}

static void arrive(struct world *world, struct coming *coming)
{
	struct host *host = &world->hosts[coming->host];
	bool ended = coming->life && coming->life != host->life;

	if (!host->running || ended) {
		free(coming->message);
		return;
	}
	if (coming->kind == COMING_TIMER) {
		struct swim_event tick = { .kind = SWIM_TICK };

		if (!host->stopped && host->timer_at.ns == coming->at.ns)
			world_step(world, coming->host, &tick);
		return;
	}
	if (!host->stopped) {
		take_event(world, coming->host, &coming->event, coming->message);
	} else if (host->n_held < MAX_HELD) {
		host->held[host->n_held++] = (struct held){ coming->event, coming->message };
	} else {
		free(coming->message); /* the kernel's buffer is full */
	}
}

void world_run(struct world *world, int64_t ms)
{
	mono_t until = mono_add_ms(world->now, ms);
	struct coming coming;

	while (world->violated == KEPT && net_pop(world, until, &coming)) {
		world->now = coming.at;
		arrive(world, &coming);
	}
	world->now = until;
	if (world->breakage == BREAK_STORE && world->violated == KEPT &&
	    mono_diff_ms(world->now, world->hosts[0].troubled_at) > FALL_BACK_MS)
		fall_back(world, 0);
}
