/* SPDX-License-Identifier: Apache-2.0
 *
 * control: the main thread: it reads the configuration and reloads it, watches origins, tells the
 * cluster how we are, answers the operator, and leads the workers through the life of the process.
 * docs/fsm/control.dot draws that life.
 */
#pragma once

#include "core/admin.h"
#include "core/process.h"
#include "edge/edge_plan.h"
#include "edge/edge_purge.h"
#include "edge/origin/origin_view.h"

struct control;

/* clang-format off */
#define CONTROL_PHASES(X) \
	X(STARTING)    /* sockets are bound, names are being resolved                                */ \
	X(SERVING)                                                                                      \
	X(NOTICE)      /* asked to stop: everything is served while the GTMs move clients away       */ \
	X(DRAINING)    /* nothing new is accepted, what is under way ends                            */ \
	X(ENDED)       /* the loop stops                                                             */
/* clang-format on */

enum control_phase {
#define X(NAME) CONTROL_##NAME,
	CONTROL_PHASES(X)
#undef X
};
enum { CONTROL_N_PHASES = CONTROL_ENDED + 1 };
const char *control_phase_name(enum control_phase phase);
extern const unsigned control_may_follow[CONTROL_N_PHASES]; /* bits: 1 << phase */

struct control_setup {
	struct loop *loop;
	const char *path;       /* of the configuration; for reloads */
	struct edge_plan *plan; /* a reference is taken */
	int ready_fd;           /* -1: none */
};

/* Binds all sockets, or takes them over from the process that serves now. What is wrong is logged.
 * *ret_exit is the exit status to end with on failure. Main thread, before any other starts. */
int control_new(const struct control_setup *setup, struct control **ret_control,
		enum process_exit *ret_exit);
/* Runs until the process shall end; the exit status. */
enum process_exit control_run(struct control *control);
/* Ends threads and closes everything. NULL is fine. */
void control_free(struct control *control);

/* For the operator's pages. All borrowed until the next turn of the loop. */
const struct edge_plan *control_plan(const struct control *control);
const struct origin_view *control_origins(const struct control *control);
const struct view *control_view(const struct control *control); /* NULL: no cluster, or none yet */
bool control_is_draining(const struct control *control);
void control_set_drain(struct control *control, bool draining);
/* As edge_purge(), by the present plan. */
int control_purge(struct control *control, const struct edge_purge *purge, unsigned *ret_n,
		  char *reterr);
/* Each service of the plan, as the cluster hears of it. */
struct service_report control_service_report(const struct control *control, size_t i);
