/* SPDX-License-Identifier: Apache-2.0
 *
 * control_stage: a whole edge without a cluster in this process, its control thread turned by the
 * test. Ports come from the kernel.
 */
#pragma once

#include "edge_test.h"

#include "core/log.h"
#include "edge/control_priv.h"

struct control_stage {
	char path[64], admin_socket[96];
	struct loop *loop;
	struct edge_plan *plan;
	struct control *control;
	int ready_fd; /* reading end */
};

static inline void control_stage_write(const struct control_stage *stage, const char *text)
{
	FILE *file = fopen(stage->path, "w");

	assert_non_null(file);
	fprintf(file,
		"node: {name: n, region: r}\nworkers: 2\nlog: {level: error}\n"
		"admin: {listen: '127.0.0.1:0', socket: '%s'}\n%s",
		stage->admin_socket, text);
	assert_int_equal(fclose(file), 0);
}

static const char control_stage_usual[] =
	"listeners: [{name: http, address: '127.0.0.1:0'}]\n"
	"pools: [{name: app, origins: [{address: '127.0.0.1:1'}, {address: '127.0.0.1:2'}]}]\n"
	"services:\n"
	"  - {name: web, hosts: ['*'], routes: [{path: {prefix: /}, respond: {body: hello}}, "
	"{path: "
	"{prefix: /app}, proxy: {pool: app}}]}\n"
	"timeouts: {drain_notice: 0s}\n";

static inline void control_stage_open(struct control_stage *stage, const char *text)
{
	enum process_exit status;
	struct buf errors;
	int fds[2];

	*stage = (struct control_stage){ .control = NULL };
	edge_test_file(stage->path, "");
	snprintf(stage->admin_socket, sizeof(stage->admin_socket), "%s.sock", stage->path);
	control_stage_write(stage, text);
	buf_init(&errors, 65536);
	if (edge_plan_read(stage->path, NULL, &errors, &stage->plan) != EDGE_PLAN_MADE)
		fail_msg("%s", buf_text(&errors));
	buf_fini(&errors);
	const struct log_conf quiet = { .level = LOG_LEVEL_ERROR, .name = "test" };
	assert_int_equal(log_open(&quiet), 0);
	assert_int_equal(pipe(fds), 0);
	stage->ready_fd = fds[0];
	assert_int_equal(loop_new("control", &stage->loop), 0);
	const struct control_setup setup = {
		.loop = stage->loop, .path = stage->path, .plan = stage->plan, .ready_fd = fds[1]
	};
	assert_int_equal(control_new(&setup, &stage->control, &status), 0);
	EDGE_LOOP_UNTIL(stage->loop, stage->control->phase == CONTROL_SERVING);
}

static inline void control_stage_close(struct control_stage *stage)
{
	control_free(stage->control);
	edge_plan_unref(stage->plan);
	loop_free(stage->loop);
	close(stage->ready_fd);
	unlink(stage->path);
	metrics_reset();
	log_close();
}

/* Where the first worker's first listener is. */
static inline struct addr control_stage_addr(const struct control_stage *stage)
{
	const struct sock_wish wish = { .purpose = "http",
					.type = SOCK_TYPE_STREAM,
					.addr = stage->control->plan->edge->listeners[0].address };
	struct addr addr;
	int fd;

	assert_int_equal(sock_get(stage->control->socks, &wish, &fd, &addr), 0);
	return addr;
}
