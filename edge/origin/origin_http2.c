/* SPDX-License-Identifier: Apache-2.0
 *
 * origin_http2: the connections of HTTP/2 that an origin has. One serves many requests at a time,
 * so while the first is being made the others wait for it and do not make their own.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/origin/origin_priv.h"
#include "edge/report/edge_metrics.h"

enum origin_speaks origin_speaks(struct origin *origin, const struct conn *conn)
{
	bool demanded = origin->shared->setup.protocol == POOL_HTTP2;
	bool agreed =
		origin->shared->setup.tls ? span_eq(conn_alpn(conn), SPAN_LIT("h2")) : demanded;

	if (demanded && !agreed)
		return ORIGIN_SPEAKS_ELSE;
	origin->http2_known = agreed;
	return agreed ? ORIGIN_SPEAKS_HTTP2 : ORIGIN_SPEAKS_HTTP1;
}

static void on_client_closed(struct h2_client *client, void *arg)
{
	struct origin_client *own = arg;

	MUST(own->client == client);
	LIST_REMOVE(own, link);
	free(own);
}

struct h2_client *origin_http2(struct origin *origin)
{
	struct origin_client *own;

	MUST(origin->kind == ORIGIN_KIND);
	LIST_FOREACH (own, &origin->clients, link) {
		if (h2_client_has_room(own->client)) {
			metric_add(origin->shared->setup.metrics, EDGE_METRIC_ORIGIN_REUSES, 1);
			return own->client;
		}
	}
	return NULL;
}

int origin_http2_add(struct origin *origin, struct conn *conn, struct h2_client **ret_client)
{
	struct origin_client *own = calloc(1, sizeof(*own));

	if (!own) {
		conn_close(conn);
		return err_new(-ENOMEM);
	}
	own->origin = origin;
	int r = h2_client_new(&origin->shared->http2, conn, on_client_closed, own, &own->client);
	if (r < 0) {
		free(own);
		return err_pass(r);
	}
	LIST_INSERT_HEAD(&origin->clients, own, link);
	*ret_client = own->client;
	return 0;
}

bool origin_http2_is_coming(struct origin *origin, bool *ret_lead)
{
	*ret_lead = origin->http2_known && !origin->http2_coming;
	if (*ret_lead)
		origin->http2_coming = true;
	return origin->http2_coming && !*ret_lead;
}

void origin_http2_wait(struct origin *origin, struct origin_wait *wait)
{
	MUST(!wait->origin && origin->http2_coming);
	wait->origin = origin;
	TAILQ_INSERT_TAIL(&origin->waiting, wait, link);
}

void origin_http2_unwait(struct origin_wait *wait)
{
	struct origin *origin = TAKE(wait->origin);

	if (origin)
		TAILQ_REMOVE(&origin->waiting, wait, link);
}

void origin_http2_made(struct origin *origin, enum close_reason reason)
{
	struct origin_wait *wait;
	size_t n = 0;

	MUST(origin->http2_coming);
	origin->http2_coming = false;
	/* Who is told may wait again, for another: behind those. */
	TAILQ_FOREACH (wait, &origin->waiting, link)
		n++;
	for (; n && (wait = TAILQ_FIRST(&origin->waiting)); n--) {
		origin_http2_unwait(wait);
		wait->fn(wait->arg, reason);
	}
}

void origin_http2_retire(struct origin *origin)
{
	struct origin_client *own;

	LIST_FOREACH (own, &origin->clients, link)
		h2_client_drain(own->client);
}

void origin_http2_close(struct origin *origin)
{
	struct origin_client *own;

	while ((own = LIST_FIRST(&origin->clients)))
		h2_client_close(own->client);
}
