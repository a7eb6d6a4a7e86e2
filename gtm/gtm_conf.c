/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_conf: the tables, and the checks that tables cannot say.
 */
#include "gtm/gtm_conf.h"

#include "core/obj.h"
#include "gtm/zone/zone.h"

/* clang-format off */
enum { S = 1000, DAY_MS = 86400 * S, POLICY_NEAREST };

static const struct conf_choice policies[] = { { "nearest", POLICY_NEAREST }, { NULL, 0 } };

static const struct conf_key steer_keys[] = {
	CONF_STRING  (struct gtm_steer_conf, name,    CONF_REQUIRED, CONF_NO_INITIAL, "the name, in the zone, that is steered; it has A and AAAA by steering alone"),
	CONF_STRING  (struct gtm_steer_conf, service, CONF_REQUIRED, CONF_NO_INITIAL, "the service whose health decides, as edges call it"),
	CONF_CHOICE  (struct gtm_steer_conf, policy,  policies, "nearest", "how a region is chosen"),
	CONF_DURATION(struct gtm_steer_conf, "ttl", ttl_ms, 1 * S, DAY_MS, "30s", "how long resolvers may keep the answer"),
	CONF_COUNT   (struct gtm_steer_conf, answers, 1, STEER_MAX_ANSWERS, "1", "addresses in an answer, all of the chosen region"),
	CONF_END
};
static const struct conf_section steer_section = {
	.name = "dns.zones[].steer[]", .struct_size = sizeof(struct gtm_steer_conf), .keys = steer_keys,
	.help = "A name whose addresses are those of the nearest healthy region.",
};

static const struct conf_key zone_keys[] = {
	CONF_STRING(struct gtm_zone_conf, name, CONF_REQUIRED, CONF_NO_INITIAL, "the zone's name"),
	CONF_PATH  (struct gtm_zone_conf, file, CONF_REQUIRED, CONF_NO_INITIAL, "an ordinary zone file: SOA, NS and all static names"),
	CONF_LIST  (struct gtm_zone_conf, steer, n_steer, &steer_section, CONF_OPTIONAL, "names that are steered"),
	CONF_END
};
static const struct conf_section zone_section = {
	.name = "dns.zones[]", .struct_size = sizeof(struct gtm_zone_conf), .keys = zone_keys,
	.help = "A zone that we are authoritative for.",
};

static const struct conf_key dns_keys[] = {
	CONF_LIST_OF (struct gtm_dns_conf, listen, n_listen, CONF_TYPE_ADDRESS, CONF_REQUIRED, "where queries arrive, over UDP and TCP"),
	CONF_COUNT   (struct gtm_dns_conf, workers, 0, 512, "0", "threads that answer; 0: one for each processor. A change needs a restart"),
	CONF_DURATION(struct gtm_dns_conf, "tcp_idle_timeout", tcp_idle_timeout_ms, 100, 600 * S, "10s", "a TCP connection without a whole query is closed"),
	CONF_COUNT   (struct gtm_dns_conf, tcp_connections, 1, 1000000, "1000", "TCP connections of one worker and address; more are closed at once"),
	CONF_LIST    (struct gtm_dns_conf, zones, n_zones, &zone_section, CONF_REQUIRED, "what we answer for"),
	CONF_END
};
static const struct conf_section dns_section = {
	.name = "dns", .struct_size = sizeof(struct gtm_dns_conf), .keys = dns_keys,
	.help = "The name server.",
};

static const struct conf_key location_keys[] = {
	CONF_REAL(struct node_location, latitude,  CONF_REQUIRED,  -90,  90, CONF_NO_INITIAL, "degrees north"),
	CONF_REAL(struct node_location, longitude, CONF_REQUIRED, -180, 180, CONF_NO_INITIAL, "degrees east"),
	CONF_END
};
static const struct conf_section location_section = {
	.name = "regions[].location", .struct_size = sizeof(struct node_location), .keys = location_keys,
	.help = "Where the region is: clients are sent to the nearest by great circle.",
};

