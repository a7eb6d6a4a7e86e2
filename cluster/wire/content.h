/* SPDX-License-Identifier: Apache-2.0
 *
 * content: what stands in a member's facts, as plain structs. The cluster's core stores and
 * forwards facts as bytes; only who publishes and who builds views looks inside, through this.
 * Keys:
 *
 *     node      what does not change while it runs: location, addresses, capacity, version
 *     services  its services' health
 *     load      requests a second, open connections
 *     drain     that it wants no new clients
 */
#pragma once

#include "cluster/view.h"
#include "cluster/wire/door.h"

enum {
	CONTENT_MAX_BYTES = 16 * 1024, /* of one fact */
	CONTENT_MAX_SERVICES = 256,
	CONTENT_NAME_MAX = 128,
	CONTENT_VERSION_MAX = 64,
};

/* The number is the fact's key on the wire. */
enum content_key {
	CONTENT_NODE = 1,
	CONTENT_SERVICES = 2,
	CONTENT_LOAD = 3,
	CONTENT_DRAIN = 4,
};
const char *content_key_name(enum content_key key);
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
size_t content_pack_services(const struct view_service *services, size_t n, uint8_t *at);
size_t content_pack_load(const struct content_load *load, uint8_t *at);
size_t content_pack_drain(bool draining, uint8_t *at);

/* All: false when the bytes are not that. Strings are copied where they are returned to. */
bool content_unpack_node(struct door *door, struct span bytes, struct content_node *ret_node);
/* Fills the member's services from the view's memory, sorted, each name once. */
bool content_unpack_services(struct door *door, struct span bytes, struct view *view,
			     struct view_member *member);
bool content_unpack_load(struct door *door, struct span bytes, struct content_load *ret_load);
bool content_unpack_drain(struct door *door, struct span bytes, bool *ret_draining);
