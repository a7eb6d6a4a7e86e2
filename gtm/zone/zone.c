/* SPDX-License-Identifier: Apache-2.0
 *
 * zone: look-up. The table is open addressing over node pointers, at most half full, keyed with
 * this process's secret: a stranger who may add names to a zone cannot choose which collide.
 */
#include "gtm/zone/zone.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/obj.h"
#include "gtm/zone/zone_priv.h"

struct zone_set {
	struct snapshot snapshot;
	uint32_t kind;
	struct zone **zones; /* owned */
	size_t n_zones;
};

#define SET_KIND OBJ_KIND('z', 's', 'e', 't')

const struct zone_node *zone_exact(const struct zone *zone, struct span name)
{
	size_t at = hash_keyed(name) & zone->mask;

	while (zone->slots[at]) {
		if (span_eq(zone->slots[at]->name, name))
			return zone->slots[at];
		at = (at + 1) & zone->mask;
	}
	return NULL;
}

/* The name without its first label; the root has none to lose. */
static struct span parent_of(struct span name)
{
	return span_from(name, (size_t)name.at[0] + 1);
}

/* The highest cut at or above the name: what lies below it is another's. */
static const struct zone_node *find_cut(const struct zone *zone, struct span name)
{
	const struct zone_node *cut = NULL;

	for (; name.len > zone->apex.len; name = parent_of(name)) {
		const struct zone_node *node = zone_exact(zone, name);
		if (node && node->is_cut)
			cut = node;
	}
	return cut;
}

/* RFC 4592 3.3.1: the wildcard child of the closest encloser, and of no other. */
static const struct zone_node *find_wildcard(const struct zone *zone, struct span name)
{
	uint8_t wild[ZONE_MAX_NAME + 2] = { 1, '*' };

	for (name = parent_of(name); name.len >= zone->apex.len; name = parent_of(name)) {
		if (!zone_exact(zone, name))
			continue;
		if (name.len + 2 > ZONE_MAX_NAME)
			return NULL;
		memcpy(wild + 2, name.at, name.len);
		return zone_exact(zone, span_of(wild, name.len + 2));
	}
	return NULL;
}

int zone_lookup(const struct zone *zone, struct span name, const struct zone_node **ret_node)
{
	if (zone->has_cuts) {
		*ret_node = find_cut(zone, name);
		if (*ret_node)
			return ZONE_REFERRAL;
	}
	*ret_node = zone_exact(zone, name);
	if (!*ret_node && zone->has_wildcards)
		*ret_node = find_wildcard(zone, name);
	return *ret_node ? ZONE_FOUND : ZONE_NXDOMAIN;
}

const struct rr_image *zone_node_set(const struct zone_node *node, uint16_t type)
{
	for (size_t i = 0; i < node->n_sets; i++) {
		if (node->sets[i]->type == type)
			return node->sets[i];
	}
	return NULL;
}

struct span zone_name(const struct zone *zone)
{
	return zone->apex;
}

uint32_t zone_serial(const struct zone *zone)
{
	return zone->serial;
}

size_t zone_n_nodes(const struct zone *zone)
{
	return zone->n_nodes;
}

const struct rr_image *zone_denial_soa(const struct zone *zone)
{
	return zone->denial_soa;
}

/* ---- all zones ----------------------------------------------------------------------------- */

static void free_set(struct snapshot *snapshot)
{
	struct zone_set *set = zone_set_of(snapshot);

	for (size_t i = 0; i < set->n_zones; i++)
		zone_free(set->zones[i]);
	free(set->zones);
	OBJ_FREE(set);
}

int zone_set_new(struct zone_set **ret_set)
{
	struct zone_set *set = OBJ_NEW(struct zone_set, SET_KIND);

	if (!set)
		return err_new(-ENOMEM);
	snapshot_init(&set->snapshot, free_set);
	*ret_set = set;
	return 0;
}

/* Longest apexes first, so that the first that fits is the nearest. */
int zone_set_add(struct zone_set *set, struct zone *zone)
{
	size_t at = 0;

	for (size_t i = 0; i < set->n_zones; i++) {
		if (span_eq(set->zones[i]->apex, zone->apex)) {
			zone_free(zone);
			return err_new(-EEXIST);
		}
		at += set->zones[i]->apex.len >= zone->apex.len;
	}
	struct zone **zones = reallocarray(set->zones, set->n_zones + 1, sizeof(struct zone *));
	if (!zones) {
		zone_free(zone);
		return err_new(-ENOMEM);
	}
	memmove(zones + at + 1, zones + at, (set->n_zones - at) * sizeof(struct zone *));
	zones[at] = zone;
	set->zones = zones;
	set->n_zones++;
	return 0;
}

/* Does `name` end with `apex`, at a label's border? */
static bool is_below(struct span name, struct span apex)
{
	while (name.len > apex.len)
		name = parent_of(name);
	return span_eq(name, apex);
}

const struct zone *zone_set_find(const struct zone_set *set, struct span name)
{
	for (size_t i = 0; i < set->n_zones; i++) {
		if (is_below(name, set->zones[i]->apex))
			return set->zones[i];
	}
	return NULL;
}

struct snapshot *zone_set_snapshot(struct zone_set *set)
{
	return &set->snapshot;
}

struct zone_set *zone_set_of(struct snapshot *snapshot)
{
	return OBJ_CAST(struct zone_set, CONTAINER_OF(snapshot, struct zone_set, snapshot),
			SET_KIND);
}

size_t zone_set_n_zones(const struct zone_set *set)
{
	return set->n_zones;
}

const struct zone *zone_set_at(const struct zone_set *set, size_t i)
{
	MUST(i < set->n_zones);
	return set->zones[i];
}
