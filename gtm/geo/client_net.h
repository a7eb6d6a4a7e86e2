/* SPDX-License-Identifier: Apache-2.0
 *
 * client_net: where a query comes from, for steering: the client subnet of EDNS (RFC 7871) if there
 * was one, else the resolver's own address, in one key of 128 bits (IPv4 lies in ::ffff:0:0/96).
 */
#pragma once

#include "core/net/addr.h"

struct client_net {
	uint8_t key[16];
	uint8_t bits; /* of the key that are known: 96 + source prefix length for IPv4 */
	bool is_v4;
	bool from_ecs;       /* the answer then carries ECS with our scope */
	uint8_t source_bits; /* as asked, in the family's own counting */
};

/* A whole address, as of a resolver. */
struct client_net client_net_of_addr(const struct addr *addr);
/* Of a client subnet option; family 1 or 2, source_bits <= 32 or 128, bytes = ceil(source_bits / 8)
 * with zero bits behind: the packet's parser has checked that. source_bits 0 (the client wants no
 * use of its address, RFC 7871 7.1.2) gives the resolver's address with from_ecs set and scope 0.
 */
struct client_net client_net_of_ecs(uint16_t family, uint8_t source_bits, struct span bytes,
				    const struct addr *resolver);
