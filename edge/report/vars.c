/* SPDX-License-Identifier: Apache-2.0
 *
 * vars: the getters. What a stranger has written goes through foreign(), which escapes as the
 * template's user asked.
 */
#include "edge/report/vars.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

static struct span text_of(const char *s)
{
	return s ? span_str(s) : SPAN_NONE;
}

static struct span printed(struct arena *arena, const char *text)
{
	return arena_copy(arena, span_str(text));
}

/* ---- escaping ----------------------------------------------------------------------------------
 */

static bool is_harmless(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static bool is_plain_html(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\'' && byte != '<' &&
	       byte != '>' && byte != '&';
}

static struct span escape_html(struct span value, struct arena *arena)
{
	enum { MAX_FACTOR = 6 }; /* &#NNN; */
	uint8_t *out = arena_take_bytes(arena, value.len * MAX_FACTOR);
	size_t n = 0;

	for (size_t i = 0; out && i < value.len; i++) {
		uint8_t byte = value.at[i];
		if (is_plain_html(byte)) {
			out[n++] = byte;
			continue;
		}
		out[n++] = '&';
		out[n++] = '#';
		if (byte >= 100)
			out[n++] = (uint8_t)('0' + byte / 100);
		out[n++] = (uint8_t)('0' + byte / 10 % 10);
		out[n++] = (uint8_t)('0' + byte % 10);
		out[n++] = ';';
	}
	return span_of(out, n);
}

static struct span escape(struct span value, enum facts_escape how, struct arena *arena)
{
	enum { MAX_FACTOR = 6 }; /* \u00NN */
	static const char hex[] = "0123456789abcdef";
	uint8_t *out = arena_take_bytes(arena, value.len * MAX_FACTOR);
	size_t n = 0;

	for (size_t i = 0; out && i < value.len; i++) {
		uint8_t byte = value.at[i];
		if (is_harmless(byte)) {
			out[n++] = byte;
			continue;
		}
		out[n++] = '\\';
		if (byte == '"' || byte == '\\') {
			out[n++] = byte;
			continue;
		}
		out[n++] = how == FACTS_ESCAPE_JSON ? 'u' : 'x';
		if (how == FACTS_ESCAPE_JSON) {
			out[n++] = '0';
			out[n++] = '0';
		}
		out[n++] = (uint8_t)hex[byte >> 4];
		out[n++] = (uint8_t)hex[byte & 15];
	}
	return span_of(out, n);
}

static struct span foreign(const struct facts *facts, struct span value, struct arena *arena)
{
	size_t i = 0;

	if (facts->escape == FACTS_ESCAPE_NONE)
		return value;
	if (facts->escape == FACTS_ESCAPE_HTML)
		return escape_html(value, arena);
	while (i < value.len && is_harmless(value.at[i]))
		i++;
	return i == value.len ? value : escape(value, facts->escape, arena);
}

/* ---- of the client -----------------------------------------------------------------------------
 */

static struct span get_client_address(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;
	char text[IP_TEXT_MAX];

	(void)rest;
	return printed(arena, addr_ip_text(facts->client, text));
}

static struct span get_peer_address(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;
	char text[IP_TEXT_MAX];

	(void)rest;
	return printed(arena, addr_ip_text(conn_from(facts->conn), text));
}

static struct span get_request_id(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, facts->request_id, arena);
}

static struct span get_client_port(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return text_of(arena_printf(arena, "%u", addr_port(conn_from(facts->conn))));
}

static struct span get_server_address(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;
	char text[ADDR_TEXT_MAX];

	(void)rest;
	return printed(arena, addr_text(conn_local(facts->conn), text));
}

/* One member of the client's certificate, at this place in the struct; empty without one. */
static struct span peer_member(const struct facts *facts, size_t offset, struct arena *arena)
{
	struct tls_peer peer;
	struct span value;

	if (!conn_peer(facts->conn, arena, &peer))
		return SPAN_NONE;
	memcpy(&value, (const uint8_t *)&peer + offset, sizeof(value));
	return foreign(facts, value, arena);
}

#define PEER_GETTER(name, member)                                                                  \
	static struct span name(void *subject, struct span rest, struct arena *arena)              \
	{                                                                                          \
		(void)rest;                                                                        \
		return peer_member(subject, offsetof(struct tls_peer, member), arena);             \
	}
