/* SPDX-License-Identifier: Apache-2.0
 *
 * main: meridian-edge.
 */
#include "core/program.h"
#include "edge/control.h"

static int read_plan(const char *path, struct buf *errors, void **ret_plan)
{
	struct edge_plan *plan = NULL;
	int r = edge_plan_read(path, NULL, errors, &plan);

	*ret_plan = plan;
	return r;
}

static const struct log_section *log_of(const void *plan)
{
	return &((const struct edge_plan *)plan)->edge->log;
}

static void unref_plan(void *plan)
{
	edge_plan_unref(plan);
}

static enum process_exit serve(const struct program_start *start)
{
	const struct control_setup setup = {
		.loop = start->loop,
		.path = start->path,
		.plan = start->plan,
		.ready_fd = start->ready_fd,
	};
	struct control *control = NULL;
	enum process_exit status = PROCESS_EXIT_FAILED;

	if (control_new(&setup, &control, &status) == 0)
		status = control_run(control);
	control_free(control);
	return status;
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "meridian-edge",
		.section = &edge_section,
		.read = read_plan,
		.log = log_of,
		.unref = unref_plan,
		.serve = serve,
	};

	return program_main(&program, argc, argv);
}
