/* SPDX-License-Identifier: Apache-2.0
 *
 * content: what stands in a member's facts, as plain structs. The cluster's core stores and
 * forwards facts as bytes; only who publishes and who builds views looks inside, through this.
 * Keys:
 *
 *     node      what does not change while it runs: location, addresses, capacity, version
 *     services  its services' health, in pages
 *     load      requests a second, open connections
 *     drain     that it wants no new clients
 */
#pragma once

#include "cluster/view.h"
#include "cluster/wire/door.h"

enum {
	CONTENT_MAX_BYTES = 8192,   /* of one fact */
	CONTENT_PAGE_SERVICES = 48, /* the longest fit */
	CONTENT_MAX_PAGES = 16,
	CONTENT_MAX_SERVICES = CONTENT_PAGE_SERVICES * CONTENT_MAX_PAGES,
	CONTENT_NAME_MAX = 128,
	CONTENT_VERSION_MAX = 64,
};

/* The number is the fact's key on the wire. */
enum content_key {
	CONTENT_NODE = 1,
	CONTENT_LOAD = 2,
	CONTENT_DRAIN = 3,
	CONTENT_SERVICES = 16, /* and the pages behind it */
};
static inline bool content_is_services(uint32_t key)
{
	return key >= CONTENT_SERVICES && key < CONTENT_SERVICES + CONTENT_MAX_PAGES;
}
/* May a member in these roles say it? Keys that we do not know: true, they are passed on. */
bool content_allowed(uint32_t key, unsigned roles);

struct content_node {
	bool has_location;
	double latitude, longitude;
	struct addr addresses[MEMBER_MAX_ADDRESSES];
	size_t n_addresses;
	uint32_t capacity_rps;
	char version[CONTENT_VERSION_MAX];
};
struct content_load {
	uint32_t requests_per_second, open_connections;
};

/* All: the length into `at` (CONTENT_MAX_BYTES), 0 when it does not fit. */
size_t content_pack_node(const struct content_node *node, uint8_t *at);
/* One page: n at most CONTENT_PAGE_SERVICES. */
size_t content_pack_services(const struct view_service *services, size_t n, uint8_t *at);
size_t content_pack_load(const struct content_load *load, uint8_t *at);
size_t content_pack_drain(bool draining, uint8_t *at);

/* All: false when the bytes are not that. Strings are copied where they are returned to. */
bool content_unpack_node(struct door *door, struct span bytes, struct content_node *ret_node);
/* Adds one page to `services`, which has room for CONTENT_PAGE_SERVICES more; names are the view's.
 */
bool content_unpack_services(struct door *door, struct span bytes, struct view *view,
			     struct view_service *services, size_t *ret_n);
bool content_unpack_load(struct door *door, struct span bytes, struct content_load *ret_load);
bool content_unpack_drain(struct door *door, struct span bytes, bool *ret_draining);
