/* SPDX-License-Identifier: Apache-2.0
 *
 * zone: what we are authoritative for, ready to be answered: an immutable snapshot of all zones,
 * each with its names in one hash table and its record sets as wire images. Names are in wire form,
 * lower case. Built by the control thread, read by every worker.
 */
#pragma once

#include "core/snapshot.h"
#include "gtm/zone/image.h"

enum { ZONE_MAX_NAME = 255, ZONE_NO_STEER = -1 };

enum { /* types that code asks for (RFC 1035, 3596) */
       DNS_TYPE_A = 1,
       DNS_TYPE_NS = 2,
       DNS_TYPE_CNAME = 5,
       DNS_TYPE_SOA = 6,
       DNS_TYPE_AAAA = 28,
       DNS_TYPE_OPT = 41,
       DNS_TYPE_IXFR = 251,
       DNS_TYPE_AXFR = 252,
       DNS_TYPE_ANY = 255,
};

struct zone_node {
	struct span name;
	int32_t steer;   /* index of the steered name; ZONE_NO_STEER: a plain one */
	bool is_cut;     /* NS below the apex: a delegation */
	uint16_t n_sets; /* 0: an empty non-terminal */
	const struct rr_image *sets[];
};

struct zone;
struct zone_set; /* all zones; a snapshot */

/* The zone whose apex is the longest end of this name; NULL: not ours. */
const struct zone *zone_set_find(const struct zone_set *set, struct span name);
struct snapshot *zone_set_snapshot(struct zone_set *set);
struct zone_set *zone_set_of(struct snapshot *snapshot);
size_t zone_set_n_zones(const struct zone_set *set);
const struct zone *zone_set_at(const struct zone_set *set, size_t i);

struct span zone_name(const struct zone *zone);
uint32_t zone_serial(const struct zone *zone);
size_t zone_n_nodes(const struct zone *zone);
/* The SOA with the TTL of a denial (RFC 2308 5). */
const struct rr_image *zone_denial_soa(const struct zone *zone);

enum zone_outcome {
	ZONE_FOUND = 0,    /* the name, or a wildcard's (RFC 4592) */
	ZONE_REFERRAL = 1, /* at or below a cut: *ret_node is the cut */
	ZONE_NXDOMAIN = 2,
};
/* `name` ends with the zone's apex. */
int zone_lookup(const struct zone *zone, struct span name, const struct zone_node **ret_node);
/* The exact name, whatever it is (for glue). NULL: none. */
const struct zone_node *zone_exact(const struct zone *zone, struct span name);
const struct rr_image *zone_node_set(const struct zone_node *node, uint16_t type);

/* ---- building ------------------------------------------------------------------------------ */

struct zone_builder;
/* `apex` in wire form, lower case, copied. */
int zone_builder_new(struct span apex, struct zone_builder **ret_builder);
void zone_builder_free(struct zone_builder *builder); /* NULL is fine */
/* Copies. Errors: -ENOMEM, -ERANGE (the name is not in the zone). */
int zone_builder_add(struct zone_builder *builder, struct span name, uint16_t type, uint32_t ttl_s,
		     struct span rdata);
/* A name that is steered: A and AAAA are not in the file. */
int zone_builder_steer(struct zone_builder *builder, struct span name, int32_t index);
/* Makes the zone. `*ret_why` (static) says what it lacks for -EINVAL. The builder is spent. */
int zone_builder_finish(struct zone_builder *builder, struct zone **ret_zone, const char **ret_why);
void zone_free(struct zone *zone); /* NULL is fine; for one that is in no set */

int zone_set_new(struct zone_set **ret_set);
/* Moved, also on failure. -EEXIST: there is one of that name. */
int zone_set_add(struct zone_set *set, struct zone *zone);

/* From text ("www.example.com", with or without the last dot) to wire form in lower case; returns
 * the length, or 0 when it is no name. */
size_t zone_name_from_text(const char *text, uint8_t name[ZONE_MAX_NAME]);
/* For people; escapes what is not printable. */
const char *zone_name_to_text(struct span name, char *text, size_t text_len);
