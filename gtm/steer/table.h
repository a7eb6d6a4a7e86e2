/* SPDX-License-Identifier: Apache-2.0
 *
 * table: what a steer table is made of. For steer/ alone: table.c builds it, steer.c chooses from
 * it, explain.c tells of it.
 *
 * A *site* is one region for one steered name. Its edges stand in one list a family (A, AAAA), and
 * a small table of buckets says, for each hash of a client prefix, which edges come first: weighted
 * rendezvous, worked out when the table is built, so that an edge that leaves moves its own clients
 * alone.
 */
#pragma once

#include "gtm/geo/geo.h"
#include "gtm/steer/steer.h"

enum { STEER_BUCKETS = 512, STEER_MAX_EDGES = 4096, STEER_N_FAMILIES = 2 };
enum steer_family { STEER_A, STEER_AAAA };

/* Below this share of its live capacity, a service is down in a region (CLUSTER.md). */
enum { STEER_UP_SHARE_PCT = 30 };

struct steer_edge {
	const char *name; /* of the member, or the address's text for a static one */
	struct addr addr;
	uint32_t weight; /* its capacity; 1 where none is said */
	uint64_t id_hash;
	struct rr_image *image; /* owned */
};

struct steer_site_family {
	struct steer_edge *edges; /* owned */
	size_t n_edges;
	uint16_t *buckets; /* owned: STEER_BUCKETS rows of n_picks edge indexes */
	size_t n_picks;
};

struct steer_site {
	struct steer_site_family families[STEER_N_FAMILIES];
	bool up;            /* by its edges' own word */
	bool known;         /* some edge there has ever named the service */
	uint16_t n_live;    /* edges alive, not draining, that have the service */
	uint16_t n_works;   /* of them, those for whom it works */
	uint16_t n_refused; /* addresses claimed that the configuration does not allow */
	uint8_t share_pct;  /* of the live capacity that works */
	const char *why;    /* static text: "up", "no live edge", … */
};

struct steer_row {                                                      /* one steered name */
	struct steer_site *sites;                                       /* owned; one a region */
	struct rr_image *fallback[STEER_N_FAMILIES][STEER_MAX_ANSWERS]; /* owned */
	size_t n_fallback[STEER_N_FAMILIES];
	bool known;     /* any site is */
	bool fail_open; /* no region was up: all count as up */
};

struct steer_table {
	struct snapshot snapshot;
	uint32_t kind;
	const struct steer_conf *conf;
	struct geo_ranking *geo; /* a reference, or NULL */
	struct view *view;       /* a reference, or NULL: its strings are used */
	uint8_t configured_order[STEER_MAX_REGIONS];
	struct steer_row *rows; /* owned; conf->n_names */
};

#define STEER_TABLE_KIND OBJ_KIND('s', 't', 'e', 'r')

/* The bucket of a client, the same on every GTM: by its /24 or /56. */
unsigned steer_bucket(const struct client_net *client);
/* The client's order of regions; *ret_scope_bits in the family's counting. */
const uint8_t *steer_order(const struct steer_table *table, const struct client_net *client,
			   uint8_t *ret_scope_bits);
/* The first region of the order that has edges of the family; -1: none. */
int steer_region(const struct steer_table *table, const struct steer_row *row,
		 enum steer_family family, const uint8_t *order);
