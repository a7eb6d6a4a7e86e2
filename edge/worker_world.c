/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_world: pools are made with the world and go with its last reference, which may be an
 * exchange's, long after a reload.
 */
#include "edge/worker_world.h"

#include "core/error.h"
#include "core/obj.h"

#define WORLD_KIND OBJ_KIND('w', 'r', 'l', 'd')

struct worker_world {
	uint32_t kind;
	struct exchange_world world;
	struct edge_plan *plan; /* a reference */
};

static void world_free(struct exchange_world *base)
{
	struct worker_world *world = CONTAINER_OF(base, struct worker_world, world);

	MUST(world->kind == WORLD_KIND);
	for (size_t i = 0; i < base->n_pools; i++) {
		pool_free(base->pools[i].pool);
		origin_set_free(base->pools[i].origins);
	}
	free(base->pools);
	edge_plan_unref(world->plan);
	OBJ_FREE(world);
}

static int pool_make(const struct exchange_env *env, const struct edge_plan *plan, size_t i,
		     struct exchange_pool *ret_pool)
{
	const struct pool_conf *conf = &plan->edge->pools[i];
	const struct origin_setup setup = {
		.loop = env->loop,
		.slab = env->slab,
		.protocol = (enum pool_protocol)conf->protocol,
		.metrics = env->metrics,
		.tls = plan->pool_tls[i],
		.server_name = conf->tls.server_name,
		.limits = { .send_timeout_ms = conf->send_timeout_ms,
			    .first_byte_timeout_ms = conf->first_byte_timeout_ms,
			    .read_timeout_ms = conf->read_timeout_ms,
			    .max_head_bytes = plan->edge->limits.response_head_bytes },
		.connect_timeout_ms = conf->connect_timeout_ms,
		.max_idle = conf->proxy_protocol ? 0 : conf->max_idle_connections,
		.idle_timeout_ms = conf->idle_timeout_ms,
	};

	ret_pool->conf = conf;
	int r = pool_new((enum pool_policy)conf->balance, &ret_pool->pool);
	if (r == 0)
		r = origin_set_new(&setup, &ret_pool->origins);
	return err_pass(r);
}

int worker_world_new(const struct exchange_env *env, struct edge_plan *plan,
		     struct exchange_world **ret_world)
{
	struct worker_world *world = OBJ_NEW(struct worker_world, WORLD_KIND);
	const struct edge_conf *edge = plan->edge;

	if (!world)
		return err_new(-ENOMEM);
	world->plan = edge_plan_ref(plan);
	world->world = (struct exchange_world){
		.n_refs = 1,
		.free = world_free,
		.services = plan->services,
		.forward = &edge->forwarded,
		.error_pages = plan->error_pages,
		.service_confs = edge->services,
		.log_format = plan->log_format.template ? &plan->log_format : NULL,
		.total_timeout_ms = edge->timeouts.total_ms,
		.tunnel_idle_ms = edge->timeouts.tunnel_idle_ms,
		.pools = calloc(edge->n_pools + 1, sizeof(struct exchange_pool)),
	};
	int r = world->world.pools ? 0 : err_new(-ENOMEM);
	for (size_t i = 0; r == 0 && i < edge->n_pools; i++) {
		world->world.n_pools = i + 1;
		r = pool_make(env, plan, i, &world->world.pools[i]);
	}
	if (r < 0) {
		exchange_world_unref(&world->world);
		return err_pass(r);
	}
	*ret_world = &world->world;
	return 0;
}

static int pool_set_origins(const struct exchange_pool *pool, const struct origin_pool_fact *facts)
{
	CLEANUP(free_drop)
	struct pool_member *members = calloc(facts->n_origins + 1, sizeof(*members));
	struct origin_set *set = pool->origins;

	if (!members)
		return err_new(-ENOMEM);
	int r = origin_set_update(set, facts->origins, facts->n_origins);
	if (r < 0)
		return err_pass(r);
	for (size_t i = 0; i < facts->n_origins; i++) {
		members[i] = (struct pool_member){
			.id = facts->origins[i].id,
			.weight = facts->origins[i].weight,
			.up = origin_usable(&facts->origins[i]),
			.origin = origin_set_at(set, i),
		};
	}
	r = pool_set(pool->pool, members, facts->n_origins);
	if (r < 0)
		pool_clear(pool->pool); /* some of its members may have gone */
	return err_pass(r);
}

int worker_world_set_origins(struct exchange_world *world, const struct origin_view *origins)
{
	MUST(origins->n_pools == world->n_pools);
	for (size_t i = 0; i < world->n_pools; i++) {
		int r = pool_set_origins(&world->pools[i], &origins->pools[i]);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}
