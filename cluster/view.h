/* SPDX-License-Identifier: Apache-2.0
 *
 * view: what one member knows of the cluster at one moment: an immutable, refcounted snapshot. It
 * is published when something changed, at most ten times a second, and handed to each subscriber by
 * message. Strings in it live as long as it does.
 */
#pragma once

#include "core/net/addr.h"
#include "core/snapshot.h"

enum member_state { MEMBER_ALIVE, MEMBER_SUSPECT, MEMBER_DEAD, MEMBER_LEFT };
const char *member_state_name(enum member_state state); /* "alive" … */

enum { MEMBER_ID_BYTES = 8, MEMBER_MAX_ADDRESSES = 8 };

enum member_role { ROLE_EDGE = 1, ROLE_GTM = 2 }; /* bits, as the certificate states them */

/* The first bytes of the SHA-256 of a member's public key. */
struct member_id {
	uint8_t bytes[MEMBER_ID_BYTES];
};

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DEGRADED, HEALTH_DOWN };
const char *health_state_name(enum health_state state);

/* One service as one edge sees it. */
struct view_service {
	const char *name;
	enum health_state health;
	uint16_t share_pct; /* of its origins' capacity that works */
	uint16_t n_origins, n_origins_up;
};

struct view_member {
	struct member_id id;
	const char *name;
	const char *region; /* as its certificate says */
	unsigned roles;
	enum member_state state;
	uint64_t incarnation;
	struct addr gossip_addr;
	bool has_location;
	double latitude, longitude;
	struct addr
		addresses[MEMBER_MAX_ADDRESSES]; /* what it claims DNS may answer with; port 0 */
	size_t n_addresses;
	uint32_t capacity_rps; /* 0: not said */
	uint32_t load_rps;
	uint32_t open_connections;
	bool draining;
	const char *version;           /* of its software */
	struct view_service *services; /* sorted by name */
	size_t n_services;
};

struct view {
	struct snapshot snapshot;
	uint64_t number; /* one more with each view of this process */
	struct member_id self;
	struct view_member
		*members; /* sorted by id; the dead and the left stay for their tombstone time */
	size_t n_members;
};

static inline struct view *view_ref(struct view *view)
{
	snapshot_ref(&view->snapshot);
	return view;
}
static inline void view_unref(struct view *view)
{
	if (view)
		snapshot_unref(&view->snapshot);
}

const struct view_member *view_member_by_id(const struct view *view, const struct member_id *id);
const struct view_service *view_service_by_name(const struct view_member *member, const char *name);

/* For tests and simulators, and for cluster.c: a view with room for n members and an arena of its
 * own for strings and services. */
struct view *view_new(size_t n_members);
const char *view_str(struct view *view, const char *s);          /* copies into the view */
struct view_service *view_services(struct view *view, size_t n); /* zeroed, of the view */