PEER_GETTER(get_tls_client_subject, subject)
PEER_GETTER(get_tls_client_issuer, issuer)
PEER_GETTER(get_tls_client_serial, serial)
PEER_GETTER(get_tls_client_fingerprint, fingerprint)

static struct span get_tls_client_verify(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;
	struct tls_peer peer;

	(void)rest;
	return conn_peer(facts->conn, arena, &peer) ? SPAN_LIT("success") : SPAN_LIT("none");
}

static struct span get_tls_version(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	(void)arena;
	return text_of(conn_tls_version(facts->conn));
}

static struct span get_tls_cipher(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	(void)arena;
	return conn_is_tls(facts->conn) ? text_of(conn_tls_cipher(facts->conn)) : SPAN_NONE;
}

static struct span get_tls_server_name(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, conn_server_name(facts->conn), arena);
}

/* ---- of the request ----------------------------------------------------------------------------
 */

static struct span get_method(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, facts->request->method_text, arena);
}

static struct span get_scheme(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	(void)arena;
	return facts->request->scheme;
}

static struct span get_host(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, facts->request->host, arena);
}

static struct span get_authority(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, facts->request->authority, arena);
}

static struct span get_target(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, facts->request->target, arena);
}

static struct span get_path(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, facts->request->path, arena);
}

static struct span get_query(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return foreign(facts, facts->request->query, arena);
}

static struct span get_version(void *subject, struct span rest, struct arena *arena)
{
	const struct http_head *request = ((const struct facts *)subject)->request;

	(void)rest;
	(void)arena;
	if (request->version_major == 2)
		return SPAN_LIT("HTTP/2");
	return request->version_minor ? SPAN_LIT("HTTP/1.1") : SPAN_LIT("HTTP/1.0");
}

/* $header_user_agent, or ${header_user-agent}. */
static bool name_fits(struct span name, struct span asked)
{
	if (name.len != asked.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		int byte = tolower(name.at[i]);
		if (byte != asked.at[i] && !(byte == '-' && asked.at[i] == '_'))
			return false;
	}
	return true;
}

static struct span field_of(const struct facts *facts, const struct http_head *head,
			    struct span name, struct arena *arena)
{
	for (size_t i = 0; head && i < head->n_fields; i++) {
		if (name_fits(head->fields[i].name, name))
			return foreign(facts, head->fields[i].value, arena);
	}
	return SPAN_NONE;
}

static struct span get_header(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	return field_of(facts, facts->request, rest, arena);
}

static struct span get_response_header(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	return field_of(facts, facts->response, rest, arena);
}

/* ---- of its way through us ---------------------------------------------------------------------
 */

static struct span get_node(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	(void)arena;
	return text_of(((const struct facts *)subject)->node);
}

static struct span get_region(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	(void)arena;
	return text_of(((const struct facts *)subject)->region);
}

static struct span get_service(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	(void)arena;
	return text_of(((const struct facts *)subject)->service);
}

static struct span get_pool(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	(void)arena;
	return text_of(((const struct facts *)subject)->pool);
}

static struct span get_origin(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;
	char text[ADDR_TEXT_MAX];

	(void)rest;
	return facts->origin ? printed(arena, addr_text(facts->origin, text)) : SPAN_NONE;
}

static struct span get_cache_status(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	(void)arena;
	return facts->cache ? text_of(facts->cache) : SPAN_LIT("-");
}

static struct span get_tries(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	return text_of(arena_printf(arena, "%u", ((const struct facts *)subject)->n_tries));
}

static struct span get_reason(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	(void)arena;
	return text_of(reason_word(((const struct facts *)subject)->reason));
}

/* ---- numbers -----------------------------------------------------------------------------------
 */

static struct span get_status(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	return text_of(arena_printf(arena, "%u", ((const struct facts *)subject)->status));
}

static struct span get_request_bytes(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return text_of(arena_printf(arena, "%llu", (unsigned long long)facts->request_body_bytes));
}

static struct span get_response_bytes(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return text_of(arena_printf(arena, "%llu", (unsigned long long)facts->response_body_bytes));
}

static struct span ms_of(struct arena *arena, int64_t us)
{
	return text_of(
		arena_printf(arena, "%lld.%03lld", (long long)(us / 1000), (long long)(us % 1000)));
}

