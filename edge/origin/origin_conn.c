/* SPDX-License-Identifier: Apache-2.0
 *
 * origin_conn: connections to an origin between two requests. The one that served last is taken
 * first: its congestion window and our caches are warm, and those at the other end grow old and are
 * closed. An idle connection is watched: whatever comes on it, an end or bytes that nobody asked
 * for, makes it useless.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/origin/origin_priv.h"
#include "edge/report/edge_metrics.h"

/* Takes it off its origin; the conn is the caller's. */
static struct conn *kept_remove(struct kept *kept)
{
	struct origin *origin = kept->origin;
	struct conn *conn = kept->conn;

	LIST_REMOVE(kept, link);
	origin->n_kept--;
	metric_move(origin->shared->setup.metrics, EDGE_METRIC_ORIGIN_KEPT, -1);
	LIST_INSERT_HEAD(&origin->shared->free_kept, kept, link);
	return conn;
}

static void on_idle_end(struct conn *conn, void *arg)
{
	struct kept *kept = arg;

	MUST(kept->conn == conn);
	conn_close(kept_remove(kept));
}

static const struct conn_events idle_events = {
	.on_readable = on_idle_end,
	.on_writable = on_idle_end,
	.on_deadline = on_idle_end,
	.on_failed = on_idle_end,
};

static struct kept *kept_new(struct origin_shared *shared)
{
	struct kept *kept = LIST_FIRST(&shared->free_kept);

	if (!kept)
		return calloc(1, sizeof(*kept));
	LIST_REMOVE(kept, link);
	return kept;
}

void origin_keep(struct conn *conn, void *arg)
{
	struct origin *origin = OBJ_CAST(struct origin, arg, ORIGIN_KIND);
	struct origin_shared *shared = origin->shared;
	bool has_room = !origin->retired && origin->n_kept < shared->setup.max_idle;
	struct kept *kept = has_room ? kept_new(shared) : NULL;

	if (!kept) {
		conn_close(conn);
		return;
	}
	*kept = (struct kept){ .origin = origin, .conn = conn };
	LIST_INSERT_HEAD(&origin->kept, kept, link);
	origin->n_kept++;
	metric_move(shared->setup.metrics, EDGE_METRIC_ORIGIN_KEPT, 1);
	conn_set_events(conn, &idle_events, kept);
	conn_set_deadline(conn,
			  mono_add_ms(loop_now(shared->setup.loop), shared->setup.idle_timeout_ms));
	conn_want(conn, true, false);
}

struct conn *origin_take_kept(struct origin *origin)
{
	struct kept *kept = LIST_FIRST(&origin->kept);

	MUST(origin->kind == ORIGIN_KIND);
	if (!kept)
		return NULL;
	metric_add(origin->shared->setup.metrics, EDGE_METRIC_ORIGIN_REUSES, 1);
	return kept_remove(kept);
}

void origin_close_kept(struct origin *origin)
{
	struct kept *kept;

	while ((kept = LIST_FIRST(&origin->kept)))
		conn_close(kept_remove(kept));
}

int origin_connect(struct origin *origin, struct span preamble, const struct conn_events *events,
		   void *arg, struct conn **ret_conn)
{
	const struct origin_setup *setup = &origin->shared->setup;
	const struct conn_target target = {
		.addr = origin->addr,
		.tls = setup->tls,
		.server_name = origin->server_name,
		.preamble = preamble,
		.resume = origin->resume,
	};

	MUST(origin->kind == ORIGIN_KIND);
	metric_add(setup->metrics, EDGE_METRIC_ORIGIN_CONNECTS, 1);
	int r = conn_connect(setup->loop, &target, events, arg, ret_conn);
	if (r < 0)
		return err_pass(r);
	conn_set_deadline(*ret_conn, mono_add_ms(loop_now(setup->loop), setup->connect_timeout_ms));
	return 0;
}
