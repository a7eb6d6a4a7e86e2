/* SPDX-License-Identifier: Apache-2.0
 *
 * client_net: see the header. IPv4 is kept as IPv4 mapped into IPv6, so that one key serves both.
 */
#include "gtm/geo/client_net.h"

#include "core/obj.h"

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

static void set_key(struct client_net *net, struct span ip)
{
	net->is_v4 = ip.len == 4;
	if (net->is_v4) {
		memcpy(net->key, v4_mapped, sizeof(v4_mapped));
		memcpy(net->key + 12, ip.at, 4);
	} else if (ip.len == 16) {
		memcpy(net->key, ip.at, 16);
	}
	net->bits = 128;
}

struct client_net client_net_of_addr(const struct addr *addr)
{
	struct client_net net = { 0 };

	set_key(&net, addr_ip(addr));
	return net;
}

struct client_net client_net_of_ecs(uint16_t family, uint8_t source_bits, struct span bytes,
				    const struct addr *resolver)
{
	struct client_net net = { 0 };

	if (source_bits == 0) {
		net = client_net_of_addr(resolver);
		net.from_ecs = true;
		return net;
	}
	if (family == 1) {
		memcpy(net.key, v4_mapped, sizeof(v4_mapped));
		memcpy(net.key + 12, bytes.at, MIN(bytes.len, 4));
		net.is_v4 = true;
		net.bits = (uint8_t)(96 + source_bits);
	} else {
		memcpy(net.key, bytes.at, MIN(bytes.len, 16));
		net.bits = source_bits;
	}
	net.from_ecs = true;
	net.source_bits = source_bits;
	return net;
}
