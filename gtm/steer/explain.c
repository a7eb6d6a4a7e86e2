/* SPDX-License-Identifier: Apache-2.0
 *
 * explain: a steering decision told step by step, and the table for /status. It walks the very
 * table that answers queries; the MMDB is opened for the numbers alone.
 */
#include "core/obj.h"
#include "gtm/steer/table.h"

__attribute__((format(printf, 3, 4))) static void add_step(json_t *steps, const char *step,
							   const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(steps, json_pack("{s:s, s:s}", "step", step, "text", text));
}

static void explain_client(json_t *steps, const struct client_net *client,
			   const struct geo_origin *origin)
{
	struct addr addr = addr_from_ip(
		client->is_v4 ? span_of(client->key + 12, 4) : span_of(client->key, 16), 0);
	unsigned bits = client->is_v4 ? client->bits - 96 : client->bits;
	char text[ADDR_TEXT_MAX];

	addr_ip_text(&addr, text);
	if (origin->place.known)
		add_step(steps, "client", "%s/%u is in %s, at %.2f, %.2f", text, bits,
			 origin->country[0] ? origin->country : "an unnamed country",
			 origin->place.latitude, origin->place.longitude);
	else
		add_step(steps, "client", "%s/%u: nothing is known of where it is", text, bits);
}

static void explain_order(json_t *steps, const struct steer_table *table, const uint8_t *order,
			  const struct geo_origin *origin)
{
	char text[512];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < table->conf->n_regions && used + 1 < sizeof(text); i++) {
		const char *name = table->conf->regions[order[i]].name;
		double km = origin->km[order[i]];
		int n = km >= 0 && table->geo ? snprintf(text + used, sizeof(text) - used,
							 "%s%s %.0f km", i ? ", " : "", name, km)
					      : snprintf(text + used, sizeof(text) - used, "%s%s",
							 i ? ", " : "", name);
		used += n > 0 ? (size_t)n : 0;
	}
	add_step(steps, "rank", "%s: %s",
		 origin->place.known && table->geo ? "by great circle" : "in the configured order",
		 text);
}

static void explain_sites(json_t *steps, const struct steer_table *table,
			  const struct steer_row *row, const uint8_t *order)
{
	for (size_t i = 0; i < table->conf->n_regions; i++) {
		const struct steer_site *site = &row->sites[order[i]];
		const char *name = table->conf->regions[order[i]].name;
		if (site->up && site->n_live)
			add_step(steps, "health",
				 "%s is up: it works for %u of %u live edges, %u%% of their "
				 "capacity",
				 name, site->n_works, site->n_live, site->share_pct);
		else
			add_step(steps, "health", "%s is %s: %s", name, site->up ? "up" : "down",
				 site->why);
	}
	if (row->fail_open)
		add_step(steps, "fail-open", "no region is up: as if all were");
}

static json_t *answer_json(const struct steer_table *table, const struct steer_row *row,
			   enum steer_family family, int region, const struct client_net *client)
{
	json_t *addresses = json_array();

	if (region >= 0) {
		const struct steer_site_family *site = &row->sites[region].families[family];
		for (size_t i = 0; i < site->n_picks; i++) {
			const uint16_t *picks =
				site->buckets + steer_bucket(client) * site->n_picks;
			const struct steer_edge *edge = &site->edges[picks[i]];
			char text[ADDR_TEXT_MAX];
			json_array_append_new(addresses, json_pack("{s:s, s:s}", "address",
								   addr_ip_text(&edge->addr, text),
								   "edge", edge->name));
		}
	}
	return json_pack("{s:s?, s:o}", "region",
			 region >= 0 ? table->conf->regions[region].name : NULL, "edges",
			 addresses);
}

static void explain_edges(json_t *steps, json_t *answer, const char *family)
{
	size_t i;
	json_t *edge;

	json_array_foreach(json_object_get(answer, "edges"), i, edge)
		add_step(steps, "edge", "%s %s: %s, by hash of the prefix, weighted by capacity",
			 family, json_string_value(json_object_get(edge, "address")),
			 json_string_value(json_object_get(edge, "edge")));
}

static json_t *plain_addresses(json_t *answer)
{
	json_t *addresses = json_array(), *edge;
	size_t i;

	json_array_foreach(json_object_get(answer, "edges"), i, edge)
		json_array_append(addresses, json_object_get(edge, "address"));
	return addresses;
}

static json_t *explain_fallback(json_t *steps, const struct steer_name_conf *name)
{
	json_t *addresses = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < name->n_fallback; i++)
		json_array_append_new(addresses,
				      json_string(addr_ip_text(&name->fallback[i], text)));
	add_step(steps, "fallback", "no edge has named the service '%s' yet: %s", name->service,
		 name->n_fallback ? "the configured fallback" : "SERVFAIL");
	return json_pack("{s:n, s:o, s:i, s:i}", "region", "addresses", addresses, "ttl_s",
			 (int)name->ttl_s, "scope", 0);
}

json_t *steer_explain(const struct steer_table *table, size_t name_index,
		      const struct client_net *client)
{
	const struct steer_name_conf *name = &table->conf->names[name_index];
	const struct steer_row *row = &table->rows[name_index];
	struct geo_origin origin = { 0 };
	json_t *steps = json_array(), *answer;
	uint8_t scope_bits;

	if (table->geo)
		geo_locate(table->geo, client, &origin);
	explain_client(steps, client, &origin);
	if (!row->known) {
		answer = explain_fallback(steps, name);
	} else {
		const uint8_t *order = steer_order(table, client, &scope_bits);
		explain_order(steps, table, order, &origin);
		explain_sites(steps, table, row, order);
		int region = steer_region(table, row, STEER_A, order);
		int region_v6 = steer_region(table, row, STEER_AAAA, order);
		CLEANUP(json_drop) json_t *v4 = answer_json(table, row, STEER_A, region, client);
		CLEANUP(json_drop)
		json_t *v6 = answer_json(table, row, STEER_AAAA, region_v6, client);
		explain_edges(steps, v4, "A");
		explain_edges(steps, v6, "AAAA");
		json_t *addresses = plain_addresses(v4), *more = plain_addresses(v6);
		json_array_extend(addresses, more);
		json_decref(more);
		json_t *chosen = json_incref(json_object_get(region >= 0 ? v4 : v6, "region"));
		answer = json_pack("{s:o, s:o, s:i, s:i}", "region", chosen, "addresses", addresses,
				   "ttl_s", (int)name->ttl_s, "scope", (int)scope_bits);
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "name", name->name, "service", name->service,
			 "steps", steps, "answer", answer);
}

json_t *steer_to_json(const struct steer_table *table)
{
	json_t *names = json_array();

	for (size_t n = 0; n < table->conf->n_names; n++) {
		const struct steer_row *row = &table->rows[n];
		json_t *regions = json_array();
		for (size_t i = 0; i < table->conf->n_regions; i++) {
			const struct steer_site *site = &row->sites[i];
			json_array_append_new(regions,
					      json_pack("{s:s, s:b, s:s, s:i, s:i, s:i, s:i}",
							"region", table->conf->regions[i].name,
							"up", site->up, "why", site->why,
							"live_edges", site->n_live, "working_edges",
							site->n_works, "share_pct", site->share_pct,
							"refused_addresses", site->n_refused));
		}
		json_array_append_new(names,
				      json_pack("{s:s, s:s, s:b, s:b, s:o}", "name",
						table->conf->names[n].name, "service",
						table->conf->names[n].service, "known", row->known,
						"fail_open", row->fail_open, "regions", regions));
	}
	return names;
}
