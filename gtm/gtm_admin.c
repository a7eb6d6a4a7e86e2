/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_admin: see the header.
 */
#include "gtm/gtm_admin.h"

#include <stdio.h>

#include "core/error.h"

static json_t *zones_json(const struct zone_set *zones)
{
	json_t *list = json_array();
	char text[1024];

	for (size_t i = 0; i < zone_set_n_zones(zones); i++) {
		const struct zone *zone = zone_set_at(zones, i);
		zone_name_to_text(zone_name(zone), text, sizeof(text));
		json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", text, "serial",
						      (json_int_t)zone_serial(zone), "names",
						      (json_int_t)zone_n_nodes(zone)));
	}
	return list;
}

static void on_status(struct admin_request *request, void *arg)
{
	const struct control *control = arg;
	const struct node_conf *node = &control_plan(control)->gtm->node;
	CLEANUP(json_drop)
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "program", "meridian-gtm",
				 "version", MERIDIAN_VERSION, "node", node->name, "region",
				 node->region, "zones", zones_json(control_plan(control)->zones),
				 "steering", steer_to_json(control_world(control)->steer));

	if (!root) {
		admin_fail(request, 500, "out of memory");
		return;
	}
	if (control_view(control))
		json_object_set_new(root, "view", view_to_json(control_view(control)));
	request->content_type = "application/json";
	json_into(request->out, root);
}

static bool find_name(const struct steer_conf *steer, const char *name, size_t *ret_index)
{
	struct span wanted = span_str(name);

	if (span_ends(wanted, SPAN_LIT(".")))
		wanted.len--;
	for (size_t i = 0; i < steer->n_names; i++) {
		if (span_ieq(wanted, span_str(steer->names[i].name))) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

static void fail_unknown(struct admin_request *request, const struct steer_conf *steer,
			 const char *name)
{
	char text[512];
	int used =
		snprintf(text, sizeof(text), "\"%.128s\" is not a steered name; there are:", name);

	for (size_t i = 0; i < steer->n_names && used > 0 && (size_t)used < sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %s",
				 steer->names[i].name);
	admin_fail(request, 404, text);
}

/* As an ECS option would say it. */
static bool client_from_text(const char *text, struct client_net *ret_client)
{
	struct addr addr;
	struct prefix prefix;

	if (!text)
		return false;
	if (addr_parse_ip(span_str(text), &addr)) {
		*ret_client = client_net_of_addr(&addr);
		return true;
	}
	if (!prefix_parse(span_str(text), &prefix) || prefix.bits == 0)
		return false;
	addr = addr_from_ip(span_of(prefix.ip, prefix.len), 0);
	*ret_client = client_net_of_ecs(prefix.len == 4 ? 1 : 2, prefix.bits,
					span_of(prefix.ip, (prefix.bits + 7u) / 8), &addr);
	return true;
}

static void on_explain(struct admin_request *request, void *arg)
{
	const struct control *control = arg;
	const struct steer_conf *steer = &control_plan(control)->steer;
	const char *name = admin_query(request, "name");
	const char *client_text = admin_query(request, "client");
	struct client_net client;
	size_t index;

	if (!name || !client_from_text(client_text, &client)) {
		admin_fail(request, 400, "expected ?name=NAME&client=PREFIX, such as 192.0.2.0/24");
		return;
	}
	if (!find_name(steer, name, &index)) {
		fail_unknown(request, steer, name);
		return;
	}
	CLEANUP(json_drop)
	json_t *root = steer_explain(control_world(control)->steer, index, &client);
	if (!root) {
		admin_fail(request, 500, "out of memory");
		return;
	}
	json_object_set_new(root, "client", json_string(client_text));
	request->content_type = "application/json";
	json_into(request->out, root);
}

int gtm_admin_pages(struct admin *admin, struct control *control)
{
	int r = admin_page(admin, "/status", ADMIN_GET, on_status, control,
			   "this GTM, its zones, steering and the cluster, as JSON");

	if (r == 0)
		r = admin_page(admin, "/explain", ADMIN_GET, on_explain, control,
			       "?name=NAME&client=PREFIX: which region, and why");
	return err_pass(r);
}
