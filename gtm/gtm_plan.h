/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_plan: a configuration that was read, checked and made ready: zones loaded, geography folded.
 * An immutable snapshot; and the *world* that workers serve from: a plan and a steer table made for
 * it.
 */
#pragma once

#include "gtm/geo/geo.h"
#include "gtm/gtm_conf.h"
#include "gtm/zone/zone.h"

struct gtm_plan {
	struct snapshot snapshot;
	struct conf *conf; /* owned; all that `gtm` points to */
	const struct gtm_conf *gtm;
	struct zone_set *zones;  /* a reference */
	struct geo_ranking *geo; /* a reference; NULL: none */
	struct steer_conf steer; /* in conf's memory */
};

enum gtm_plan_outcome {
	GTM_PLAN_MADE = 0,
	GTM_PLAN_WRONG = 1, /* `errors` says what, a line each */
};

/* Reads the file and all that it names. Blocks. Errors: -ENOMEM. */
int gtm_plan_read(const char *path, struct buf *errors, struct gtm_plan **ret_plan);
struct gtm_plan *gtm_plan_ref(struct gtm_plan *plan);
void gtm_plan_unref(struct gtm_plan *plan); /* NULL is fine */

struct gtm_world {
	struct snapshot snapshot;
	struct gtm_plan *plan;     /* a reference */
	struct steer_table *steer; /* a reference; made from plan->steer */
};
/* `view` may be NULL. Errors: -ENOMEM. */
int gtm_world_new(struct gtm_plan *plan, struct view *view, struct gtm_world **ret_world);
void gtm_world_unref(struct gtm_world *world); /* NULL is fine */
