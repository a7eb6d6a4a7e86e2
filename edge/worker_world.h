/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_world: what exchanges of one plan see in one worker: its pools, and the plan that they
 * hold on to. The worker's thread.
 */
#pragma once

#include "edge/edge_plan.h"
#include "edge/exchange/env.h"

/* A reference to the plan is taken. One reference to the world is the caller's. Errors: -ENOMEM. */
int worker_world_new(const struct exchange_env *env, struct edge_plan *plan,
		     struct exchange_world **ret_world);
/* Gives the pools these origins. Errors: -ENOMEM: some pools may have them, others not yet. */
int worker_world_set_origins(struct exchange_world *world, const struct origin_view *origins);
