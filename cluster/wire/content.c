/* SPDX-License-Identifier: Apache-2.0
 *
 * content: packs and unpacks. Each number that comes in is held against its limits again, for a
 * signature says who wrote it, not that it makes sense.
 */
#include "cluster/wire/content.h"

#include <math.h>
#include <stdio.h>

#include "core/obj.h"
#include "proto/cluster.pb-c.h"

bool content_allowed(uint32_t key, unsigned roles)
{
	return (!content_is_services(key) && key != CONTENT_LOAD) || (roles & ROLE_EDGE) != 0;
}

size_t content_pack_node(const struct content_node *node, uint8_t *at)
{
	Meridian__NodeFact fact = MERIDIAN__NODE_FACT__INIT;
	ProtobufCBinaryData addresses[MEMBER_MAX_ADDRESSES];

	MUST(node->n_addresses <= MEMBER_MAX_ADDRESSES);
	for (size_t i = 0; i < node->n_addresses; i++)
		addresses[i] = door_lend(addr_ip(&node->addresses[i]));
	fact.addresses = addresses;
	fact.n_addresses = node->n_addresses;
	fact.has_latitude = fact.has_longitude = node->has_location;
	fact.latitude = node->latitude;
	fact.longitude = node->longitude;
	fact.has_capacity_rps = node->capacity_rps != 0;
	fact.capacity_rps = node->capacity_rps;
	fact.has_version = true;
	fact.version = door_lend(span_str(node->version));
	return door_pack(&fact.base, at, CONTENT_MAX_BYTES);
}

static bool printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < 0x20 || text.at[i] > 0x7e)
			return false;
	}
	return true;
}

static bool location_ok(const Meridian__NodeFact *fact)
{
	if (!fact->has_latitude && !fact->has_longitude)
		return true;
	/* Written so that NaN fails too. */
	return fact->has_latitude && fact->has_longitude && fabs(fact->latitude) <= 90 &&
	       fabs(fact->longitude) <= 180;
}

bool content_unpack_node(struct door *door, struct span bytes, struct content_node *ret_node)
{
	const Meridian__NodeFact *fact =
		(void *)door_unpack(door, &meridian__node_fact__descriptor, bytes);
	struct content_node node = { .n_addresses = 0 };

	if (!fact || !location_ok(fact) || fact->n_addresses > MEMBER_MAX_ADDRESSES ||
	    fact->version.len >= sizeof(node.version) || !printable(door_bytes(&fact->version)))
		return false;
	for (size_t i = 0; i < fact->n_addresses; i++) {
		node.addresses[i] = addr_from_ip(door_bytes(&fact->addresses[i]), 0);
		if (node.addresses[i].len == 0)
			return false;
	}
	node.n_addresses = fact->n_addresses;
	node.has_location = fact->has_latitude;
	node.latitude = fact->latitude;
	node.longitude = fact->longitude;
	node.capacity_rps = fact->capacity_rps;
	if (fact->version.len > 0)
		memcpy(node.version, fact->version.data, fact->version.len);
	*ret_node = node;
	return true;
}

size_t content_pack_services(const struct view_service *services, size_t n, uint8_t *at)
{
	Meridian__ServiceRow rows[CONTENT_PAGE_SERVICES];
	Meridian__ServiceRow *pointers[CONTENT_PAGE_SERVICES];
	Meridian__ServicesFact fact = MERIDIAN__SERVICES_FACT__INIT;

	if (n > CONTENT_PAGE_SERVICES)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const struct view_service *service = &services[i];

		meridian__service_row__init(&rows[i]);
		rows[i].name = door_lend(span_str(service->name));
		rows[i].health = (uint32_t)service->health;
		rows[i].share_pct = service->share_pct;
		rows[i].n_origins = service->n_origins;
		rows[i].n_origins_up = service->n_origins_up;
		pointers[i] = &rows[i];
	}
	fact.services = pointers;
	fact.n_services = n;
	return door_pack(&fact.base, at, CONTENT_MAX_BYTES);
}

static bool row_ok(const Meridian__ServiceRow *row)
{
	return row->name.len > 0 && row->name.len <= CONTENT_NAME_MAX &&
	       printable(door_bytes(&row->name)) && row->health <= HEALTH_DOWN &&
	       row->share_pct <= 100 && row->n_origins <= UINT16_MAX &&
	       row->n_origins_up <= row->n_origins;
}

static const char *copy_name(struct view *view, struct span name)
{
	char text[CONTENT_NAME_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", SPAN_FMT(name));
	return view_str(view, text);
}

bool content_unpack_services(struct door *door, struct span bytes, struct view *view,
			     struct view_service *services, size_t *ret_n)
{
	const Meridian__ServicesFact *fact =
		(void *)door_unpack(door, &meridian__services_fact__descriptor, bytes);

	if (!fact || fact->n_services > CONTENT_PAGE_SERVICES)
		return false;
	for (size_t i = 0; i < fact->n_services; i++) {
		const Meridian__ServiceRow *row = fact->services[i];

		if (!row_ok(row))
			return false;
		services[i] = (struct view_service){
			.name = copy_name(view, door_bytes(&row->name)),
			.health = (enum health_state)row->health,
			.share_pct = (uint16_t)row->share_pct,
			.n_origins = (uint16_t)row->n_origins,
			.n_origins_up = (uint16_t)row->n_origins_up,
		};
		if (!services[i].name)
			return false;
	}
	*ret_n = fact->n_services;
	return true;
}

size_t content_pack_load(const struct content_load *load, uint8_t *at)
{
	Meridian__LoadFact fact = MERIDIAN__LOAD_FACT__INIT;

	fact.requests_per_second = load->requests_per_second;
	fact.open_connections = load->open_connections;
	return door_pack(&fact.base, at, CONTENT_MAX_BYTES);
}

bool content_unpack_load(struct door *door, struct span bytes, struct content_load *ret_load)
{
	const Meridian__LoadFact *fact =
		(void *)door_unpack(door, &meridian__load_fact__descriptor, bytes);

	if (!fact)
		return false;
	ret_load->requests_per_second = fact->requests_per_second;
	ret_load->open_connections = fact->open_connections;
	return true;
}

size_t content_pack_drain(bool draining, uint8_t *at)
{
	Meridian__DrainFact fact = MERIDIAN__DRAIN_FACT__INIT;

	fact.draining = draining;
	return door_pack(&fact.base, at, CONTENT_MAX_BYTES);
}

bool content_unpack_drain(struct door *door, struct span bytes, bool *ret_draining)
{
	const Meridian__DrainFact *fact =
		(void *)door_unpack(door, &meridian__drain_fact__descriptor, bytes);

	if (!fact)
		return false;
	*ret_draining = fact->draining;
	return true;
}