static const struct conf_key region_keys[] = {
	CONF_STRING (struct gtm_region_conf, name, CONF_REQUIRED, CONF_NO_INITIAL, "as its edges' certificates call it"),
	CONF_SECTION_OPTIONAL(struct gtm_region_conf, location, &location_section, "where it is; without it, it is ranked last"),
	CONF_LIST_OF(struct gtm_region_conf, addresses, n_addresses, CONF_TYPE_PREFIX, CONF_OPTIONAL, "what its edges may claim; no other address of theirs is ever answered"),
	CONF_LIST_OF(struct gtm_region_conf, static_addresses, n_static_addresses, CONF_TYPE_IP, CONF_OPTIONAL, "servers that are not in the cluster, always held to be up"),
	CONF_END
};
static const struct conf_section region_section = {
	.name = "regions[]", .struct_size = sizeof(struct gtm_region_conf), .keys = region_keys,
	.help = "A region. The order of the list is the last fallback when nothing is known of a client's place.",
};

static const struct conf_key fallback_keys[] = {
	{ .name = "", .type = CONF_TYPE_LIST, .offset = offsetof(struct gtm_fallback_conf, addresses), .n_offset = offsetof(struct gtm_fallback_conf, n_addresses),
	  .item = CONF_TYPE_IP, .required = true, .help = "addresses to answer with" },
	CONF_END
};
static const struct conf_section fallback_section = {
	.name = "fallback", .struct_size = sizeof(struct gtm_fallback_conf), .keys = fallback_keys,
	.key_offset = offsetof(struct gtm_fallback_conf, name),
	.help = "What a steered name answers before any edge has named its service. Without it: SERVFAIL with an extended error.",
};

static const struct conf_key geography_keys[] = {
	CONF_PATH   (struct gtm_geography_conf, database, CONF_OPTIONAL, CONF_NO_INITIAL, "an MMDB, by country or by city; none: the configured order of regions for everybody"),
	CONF_LIST_OF(struct gtm_geography_conf, country_path, n_country_path, CONF_TYPE_STRING, CONF_OPTIONAL, "where a record keeps its country's ISO code; none: country.iso_code, then country_code"),
	CONF_END
};
static const struct conf_section geography_section = {
	.name = "geography", .struct_size = sizeof(struct gtm_geography_conf), .keys = geography_keys,
	.help = "Where clients are.",
};

static const struct conf_key gtm_keys[] = {
	CONF_SECTION(struct gtm_conf, node, &node_section, CONF_REQUIRED, "who this node is"),
	{ .name = "cluster", .type = CONF_TYPE_SECTION, .offset = offsetof(struct gtm_conf, cluster.conf), .section = &cluster_section,
	  .set_offset = offsetof(struct gtm_conf, cluster.set), .help = "the cluster whose edges are steered to; without it only static addresses are" },
	CONF_SECTION_OPTIONAL(struct gtm_conf, admin, &admin_section, "the operator's port"),
	CONF_SECTION(struct gtm_conf, log,       &log_section,       CONF_OPTIONAL, "where the program says what it does"),
	CONF_SECTION(struct gtm_conf, process,   &process_section,   CONF_OPTIONAL, "the process itself"),
	CONF_SECTION(struct gtm_conf, dns,       &dns_section,       CONF_REQUIRED, "the name server"),
	CONF_LIST   (struct gtm_conf, regions,   n_regions, &region_section, CONF_OPTIONAL, "the regions"),
	CONF_MAP    (struct gtm_conf, fallback,  n_fallback, &fallback_section, "steered names and what they answer before anything is known"),
	CONF_SECTION(struct gtm_conf, geography, &geography_section, CONF_OPTIONAL, "where clients are"),
	CONF_END
};
const struct conf_section gtm_section = {
	.name = "meridian-gtm", .struct_size = sizeof(struct gtm_conf), .keys = gtm_keys,
	.help = "The configuration file of meridian-gtm.",
};
/* clang-format on */

