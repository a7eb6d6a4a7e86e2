/* SPDX-License-Identifier: Apache-2.0
 *
 * addr: text and bytes of addresses and prefixes. An IPv4 address that is mapped into IPv6 counts
 * as the IPv4 address everywhere but in the sockaddr itself, so that an access list written for
 * IPv4 holds on a dual socket too.
 */
#include "core/net/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "core/obj.h"

enum { V4_BYTES = 4, V6_BYTES = 16, MAPPED_BITS = 96, PORT_DIGITS = 5 };

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* inet_pton() wants a NUL. False for what is too long to be an address. */
static bool ip_from_text(struct span text, int family, void *at)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(copy) || span_find(text, 0) < text.len)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = 0;
	return inet_pton(family, copy, at) == 1;
}

static bool v4_parse(struct span text, struct addr *ret_addr)
{
	struct addr addr = { .len = sizeof(addr.v4), .v4.sin_family = AF_INET };

	if (!ip_from_text(text, AF_INET, &addr.v4.sin_addr))
		return false;
	*ret_addr = addr;
	return true;
}

static bool v6_parse(struct span text, struct addr *ret_addr)
{
	struct addr addr = { .len = sizeof(addr.v6), .v6.sin6_family = AF_INET6 };

	if (!ip_from_text(text, AF_INET6, &addr.v6.sin6_addr))
		return false;
	*ret_addr = addr;
	return true;
}

static bool unix_parse(struct span path, struct addr *ret_addr)
{
	struct addr addr = { .len = sizeof(addr.un), .un.sun_family = AF_UNIX };

	if (path.len == 0 || path.len >= sizeof(addr.un.sun_path) || span_find(path, 0) < path.len)
		return false;
	memcpy(addr.un.sun_path, path.at, path.len);
	*ret_addr = addr;
	return true;
}

