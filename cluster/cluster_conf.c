/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_conf: two tables, and the checks that need more than one key.
 */
#include "cluster/cluster_conf.h"

#include "cluster/identity/certificate.h"

/* clang-format off */
static const struct conf_key location_keys[] = {
	CONF_REAL(struct node_location, latitude, CONF_REQUIRED, -90, 90, CONF_NO_INITIAL,
		  "degrees, north is positive"),
	CONF_REAL(struct node_location, longitude, CONF_REQUIRED, -180, 180, CONF_NO_INITIAL,
		  "degrees, east is positive"),
	CONF_END
};
static const struct conf_section location_section = {
	.name = "node.location", .struct_size = sizeof(struct node_location), .keys = location_keys,
	.help = "Where this member stands; a GTM steers by its own table of regions, this is for show.",
};

static const struct conf_key capacity_keys[] = {
	CONF_COUNT(struct node_capacity, requests_per_second, 0, 100000000, "0",
		   "what this member can carry; 0: not said"),
	CONF_END
};
static const struct conf_section capacity_section = {
	.name = "node.capacity", .struct_size = sizeof(struct node_capacity), .keys = capacity_keys,
	.help = "How much this member can carry: its weight among its region's.",
};

static const struct conf_key node_keys[] = {
	CONF_STRING(struct node_conf, name, CONF_REQUIRED, CONF_NO_INITIAL,
		    "this member's name, as its certificate says"),
	CONF_STRING(struct node_conf, region, CONF_REQUIRED, CONF_NO_INITIAL,
		    "the region it is in, as its certificate says"),
	CONF_SECTION_OPTIONAL(struct node_conf, location, &location_section, "where it stands"),
	{ .name = "addresses", .type = CONF_TYPE_LIST, .offset = offsetof(struct node_conf, addresses),
	  .n_offset = offsetof(struct node_conf, n_addresses), .item = CONF_TYPE_IP,
	  .max_items = MEMBER_MAX_ADDRESSES, .help = "what DNS may answer with for this member" },
	CONF_SECTION(struct node_conf, capacity, &capacity_section, CONF_OPTIONAL, "what it can carry"),
	CONF_END
};
const struct conf_section node_section = {
	.name = "node", .struct_size = sizeof(struct node_conf), .keys = node_keys,
	.help = "Who this member is.",
};

static const struct conf_key cluster_keys[] = {
	CONF_SCALAR(struct cluster_conf, CONF_TYPE_ADDRESS, listen, CONF_REQUIRED,
		    "address and port of gossip, UDP and TCP"),
	CONF_SCALAR(struct cluster_conf, CONF_TYPE_ADDRESS, advertise, CONF_OPTIONAL,
		    "where the others reach `listen`, when it is behind a translation of addresses"),
	{ .name = "join", .type = CONF_TYPE_LIST, .offset = offsetof(struct cluster_conf, join),
	  .n_offset = offsetof(struct cluster_conf, n_join), .item = CONF_TYPE_ENDPOINT,
	  .max_items = 64, .help = "some members to ask at the start, and again while we are alone" },
	CONF_PATH(struct cluster_conf, keyring, CONF_REQUIRED, CONF_NO_INITIAL,
		  "file made by `meridianctl cluster init`: the same on all members"),
	CONF_PATH(struct cluster_conf, identity, CONF_REQUIRED, CONF_NO_INITIAL,
		  "folder made by `meridianctl cluster admit`: this member's own; it must be writable"),
	CONF_END
};
const struct conf_section cluster_section = {
	.name = "cluster", .struct_size = sizeof(struct cluster_conf), .keys = cluster_keys,
	.help = "The gossip cluster that all edges and GTMs are members of.",
};
/* clang-format on */

void node_section_check(struct conf *conf, const struct node_conf *node)
{
	if (node->name && !certificate_name_ok(span_str(node->name)))
		conf_fault(conf, &node->name,
			   "'%s' is no name of a member: expected 1 to 63 of a-z, 0-9, '-', '_' "
			   "and '.'",
			   node->name);
	if (node->region && !certificate_name_ok(span_str(node->region)))
		conf_fault(conf, &node->region,
			   "'%s' is no name of a region: expected 1 to 63 of a-z, 0-9, '-', '_' "
			   "and '.'",
			   node->region);
}

static bool is_any(const struct addr *addr)
{
	struct span ip = addr_ip(addr);

	for (size_t i = 0; i < ip.len; i++) {
		if (ip.at[i] != 0)
			return false;
	}
	return ip.len > 0;
}

static void check_address(struct conf *conf, const struct addr *addr)
{
	if (addr->len != 0 && addr_ip(addr).len == 0)
		conf_fault(conf, addr, "gossip needs an IP address and a port, not a unix socket");
}

void cluster_section_check(struct conf *conf, const struct cluster_conf *cluster)
{
	check_address(conf, &cluster->listen);
	check_address(conf, &cluster->advertise);
	if (cluster->listen.len != 0 && is_any(&cluster->listen) && cluster->advertise.len == 0)
		conf_fault(
			conf, &cluster->listen,
			"others cannot reach a member at an unspecified address: name one, or set "
			"`advertise`");
	if (cluster->advertise.len != 0 &&
	    (is_any(&cluster->advertise) || addr_port(&cluster->advertise) == 0))
		conf_fault(conf, &cluster->advertise,
			   "expected the address and port where others reach us");
}