static struct span get_duration_ms(void *subject, struct span rest, struct arena *arena)
{
	(void)rest;
	return ms_of(arena, ((const struct facts *)subject)->duration_us);
}

static struct span get_first_byte_ms(void *subject, struct span rest, struct arena *arena)
{
	const struct facts *facts = subject;

	(void)rest;
	return facts->first_byte_us >= 0 ? ms_of(arena, facts->first_byte_us) : SPAN_LIT("-1");
}

static struct span get_time(void *subject, struct span rest, struct arena *arena)
{
	time_t at = ((const struct facts *)subject)->wall_s;
	struct tm parts;
	char text[64];

	(void)rest;
	if (!gmtime_r(&at, &parts) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		return SPAN_NONE;
	return printed(arena, text);
}

static struct span get_time_log(void *subject, struct span rest, struct arena *arena)
{
	time_t at = ((const struct facts *)subject)->wall_s;
	struct tm parts;
	char text[64];

	(void)rest;
	if (!gmtime_r(&at, &parts) ||
	    strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &parts) == 0)
		return SPAN_NONE;
	return printed(arena, text);
}

/* clang-format off */
const struct var_def edge_vars[] = {
	{ "client_address",       get_client_address,  "the client's IP address; behind trusted proxies, as they say" },
	{ "peer_address",         get_peer_address,    "the IP address that the connection came from" },
	{ "request_id",           get_request_id,      "the request's own number: see `forwarded.request_id`" },
	{ "client_port",          get_client_port,     "the client's port" },
	{ "server_address",       get_server_address,  "our address and port that the client used" },
	{ "tls_version",          get_tls_version,     "TLSv1.3; empty for plain" },
	{ "tls_client_verify",    get_tls_client_verify, "`success` when the client has shown a certificate, else `none`: a bad one ends the handshake" },
	{ "tls_client_subject",   get_tls_client_subject, "of the client's certificate, as in RFC 4514: `CN=alice,O=Example`" },
	{ "tls_client_issuer",    get_tls_client_issuer, "likewise" },
	{ "tls_client_serial",    get_tls_client_serial, "of the client's certificate, in hex" },
	{ "tls_client_fingerprint", get_tls_client_fingerprint, "SHA-256 of the client's certificate, in hex" },
	{ "tls_cipher",           get_tls_cipher,      "the cipher agreed with the client; empty for plain" },
	{ "tls_server_name",      get_tls_server_name, "the name that the client asked for by SNI" },
	{ "method",               get_method,          "GET, POST, …" },
	{ "scheme",               get_scheme,          "http or https: how the client came" },
	{ "host",                 get_host,            "the request's host, lower case, without port" },
	{ "authority",            get_authority,       "the request's host and port as they came" },
	{ "target",               get_target,          "path and query as they came" },
	{ "path",                 get_path,            "the path as it came" },
	{ "query",                get_query,           "what followed the question mark" },
	{ "version",              get_version,         "HTTP/1.1: what the client speaks" },
	{ "header_*",             get_header,          "the first field of that name of the request: $header_user_agent" },
	{ "response_header_*",    get_response_header, "the first field of that name of the response" },
	{ "status",               get_status,          "the status that the client got; 0: none" },
	{ "request_body_bytes",   get_request_bytes,   "bytes of the request's body" },
	{ "response_body_bytes",  get_response_bytes,  "bytes of the response's body" },
	{ "duration_ms",          get_duration_ms,     "from the request's head to the end" },
	{ "first_byte_ms",        get_first_byte_ms,   "from the request's head to the origin's; -1: none came" },
	{ "time",                 get_time,            "2026-01-31T23:59:59Z" },
	{ "time_log",             get_time_log,        "31/Jan/2026:23:59:59 +0000" },
	{ "service",              get_service,         "the service's name" },
	{ "pool",                 get_pool,            "the pool's name" },
	{ "origin",               get_origin,          "the address of the origin that was asked last" },
	{ "cache_status",         get_cache_status,    "of what use the cache was: `hit`, `stale`, `revalidated`, `miss`, `collapsed`, `pass`, `bypass`; `-`: none was asked" },
	{ "tries",                get_tries,           "how many origins were tried" },
	{ "reason",               get_reason,          "why the exchange ended: done, client-gone, …" },
	{ "node",                 get_node,            "this node's name" },
	{ "region",               get_region,          "this node's region" },
	{ 0 },
};
/* clang-format on */