bool addr_parse(struct span text, struct addr *ret_addr)
{
	struct addr addr;
	uint64_t port;
	size_t colon = text.len;

	if (span_starts(text, SPAN_LIT("unix:")))
		return unix_parse(span_from(text, 5), ret_addr);
	while (colon > 0 && text.at[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return false;
	struct span digits = span_from(text, colon);
	struct span ip = span_first(text, colon - 1);
	if (digits.len > PORT_DIGITS || !span_to_u64(digits, UINT16_MAX, &port))
		return false;
	if (ip.len >= 2 && ip.at[0] == '[' && ip.at[ip.len - 1] == ']') {
		if (!v6_parse(span_of(ip.at + 1, ip.len - 2), &addr))
			return false;
	} else if (!v4_parse(ip, &addr)) {
		return false;
	}
	addr_set_port(&addr, (uint16_t)port);
	*ret_addr = addr;
	return true;
}

bool addr_parse_ip(struct span text, struct addr *ret_addr)
{
	if (text.len >= 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
		return v6_parse(span_of(text.at + 1, text.len - 2), ret_addr);
	return v4_parse(text, ret_addr) || v6_parse(text, ret_addr);
}

struct addr addr_from_sockaddr(const struct sockaddr *sa, socklen_t len)
{
	struct addr addr = { 0 };
	size_t family_end = offsetof(struct sockaddr, sa_family) + sizeof(sa->sa_family);

	if (!sa || len < family_end)
		return addr;
	if (sa->sa_family == AF_INET && len >= sizeof(addr.v4)) {
		memcpy(&addr.v4, sa, sizeof(addr.v4));
		memset(addr.v4.sin_zero, 0, sizeof(addr.v4.sin_zero));
		addr.len = sizeof(addr.v4);
	} else if (sa->sa_family == AF_INET6 && len >= sizeof(addr.v6)) {
		memcpy(&addr.v6, sa, sizeof(addr.v6));
		addr.v6.sin6_flowinfo = 0;
		addr.len = sizeof(addr.v6);
	} else if (sa->sa_family == AF_UNIX) {
		memcpy(&addr.un, sa, MIN((size_t)len, sizeof(addr.un) - 1));
		addr.len = sizeof(addr.un);
	}
	return addr;
}

struct addr addr_from_ip(struct span ip, uint16_t port)
{
	struct addr addr = { 0 };

	if (ip.len == V4_BYTES) {
		addr.len = sizeof(addr.v4);
		addr.v4.sin_family = AF_INET;
		memcpy(&addr.v4.sin_addr, ip.at, V4_BYTES);
	} else if (ip.len == V6_BYTES) {
		addr.len = sizeof(addr.v6);
		addr.v6.sin6_family = AF_INET6;
		memcpy(&addr.v6.sin6_addr, ip.at, V6_BYTES);
	}
	addr_set_port(&addr, port);
	return addr;
}

const char *addr_text(const struct addr *addr, char *text)
{
	char ip[INET6_ADDRSTRLEN];

	if (addr->len == 0) {
		snprintf(text, ADDR_TEXT_MAX, "-");
	} else if (addr->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->v4.sin_addr, ip, sizeof(ip));
		snprintf(text, ADDR_TEXT_MAX, "%s:%u", ip, addr_port(addr));
	} else if (addr->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &addr->v6.sin6_addr, ip, sizeof(ip));
		snprintf(text, ADDR_TEXT_MAX, "[%s]:%u", ip, addr_port(addr));
	} else {
		snprintf(text, ADDR_TEXT_MAX, "unix:%.*s", (int)sizeof(addr->un.sun_path),
			 addr->un.sun_path);
	}
	return text;
}

static char *octet_put(char *at, unsigned octet)
{
	if (octet >= 100)
		*at++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*at++ = (char)('0' + octet / 10 % 10);
	*at++ = (char)('0' + octet % 10);
	return at;
}

/* As inet_ntop(), which takes printf() to it: each proxied request wants one. */
static void v4_text(const uint8_t *ip, char *text)
{
	for (size_t i = 0; i < V4_BYTES; i++) {
		text = octet_put(text, ip[i]);
		*text++ = i + 1 < V4_BYTES ? '.' : '\0';
	}
}

const char *addr_ip_text(const struct addr *addr, char *text)
{
	struct span ip = addr_ip(addr);

	if (ip.len == V4_BYTES)
		v4_text(ip.at, text);
	else if (ip.len)
		inet_ntop(AF_INET6, ip.at, text, IP_TEXT_MAX);
	else
		snprintf(text, IP_TEXT_MAX, "%s", addr->len ? "unix" : "-");
	return text;
}

uint16_t addr_port(const struct addr *addr)
{
	if (addr->len == 0)
		return 0;
	if (addr->any.sa_family == AF_INET)
		return ntohs(addr->v4.sin_port);
	if (addr->any.sa_family == AF_INET6)
		return ntohs(addr->v6.sin6_port);
	return 0;
}

void addr_set_port(struct addr *addr, uint16_t port)
{
	if (addr->len == 0)
		return;
	if (addr->any.sa_family == AF_INET)
		addr->v4.sin_port = htons(port);
	else if (addr->any.sa_family == AF_INET6)
		addr->v6.sin6_port = htons(port);
}

struct span addr_ip(const struct addr *addr)
{
	if (addr->len == 0)
		return SPAN_NONE;
	if (addr->any.sa_family == AF_INET)
		return span_of(&addr->v4.sin_addr, V4_BYTES);
	if (addr->any.sa_family != AF_INET6)
		return SPAN_NONE;
	struct span ip = span_of(&addr->v6.sin6_addr, V6_BYTES);
	if (memcmp(ip.at, mapped_prefix, sizeof(mapped_prefix)) == 0)
		return span_from(ip, sizeof(mapped_prefix));
	return ip;
}

bool addr_ip_eq(const struct addr *a, const struct addr *b)
{
	struct span ip = addr_ip(a);

	if (!ip.len)
		return addr_ip(b).len == 0 && a->len == b->len &&
		       (a->len == 0 ||
			strncmp(a->un.sun_path, b->un.sun_path, sizeof(a->un.sun_path)) == 0);
	if (!span_eq(ip, addr_ip(b)))
		return false;
	/* The same link-local address is another host on another link. */
	return ip.len == V4_BYTES || a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_port(a) == addr_port(b) && addr_ip_eq(a, b);
}

bool addr_is_loopback(const struct addr *addr)
{
	struct span ip = addr_ip(addr);

	if (ip.len == V4_BYTES)
		return ip.at[0] == 127;
	if (ip.len == V6_BYTES)
		return IN6_IS_ADDR_LOOPBACK(&addr->v6.sin6_addr);
	return addr->len != 0; /* unix */
}

static struct prefix prefix_none(void)
{
	return (struct prefix){ 0 };
}

struct prefix prefix_cut(struct prefix prefix, uint8_t bits)
{
	bits = (uint8_t)MIN(bits, prefix.len * 8);
	prefix.bits = bits;
	size_t whole = bits / 8;
	if (bits % 8) {
		prefix.ip[whole] &= (uint8_t)(0xff00 >> bits % 8);
		whole++;
	}
	memset(prefix.ip + whole, 0, sizeof(prefix.ip) - whole);
	return prefix;
}

struct prefix prefix_of(const struct addr *addr, uint8_t bits)
{
	struct span ip = addr_ip(addr);
	struct prefix prefix = prefix_none();

	if (ip.len == 0)
		return prefix;
	memcpy(prefix.ip, ip.at, ip.len);
	prefix.len = (uint8_t)ip.len;
	return prefix_cut(prefix, bits);
}

bool prefix_parse(struct span text, struct prefix *ret_prefix)
{
	struct addr addr;
	size_t slash = span_find(text, '/');
	bool is_v4_text = span_find(text, ':') == text.len;

	if (!addr_parse_ip(span_first(text, slash), &addr) || text.at[0] == '[')
		return false;
	struct prefix prefix = prefix_of(&addr, UINT8_MAX);
	if (slash < text.len) {
		uint64_t bits;
		struct span digits = span_from(text, slash + 1);
		if (digits.len > 3 || !span_to_u64(digits, is_v4_text ? 32 : 128, &bits))
			return false;
		if (prefix.len == V4_BYTES && !is_v4_text) {
			if (bits < MAPPED_BITS)
				return false; /* the marker of a mapped address lies past the length
					       */
			bits -= MAPPED_BITS;
		}
		struct prefix cut = prefix_cut(prefix, (uint8_t)bits);
		if (memcmp(cut.ip, prefix.ip, sizeof(cut.ip)) != 0)
			return false;
		prefix = cut;
	}
	*ret_prefix = prefix;
	return true;
}

static bool bits_eq(const uint8_t *a, const uint8_t *b, uint8_t bits)
{
	size_t whole = bits / 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return bits % 8 == 0 || ((a[whole] ^ b[whole]) & (0xff00 >> bits % 8) & 0xff) == 0;
}

bool prefix_has(const struct prefix *prefix, const struct addr *addr)
{
	struct span ip = addr_ip(addr);

	return prefix->len && ip.len == prefix->len && bits_eq(prefix->ip, ip.at, prefix->bits);
}

bool prefix_covers(const struct prefix *wide, const struct prefix *narrow)
{
	return wide->len && wide->len == narrow->len && wide->bits <= narrow->bits &&
	       bits_eq(wide->ip, narrow->ip, wide->bits);
}

const char *prefix_text(const struct prefix *prefix, char *text)
{
	char ip[INET6_ADDRSTRLEN];

	if (prefix->len == 0) {
		snprintf(text, PREFIX_TEXT_MAX, "-");
		return text;
	}
	inet_ntop(prefix->len == V4_BYTES ? AF_INET : AF_INET6, prefix->ip, ip, sizeof(ip));
	snprintf(text, PREFIX_TEXT_MAX, "%s/%u", ip, prefix->bits);
	return text;
}
