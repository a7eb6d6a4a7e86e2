/* SPDX-License-Identifier: Apache-2.0
 *
 * view_json: a view as the admin port shows it. meridianctl reads this form, and people do.
 */
#include <stdio.h>

#include "cluster/cluster.h"
#include "core/obj.h"

enum { ID_TEXT_MAX = 2 * MEMBER_ID_BYTES + 1 };

static const char *id_text(const struct member_id *id, char text[ID_TEXT_MAX])
{
	for (size_t i = 0; i < MEMBER_ID_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", id->bytes[i]);
	return text;
}

static json_t *services_json(const struct view_member *member)
{
	json_t *list = json_array();

	for (size_t i = 0; i < member->n_services; i++) {
		const struct view_service *service = &member->services[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:i, s:i, s:i}", "name", service->name,
					"health", health_state_name(service->health), "share_pct",
					(int)service->share_pct, "origins", (int)service->n_origins,
					"origins_up", (int)service->n_origins_up));
	}
	return list;
}

static json_t *addresses_json(const struct view_member *member)
{
	json_t *list = json_array();
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < member->n_addresses; i++)
		json_array_append_new(list, json_string(addr_ip_text(&member->addresses[i], text)));
	return list;
}

static json_t *roles_json(unsigned roles)
{
	json_t *list = json_array();

	if (roles & ROLE_EDGE)
		json_array_append_new(list, json_string("edge"));
	if (roles & ROLE_GTM)
		json_array_append_new(list, json_string("gtm"));
	return list;
}

static json_t *member_json(const struct view_member *member)
{
	char id[ID_TEXT_MAX], gossip[ADDR_TEXT_MAX];
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:I, s:s, s:o, s:s, s:b}", "id",
		id_text(&member->id, id), "name", member->name, "region", member->region, "roles",
		roles_json(member->roles), "state", member_state_name(member->state), "incarnation",
		(json_int_t)member->incarnation, "gossip", addr_text(&member->gossip_addr, gossip),
		"addresses", addresses_json(member), "version", member->version, "draining",
		member->draining);

	if (!json)
		return NULL;
	if (member->has_location)
		json_object_set_new(json, "location",
				    json_pack("{s:f, s:f}", "latitude", member->latitude,
					      "longitude", member->longitude));
	json_object_set_new(json, "capacity_rps", json_integer(member->capacity_rps));
	json_object_set_new(json, "load_rps", json_integer(member->load_rps));
	json_object_set_new(json, "open_connections", json_integer(member->open_connections));
	json_object_set_new(json, "services", services_json(member));
	return json;
}

json_t *view_to_json(const struct view *view)
{
	char id[ID_TEXT_MAX];
	json_t *members = json_array();

	for (size_t i = 0; i < view->n_members; i++)
		json_array_append_new(members, member_json(&view->members[i]));
	return json_pack("{s:s, s:I, s:o}", "self", id_text(&view->self, id), "number",
			 (json_int_t)view->number, "members", members);
}