/* ---- checks -------------------------------------------------------------------------------- */

/* The wire form of a name in the file, or a fault at its place. */
static struct span check_name(struct conf *conf, const char *const *name, uint8_t *wire)
{
	size_t len = *name ? zone_name_from_text(*name, wire) : 0;

	if (*name && len == 0)
		conf_fault(conf, name, "expected a domain name, found \"%s\"", *name);
	return span_of(wire, len);
}

static void check_zone(struct conf *conf, const struct gtm_conf *gtm, size_t i)
{
	const struct gtm_zone_conf *zone = &gtm->dns.zones[i];
	uint8_t apex_wire[ZONE_MAX_NAME], wire[ZONE_MAX_NAME];
	struct span apex = check_name(conf, &zone->name, apex_wire);

	for (size_t k = 0; k < i; k++) {
		if (zone->name && gtm->dns.zones[k].name &&
		    span_ieq(span_str(zone->name), span_str(gtm->dns.zones[k].name)))
			conf_fault(conf, &zone->name, "zone \"%s\" is there twice", zone->name);
	}
	for (size_t k = 0; k < zone->n_steer; k++) {
		struct span name = check_name(conf, &zone->steer[k].name, wire);
		if (name.len && apex.len && !span_ends(name, apex))
			conf_fault(conf, &zone->steer[k].name, "\"%s\" is not in the zone \"%s\"",
				   zone->steer[k].name, zone->name);
	}
	if (zone->n_steer > 0 && gtm->n_regions == 0)
		conf_fault(conf, &zone->name, "names are steered, but there are no `regions`");
}

static void check_regions(struct conf *conf, const struct gtm_conf *gtm)
{
	if (gtm->n_regions > STEER_MAX_REGIONS)
		conf_fault(conf, &gtm->regions, "expected at most %d regions, found %zu",
			   STEER_MAX_REGIONS, gtm->n_regions);
	for (size_t i = 0; i < gtm->n_regions; i++) {
		const struct gtm_region_conf *region = &gtm->regions[i];
		for (size_t k = 0; region->name && k < i; k++) {
			if (gtm->regions[k].name && strcmp(gtm->regions[k].name, region->name) == 0)
				conf_fault(conf, &region->name, "region \"%s\" is there twice",
					   region->name);
		}
		if (region->n_addresses == 0 && region->n_static_addresses == 0)
			conf_fault(conf, region,
				   "expected `addresses` that its edges may claim, or "
				   "`static_addresses`");
	}
}

static bool is_steered(const struct gtm_conf *gtm, const char *name)
{
	for (size_t i = 0; i < gtm->dns.n_zones; i++) {
		for (size_t k = 0; k < gtm->dns.zones[i].n_steer; k++) {
			const char *steered = gtm->dns.zones[i].steer[k].name;
			if (steered && strcasecmp(steered, name) == 0)
				return true;
		}
	}
	return false;
}

void gtm_conf_check(struct conf *conf, const struct gtm_conf *gtm)
{
	node_section_check(conf, &gtm->node);
	if (gtm->cluster.set)
		cluster_section_check(conf, &gtm->cluster.conf);
	log_section_check(conf, &gtm->log);
	admin_section_check(conf, &gtm->admin);
	process_section_check(conf, &gtm->process);
	for (size_t i = 0; i < gtm->dns.n_zones; i++)
		check_zone(conf, gtm, i);
	check_regions(conf, gtm);
	for (size_t i = 0; i < gtm->n_fallback; i++) {
		if (gtm->fallback[i].name && !is_steered(gtm, gtm->fallback[i].name))
			conf_fault(conf, &gtm->fallback[i].addresses,
				   "\"%s\" is not a steered name", gtm->fallback[i].name);
	}
}
