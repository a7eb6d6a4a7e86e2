/* SPDX-License-Identifier: Apache-2.0
 *
 * query: a DNS query as it came (RFC 1035 4, 6891, 7871), read strictly. Any thread.
 */
#pragma once

#include "gtm/geo/client_net.h"
#include "gtm/zone/zone.h"

enum { DNS_HEAD = 12, DNS_MAX_UDP = 1232, DNS_MIN_UDP = 512 };

enum { /* RFC 1035 4.1.1, 6891 9 */
       RCODE_NOERROR = 0,
       RCODE_FORMERR = 1,
       RCODE_SERVFAIL = 2,
       RCODE_NXDOMAIN = 3,
       RCODE_NOTIMP = 4,
       RCODE_REFUSED = 5,
       RCODE_BADVERS = 16,
};

struct query {
	uint16_t id;
	uint8_t opcode;
	bool recursion_desired;
	uint16_t type, class;
	struct span asked; /* the name as it came, its case kept; borrowed from the packet */
	uint8_t name[ZONE_MAX_NAME + 1]; /* the same in lower case */
	uint8_t name_len;                /* 0: no question could be read */
	bool has_edns, wants_dnssec;
	uint16_t udp_bytes; /* what the asker takes: 512 without EDNS */
	bool has_ecs;
	uint16_t ecs_family;
	uint8_t ecs_source_bits;
	struct span ecs_bytes; /* borrowed */
};

enum query_outcome {
	QUERY_OK = 0,
	QUERY_IGNORE = 1, /* no query at all, or a response: silence */
	QUERY_FORMERR = 2,
	QUERY_NOTIMP = 3,
	QUERY_BADVERS = 4,
};
/* *ret_query is filled as far as it could be read, but for QUERY_IGNORE. */
int query_parse(struct span packet, struct query *ret_query);
