/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_admin: JSON of what the control thread knows. Strings of the configuration are UTF-8, as
 * libyaml saw to it.
 */
#include "edge/edge_admin.h"

#include "cluster/cluster.h"
#include "core/error.h"
#include "core/json.h"
#include "core/obj.h"

static json_t *origin_json(const struct origin_fact *fact)
{
	char text[ADDR_TEXT_MAX];

	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "server", fact->server, "address",
			 addr_text(&fact->addr, text), "weight", (int)fact->weight, "health",
			 origin_state_name(fact->state), "reason", fact->reason);
}

static json_t *pool_json(const struct origin_pool_fact *pool)
{
	json_t *origins = json_array();

	for (size_t i = 0; i < pool->n_origins; i++)
		json_array_append_new(origins, origin_json(&pool->origins[i]));
	return json_pack("{s:s, s:i, s:o}", "name", pool->name, "unresolved",
			 (int)pool->n_servers_unresolved, "origins", origins);
}

static json_t *pools_json(const struct control *control)
{
	const struct origin_view *origins = control_origins(control);
	json_t *pools = json_array();

	for (size_t i = 0; i < origins->n_pools; i++)
		json_array_append_new(pools, pool_json(&origins->pools[i]));
	return pools;
}

static json_t *services_json(const struct control *control)
{
	json_t *services = json_array();

	for (size_t i = 0; i < control_plan(control)->edge->n_services; i++) {
		struct service_report report = control_service_report(control, i);
		json_array_append_new(
			services, json_pack("{s:s, s:s, s:i, s:i, s:i}", "name", report.name,
					    "health", health_state_name(report.health), "share_pct",
					    (int)report.share_pct, "origins", (int)report.n_origins,
					    "origins_up", (int)report.n_origins_up));
	}
	return services;
}

static json_t *stores_json(const struct control *control)
{
	const struct edge_plan *plan = control_plan(control);
	json_t *stores = json_array();

	for (size_t i = 0; i < plan->edge->n_stores; i++) {
		struct cache_stats stats;
		cache_stats(plan->caches[i], &stats);
		json_array_append_new(stores, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name",
							plan->edge->stores[i].name, "objects",
							(json_int_t)stats.n_objects, "bytes",
							(json_int_t)stats.bytes, "evicted",
							(json_int_t)stats.n_evicted, "flights",
							(json_int_t)stats.n_flights, "purges",
							(json_int_t)stats.position));
	}
	return stores;
}

static void on_status(struct admin_request *request, void *arg)
{
	const struct control *control = arg;
	const struct node_conf *node = &control_plan(control)->edge->node;
	const struct view *view = control_view(control);
	CLEANUP(json_drop)
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "program", "meridian-edge",
				 "version", MERIDIAN_VERSION, "node", node->name, "region",
				 node->region, "draining", control_is_draining(control), "pools",
				 pools_json(control), "services", services_json(control));

	if (root)
		json_object_set_new(root, "stores", stores_json(control));
	if (root && view)
		json_object_set_new(root, "view", view_to_json(view));
	if (!root) {
		admin_fail(request, 500, "out of memory");
		return;
	}
	request->content_type = "application/json";
	json_into(request->out, root);
}

static void on_drain(struct admin_request *request, void *arg)
{
	struct control *control = arg;
	const char *on = admin_query(request, "on");

	if (!on || (strcmp(on, "0") != 0 && strcmp(on, "1") != 0)) {
		admin_fail(request, 400, "expected ?on=1 or ?on=0");
		return;
	}
	control_set_drain(control, on[0] == '1');
	request->content_type = "application/json";
	buf_printf(request->out, "{\"draining\":%s}", on[0] == '1' ? "true" : "false");
}

/* Exactly one of url, prefix, tag, all. */
static bool purge_read(const struct admin_request *request, struct edge_purge *ret_purge)
{
	static const char *const names[] = { "url", "prefix", "tag", "all" };
	const char *soft = admin_query(request, "soft");
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = admin_query(request, names[i]);
		if (!value || !value[0])
			continue;
		ret_purge->kind = (enum purge_kind)i;
		ret_purge->text = span_str(value);
		n++;
	}
	ret_purge->soft = soft && strcmp(soft, "1") == 0;
	return n == 1;
}

static void on_purge(struct admin_request *request, void *arg)
{
	struct control *control = arg;
	char reterr[EDGE_PURGE_ERROR_MAX] = "";
	struct edge_purge purge;
	unsigned n;

	if (!purge_read(request, &purge)) {
		admin_fail(request, 400, "expected one of ?url=, ?prefix=, ?tag= and ?all=1");
		return;
	}
	int r = control_purge(control, &purge, &n, reterr);
	if (r < 0) {
		admin_fail(request, r == -ENOMEM ? 500 : 400,
			   reterr[0] ? reterr : "it is too long, or there is no memory");
		return;
	}
	request->content_type = "application/json";
	buf_printf(request->out, "{\"records\":%u}", n);
}

int edge_admin_pages(struct admin *admin, struct control *control)
{
	int r = admin_page(admin, "/status", ADMIN_GET, on_status, control,
			   "this edge, its origins and the cluster, as JSON");

	if (r == 0)
		r = admin_page(admin, "/drain", ADMIN_POST, on_drain, control,
			       "?on=1: the GTMs send no more clients here; ?on=0: they do again");
	if (r == 0)
		r = admin_page(admin, "/purge", ADMIN_POST, on_purge, control,
			       "?url=, ?prefix=, ?tag= or ?all=1, and &soft=1: forgets what is "
			       "stored, or takes it for stale");
	return err_pass(r);
}
