/* SPDX-License-Identifier: Apache-2.0
 *
 * control: the main thread of meridian-gtm: configuration and reload, the cluster's views folded
 * into steer tables, the operator's pages, the life of the process.
 */
#pragma once

#include "core/admin.h"
#include "core/process.h"
#include "gtm/gtm_plan.h"

struct control;

struct control_setup {
	struct loop *loop;
	const char *path;      /* of the configuration; for reloads */
	struct gtm_plan *plan; /* a reference is taken */
	int ready_fd;          /* -1: none */
};

/* Binds all sockets, or takes them over from the process that serves now, and starts everything.
 * What is wrong is logged; *ret_exit is the exit status to end with on failure. */
int control_new(const struct control_setup *setup, struct control **ret_control,
		enum process_exit *ret_exit);
enum process_exit control_run(struct control *control);
void control_free(struct control *control); /* NULL is fine */

/* For the operator's pages; borrowed until the next turn. */
const struct gtm_plan *control_plan(const struct control *control);
const struct gtm_world *control_world(const struct control *control);
const struct view *control_view(const struct control *control); /* NULL: none yet */
