/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy_protocol: the header by which a proxy in front of a connection says for whom it stands
 * (HAProxy's PROXY protocol, versions 1 and 2). Pure.
 */
#pragma once

#include "core/net/addr.h"

enum {
	PROXY_V1_MAX_BYTES = 107,                  /* its line, CRLF included */
	PROXY_HEAD_BYTES = 16,                     /* of version 2, before its addresses */
	PROXY_MAX_BYTES = PROXY_HEAD_BYTES + 2048, /* addresses and all TLVs; more is refused */
	PROXY_WRITE_BYTES = PROXY_V1_MAX_BYTES,    /* that proxy_write() needs */
};

enum proxy_version { PROXY_OFF, PROXY_V1, PROXY_V2 };

enum proxy_outcome {
	PROXY_PARSED = 0,
	PROXY_NEED_MORE = 1, /* so far it is one: all of the bytes are its own */
	PROXY_MALFORMED = 2,
};

struct proxy_header {
	bool local; /* the proxy speaks for itself, or does not know: the socket's addresses hold */
	struct addr from, to;
	size_t len; /* of the header, in bytes */
};

/* What stands at the beginning of `bytes`. A checksum that is there is checked. */
int proxy_parse(struct span bytes, struct proxy_header *ret_header);

/* For a connection from one address to the other, into `at` (PROXY_WRITE_BYTES): the bytes written.
 * IPv4 beside IPv6 is mapped into it; an address that is neither makes both unknown. */
size_t proxy_write(enum proxy_version version, const struct addr *from, const struct addr *to,
		   uint8_t *at);
