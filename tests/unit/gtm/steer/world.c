/* SPDX-License-Identifier: Apache-2.0
 *
 * world: see the header.
 */
#include "tests/unit/gtm/steer/world.h"

#include <stdio.h>

#include "core/obj.h"

static const struct {
	const char *name;
	double latitude, longitude;
	const char *allowed;
} places[] = { { "eu-west", 53.35, -6.26, "203.0.113.0/27" },
	       { "us-east", 38.95, -77.45, "203.0.113.32/27" },
	       { "ap-southeast", 1.35, 103.82, "203.0.113.64/27" } };

struct addr world_ip(const char *text)
{
	struct addr addr = { 0 };

	MUST(addr_parse_ip(span_str(text), &addr));
	return addr;
}

struct client_net world_client(const char *ip)
{
	struct addr addr = world_ip(ip);

	return client_net_of_addr(&addr);
}

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct geo_place where[3];

	MUST(w);
	for (size_t i = 0; i < 3; i++) {
		MUST(prefix_parse(span_str(places[i].allowed), &w->allowed[i]));
		w->regions[i] = (struct steer_region_conf){
			.name = places[i].name,
			.latitude = places[i].latitude,
			.longitude = places[i].longitude,
			.has_location = true,
			.addresses = &w->allowed[i],
			.n_addresses = 1,
		};
		where[i] = (struct geo_place){ places[i].latitude, places[i].longitude, true };
	}
	w->name = (struct steer_name_conf){
		.name = "www.meridian.example", .service = "web", .ttl_s = 30, .n_answers = 1
	};
	w->conf = (struct steer_conf){ w->regions, 3, &w->name, 1 };
	struct geo_conf geo = { .database = "deploy/geo/country.mmdb" };
	MUST(geo_ranking_new(&geo, where, 3, &w->geo) == 0);
	w->view = view_new(WORLD_MAX_MEMBERS);
	MUST(w->view);
	w->view->n_members = 0;
	return w;
}

void world_free(struct world *w)
{
	if (w->table)
		snapshot_unref(steer_table_snapshot(w->table));
	view_unref(w->view);
	geo_ranking_unref(w->geo);
	free(w);
}

static size_t region_index(const char *region)
{
	size_t i = 0;

	while (strcmp(places[i].name, region) != 0)
		i++;
	return i;
}

void world_edges(struct world *w, const char *region, size_t n, enum health_state health)
{
	for (; n > 0; n--) {
		size_t number = w->view->n_members++;
		char text[64];
		MUST(number < WORLD_MAX_MEMBERS);
		struct view_member *member = &w->view->members[number];
		*member = (struct view_member){ .roles = ROLE_EDGE, .state = MEMBER_ALIVE };
		member->id.bytes[0] = (uint8_t)(number + 1);
		snprintf(text, sizeof(text), "edge-%zu", number);
		member->name = view_str(w->view, text);
		member->region = view_str(w->view, region);
		snprintf(text, sizeof(text), "203.0.113.%zu",
			 region_index(region) * 32 + 1 + number);
		member->addresses[0] = world_ip(text);
		member->n_addresses = 1;
		member->services = view_services(w->view, 1);
		MUST(member->services);
		member->services[0] =
			(struct view_service){ .name = "web", .health = health, .share_pct = 100 };
		member->n_services = 1;
	}
}

void world_build(struct world *w)
{
	if (w->table)
		snapshot_unref(steer_table_snapshot(w->table));
	MUST(steer_table_new(&w->conf, w->geo, w->view, &w->table) == 0);
}

const char *world_choose(struct world *w, const char *ip)
{
	struct client_net net = world_client(ip);
	struct steer_answer answer;

	MUST(steer_choose(w->table, 0, 1, &net, &answer) == STEER_CHOSEN);
	return answer.region < 0 ? "none" : w->regions[answer.region].name;
}

bool world_is_image_of(const struct rr_image *image, const struct view_member *member)
{
	struct span ip = addr_ip(&member->addresses[0]);

	return memcmp(image->bytes + image->len - ip.len, ip.at, ip.len) == 0;
}

static const struct view_member *edge_of(struct world *w, const struct client_net *net)
{
	struct steer_answer answer;

	MUST(steer_choose(w->table, 0, 1, net, &answer) == STEER_CHOSEN && answer.n_images > 0);
	for (size_t i = 0; i < w->view->n_members; i++) {
		if (world_is_image_of(answer.images[0], &w->view->members[i]))
			return &w->view->members[i];
	}
	UNREACHABLE();
}

const struct view_member *world_edge_for(struct world *w, unsigned i)
{
	struct client_net net = world_client("193.1.0.0");

	net.key[14] = (uint8_t)i;
	net.key[13] = (uint8_t)(1 + (i >> 8));
	return edge_of(w, &net);
}

size_t world_distinct(struct world *w)
{
	bool seen[WORLD_MAX_MEMBERS] = { false };
	size_t n = 0;

	for (unsigned i = 0; i < 256; i++)
		seen[world_edge_for(w, i) - w->view->members] = true;
	for (size_t i = 0; i < WORLD_MAX_MEMBERS; i++)
		n += seen[i];
	return n;
}
