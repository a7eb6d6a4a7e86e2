/* SPDX-License-Identifier: Apache-2.0
 *
 * addr: an IPv4, IPv6 or unix socket address, and an IP prefix. Values: copied freely, any thread.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/span.h"

struct addr {
	socklen_t len; /* 0: none */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
	};
};

/* "[2001:db8::1]:65535", "unix:/run/x.sock"; an IP alone. */
enum { ADDR_TEXT_MAX = 128, IP_TEXT_MAX = 64 };

/* `192.0.2.1:80`, `[::1]:443`, `unix:/run/x.sock`; the port is required. False when it is none of
 * these. */
bool addr_parse(struct span text, struct addr *ret_addr);
/* An IP without a port: `192.0.2.1`, `2001:db8::1`, `[::1]`; the port is 0. */
bool addr_parse_ip(struct span text, struct addr *ret_addr);
struct addr addr_from_sockaddr(const struct sockaddr *sa, socklen_t len);
/* 4 or 16 raw bytes, network order; none when len is another. */
struct addr addr_from_ip(struct span ip, uint16_t port);

/* Into `text` (ADDR_TEXT_MAX), with port, as addr_parse() reads it; "-" for none. Returns text. */
const char *addr_text(const struct addr *addr, char *text);
/* Into `text` (IP_TEXT_MAX), without port; "unix" for a unix one. */
const char *addr_ip_text(const struct addr *addr, char *text);
uint16_t addr_port(const struct addr *addr); /* 0 for unix */
void addr_set_port(struct addr *addr, uint16_t port);
/* The 4 or 16 bytes; an IPv4 mapped into IPv6 gives its 4; empty for unix. Borrowed from addr. */
struct span addr_ip(const struct addr *addr);
bool addr_eq(const struct addr *a, const struct addr *b); /* address and port */
bool addr_ip_eq(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *addr); /* unix counts */

/* A prefix: family by `len`, bits past `bits` are zero. */
struct prefix {
	uint8_t ip[16];
	uint8_t len;  /* 4 or 16; 0: none */
	uint8_t bits; /* 0 to 32 or 128 */
};
enum { PREFIX_TEXT_MAX = 64 };

/* `10.0.0.0/8`, `2001:db8::/32`, or an IP alone (all its bits). Bits set past the length: false. */
bool prefix_parse(struct span text, struct prefix *ret_prefix);
/* The first `bits` of an address; bits is cut to the family's width. */
struct prefix prefix_of(const struct addr *addr, uint8_t bits);
struct prefix prefix_cut(struct prefix prefix, uint8_t bits);
bool prefix_has(const struct prefix *prefix, const struct addr *addr);
bool prefix_covers(const struct prefix *wide, const struct prefix *narrow);
const char *prefix_text(const struct prefix *prefix, char *text); /* PREFIX_TEXT_MAX */
